"""Commands on personnel records, one file for each group of verbs."""
