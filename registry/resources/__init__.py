"""Assets that can be lent, and when they are free."""
