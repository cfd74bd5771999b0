"""From the row of an asset to its representation, as a caller may see it."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, cast

import msgspec
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.taxonomy.funding import explained
from registry.directory.taxonomy.rules import AttributeValue
from registry.platform.access.permissions import Action, Relation, refusal_by
from registry.platform.access.principals import Principal, Role
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import Window, civil_day
from registry.resources.allocations.rules import AllocationStatus
from registry.resources.assets.certifying import CertificationStatus, status_during
from registry.resources.assets.costing import HourlyCost, hourly_cost_on
from registry.resources.assets.queries.columns import SHOWN, decoded, hourly_rate, location
from registry.resources.assets.queries.visibility import relations
from registry.resources.assets.rules import AssetAction, ServiceStatus, withheld
from registry.resources.assets.schemas.shown import (
    AffectedLoan,
    Asset,
    AssetCost,
    CertificationStanding,
    ChangedAsset,
    PackageReference,
)
from registry.resources.assets.schemas.words import Certification, CrewNeed, Identifier, ServiceArea
from registry.resources.rates.queries import read_hourly_rates
from registry.resources.rates.rules import HourlyRate

_OF_OWNER = frozenset({"version", "updated_at", "public_changes", "public_updated_at", "service_reason", "identifiers"})
"""Columns of `SHOWN` that others do not read, or not as they stand."""


class Owner(Struct, kw_only=True, frozen=True):
    """The agency that owns an asset: its name, which day it is there, and its rates by the hour of the asset."""

    name: str
    today: date
    hourly_rates: Sequence[HourlyRate] = ()


def owner_of(row: Row[Any], now: datetime) -> Owner:
    """The owner in a row of `asset_row`."""
    rates = read_hourly_rates(row.hourly_rates)
    return Owner(name=row.agency_name, today=civil_day(now, row.time_zone or "UTC"), hourly_rates=rates)


def as_changed(
    row: Row[Any],
    principal: Principal,
    *,
    owner: Owner,
    committed: bool,
    affected: Sequence[Row[Any]],
    packages: Sequence[PackageReference] = (),
    packages_affected: bool = False,
) -> ChangedAsset:
    """The representation after a change, with the loans from `committed_to` that it concerns.

    `packages` are those that the asset is in; `packages_affected` says that the change concerns them.
    """
    shown = as_asset(row, principal, owner=owner, committed=committed, packages=packages)
    return ChangedAsset(
        **msgspec.structs.asdict(shown),
        affected_loans=affected_loans(affected),
        affected_packages=[*packages] if packages_affected else [],
    )


def affected_loans(rows: Sequence[Row[Any]]) -> list[AffectedLoan]:
    """The loans of these rows, from `committed_to`."""
    return [
        AffectedLoan(
            loan_id=each.loan_id,
            requesting_agency=AgencyReference(id=each.requesting_agency_id, name=each.requesting_agency_name),
            quantity=each.quantity,
            window=Window(start=each.starts_at, end=each.ends_at),
            out=each.status == AllocationStatus.OUT,
        )
        for each in rows
    ]


def as_asset(
    row: Row[Any],
    principal: Principal,
    *,
    owner: Owner,
    committed: bool,
    borrowed: bool = False,
    packages: Sequence[PackageReference] = (),
) -> Asset:
    """The representation of a row, with the owner's name and the caller's allowed actions.

    `packages` are those with the asset that the caller sees. `borrowed` says that the caller's agency has it reserved
    or out. Stored JSON is sent unchanged where all see it.
    """
    status, own = ServiceStatus(row.service_status), row.agency_id == principal.agency_id
    related = frozenset(relations(principal, row.agency_id))
    return Asset(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=owner.name),
        category=row.category,
        name=row.name,
        description=row.description,
        tag=row.tag,
        type_level=row.type_level,
        capacity=row.capacity,
        sharing=row.sharing,
        service_status=status,
        service_changed_at=row.service_changed_at,
        service_reason=row.service_reason if own else None,
        location=location(row.latitude, row.longitude),
        home_base=row.home_base,
        home_location=location(row.home_latitude, row.home_longitude),
        service_area=cast("ServiceArea | None", row.service_area),
        identifiers=identifiers_in(row, privy=borrowed or own),
        condition=row.condition,
        crew=cast(list[CrewNeed], row.crew),
        mobilisation_minutes=row.mobilisation_minutes,
        turnaround_minutes=row.turnaround_minutes,
        hourly_rate=hourly_rate(row.hourly_rate_minor, row.currency),
        hourly_cost=_cost(hourly_cost_on(owner.hourly_rates, row.hourly_rate_minor, row.currency, owner.today)),
        funding=cast(list[str], row.funding),
        funding_sources=explained(decoded(row.funding, list[str])),
        certification_required=bool(row.certification_required),
        certifications=cast(list[Certification], row.certifications),
        certification_statuses=certified_during(
            decoded(row.certifications, list[Certification]), owner.today, owner.today
        ),
        attributes=cast(dict[str, AttributeValue], row.attributes),
        packages=[*packages],
        allowed_actions=[*_allowed(principal.roles, principal.scopes, related, status, committed=committed)],
        version=version_in(row, own=own),
        created_at=row.created_at,
        updated_at=updated_at_in(row, own=own),
    )


def identifiers_in(row: Row[Any], *, privy: bool) -> list[Identifier]:
    """The identifiers of a row that a caller sees; `privy` for its owner, and for who has it reserved or out."""
    every: list[Identifier] = decoded(row.identifiers, list[Identifier])
    return [each for each in every if privy or each.public]


def version_in(row: Row[Any], *, own: bool) -> int:
    """The version in a row as its owner is given it, or everybody else: who has it borrowed included."""
    found: int = row.version if own else row.public_changes
    return found


def updated_at_in(row: Row[Any], *, own: bool) -> datetime:
    """As `version_in`, when it was changed."""
    found: datetime = row.updated_at if own else row.public_updated_at
    return found


def read_by_others(row: Row[Any]) -> list[object]:
    """What others than the owner read in a row of `SHOWN`, to be compared before and after an edit."""
    columns = [row._mapping[column.name] for column in SHOWN if column.name not in _OF_OWNER]
    return [*columns, identifiers_in(row, privy=False)]


def certified_during(certifications: Iterable[Certification], first: date, last: date) -> list[CertificationStanding]:
    """How each code stands from the first day to the last: of several with one code the best counts."""
    standing: dict[str, CertificationStatus] = {}
    for each in certifications:
        status = status_during(each, first, last)
        standing[each.code] = max(standing.get(each.code, status), status, key=list(CertificationStatus).index)
    return [CertificationStanding(code=code, status=status) for code, status in standing.items()]


# An agency's people are few kinds, and its assets in few states.
@lru_cache(maxsize=1_024)
def _allowed(
    roles: frozenset[Role],
    scopes: frozenset[str],
    related: frozenset[Relation],
    status: ServiceStatus,
    *,
    committed: bool,
) -> tuple[AllowedAction, ...]:
    def may(action: Action) -> bool:
        return refusal_by(roles, scopes, action, related) is None

    retired = "The asset is retired." if status is ServiceStatus.RETIRED else None
    edits = {"update": Action.ASSETS_UPDATE, "move": Action.ASSETS_MOVE}
    return (
        *(offer(name, withheld=retired) for name, action in edits.items() if may(action)),
        *(
            offer(action, withheld=withheld(status, action, committed=committed))
            for action in AssetAction
            if may(permission_for(action))
        ),
    )


def permission_for(action: AssetAction) -> Action:
    """The permission that a change of the service status needs: retiring is for good."""
    return Action.ASSETS_UPDATE if action is AssetAction.RETIRE else Action.ASSETS_SERVE


def _cost(found: HourlyCost | None) -> AssetCost | None:
    if found is None:
        return None
    return AssetCost(
        amount=Money.from_minor(found.amount_minor, found.currency),
        stated_in=found.stated_in,
        effective_on=found.effective_on,
        expires_on=found.expires_on,
    )
