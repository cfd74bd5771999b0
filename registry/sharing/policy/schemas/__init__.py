"""Decisions and policy sets on the wire."""
