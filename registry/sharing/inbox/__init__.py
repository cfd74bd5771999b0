"""What waits for a person and an agency, from every room, in one list; it owns no rule of theirs."""
