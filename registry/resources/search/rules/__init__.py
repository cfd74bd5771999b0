"""The grammar of search: pure functions from a sentence and data to what is meant."""
