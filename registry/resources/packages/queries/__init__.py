"""Queries about packages."""
