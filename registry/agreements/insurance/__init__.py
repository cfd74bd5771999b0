"""Proof of insurance that an agency shows its partners; here, since who reads all of it follows from agreements."""
