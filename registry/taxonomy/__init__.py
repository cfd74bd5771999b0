"""The shared words: resource categories and types, purposes, clause headings."""
