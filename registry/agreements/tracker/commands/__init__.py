"""Taking agreements over: from a tracker, and from a published list as it changes."""
