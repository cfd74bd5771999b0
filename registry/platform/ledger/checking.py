"""The state of the whole ledger in two figures, and whether an event is what its bytes say.

`sha256` stands for all that was recorded, sealed or not: of each event in the order of their ids, the id's 16 bytes,
then the SHA-256 of the public part and that of the private one. Both databases give the same. Whoever wrote the figures
down sees from them whether an event was changed, taken away or put between.
"""

import hashlib
from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection, Row

from registry.platform.kernel.canonical import canonical
from registry.platform.ledger.schemas import PublicPart
from registry.platform.ledger.tables import ledger_event

AT_ONCE = 2_000
"""Rows that are read at once: with them a few megabytes of memory, however long the ledger is."""
_PAGE = (
    sa.select(ledger_event.c.id, ledger_event.c.canonical, ledger_event.c.private)
    .order_by(ledger_event.c.id)
    .limit(AT_ONCE)
)
_AFTER = _PAGE.where(ledger_event.c.id > sa.bindparam("after", type_=ledger_event.c.id.type))
_decode = msgspec.json.Decoder(PublicPart).decode


class LedgerState(Struct, kw_only=True, frozen=True):
    """How many events there are, and the digest of all of them."""

    events: int
    sha256: str


def ledger_state(connection: Connection) -> LedgerState:
    """The state of the ledger that the connection sees."""
    digest, events, after = hashlib.sha256(), 0, None
    while True:
        rows = connection.execute(_PAGE if after is None else _AFTER, None if after is None else {"after": after}).all()
        for row in rows:
            events += 1
            digest.update(row.id.bytes + hashlib.sha256(row.canonical).digest() + hashlib.sha256(row.private).digest())
        if len(rows) < AT_ONCE:
            return LedgerState(events=events, sha256=digest.hexdigest())
        after = rows[-1].id


def fault_of(row: Row[Any], agencies: Collection[UUID]) -> str | None:
    """Where an event's row, or its rows of agencies, say something else than its public part; None where nowhere."""
    try:
        event = _decode(row.canonical)
    except msgspec.DecodeError:
        return "cannot be read"
    if canonical(msgspec.json.decode(row.canonical)) != row.canonical:
        return "is not written canonically"
    said = {
        "id": event.id,
        "type": event.type,
        "subject_kind": event.subject.kind,
        "subject_id": event.subject.id,
        "subject_version": event.subject.version,
        "n": event.n,
        "agreement_id": event.agreement_id,
        "audience": event.audience,
        "restricted": event.restricted,
        "actor_agency_id": event.actor.agency_id,
        "occurred_at": event.occurred_at,
        "recorded_at": event.recorded_at,
        "outcome": event.outcome,
    }
    if wrong := [name for name, value in said.items() if getattr(row, name) != value]:
        return f"says something else than its columns ({', '.join(wrong)})"
    if sorted(agencies) != sorted(event.agency_ids):
        return "concerns other agencies than its rows say"
    if hashlib.sha256(row.private).hexdigest() != event.private_sha256:
        return "has another private part than was recorded"
    return None
