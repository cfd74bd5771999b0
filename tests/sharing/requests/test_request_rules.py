"""The life of a request and its lines: every action on every status, and edits that void approvals."""

from itertools import combinations_with_replacement, product

import pytest

from registry.directory.taxonomy.rules import AttributeValue
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.text import spoken
from registry.sharing.requests.need_rules import what_is_lacking
from registry.sharing.requests.rules import (
    ENDED,
    LINE_TRANSITIONS,
    MENDABLE,
    OPEN,
    REFUSED,
    STORED,
    TRANSITIONS,
    LineAction,
    LineStatus,
    RequestAction,
    RequestStatus,
    advance,
    advance_line,
    follow_lines,
    next_tier,
    what_is_void,
    why_not_accepted,
    why_not_answered,
    why_not_asked_again,
    why_not_declined,
    why_not_mended,
    why_not_offered,
    why_not_sourced,
    why_not_submitted,
    why_not_withdrawn,
)
from tests.support.cases import every_case

S, A, L, B = RequestStatus, RequestAction, LineStatus, LineAction
FINAL = {S.COMPLETED, S.WITHDRAWN, S.EXPIRED, S.CLOSED_MANUALLY}
# The whole life: in each status, what may happen and where it leads.
ASKING = "revise>submitted withdraw>withdrawn close_manually>closed_manually"
LIFE = {
    S.DRAFT: "submit>submitted withdraw>withdrawn",
    S.SUBMITTED: f"submit>submitted {ASKING}",
    S.OPEN: ASKING,
    S.NEEDS_APPROVAL: ASKING,
    S.PERMITTED: ASKING,
    S.APPROVED: ASKING,
    S.DENIED: ASKING,
    S.REJECTED: ASKING,
    S.DECLINED: ASKING,
    S.PARTIALLY_FILLED: "submit>partially_filled revise>partially_filled close_manually>closed_manually",
    S.FILLED: "close_manually>closed_manually",
    **dict.fromkeys(FINAL, ""),
}
ASKED = "require_approval>needs_approval permit>permitted decline>declined withdraw>withdrawn expire>expired"
WAITING = "decline>declined revise>draft replace>withdrawn withdraw>withdrawn expire>expired"
LIFE_OF_A_LINE = {
    L.DRAFT: "deny>denied require_approval>needs_approval permit>permitted open>open "
    "replace>withdrawn withdraw>withdrawn expire>expired",
    L.OPEN: "revise>draft replace>withdrawn withdraw>withdrawn expire>expired",
    L.PARTIALLY_FILLED: "",
    L.FILLED: "",
    L.QUEUED: "ask>asked withdraw>withdrawn expire>expired",
    L.ASKED: f"offer>offered lapse>unanswered {ASKED}",
    L.UNANSWERED: f"offer>offered {ASKED}",
    L.OFFERED: f"reject>rejected suspend>suspended {ASKED}",
    L.SUSPENDED: f"offer>offered {ASKED}",
    L.NEEDS_APPROVAL: f"approve>approved reject>rejected suspend>suspended {WAITING}",
    L.PERMITTED: f"suspend>suspended {WAITING}",
    L.APPROVED: f"suspend>suspended {WAITING}",
    L.RESERVED: "",
    L.DENIED: "replace>denied withdraw>withdrawn",
    L.REJECTED: "replace>rejected withdraw>withdrawn",
    L.DECLINED: "replace>declined withdraw>withdrawn",
    L.WITHDRAWN: "",
    L.EXPIRED: "",
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
                    assert f" that is {spoken(status)} does not allow" in refused.value.detail


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
                    assert f" that is {spoken(status)} does not allow" in refused.value.detail


def test_a_refusal_says_where_the_caller_reads_what_is_possible() -> None:
    with pytest.raises(WrongStatus, match=r"draft does not allow “revise”\. Its `allowed_actions` say"):
        advance(S.DRAFT, A.REVISE)


@pytest.mark.parametrize("status", RequestStatus)
def test_exactly_the_final_statuses_have_no_way_on(status: RequestStatus) -> None:
    assert (not allowed(status)) == (status in FINAL)


def test_every_status_is_reached_by_an_action_or_by_following_the_lines() -> None:
    followed = {follow_lines(lines) for lines in combinations_with_replacement(LineStatus, 2)}
    seen_from_loans_and_time = {S.COMPLETED}
    assert {*TRANSITIONS.values(), *followed, S.DRAFT, *seen_from_loans_and_time} == set(RequestStatus)
    first = {L.DRAFT, L.QUEUED}
    assert {*first, *LINE_TRANSITIONS.values(), L.RESERVED, L.PARTIALLY_FILLED, L.FILLED} == set(LineStatus)
    assert {*first, *LINE_TRANSITIONS.values()} == {*STORED}


@pytest.mark.parametrize("status", [status for status in RequestStatus if status not in FINAL | {S.DRAFT}])
def test_no_request_can_get_stuck(status: RequestStatus) -> None:
    assert A.CLOSE_MANUALLY in allowed(status)


def test_a_revised_request_is_decided_anew() -> None:
    revised = {before: after for (before, action), after in TRANSITIONS.items() if action is A.REVISE}
    assert revised.pop(S.PARTIALLY_FILLED) is S.PARTIALLY_FILLED
    assert set(revised.values()) == {S.SUBMITTED}
    assert advance_line(L.APPROVED, LineAction.REVISE) is L.DRAFT


def test_with_help_reserved_a_request_is_not_withdrawn_and_revised_only_while_a_line_has_no_loan() -> None:
    for status in (S.PARTIALLY_FILLED, S.FILLED):
        assert A.WITHDRAW not in allowed(status)
    assert {A.REVISE, A.SUBMIT} <= allowed(S.PARTIALLY_FILLED)
    assert not {A.REVISE, A.SUBMIT} & allowed(S.FILLED)


@pytest.mark.parametrize("line", LineStatus)
def test_what_is_refused_or_still_open_can_be_mended_and_nothing_else(line: LineStatus) -> None:
    ends = {L.RESERVED, L.WITHDRAWN, L.EXPIRED}
    of_agencies_asked = {L.QUEUED, L.ASKED, L.UNANSWERED, L.OFFERED, L.SUSPENDED}
    lent = {L.PARTIALLY_FILLED, L.FILLED}
    assert (why_not_mended(S.SUBMITTED, line, replaced=False) is None) == (line not in ends | of_agencies_asked | lent)
    assert why_not_mended(S.SUBMITTED, line, replaced=True) is not None
    assert why_not_mended(S.SUBMITTED, line, replaced=False, fills_no=1) is not None


def test_each_verb_of_a_line_is_offered_or_withheld_with_a_reason_in_each_status() -> None:
    with every_case() as case:
        for status, line, replaced, over in product(RequestStatus, LineStatus, (False, True), (False, True)):
            with case(f"{status} {line} {replaced} {over}"):
                mended = why_not_mended(status, line, replaced=replaced)
                editable = status is S.DRAFT or A.REVISE in allowed(status)
                assert (mended is None) == (editable and not replaced and line in MENDABLE)
                again = why_not_asked_again(status, line, 1, replaced=replaced, over=over)
                assert (again is None) == (mended is None and line in REFUSED and not over)
                withdrawn = why_not_withdrawn(status, line, replaced=replaced)
                still = line in OPEN | REFUSED or line is L.PARTIALLY_FILLED
                assert (withdrawn is None) == (editable and not replaced and still)
                if line in REFUSED:
                    assert why_not_withdrawn(status, line, replaced=replaced, fills_no=1) is not None
                declined = why_not_declined(status, line)
                declinable = LINE_TRANSITIONS.get((line, B.DECLINE)) == L.DECLINED
                assert (declined is None) == (declinable and status not in ENDED)
                for left in (0, 1):
                    sourced = why_not_sourced(status, line, left)
                    to_source = line in (L.OPEN, L.PARTIALLY_FILLED)
                    assert (sourced is None) == (to_source and bool(left) and status not in ENDED)
                    offered = why_not_offered(status, line, left)
                    to_offer = LINE_TRANSITIONS.get((line, B.OFFER)) == L.OFFERED
                    assert (offered is None) == (to_offer and bool(left) and status not in ENDED)
                    accepted, refused = (
                        why_not_answered(status, line, left, accept=accept) for accept in (True, False)
                    )
                    assert (refused is None) == (line is L.OFFERED and status not in ENDED)
                    assert (accepted is None) == (refused is None and bool(left))
                reasons = [
                    each
                    for each in (mended, again, withdrawn, declined, sourced, offered, accepted)
                    if each is not None
                ]
                assert all(reason.endswith(".") for reason in reasons)


@pytest.mark.parametrize("status", RequestStatus)
def test_a_changed_asset_is_accepted_until_people_ended_the_request(status: RequestStatus) -> None:
    assert (why_not_accepted(status, changed=True) is None) == (status not in {S.WITHDRAWN, S.CLOSED_MANUALLY})
    assert why_not_accepted(status, changed=False) is not None


def test_a_request_is_submitted_while_something_in_it_is_undecided() -> None:
    for status in RequestStatus:
        assert (why_not_submitted(status, undecided=True) is None) == (A.SUBMIT in allowed(status))
        assert why_not_submitted(status, undecided=False) is not None


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
        ([L.DECLINED, L.PERMITTED], S.PERMITTED),
        ([L.DECLINED, L.REJECTED], S.DECLINED),
        ([L.DECLINED, L.DENIED], S.DECLINED),
        ([L.DECLINED, L.RESERVED], S.PARTIALLY_FILLED),
        ([L.OPEN, L.PERMITTED], S.OPEN),
        ([L.OPEN, L.DRAFT], S.SUBMITTED),
        ([L.OPEN, L.RESERVED], S.PARTIALLY_FILLED),
        ([L.ASKED], S.OPEN),
        ([L.OFFERED, L.DECLINED], S.OPEN),
        ([L.UNANSWERED], S.EXPIRED),
        ([L.PARTIALLY_FILLED, L.RESERVED], S.PARTIALLY_FILLED),
        ([L.FILLED, L.RESERVED], S.FILLED),
        ([L.QUEUED, L.PERMITTED], S.PERMITTED),
        ([L.EXPIRED, L.PERMITTED], S.PERMITTED),
        ([L.EXPIRED, L.DENIED], S.DENIED),
        ([L.EXPIRED, L.WITHDRAWN], S.EXPIRED),
        ([L.EXPIRED, L.RESERVED], S.PARTIALLY_FILLED),
    ],
)
def test_a_request_follows_its_lines_in_whatever_order(lines: list[LineStatus], after: RequestStatus) -> None:
    assert follow_lines(lines) is follow_lines(lines[::-1]) is after


def test_a_request_without_lines_is_refused() -> None:
    with pytest.raises(RuleBroken):
        follow_lines([])


@pytest.mark.parametrize("field", ["asset_id", "quantity", "starts_at", "ends_at", "purpose", "added_next_year"])
def test_an_edit_of_what_was_asked_voids_approvals_and_so_does_a_field_not_known_yet(field: str) -> None:
    assert what_is_void([field]) == "decisions"
    assert what_is_void(["note", field]) == "decisions"


def test_an_edit_of_words_alone_voids_approvals_and_no_decision() -> None:
    assert what_is_void(["summary", "note"]) == what_is_void(["note"]) == "approvals"
    assert what_is_void([]) is None


@pytest.mark.parametrize(
    ("asks", "left", "tier"),
    [
        ([], 1, None),
        ([(1, L.QUEUED), (2, L.QUEUED)], 1, 1),
        ([(1, L.ASKED), (2, L.QUEUED)], 1, None),
        ([(1, L.OFFERED), (2, L.QUEUED)], 1, None),
        ([(1, L.UNANSWERED), (2, L.QUEUED), (3, L.QUEUED)], 1, 2),
        ([(1, L.UNANSWERED), (1, L.ASKED), (2, L.QUEUED)], 1, None),
        ([(1, L.UNANSWERED), (2, L.QUEUED)], 0, None),
    ],
)
def test_the_next_tier_is_asked_once_all_have_answered_and_something_is_lacking(
    asks: list[tuple[int, LineStatus]], left: int, tier: int | None
) -> None:
    assert next_tier(asks, left) == next_tier(asks[::-1], left) == tier


def test_an_asset_meets_a_need_by_its_category_type_and_what_it_states() -> None:
    stated: dict[str, AttributeValue] = {"seats": 5, "breed": "Malinois", "sealed": True, "load": "1.50"}

    def lacks(asked: dict[str, str], level: int | None = 2, category: str = "k9") -> bool:
        path = ("k9.narcotics", "k9", "any")
        return what_is_lacking(asked, 2, category, path=path, level=level, stated=stated) is not None

    met: list[dict[str, str]] = [{}, {"seats_from": "5"}, {"seats_to": "5.0"}, {"breed": "malinois"}, {"load": "1.5"}]
    with every_case() as case:
        for asked in (*met, {"sealed": "true"}):
            with case(f"met: {asked}"):
                assert not lacks(asked)
        for asked in ({"seats_from": "6"}, {"seats_to": "4"}, {"breed": "Labrador"}, {"wings": "2"}, {"wings_to": "9"}):
            with case(f"not met: {asked}"):
                assert lacks(asked)
        for level, category, expected in ((1, "any", False), (3, "k9", True), (None, "k9", True), (2, "vehicle", True)):
            with case(f"{level} {category}"):
                assert lacks({}, level, category) == expected
        with case("no number"):
            assert lacks({"seats_from": "many"})


def test_a_refusal_speaks_of_a_status_in_words() -> None:
    assert why_not_declined(S.CLOSED_MANUALLY, L.PERMITTED) == "Not while the request is closed."
    assert why_not_sourced(S.OPEN, L.NEEDS_APPROVAL, 1) == "Not while the line is waiting for approval."
