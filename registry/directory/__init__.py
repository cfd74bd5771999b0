"""Agencies, and the taxonomy that all agencies share."""
