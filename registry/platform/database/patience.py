"""How long others are waited for, before whoever asked is refused.

The time limits of a PostgreSQL server do nothing for a server that stands still, or for a pooler that keeps a
statement until it has a server again.
"""

CONNECT_SECONDS = 4.0
BEGIN_SECONDS = 4.0
"""To begin a transaction takes a server no time: behind a pooler it is the wait for a server."""
ANSWER_SECONDS = 11.0
"""A little longer than `statement_timeout`, so that a server that lives says by itself what took too long."""
MIGRATION_SECONDS = 120
"""Another process that brings the same database up to date is waited for."""


def no_answer(waited_for: str, seconds: float) -> TimeoutError:
    """The cause to be told, since the driver's says neither what was waited for nor how long."""
    return TimeoutError(f"{waited_for} within {seconds:.0f} s")
