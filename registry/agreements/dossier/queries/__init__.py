"""What stands in the file of an agreement, part by part, as far as its reader may read it."""
