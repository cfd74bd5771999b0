"""Allocations: which quantity of an asset is committed to which loan, and when."""
