"""Scripts that make data which comes with the release, from public sources; each is run by hand, and seldom."""
