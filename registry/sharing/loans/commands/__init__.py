"""Commands on loans: reservation, hand-over and return by each side, extension and recall."""
