"""Requests in the API."""
