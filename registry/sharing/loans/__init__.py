"""Loans from reservation to return, and the EDXL-RM messages that report them."""
