"""Requests, policy decisions and loans."""
