"""Commands on the taxonomy: what comes with the release, and the categories that agencies add."""
