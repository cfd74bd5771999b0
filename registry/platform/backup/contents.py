"""The documents that a database names, and whether a store has their bytes."""

import hashlib
from collections.abc import AsyncIterable
from typing import TypeAlias

import sqlalchemy as sa
from msgspec import Struct
from obstore.exceptions import NotFoundError
from sqlalchemy.engine import Connection

from registry.platform.files.store import FileStore
from registry.platform.kernel.errors import Busy

Named: TypeAlias = sa.Select[tuple[str, int]]
"""Selects `sha256` and `size_bytes` of all content that something in the database refers to."""


class Content(Struct, kw_only=True, frozen=True):
    """One document's bytes, by hash and size."""

    sha256: str
    size_bytes: int


class UnsoundContentError(Exception):
    """A document is missing, or its bytes are not those of its hash; the message says which."""


def named_contents(connection: Connection, named: Named) -> list[Content]:
    """All content that the database refers to, in the order of the hashes."""
    rows = connection.execute(named).all()
    return sorted((Content(sha256=row.sha256, size_bytes=row.size_bytes) for row in rows), key=lambda c: c.sha256)


async def checked_bytes(store: FileStore, content: Content) -> AsyncIterable[bytes]:
    """The bytes in the store. Raises UnsoundContentError at their end when they are others, Busy without the store."""
    digest, size = hashlib.sha256(), 0
    try:
        chunks = await store.open(content.sha256)
    except Busy as error:
        if isinstance(error.__cause__, FileNotFoundError | NotFoundError):
            raise UnsoundContentError(f"document {content.sha256} is missing") from None
        raise
    try:
        async for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            yield chunk
    except OSError as error:
        raise UnsoundContentError(f"document {content.sha256} cannot be read: {error.strerror or error}") from None
    if (digest.hexdigest(), size) != (content.sha256, content.size_bytes):
        raise UnsoundContentError(f"document {content.sha256} is damaged: its bytes have another hash or size")


async def fault_of(store: FileStore, content: Content) -> str | None:
    """What is wrong with a document in the store; None when it is whole. Raises Busy when the store does not answer."""
    try:
        async for _ in checked_bytes(store, content):
            pass
    except UnsoundContentError as fault:
        return str(fault)
    return None
