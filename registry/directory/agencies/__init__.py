"""Agencies, their identifiers, and the public lists from which they are imported."""
