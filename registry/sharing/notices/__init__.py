"""People are told by mail what newly waits for them: how often each wants it, what is told, and that only once."""
