"""The life of a loan, what it holds, and how many units are left: exhaustively and against brute force."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.platform.kernel.errors import Forbidden, RuleBroken, WrongStatus
from registry.platform.kernel.time import format_instant
from registry.resources.allocations.occupancy import Hold, first_conflict, free_quantity
from registry.sharing.loans.edxl import RESERVED, STEPS, EdxlStep
from registry.sharing.loans.rules import (
    NO_SHOW_GRACE,
    OUT,
    SIDES,
    TRANSITIONS,
    LoanAction,
    LoanStatus,
    Overlays,
    Side,
    advance,
    check_extension,
    check_overlays,
    check_recall,
    check_side,
    check_timing,
    due_back,
    no_show_settled,
    overdue,
    quantity_found,
    quantity_lost,
    time_withholds,
    timing_refusal,
    why_unavailable,
)
from tests.support.cases import every_case

S, A = LoanStatus, LoanAction
NOTHING = Overlays()
FINAL = {S.CANCELLED}
EVERY_OVERLAY = [
    Overlays(extension_pending=pending, recall_requested=recalled, some_lost=lost)
    for pending, recalled, lost in product((False, True), repeat=3)
]


def allowed(status: LoanStatus, side: Side, overlays: Overlays = NOTHING) -> set[LoanAction]:
    """What the side is offered."""
    return {
        action for action in LoanAction if side in SIDES[action] and why_unavailable(status, action, overlays) is None
    }


# The whole life, read from the field's practice: in each state, what may happen and where it leads.
LIFE = {
    S.RESERVED: "dispatch>dispatched cancel>cancelled report_no_show>no_show accept_changed_asset>reserved",
    S.DISPATCHED: "receive>on_scene start_return>returning return>returned "
    "report_lost>lost report_found>dispatched request_extension>dispatched accept_extension>dispatched "
    "decline_extension>dispatched recall>dispatched withdraw_recall>dispatched",
    S.ON_SCENE: "start_return>returning return>returned report_lost>lost report_found>on_scene "
    "request_extension>on_scene accept_extension>on_scene decline_extension>on_scene recall>on_scene "
    "withdraw_recall>on_scene accept_count>on_scene correct_count>on_scene",
    S.RETURNING: "return>returned report_lost>lost report_found>returning recall>returning withdraw_recall>returning "
    "accept_count>returning correct_count>returning",
    S.RETURNED: "close>closed report_found>returned report_damage>returned contest_damage>returned "
    "withdraw_damage>returned",
    S.CLOSED: "report_found>closed report_damage>closed contest_damage>closed withdraw_damage>closed",
    S.CANCELLED: "",
    S.NO_SHOW: "contest_no_show>no_show withdraw_no_show>reserved",
    S.LOST: "report_found>on_scene",
}
for _status in (S.DISPATCHED, S.ON_SCENE, S.RETURNING, S.RETURNED, S.CLOSED, S.LOST):
    LIFE[_status] += "".join(f" {word}>{_status}" for word in ("contest_time", "accept_time", "withdraw_contest"))
TICK = timedelta(microseconds=1)
START = datetime(2026, 7, 4, 18, tzinfo=UTC)


def hour(offset: float) -> datetime:
    return START + timedelta(hours=offset)


END = hour(10)


class TestStates:
    def test_each_action_in_each_state_is_decided(self) -> None:
        with every_case() as case:
            for status, action in product(LoanStatus, LoanAction):
                with case(f"{status} {action}"):
                    moves = dict(move.split(">") for move in LIFE[status].split())
                    if action in moves:
                        assert advance(status, action) == moves[action]
                    else:
                        with pytest.raises(WrongStatus) as refused:
                            advance(status, action)
                        assert f" that is {status} does not allow".replace("_", " ") in refused.value.detail

    def test_a_refusal_says_where_the_caller_reads_what_is_possible(self) -> None:
        with pytest.raises(WrongStatus, match=r"reserved does not allow “report lost”\. Its `allowed_actions` say"):
            advance(S.RESERVED, A.REPORT_LOST)

    @pytest.mark.parametrize("status", LoanStatus)
    def test_exactly_the_final_states_have_no_way_on(self, status: LoanStatus) -> None:
        assert any(start is status for start, _ in TRANSITIONS) == (status not in FINAL)

    def test_every_state_is_reached_from_a_reservation(self) -> None:
        reached = {S.RESERVED}
        for _ in S:
            reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
        assert reached == set(S)

    def test_the_whole_way_out_and_home(self) -> None:
        status = S.RESERVED
        for action in (A.DISPATCH, A.RECEIVE, A.START_RETURN, A.RETURN, A.CLOSE):
            status = advance(status, action)
        assert status is S.CLOSED

    @pytest.mark.parametrize("status", sorted(OUT))
    def test_returning_is_possible_from_every_state_in_which_the_asset_is_out(self, status: LoanStatus) -> None:
        for overlays in EVERY_OVERLAY:
            assert A.RETURN in allowed(status, Side.ASSISTING, overlays)

    @pytest.mark.parametrize("status", sorted(OUT))
    def test_what_is_out_can_be_recalled_but_neither_cancelled_nor_a_no_show(self, status: LoanStatus) -> None:
        assert A.RECALL in allowed(status, Side.ASSISTING)
        assert {A.CANCEL, A.REPORT_NO_SHOW} & {action for start, action in TRANSITIONS if start is status} == set()

    def test_an_asset_that_is_out_leaves_that_only_by_return_or_loss(self) -> None:
        leaving = {
            (action, after) for (start, action), after in TRANSITIONS.items() if start in OUT and after not in OUT
        }
        assert leaving == {(A.RETURN, S.RETURNED), (A.REPORT_LOST, S.LOST)}


class TestSides:
    @pytest.mark.parametrize(("action", "side"), list(product(LoanAction, Side)))
    def test_each_action_is_decided_for_each_side(self, action: LoanAction, side: Side) -> None:
        if side in SIDES[action]:
            check_side(action, side)
        else:
            with pytest.raises(Forbidden) as refused:
                check_side(action, side)
            assert refused.value.code == "other_sides_action"

    def test_each_hand_over_has_a_half_for_each_side(self) -> None:
        assert SIDES[A.DISPATCH] == SIDES[A.RETURN] == {Side.ASSISTING}
        assert SIDES[A.RECEIVE] == SIDES[A.START_RETURN] == {Side.REQUESTING}

    def test_nobody_answers_their_own_request_for_more_time(self) -> None:
        assert not SIDES[A.REQUEST_EXTENSION] & (SIDES[A.ACCEPT_EXTENSION] | SIDES[A.DECLINE_EXTENSION])

    @pytest.mark.parametrize(("status", "side"), list(product(LoanStatus, Side)))
    def test_what_is_allowed_is_exactly_what_no_check_refuses(self, status: LoanStatus, side: Side) -> None:
        for overlays in EVERY_OVERLAY:
            for action in LoanAction:
                try:
                    advance(status, action)
                    check_side(action, side)
                    check_overlays(action, overlays)
                except (WrongStatus, Forbidden):
                    assert action not in allowed(status, side, overlays)
                else:
                    assert action in allowed(status, side, overlays)


class TestOverlays:
    def test_an_extension_is_answered_only_while_one_is_pending(self) -> None:
        answers = {A.ACCEPT_EXTENSION, A.DECLINE_EXTENSION}
        assert not answers & allowed(S.ON_SCENE, Side.ASSISTING)
        assert answers < allowed(S.ON_SCENE, Side.ASSISTING, Overlays(extension_pending=True))

    def test_an_extension_is_asked_for_once_at_a_time(self) -> None:
        assert A.REQUEST_EXTENSION in allowed(S.ON_SCENE, Side.REQUESTING)
        assert A.REQUEST_EXTENSION not in allowed(S.ON_SCENE, Side.REQUESTING, Overlays(extension_pending=True))

    def test_a_recalled_loan_is_not_extended_until_the_recall_is_withdrawn(self) -> None:
        recalled = Overlays(extension_pending=True, recall_requested=True)
        assert A.REQUEST_EXTENSION not in allowed(S.ON_SCENE, Side.REQUESTING, recalled)
        assert A.ACCEPT_EXTENSION not in allowed(S.ON_SCENE, Side.ASSISTING, recalled)
        assert {A.DECLINE_EXTENSION, A.WITHDRAW_RECALL} < allowed(S.ON_SCENE, Side.ASSISTING, recalled)
        assert A.RECALL not in allowed(S.ON_SCENE, Side.ASSISTING, recalled)


class TestLosses:
    def test_what_is_found_was_lost_before(self) -> None:
        for status in (*OUT, S.LOST, S.RETURNED):
            assert A.REPORT_FOUND not in allowed(status, Side.REQUESTING)
            assert A.REPORT_FOUND in allowed(status, Side.REQUESTING, Overlays(some_lost=True))

    def test_once_the_rest_is_back_its_owner_says_what_is_found(self) -> None:
        assert A.REPORT_FOUND not in allowed(S.RETURNED, Side.REQUESTING, Overlays(some_lost=True, found_by_owner=True))

    @pytest.mark.parametrize(("lost", "asked", "more"), [(0, None, 6), (0, 1, 1), (4, None, 2), (4, 2, 2)])
    def test_at_most_what_is_out_is_lost(self, lost: int, asked: int | None, more: int) -> None:
        assert quantity_lost(6, lost, asked) == more

    @pytest.mark.parametrize(("lost", "asked"), [(0, 7), (4, 3), (5, 2)])
    def test_more_than_is_out_cannot_be_lost(self, lost: int, asked: int) -> None:
        with pytest.raises(RuleBroken, match=rf"Of this loan {6 - lost} (is|are) still out\.") as refused:
            quantity_lost(6, lost, asked)
        assert refused.value.code == "quantity_over_loan"

    def test_at_most_what_is_lost_is_found(self) -> None:
        assert (quantity_found(2, None), quantity_found(2, 1)) == (2, 1)
        with pytest.raises(RuleBroken, match="Of this loan 2 are lost"):
            quantity_found(2, 3)


class TestHolding:
    @pytest.mark.parametrize("status", LoanStatus)
    def test_only_an_asset_that_is_out_becomes_overdue_from_the_agreed_end_on(self, status: LoanStatus) -> None:
        assert not overdue(END - TICK, status, END)
        assert overdue(END, status, END) == (status in OUT)

    def test_nobody_fails_to_turn_up_before_the_start(self) -> None:
        check_timing(A.REPORT_NO_SHOW, START + NO_SHOW_GRACE, START, END, START)
        with pytest.raises(RuleBroken) as early:
            check_timing(A.REPORT_NO_SHOW, START + NO_SHOW_GRACE - TICK, START, END, START)
        assert early.value.code == "no_show_too_early"
        with pytest.raises(RuleBroken) as refused:
            check_timing(A.REPORT_NO_SHOW, START - TICK, START, END, START)
        assert refused.value.code == "not_started_yet"

    def test_a_no_show_is_contested_within_its_time_and_once(self) -> None:
        over = START + CONTEST_PERIOD
        assert no_show_settled(START, None, None, over - TICK) is None
        for settled in (
            no_show_settled(START, None, None, over),
            no_show_settled(START, START, None, START),
            no_show_settled(START, None, START, START),
        ):
            assert settled is not None
            assert A.CONTEST_NO_SHOW not in allowed(S.NO_SHOW, Side.REQUESTING, Overlays(no_show_settled=settled))
        late = Overlays(own_no_show=True, no_show_settled=no_show_settled(START, None, None, over))
        assert A.WITHDRAW_NO_SHOW in allowed(S.NO_SHOW, Side.REQUESTING, late), "at any time"

    def test_nothing_leaves_once_the_agreed_time_is_over(self) -> None:
        check_timing(A.DISPATCH, END - TICK, START, END, START)
        with pytest.raises(RuleBroken) as refused:
            check_timing(A.DISPATCH, END, START, END, START)
        assert refused.value.code == "window_over"

    @pytest.mark.parametrize("action", sorted({*A} - {A.DISPATCH, A.REPORT_NO_SHOW}))
    def test_the_clock_stands_against_nothing_else(self, action: LoanAction) -> None:
        for now in (START - TICK, START, END, hour(1000)):
            assert timing_refusal(action, now, START, END, START) is None

    def test_an_asset_is_wanted_back_by_a_time_to_come(self) -> None:
        check_recall(START, START, START + TICK, END)
        with pytest.raises(RuleBroken):
            check_recall(START, START, START, END)

    def test_an_asset_is_not_wanted_back_later_than_agreed_and_the_refusal_names_both_days(self) -> None:
        check_recall(START, START, END, END)
        with pytest.raises(RuleBroken) as refused:
            check_recall(START, START, END + TICK, END)
        assert refused.value.code == "recall_after_return"
        assert all(format_instant(at) in refused.value.detail for at in (END, END + TICK))

    @pytest.mark.parametrize("by", [START + TICK, END, END + 2 * TICK])
    def test_nothing_overdue_is_recalled_by_whatever_hour_and_none_is_offered(self, by: datetime) -> None:
        with pytest.raises(RuleBroken) as refused:
            check_recall(END, START, by, END)
        assert refused.value.code == "recall_after_return"
        assert time_withholds(A.RECALL, END - TICK, START, END, START) is None
        assert time_withholds(A.RECALL, END, START, END, START) == refused.value.detail

    def test_what_left_in_its_time_may_be_entered_once_it_is_over(self) -> None:
        assert timing_refusal(A.DISPATCH, END, START, END, START) is not None
        assert time_withholds(A.DISPATCH, END, START, END, START) is None

    def test_a_no_show_is_reported_no_sooner_than_the_grace_after_the_reservation(self) -> None:
        reserved = START + timedelta(hours=1)
        check_timing(A.REPORT_NO_SHOW, reserved + NO_SHOW_GRACE, START, END, reserved)
        with pytest.raises(RuleBroken) as early:
            check_timing(A.REPORT_NO_SHOW, reserved + NO_SHOW_GRACE - TICK, START, END, reserved)
        assert early.value.code == "no_show_too_early"


class TestDueBack:
    def test_it_is_the_agreed_return_or_the_recall_before_it(self) -> None:
        assert due_back(END, None) == END
        assert due_back(END, END - TICK) == END - TICK
        assert due_back(END, END + TICK) == END, "the notice of an agreement lets nobody keep it longer than agreed"


class TestExtension:
    @pytest.mark.parametrize(
        ("now", "until", "code"),
        [
            (hour(5), END, "extension_not_later"),
            (hour(5), END - TICK, "extension_not_later"),
            (hour(12), hour(12), "extension_in_the_past"),
            (hour(12), hour(11), "extension_in_the_past"),
            (hour(5), hour(48) + TICK, "extension_beyond_limit"),
        ],
    )
    def test_what_is_no_real_extension_is_refused(self, now: datetime, until: datetime, code: str) -> None:
        with pytest.raises(RuleBroken) as refused:
            check_extension(now, END, until, hour(48))
        assert refused.value.code == code

    def test_up_to_the_limit_and_without_one_it_is_possible_even_when_overdue(self) -> None:
        check_extension(hour(5), END, END + TICK, hour(48))
        check_extension(hour(12), END, hour(48), hour(48))
        check_extension(hour(12), END, hour(10_000), None)


hours = st.integers(0, 12)
holds = st.lists(st.tuples(hours.map(hour), st.none() | hours.map(hour), st.integers(1, 5)), max_size=8)
windows = st.tuples(hours, hours).filter(lambda w: w[0] < w[1]).map(lambda w: (hour(w[0]), hour(w[1])))


def held_at(at: datetime, given_holds: list[Hold]) -> int:
    return sum(quantity for start, end, quantity in given_holds if start <= at and (end is None or at < end))


class TestFreeUnits:
    @given(capacity=st.integers(1, 10), given_holds=holds, window=windows)
    @example(capacity=1, given_holds=[(hour(0), hour(2), 1), (hour(4), hour(6), 1)], window=(hour(2), hour(4)))
    def test_it_is_the_least_that_is_free_at_any_hour_of_the_window(
        self, capacity: int, given_holds: list[Hold], window: tuple[datetime, datetime]
    ) -> None:
        probes = [hour(half / 2) for half in range(26) if window[0] <= hour(half / 2) < window[1]]
        least = min(capacity - held_at(at, given_holds) for at in probes)
        assert free_quantity(capacity, given_holds, window) == least

    @given(capacity=st.integers(1, 10), given_holds=holds, window=windows, quantity=st.integers(1, 6))
    @example(capacity=1, given_holds=[(hour(0), hour(9), 1)], window=(hour(1), hour(4)), quantity=1)
    @example(capacity=1, given_holds=[(hour(2), hour(4), 1)], window=(hour(1), hour(4)), quantity=1)
    def test_the_first_conflict_is_the_first_run_of_hours_in_which_the_units_do_not_fit(
        self, capacity: int, given_holds: list[Hold], window: tuple[datetime, datetime], quantity: int
    ) -> None:
        probes = [hour(half / 2) for half in range(26) if window[0] <= hour(half / 2) < window[1]]
        short = [at for at in probes if held_at(at, given_holds) + quantity > capacity]
        found = first_conflict(capacity, given_holds, window, quantity)
        if not short:
            assert found is None
        else:
            after = [at for at in probes if at > short[0] and at not in short]
            assert found == (short[0], after[0] if after else window[1])

    def test_back_to_back_bookings_do_not_clash(self) -> None:
        assert free_quantity(1, [(hour(0), hour(4), 1), (hour(8), hour(9), 1)], (hour(4), hour(8))) == 1

    def test_an_overdue_loan_clashes_with_everything_after_it(self) -> None:
        late = [(hour(0), None, 1)]
        assert free_quantity(1, late, (hour(900), hour(901))) == 0
        assert first_conflict(1, late, (hour(900), hour(901)), 1) == (hour(900), hour(901))
        assert first_conflict(1, late, (hour(900), None), 1) == (hour(900), None)

    def test_in_an_endless_window_a_hold_that_ends_clashes_until_its_end(self) -> None:
        once = [(hour(2), hour(4), 1)]
        assert free_quantity(1, once, (hour(0), None)) == 0
        assert first_conflict(1, once, (hour(0), None), 1) == (hour(2), hour(4))
        assert free_quantity(1, once, (hour(4), None)) == 1

    def test_below_zero_tells_how_far_an_overdue_loan_has_overtaken_a_reservation(self) -> None:
        assert free_quantity(1, [(hour(0), None, 1), (hour(5), hour(6), 1)], (hour(4), hour(7))) == -1

    def test_more_than_there_is_does_not_fit_even_when_nothing_is_held(self) -> None:
        assert first_conflict(40, [], (hour(0), hour(1)), 41) == (hour(0), hour(1))
        assert first_conflict(40, [], (hour(0), hour(1)), 40) is None

    def test_a_hold_that_contains_no_instant_holds_nothing(self) -> None:
        assert free_quantity(1, [(hour(5), hour(5), 1), (hour(6), hour(4), 1)], (hour(0), hour(9))) == 1

    @pytest.mark.parametrize("window", [(hour(1), hour(1)), (hour(2), hour(1))])
    def test_a_window_that_contains_no_instant_is_refused(self, window: tuple[datetime, datetime]) -> None:
        with pytest.raises(RuleBroken):
            free_quantity(1, [], window)


RETURN_TIMES = {
    "EstimatedReturnArrival",
    "ActualReturnArrival",
    "EstimatedReturnDeparture",
    "ActualReturnDeparture",
}
# What each message may not carry, from the standard's schema.
NOT_ALLOWED = {
    "CommitResource": {"ActualArrival", "ActualReturnDeparture", "ActualReturnArrival"},
    "ReportResourceDeploymentStatus": set(),
    "ReleaseResource": {"ActualReturnArrival"},
    "RequestReturn": RETURN_TIMES | {"Current"},
    "RequestExtendedDeploymentDuration": {
        "ActualReturnDeparture",
        "ActualReturnArrival",
        "BeginAvailable",
        "EndAvailable",
        "Current",
    },
    "ResponseToRequestExtendedDeploymentDuration": {
        "ActualReturnDeparture",
        "ActualReturnArrival",
        "BeginAvailable",
        "Current",
    },
}
MUST_ANSWER = {"CommitResource", "ResponseToRequestExtendedDeploymentDuration"}


class TestMessages:
    def test_every_action_has_its_message(self) -> None:
        assert STEPS.keys() == set(LoanAction)

    @pytest.mark.parametrize("step", [RESERVED, *STEPS.values()])
    def test_each_message_carries_only_what_the_standard_lets_it_carry(self, step: EdxlStep) -> None:
        assert step.schedule not in NOT_ALLOWED[step.message]
        assert (step.response is not None) == (step.message in MUST_ANSWER)

    def test_each_physical_step_is_proved_by_its_actual_time(self) -> None:
        proofs = {action: STEPS[action].schedule for action in (A.DISPATCH, A.RECEIVE, A.START_RETURN, A.RETURN)}
        assert proofs == {
            A.DISPATCH: "ActualDeparture",
            A.RECEIVE: "ActualArrival",
            A.START_RETURN: "ActualReturnDeparture",
            A.RETURN: "ActualReturnArrival",
        }
