"""Who takes part: agencies, what identifies them, and the public lists they are imported from."""
