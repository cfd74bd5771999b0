"""Places of the United States: outlines of states and counties, and names of places with their coordinates."""
