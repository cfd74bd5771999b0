"""Assets and their search."""
