"""Metrics on how well sharing works."""
