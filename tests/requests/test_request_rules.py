"""The life of a request and its lines: every action on every status, edits that void approvals, expiry."""

from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement, product

import pytest

from registry.kernel.errors import RuleBroken, WrongState
from registry.requests.rules import (
    ASKING,
    FOLLOWING,
    LINE_TRANSITIONS,
    REASON_REQUIRED,
    TRANSITIONS,
    Asked,
    LineAction,
    LineStatus,
    RequestAction,
    RequestStatus,
    advance,
    advance_line,
    allowed,
    allowed_on_line,
    expired,
    follow_lines,
    void_approvals_on,
)

S, A, L = RequestStatus, RequestAction, LineStatus
FINAL = {S.DENIED, S.REJECTED, S.COMPLETED, S.UNFILLED, S.WITHDRAWN, S.EXPIRED, S.CLOSED_MANUALLY}
# The whole life: in each status, what may happen and where it leads.
ANY_WAIT = "withdraw>withdrawn expire>expired close_manually>closed_manually"
LIFE = {
    S.DRAFT: "submit>submitted withdraw>withdrawn",
    S.SUBMITTED: "submit>submitted revise>submitted deny>denied require_approval>needs_approval permit>permitted "
    + ANY_WAIT,
    S.NEEDS_APPROVAL: f"approve>approved reject>rejected revise>submitted {ANY_WAIT}",
    S.PERMITTED: f"open>open revise>submitted {ANY_WAIT}",
    S.APPROVED: f"open>open revise>submitted {ANY_WAIT}",
    S.OPEN: f"revise>submitted {ANY_WAIT}",
    S.PARTIALLY_FILLED: "complete>completed close_manually>closed_manually",
    S.FILLED: "complete>completed close_manually>closed_manually",
    **dict.fromkeys(FINAL, ""),
}
LIFE_OF_A_LINE = {
    L.DRAFT: "deny>denied require_approval>needs_approval permit>permitted withdraw>withdrawn",
    L.NEEDS_APPROVAL: "approve>approved reject>rejected revise>draft withdraw>withdrawn",
    L.PERMITTED: "reserve>reserved revise>draft withdraw>withdrawn",
    L.APPROVED: "reserve>reserved revise>draft withdraw>withdrawn",
    L.RESERVED: "reopen>draft",
    L.DENIED: "",
    L.REJECTED: "",
    L.WITHDRAWN: "",
}
TICK = timedelta(microseconds=1)
NOW = datetime(2026, 7, 4, 18, tzinfo=UTC)


@pytest.mark.parametrize(("status", "action"), list(product(RequestStatus, RequestAction)))
def test_each_action_on_each_status_is_decided(status: RequestStatus, action: RequestAction) -> None:
    moves = dict(move.split(">") for move in LIFE[status].split())
    assert set(allowed(status)) == moves.keys()
    if action in moves:
        assert advance(status, action) == moves[action]
    else:
        with pytest.raises(WrongState) as refused:
            advance(status, action)
        assert f"{status} cannot {action}" in refused.value.detail


@pytest.mark.parametrize(("status", "action"), list(product(LineStatus, LineAction)))
def test_each_action_on_each_status_of_a_line_is_decided(status: LineStatus, action: LineAction) -> None:
    moves = dict(move.split(">") for move in LIFE_OF_A_LINE[status].split())
    assert set(allowed_on_line(status)) == moves.keys()
    if action in moves:
        assert advance_line(status, action) == moves[action]
    else:
        with pytest.raises(WrongState) as refused:
            advance_line(status, action)
        assert f"{status} cannot {action}" in refused.value.detail


def test_a_refusal_tells_what_is_possible() -> None:
    with pytest.raises(WrongState, match=r"Possible now: submit, withdraw\."):
        advance(S.DRAFT, A.APPROVE)
    with pytest.raises(WrongState, match="nothing: this status is final"):
        advance_line(L.DENIED, LineAction.RESERVE)


@pytest.mark.parametrize("status", RequestStatus)
def test_exactly_the_final_statuses_have_no_way_on(status: RequestStatus) -> None:
    assert (allowed(status) == ()) == (status in FINAL)


def test_every_status_is_reached_by_an_action_or_by_following_the_lines() -> None:
    followed = {follow_lines(S.OPEN, lines) for lines in combinations_with_replacement(LineStatus, 2)}
    assert {*TRANSITIONS.values(), *followed, S.DRAFT} == set(RequestStatus)
    assert {*LINE_TRANSITIONS.values()} == set(LineStatus)


@pytest.mark.parametrize("status", [status for status in RequestStatus if status not in FINAL | {S.DRAFT}])
def test_no_request_can_get_stuck(status: RequestStatus) -> None:
    assert A.CLOSE_MANUALLY in allowed(status)
    assert A.CLOSE_MANUALLY in REASON_REQUIRED


def test_only_a_decided_request_is_opened_and_only_with_the_approval_it_needs() -> None:
    assert {status for status, action in TRANSITIONS if action is A.OPEN} == {S.PERMITTED, S.APPROVED}
    assert {status for status, action in TRANSITIONS if action is A.APPROVE} == {S.NEEDS_APPROVAL}
    reservable = {line for line, action in LINE_TRANSITIONS if action is LineAction.RESERVE}
    assert reservable == {L.PERMITTED, L.APPROVED}


def test_a_revised_request_and_a_line_that_lost_its_loan_are_decided_anew() -> None:
    revised = {after for (_, action), after in TRANSITIONS.items() if action is A.REVISE}
    assert revised == {S.SUBMITTED}
    assert advance_line(L.RESERVED, LineAction.REOPEN) is L.DRAFT
    assert advance_line(L.APPROVED, LineAction.REVISE) is L.DRAFT


def test_with_help_reserved_a_request_is_neither_revised_nor_withdrawn() -> None:
    for status in (S.PARTIALLY_FILLED, S.FILLED):
        assert not {A.REVISE, A.WITHDRAW, A.EXPIRE} & {*allowed(status)}


@pytest.mark.parametrize(
    ("status", "lines", "after"),
    [
        (S.SUBMITTED, [L.DRAFT, L.DENIED], S.SUBMITTED),
        (S.SUBMITTED, [L.PERMITTED, L.NEEDS_APPROVAL, L.DENIED], S.NEEDS_APPROVAL),
        (S.SUBMITTED, [L.PERMITTED, L.DENIED], S.PERMITTED),
        (S.SUBMITTED, [L.DENIED, L.DENIED], S.DENIED),
        (S.SUBMITTED, [L.DENIED, L.WITHDRAWN], S.DENIED),
        (S.NEEDS_APPROVAL, [L.APPROVED, L.NEEDS_APPROVAL], S.NEEDS_APPROVAL),
        (S.NEEDS_APPROVAL, [L.APPROVED, L.PERMITTED], S.APPROVED),
        (S.NEEDS_APPROVAL, [L.REJECTED, L.PERMITTED], S.PERMITTED),
        (S.NEEDS_APPROVAL, [L.REJECTED, L.DENIED], S.REJECTED),
        (S.APPROVED, [L.RESERVED, L.APPROVED], S.PARTIALLY_FILLED),
        (S.PERMITTED, [L.RESERVED], S.FILLED),
        (S.OPEN, [L.PERMITTED, L.PERMITTED], S.OPEN),
        (S.OPEN, [L.RESERVED, L.PERMITTED], S.PARTIALLY_FILLED),
        (S.OPEN, [L.RESERVED, L.WITHDRAWN], S.FILLED),
        (S.PARTIALLY_FILLED, [L.RESERVED, L.RESERVED], S.FILLED),
        (S.PARTIALLY_FILLED, [L.RESERVED, L.REJECTED], S.PARTIALLY_FILLED),
        (S.FILLED, [L.DRAFT, L.RESERVED], S.PARTIALLY_FILLED),
        (S.FILLED, [L.DRAFT], S.OPEN),
        (S.OPEN, [L.DENIED, L.REJECTED], S.UNFILLED),
        (S.OPEN, [L.WITHDRAWN, L.WITHDRAWN], S.WITHDRAWN),
    ],
)
def test_a_request_follows_its_lines(status: RequestStatus, lines: list[LineStatus], after: RequestStatus) -> None:
    assert follow_lines(status, lines) is after


@pytest.mark.parametrize("status", RequestStatus)
def test_following_is_defined_for_all_lines_ignores_their_order_and_settles_at_once(
    status: RequestStatus,
) -> None:
    for lines in combinations_with_replacement(LineStatus, 3):
        after = follow_lines(status, lines)
        assert follow_lines(status, lines[::-1]) is after
        assert follow_lines(after, lines) is after
        if status not in FOLLOWING:
            assert after is status


def test_a_request_without_lines_is_refused() -> None:
    with pytest.raises(RuleBroken):
        follow_lines(S.OPEN, [])


@pytest.mark.parametrize("field", ["asset_id", "quantity", "starts_at", "ends_at", "purpose", "added_next_year"])
def test_an_edit_of_what_was_asked_voids_approvals_and_so_does_a_field_not_known_yet(field: str) -> None:
    assert void_approvals_on([field])
    assert void_approvals_on(["note", field])


def test_an_edit_of_words_alone_leaves_approvals_standing() -> None:
    assert not void_approvals_on(["summary", "note"])
    assert not void_approvals_on([])


@pytest.mark.parametrize("status", RequestStatus)
def test_only_a_request_that_waits_expires(status: RequestStatus) -> None:
    over = Asked(status=status, ends_at=NOW - timedelta(days=1), answer_by=NOW - timedelta(days=2))
    assert expired(NOW, over) == (status in ASKING)


def test_every_request_that_expires_may_expire() -> None:
    assert {status for status in S if A.EXPIRE in allowed(status)} == ASKING


@pytest.mark.parametrize(("now", "lapsed"), [(NOW - TICK, False), (NOW, True), (NOW + TICK, True)])
def test_asking_lapses_at_the_deadline_or_the_end_of_what_was_asked_whichever_is_first(
    now: datetime, lapsed: bool
) -> None:
    later = NOW + timedelta(days=1)
    assert expired(now, Asked(status=S.OPEN, ends_at=later, answer_by=NOW)) == lapsed
    assert expired(now, Asked(status=S.OPEN, ends_at=NOW, answer_by=later)) == lapsed
    assert expired(now, Asked(status=S.OPEN, ends_at=NOW)) == lapsed
