"""The shared taxonomy: resource categories and types, purposes, provision headings."""
