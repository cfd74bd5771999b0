"""Queries about personnel records."""
