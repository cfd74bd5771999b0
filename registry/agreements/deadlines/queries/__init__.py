"""The list of deadlines, and the records that deadlines are derived from."""
