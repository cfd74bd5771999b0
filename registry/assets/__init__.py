"""What can be lent: assets, their search, and what of them is committed when."""
