"""Engagements and corrective actions on the wire."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.directory.agencies.schemas import AgencyReference, Zone
from registry.outcomes.engagements.rules import (
    CorrectiveActionStatus,
    EngagementKind,
    EngagementStatus,
    ExerciseType,
    Group,
    InvitationStatus,
    Rating,
)
from registry.platform.http.paging import SORT, Changing, ChangingSort, Ids, Page
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Name, Prose, Reason, Sha256
from registry.platform.kernel.time import CivilDate, Instant
from registry.resources.personnel.schemas import HeldCapability

People = Annotated[int, Meta(ge=0, le=1_000_000, description="How many people; nobody is named.")]
Number = Annotated[int, Meta(ge=1, le=50, description="The objective's number within the exercise.")]
CoreCapability = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=r"\A[A-Za-z][A-Za-z ,/'-]*\Z",
        extra={"form": "words of letters"},
        description="The core capability of the National Preparedness Goal that it is about.",
        examples=["Operational Coordination"],
    ),
]
Statement = Annotated[Prose, Meta(description="What was done, in sentences that the other agencies read; no names.")]
Proofs = Annotated[list[Sha256], Meta(max_length=50, description="Of the documents that show it.")]


class ExerciseObjective(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What an exercise is to show."""

    objective_no: Number
    text: Reason
    core_capability: CoreCapability | None = None


class RatedObjective(Struct, kw_only=True, frozen=True):
    """An objective of an exercise, and how it was met."""

    objective_no: int
    text: Annotated[str, Meta(description="What the exercise is to show.")]
    core_capability: str | None
    rating: Annotated[Rating | None, Meta(description="Null until it was rated.")] = None
    remark: Annotated[str | None, Meta(description="What was seen.")] = None


class ObjectiveRating(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How an objective was met."""

    objective_no: Number
    rating: Rating
    remark: Annotated[Prose, Meta(description="What was seen.")] | None = None


class Participation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How many of a group took part."""

    group: Group
    people: People


class AnswerCount(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How many people gave an answer."""

    answer: Name
    people: People


class Survey(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A question that people were asked, and how many gave which answer."""

    question: Name
    answers: Annotated[list[AnswerCount], Meta(min_length=1, max_length=20)]


class AgreementNamed(Struct, kw_only=True, frozen=True):
    """An agreement, by its number."""

    id: UUID
    number: str


class Invitation(Struct, kw_only=True, frozen=True):
    """An agency that was invited, and what it answered."""

    agency: AgencyReference
    status: InvitationStatus
    invited_at: Instant
    answered_at: Annotated[Instant | None, Meta(description="Null until it has answered.")]
    reason: Annotated[str | None, Meta(description="Why it declined, where it said so.")]


class Engagement(Struct, kw_only=True, frozen=True):
    """An exercise, a training, a meeting or a community programme, as its host and the invited agencies see it."""

    id: UUID
    host_agency: AgencyReference
    agreement: Annotated[
        AgreementNamed | None,
        Meta(description="The agreement under which it is held; null for none, and where you do not see that."),
    ]
    kind: EngagementKind
    exercise_type: ExerciseType | None
    title: str
    summary: str | None
    place: str | None
    starts_at: Instant
    ends_at: Instant
    time_zone: str
    public: Annotated[bool, Meta(description="It stands in the list that everybody reads.")]
    status: EngagementStatus
    invitations: list[Invitation]
    objectives: list[RatedObjective]
    objectives_met: Annotated[int, Meta(description="Objectives rated `performed` or `some_challenges`.")]
    objectives_rated: Annotated[int, Meta(description="Objectives that have a rating.")]
    participation: list[Participation]
    surveys: list[Survey]
    outcome: Annotated[str | None, Meta(description="What came of it.")]
    cancelled_reason: str | None
    credited_people: Annotated[
        int | None, Meta(description="How many of your own people were credited with it; null where none can be.")
    ]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class EngagementSummary(Struct, kw_only=True, frozen=True):
    """An engagement in a list."""

    id: UUID
    host_agency: AgencyReference
    kind: EngagementKind
    title: str
    starts_at: Instant
    ends_at: Instant
    time_zone: str
    public: bool
    status: EngagementStatus
    version: int
    created_at: Instant
    updated_at: Instant


class EngagementPage(Struct, kw_only=True, frozen=True):
    """A page of the engagements that your agency hosts or is invited to."""

    items: list[EngagementSummary]
    next_cursor: str | None


class EngagementQuery(Changing, kw_only=True, frozen=True):
    """Filters of the list of engagements."""

    sort: Annotated[Literal[ChangingSort, "starts_at", "-starts_at"], SORT] = "-created_at"
    ids: Ids = ()
    kind: Annotated[tuple[EngagementKind, ...], Meta(description="Any of these.")] = ()
    status: Annotated[tuple[EngagementStatus, ...], Meta(description="Any of these.")] = ()
    agreement_id: Annotated[UUID | None, Meta(description="Held under this agreement, which you see.")] = None
    host_agency_id: Annotated[UUID | None, Meta(description="Held by this agency.")] = None
    starts_from: Annotated[Instant | None, Meta(description="Starting at this instant or later.")] = None
    starts_to: Annotated[Instant | None, Meta(description="Starting before then.")] = None


class PublicEngagement(Struct, kw_only=True, frozen=True):
    """A community programme as everybody sees it."""

    id: UUID
    host_agency: AgencyReference
    kind: EngagementKind
    title: str
    summary: str | None
    place: str | None
    starts_at: Instant
    ends_at: Instant
    time_zone: str
    status: EngagementStatus


class PublicEngagementPage(Struct, kw_only=True, frozen=True):
    """A page of community programmes."""

    items: list[PublicEngagement]
    next_cursor: str | None


class PublicEngagementQuery(Page, kw_only=True, frozen=True):
    """Filters of the list that everybody reads."""

    sort: Annotated[Literal["starts_at", "-starts_at"], SORT] = "starts_at"
    host_agency_id: Annotated[UUID | None, Meta(description="Held by this agency.")] = None
    starts_from: Annotated[Instant | None, Meta(description="Starting at this instant or later.")] = None
    starts_to: Annotated[Instant | None, Meta(description="Starting before then.")] = None


Objectives = Annotated[list[ExerciseObjective], Meta(max_length=50, description="Of an exercise; numbered once each.")]
Invited = Annotated[list[UUID], Meta(max_length=200, description="The agencies that are invited.")]


class NewEngagement(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What your agency plans to hold. The invited agencies see it at once."""

    kind: EngagementKind
    exercise_type: ExerciseType | None = None
    title: Name
    summary: Prose | None = None
    place: Name | None = None
    starts_at: Instant
    ends_at: Instant
    time_zone: Zone
    public: bool = False
    agreement_id: Annotated[
        UUID | None, Meta(description="The agreement under which it is held, of which your agency is a party.")
    ] = None
    agency_ids: Invited = []
    objectives: Objectives = []


class EngagementPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is absent stays, null clears. Lists are replaced as a whole."""

    title: Name | UnsetType = UNSET
    summary: Prose | None | UnsetType = UNSET
    place: Name | None | UnsetType = UNSET
    starts_at: Instant | UnsetType = UNSET
    ends_at: Instant | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET
    public: bool | UnsetType = UNSET
    objectives: Objectives | UnsetType = UNSET


class Inviting(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Further agencies that are invited."""

    agency_ids: Annotated[list[UUID], Meta(min_length=1, max_length=200, description="Whom to invite.")]


class InvitationDecline(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That your agency does not take part."""

    reason: Reason | None = None


class EngagementCancellation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why it is not held."""

    reason: Reason


class EngagementCompletion(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That it was held, and who took part, by counts."""

    participation: Annotated[list[Participation], Meta(max_length=7, description="Each group once.")] = []
    outcome: Annotated[Prose, Meta(description="What came of it.")] | None = None


class EngagementEvaluation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What came of it. It takes the place of what was said before; the history keeps that."""

    ratings: Annotated[list[ObjectiveRating], Meta(max_length=50, description="Of an exercise's objectives.")] = []
    surveys: Annotated[list[Survey], Meta(max_length=30)] = []
    outcome: Annotated[Prose, Meta(description="What came of it.")] | None = None


class TrainedPerson(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One of your own people who took part, and what the person can do since."""

    personnel_id: UUID
    capabilities: Annotated[
        list[HeldCapability], Meta(max_length=20, description="They take the place of what is on record for each.")
    ] = []


class TrainingCredit(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Who of your own people was trained. Other agencies are told nothing of it."""

    people: Annotated[list[TrainedPerson], Meta(min_length=1, max_length=100, description="Each person once.")]
    hours: Annotated[int, Meta(ge=0, le=5_000, description="Hours of training, of each.")]


class EngagementReference(Struct, kw_only=True, frozen=True):
    """The engagement from which something follows."""

    id: UUID
    title: str


class CorrectiveAction(Struct, kw_only=True, frozen=True):
    """Something that an agency is to do after an engagement: of an exercise, a part of its improvement plan."""

    id: UUID
    engagement: Annotated[EngagementReference, Meta(description="What it follows from.")]
    host_agency: AgencyReference
    owner_agency: Annotated[AgencyReference, Meta(description="The agency that is to do it.")]
    title: str
    observation: Annotated[str | None, Meta(description="What was seen that asks for it.")]
    core_capability: str | None
    objective_no: Annotated[int | None, Meta(description="The exercise's objective that it follows from.")]
    due_on: CivilDate
    due_at: Annotated[Instant, Meta(description="When that day is over by the engagement's time zone.")]
    status: CorrectiveActionStatus
    late: Annotated[bool, Meta(description="Completed after its day, or not although that is over.")]
    statement: Annotated[str | None, Meta(description="What was done, in the words of who owns it.")]
    evidence_sha256: Proofs
    completed_at: Annotated[Instant | None, Meta(description="When that was recorded.")]
    reopened_reason: Annotated[str | None, Meta(description="Why it was last opened again; null where it never was.")]
    closed_at: Instant | None
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class CorrectiveActionPage(Struct, kw_only=True, frozen=True):
    """A page of corrective actions of the engagements that your agency sees."""

    items: list[CorrectiveAction]
    next_cursor: str | None


class CorrectiveActionQuery(Changing, kw_only=True, frozen=True):
    """Filters of the list of corrective actions."""

    sort: Annotated[Literal[ChangingSort, "due_at", "-due_at"], SORT] = "-created_at"
    ids: Ids = ()
    engagement_id: Annotated[UUID | None, Meta(description="After this engagement.")] = None
    owner_agency_id: Annotated[UUID | None, Meta(description="That this agency is to do.")] = None
    status: Annotated[tuple[CorrectiveActionStatus, ...], Meta(description="Any of these.")] = ()
    due_from: Annotated[Instant | None, Meta(description="Due at this instant or later.")] = None
    due_to: Annotated[Instant | None, Meta(description="Due before then.")] = None


class NewCorrectiveAction(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What an agency is to do: the host's own, or one that was invited and did not decline."""

    owner_agency_id: UUID
    title: Name
    observation: Annotated[Prose, Meta(description="What was seen that asks for it.")] | None = None
    core_capability: CoreCapability | None = None
    objective_no: Number | None = None
    due_on: CivilDate


class CorrectiveActionCompletion(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That it was done: a statement, documents that show it, or both."""

    statement: Statement | None = None
    evidence_sha256: Proofs = []


class CorrectiveActionReopening(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why what was shown is not enough."""

    reason: Reason


NEW_ENGAGEMENT_EXAMPLE = {
    "kind": "exercise",
    "exercise_type": "tabletop",
    "title": "Missing person at the river (demo)",
    "summary": "Command post and search teams of two agencies work from one map (demo).",
    "place": "County emergency operations centre (demo)",
    "starts_at": "2026-07-06T14:00:00Z",
    "ends_at": "2026-07-06T18:00:00Z",
    "time_zone": "America/Chicago",
    "objectives": [
        {"objective_no": 1, "text": "Set up one command post (demo).", "core_capability": "Operational Coordination"},
        {
            "objective_no": 2,
            "text": "Share positions of both agencies (demo).",
            "core_capability": "Situational Assessment",
        },
    ],
}
ENGAGEMENT_PATCH_EXAMPLE = {"place": "Fire station 2, training room (demo)"}
INVITING_EXAMPLE = {"agency_ids": ["01900000-0000-7000-8000-00000000a002"]}
INVITATION_DECLINE_EXAMPLE = {"reason": "Our team is committed on that day (demo)."}
CANCELLATION_EXAMPLE = {"reason": "The river is in flood (demo)."}
COMPLETION_EXAMPLE = {
    "participation": [{"group": "sworn", "people": 14}, {"group": "civilian", "people": 3}],
    "outcome": "Both agencies worked from one map after an hour (demo).",
}
EVALUATION_EXAMPLE = {
    "ratings": [
        {"objective_no": 1, "rating": "performed"},
        {"objective_no": 2, "rating": "major_challenges", "remark": "Radios of the two agencies did not meet (demo)."},
    ],
    "surveys": [
        {
            "question": "Did the exercise prepare you for a joint search?",
            "answers": [{"answer": "Yes", "people": 12}, {"answer": "No", "people": 4}],
        }
    ],
    "outcome": "One map after an hour; radios need a common channel (demo).",
}
CREDIT_EXAMPLE = {
    "people": [
        {
            "personnel_id": "01900000-0000-7000-8000-00000000b001",
            "capabilities": [{"capability": "negotiation", "self_reported_level": "working"}],
        }
    ],
    "hours": 8,
}
NEW_CORRECTIVE_ACTION_EXAMPLE = {
    "owner_agency_id": "01900000-0000-7000-8000-00000000a002",
    "title": "Programme a common channel into all radios (demo)",
    "observation": "Radios of the two agencies did not meet (demo).",
    "core_capability": "Operational Communications",
    "objective_no": 2,
    "due_on": "2026-09-30",
}
ACTION_COMPLETION_EXAMPLE = {"statement": "All 42 radios have channel 9 (demo).", "evidence_sha256": ["9f" * 32]}
REOPENING_EXAMPLE = {"reason": "The spare radios are missing (demo)."}
