"""Rates in the API."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import ByChange, Ids
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import NAME_PATTERN, Citation, Code, Name
from registry.platform.kernel.time import CivilDate, Instant
from registry.resources.rates.rules import RateBasis

CostCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        pattern=NAME_PATTERN,
        description="The schedule's own number for the equipment.",
        examples=["8010"],
    ),
]
PersonnelClass = Annotated[Code, Meta(description="Which class of personnel, with the basis `personnel_hour`.")]


class NewRate(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A rate of your own agency, for all it lends, for equipment of a kind, or for one asset."""

    basis: RateBasis
    amount: Money
    effective_on: Annotated[CivilDate, Meta(description="The first day on which it holds.")]
    source: Annotated[Citation, Meta(description="What says so: a schedule, a resolution, an order.")]
    expires_on: Annotated[CivilDate | None, Meta(description="The last day; null while it holds.")] = None
    asset_id: Annotated[UUID | None, Meta(description="For this asset alone.")] = None
    personnel_class: PersonnelClass | None = None
    cost_code: CostCode | None = None
    equipment: Name | None = None
    specification: Name | None = None
    equipment_capacity: Name | None = None
    horsepower: Name | None = None


class RatePatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A correction of a mistake. What changes from a later day on is another rate."""

    amount: Money | UnsetType = UNSET
    expires_on: Annotated[CivilDate | None | UnsetType, Meta(description="The last day; null while it holds.")] = UNSET
    source: Citation | UnsetType = UNSET
    equipment: Name | None | UnsetType = UNSET
    specification: Name | None | UnsetType = UNSET
    equipment_capacity: Name | None | UnsetType = UNSET
    horsepower: Name | None | UnsetType = UNSET


class Rate(Struct, kw_only=True, frozen=True):
    """What lending costs, by the hour, day or mile."""

    id: UUID
    agency: AgencyReference
    asset_id: UUID | None
    basis: RateBasis
    personnel_class: str | None
    cost_code: str | None
    equipment: str | None
    specification: str | None
    equipment_capacity: str | None
    horsepower: str | None
    amount: Money
    effective_on: CivilDate
    expires_on: CivilDate | None
    source: str
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class RatePage(Struct, kw_only=True, frozen=True):
    """Rates, what was recorded last first."""

    items: list[Rate]
    next_cursor: str | None


class RateQuery(ByChange, kw_only=True, frozen=True):
    """Filters of the rates."""

    agency_id: UUID | None = None
    asset_id: UUID | None = None
    basis: Annotated[tuple[RateBasis, ...], Meta(description="Any of these.")] = ()
    cost_code: CostCode | None = None
    personnel_class: PersonnelClass | None = None
    holds_on: Annotated[CivilDate | None, Meta(description="Only what holds on this day.")] = None
    ids: Ids = ()


NEW_RATE_EXAMPLE = {
    "basis": "hour",
    "amount": {"amount": "85.00", "currency": "USD"},
    "effective_on": "2026-07-01",
    "source": "Resolution 2026-14 (demo); have counsel review",
    "cost_code": "8010",
    "equipment": "Mobile command post",
    "horsepower": "to 300",
}
