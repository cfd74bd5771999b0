"""Reserve minimums in the API."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import ByChange
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Code, Reason
from registry.platform.kernel.time import CivilDate, Instant
from registry.resources.minimums.rules import MinimumStatus

MinimumQuantity = Annotated[
    int, Meta(ge=0, le=100_000, description="How many stay at home at least; 0 keeps none from that day on.")
]
MinimumCategory = Annotated[Code, Meta(description="The category that is counted, with all under it.", examples=["k9"])]
LastDay = Annotated[CivilDate | None, Meta(description="The last day; null while it holds.")]


class NewReserveMinimum(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How many of a category your agency keeps at home, from a day on."""

    category: MinimumCategory
    quantity: MinimumQuantity
    effective_on: Annotated[CivilDate, Meta(description="The first day on which it holds.")]
    reason: Reason
    expires_on: LastDay = None


class ReserveMinimumPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A correction of a mistake. What changes from a later day on is another minimum."""

    quantity: MinimumQuantity | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    expires_on: Annotated[CivilDate | None | UnsetType, Meta(description="The last day; null while it holds.")] = UNSET


class ReserveMinimumWithdrawal(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a minimum should never have been."""

    reason: Reason


class ReserveMinimum(Struct, kw_only=True, frozen=True):
    """How many of a category an agency keeps at home, whatever it is asked for."""

    id: UUID
    agency: AgencyReference
    category: MinimumCategory
    quantity: MinimumQuantity
    effective_on: CivilDate
    expires_on: CivilDate | None
    reason: str
    status: MinimumStatus
    withdrawn_at: Instant | None
    withdrawn_reason: str | None
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class ReserveMinimumPage(Struct, kw_only=True, frozen=True):
    """Reserve minimums, what was recorded last first."""

    items: list[ReserveMinimum]
    next_cursor: str | None


class ReserveMinimumQuery(ByChange, kw_only=True, frozen=True):
    """Filters of the reserve minimums."""

    category: Annotated[Code | None, Meta(description="Only of this very category.")] = None
    holds_on: Annotated[CivilDate | None, Meta(description="Only those whose days include this one.")] = None


NEW_RESERVE_MINIMUM_EXAMPLE = {
    "category": "k9",
    "quantity": 1,
    "effective_on": "2026-07-01",
    "reason": "One team stays for calls in the city.",
}
