"""The life of a request and its lines: every action on every status, and edits that void approvals."""

from itertools import combinations_with_replacement, product

import pytest

from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.sharing.requests.rules import (
    LINE_TRANSITIONS,
    TRANSITIONS,
    LineAction,
    LineStatus,
    RequestAction,
    RequestStatus,
    advance,
    advance_line,
    follow_lines,
    void_approvals_on,
)
from tests.support.cases import every_case

S, A, L = RequestStatus, RequestAction, LineStatus
FINAL = {S.DENIED, S.REJECTED, S.COMPLETED, S.WITHDRAWN, S.EXPIRED, S.CLOSED_MANUALLY}
# The whole life: in each status, what may happen and where it leads.
ASKING = "revise>submitted withdraw>withdrawn close_manually>closed_manually"
LIFE = {
    S.DRAFT: "submit>submitted withdraw>withdrawn",
    S.SUBMITTED: f"submit>submitted {ASKING}",
    S.NEEDS_APPROVAL: ASKING,
    S.PERMITTED: ASKING,
    S.APPROVED: ASKING,
    S.PARTIALLY_FILLED: "close_manually>closed_manually",
    S.FILLED: "close_manually>closed_manually",
    **dict.fromkeys(FINAL, ""),
}
LIFE_OF_A_LINE = {
    L.DRAFT: "deny>denied require_approval>needs_approval permit>permitted withdraw>withdrawn",
    L.NEEDS_APPROVAL: "approve>approved reject>rejected revise>draft withdraw>withdrawn",
    L.PERMITTED: "revise>draft withdraw>withdrawn",
    L.APPROVED: "revise>draft withdraw>withdrawn",
    L.RESERVED: "",
    L.DENIED: "",
    L.REJECTED: "",
    L.WITHDRAWN: "",
}


def allowed(status: RequestStatus) -> set[RequestAction]:
    return {action for start, action in TRANSITIONS if start is status}


def test_each_action_on_each_status_is_decided() -> None:
    with every_case() as case:
        for status, action in product(RequestStatus, RequestAction):
            with case(f"{status} {action}"):
                moves = dict(move.split(">") for move in LIFE[status].split())
                assert allowed(status) == moves.keys()
                if action in moves:
                    assert advance(status, action) == moves[action]
                else:
                    with pytest.raises(WrongStatus) as refused:
                        advance(status, action)
                    assert f" that is {status} does not allow".replace("_", " ") in refused.value.detail


def test_each_action_on_each_status_of_a_line_is_decided() -> None:
    with every_case() as case:
        for status, action in product(LineStatus, LineAction):
            with case(f"{status} {action}"):
                moves = dict(move.split(">") for move in LIFE_OF_A_LINE[status].split())
                assert {action for start, action in LINE_TRANSITIONS if start is status} == moves.keys()
                if action in moves:
                    assert advance_line(status, action) == moves[action]
                else:
                    with pytest.raises(WrongStatus) as refused:
                        advance_line(status, action)
                    assert f" that is {status} does not allow".replace("_", " ") in refused.value.detail


def test_a_refusal_says_where_the_caller_reads_what_is_possible() -> None:
    with pytest.raises(WrongStatus, match=r"draft does not allow “revise”\. Its `allowed_actions` say"):
        advance(S.DRAFT, A.REVISE)


@pytest.mark.parametrize("status", RequestStatus)
def test_exactly_the_final_statuses_have_no_way_on(status: RequestStatus) -> None:
    assert (not allowed(status)) == (status in FINAL)


def test_every_status_is_reached_by_an_action_or_by_following_the_lines() -> None:
    followed = {follow_lines(lines) for lines in combinations_with_replacement(LineStatus, 2)}
    seen_from_loans_and_time = {S.COMPLETED, S.EXPIRED}
    assert {*TRANSITIONS.values(), *followed, S.DRAFT, *seen_from_loans_and_time} == set(RequestStatus)
    assert {*LINE_TRANSITIONS.values(), L.RESERVED} == set(LineStatus)


@pytest.mark.parametrize("status", [status for status in RequestStatus if status not in FINAL | {S.DRAFT}])
def test_no_request_can_get_stuck(status: RequestStatus) -> None:
    assert A.CLOSE_MANUALLY in allowed(status)


def test_a_revised_request_is_decided_anew() -> None:
    revised = {after for (_, action), after in TRANSITIONS.items() if action is A.REVISE}
    assert revised == {S.SUBMITTED}
    assert advance_line(L.APPROVED, LineAction.REVISE) is L.DRAFT


def test_with_help_reserved_a_request_is_neither_revised_nor_withdrawn() -> None:
    for status in (S.PARTIALLY_FILLED, S.FILLED):
        assert not {A.REVISE, A.WITHDRAW} & allowed(status)


@pytest.mark.parametrize(
    ("lines", "after"),
    [
        ([L.DRAFT, L.DENIED], S.SUBMITTED),
        ([L.PERMITTED, L.NEEDS_APPROVAL, L.DENIED], S.NEEDS_APPROVAL),
        ([L.PERMITTED, L.DENIED], S.PERMITTED),
        ([L.DENIED, L.DENIED], S.DENIED),
        ([L.DENIED, L.WITHDRAWN], S.DENIED),
        ([L.APPROVED, L.NEEDS_APPROVAL], S.NEEDS_APPROVAL),
        ([L.APPROVED, L.PERMITTED], S.APPROVED),
        ([L.REJECTED, L.PERMITTED], S.PERMITTED),
        ([L.REJECTED, L.DENIED], S.REJECTED),
        ([L.RESERVED, L.APPROVED], S.PARTIALLY_FILLED),
        ([L.RESERVED, L.REJECTED], S.PARTIALLY_FILLED),
        ([L.RESERVED, L.DRAFT], S.PARTIALLY_FILLED),
        ([L.RESERVED, L.WITHDRAWN], S.FILLED),
        ([L.RESERVED, L.RESERVED], S.FILLED),
        ([L.WITHDRAWN, L.WITHDRAWN], S.WITHDRAWN),
    ],
)
def test_a_request_follows_its_lines_in_whatever_order(lines: list[LineStatus], after: RequestStatus) -> None:
    assert follow_lines(lines) is follow_lines(lines[::-1]) is after


def test_a_request_without_lines_is_refused() -> None:
    with pytest.raises(RuleBroken):
        follow_lines([])


@pytest.mark.parametrize("field", ["asset_id", "quantity", "starts_at", "ends_at", "purpose", "added_next_year"])
def test_an_edit_of_what_was_asked_voids_approvals_and_so_does_a_field_not_known_yet(field: str) -> None:
    assert void_approvals_on([field])
    assert void_approvals_on(["note", field])


def test_an_edit_of_words_alone_leaves_approvals_standing() -> None:
    assert not void_approvals_on(["summary", "note"])
    assert not void_approvals_on([])
