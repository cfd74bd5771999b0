"""Identifiers: UUIDv7, which sort in order of creation, so that new rows are added at the end of an index."""

from uuid import UUID

import uuid_utils


def new_hex() -> str:
    """A fresh UUIDv7 as 32 hexadecimal digits, for what is only named: a trace."""
    return f"{uuid_utils.uuid7().int:032x}"


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562), as the standard library's type."""
    return UUID(int=uuid_utils.uuid7().int)
