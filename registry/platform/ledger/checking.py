"""The state of the whole ledger in two figures, and whether each event is what its bytes say.

Until the ledger is sealed, `sha256` stands for it: of each event in the order of their ids, the id's 16 bytes, then
the SHA-256 of the public part and that of the private one. Both databases give the same. Whoever wrote the figures down
sees from them whether an event was changed, taken away or put between.
"""

import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection, Row

from registry.platform.kernel.canonical import canonical
from registry.platform.ledger.schemas import PublicPart
from registry.platform.ledger.tables import ledger_event

_AT_ONCE = 2_000
_MOST = 20
_COLUMNS = tuple(
    ledger_event.c[name]
    for name in ("id", "canonical", "private", "type", "subject_id", "subject_version", "n", "occurred_at")
)
_PAGE = sa.select(*_COLUMNS).order_by(ledger_event.c.id).limit(_AT_ONCE)
_AFTER = _PAGE.where(ledger_event.c.id > sa.bindparam("after", type_=ledger_event.c.id.type))
_decode = msgspec.json.Decoder(PublicPart).decode


class LedgerState(Struct, kw_only=True, frozen=True):
    """How many events there are, and the digest of all of them."""

    events: int
    sha256: str


def ledger_state(connection: Connection) -> LedgerState:
    """The state of the ledger that the connection sees."""
    digest, events = hashlib.sha256(), 0
    for row in _events(connection):
        events += 1
        digest.update(row.id.bytes + hashlib.sha256(row.canonical).digest() + hashlib.sha256(row.private).digest())
    return LedgerState(events=events, sha256=digest.hexdigest())


def faults_of_ledger(connection: Connection) -> list[str]:
    """The first events whose bytes are not what was recorded, one sentence each."""
    found: list[str] = []
    for row in _events(connection):
        if (fault := _fault(row)) is not None:
            found.append(f"ledger: event {row.id} {fault}")
            if len(found) == _MOST:
                return [*found, "… and perhaps more events"]
    return found


def _events(connection: Connection) -> Iterator[Row[Any]]:
    after: UUID | None = None
    while True:
        rows = connection.execute(_PAGE if after is None else _AFTER, None if after is None else {"after": after}).all()
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].id


def _fault(row: Row[Any]) -> str | None:
    try:
        event = _decode(row.canonical)
    except msgspec.DecodeError:
        return "cannot be read"
    if canonical(msgspec.json.decode(row.canonical)) != row.canonical:
        return "is not written canonically"
    said = (event.id, event.type, event.subject.id, event.subject.version, event.n, event.occurred_at)
    if said != (row.id, row.type, row.subject_id, row.subject_version, row.n, row.occurred_at):
        return "says something else than its columns"
    if hashlib.sha256(row.private).hexdigest() != event.private_sha256:
        return "has another private part than was recorded"
    return None
