"""Queries about decisions, and collection of the facts for one."""
