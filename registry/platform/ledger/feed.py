"""What one reader hears of the sealed ledger, in its order: the one rule and query of feed, stream and webhooks.

An event is told to whom it concerns (`queries.CONCERNED`), where the reader may read things of its kind
(`subjects.kinds_told`), while its agency may see the thing at all (`Sights`). It is told thin: what happened to which
thing, when, by which agency. Its `data` may hold what other roles do not read, so it is for those alone who may have
the event proved with all of its parts (`ledger:prove`).

Places are those of the ledger. They are not for readers: between an agency's own events they tell how many are others'
(`places` gives readers cursors).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Protocol
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Raw, Struct
from sqlalchemy.engine import Row

from registry.platform.access.permissions import Action, may_ever
from registry.platform.access.principals import Principal, Role
from registry.platform.database.handles import Read
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.subjects import kinds_told
from registry.platform.ledger.tables import EVERYBODY, ledger_event, ledger_feed

LOOKED_AT_ONCE = 1_000
"""Events of an agency that one question looks through. Where a filter leaves few of them, more questions are asked."""


class FeedReader(Struct, kw_only=True, frozen=True):
    """For whom the feed is read, whether somebody who asks or a subscription."""

    agency_id: UUID
    kinds: frozenset[str]
    auditor: bool
    administrator: bool
    whole: bool
    """Whether it is given the `data` of events, too."""


def reader_for(principal: Principal) -> FeedReader:
    """Whoever has these roles and scopes in this agency."""
    return FeedReader(
        agency_id=principal.agency_id,
        kinds=kinds_told(principal) if may_ever(principal, Action.LEDGER_READ) else frozenset(),
        auditor=Role.AUDITOR in principal.roles,
        administrator=Role.REGISTRY_ADMIN in principal.roles,
        whole=may_ever(principal, Action.LEDGER_PROVE),
    )


class Wanted(Struct, kw_only=True, frozen=True):
    """Which events are asked for: of any of these types, about this thing, under this agreement."""

    types: frozenset[str] = frozenset()
    subject_kind: str | None = None
    subject_id: UUID | None = None
    agreement_id: UUID | None = None


EVERYTHING = Wanted()


def types_named(patterns: Collection[str]) -> frozenset[str]:
    """The types of these names, and of `<thing>.*` all of that thing. Raises KeyError for a name of none."""
    known = [each.value for each in EventType]
    found: set[str] = set()
    for pattern in patterns:
        thing, _, what = pattern.partition(".")
        its = [each for each in known if each == pattern or (what == "*" and each.partition(".")[0] == thing)]
        if not its:
            raise KeyError(pattern)
        found.update(its)
    return frozenset(found)


class See(Protocol):
    """Of things of one kind, those of which the reader's agency may know at this moment."""

    async def __call__(
        self, read: Read, reader: FeedReader, ids: Collection[UUID], now: datetime, /
    ) -> Collection[UUID]:
        """The ids of those."""


class Sights(Struct, frozen=True):
    """What rooms say of who may know of a thing, by its kind: wired by `app`, since the rooms stand above.

    Of things of other kinds those hear that the event concerned. That of `agreement` is asked of every event that names
    one, whatever its subject.
    """

    by_kind: Mapping[str, See] = {}


class Told(Struct, kw_only=True, frozen=True):
    """One event as a reader is told of it; `data` is None where it is told thin."""

    seq: int
    id: UUID
    type: str
    subject_kind: str
    subject_id: UUID
    subject_version: int
    n: int
    agreement_id: UUID | None
    actor_agency_id: UUID | None
    occurred_at: datetime
    recorded_at: datetime
    outcome: str
    data: Raw | None


class Heard(Struct, kw_only=True, frozen=True):
    """Events in their order, the place of the last one that was looked at, and whether there may be more after it."""

    events: list[Told]
    looked_to: int
    more: bool


class _Data(Struct, frozen=True):
    data: Raw


_data_of = msgspec.json.Decoder(_Data).decode
_AFTER = sa.bindparam("after", type_=sa.BigInteger)
_LOOK = sa.bindparam("look", type_=sa.Integer)


def _own(agency_id: sa.ColumnElement[Any]) -> sa.Select[Any]:
    its = (
        sa.select(ledger_feed.c.seq, ledger_feed.c.event_id)
        .where(ledger_feed.c.agency_id == agency_id, ledger_feed.c.seq > _AFTER)
        .order_by(ledger_feed.c.seq)
        .limit(_LOOK)
    )
    return sa.select(its.subquery())


_UUID = ledger_feed.c.agency_id.type
_BOTH = sa.union_all(
    _own(sa.bindparam("agency_id", type_=_UUID)), _own(sa.bindparam("everybody", type_=_UUID))
).subquery("both")
_LOOKED = sa.select(_BOTH.c.seq, _BOTH.c.event_id).order_by(_BOTH.c.seq).limit(_LOOK).cte("looked")
_FILTERS: Mapping[str, Callable[[], sa.ColumnElement[bool]]] = {
    "types": lambda: ledger_event.c.type.in_(sa.bindparam("types", expanding=True)),
    "subject_kind": lambda: ledger_event.c.subject_kind == sa.bindparam("subject_kind"),
    "subject_id": lambda: ledger_event.c.subject_id == sa.bindparam("subject_id", type_=_UUID),
    "agreement_id": lambda: ledger_event.c.agreement_id == sa.bindparam("agreement_id", type_=_UUID),
}
_COLUMNS = tuple(
    ledger_event.c[name]
    for name in (
        "id",
        "type",
        "subject_kind",
        "subject_id",
        "subject_version",
        "n",
        "agreement_id",
        "actor_agency_id",
        "occurred_at",
        "recorded_at",
        "outcome",
    )
)


@cache
def following(filters: frozenset[str], *, whole: bool) -> sa.Select[Any]:
    """Up to `limit` events after the place `after`, among the next `look` that concern the agency; and how far it went.

    One row where there is none of them.
    """
    shown = (
        sa.select(_LOOKED.c.seq, *_COLUMNS, *([ledger_event.c.canonical] if whole else []))
        .join_from(_LOOKED, ledger_event, ledger_event.c.id == _LOOKED.c.event_id)
        .where(
            ledger_event.c.subject_kind.in_(sa.bindparam("kinds", expanding=True)),
            sa.or_(~ledger_event.c.restricted, sa.bindparam("auditor", type_=sa.Boolean)),
            *(_FILTERS[name]() for name in sorted(filters)),
        )
        .order_by(_LOOKED.c.seq)
        .limit(sa.bindparam("limit", type_=sa.Integer))
        .subquery("shown")
    )
    reach = sa.select(sa.func.max(_LOOKED.c.seq).label("last"), sa.func.count().label("looked")).subquery("reach")
    return (
        sa.select(reach.c.last, reach.c.looked, shown)
        .select_from(reach.outerjoin(shown, sa.true()))
        .order_by(shown.c.seq)
    )


async def events_after(
    read: Read,
    reader: FeedReader,
    after: int,
    limit: int,
    *,
    sights: Sights,
    now: datetime,
    wanted: Wanted = EVERYTHING,
) -> Heard:
    """Up to `limit` sealed events behind the place `after`, in their order; -1 is the beginning.

    `looked_to` is where the next question goes on, and never smaller than `after`. With `more` it finds something to
    look at now, although `events` may be empty: a filter left none of those that were looked at, or they are of things
    that the reader's agency sees no more. What is not sealed yet comes behind all that is.
    """
    filters = {name: getattr(wanted, name) for name in _FILTERS if getattr(wanted, name)}
    parameters = {
        **filters,
        "agency_id": reader.agency_id,
        "everybody": EVERYBODY,
        "after": after,
        "look": LOOKED_AT_ONCE,
        "limit": limit,
        "kinds": sorted(reader.kinds),
        "auditor": reader.auditor,
    }
    if "types" in filters:
        parameters["types"] = sorted(wanted.types)
    rows = await read.all(following(frozenset(filters), whole=reader.whole), parameters)
    last, looked = rows[0].last, rows[0].looked
    found = [row for row in rows if row.seq is not None]
    if len(found) == limit:
        looked_to, more = int(found[-1].seq), True
    else:
        looked_to, more = after if last is None else int(last), looked == LOOKED_AT_ONCE
    return Heard(
        events=[_told(row, reader) for row in await _seen(read, reader, found, sights, now)],
        looked_to=looked_to,
        more=more,
    )


async def _seen(
    read: Read, reader: FeedReader, rows: Sequence[Row[Any]], sights: Sights, now: datetime
) -> list[Row[Any]]:
    """Those of the events whose things the reader's agency may know of now."""
    seen: dict[str, Collection[UUID]] = {}
    for kind, see in sights.by_kind.items():
        if ids := {each for row in rows for each in _things(row, kind)}:
            seen[kind] = frozenset(await see(read, reader, ids, now))
    return [row for row in rows if all(its in of for kind, of in seen.items() for its in _things(row, kind))]


def _things(row: Row[Any], kind: str) -> list[UUID]:
    """The things of that kind of which the event tells."""
    its = [row.subject_id] if row.subject_kind == kind else []
    return [*its, row.agreement_id] if kind == "agreement" and row.agreement_id is not None else its


def _told(row: Row[Any], reader: FeedReader) -> Told:
    return Told(
        seq=row.seq,
        id=row.id,
        type=row.type,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        subject_version=row.subject_version,
        n=row.n,
        agreement_id=row.agreement_id,
        actor_agency_id=row.actor_agency_id,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        outcome=row.outcome,
        data=_data_of(row.canonical).data if reader.whole else None,
    )
