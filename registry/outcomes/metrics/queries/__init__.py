"""Queries for scores, and for the rows from which they are computed."""
