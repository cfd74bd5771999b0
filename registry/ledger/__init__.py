"""The append-only record of what happened; audit, history, feed and metrics read it, and none has a second truth."""
