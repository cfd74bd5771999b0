"""Metrics over time: shares, quantiles and hours, each with the counts from which it was computed."""
