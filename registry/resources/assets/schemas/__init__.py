"""Assets on the wire."""
