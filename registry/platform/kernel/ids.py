"""Identifiers: UUIDv7, which sort in order of creation, so that new rows are added at the end of an index."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562), as the standard library's type."""
    return UUID(int=uuid_utils.uuid7().int)
