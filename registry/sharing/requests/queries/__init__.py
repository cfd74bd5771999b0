"""Queries about requests: one, the list, and their status."""
