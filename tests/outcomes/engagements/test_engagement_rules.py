"""The life of an engagement and of a corrective action: the rules, without a database."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from registry.outcomes.engagements.rules import (
    COMMUNITY,
    STEPS,
    TEACHES,
    TRANSITIONS,
    CorrectiveActionStatus,
    EngagementAction,
    EngagementKind,
    EngagementStatus,
    ExerciseType,
    ImprovementStep,
    InvitationStatus,
    advance,
    check_exercise,
    check_public,
    checked_times,
    ends_of_day,
    is_late,
    take_step,
    why_no_answer,
    why_not,
)
from registry.platform.kernel.errors import RuleBroken, WrongStatus

pytestmark = pytest.mark.one_database

START = datetime(2099, 7, 4, 14, tzinfo=UTC)
S, A, C, I = EngagementStatus, EngagementAction, CorrectiveActionStatus, ImprovementStep  # noqa: E741
K = EngagementKind


def test_every_action_in_every_status_is_either_in_the_table_or_refused() -> None:
    allowed = {
        S.PLANNED: {A.UPDATE, A.INVITE, A.CANCEL, A.COMPLETE, A.ACCEPT_INVITATION, A.DECLINE_INVITATION},
        S.HELD: {A.EVALUATE, A.PLAN_ACTION, A.CREDIT_TRAINING},
        S.CANCELLED: set(),
    }
    for status, action in product(S, A):
        possible = why_not(status, action, kind=K.WORKSHOP, begun=True) is None
        assert possible == (action in allowed[status]) == ((status, action) in TRANSITIONS), (status, action)
        if not possible:
            with pytest.raises(WrongStatus):
                advance(status, action, kind=K.WORKSHOP, begun=True)


def test_what_comes_of_an_engagement_is_entered_once_it_has_begun() -> None:
    assert advance(S.PLANNED, A.COMPLETE, kind=K.MEETING, begun=True) is S.HELD
    with pytest.raises(WrongStatus, match="not begun"):
        advance(S.PLANNED, A.COMPLETE, kind=K.MEETING, begun=False)
    assert advance(S.PLANNED, A.CANCEL, kind=K.MEETING, begun=False) is S.CANCELLED


@pytest.mark.parametrize("kind", K)
def test_people_are_credited_with_trainings_alone(kind: EngagementKind) -> None:
    assert (why_not(S.HELD, A.CREDIT_TRAINING, kind=kind, begun=True) is None) == (kind in TEACHES)


def test_an_invitation_is_answered_either_way_and_not_twice_the_same() -> None:
    for status in InvitationStatus:
        accepted = why_no_answer(status, A.ACCEPT_INVITATION) is None
        declined = why_no_answer(status, A.DECLINE_INVITATION) is None
        assert accepted == (status is not InvitationStatus.ACCEPTED)
        assert declined == (status is not InvitationStatus.DECLINED)


def test_a_corrective_action_is_completed_by_one_and_closed_by_the_other() -> None:
    expected = {(C.OPEN, I.COMPLETE): C.COMPLETED, (C.COMPLETED, I.CLOSE): C.CLOSED, (C.COMPLETED, I.REOPEN): C.OPEN}
    assert expected == STEPS
    for status, step in product(C, I):
        if (status, step) in expected:
            assert take_step(status, step) is expected[status, step]
        else:
            with pytest.raises(WrongStatus):
                take_step(status, step)


def test_it_is_late_from_the_end_of_its_day_where_the_engagement_is() -> None:
    due = ends_of_day(date(2099, 7, 4), "America/Chicago")
    assert due == datetime(2099, 7, 5, 5, tzinfo=UTC)
    assert not is_late(None, due, due - timedelta(microseconds=1))
    assert is_late(None, due, due)
    assert not is_late(due - timedelta(days=1), due, due + timedelta(days=99)), "it was done in time"


@pytest.mark.parametrize("kind", K)
def test_an_exercise_alone_has_a_type_and_objectives(kind: EngagementKind) -> None:
    if kind is K.EXERCISE:
        check_exercise(kind, ExerciseType.DRILL, 3)
        with pytest.raises(RuleBroken) as missing:
            check_exercise(kind, None, 3)
        assert missing.value.code == "exercise_type_missing"
        return
    check_exercise(kind, None, 0)
    for broken in ((ExerciseType.GAME, 0), (None, 1)):
        with pytest.raises(RuleBroken) as refused:
            check_exercise(kind, *broken)
        assert refused.value.code == "no_exercise"


@pytest.mark.parametrize("kind", K)
def test_everybody_is_shown_programmes_for_residents_alone(kind: EngagementKind) -> None:
    check_public(kind, public=False)
    if kind in COMMUNITY:
        check_public(kind, public=True)
    else:
        with pytest.raises(RuleBroken):
            check_public(kind, public=True)


def test_it_ends_after_it_starts_and_within_a_year() -> None:
    hour = timedelta(hours=1)
    assert checked_times(START, START + hour, "America/Chicago") == (START, START + hour)
    for end in (START, START - hour, START + timedelta(days=367)):
        with pytest.raises(RuleBroken) as refused:
            checked_times(START, end, "America/Chicago")
        assert refused.value.code == "window_reversed"
    with pytest.raises(RuleBroken):
        checked_times(START, START + hour, "Middle/Earth")
