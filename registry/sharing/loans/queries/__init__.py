"""Queries about loans."""
