"""`record()` writes events in the transaction of the change that they describe: without the record, there is no change.

Insertions are deferred to the end of the transaction, where all events of a request are inserted together.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.canonical import canonical
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import format_instant
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.subjects import READ_BY
from registry.platform.ledger.tables import ledger_event, ledger_event_agency, ledger_unsealed

Outcome: TypeAlias = Literal["done", "denied", "failed"]
Audience: TypeAlias = Literal["agencies", "network", "public"]

SALT_BYTES = 16

_INSERT_EVENT = ledger_event.insert()
_INSERT_AGENCY = ledger_event_agency.insert()
_INSERT_UNSEALED = ledger_unsealed.insert()


def keyed_hash(key: bytes, of: UUID, value: str) -> str:
    """A keyed hash that enters the ledger instead of a restricted value of a thing: verifiable only with the key.

    It is of that thing alone: whoever has the same value hashed in a thing of its own cannot compare the two.
    """
    return "hmac-sha256:" + hmac.new(key, of.bytes + value.encode(), hashlib.sha256).hexdigest()


class Event(Struct, kw_only=True, frozen=True):
    """One event about version `subject[2]` of a thing, to be recorded; see `record` for the fields."""

    type: EventType
    subject: tuple[str, UUID, int]
    agencies: Collection[UUID]
    data: Mapping[str, object]
    agreement_id: UUID | None = None
    n: int = 0
    outcome: Outcome = "done"
    audience: Audience = "agencies"
    restricted: bool = False
    occurred_at: datetime | None = None


def record(
    write: Write,
    caller: Caller,
    event_type: EventType,
    *,
    subject: tuple[str, UUID, int],
    agencies: Collection[UUID],
    data: Mapping[str, object],
    agreement_id: UUID | None = None,
    n: int = 0,
    outcome: Outcome = "done",
    audience: Audience = "agencies",
    restricted: bool = False,
    occurred_at: datetime | None = None,
) -> UUID:
    """Record one event about version `subject[2]` of a thing; returns its id.

    `n` distinguishes several events about the same version. The caller's own agency is always concerned; others may
    read the event when they are among `agencies`, or the audience is wider. A restricted event is only for auditors.
    `data` must not contain a person's name, because the ledger is append-only and a leak could never be removed.
    `occurred_at` is when the act was done; by default now. Raises ValueError for a type that is not in the catalogue,
    and for a kind of thing that is not in `subjects`.
    """
    event = Event(
        type=event_type,
        subject=subject,
        agencies=agencies,
        data=data,
        agreement_id=agreement_id,
        n=n,
        outcome=outcome,
        audience=audience,
        restricted=restricted,
        occurred_at=occurred_at,
    )
    (event_id,) = record_many(write, caller, [event])
    return event_id


def record_many(write: Write, caller: Caller, events: Sequence[Event]) -> list[UUID]:
    """Record the events of a bulk change; returns their ids, in the same order."""
    if not events:
        return []
    ids = [new_id() for _ in events]
    concerned = [sorted({*event.agencies, caller.agency_id}) for event in events]
    write.defer(_INSERT_EVENT, [_row(caller, *parts) for parts in zip(ids, events, concerned, strict=True)])
    write.defer(
        _INSERT_AGENCY,
        [
            {"agency_id": agency, "event_id": event_id}
            for event_id, agencies in zip(ids, concerned, strict=True)
            for agency in agencies
        ],
    )
    write.defer(_INSERT_UNSEALED, [{"event_id": event_id} for event_id in ids])
    return ids


def _row(caller: Caller, event_id: UUID, event: Event, concerned: Sequence[UUID]) -> dict[str, object]:
    kind, subject_id, version = event.subject
    if kind not in READ_BY:
        raise ValueError(
            f"`{kind}` is not in registry/platform/ledger/subjects.py, which says who hears of such a thing"
        )
    occurred_at = event.occurred_at or caller.now
    type_ = EventType(event.type).value
    private = _private_part(caller)
    public = {
        "id": event_id,
        "type": type_,
        "subject": {"kind": kind, "id": subject_id, "version": version},
        "n": event.n,
        "agreement_id": event.agreement_id,
        "audience": event.audience,
        "restricted": event.restricted,
        "agency_ids": concerned,
        "actor": {
            "agency_id": caller.agency_id,
            "roles": sorted(role.value for role in caller.principal.roles),
        },
        "occurred_at": format_instant(occurred_at),
        "recorded_at": format_instant(caller.now),
        "trace_id": caller.trace_id,
        "outcome": event.outcome,
        "data": event.data,
        "private_sha256": hashlib.sha256(private).hexdigest(),
    }
    return {
        "id": event_id,
        "type": type_,
        "subject_kind": kind,
        "subject_id": subject_id,
        "subject_version": version,
        "n": event.n,
        "agreement_id": event.agreement_id,
        "audience": event.audience,
        "restricted": event.restricted,
        "actor_agency_id": caller.agency_id,
        "occurred_at": occurred_at,
        "recorded_at": caller.now,
        "outcome": event.outcome,
        "canonical": canonical(public),
        "private": private,
    }


def _private_part(caller: Caller) -> bytes:
    """The acting person, with a salt, without which a hash of the few people and addresses could be guessed.

    How and when the person signed in is there as far as the token said it.
    """
    who = caller.principal
    signed_in: dict[str, object] = {"acr": list(who.acr)} if who.acr else {}
    if who.amr:
        signed_in["amr"] = list(who.amr)
    if who.auth_time is not None:
        signed_in["auth_time"] = format_instant(who.auth_time)
    return canonical(
        {
            "salt": secrets.token_hex(SALT_BYTES),
            "issuer": who.issuer,
            "subject": who.subject,
            "token_id": who.token_id,
            "source_address": caller.source_address,
            **signed_in,
        }
    )


def changes(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """The fields that differ, each as `{"from": …, "to": …}`."""
    return {name: {"from": before.get(name), "to": after[name]} for name in after if before.get(name) != after[name]}
