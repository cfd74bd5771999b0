"""Loans in the API."""
