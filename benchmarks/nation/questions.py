"""What is asked of a nation: the national question, and the ordinary ones that it must not slow down as it grows."""

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from benchmarks.nation.shape import SEED
from registry.agreements.instruments.tables import agreement_party_window
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Caller, Principal, Role
from registry.platform.database.handles import Read
from registry.platform.kernel.time import format_instant
from registry.resources.assets.queries.getting import get_asset
from registry.resources.assets.queries.listing import list_assets
from registry.resources.assets.schemas.listing import AssetQuery
from registry.resources.assets.tables import asset
from registry.resources.personnel.queries.counting import list_capabilities
from registry.resources.personnel.queries.listing import list_records
from registry.resources.personnel.schemas import PersonnelQuery
from registry.resources.personnel.searching import CapabilityQuery
from registry.sharing.loans.queries.listing import list_loans
from registry.sharing.loans.schemas.given import LoanQuery

CATEGORY = "k9.narcotics"
WORDS = "narcotics dog"
WITHIN_KM = 80.0
_PARTIES = (
    sa.select(agency.c.id, agency.c.latitude, agency.c.longitude)
    .where(
        agency.c.status == "active",
        agency.c.latitude.is_not(None),
        agency.c.id.in_(sa.select(agreement_party_window.c.agency_id)),
    )
    .order_by(agency.c.id)
)
_ITS_ASSETS = sa.select(asset.c.id).where(asset.c.agency_id == sa.bindparam("agency_id", type_=asset.c.agency_id.type))


class Case(Struct, kw_only=True, frozen=True):
    """Somebody who asks, from where, and for when."""

    viewer: UUID
    latitude: float
    longitude: float
    start: datetime
    end: datetime
    asset_id: UUID
    now: datetime

    @property
    def caller(self) -> Caller:
        """The viewer's coordinator."""
        principal = Principal(
            subject="coordinator@benchmark",
            agency_id=self.viewer,
            roles=frozenset({Role.COORDINATOR}),
            scopes=frozenset({"*"}),
            token_id="benchmark",
            issuer="benchmark",
        )
        return Caller(principal=principal, now=self.now, trace_id="benchmark")

    def national(self, **asked: Any) -> AssetQuery:
        """The national question, with the category or words that it asks for."""
        return AssetQuery(
            type_at_least=2,
            latitude=self.latitude,
            longitude=self.longitude,
            within_km=WITHIN_KM,
            available_from=self.start,
            available_to=self.end,
            lendable=True,
            **asked,
        )

    @property
    def path(self) -> str:
        """The national question with its category, as it is asked over HTTP."""
        return (
            f"/v1/assets?category={CATEGORY}&type_at_least=2&latitude={self.latitude}&longitude={self.longitude}"
            f"&within_km={WITHIN_KM}&available_from={format_instant(self.start)}"
            f"&available_to={format_instant(self.end)}&lendable=true"
        )


async def draw_cases(read: Read, count: int, now: datetime) -> list[Case]:
    """So many cases for which there is something to lend, unless that is rarer than one in twenty.

    Agencies that are or were under an agreement ask, each for two days in the next five weeks.
    """
    draw = random.Random(f"{SEED} questions")
    parties = await read.all(_PARTIES)
    cases: list[Case] = []
    for number in range(20 * count):
        if len(cases) == count:
            break
        party = draw.choice(parties)
        start = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=draw.randint(24, 24 * 35))
        its = await read.all(_ITS_ASSETS, {"agency_id": party.id})
        if not its:
            continue
        case = Case(
            viewer=party.id,
            latitude=party.latitude,
            longitude=party.longitude,
            start=start,
            end=start + timedelta(hours=48),
            asset_id=draw.choice(its).id,
            now=now,
        )
        if number >= 19 * count or (await list_assets(read, case.caller, case.national(category=CATEGORY))).items:
            cases.append(case)
    return cases


class Question(Struct, frozen=True):
    """An ordinary question, as the service's own query answers it."""

    name: str
    ask: Callable[[Read, Case], Awaitable[Any]]


def _assets(name: str, asked: Callable[[Case], AssetQuery]) -> Question:
    return Question(name, lambda read, case: list_assets(read, case.caller, asked(case)))


ORDINARY: Sequence[Question] = (
    Question("one asset", lambda read, case: get_asset(read, case.caller, case.asset_id)),
    _assets("assets of a category, a page", lambda case: AssetQuery(category="vehicle.patrol")),
    _assets("assets of a group of categories, a page", lambda case: AssetQuery(category="k9")),
    _assets("assets of a category by name", lambda case: AssetQuery(category="vehicle.patrol", sort="name")),
    _assets("assets of the own agency", lambda case: AssetQuery(agency_id=case.viewer)),
    _assets("assets by two words", lambda case: AssetQuery(q=WORDS)),
    _assets("assets that partners lend", lambda case: AssetQuery(lendable=True, category="k9")),
    Question(
        "loans of the own agency",
        lambda read, case: list_loans(read, case.caller.principal, LoanQuery(), case.now),
    ),
    Question("people of the own agency", lambda read, case: list_records(read, case.caller, PersonnelQuery())),
    Question(
        "who speaks Spanish within 80 km",
        lambda read, case: list_capabilities(
            read,
            case.caller,
            CapabilityQuery(
                capability="language.spa", latitude=case.latitude, longitude=case.longitude, within_km=WITHIN_KM
            ),
        ),
    ),
    Question(
        "who speaks Spanish, nationwide",
        lambda read, case: list_capabilities(read, case.caller, CapabilityQuery(capability="language.spa")),
    ),
)
