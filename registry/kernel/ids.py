"""Identifiers: UUIDv7, so that rows made later sort later and inserts stay at the right edge of an index."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562), as the standard library's type."""
    return UUID(int=uuid_utils.uuid7().int)
