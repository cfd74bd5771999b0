"""What could fill a line, and in which order to ask for it: a list of assets, with what speaks for and against each.

All that meets the need and is in sight is weighed: whether it may be lent, can be had, when it arrives, what it costs,
who helped whom so far. What is asked of the database does not grow with the number of candidates.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.paging import cut, decode_cursor
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.geo import Location
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import Window
from registry.resources.assets.queries.asking import MOST_KM
from registry.resources.assets.queries.having import Ask, can_be_had, of_asset
from registry.resources.assets.queries.listing import list_assets
from registry.resources.assets.schemas.availability import AskAvailability
from registry.resources.assets.schemas.listing import AssetQuery, AssetSummary
from registry.resources.assets.schemas.shown import AssetReference
from registry.resources.personnel.queries.sending import published_counts
from registry.sharing.loans.queries.getting import took_place
from registry.sharing.loans.tables import loan
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.decisions import Decision, told
from registry.sharing.policy.queries.collecting import Gathered, acting, collect_page
from registry.sharing.policy.queries.layers import with_source
from registry.sharing.policy.rules import OUTCOMES, decide_page
from registry.sharing.requests.queries.acting import side_of
from registry.sharing.requests.queries.getting import request_rows
from registry.sharing.requests.queries.needs import ability_of, need_of
from registry.sharing.requests.rules import LineStatus
from registry.sharing.requests.schemas.candidates import Candidate, CandidatePage, CandidateQuery, Hindrance, RankedBy
from registry.sharing.requests.schemas.needs import CapabilityNeed, CategoryNeed

MOST_WEIGHED: Final = 100
"""Of what meets a need, so many are weighed: around the place of the line those that arrive first, else the newest."""
LOOKED_BACK: Final = timedelta(days=365)
_UNKNOWN: Final = 1e9
_UNKNOWN_COST: Final = 2.0**53
_EVEN: Final = 1_000_000
_KEY: Final = (int, int, int, float, float, float, int, float, str)
_BY: Final[tuple[RankedBy, ...]] = (
    *("outcome", "availability", "people", "arrival", "distance", "cost", "reciprocity", "last_used"),
    "order",
)

_VIEWER = sa.bindparam("viewer", type_=loan.c.id.type)
_OTHERS = sa.bindparam("others", type_=loan.c.id.type, expanding=True)
_BETWEEN = (
    sa.select(
        loan.c.requesting_agency_id,
        loan.c.assisting_agency_id,
        sa.func.count().label("loans"),
    )
    .where(
        took_place(),
        loan.c.reserved_at >= sa.bindparam("looked_back_to", type_=loan.c.reserved_at.type),
        sa.or_(
            sa.and_(loan.c.requesting_agency_id == _VIEWER, loan.c.assisting_agency_id.in_(_OTHERS)),
            sa.and_(loan.c.assisting_agency_id == _VIEWER, loan.c.requesting_agency_id.in_(_OTHERS)),
        ),
    )
    .group_by(loan.c.requesting_agency_id, loan.c.assisting_agency_id)
)
_LAST_USED = (
    sa.select(loan.c.asset_id, sa.func.max(loan.c.dispatched_at, type_=loan.c.dispatched_at.type).label("last_used_at"))
    .where(
        took_place(),
        loan.c.dispatched_at.is_not(None),
        loan.c.requesting_agency_id == _VIEWER,
        loan.c.asset_id.in_(sa.bindparam("asset_ids", type_=loan.c.id.type, expanding=True)),
    )
    .group_by(loan.c.asset_id)
)
_NAMES = sa.select(agency.c.id, agency.c.name).where(agency.c.id.in_(_OTHERS))


class _Weighed(Struct, kw_only=True, frozen=True):
    """An asset with all by which it is ranked."""

    found: AssetSummary
    gathered: Gathered
    decision: Decision
    availability: AskAvailability
    lent: int
    borrowed: int
    last_used_at: datetime | None
    needs_people: bool
    published_count: int | None

    @property
    def key(self) -> tuple[Any, ...]:
        """Its place in the order: what may be lent, then what can be had, then what arrives first …

        Who was helped more often by the agency that asks than it helped comes first, then what was used longest ago.
        """
        cost = self.gathered.facts.ask.estimated_cost_minor
        return (
            OUTCOMES.index(self.decision.outcome),
            0 if self.availability.available else 1,
            self._people,
            _UNKNOWN if self.found.arrival_minutes is None else float(self.found.arrival_minutes),
            _UNKNOWN if self.found.distance_km is None else float(self.found.distance_km),
            _UNKNOWN_COST if cost is None else float(cost),
            _EVEN + self.lent - self.borrowed,
            0.0 if self.last_used_at is None else self.last_used_at.timestamp(),
            str(self.found.id),
        )

    @property
    def _people(self) -> int:
        """Whose agency publishes enough people who can do what is needed comes first, then who publishes any."""
        if not self.needs_people or self.enough_people:
            return 0
        return 2 if self.published_count is None else 1

    @property
    def enough_people(self) -> bool:
        """Whether its agency publishes as many people as are needed."""
        return self.published_count is not None and self.published_count >= self.gathered.facts.ask.quantity


async def list_candidates(
    read: Read, caller: Caller, policies: PolicySet, request_id: UUID, line_id: UUID, query: CandidateQuery
) -> CandidatePage:
    """A page of what could fill the line of the caller's request, the best first.

    Raises NotFound, Forbidden on the other side, and RuleBroken for another list's cursor.
    """
    rows = await request_rows(read, caller.principal, request_id, caller.now)
    row = next((each for each in rows if each.line_id == line_id), None)
    if row is None:
        raise NotFound("request_line")
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    behind = None if query.cursor is None else decode_cursor(query.cursor, _KEY)
    found = await list_assets(read, caller, _asked(row), explained=False)
    weighed = await _weigh(read, caller, policies, row, [each for each in found.items if _others(each, caller)])
    ranked = sorted(weighed, key=lambda each: each.key)
    start = 0 if behind is None else sum(each.key <= behind for each in ranked)
    kept, next_cursor = cut(ranked[start : start + query.limit + 1], query.limit, lambda each: each.key)
    names = {each.id: each.name for each in await _named(read, kept)}
    asked = {
        each.assisting_agency_id
        for each in rows
        if each.fills_no == row.no and each.line_status in (LineStatus.QUEUED, LineStatus.ASKED, LineStatus.OFFERED)
    }
    items = []
    for number, each in enumerate(kept, start):
        before = ranked[number - 1] if number else None
        decision = told(
            await with_source(read, each.decision, each.found.agency_id),
            to_owner=each.found.agency_id == caller.agency_id,
        )
        owner = AgencyReference(id=each.found.agency_id, name=names[each.found.agency_id])
        items.append(_candidate(number + 1, each, before, decision, owner, already=owner.id in asked))
    return CandidatePage(items=items, next_cursor=next_cursor, weighed=len(ranked), more=found.next_cursor is not None)


def _others(found: AssetSummary, caller: Caller) -> bool:
    return found.agency_id != caller.agency_id


def _asked(row: Row[Any]) -> AssetQuery:
    need, place = need_of(row), _place(row)
    return AssetQuery(
        category=row.asked_category if need is None else need.category,
        type_at_least=need.type_at_least if isinstance(need, CategoryNeed) else None,
        attributes=dict(need.attributes) if isinstance(need, CategoryNeed) else {},
        latitude=None if place is None else place.latitude,
        longitude=None if place is None else place.longitude,
        within_km=None if place is None else MOST_KM,
        sort=None if place is None else "arrival",
        limit=MOST_WEIGHED,
    )


def _place(row: Row[Any]) -> Location | None:
    if row.place_latitude is None:
        return None
    return Location(latitude=row.place_latitude, longitude=row.place_longitude)


async def _weigh(
    read: Read, caller: Caller, policies: PolicySet, row: Row[Any], found: Sequence[AssetSummary]
) -> list[_Weighed]:
    window = Window(start=row.starts_at, end=row.ends_at)
    wanted = row.quantity if row.remaining is None else max(int(row.remaining), 1)
    gathered = await collect_page(
        read,
        policies,
        [each.id for each in found],
        quantity=wanted,
        window=window,
        purpose=row.purpose,
        priority=row.priority,
        requesting_agency_id=caller.agency_id,
        principal=acting(caller.principal),
        now=caller.now,
        place=_place(row),
    )
    by_id = {each.asset.id: each for each in gathered}
    decisions = _decided(gathered)
    asks = [Ask(asset=of_asset(each.asset), quantity=each.facts.ask.quantity, window=window) for each in gathered]
    had = dict(zip(by_id, await can_be_had(read, caller.agency_id, asks, caller.now), strict=True))
    owners = sorted({each.agency_id for each in found})
    asked: Mapping[str, object] = {"viewer": caller.agency_id, "others": owners, "asset_ids": [*by_id]}
    between = await read.all(_BETWEEN, {**asked, "looked_back_to": caller.now - LOOKED_BACK}) if owners else ()
    lent = {
        each.assisting_agency_id: int(each.loans) for each in between if each.requesting_agency_id == caller.agency_id
    }
    ours = {
        each.requesting_agency_id: int(each.loans) for each in between if each.assisting_agency_id == caller.agency_id
    }
    need = need_of(row)
    published: dict[UUID, int] = {}
    if isinstance(need, CapabilityNeed):
        published = await published_counts(read, caller.agency_id, await ability_of(read, need), owners, caller.now)
    used = {each.asset_id: each.last_used_at for each in (await read.all(_LAST_USED, asked) if owners else ())}
    return [
        _Weighed(
            found=each,
            gathered=by_id[each.id],
            decision=decisions[each.id],
            availability=had[each.id],
            lent=lent.get(each.agency_id, 0),
            borrowed=ours.get(each.agency_id, 0),
            last_used_at=used.get(each.id),
            needs_people=isinstance(need, CapabilityNeed),
            published_count=published.get(each.agency_id),
        )
        for each in found
        if each.id in by_id
    ]


def _decided(gathered: Sequence[Gathered]) -> dict[UUID, Decision]:
    """The decision on each; those that the same policies decide are asked in one call."""
    together: dict[int, list[Gathered]] = {}
    for each in gathered:
        together.setdefault(id(each.policies), []).append(each)
    return {
        each.asset.id: decision
        for page in together.values()
        for each, decision in zip(page, decide_page([one.facts for one in page], page[0].policies), strict=True)
    }


async def _named(read: Read, kept: Sequence[_Weighed]) -> Sequence[Row[Any]]:
    owners = sorted({each.found.agency_id for each in kept})
    return await read.all(_NAMES, {"others": owners}) if owners else ()


def _candidate(
    rank: int,
    each: _Weighed,
    before: _Weighed | None,
    decision: Decision,
    owner: AgencyReference,
    *,
    already: bool,
) -> Candidate:
    ask = each.gathered.facts.ask
    return Candidate(
        rank=rank,
        ranked_by=_ranked_by(each, before),
        asset=AssetReference(id=each.found.id, name=each.found.name),
        agency=owner,
        category=each.found.category,
        type_level=each.found.type_level,
        quantity=ask.quantity,
        outcome=decision.outcome,
        agreement=decision.agreement,
        reasons=list(decision.reasons),
        availability=each.availability,
        distance_km=each.found.distance_km,
        arrival_minutes=each.found.arrival_minutes,
        estimated_cost=None
        if ask.estimated_cost_minor is None
        else Money.from_minor(ask.estimated_cost_minor, ask.currency),
        published_count=each.published_count,
        loans_from_agency=each.lent,
        loans_to_agency=each.borrowed,
        last_used_at=each.last_used_at,
        asked=already,
        hindrances=_hindrances(each, decision),
    )


def _ranked_by(each: _Weighed, before: _Weighed | None) -> RankedBy:
    """The first respect in which it stands behind the one before it."""
    if before is None:
        return "first"
    return next(by for by, mine, its in zip(_BY, each.key, before.key, strict=True) if mine != its)


def _hindrances(each: _Weighed, decision: Decision) -> list[Hindrance]:
    """What stands in the way, and who can do something about it."""
    found = [Hindrance(kind="approval", said=need.reason, cured_by=need.side) for need in decision.approvals]
    found += [
        Hindrance(kind="denial", said=_sentence(near.explanation), cured_by="both") for near in decision.near_misses
    ]
    if not each.availability.available:
        free, at = each.availability.free_quantity, each.availability.next_free
        when = (
            "When next is not known."
            if at is None
            else f"As many are free for as long from {at:%Y-%m-%d %H:%M} UTC on."
        )
        found.append(Hindrance(kind="availability", said=f"Free then: {free}. {when}", cured_by="assisting"))
    if each.needs_people and not each.enough_people:
        known = "no number" if each.published_count is None else f"at least {each.published_count}"
        said = f"Of people who can do what is needed its agency publishes {known}: ask it."
        found.append(Hindrance(kind="people", said=said, cured_by="assisting"))
    return found


def _sentence(said: str) -> str:
    return f"It {said}." if said.startswith("would ") else said
