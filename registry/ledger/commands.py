"""`record()`: facts, written in the transaction of the change they tell of. No record, no change."""

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

from registry.access.principals import Caller
from registry.database.handles import Write
from registry.kernel.ids import new_id
from registry.kernel.time import format_instant
from registry.ledger.tables import ledger_event, ledger_event_agency, ledger_unsealed

Outcome: TypeAlias = Literal["done", "denied", "failed"]
Sensitivity: TypeAlias = Literal["public", "parties", "restricted"]

_INSERT_EVENT = ledger_event.insert()
_INSERT_AGENCY = ledger_event_agency.insert()
_INSERT_UNSEALED = ledger_unsealed.insert()


def canonical(value: object) -> bytes:
    """Canonical JSON as in RFC 8785: members in the order of their names' UTF-16 code units, no white space.

    Raises TypeError for a float, and for an integer beyond ±2**53, whose text form differs between implementations.
    """
    return msgspec.json.encode(_ordered(msgspec.to_builtins(value, str_keys=True, order="deterministic")))


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        names = sorted(value) if all(map(str.isascii, value)) else sorted(value, key=lambda n: n.encode("utf-16-be"))
        return {name: _ordered(value[name]) for name in names}
    if isinstance(value, list | tuple):
        return [_ordered(inner) for inner in value]
    if isinstance(value, float) or (isinstance(value, int) and abs(value) >= 2**53):
        raise TypeError("the ledger holds no floats, and no integer that a float could not hold exactly")
    return value


def keyed_hash(key: bytes, value: str) -> str:
    """What enters the ledger in place of a restricted value: provable with the key, telling others nothing."""
    return "hmac-sha256:" + hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


class Event(Struct, kw_only=True, frozen=True):
    """One fact about version `subject[2]` of a thing, on its way into the ledger; see `record` for the fields."""

    type: str
    subject: tuple[str, UUID, int]
    agencies: Collection[UUID]
    data: Mapping[str, object]
    agreement_id: UUID | None = None
    n: int = 0
    outcome: Outcome = "done"
    sensitivity: Sensitivity = "parties"


async def record(
    write: Write,
    caller: Caller,
    event_type: str,
    *,
    subject: tuple[str, UUID, int],
    agencies: Collection[UUID],
    data: Mapping[str, object],
    agreement_id: UUID | None = None,
    n: int = 0,
    outcome: Outcome = "done",
    sensitivity: Sensitivity = "parties",
) -> UUID:
    """Write one event about version `subject[2]` of a thing; its id.

    `n` tells apart several events about the same version. The caller's own agency is always concerned. `data` must
    hold no person's name: append-only means that a leak is for ever.
    """
    event = Event(
        type=event_type,
        subject=subject,
        agencies=agencies,
        data=data,
        agreement_id=agreement_id,
        n=n,
        outcome=outcome,
        sensitivity=sensitivity,
    )
    (event_id,) = await record_many(write, caller, [event])
    return event_id


async def record_many(write: Write, caller: Caller, events: Sequence[Event]) -> list[UUID]:
    """Write the events of a bulk change, three statements in all; their ids, in the same order."""
    if not events:
        return []
    ids = [new_id() for _ in events]
    concerned = [sorted({*event.agencies, caller.agency_id}) for event in events]
    await write.run_fast(
        _INSERT_EVENT,
        [_row(caller, *parts) for parts in zip(ids, events, concerned, strict=True)],
    )
    await write.run_fast(
        _INSERT_AGENCY,
        [
            {"agency_id": agency, "event_id": event_id}
            for event_id, agencies in zip(ids, concerned, strict=True)
            for agency in agencies
        ],
    )
    await write.run_fast(_INSERT_UNSEALED, [{"event_id": event_id} for event_id in ids])
    return ids


def _row(caller: Caller, event_id: UUID, event: Event, concerned: Sequence[UUID]) -> dict[str, object]:
    kind, subject_id, version = event.subject
    document = {
        "id": str(event_id),
        "type": event.type,
        "subject": {"kind": kind, "id": str(subject_id), "version": version},
        "agreement_id": None if event.agreement_id is None else str(event.agreement_id),
        "agency_ids": [str(agency) for agency in concerned],
        "actor": {
            "subject": caller.principal.subject,
            "agency_id": str(caller.agency_id),
            "roles": sorted(role.value for role in caller.principal.roles),
            "token_id": caller.principal.token_id,
        },
        "occurred_at": format_instant(caller.now),
        "request_id": caller.request_id,
        "source_address": caller.source_address,
        "outcome": event.outcome,
        "sensitivity": event.sensitivity,
        "data": event.data,
    }
    return {
        "id": event_id,
        "type": event.type,
        "subject_kind": kind,
        "subject_id": subject_id,
        "subject_version": version,
        "n": event.n,
        "agreement_id": event.agreement_id,
        "occurred_at": caller.now,
        "outcome": event.outcome,
        "sensitivity": event.sensitivity,
        "canonical": canonical(document),
    }


def changes(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """The fields that differ, each as `{"from": …, "to": …}`."""
    return {name: {"from": before.get(name), "to": after[name]} for name in after if before.get(name) != after[name]}
