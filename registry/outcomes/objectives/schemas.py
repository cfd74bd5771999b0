"""Objectives, measurements and attainment on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.outcomes.objectives.rules import MeasurementStatus, ObjectiveDirection, ObjectiveMetric, ObjectiveStatus
from registry.platform.http.paging import ByChange
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Name, Reason, Sha256
from registry.platform.kernel.time import CivilDate, Instant

Value = Annotated[float, Meta(ge=-1e12, le=1e12)]
Weight = Annotated[int, Meta(ge=1, le=100, description="How much it counts beside the others.")]
Reached = Annotated[Value, Meta(description="The value that is to be reached.")]
Source = Annotated[Name, Meta(description="From where the value is: a report, a count, a survey; no person's name.")]
MeasuredOn = Annotated[CivilDate, Meta(description="Of which day the value is, by the agreement's time zone.")]


class Measurement(Struct, kw_only=True, frozen=True):
    """A value that was entered or computed. It is never changed: it is corrected by another one."""

    id: UUID
    agency: Annotated[AgencyReference, Meta(description="The party that entered it.")]
    measured_on: MeasuredOn
    value: Annotated[float, Meta(description="What was measured.")]
    source: Annotated[str, Meta(description="From where the value is.")]
    evidence_sha256: str | None
    status: MeasurementStatus
    corrects_id: Annotated[UUID | None, Meta(description="The measurement in whose place it stands.")]
    correction_reason: Annotated[str | None, Meta(description="Why that one was wrong.")]
    contested_by: Annotated[AgencyReference | None, Meta(description="The party that contests it.")]
    contested_at: Annotated[Instant | None, Meta(description="Since when it is contested.")]
    contested_reason: Annotated[str | None, Meta(description="Why, in that party's words.")]
    created_at: Annotated[Instant, Meta(description="When it was entered.")]


class Objective(Struct, kw_only=True, frozen=True):
    """What an agreement is to achieve, and how that stands."""

    id: UUID
    agreement_id: UUID
    agency: Annotated[AgencyReference, Meta(description="The party that set it.")]
    title: str
    measured_in: Annotated[str, Meta(description="In what it is measured.")]
    direction: ObjectiveDirection
    baseline: Annotated[float | None, Meta(description="The value on the day on which it was set.")]
    target: Reached
    weight: Weight
    set_on: Annotated[CivilDate, Meta(description="The day on which it was set, by the agreement's time zone.")]
    due_on: CivilDate
    metric: Annotated[ObjectiveMetric | None, Meta(description="The figure it is measured by; null where entered.")]
    status: Annotated[ObjectiveStatus, Meta(description="As of this answer.")]
    deciding_id: Annotated[UUID | None, Meta(description="The measurement that decides the status.")]
    measurements: Annotated[list[Measurement], Meta(description="In the order of entering.")]
    withdrawn_reason: Annotated[str | None, Meta(description="Why it was withdrawn; null where it was not.")]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class ObjectivePage(Struct, kw_only=True, frozen=True):
    """A page of the objectives of an agreement."""

    items: list[Objective]
    next_cursor: str | None


class ObjectiveQuery(ByChange, kw_only=True, frozen=True):
    """The list of an agreement's objectives."""


class ObjectiveCount(Struct, kw_only=True, frozen=True):
    """How many objectives stand so."""

    status: ObjectiveStatus
    objectives: Annotated[int, Meta(description="How many.")]


class Attainment(Struct, kw_only=True, frozen=True):
    """How far an agreement achieves what it is to achieve: weights met, of weights evaluated."""

    agreement_id: UUID
    as_of: Instant
    weight_met: Annotated[int, Meta(description="Weights of the objectives that are met.")]
    weight_evaluated: Annotated[
        int, Meta(description="Weights of those that are met, and of all whose day is over, measured or not.")
    ]
    value: Annotated[float | None, Meta(description="The first over the second; null where nothing is evaluated.")]
    counts: Annotated[list[ObjectiveCount], Meta(description="How all of them stand.")]


class NewObjective(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the agreement is to achieve."""

    title: Name
    measured_in: Annotated[Name, Meta(description="In what it is measured: hours, loans, a share of 1.")]
    direction: ObjectiveDirection
    baseline: Annotated[Value | None, Meta(description="The value of today, where it is known.")] = None
    target: Reached
    weight: Weight = 1
    due_on: CivilDate
    metric: Annotated[
        ObjectiveMetric | None, Meta(description="Where the registry reads it from the scorecard; else it is entered.")
    ] = None


class ObjectiveWithdrawal(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why it is pursued no more."""

    reason: Reason


class NewMeasurement(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What was measured; of an objective with a metric the registry reads value and source itself."""

    measured_on: MeasuredOn
    value: Annotated[Value, Meta(description="What was measured.")] | None = None
    source: Source
    evidence_sha256: Sha256 | None = None


class MeasurementCorrection(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What stands in the place of a measurement of your agency."""

    measurement_id: UUID
    measured_on: MeasuredOn
    value: Annotated[Value, Meta(description="What it is rightly.")]
    source: Source
    evidence_sha256: Sha256 | None = None
    reason: Reason


class MeasurementContest(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why another party's measurement is wrong; it counts no more until this is settled."""

    measurement_id: UUID
    reason: Reason


class ContestWithdrawal(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That your agency contests a measurement no more."""

    measurement_id: UUID


NEW_OBJECTIVE_EXAMPLE = {
    "title": "Dog teams of both agencies are trained together (demo)",
    "measured_in": "hours a year",
    "direction": "at_least",
    "baseline": 0,
    "target": 40,
    "weight": 2,
    "due_on": "2027-06-30",
}
OBJECTIVE_WITHDRAWAL_EXAMPLE = {"reason": "The unit was dissolved (demo)."}
NEW_MEASUREMENT_EXAMPLE = {
    "measured_on": "2026-07-04",
    "value": 12,
    "source": "Training log of the K9 unit (demo)",
    "evidence_sha256": "9f" * 32,
}
CORRECTION_EXAMPLE = {
    "measurement_id": "01900000-0000-7000-8000-00000000d001",
    "measured_on": "2026-07-04",
    "value": 10,
    "source": "Training log of the K9 unit (demo)",
    "reason": "Two hours were counted twice (demo).",
}
MEASUREMENT_CONTEST_EXAMPLE = {
    "measurement_id": "01900000-0000-7000-8000-00000000d001",
    "reason": "Our dogs were not there in May (demo).",
}
CONTEST_WITHDRAWAL_EXAMPLE = {"measurement_id": "01900000-0000-7000-8000-00000000d001"}
