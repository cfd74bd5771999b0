"""Past loans on the wire."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct
from msgspec.structs import fields

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import SORT, Changing, ChangingSort, Ids
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import NAME_PATTERN, Code, Name, Prose, Reason
from registry.platform.kernel.time import Instant, Window
from registry.resources.assets.rules import Grade
from registry.sharing.loans.rules import Side
from registry.sharing.past_loans.rules import PastLoanOutcome, PastLoanStatus

OwnNumber = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=60,
        pattern=NAME_PATTERN,
        description="The number that the agency has for it that took it over.",
        examples=["2023-118"],
    ),
]


class NewPastLoan(Struct, kw_only=True, frozen=True):
    """What a row of an import says of a past loan, besides its number, its sides and when it was."""

    asset_name: Name | None = None
    asset_tag: Annotated[str, Meta(min_length=1, max_length=60, pattern=NAME_PATTERN)] | None = None
    category: Code | None = None
    quantity: Annotated[int, Meta(ge=1, le=100_000)] = 1
    used_minutes: Annotated[int, Meta(ge=0, le=87_600 * 60)] | None = None
    agreement_number: Annotated[str, Meta(min_length=1, max_length=60, pattern=NAME_PATTERN)] | None = None
    outcome: PastLoanOutcome = PastLoanOutcome.RETURNED
    condition: Grade | None = None
    remark: Prose | None = None


class PastLoanPatch(Struct, kw_only=True, frozen=True):
    """The same of one that is known; what is left out stays."""

    asset_name: Name | UnsetType = UNSET
    asset_tag: Annotated[str, Meta(min_length=1, max_length=60, pattern=NAME_PATTERN)] | UnsetType = UNSET
    category: Code | UnsetType = UNSET
    quantity: Annotated[int, Meta(ge=1, le=100_000)] | UnsetType = UNSET
    used_minutes: Annotated[int, Meta(ge=0, le=87_600 * 60)] | UnsetType = UNSET
    agreement_number: Annotated[str, Meta(min_length=1, max_length=60, pattern=NAME_PATTERN)] | UnsetType = UNSET
    outcome: PastLoanOutcome | UnsetType = UNSET
    condition: Grade | UnsetType = UNSET
    remark: Prose | UnsetType = UNSET


class PastLoan(Struct, kw_only=True, frozen=True):
    """A loan of before, as one of its sides has it in its records. Both sides see all of it."""

    id: UUID
    number: OwnNumber
    taken_over_by: Annotated[AgencyReference, Meta(description="Whose word it is.")]
    taken_over_at: Annotated[Instant, Meta(description="When it was put on record here.")]
    requesting_agency: AgencyReference
    assisting_agency: AgencyReference
    asset_id: Annotated[
        UUID | None, Meta(description="The asset on record, where the agency that lent it says so by its own number.")
    ]
    asset_tag: Annotated[str | None, Meta(description="The lender's own number of what was lent.")]
    asset_name: Annotated[str, Meta(description="What was lent, in words.")]
    category: str | None
    quantity: int
    used_minutes: Annotated[int | None, Meta(description="How long it was used; null where that is not said.")]
    window: Window
    agreement_id: Annotated[UUID | None, Meta(description="The agreement on record that has this number.")]
    agreement_number: Annotated[str | None, Meta(description="Under which agreement, as the agency has it.")]
    outcome: PastLoanOutcome
    condition: Annotated[Grade | None, Meta(description="In which it came back.")]
    remark: Annotated[str | None, Meta(description="What else its record says.")]
    status: PastLoanStatus
    contested_at: Annotated[Instant | None, Meta(description="When the other agency last contested it.")]
    contested_reason: Annotated[str | None, Meta(description="Why, in the words of the other agency.")]
    withdrawn_at: Annotated[Instant | None, Meta(description="When the agency took its word back.")]
    withdrawn_reason: Annotated[str | None, Meta(description="Why.")]
    allowed_actions: list[AllowedAction]
    version: int
    updated_at: Instant


PastLoanRow = defstruct(
    "PastLoanRow", [(each.name, each.type) for each in fields(PastLoan) if each.name != "allowed_actions"]
)
"""A past loan as a row of a file, which offers nothing."""


class PastLoanPage(Struct, kw_only=True, frozen=True):
    """A page of past loans in which the caller's agency is a side."""

    items: list[PastLoan]
    next_cursor: str | None


class PastLoanQuery(Changing, kw_only=True, frozen=True):
    """Filters of the past loans."""

    sort: Annotated[Literal[ChangingSort, "starts_at", "-starts_at"], SORT] = "-created_at"
    status: Annotated[tuple[PastLoanStatus, ...], Meta(description="Any of these.")] = ()
    outcome: Annotated[tuple[PastLoanOutcome, ...], Meta(description="Any of these.")] = ()
    side: Annotated[Side | None, Meta(description="Only those in which your agency is this side.")] = None
    partner_id: Annotated[UUID | None, Meta(description="The agency on the other side.")] = None
    taken_over_by: Annotated[UUID | None, Meta(description="Only what this agency took over.")] = None
    asset_id: UUID | None = None
    agreement_id: UUID | None = None
    category: Annotated[Code | None, Meta(description="Of this category itself.")] = None
    window_from: Annotated[Instant | None, Meta(description="Ending after this instant.")] = None
    window_to: Annotated[Instant | None, Meta(description="Beginning before then.")] = None
    ids: Ids = ()


class PastLoanContest(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the other side says that it was not so."""

    reason: Reason


class PastLoanWithdrawal(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the agency takes its word back."""

    reason: Reason


class PastLoanNote(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why it is contested no more; kept in the history."""

    note: Reason | None = None
