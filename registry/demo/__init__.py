"""The demonstration: the main process over HTTP against a real server, from a signed agreement to its scorecard.

The imported agencies are real and public; the agencies that act are invented, because their agreements and loans are.
"""
