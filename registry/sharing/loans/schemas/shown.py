"""Loans, as they are answered."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.schemas.words import AgreementReference
from registry.directory.agencies.schemas import AgencyReference, SeparationRelaxed
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import Instant, Window
from registry.resources.assets.rules import Grade
from registry.resources.assets.schemas.shown import PackageReference
from registry.sharing.loans.rules import DeclineReason, LoanStatus, Side, StepAwaited
from registry.sharing.loans.schemas.papers import LoanDocumentReference
from registry.sharing.loans.times import TimeContestStatus, TimedAct
from registry.sharing.obligations.schemas import Obligation
from registry.sharing.policy.schemas.decided import OtherTextTold, RequestReference

AssetWarningKind = Literal["asset_unavailable", "asset_changed"]
ExtensionState = Literal["pending", "accepted", "declined", "lapsed"]
Lent = Annotated[int, Meta(description="How many were lent, with those that were lost since.")]
Lost = Annotated[
    int,
    Meta(description="How many of them are lost; the rest is lent, or was, as `status` says."),
]
ReservationId = Annotated[
    UUID | None,
    Meta(
        description="Of the package with which it was reserved, whole or not at all: "
        "`GET /v1/package-reservations/{reservation_id}`. Null for an asset that was reserved alone."
    ),
]
OfferCondition = Annotated[
    str | None,
    Meta(
        description="On which condition it was offered; the requesting agency accepted it, and it holds for the loan. "
        "Null where there was none."
    ),
]
EndedBy = Annotated[
    Side | None, Meta(description="Which side cancelled it, or reported that it was not begun, or is lost.")
]
WhyDeclined = Annotated[DeclineReason | None, Meta(description="Of a loan that was cancelled, where it was said.")]


class Condition(Struct, kw_only=True, frozen=True):
    """A condition report, as it was given."""

    grade: Grade
    note: str
    readings: dict[str, str]
    evidence_sha256: list[str]
    document_ids: Annotated[list[UUID], Meta(description="The documents of the loan by which it goes.")]
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


class AssetWarning(Struct, kw_only=True, frozen=True):
    """What has become of the asset since it was reserved, for a loan that is not yet returned."""

    kind: Annotated[
        AssetWarningKind,
        Meta(description="What has become of it."),
    ]
    started_at: Annotated[Instant, Meta(description="When it began, or is planned to.")]
    ended_at: Annotated[Instant | None, Meta(description="When it is planned to end; null where that is not known.")]
    reason: Annotated[str | None, Meta(description="Why the assisting agency cannot hand it over.")]
    changed: Annotated[list[str], Meta(description="The properties that are not as they were when it was reserved.")]
    asset_now: Annotated[LoanedAsset, Meta(description="The asset as it is now.")]
    asset_version: Annotated[int, Meta(description="Of the asset as it is now; accepting a change names it.")]


class LoanExtension(Struct, kw_only=True, frozen=True):
    """A requested later return and its answer; `lapsed` when the return began before an answer."""

    id: UUID
    planned_end_at: Instant
    previous_end_at: Annotated[Instant, Meta(description="The agreed return when the extension was requested.")]
    reason: str
    status: ExtensionState
    decision_id: Annotated[UUID, Meta(description="How policy decided the longer loan.")]
    requested_at: Instant
    answered_at: Instant | None
    answer_reason: str | None


class Recall(Struct, kw_only=True, frozen=True):
    """The assisting agency requests its asset back."""

    requested_at: Instant
    by: Instant
    due_at: Annotated[
        Instant,
        Meta(
            description="From when it is late: `by`, or, where that is later, when the agreement's notice of a recall "
            "(`recall_notice_hours`) has run since the recall was recorded."
        ),
    ]
    reason: str


Overdue = Annotated[
    bool, Meta(description="Still out although it is due back: at the agreed return, or sooner by a recall.")
]
Awaiting = Annotated[
    list[StepAwaited],
    Meta(description="Who is waited for and for which step, with the time until when; empty once the loan is over."),
]


class LoanSummary(Struct, kw_only=True, frozen=True):
    """A loan in a list."""

    id: UUID
    asset: LoanedAsset
    quantity: Lent
    lost_quantity: Lost
    requesting_agency: AgencyReference
    assisting_agency: AgencyReference
    agreement: Annotated[AgreementReference, Meta(description="The version it was made under, kept for ever.")]
    request: Annotated[RequestReference | None, Meta(description="The line of a request that it answers.")]
    root_decision_id: UUID
    reservation_id: ReservationId
    offer_condition: OfferCondition
    status: LoanStatus
    overdue: Overdue
    recall_requested: bool
    extension_pending: bool
    awaiting: Awaiting
    time_contested: Annotated[
        bool, Meta(description="The time of one of its acts is contested, and nobody has settled that.")
    ]
    asset_unavailable: Annotated[
        bool,
        Meta(
            description="Reserved, and the asset is out of service now, or cannot be had for some of that time; "
            "`asset_warnings` of the loan says why."
        ),
    ]
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


class MinimumOverride(Struct, kw_only=True, frozen=True):
    """That an asset was lent although fewer than a reserve minimum stayed at home: why, and under which minimums."""

    override_reason: str
    reserve_minimum_ids: list[UUID]


class OverLimit(Struct, kw_only=True, frozen=True):
    """That more of the asset is with the requesting agency, by all its loans, than the agreement lends at one time.

    Nothing is lent beyond that; what was lost, and asked for again, may be found. It is to be sent back, or agreed on.
    """

    quantity: Annotated[int, Meta(description="How many it has.")]
    most: Annotated[
        int | None,
        Meta(description="How many the agreement lends at one time; null where a restricted clause says so."),
    ]
    clause: Annotated[str | None, Meta(description="The number of the provision that says it, where one is named.")]


class NoShow(Struct, kw_only=True, frozen=True):
    """That one agency reported a no-show (`ended_by`, `ended_reason`), and what the other one says of it.

    It counts against that one where it is neither contested nor withdrawn, and once `contest_by` is over. Once it is
    withdrawn the loan resumes, where its time is not over and the asset can still be had.
    """

    reported_at: Annotated[Instant, Meta(description="When it was recorded.")]
    contest_by: Annotated[Instant, Meta(description="Until when the other agency may contest it.")]
    contested_at: Annotated[Instant | None, Meta(description="When it was contested; null where it is not.")]
    contested_reason: Annotated[str | None, Meta(description="Why, in the words of the other agency.")]
    withdrawn_at: Annotated[Instant | None, Meta(description="When it was withdrawn by who had reported it.")]


class Damage(Struct, kw_only=True, frozen=True):
    """That the owner found damage once it was back, and what the agency that had it says of that."""

    reason: Annotated[str, Meta(description="What is damaged, and how it was found, in the owner's words.")]
    document_ids: Annotated[list[UUID], Meta(description="The documents of the loan that show it.")]
    found_at: Annotated[Instant, Meta(description="When it was found, as its owner says.")]
    reported_at: Annotated[Instant, Meta(description="When it was recorded.")]
    contest_by: Annotated[Instant, Meta(description="Until when the other agency may contest it.")]
    contested_at: Annotated[Instant | None, Meta(description="When it was contested; null where it is not.")]
    contested_reason: Annotated[str | None, Meta(description="Why, in the words of the other agency.")]
    withdrawn_at: Annotated[Instant | None, Meta(description="When its owner withdrew it.")]


class TimeContest(Struct, kw_only=True, frozen=True):
    """That one side contests the time that the other said of its act: both words.

    Once it is `accepted`, what the other side said is the loan's time, by which deadlines and obligations go, too; the
    time that it had before stays here, as `said_at`. While it is `open`, what is counted by times leaves the act out.
    """

    id: UUID
    act: Annotated[TimedAct, Meta(description="Which act.")]
    said_at: Annotated[Instant, Meta(description="When it was done, as the side says whose act it is.")]
    said_by: Annotated[Side, Meta(description="That side; it accepts the other time, the other one withdraws it.")]
    other_said_at: Annotated[Instant, Meta(description="When it was done, as the other side says, which contests it.")]
    reason: Annotated[str, Meta(description="Why, in the words of the other side.")]
    status: TimeContestStatus
    contested_at: Annotated[Instant, Meta(description="When it was contested.")]
    settled_at: Annotated[Instant | None, Meta(description="When it was accepted, withdrawn or lapsed.")]


class PartialReturn(Struct, kw_only=True, frozen=True):
    """That some of what was lent came back while the rest stayed out."""

    quantity: Annotated[int, Meta(description="How many.")]
    returned_at: Annotated[Instant, Meta(description="When they came back, as their owner says.")]
    recorded_at: Annotated[Instant, Meta(description="When that was recorded.")]
    condition: Annotated[Condition, Meta(description="In which condition, as their owner reported it.")]


class Loan(Struct, kw_only=True, frozen=True):
    """An asset committed by one agency to another, from reservation to return.

    Both sides see all of it, but for `minimum_override`, which is the owner's alone.
    """

    id: UUID
    asset: LoanedAsset
    quantity: Lent
    reserved_quantity: Annotated[
        int, Meta(description="How many were reserved; what did not leave with the rest was released.")
    ]
    received_quantity: Annotated[
        int | None,
        Meta(
            description="How many arrived, as the requesting agency counted; null until it says that it has arrived. "
            "`quantity` is how many were sent out."
        ),
    ]
    missing_quantity: Annotated[
        int,
        Meta(
            description="How many were sent out and did not arrive, by these two counts, as long as they are not "
            "reported lost, are not back, and no side has put its count right."
        ),
    ]
    lost_quantity: Lost
    returned_quantity: Annotated[
        int,
        Meta(
            description="How many came back so far: while others are still out see `partial_returns`, and in the end "
            "all that are not lost."
        ),
    ]
    handler_id: Annotated[
        UUID | None,
        Meta(
            description="Who goes with the K9 team. `GET /v1/personnel/{personnel_id}/name` tells the name while "
            "they are committed to you, and each reading is recorded."
        ),
    ]
    personnel_ids: Annotated[
        list[UUID],
        Meta(description="Who goes with it for what they can do; their names are told as that of the handler is."),
    ]
    requesting_agency: AgencyReference
    assisting_agency: AgencyReference
    agreement: Annotated[AgreementReference, Meta(description="The version it was made under, kept for ever.")]
    request: Annotated[RequestReference | None, Meta(description="The line of a request that it answers.")]
    decision_id: Annotated[UUID, Meta(description="The decision at which it was reserved.")]
    root_decision_id: Annotated[UUID, Meta(description="The first decision on what was asked.")]
    reservation_id: ReservationId
    offer_condition: OfferCondition
    purpose: str
    status: LoanStatus
    overdue: Overdue
    recall_requested: bool
    extension_pending: bool
    awaiting: Awaiting
    starts_at: Instant
    planned_end_at: Annotated[Instant, Meta(description="The agreed return; accepted extensions move it.")]
    requested_at: Instant
    reserved_at: Instant
    travels: Annotated[
        bool,
        Meta(
            description="False for a slot of a laboratory: its agency begins the work (`dispatch`) and reports "
            "it done (`return`), and nothing is handed over."
        ),
    ]
    separation_relaxed: SeparationRelaxed
    minimum_override: Annotated[
        MinimumOverride | None,
        Meta(
            description="That it was lent although fewer than the owner keeps stayed at home; null where that was not "
            "so, and for the requesting agency, which is not told."
        ),
    ]
    dispatched_at: Instant | None
    agreed_by_word: Annotated[
        str | None,
        Meta(
            description="How it was agreed, where it left before it was reserved here; null where it left after that."
        ),
    ]
    arrived_at: Instant | None
    return_started_at: Instant | None
    returned_at: Instant | None
    due_when_returned_at: Annotated[
        Instant | None,
        Meta(description="When it was due as it came back: the agreed return, or the hour of its recall before that."),
    ]
    closed_at: Instant | None
    recall: Recall | None
    over_limit: Annotated[
        OverLimit | None,
        Meta(description="That more of it is out than the agreement lends at one time; null where that is not so."),
    ]
    other_text: OtherTextTold
    extensions: list[LoanExtension]
    asset_warnings: Annotated[
        list[AssetWarning], Meta(description="What stands against the hand-over; empty once the asset is back.")
    ]
    obligations: Annotated[
        list[Obligation], Meta(description="What the loan obliges either agency to do, and what became of it.")
    ]
    condition_out: Condition | None
    condition_received: Condition | None
    condition_sent_back: Condition | None
    condition_in: Condition | None
    partial_returns: Annotated[
        list[PartialReturn], Meta(description="What came back before the rest did, in the order of recording.")
    ]
    documents: Annotated[
        list[LoanDocumentReference],
        Meta(description="The pictures and papers that either side filed and did not withdraw, oldest first."),
    ]
    ended_reason: Annotated[
        str | None, Meta(description="Why it was cancelled, not begun, or why some or all of it was lost.")
    ]
    ended_by: EndedBy
    decline_reason: WhyDeclined
    time_contests: Annotated[
        list[TimeContest], Meta(description="What is or was contested of the times of its acts, oldest first.")
    ]
    no_show: Annotated[NoShow | None, Meta(description="Where a no-show was reported: both sides' words.")]
    damage: Annotated[
        Damage | None, Meta(description="Where its owner found damage once it was back: both sides' words.")
    ]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class PackageReservation(Struct, kw_only=True, frozen=True):
    """What was reserved of a package at once; each asset is a loan, handed over and returned by itself."""

    id: UUID
    package: Annotated[PackageReference, Meta(description="The package, with its name as it was.")]
    requesting_agency: AgencyReference
    assisting_agency: AgencyReference
    window: Window
    loans: Annotated[list[LoanSummary], Meta(description="One for each asset in it, as they are now.")]
    reserved_at: Instant
    allowed_actions: list[AllowedAction]
    version: Annotated[int, Meta(description="The sum of its loans' versions: a step of one of them is a change.")]
