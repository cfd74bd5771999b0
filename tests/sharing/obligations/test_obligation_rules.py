"""When an obligation is due, what becomes of it with its loan, and who may close it: the rules, without a database."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.time import act_time
from registry.sharing.obligations.rules import (
    CONDITION_REPORT,
    MET_BY_STEP,
    NOT_YET,
    RECORD_WITHIN,
    REMINDED_AFTER,
    RETURN_WHEN_RECALLED,
    TRANSITIONS,
    Deadline,
    Moments,
    ObligationAction,
    ObligationStatus,
    Standing,
    advance,
    after_step,
    begins_at,
    check_evidence,
    contest_by,
    deadline,
    late,
    settled,
    status_at,
    why_not,
)
from registry.sharing.policy.decisions import Due

pytestmark = pytest.mark.one_database

START = datetime(2026, 7, 4, 8, tzinfo=UTC)
END = START + timedelta(hours=8)
LEFT, ARRIVED, BACK = START + timedelta(minutes=30), START + timedelta(hours=2), END + timedelta(hours=3)
MADE = START - timedelta(days=1)
PLANNED = Moments(starts_at=START, planned_end_at=END)
OUT = Moments(starts_at=START, planned_end_at=END, dispatched_at=LEFT, arrived_at=ARRIVED)
RETURNED = Moments(starts_at=START, planned_end_at=END, dispatched_at=LEFT, arrived_at=ARRIVED, ended_at=BACK)
S, A = ObligationStatus, ObligationAction


def test_each_phase_is_counted_from_its_event_and_from_the_planned_time_until_that_has_come() -> None:
    assert deadline("name_the_crew", "before_dispatch", None, PLANNED, MADE).at == START
    assert deadline("name_the_crew", "before_dispatch", None, OUT, MADE).at == LEFT
    assert deadline("custody", "on_handover", None, PLANNED, MADE).at == START + RECORD_WITHIN
    assert deadline("custody", "on_handover", None, OUT, MADE).at == ARRIVED + RECORD_WITHIN
    assert deadline("hours", "during", None, OUT, MADE).at == END + RECORD_WITHIN
    assert deadline("hours", "during", None, RETURNED, MADE).at == BACK + RECORD_WITHIN
    assert deadline("inspection", "on_return", None, RETURNED, MADE).at == BACK + RECORD_WITHIN


def test_a_figure_of_the_source_is_counted_from_the_event_and_binds() -> None:
    assert deadline("drone_use_report", "during", 24, OUT, MADE) == Deadline(at=LEFT + timedelta(hours=24))
    assert deadline("claim", "after_return", 60 * 24, RETURNED, MADE) == Deadline(at=BACK + timedelta(days=60))
    assert deadline("custody", "on_handover", 2, OUT, MADE).at == ARRIVED + timedelta(hours=2)


def test_nothing_is_due_before_it_was_made_known() -> None:
    """Help is given after a call and entered hours later: what was to be done before has a time of its own then."""
    late_entry = LEFT + timedelta(hours=5)
    assert deadline("name_the_crew", "before_dispatch", None, OUT, late_entry).at == late_entry + RECORD_WITHIN
    assert deadline("custody", "on_handover", 1, OUT, late_entry).at == late_entry + timedelta(hours=1)
    long_after = BACK + timedelta(days=90)
    assert deadline("claim", "after_return", 60 * 24, RETURNED, long_after).at == long_after + RECORD_WITHIN
    assert deadline("hours", "during", None, OUT, late_entry).at == END + RECORD_WITHIN, "what is to come stays"


def test_after_the_return_without_a_figure_there_is_a_reminder_and_nobody_is_late() -> None:
    due = deadline("after_action_report", "after_return", None, RETURNED, MADE)
    assert due == Deadline(at=BACK + REMINDED_AFTER, reminder=True)
    long_after = due.at + timedelta(days=900)
    assert status_at(S.PENDING, due, long_after) is S.PENDING
    assert not late(S.MET, due, long_after, long_after)


def test_what_is_returned_when_recalled_is_due_by_the_hour_of_the_recall_and_binds_only_then() -> None:
    assert deadline(RETURN_WHEN_RECALLED, "during", None, OUT, MADE).reminder
    recalled = Moments(starts_at=START, planned_end_at=END, dispatched_at=LEFT, recall_due_at=ARRIVED)
    assert deadline(RETURN_WHEN_RECALLED, "during", None, recalled, MADE) == Deadline(at=ARRIVED)


def test_breached_begins_at_the_deadline_itself() -> None:
    due = Deadline(at=END)
    tick = timedelta(microseconds=1)
    assert status_at(S.PENDING, due, END - tick) is S.PENDING
    assert status_at(S.PENDING, due, END) is S.BREACHED
    for closed in (S.MET, S.WAIVED, S.LAPSED):
        assert status_at(closed, due, END + timedelta(days=9)) is closed
    assert not late(S.MET, due, END, END + timedelta(days=9)), "met in time, recorded later"
    assert late(S.MET, due, END + tick, END + timedelta(days=9))


def test_steps_of_the_loan_close_what_they_settle_and_nothing_else() -> None:
    for step in ("moved", "dispatched", "returned"):
        assert after_step("custody", "on_handover", step, RETURNED, still_asked=True) is S.PENDING
    assert after_step(CONDITION_REPORT, "on_handover", "dispatched", OUT, still_asked=True) is S.MET
    assert after_step(RETURN_WHEN_RECALLED, "during", "returned", RETURNED, still_asked=True) is S.LAPSED
    recalled = Moments(starts_at=START, planned_end_at=END, recall_due_at=END, ended_at=BACK)
    assert after_step(RETURN_WHEN_RECALLED, "during", "returned", recalled, still_asked=True) is S.MET
    assert after_step("insurance_proof", "before_dispatch", "dispatched", OUT, still_asked=False) is S.LAPSED
    assert after_step("report", "after_return", "dispatched", OUT, still_asked=False) is S.PENDING


def test_a_loan_that_never_was_obliges_to_nothing_and_a_lost_one_to_all_but_its_return() -> None:
    assert after_step("custody", "on_handover", "over", PLANNED, still_asked=True) is S.LAPSED
    assert after_step("report", "after_return", "over", RETURNED, still_asked=True) is S.PENDING
    assert after_step(RETURN_WHEN_RECALLED, "during", "over", RETURNED, still_asked=True) is S.LAPSED


def test_only_what_the_table_allows_is_done_and_law_is_waived_by_nobody() -> None:
    for status, action in product(S, A):
        if (status, action) in TRANSITIONS:
            assert advance(status, action, Standing()) is TRANSITIONS[status, action]
        else:
            with pytest.raises(WrongStatus):
                advance(status, action, Standing())
    with pytest.raises(WrongStatus, match="Some Act 1"):
        advance(S.PENDING, A.WAIVE, Standing(law="Some Act 1"))
    assert advance(S.BREACHED, A.FULFIL, Standing(law="Some Act 1")) is S.MET


def test_what_a_step_of_the_loan_meets_nobodys_word_meets() -> None:
    for code, words in MET_BY_STEP.items():
        assert why_not(S.PENDING, A.FULFIL, Standing(code=code)) == words
        assert why_not(S.PENDING, A.WAIVE, Standing(code=code)) is None


def test_nothing_is_met_before_that_has_come_of_which_it_speaks() -> None:
    assert begins_at("before_dispatch", LEFT, PLANNED) == LEFT, "since the loan was made"
    out: tuple[Due, ...] = ("on_handover", "during")
    back: tuple[Due, ...] = ("on_return", "after_return")
    for due in out:
        assert (begins_at(due, START, PLANNED), begins_at(due, START, OUT)) == (None, LEFT)
    for due in back:
        assert (begins_at(due, START, OUT), begins_at(due, START, RETURNED)) == (None, BACK)
    with pytest.raises(WrongStatus, match="it came back"):
        advance(S.PENDING, A.FULFIL, Standing(not_yet=NOT_YET["after_return"]))
    assert why_not(S.PENDING, A.WAIVE, Standing(not_yet=NOT_YET["after_return"])) is None


def test_that_it_was_met_is_contested_within_its_time_unless_it_was_accepted() -> None:
    assert contest_by(BACK, by_a_person=True) == BACK + CONTEST_PERIOD
    assert contest_by(BACK, by_a_person=False) is contest_by(None, by_a_person=True) is None
    last = BACK + CONTEST_PERIOD
    assert settled(BACK, accepted=False, by_a_person=True, now=last - timedelta(microseconds=1)) is None
    for over in (
        settled(BACK, accepted=False, by_a_person=True, now=last),
        settled(BACK, accepted=True, by_a_person=True, now=BACK),
        settled(BACK, accepted=False, by_a_person=False, now=BACK),
    ):
        with pytest.raises(WrongStatus):
            advance(S.MET, A.CONTEST, Standing(settled=over))


def test_something_shows_that_it_was_met() -> None:
    with pytest.raises(RuleBroken, match="statement"):
        check_evidence(None, [])
    check_evidence("Done (demo).", [])
    check_evidence(None, ["ab" * 32])


def test_an_act_is_dated_between_what_precedes_it_and_now() -> None:
    assert act_time(None, END, START, "The loan was made") == END
    assert act_time(None, START, END, "It left") == END, "the clock was set back"
    assert act_time(LEFT, END, START, "It left") == LEFT
    assert act_time(START, END, START, "It left") == START
    with pytest.raises(RuleBroken, match="It left at 2026-07-04T08:00:00Z"):
        act_time(START - timedelta(seconds=1), END, START, "It left")
    with pytest.raises(RuleBroken, match="2026-07-04T16:00:00Z now"):
        act_time(END + timedelta(seconds=1), END, START, "It left")
