"""How many of a category an agency keeps at home, whatever it is asked for."""
