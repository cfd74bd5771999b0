"""Requests and their lines, from the draft until they are filled or withdrawn."""
