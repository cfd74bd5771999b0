"""Each definition with a small story whose figure is worked out by hand, and what it leaves out."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from registry.outcomes.metrics.defining import MetricKind, Span
from registry.outcomes.metrics.definitions import DEFINITIONS
from registry.outcomes.metrics.facts import (
    AgreementFact,
    DecisionFact,
    Fact,
    ImprovementFact,
    LineFact,
    LoanFact,
    ObjectiveFact,
    ObligationFact,
    ReviewFact,
)
from registry.outcomes.metrics.measuring import Measured, change, counts, measured
from registry.outcomes.metrics.page import metrics_page
from registry.sharing.loans.rules import LoanStatus
from registry.sharing.requests.rules import LineStatus
from tests.support.places import ROOT

OWN, OTHER, AGREEMENT, ASSET = (UUID(int=n) for n in range(1, 5))
START = datetime(2025, 3, 1, tzinfo=UTC)
SPAN = Span(start=START, end=START + timedelta(days=31), as_of=START + timedelta(days=31), viewer=OWN)


def at(day: float, hour: float = 0) -> datetime:
    """The hour of that day of March 2025."""
    return START + timedelta(days=day - 1, hours=hour)


def line(status: LineStatus = LineStatus.RESERVED, **given: Any) -> LineFact:
    """A line that was asked on the 2nd at midnight."""
    asked = {"submitted_at": at(2), "status": status, "category": "k9.narcotics", "purpose": "mutual_aid"}
    return LineFact(**{**asked, **given})


def loan(status: LoanStatus = LoanStatus.CLOSED, **given: Any) -> LoanFact:
    """A loan from the 5th to the 7th that left on the 5th and came back on time."""
    made = {
        "status": status,
        "starts_at": at(5),
        "due_at": at(7),
        "reserved_at": at(3),
        "dispatched_at": at(5),
        "arrived_at": at(5),
        "returned_at": at(7),
        "back_at": at(7),
        "asset_id": ASSET,
        "incident": "25-1",
        "requesting_agency_id": OTHER,
        "assisting_agency_id": OWN,
        "agreement_id": AGREEMENT,
        "category": "k9.narcotics",
    }
    return LoanFact(**{**made, **given})


def obligation(met: datetime | None, *, settled: bool = False) -> ObligationFact:
    return ObligationFact(
        due_at=at(10),
        met_at=met,
        is_settled=settled,
        requesting_agency_id=OTHER,
        assisting_agency_id=OWN,
        agreement_id=AGREEMENT,
        category="k9",
        purpose="mutual_aid",
    )


def decision(outcome: str) -> DecisionFact:
    return DecisionFact(
        decided_at=at(2),
        outcome=outcome,
        requesting_agency_id=OTHER,
        assisting_agency_id=OWN,
        agreement_id=AGREEMENT,
        category="k9",
        purpose="mutual_aid",
    )


def agreement(until: datetime, **given: Any) -> AgreementFact:
    """An agreement drafted ten days before it was executed, on the 1st, that binds until then."""
    made = {
        "agreement_id": AGREEMENT,
        "begun_at": at(-9),
        "executed_at": at(1),
        "starts_at": at(1),
        "over_at": until,
        "ended_at": None,
        "is_recorded": False,
        "windows": ((at(1), until),),
    }
    return AgreementFact(**{**made, **given})


def improvement(completed: datetime | None, due: datetime | None = None) -> ImprovementFact:
    """A corrective action that was to be complete on the 9th."""
    return ImprovementFact(agreement_id=None, due_at=due or at(10), completed_at=completed)


def objective(weight: int, *, met: bool, due: datetime | None = None, withdrawn: bool = False) -> ObjectiveFact:
    """An objective of which the day was the 9th."""
    return ObjectiveFact(
        agreement_id=AGREEMENT,
        due_at=due or at(10),
        weight=weight,
        is_met=met,
        withdrawn_at=at(5) if withdrawn else None,
    )


def review(*, in_time: bool, due: datetime | None = None) -> ReviewFact:
    """A review of which the day was the 9th."""
    return ReviewFact(agreement_id=AGREEMENT, due_at=due or at(10), in_time=in_time)


def measure(key: str, facts: Sequence[Fact], span: Span = SPAN) -> Measured:
    definition = DEFINITIONS[key]
    (found,) = counts(definition, facts, {}, span, [span])
    return measured(definition, found)


ARRIVED: dict[str, Any] = {
    "decided_at": at(2, 1),
    "reserved_at": at(2, 3),
    "arrived_at": at(2, 5),
    "arrived_quantity": 1,
}
WITHDRAWN = line(LineStatus.WITHDRAWN)
REFUSED = line(LineStatus.DENIED, decided_at=at(2, 2), reasons=("duration_over_limit",))
UNANSWERED = line(LineStatus.UNANSWERED)
LINES = [line(**ARRIVED), line(quantity=4, decided_at=at(2, 4)), REFUSED, WITHDRAWN, UNANSWERED]
OUT = loan(LoanStatus.ON_SCENE, returned_at=None, back_at=None)
LATE = loan(returned_at=at(8), back_at=at(8), arrived_at=at(5, 2))
CANCELLED = loan(LoanStatus.CANCELLED, dispatched_at=None, arrived_at=None, returned_at=None, back_at=None)
CONTESTED = loan(other_returned_at=at(9), other_arrived_at=at(6), other_dispatched_at=at(6))
RECEIVED = loan(requesting_agency_id=OWN, assisting_agency_id=OTHER, quantity=2)
NOT_YET = at(32, 1)
SOON, LATER = at(31 + 80), at(31 + 400)

# The metric, what happened, numerator, denominator, observations, and value.
STORIES: list[tuple[str, Sequence[Fact], float, float | None, int, float | None]] = [
    # Four lines count: one arrived.
    ("line_fill_rate", LINES, 1, 4, 4, 1 / 4),
    # Of 1 + 4 + 1 + 1 pieces one came.
    ("quantity_fill_rate", LINES, 1, 7, 4, 1 / 7),
    # Three were decided and one was not answered; one is committed.
    ("commit_rate", LINES, 1, 4, 4, 1 / 4),
    # Decided after 1, 4 and 2 hours.
    ("time_to_decision", LINES, 3, 4, 3, 2),
    ("time_to_commit", LINES, 1, 4, 1, 3),
    ("time_to_fulfil", LINES, 1, 4, 1, 5),
    # What left by mistake before it was asked for here took no time.
    ("time_to_fulfil", [line(**{**ARRIVED, "arrived_at": at(1)})], 1, 1, 1, 0),
    # On the hour is on time; two hours later is not.
    ("on_time_arrival", [loan(), LATE, CANCELLED, CONTESTED], 1, 2, 2, 0.5),
    # One on time, one late, one overdue.
    ("on_time_return", [loan(), LATE, OUT, CANCELLED, CONTESTED], 1, 3, 3, 1 / 3),
    # Due on the 7th and still out as the 31st ends: 25 days of one piece.
    ("overdue_exposure", [loan(), OUT, CANCELLED], 25 * 24, None, 1, 25 * 24),
    ("overdue_exposure", [replace(OUT, quantity=3)], 3 * 25 * 24, None, 1, 3 * 25 * 24),
    # Of three lent two are back; of four one is back and two are lost.
    ("overdue_exposure", [replace(OUT, quantity=3, partly_back=((at(6), 2),))], 25 * 24, None, 1, 25 * 24),
    (
        "overdue_exposure",
        [replace(OUT, quantity=4, lost_quantity=2, partly_back=((at(20), 1),))],
        *(25 * 24, None, 1, 25 * 24),
    ),
    ("extension_rate", [loan(), loan(extended_at=at(6)), CANCELLED], 1, 2, 2, 0.5),
    # Recalled on the 5th for the 6th: one back then, one on the 7th.
    (
        "recall_compliance",
        [
            loan(),
            loan(recall_requested_at=at(5), recall_due_at=at(6), returned_at=at(6), back_at=at(6)),
            loan(recall_requested_at=at(5), recall_due_at=at(6)),
        ],
        *(1, 2, 2, 0.5),
    ),
    # Away for two of 31 days; nothing kept it from being had.
    ("utilisation", [loan()], 48, 31 * 24, 1, 48 / (31 * 24)),
    # Two loans for one incident, and one for another.
    ("activation_count", [loan(), LATE, loan(incident="25-2"), CANCELLED], 2, None, 3, 2),
    # 48 hours given; 2 × 48 received.
    ("reciprocity", [loan(), RECEIVED, OUT, CONTESTED], 48, 144, 2, 1 / 3),
    ("damage_loss_rate", [loan(), loan(damaged=True), loan(lost_quantity=1), OUT], 2, 3, 3, 2 / 3),
    # What was cancelled was lent all the same.
    ("expired_but_used", [loan(), loan(in_force=False), CANCELLED], 1, 3, 3, 1 / 3),
    # Met on the day before, on the hour, an hour late, not at all; one waived.
    (
        "obligation_compliance",
        [
            *(obligation(met) for met in (at(9), at(10), at(10, 1), None)),
            obligation(None, settled=True),
        ],
        *(2, 4, 4, 0.5),
    ),
    ("policy_outcomes", [decision("permitted"), decision("denied"), decision("needs_approval")], 1, 3, 3, 1 / 3),
    # One has expired, one was terminated and does not count.
    ("agreement_in_force_rate", [agreement(LATER), agreement(at(20)), agreement(at(9), ended_at=at(9))], 1, 2, 2, 0.5),
    ("agreement_cycle_time", [agreement(LATER), agreement(LATER, is_recorded=True)], 1, 1, 1, 10),
    # One ends within 90 days, one after more than a year, one never.
    (
        "renewal_risk",
        [agreement(SOON), agreement(LATER), agreement(LATER, over_at=None), agreement(at(9))],
        *(1, 3, 3, 1 / 3),
    ),
    # Complete a day before, on the day itself, as it was over, and not at all; one is due only after the 31st.
    (
        "improvement_plan_closure",
        [*(improvement(done) for done in (at(8), at(9, 23), at(10), None)), improvement(at(8), NOT_YET)],
        *(2, 4, 4, 0.5),
    ),
    # Of the weights 3 + 1 the 3 are met; one was withdrawn, and one that is met is not due yet.
    (
        "objective_attainment",
        [
            objective(3, met=True),
            objective(1, met=False),
            objective(7, met=True, withdrawn=True),
            objective(5, met=True, due=NOT_YET),
        ],
        *(3, 4, 2, 0.75),
    ),
    (
        "review_compliance",
        [review(in_time=True), review(in_time=False), review(in_time=True, due=NOT_YET)],
        1,
        2,
        2,
        0.5,
    ),
]


@pytest.mark.parametrize(("key", "facts", "numerator", "denominator", "n", "value"), STORIES)
def test_a_small_story_comes_to_what_a_hand_count_gives(
    key: str, facts: Sequence[Fact], numerator: float, denominator: float | None, n: int, value: float | None
) -> None:
    found = measure(key, facts).measure
    assert (found.numerator, found.denominator, found.n) == (numerator, denominator, n)
    assert found.value == pytest.approx(value)
    assert found.few


def test_each_metric_that_is_counted_has_a_story() -> None:
    assert {story[0] for story in STORIES} == {key for key, each in DEFINITIONS.items() if each.is_counted}
    assert len(DEFINITIONS) == 25


@pytest.mark.parametrize("key", [key for key, each in DEFINITIONS.items() if each.is_counted])
def test_of_nothing_the_value_is_null_and_a_count_is_zero(key: str) -> None:
    found = measure(key, []).measure
    assert (found.n, found.value) == (0, 0 if DEFINITIONS[key].kind is MetricKind.COUNT else None)


@pytest.mark.parametrize("key", [key for key, each in DEFINITIONS.items() if not each.is_counted])
def test_what_is_counted_from_what_is_not_kept_says_so(key: str) -> None:
    assert DEFINITIONS[key].missing
    assert measured(DEFINITIONS[key], []).measure.value is None


def test_further_figures_stand_beside_a_value() -> None:
    def parts(key: str, facts: Sequence[Fact]) -> dict[str, float]:
        return {part.code: part.amount for part in measure(key, facts).measure.parts}

    assert parts("commit_rate", LINES) == {"duration_over_limit": 1, "unanswered": 1}
    assert parts("reciprocity", [loan(), RECEIVED]) == {
        "hours_given": 48,
        "loans_given": 1,
        "quantity_given": 1,
        "hours_received": 96,
        "loans_received": 1,
        "quantity_received": 2,
    }
    assert parts("renewal_risk", [agreement(SOON), agreement(LATER, over_at=None)]) == {
        "within_90_days": 1,
        "within_180_days": 1,
        "without_end": 1,
    }
    assert parts("policy_outcomes", [decision("denied")]) == {"denied": 1}


def test_a_fact_belongs_to_the_period_of_its_clock_and_to_no_other() -> None:
    middle = at(16)
    halves = [replace(SPAN, end=middle), replace(SPAN, start=middle)]
    definition = DEFINITIONS["on_time_return"]
    of_middle = replace(OUT, due_at=middle)
    first, second = counts(definition, [loan(), of_middle, replace(OUT, due_at=at(40))], {}, SPAN, halves)
    assert (len(first), len(second)) == (1, 1)


def test_what_is_due_on_a_day_belongs_to_the_period_of_that_day() -> None:
    march = replace(SPAN, end=at(32), as_of=at(60))
    april = replace(march, start=at(32), end=at(60))
    last = [review(in_time=True, due=at(32)), review(in_time=True, due=at(32.5))]
    first, second = counts(DEFINITIONS["review_compliance"], last, {}, replace(march, end=at(60)), [march, april])
    assert (len(first), len(second)) == (1, 1)


def test_what_was_done_before_its_deadline_counts_then_and_what_is_still_to_be_done_at_its_deadline() -> None:
    early, open_ = loan(due_at=at(40)), replace(OUT, due_at=at(40))
    assert measure("on_time_return", [early, open_]).measure.denominator == 1
    met, owed = replace(obligation(at(9)), due_at=at(40)), replace(obligation(None), due_at=at(40))
    assert measure("obligation_compliance", [met, owed]).measure.denominator == 1
    recalled: dict[str, Any] = {"recall_requested_at": at(5), "recall_due_at": at(40)}
    found = measure("recall_compliance", [loan(**recalled), replace(OUT, **recalled)]).measure
    assert found.denominator == 1


def test_what_is_done_later_is_left_out_as_of_an_earlier_instant() -> None:
    early = line(**ARRIVED).seen_at(at(2, 2))
    assert early is not None
    assert (early.decided_at, early.reserved_at, early.arrived_at, early.arrived_quantity) == (at(2, 1), None, None, 0)
    assert line().seen_at(at(1)) is None
    refused = REFUSED.seen_at(at(2, 1))
    assert refused is not None
    assert not refused.is_refused
    out = loan(extended_at=at(6), due_before_extension_at=at(6, 12), damaged=True).seen_at(at(5, 12))
    assert out is not None
    assert (out.status, out.due_at, out.back_at, out.extended_at) == (LoanStatus.ON_SCENE, at(6, 12), None, None)
    assert not out.damaged
    assert improvement(at(9)).seen_at(at(8)).completed_at is None
    assert objective(1, met=True, withdrawn=True).seen_at(at(4)).withdrawn_at is None
    planned = loan().seen_at(at(4))
    assert planned is not None
    assert (planned.status, planned.was_out) == (LoanStatus.RESERVED, False)


def test_a_change_has_an_interval_or_is_not_given() -> None:
    shares = measure("line_fill_rate", LINES), measure("line_fill_rate", [REFUSED])
    found = change(DEFINITIONS["line_fill_rate"], *shares)
    assert found is not None
    assert found.difference == pytest.approx(1 / 4)
    assert found.low < found.difference < found.high
    assert change(DEFINITIONS["line_fill_rate"], shares[0], measure("line_fill_rate", [])) is None
    hours = measure("reciprocity", [loan()]), measure("reciprocity", [RECEIVED])
    assert change(DEFINITIONS["reciprocity"], *hours) is None


def test_the_page_is_made_of_the_definitions() -> None:
    written = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    assert metrics_page(DEFINITIONS) == written, "run `registry metrics page --write docs/metrics.md`"
