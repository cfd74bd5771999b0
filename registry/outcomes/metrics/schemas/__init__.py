"""Metrics in the API: every figure with the counts from which it was computed."""
