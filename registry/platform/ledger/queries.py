"""History: the events about one thing in the order of its versions, whether sealed or not; and what auditors review."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Raw, Struct
from sqlalchemy.engine import Row

from registry.platform.access.principals import Principal, Role
from registry.platform.database.handles import Read
from registry.platform.http.paging import Orders, given
from registry.platform.ledger.schemas import AuditQuery, HistoryQuery, LedgerEvent
from registry.platform.ledger.tables import (
    AUDITED,
    EVERYBODY,
    ledger_archived_segment,
    ledger_event,
    ledger_event_agency,
    ledger_feed,
)

_ORDERS = Orders(HistoryQuery, version=(ledger_event.c.subject_version, ledger_event.c.n))
_CHAIN_ORDERS = Orders(HistoryQuery, version=ledger_event.c.id)
_AGENCY = sa.bindparam("agency_id", type_=ledger_event.c.actor_agency_id.type)
PRIVATE = sa.case(
    (
        sa.and_(ledger_event.c.actor_agency_id == _AGENCY, sa.bindparam("supervisor", type_=sa.Boolean)),
        ledger_event.c.private,
    )
).label("private")
"""Who acted, with which token, from which address: for auditors and administrators of the acting agency, else NULL."""
CONCERNED = sa.or_(
    ledger_event.c.audience != "agencies",
    sa.exists().where(
        ledger_event_agency.c.event_id == ledger_event.c.id,
        ledger_event_agency.c.agency_id == _AGENCY,
        sa.or_(~ledger_event.c.restricted, sa.bindparam("auditor", type_=sa.Boolean)),
    ),
)
"""Events that concern the caller's agency, or everybody."""
_HISTORY = sa.select(ledger_event.c.id, ledger_event.c.canonical, PRIVATE).where(
    ledger_event.c.subject_kind == sa.bindparam("kind"),
    ledger_event.c.subject_id == sa.bindparam("subject_id", type_=ledger_event.c.subject_id.type),
    CONCERNED,
)
_WHOLE = (
    sa.select(ledger_event.c.canonical)
    .where(
        ledger_event.c.subject_kind.in_(sa.bindparam("kinds", expanding=True)),
        ledger_event.c.subject_id.in_(
            sa.bindparam("subject_ids", type_=ledger_event.c.subject_id.type, expanding=True)
        ),
        CONCERNED,
    )
    .order_by(
        *(ledger_event.c[name] for name in ("recorded_at", "subject_kind", "subject_id", "subject_version", "n", "id"))
    )
)
_CHAIN = sa.select(ledger_event.c.id, ledger_event.c.canonical, PRIVATE).where(
    ledger_event.c.subject_kind.in_(sa.bindparam("kinds", expanding=True)),
    ledger_event.c.subject_id.in_(sa.bindparam("subject_ids", type_=ledger_event.c.subject_id.type, expanding=True)),
    CONCERNED,
)
_AUDIT_ORDERS = Orders(AuditQuery, created_at=ledger_event.c.id)
_LAST = (
    sa.select(ledger_event.c.subject_id, ledger_event.c.subject_version, sa.func.max(ledger_event.c.n).label("n"))
    .where(ledger_event.c.subject_id.in_(sa.bindparam("ids", type_=ledger_event.c.subject_id.type, expanding=True)))
    .group_by(ledger_event.c.subject_id, ledger_event.c.subject_version)
    .order_by(ledger_event.c.subject_version)
)
_LAST_ARCHIVED = (
    sa.select(
        *(ledger_archived_segment.c[name] for name in ("tree_size", "last_recorded_at", "kept_by")),
    )
    .order_by(ledger_archived_segment.c.start.desc())
    .limit(1)
)
_LACKING = (
    sa.select(sa.literal(1))
    .select_from(ledger_feed)
    .where(
        ledger_feed.c.agency_id.in_(
            [_AGENCY, sa.bindparam("everybody", type_=ledger_event.c.actor_agency_id.type)],
        ),
        ledger_feed.c.seq >= sa.bindparam("place", type_=sa.BigInteger),
        ledger_feed.c.seq < sa.bindparam("end", type_=sa.BigInteger),
        ~sa.exists().where(ledger_event.c.id == ledger_feed.c.event_id),
    )
    .limit(1)
)
_AUDIT = sa.select(ledger_event.c.id, ledger_event.c.canonical, PRIVATE).where(sa.text(AUDITED), CONCERNED)
_AUDIT_FILTERS = {
    "type": ledger_event.c.type.in_(sa.bindparam("type", expanding=True)),
    "recorded_from": ledger_event.c.recorded_at >= sa.bindparam("recorded_from", type_=ledger_event.c.recorded_at.type),
    "recorded_to": ledger_event.c.recorded_at < sa.bindparam("recorded_to", type_=ledger_event.c.recorded_at.type),
}
# The operator has no auditors of its own; its administrators are the registry's.
_SUPERVISORS = frozenset({Role.AUDITOR, Role.AGENCY_ADMIN, Role.REGISTRY_ADMIN})


class Found(Struct, kw_only=True, frozen=True):
    """A page of events as they are stored, and the agencies that they name.

    `archived_to` is when the newest event was recorded that may be in an archive alone; None while there is no archive.
    """

    archived_to: datetime | None
    events: list[LedgerEvent]
    agency_ids: set[UUID]
    next_cursor: str | None


class LastArchived(Struct, kw_only=True, frozen=True):
    """How many events were archived and dropped, until when they were recorded, and where the archive is asked for."""

    tree_size: int
    last_recorded_at: datetime
    kept_by: str


class _Concerned(Struct, frozen=True):
    agency_ids: list[UUID]


_concerned = msgspec.json.Decoder(_Concerned).decode


@cache
def _page(sort: str, *, after: bool) -> sa.Select[Any]:
    return _ORDERS.page(_HISTORY, sort, after=after)


async def events_about(read: Read, principal: Principal, kind: str, subject_id: UUID, query: HistoryQuery) -> Found:
    """The events about a thing that concern the caller's agency or everybody; restricted ones only for its auditors.

    Who acted, with which token and from which address, is shown only to auditors and administrators of the acting
    agency; for the operator, to the registry's administrators.
    """
    rows = await read.all(
        _page(query.sort, after=query.cursor is not None),
        {
            **_ORDERS.parameters(query),
            "kind": kind,
            "subject_id": subject_id,
            **who_asks(principal),
        },
    )
    kept, next_cursor = _ORDERS.cut(rows, query)
    return await _found(read, kept, next_cursor)


@cache
def _chain_page(sort: str, *, after: bool) -> sa.Select[Any]:
    return _CHAIN_ORDERS.page(_CHAIN, sort, after=after)


async def events_of_chain(
    read: Read, principal: Principal, subjects: Mapping[str, Sequence[UUID]], query: HistoryQuery
) -> Found:
    """As `events_about`, of several things that follow from one another, by their kinds.

    No version orders the events of one thing among those of another: they are in the order in which they were recorded.
    """
    parameters = {
        **_CHAIN_ORDERS.parameters(query),
        "kinds": sorted(subjects),
        "subject_ids": [each for ids in subjects.values() for each in ids],
        **who_asks(principal),
    }
    rows = await read.all(_chain_page(query.sort, after=query.cursor is not None), parameters)
    kept, next_cursor = _CHAIN_ORDERS.cut(rows, query)
    return await _found(read, kept, next_cursor)


async def last_events(read: Read, subject_ids: Sequence[UUID]) -> dict[UUID, tuple[int, int]]:
    """Of each thing the version of its last event, and that event's number among those of the version."""
    if not subject_ids:
        return {}
    rows = await read.all(_LAST, {"ids": [*subject_ids]})
    return {row.subject_id: (row.subject_version, row.n) for row in rows}


@cache
def _audit_page(sort: str, filters: frozenset[str], *, after: bool) -> sa.Select[Any]:
    asked = [_AUDIT_FILTERS[name] for name in sorted(filters)]
    return _AUDIT_ORDERS.page(_AUDIT.where(*asked), sort, after=after)


async def audited_events(read: Read, principal: Principal, query: AuditQuery) -> Found:
    """Refusals, readings and exports that concern the caller's agency; of restricted text only for its auditors."""
    filters = given(query, "type", "recorded_from", "recorded_to")
    rows = await read.all(
        _audit_page(query.sort, frozenset(filters), after=query.cursor is not None),
        {**_AUDIT_ORDERS.parameters(query), **filters, **who_asks(principal)},
    )
    kept, next_cursor = _AUDIT_ORDERS.cut(rows, query)
    return await _found(read, kept, next_cursor)


def who_asks(principal: Principal) -> dict[str, object]:
    """The parameters of `CONCERNED` and `PRIVATE`."""
    return {
        "agency_id": principal.agency_id,
        "auditor": Role.AUDITOR in principal.roles,
        "supervisor": not _SUPERVISORS.isdisjoint(principal.roles),
    }


async def last_archived(read: Read) -> LastArchived | None:
    """Up to where events were archived and dropped from the database; None while none were."""
    rows = await read.fast(_LAST_ARCHIVED)
    if not rows:
        return None
    (row,) = rows
    return LastArchived(tree_size=row.tree_size, last_recorded_at=row.last_recorded_at, kept_by=row.kept_by)


async def lacks_events(read: Read, agency_id: UUID, place: int, archived: LastArchived) -> bool:
    """Whether of what concerns the agency, or everybody, from that place on an event was dropped."""
    asked = {"agency_id": agency_id, "everybody": EVERYBODY, "place": place, "end": archived.tree_size}
    return await read.value(_LACKING, asked) is not None


async def _found(read: Read, rows: Sequence[Row[Any]], next_cursor: str | None) -> Found:
    archived = await last_archived(read)
    return Found(
        archived_to=None if archived is None else archived.last_recorded_at,
        events=cast(list[LedgerEvent], [_as_stored(row.canonical, row.private) for row in rows]),
        agency_ids={each for row in rows for each in _concerned(row.canonical).agency_ids},
        next_cursor=next_cursor,
    )


async def public_parts(read: Read, principal: Principal, subjects: Mapping[UUID, str]) -> tuple[list[Raw], set[UUID]]:
    """Every event about these things (ids with their kinds) that concerns the caller's agency, oldest first.

    Only the public parts, exactly as they were hashed; and the agencies that they name.
    """
    parameters = {
        "subject_ids": list(subjects),
        "kinds": sorted(set(subjects.values())),
        "agency_id": principal.agency_id,
        "auditor": Role.AUDITOR in principal.roles,
    }
    rows = await read.all(_WHOLE, parameters)
    named = {each for row in rows for each in _concerned(row.canonical).agency_ids}
    return [Raw(row.canonical) for row in rows], named


def _as_stored(public: bytes, private: bytes | None) -> Raw:
    """The public part exactly as it was hashed, with the private part, also as hashed, as an additional member."""
    return Raw(public.removesuffix(b"}") + b',"private":' + (private or b"null") + b"}")


_RECORDED = (
    sa.select(sa.literal(1))
    .where(
        ledger_event.c.subject_id == sa.bindparam("subject_id", type_=ledger_event.c.subject_id.type),
        ledger_event.c.type == sa.bindparam("type", type_=sa.Text),
        ledger_event.c.actor_agency_id == sa.bindparam("agency_id", type_=ledger_event.c.actor_agency_id.type),
    )
    .limit(1)
)


async def was_recorded(read: Read, type_: str, subject_id: UUID, agency_id: UUID) -> bool:
    """Whether somebody of the agency did that to the thing, which may be there no more."""
    its = {"subject_id": subject_id, "type": type_, "agency_id": agency_id}
    return await read.value(_RECORDED, its) is not None
