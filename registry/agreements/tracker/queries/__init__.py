"""What the registry remembers of trackers and lists, and how their agreements stand here."""
