"""The append-only record of events. Audit, history, feed and metrics all read it."""
