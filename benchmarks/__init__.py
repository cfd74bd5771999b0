"""Measures the service beside what an agency's engineers would otherwise write; see README.md."""
