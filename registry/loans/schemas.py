"""Loans on the wire."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.schemas import JobTitle, Sha256
from registry.http.paging import Page
from registry.kernel.actions import AllowedAction
from registry.kernel.money import Money
from registry.kernel.text import NAME_PATTERN, Prose, Reason
from registry.kernel.time import Instant
from registry.loans.rules import LoanState, Side

Grade = Literal["new", "good", "fair", "poor", "damaged"]
ExtensionState = Literal["pending", "accepted", "declined", "lapsed"]
Units = Annotated[int, Meta(ge=1, le=100_000, description="Units of the asset; 1 unless it is a quantity.")]
ReadingName = Annotated[str, Meta(min_length=1, max_length=60, pattern=NAME_PATTERN, examples=["odometer"])]
ReadingValue = Annotated[str, Meta(min_length=1, max_length=120, pattern=NAME_PATTERN, examples=["48210 mi"])]
LoanIds = Annotated[
    str,
    Meta(
        max_length=1849,
        pattern=r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}){0,49}\Z",
        description="Up to 50 loan ids, separated by commas.",
    ),
]


class ConditionReport(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The state in which an asset changed hands: a grade, meter readings, and what proves them."""

    grade: Grade
    note: Prose = ""
    readings: Annotated[dict[ReadingName, ReadingValue], Meta(max_length=40)] = {}
    evidence_sha256: Annotated[list[Sha256], Meta(max_length=50)] = []
    signed_off_by_title: JobTitle | None = None


class Condition(Struct, kw_only=True, frozen=True):
    """A condition report as it was given."""

    grade: Grade
    note: str
    readings: dict[str, str]
    evidence_sha256: list[str]
    signed_off_by_title: str | None


class LoanedAsset(Struct, kw_only=True, frozen=True):
    """The asset as it was when it was reserved; later edits of the asset do not reach here."""

    id: UUID
    name: str
    tag: str
    category: str
    type_level: int | None
    capacity: int
    hourly_rate: Money | None
    funding: list[str]


class LoanExtension(Struct, kw_only=True, frozen=True):
    """More time that was asked for, and what came of it; `lapsed` when the return began before an answer."""

    id: UUID
    until: Instant
    previous_end: Annotated[Instant, Meta(description="The agreed return when this was asked.")]
    reason: str
    state: ExtensionState
    decision_id: Annotated[UUID, Meta(description="How policy decided the longer loan.")]
    asked_at: Instant
    answered_at: Instant | None
    answer_reason: str | None


class Recall(Struct, kw_only=True, frozen=True):
    """The assisting agency wants its asset back."""

    requested_at: Instant
    by: Instant
    reason: str


class LoanSummary(Struct, kw_only=True, frozen=True):
    """A loan in a list."""

    id: UUID
    asset: LoanedAsset
    units: int
    requesting_agency_id: UUID
    assisting_agency_id: UUID
    agreement_id: UUID
    root_decision_id: UUID
    state: LoanState
    overdue: bool
    recall_requested: bool
    extension_pending: bool
    starts_at: Instant
    planned_end_at: Instant
    reserved_at: Instant
    returned_at: Instant | None
    version: int


class LoanPage(Struct, kw_only=True, frozen=True):
    """Loans, by id, which is the order of reservation."""

    items: list[LoanSummary]
    next_cursor: str | None


class Loan(Struct, kw_only=True, frozen=True):
    """An asset committed by one agency to another, from reservation to return; both sides see all of it."""

    id: UUID
    asset: LoanedAsset
    units: int
    requesting_agency_id: UUID
    assisting_agency_id: UUID
    agreement_id: UUID
    agreement_version_id: Annotated[UUID, Meta(description="The version it was made under, kept for ever.")]
    decision_id: Annotated[UUID, Meta(description="The decision at which it was reserved.")]
    root_decision_id: Annotated[UUID, Meta(description="The first decision on what was asked.")]
    purpose: str
    state: LoanState
    overdue: Annotated[bool, Meta(description="Still out although the agreed return has come.")]
    recall_requested: bool
    extension_pending: bool
    starts_at: Instant
    planned_end_at: Annotated[Instant, Meta(description="The agreed return; accepted extensions move it.")]
    requested_at: Instant
    reserved_at: Instant
    dispatched_at: Instant | None
    arrived_at: Instant | None
    return_started_at: Instant | None
    returned_at: Instant | None
    due_when_returned_at: Annotated[Instant | None, Meta(description="The agreed return in force when it came back.")]
    closed_at: Instant | None
    recall: Recall | None
    extensions: list[LoanExtension]
    condition_out: Condition | None
    condition_in: Condition | None
    ended_reason: Annotated[str | None, Meta(description="Why it was cancelled, not begun, or lost.")]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class LoanQuery(Page, kw_only=True, frozen=True):
    """Filters of the loan list."""

    state: LoanState | None = None
    role: Annotated[Side | None, Meta(description="Only loans in which your agency is this side.")] = None
    asset_id: UUID | None = None
    agreement_id: UUID | None = None
    overdue: Annotated[bool | None, Meta(description="Still out although the agreed return has come; or not.")] = None
    ids: LoanIds | None = None


class NewLoan(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A reservation under a decision that permits it. Fewer units may be committed than were asked for."""

    decision_id: UUID
    units: Units | None = None


class LoanStep(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A step that needs no words; a note is kept in the loan's history."""

    note: Reason | None = None


class LoanEnding(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a loan ends before its time."""

    reason: Reason


class ExtensionAsk(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Until when the asset is needed, and why."""

    until: Instant
    reason: Reason


class ExtensionAnswer(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why an extension is declined."""

    reason: Reason


class RecallNotice(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """By when the asset is wanted back, and why."""

    by: Instant
    reason: Reason


RESERVE_EXAMPLE = {"decision_id": "01980000-0000-7000-8000-00000000d001"}
CONDITION_EXAMPLE = {
    "grade": "good",
    "note": "Scratch on the left rear door, as photographed (demo).",
    "readings": {"odometer": "48210 mi", "fuel": "full"},
    "signed_off_by_title": "Fleet sergeant",
}
STEP_EXAMPLE = {"note": "Handed over at the county line (demo)."}
