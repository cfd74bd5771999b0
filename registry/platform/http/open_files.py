"""How many files and connections the process may have open: as many as the system lets it raise by itself.

Each client's connection is an open file. The soft limit that most systems start a process with (1,024) is less than the
clients that may be connected at once, and a process at its limit can take no further connection.
"""

import resource
import sys
from typing import Final

from registry.platform.http.waiting import MOST
from registry.platform.settings import Settings

OWN: Final = 256
"""For the database's files, documents, imports and what the libraries keep open."""


def raise_limit() -> int:
    """Raise the soft limit to the hard one; the limit that holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # some systems have a limit beside the hard one, and refuse what passes it
        return _count(soft)
    return _count(hard)


def limit() -> int:
    """The limit that holds now."""
    return _count(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def allowed() -> int:
    """The limit that holds once it has been raised."""
    return _count(resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def needed(settings: Settings) -> int:
    """What the settings let be open at once.

    Requests that are worked on, bodies that are awaited, and connections to the database.
    """
    return settings.max_in_flight + MOST + 2 * settings.database_pool + OWN


def _count(given: int) -> int:
    return sys.maxsize if given == resource.RLIM_INFINITY else given
