"""Loans in the API."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.schemas.words import AgreementReference
from registry.directory.agencies.schemas import AgencyReference, SeparationRelaxed
from registry.platform.http.paging import SORT, Ids, Page
from registry.platform.http.searching import Part
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import NAME_PATTERN, JobTitle, Prose, Reason, Sha256
from registry.platform.kernel.time import Instant
from registry.sharing.loans.rules import LoanStatus, Side
from registry.sharing.policy.schemas import IncidentNumber, RequestReference

Grade = Literal["new", "good", "fair", "poor", "damaged"]
ExtensionState = Literal["pending", "accepted", "declined", "lapsed"]
Quantity = Annotated[int, Meta(ge=1, le=100_000, description="How many of the asset are lent.")]
ReadingName = Annotated[str, Meta(min_length=1, max_length=60, pattern=NAME_PATTERN, examples=["odometer"])]
ReadingValue = Annotated[str, Meta(min_length=1, max_length=120, pattern=NAME_PATTERN, examples=["48210 mi"])]


class ConditionReport(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The condition of an asset at a hand-over: a grade, meter readings, and evidence."""

    grade: Grade
    note: Prose = ""
    readings: Annotated[dict[ReadingName, ReadingValue], Meta(max_length=40)] = {}
    evidence_sha256: Annotated[list[Sha256], Meta(max_length=50)] = []
    signed_off_by_title: JobTitle | None = None


class Condition(Struct, kw_only=True, frozen=True):
    """A condition report, as it was given."""

    grade: Grade
    note: str
    readings: dict[str, str]
    evidence_sha256: list[str]
    signed_off_by_title: str | None


class LoanedAsset(Struct, kw_only=True, frozen=True):
    """The asset as it was when it was reserved; later changes of the asset do not affect it."""

    id: UUID
    name: str
    tag: str
    category: str
    type_level: int | None
    capacity: int
    hourly_rate: Money | None
    funding: list[str]


class LoanExtension(Struct, kw_only=True, frozen=True):
    """A requested later return and its answer; `lapsed` when the return began before an answer."""

    id: UUID
    planned_end_at: Instant
    previous_end_at: Annotated[Instant, Meta(description="The agreed return when the extension was requested.")]
    reason: str
    status: ExtensionState
    decision_id: Annotated[UUID, Meta(description="How policy decided the longer loan.")]
    asked_at: Instant
    answered_at: Instant | None
    answer_reason: str | None


class Recall(Struct, kw_only=True, frozen=True):
    """The assisting agency requests its asset back."""

    requested_at: Instant
    by: Instant
    reason: str


class LoanSummary(Struct, kw_only=True, frozen=True):
    """A loan in a list."""

    id: UUID
    asset: LoanedAsset
    quantity: int
    requesting_agency: AgencyReference
    assisting_agency: AgencyReference
    agreement: Annotated[AgreementReference, Meta(description="The version it was made under, kept for ever.")]
    request: Annotated[RequestReference | None, Meta(description="The line of a request that it answers.")]
    root_decision_id: UUID
    status: LoanStatus
    overdue: bool
    recall_requested: bool
    extension_pending: bool
    starts_at: Instant
    planned_end_at: Instant
    reserved_at: Instant
    returned_at: Instant | None
    version: int
    updated_at: Instant


class LoanPage(Struct, kw_only=True, frozen=True):
    """A page of loans in which the caller's agency is a side."""

    items: list[LoanSummary]
    next_cursor: str | None


class Loan(Struct, kw_only=True, frozen=True):
    """An asset committed by one agency to another, from reservation to return; both sides see all of it."""

    id: UUID
    asset: LoanedAsset
    quantity: int
    requesting_agency: AgencyReference
    assisting_agency: AgencyReference
    agreement: Annotated[AgreementReference, Meta(description="The version it was made under, kept for ever.")]
    request: Annotated[RequestReference | None, Meta(description="The line of a request that it answers.")]
    decision_id: Annotated[UUID, Meta(description="The decision at which it was reserved.")]
    root_decision_id: Annotated[UUID, Meta(description="The first decision on what was asked.")]
    purpose: str
    status: LoanStatus
    overdue: Annotated[bool, Meta(description="Still out although the agreed return has come.")]
    recall_requested: bool
    extension_pending: bool
    starts_at: Instant
    planned_end_at: Annotated[Instant, Meta(description="The agreed return; accepted extensions move it.")]
    requested_at: Instant
    reserved_at: Instant
    separation_relaxed: SeparationRelaxed
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

    sort: Annotated[
        Literal["-created_at", "created_at", "starts_at", "-starts_at", "planned_end_at", "-planned_end_at"], SORT
    ] = "-created_at"
    status: Annotated[tuple[LoanStatus, ...], Meta(description="Any of these.")] = ()
    side: Annotated[Side | None, Meta(description="Only loans in which your agency is this side.")] = None
    asset_id: UUID | None = None
    agreement_id: UUID | None = None
    partner_id: Annotated[UUID | None, Meta(description="The agency on the other side.")] = None
    request_id: Annotated[UUID | None, Meta(description="Loans that answer lines of this request.")] = None
    incident_number: IncidentNumber | None = None
    q: Annotated[Part | None, Meta(description="Part of the asset's name or tag.")] = None
    window_from: Annotated[Instant | None, Meta(description="Planned to end after this instant.")] = None
    window_to: Annotated[Instant | None, Meta(description="Beginning before then.")] = None
    recall_requested: Annotated[bool | None, Meta(description="Only loans that are recalled, or only others.")] = None
    extension_pending: Annotated[
        bool | None, Meta(description="Only loans with a pending extension, or only others.")
    ] = None
    overdue: Annotated[
        bool | None, Meta(description="Only loans still out after the agreed return, or only others.")
    ] = None
    ids: Ids = ()


class NewLoan(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A reservation under a decision that permits it. The quantity may be smaller than requested."""

    decision_id: UUID
    quantity: Quantity | None = None


class LoanStep(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A step that needs no input; a note is kept in the loan's history."""

    note: Reason | None = None


class LoanEnding(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a loan ends early."""

    reason: Reason


class ExtensionAsk(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The requested later return, and why."""

    planned_end_at: Instant
    reason: Reason


class ExtensionAnswer(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why an extension is declined."""

    reason: Reason


class RecallNotice(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """By when the asset is requested back, and why."""

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
