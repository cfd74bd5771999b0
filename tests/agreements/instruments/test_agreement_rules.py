"""The life of an agreement: stages, its status at an instant, notice days, the text signatures bind to."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain, pairwise, product
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from registry.agreements.instruments.canonical import (
    Particulars,
    ProvisionText,
    commitments,
    version_hash,
    version_parts,
)
from registry.agreements.instruments.histories import AgreementDates, AmendedText, PartyHistory
from registry.agreements.instruments.in_force import bound_windows, force_windows
from registry.agreements.instruments.notice import Notice, NoticeWindow, Period, last_notice_day, notice_window
from registry.agreements.instruments.rules import (
    TRANSITIONS,
    AgreementAction,
    AgreementKind,
    DerivedStatus,
    Sensitivity,
    Stage,
    advance,
    allowed,
    derived_status,
    left_in_time,
    signed_too_late,
)
from registry.agreements.instruments.term_days import utc_bounds, withdrawal_ends_at
from registry.agreements.instruments.terms import Terms
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.intervals import Interval
from tests.support.cases import every_case

BEFORE_EXECUTION = (Stage.DRAFT, Stage.IN_REVIEW, Stage.APPROVED, Stage.OUT_FOR_SIGNATURE)
FINAL = {Stage.TERMINATED, Stage.SUPERSEDED, Stage.WITHDRAWN}
# The whole life: at each stage, what may be done and where it leads.
LIFE = {
    Stage.DRAFT: "submit>in_review record>executed activate_verbally>executed withdraw>withdrawn",
    Stage.IN_REVIEW: "approve>approved send_back>draft activate_verbally>executed withdraw>withdrawn",
    Stage.APPROVED: "send_for_signature>out_for_signature send_back>draft activate_verbally>executed "
    "withdraw>withdrawn",
    Stage.OUT_FOR_SIGNATURE: "sign>out_for_signature confirm>out_for_signature "
    "execute>executed send_back>draft activate_verbally>executed "
    "withdraw>withdrawn",
    Stage.EXECUTED: "sign>executed confirm>executed amend>executed record_amendment>executed add_parties>executed "
    "suspend>suspended terminate>terminated "
    "supersede>superseded",
    Stage.SUSPENDED: "confirm>suspended amend>suspended record_amendment>suspended reinstate>executed "
    "terminate>terminated supersede>superseded",
    **dict.fromkeys(FINAL, ""),
    Stage.TERMINATED: "confirm>terminated record_amendment>terminated",
    Stage.SUPERSEDED: "confirm>superseded record_amendment>superseded",
}
TICK = timedelta(microseconds=1)


def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def walk(*actions: AgreementAction) -> Stage:
    stage = Stage.DRAFT
    for action in actions:
        stage = advance(stage, action)
    return stage


class TestStages:
    def test_each_action_on_each_stage_is_decided(self) -> None:
        with every_case() as case:
            for stage, action in product(Stage, AgreementAction):
                with case(f"{stage} {action}"):
                    moves = dict(move.split(">") for move in LIFE[stage].split())
                    assert set(allowed(stage)) == moves.keys()
                    if action in moves:
                        assert advance(stage, action) == moves[action]
                    else:
                        with pytest.raises(WrongStatus) as refused:
                            advance(stage, action)
                        assert f" that is {stage} does not allow".replace("_", " ") in refused.value.detail

    def test_a_refusal_says_where_the_caller_reads_what_is_possible(self) -> None:
        with pytest.raises(WrongStatus, match=r"suspended does not allow “sign”\. Its `allowed_actions` say"):
            advance(Stage.SUSPENDED, AgreementAction.SIGN)

    @pytest.mark.parametrize("stage", Stage)
    def test_exactly_the_final_stages_have_no_way_on(self, stage: Stage) -> None:
        assert ({advance(stage, action) for action in allowed(stage)} <= {stage}) == (stage in FINAL)

    def test_what_was_signed_before_the_end_is_confirmed_after_it_and_nothing_later(self) -> None:
        end = at(2025, 7, 1)
        assert [signed_too_late(signed_at, end, "America/Chicago") is None for signed_at in (end - TICK, end)] == [
            True,
            False,
        ]
        assert signed_too_late(end, None, "America/Chicago") is None
        assert [left_in_time(Stage.TERMINATED, end, left_at) for left_at in (end - TICK, end)] == [True, False]
        assert [left_in_time(stage, None, end) for stage in (Stage.DRAFT, Stage.EXECUTED)] == [False, True]

    def test_every_stage_is_reached_from_a_draft(self) -> None:
        reached = {Stage.DRAFT}
        for _ in Stage:
            reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
        assert reached == set(Stage)

    def test_every_action_is_possible_somewhere(self) -> None:
        assert {action for _, action in TRANSITIONS} == set(AgreementAction)

    def test_the_way_to_execution_goes_through_review_approval_and_signature(self) -> None:
        way = (
            AgreementAction.SUBMIT,
            AgreementAction.APPROVE,
            AgreementAction.SEND_FOR_SIGNATURE,
            AgreementAction.SIGN,
            AgreementAction.EXECUTE,
        )
        assert walk(*way) is Stage.EXECUTED

    def test_a_paper_agreement_is_recorded_straight_from_the_draft_and_from_nowhere_else(self) -> None:
        assert [stage for stage in Stage if AgreementAction.RECORD in allowed(stage)] == [Stage.DRAFT]
        assert walk(AgreementAction.RECORD) is Stage.EXECUTED

    def test_nothing_is_executed_without_a_signature_round_a_record_or_word_of_mouth(self) -> None:
        into = {key for key, after in TRANSITIONS.items() if after is Stage.EXECUTED and key[0] is not after}
        assert into == {
            (Stage.DRAFT, AgreementAction.RECORD),
            *((before, AgreementAction.ACTIVATE_VERBALLY) for before in BEFORE_EXECUTION),
            (Stage.OUT_FOR_SIGNATURE, AgreementAction.EXECUTE),
            (Stage.SUSPENDED, AgreementAction.REINSTATE),
        }

    def test_an_executed_agreement_is_terminated_and_never_withdrawn(self) -> None:
        for stage in (Stage.EXECUTED, Stage.SUSPENDED):
            assert AgreementAction.TERMINATE in allowed(stage)
            assert AgreementAction.WITHDRAW not in allowed(stage)

    def test_one_more_agency_may_sign_what_is_executed_already(self) -> None:
        assert advance(Stage.EXECUTED, AgreementAction.SIGN) is Stage.EXECUTED


# A year in Florida: 1 July 2025 to 30 June 2026, suspended in March.
STARTS_AT, ENDS_AT = utc_bounds(date(2025, 7, 1), date(2026, 6, 30), "America/New_York")
SUSPENDED = Interval(start=at(2026, 3, 1), end=at(2026, 3, 10))
YEAR = AgreementDates(executed_at=at(2025, 6, 15), starts_at=STARTS_AT, ends_at=ENDS_AT, suspensions=(SUSPENDED,))


def status_of(stage: Stage, dates: AgreementDates, instant: datetime, notice: Sequence[Interval] = ()) -> Any:
    """The status of an agreement that two parties signed the moment it was executed."""
    bound = bound_windows(dates, {0: PartyHistory(joined_at=dates.executed_at)})[0]
    superseded = stage is Stage.SUPERSEDED
    force = force_windows([bound, bound])
    return derived_status(
        stage, dates, instant, joined=2, ends_at=dates.last_ends_at, force=force, notice=notice, superseded=superseded
    )


class TestDerivedStatus:
    def test_with_one_party_bound_it_is_not_effective_and_with_one_left_it_has_lapsed(self) -> None:
        dates = AgreementDates(executed_at=STARTS_AT, starts_at=STARTS_AT)
        one = bound_windows(dates, {0: PartyHistory(joined_at=STARTS_AT)})[0]
        leaving = bound_windows(dates, {0: PartyHistory(joined_at=STARTS_AT, leaves_at=at(2026, 1, 1))})[0]
        alone, both = force_windows([one]), force_windows([one, leaving])
        assert (
            derived_status(Stage.EXECUTED, dates, at(2026, 3, 1), joined=1, ends_at=dates.last_ends_at, force=alone)
            is DerivedStatus.UNCONFIRMED
        )
        assert (
            derived_status(
                Stage.EXECUTED, dates, at(2026, 1, 1) - TICK, joined=2, ends_at=dates.last_ends_at, force=both
            )
            is DerivedStatus.IN_FORCE
        )
        assert (
            derived_status(Stage.EXECUTED, dates, at(2026, 1, 1), joined=2, ends_at=dates.last_ends_at, force=both)
            is DerivedStatus.LAPSED
        )

    def test_renewed_after_a_gap_it_has_lapsed_in_between(self) -> None:
        renewal = AmendedText(executed_at=STARTS_AT, starts_at=at(2026, 8, 1), ends_at=at(2027, 8, 1))
        dates = AgreementDates(executed_at=STARTS_AT, starts_at=STARTS_AT, ends_at=ENDS_AT, amendments=(renewal,))
        assert ENDS_AT is not None
        assert status_of(Stage.EXECUTED, dates, ENDS_AT - TICK) is DerivedStatus.IN_FORCE
        assert status_of(Stage.EXECUTED, dates, ENDS_AT) is DerivedStatus.LAPSED
        assert status_of(Stage.EXECUTED, dates, at(2026, 8, 1)) is DerivedStatus.IN_FORCE
        assert status_of(Stage.EXECUTED, dates, at(2027, 8, 1)) is DerivedStatus.EXPIRED

    @pytest.mark.parametrize("stage", Stage)
    def test_before_execution_the_status_is_the_stage(self, stage: Stage) -> None:
        never = AgreementDates(executed_at=None, starts_at=STARTS_AT)
        assert status_of(stage, never, at(2026, 1, 1)) is stage

    @pytest.mark.parametrize(
        ("instant", "status"),
        [
            (at(2025, 6, 1), DerivedStatus.NOT_YET_EFFECTIVE),
            (STARTS_AT - TICK, DerivedStatus.NOT_YET_EFFECTIVE),
            (STARTS_AT, DerivedStatus.IN_FORCE),
            (at(2026, 3, 1) - TICK, DerivedStatus.IN_FORCE),
            (at(2026, 3, 1), DerivedStatus.SUSPENDED),
            (at(2026, 3, 10) - TICK, DerivedStatus.SUSPENDED),
            (at(2026, 3, 10), DerivedStatus.IN_FORCE),
            (at(2026, 5, 1) - TICK, DerivedStatus.IN_FORCE),
            (at(2026, 5, 1), DerivedStatus.NOTICE_WINDOW),
            (at(2026, 7, 1, 4) - TICK, DerivedStatus.NOTICE_WINDOW),
            (at(2026, 7, 1, 4), DerivedStatus.EXPIRED),
        ],
    )
    def test_a_year_in_the_life_of_an_agreement(self, instant: datetime, status: DerivedStatus) -> None:
        notice = [Interval(start=at(2026, 5, 1), end=ENDS_AT)]
        assert status_of(Stage.EXECUTED, YEAR, instant, notice=notice) is status

    def test_signed_after_its_effective_date_it_is_in_force_from_the_signature_on(self) -> None:
        late = AgreementDates(executed_at=at(2025, 9, 1), starts_at=STARTS_AT)
        assert status_of(Stage.EXECUTED, late, at(2025, 8, 1)) is DerivedStatus.NOT_YET_EFFECTIVE
        assert status_of(Stage.EXECUTED, late, at(2025, 9, 1)) is DerivedStatus.IN_FORCE

    @pytest.mark.parametrize(
        ("stage", "ended"),
        [(Stage.TERMINATED, DerivedStatus.TERMINATED), (Stage.SUPERSEDED, Stage.SUPERSEDED)],
    )
    def test_terminated_with_notice_it_stays_in_force_until_the_end_that_was_set(
        self, stage: Stage, ended: Stage | DerivedStatus
    ) -> None:
        dates = AgreementDates(executed_at=STARTS_AT, starts_at=STARTS_AT, ended_at=at(2026, 1, 1))
        assert status_of(stage, dates, at(2026, 1, 1) - TICK) is DerivedStatus.IN_FORCE
        assert status_of(stage, dates, at(2026, 1, 1)) is ended

    def test_terminated_after_it_expired_it_was_expired_in_between(self) -> None:
        dates = AgreementDates(executed_at=STARTS_AT, starts_at=STARTS_AT, ends_at=ENDS_AT, ended_at=at(2026, 9, 1))
        assert status_of(Stage.TERMINATED, dates, at(2026, 8, 1)) is DerivedStatus.EXPIRED
        assert status_of(Stage.TERMINATED, dates, at(2026, 9, 1)) is DerivedStatus.TERMINATED

    def test_a_suspension_never_lifted_ends_with_the_agreement(self) -> None:
        dates = AgreementDates(
            executed_at=STARTS_AT,
            starts_at=STARTS_AT,
            ends_at=ENDS_AT,
            suspensions=(Interval(start=at(2026, 3, 1)),),
        )
        assert status_of(Stage.SUSPENDED, dates, at(2026, 6, 1)) is DerivedStatus.SUSPENDED
        assert status_of(Stage.SUSPENDED, dates, at(2026, 8, 1)) is DerivedStatus.EXPIRED


class TestNoticeDays:
    def test_thirty_days_before_the_thirtieth_of_june_is_the_thirty_first_of_may(self) -> None:
        assert last_notice_day(date(2026, 6, 30), Period(days=30)) == date(2026, 5, 31)

    def test_the_window_opens_before_the_first_last_notice_day_and_closes_with_the_latest(self) -> None:
        one, two = Period(days=30), Period(months=2)
        assert notice_window(date(2026, 6, 30), [one]) == NoticeWindow(date(2026, 5, 1), date(2026, 5, 31))
        both = NoticeWindow(date(2026, 3, 31), date(2026, 5, 31))
        assert notice_window(date(2026, 6, 30), [one, two]) == notice_window(date(2026, 6, 30), [two, one]) == both

    def test_a_leap_day_counts(self) -> None:
        assert last_notice_day(date(2028, 3, 1), Period(days=1)) == date(2028, 2, 29)

    @given(
        expires_on=st.dates(date(1950, 1, 1), date(2189, 1, 1)),
        period=st.builds(Period, days=st.integers(0, 3_650)) | st.builds(Period, months=st.integers(1, 120)),
        zone=st.sampled_from(["America/Chicago", "America/Havana", "Pacific/Chatham"]),
    )
    def test_notice_on_the_last_day_runs_out_with_the_agreement_and_a_day_later_does_not(
        self, expires_on: date, period: Period, zone: str
    ) -> None:
        _, ends_at = utc_bounds(expires_on, expires_on, zone)
        assert ends_at is not None
        last = last_notice_day(expires_on, period)
        runs_out_at = withdrawal_ends_at(last, period, zone)
        assert runs_out_at == ends_at if period.months is None else runs_out_at <= ends_at
        assert withdrawal_ends_at(last + timedelta(days=1), period, zone) > ends_at

    def test_months_run_to_the_corresponding_day_or_the_month_s_last(self) -> None:
        six, one = Period(months=6), Period(months=1)
        assert six.after(date(2026, 3, 15)) == date(2026, 9, 15)
        assert six.after(date(2026, 8, 31)) == date(2027, 2, 28)
        assert one.after(date(2026, 2, 28)) == date(2026, 3, 28)
        assert last_notice_day(date(2026, 12, 31), six) == date(2026, 6, 30)
        assert last_notice_day(date(2027, 2, 28), Period(months=3)) == date(2026, 11, 30)
        assert (str(six), str(one), str(Period(days=1))) == ("6 months", "1 month", "1 day")


def provision(number: str, text: str = "Each party bears its own costs.") -> ProvisionText:
    return ProvisionText(
        number=number, heading="reimbursement", text=text, sensitivity=Sensitivity.PARTIES, exemption=None
    )


PARTICULARS = Particulars(
    number="MA-1",
    title="K-9 aid",
    kind=AgreementKind.MUTUAL_AID,
    version_kind="original",
    parties=[UUID("01900000-0000-7000-8000-00000000a001"), UUID("01900000-0000-7000-8000-00000000a002")],
    time_zone="America/Chicago",
    effective_on=date(2026, 1, 1),
    expires_on=date(2027, 12, 31),
    notice=Notice(days=30),
    auto_renew_months=None,
    auto_renew_times=None,
)


def digest(particulars: Particulars, provisions: list[ProvisionText], terms: Terms, salts: str = "abcd") -> str:
    return version_hash(commitments(version_parts(particulars, provisions, terms, salts)))


class TestTheDigest:
    def test_the_exact_form_is_known(self) -> None:
        terms = Terms(categories=["k9"], max_duration_hours=72, clauses={"max_duration_hours": "1", "command": "2"})
        first, second = version_parts(PARTICULARS, [provision("1")], terms, ["0a", "0b"])
        text = first.canonical
        assert text.startswith(
            b'{"auto_renew_months":null,"auto_renew_times":null,"effective_on":"2026-01-01","expires_on":"2027-12-31","kind":"mutual_aid",'
            b'"notice":{"addressees":[],"by_party":[],"clause":null,"counted_from":"silent","days":30,"manners":[],"months":null},'
            b'"number":"MA-1","parties":["01900000-0000-7000-8000-00000000a001","01900000-0000-7000-8000-00000000a002"],'
            b'"salt":"0a","terms":{"approval_over_hours":null,'
        )
        assert text.endswith(
            b'"sop_control":"silent","surviving":[],"suspension":"silent","suspension_notice_days":null},'
            b'"time_zone":"America/Chicago","title":"K-9 aid","version_kind":"original"}'
        )
        assert b'max_duration_hours":72' not in text, "a term goes where the provision goes that says it"
        assert second.canonical == (
            b'{"exemption":null,"heading":"reimbursement","number":"1","salt":"0b","sensitivity":"parties",'
            b'"terms":{"max_duration_hours":72},"text":"Each party bears its own costs."}'
        )
        assert [each.sha256 for each in (first, second)] == [
            hashlib.sha256(each.canonical).hexdigest() for each in (first, second)
        ]
        whole = f"{first.sha256}\n{second.sha256}\n".encode()
        assert version_hash(commitments([first, second])) == hashlib.sha256(whole).hexdigest()

    def test_no_term_is_left_out_and_none_stands_twice(self) -> None:
        terms = Terms(categories=["k9"], max_duration_hours=72, clauses={"max_duration_hours": "1", "command": "9"})
        parts = version_parts(PARTICULARS, [provision("1")], terms, ["0a", "0b"])
        names = [name for each in parts for name in msgspec.json.decode(each.canonical)["terms"]]
        assert sorted(names) == sorted(Terms.__struct_fields__)

    def test_any_change_that_a_party_could_read_changes_the_hash(self) -> None:
        terms, longer = Terms(categories=["k9"]), Terms(categories=["k9"], max_duration_hours=72)
        restricted = replace(provision("1"), sensitivity=Sensitivity.RESTRICTED, exemption="One law")
        other_words = provision("1", "Each party bears its own cost.")
        provisions = [
            [provision("1"), provision("2")],
            [provision("2"), provision("1")],
            [other_words],
            [restricted],
            [replace(restricted, exemption="Another law")],
        ]
        other_particulars: list[dict[str, Any]] = [
            {"title": "K-9 aid "},
            {"number": "MA-2"},
            {"kind": AgreementKind.COMPACT},
            {"parties": PARTICULARS.parties[::-1]},
            {"parties": [*PARTICULARS.parties, UUID(int=3)]},
            {"time_zone": "America/Denver"},
            {"effective_on": date(2026, 1, 2)},
            {"expires_on": None},
            {"notice": Notice(days=31)},
            {"version_kind": "renewal"},
            {"auto_renew_months": 12},
            {"auto_renew_times": 3},
        ]
        variants = [
            digest(PARTICULARS, [provision("1")], terms),
            digest(PARTICULARS, [provision("1")], terms, salts="abdc"[1:]),
            digest(PARTICULARS, [provision("1")], longer),
            digest(PARTICULARS, [provision("1")], replace(longer, clauses={"max_duration_hours": "1"})),
            *(digest(PARTICULARS, each, terms) for each in provisions),
            *(digest(replace(PARTICULARS, **each), [provision("1")], terms) for each in other_particulars),
        ]
        assert {*chain(*other_particulars)} == {*PARTICULARS.__struct_fields__}
        assert len({*variants}) == len(variants)


def test_consecutive_agreements_leave_no_instant_between_them() -> None:
    zone = "America/Los_Angeles"
    years = [utc_bounds(date(year, 1, 1), date(year, 12, 31), zone) for year in range(2020, 2031)]
    assert all(before[1] == after[0] for before, after in pairwise(years))
