"""Uploaded files: received to disk in chunks, identified, parsed in a separate process, stored by their hash."""
