"""What is sent about loans: reservations, steps, reports, and filters of the list."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.platform.http.paging import SORT, Changing, ChangingSort, Ids
from registry.platform.http.searching import Part
from registry.platform.kernel.text import NAME_PATTERN, JobTitle, OwnReason, Prose, Reason, Sha256
from registry.platform.kernel.time import Instant
from registry.resources.assets.rules import Grade
from registry.resources.packages.rules import MOST_MEMBERS
from registry.sharing.loans.papers import MOST_IN_A_REPORT
from registry.sharing.loans.rules import AwaitedStep, DeclineReason, LoanStatus, Side
from registry.sharing.loans.times import TimedAct
from registry.sharing.policy.schemas.decided import IncidentNumber

Quantity = Annotated[int, Meta(ge=1, le=100_000, description="How many of the asset are lent.")]
ReadingName = Annotated[str, Meta(min_length=1, max_length=60, pattern=NAME_PATTERN, examples=["odometer"])]
ReadingValue = Annotated[str, Meta(min_length=1, max_length=120, pattern=NAME_PATTERN, examples=["48210 mi"])]
ActTime = Annotated[
    Instant | None,
    Meta(
        description="When it was done, where it is recorded later: not before the act that must precede it, and not in "
        "the future. Deadlines, availability and metrics go by it; the history shows when it was recorded, too."
    ),
]


class ConditionReport(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The condition of an asset at a hand-over: a grade, meter readings, and evidence."""

    grade: Grade
    note: Prose = ""
    readings: Annotated[dict[ReadingName, ReadingValue], Meta(max_length=40)] = {}
    evidence_sha256: Annotated[list[Sha256], Meta(max_length=50)] = []
    document_ids: Annotated[
        list[UUID],
        Meta(
            max_length=MOST_IN_A_REPORT,
            description="The pictures and papers by which it goes: your agency filed them with this loan before.",
        ),
    ] = []
    signed_off_by_title: JobTitle | None = None


class LoanQuery(Changing, kw_only=True, frozen=True):
    """Filters of the loan list."""

    sort: Annotated[Literal[ChangingSort, "starts_at", "-starts_at", "planned_end_at", "-planned_end_at"], SORT] = (
        "-created_at"
    )
    status: Annotated[tuple[LoanStatus, ...], Meta(description="Any of these.")] = ()
    side: Annotated[Side | None, Meta(description="Only loans in which your agency is this side.")] = None
    asset_id: UUID | None = None
    agreement_id: UUID | None = None
    partner_id: Annotated[UUID | None, Meta(description="The agency on the other side.")] = None
    request_id: Annotated[UUID | None, Meta(description="Loans that answer lines of this request.")] = None
    reservation_id: Annotated[
        UUID | None, Meta(description="Loans that were made of a package at once, by this reservation.")
    ] = None
    incident_number: IncidentNumber | None = None
    q: Annotated[Part | None, Meta(description="Part of the asset's name or tag.")] = None
    window_from: Annotated[Instant | None, Meta(description="Planned to end after this instant.")] = None
    window_to: Annotated[Instant | None, Meta(description="Beginning before then.")] = None
    due_from: Annotated[
        Instant | None,
        Meta(
            description="Still to come back, and due back at this instant or later: by the hour of its recall, if any."
        ),
    ] = None
    due_to: Annotated[Instant | None, Meta(description="Still to come back, and due back before then.")] = None
    awaiting: Annotated[Side | None, Meta(description="Only loans that wait for a step of this side.")] = None
    awaiting_step: Annotated[AwaitedStep | None, Meta(description="Only loans that wait for this step.")] = None
    recall_requested: Annotated[bool | None, Meta(description="Only loans that are recalled, or only others.")] = None
    extension_pending: Annotated[
        bool | None, Meta(description="Only loans with a pending extension, or only others.")
    ] = None
    asset_unavailable: Annotated[
        bool | None,
        Meta(description="Only reserved loans whose asset is out of service, or cannot be had then; or only others."),
    ] = None
    overdue: Annotated[
        bool | None,
        Meta(description="Only loans still out although they are due back, by a recall too, or only others."),
    ] = None
    ids: Ids = ()


class NewLoan(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A reservation under a decision that permits it. The quantity may be smaller than requested."""

    decision_id: UUID
    quantity: Quantity | None = None
    override_reason: OwnReason | None = None


class NewPackageReservation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A reservation of a whole package under decisions that permit it, one for each asset in it."""

    decision_ids: Annotated[
        list[UUID],
        Meta(
            min_length=1,
            max_length=MOST_MEMBERS,
            description="On the assets in the package, each once, for one agency and one window, and for as many "
            "of each as the package has.",
        ),
    ]
    override_reason: OwnReason | None = None


class LoanStep(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A step that needs no input; a note is kept in the loan's history."""

    note: Reason | None = None


class LoanAct(LoanStep, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A step that needs no input, and when it was done."""

    occurred_at: ActTime = None


class CheckedAct(LoanAct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A step of the requesting agency, with the condition as it found it: the other side reads both reports."""

    condition: Annotated[
        ConditionReport | None, Meta(description="As your agency found it, signed off by its own office.")
    ] = None


class Arrival(CheckedAct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That it has arrived, in which condition, and how many of it."""

    quantity: Annotated[
        Annotated[int, Meta(ge=0, le=100_000)] | None,
        Meta(
            description="How many arrived, where it is not all that were sent out: both sides read both, and what is "
            "missing waits for both. Your agency corrects its count (`correct-count`), the other one accepts it "
            "(`accept-count`), or either reports what is missing lost."
        ),
    ] = None


class HandBack(ConditionReport, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The condition in which an asset came back, and when."""

    occurred_at: ActTime = None
    quantity: Annotated[
        Quantity | None,
        Meta(
            description="How many, where it is not all of them. What does not leave with them is released, and open on "
            "the line again; what comes back before the rest is free again, and the loan goes on."
        ),
    ] = None

    @property
    def condition(self) -> ConditionReport:
        """The report alone, which the other side reads too."""
        return ConditionReport(**{name: getattr(self, name) for name in ConditionReport.__struct_fields__})


class Departure(HandBack, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The condition in which an asset is sent out, and when."""

    override_reason: OwnReason | None = None
    agreed_by_word: Annotated[
        Reason | None,
        Meta(
            description="How it was agreed, for what left before it was reserved here: then it is required, and "
            "`occurred_at` may be as early as the agreed start. Both sides read it."
        ),
    ] = None


class ExtensionAcceptance(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That the asset may stay longer, by which extension; a note is kept in the loan's history."""

    extension_id: Annotated[UUID, Meta(description="The one that was read, of the loan's `extensions`.")]
    note: Reason | None = None
    override_reason: OwnReason | None = None


class LoanEnding(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a loan ends early."""

    reason: Reason


class ArrivalCount(LoanStep, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How many arrived in all, once that turned out otherwise."""

    quantity: Annotated[
        int, Meta(ge=1, le=100_000, description="How many arrived in all, of those that were sent out.")
    ]


class TimeContestation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That an act of the other side was not done when it says: when it was, and why."""

    act: Annotated[TimedAct, Meta(description="Which act; the other side's.")]
    occurred_at: Annotated[
        Instant, Meta(description="When it was done: between the acts before and after it, and not in the future.")
    ]
    reason: Reason


class TimeAnswer(LoanStep, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which act's contested time is settled."""

    act: Annotated[TimedAct, Meta(description="Which act; its time is contested.")]


class LoanCancellation(LoanEnding, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a reservation is given up."""

    reason_code: Annotated[
        DeclineReason | None,
        Meta(description="The same in one word. The assisting agency's cancellation is `other` where it says none."),
    ] = None
    still_needed: Annotated[
        bool | None,
        Meta(
            description="Whether what the line asks for is still needed, which the requesting agency has to say of a "
            "line that can still be lent: `true` asks for it again as before, `false` withdraws the line, and takes "
            "what was reserved off the need that it helped to fill. The assisting agency says nothing of it."
        ),
    ] = None


class LoanLoss(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How many are lost, or found again, and what happened."""

    reason: Reason
    quantity: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(description="How many; when absent, all that are still out, or all that were lost."),
    ] = None
    occurred_at: ActTime = None


class DamageReport(LoanEnding, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Damage that was found once it was back."""

    document_ids: Annotated[
        list[UUID],
        Meta(
            max_length=MOST_IN_A_REPORT,
            description="The pictures and papers that show it: your agency filed them with this loan before.",
        ),
    ] = []
    occurred_at: Annotated[
        Instant | None, Meta(description="When it was found: not before it came back, and not in the future.")
    ] = None


class ExtensionAsk(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The requested later return, and why."""

    planned_end_at: Instant
    reason: Reason


class ExtensionAnswer(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why an extension is declined."""

    reason: Reason


class ChangeAccepted(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The changed asset that is accepted in place of the one reserved."""

    asset_version: Annotated[
        int, Meta(ge=1, le=2**31 - 1, description="As the warning of the loan names it.", examples=[3])
    ]
    note: Reason | None = None


class RecallNotice(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """By when the asset is requested back, and why."""

    by: Instant
    reason: Reason
    occurred_at: ActTime = None


CANCELLATION_EXAMPLE = {"reason": "The search was called off (demo).", "still_needed": False}
RESERVE_EXAMPLE = {"decision_id": "01980000-0000-7000-8000-00000000d001"}
CONDITION_EXAMPLE = {
    "grade": "good",
    "note": "Scratch on the left rear door, as photographed (demo).",
    "readings": {"odometer": "48210 mi", "fuel": "full"},
    "signed_off_by_title": "Fleet sergeant",
}
CHECKED_EXAMPLE = {
    "note": "Handed over at the county line (demo).",
    "condition": {
        "grade": "good",
        "note": "The scratch on the left rear door was there before (demo).",
        "readings": {"odometer": "48264 mi"},
        "signed_off_by_title": "Patrol sergeant",
    },
}
EXTENSION_ACCEPTANCE_EXAMPLE = {
    "extension_id": "01980000-0000-7000-8000-00000000e001",
    "note": "One more night (demo).",
}
STEP_EXAMPLE = {"note": "Handed over at the county line (demo)."}
PACKAGE_RESERVE_EXAMPLE = {
    "decision_ids": ["01980000-0000-7000-8000-00000000d001", "01980000-0000-7000-8000-00000000d002"]
}
