"""What falls due, as a function of the record and the instant: at the edge of each day, and in every state."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from registry.agreements.deadlines.endings import last_day
from registry.agreements.deadlines.falling_due import deadlines
from registry.agreements.deadlines.queries.waiting import action_for
from registry.agreements.deadlines.retention import kept_until
from registry.agreements.deadlines.rules import (
    LEAD_DAYS,
    SHOWN_AFTER,
    ConsentDue,
    DeadlineKind,
    DeadlineStatus,
    Due,
    DutyDue,
    Gap,
    Keeping,
    Proof,
    Record,
    ReportDue,
    asks_for_an_act,
    status_at,
)
from registry.agreements.deadlines.wording import words
from registry.agreements.instruments.consent import ClosedBecause, Lapse, ProposalKind, ReportedKind, asks_until
from registry.agreements.instruments.ends import EndedBy
from registry.agreements.instruments.notice import Notice, PartyNotice
from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.term_days import Renewal
from registry.agreements.instruments.term_days import last_day as last_day_of_terms
from registry.agreements.instruments.terms import Survival
from registry.platform.access.principals import Role
from registry.platform.kernel.time import day_ends_at
from tests.support.cast import inside

ZONE = "America/Chicago"
ONE, TWO = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
K, S = DeadlineKind, DeadlineStatus


def record(*, ended_at: datetime | None = None, ended_by: EndedBy = "termination", **given: Any) -> Record:
    """An executed agreement from 2025 through 2026, with sixty days' notice, unless told otherwise.

    It ends as its own text says or, where that comes first or at once, at `ended_at`.
    """
    plain: dict[str, Any] = {
        "id": UUID(int=9),
        "number": "MA-1",
        "title": "Mutual aid (demo)",
        "kind": "mutual_aid",
        "custodian_id": ONE,
        "version_id": UUID(int=8),
        "stage": Stage.EXECUTED,
        "time_zone": ZONE,
        "executed": True,
        "effective_on": date(2025, 1, 1),
        "expires_on": date(2026, 12, 31),
        "notice": Notice(days=60),
        "first_effective_on": date(2025, 1, 1),
        "changed_at": datetime(2025, 1, 1, tzinfo=UTC),
    }
    whole = {**plain, **given}
    last = last_day_of_terms(whole["expires_on"], whole.get("renewal"))
    over_at = None if last is None else day_ends_at(last, ZONE)
    ended = ended_at is not None and (over_at is None or ended_at <= over_at)
    return Record(over_at=ended_at if ended else over_at, over_by=ended_by if ended else "expiry", **whole)


def due(found: Record, kind: DeadlineKind, now: datetime = NOW) -> Due:
    """The one deadline of the kind."""
    (one,) = [each for each in deadlines(found, now) if each.kind is kind]
    return one


def kinds(found: Record, now: datetime = NOW) -> list[DeadlineKind]:
    return sorted(each.kind for each in deadlines(found, now))


def end_of(day: date) -> datetime:
    return day_ends_at(day, ZONE)


def test_a_term_that_ends_anyway_has_an_expiry_and_no_day_of_notice() -> None:
    found = record()
    assert kinds(found) == [K.EXPIRY]
    expiry = due(found, K.EXPIRY)
    assert (expiry.on, expiry.at) == (date(2026, 12, 31), datetime(2027, 1, 1, 6, tzinfo=UTC))


def test_notice_that_keeps_a_term_from_being_renewed_has_its_last_day() -> None:
    once = record(renewal=Renewal(months=12, times=1))
    notice = due(once, K.LAST_NOTICE)
    assert (notice.on, notice.at) == (date(2026, 11, 1), datetime(2026, 11, 2, 6, tzinfo=UTC))
    assert "Notice is 60 days," in words(once, notice).basis
    last = end_of(date(2026, 11, 1))
    assert K.LAST_NOTICE in kinds(once, last - INSTANT)
    assert K.LAST_NOTICE not in kinds(once, last), "after the next term it ends anyway"
    months = due(record(renewal=Renewal(months=12), notice=Notice(months=6)), K.LAST_NOTICE)
    assert months.on == date(2026, 6, 30)


def test_each_party_has_the_last_day_of_its_own_notice() -> None:
    own = Notice(days=60, by_party=[PartyNotice(agency_id=ONE, months=6)])
    found = record(renewal=Renewal(months=12), notice=own)
    every = {each.agency_id: each for each in deadlines(found, NOW) if each.kind is K.LAST_NOTICE}
    assert {agency_id: each.on for agency_id, each in every.items()} == {
        None: date(2026, 11, 1),
        ONE: date(2026, 6, 30),
    }
    assert "Notice is 6 months," in words(found, every[ONE]).basis
    assert "for parties without a period of their own" in words(found, every[None]).basis
    assert every[None].not_of == (ONE,)


def test_of_a_text_that_is_silent_on_notice_no_last_day_is_told() -> None:
    found = record(renewal=Renewal(months=12), notice=Notice())
    assert kinds(found) == [K.RENEWAL]
    assert "how long before is not entered" in words(found, due(found, K.RENEWAL)).action


def test_an_agreement_without_end_has_neither() -> None:
    assert kinds(record(expires_on=None)) == []


@pytest.mark.parametrize("executed", [False, True])
def test_what_is_not_signed_has_nothing_due(executed: bool) -> None:
    assert bool(kinds(record(executed=executed))) is executed


def test_one_that_renews_itself_has_a_renewal_in_place_of_an_expiry() -> None:
    found = record(renewal=Renewal(months=12))
    assert kinds(found) == [K.LAST_NOTICE, K.RENEWAL]
    renewal = due(found, K.RENEWAL)
    assert (renewal.on, renewal.at, renewal.term) == (date(2026, 12, 31), end_of(date(2026, 12, 31)), 0)
    assert "until 2027-12-31" in words(found, renewal).action


def test_past_the_notice_day_the_next_terms_counts_and_the_renewal_is_settled() -> None:
    found = record(renewal=Renewal(months=12))
    after = end_of(date(2026, 11, 1))
    assert due(found, K.LAST_NOTICE, after - INSTANT).on == date(2026, 11, 1)
    assert due(found, K.LAST_NOTICE, after).on == date(2027, 11, 1)
    assert due(found, K.RENEWAL, after).on == date(2026, 12, 31)


def test_the_current_term_moves_as_its_last_day_ends() -> None:
    found = record(renewal=Renewal(months=12))
    turn = end_of(date(2026, 12, 31))
    assert due(found, K.RENEWAL, turn - INSTANT).on == date(2026, 12, 31)
    assert due(found, K.RENEWAL, turn).on == date(2027, 12, 31)
    assert due(found, K.RENEWAL, turn).term == 1


def test_renewals_that_are_used_up_leave_an_expiry() -> None:
    found = record(renewal=Renewal(months=12, times=2))
    assert due(found, K.RENEWAL, datetime(2027, 6, 1, tzinfo=UTC)).on == date(2027, 12, 31)
    last = datetime(2028, 6, 1, tzinfo=UTC)
    assert K.RENEWAL not in kinds(found, last)
    assert due(found, K.EXPIRY, last).on == date(2028, 12, 31)
    assert last_day(found) == date(2028, 12, 31)


def test_where_how_often_it_renews_is_not_said_each_deadline_says_that_one_is_counted() -> None:
    found = record(renewal=Renewal(months=12, times=1, is_silent=True))
    renewal = words(found, due(found, K.RENEWAL)).basis
    assert "how often is entered as not said: one renewal is counted, and none is assumed after it" in renewal
    last = datetime(2027, 6, 1, tzinfo=UTC)
    assert "entered as not said, and one renewal is counted" in words(found, due(found, K.EXPIRY, last)).basis
    said = record(renewal=Renewal(months=12, times=1))
    assert "not said" not in words(said, due(said, K.EXPIRY, last)).basis


def test_years_later_the_term_is_still_the_current_one() -> None:
    found = record(expires_on=date(2020, 2, 29), renewal=Renewal(months=12))
    assert due(found, K.RENEWAL).on == date(2027, 2, 28)
    assert due(found, K.RENEWAL, datetime(2027, 6, 1, tzinfo=UTC)).on == date(2028, 2, 29)


def test_a_lapsed_agreement_is_overdue_until_somebody_concludes_it_or_it_is_long_over() -> None:
    lapsed = datetime(2027, 2, 1, tzinfo=UTC)
    expiry = due(record(), K.EXPIRY, lapsed)
    assert status_at(expiry, lapsed) is S.OVERDUE
    let_end = due(record(let_end=True), K.EXPIRY, lapsed)
    assert status_at(let_end, lapsed) is S.MET
    assert status_at(due(record(let_end=True), K.EXPIRY), NOW) is S.UPCOMING


def test_one_that_bound_nobody_lapses_and_nothing_of_it_is_overdue() -> None:
    lapsed = datetime(2027, 2, 1, tzinfo=UTC)
    unbound = record(binds=False)
    expiry = due(unbound, K.EXPIRY, lapsed)
    assert status_at(expiry, lapsed) is S.MET
    assert not asks_for_an_act(expiry)
    assert "bound nobody" in words(unbound, expiry).basis
    before = due(unbound, K.EXPIRY)
    assert (before.settled, status_at(before, NOW)) == (False, S.UPCOMING)


@pytest.mark.parametrize(
    ("stage", "by"), [(Stage.TERMINATED, "termination"), (Stage.SUPERSEDED, "supersession"), (Stage.EXECUTED, "notice")]
)
def test_an_end_that_somebody_brought_about_replaces_term_renewal_and_notice(stage: Stage, by: EndedBy) -> None:
    at = end_of(date(2026, 7, 31))
    found = record(stage=stage, renewal=Renewal(months=12), review_every_months=12, ended_at=at, ended_by=by)
    expiry = due(found, K.EXPIRY)
    assert (expiry.on, expiry.at, expiry.ended_by) == (date(2026, 7, 31), at, by)
    assert kinds(found) == [K.EXPIRY, K.REVIEW]
    assert kinds(found, at) == [K.EXPIRY]
    assert status_at(due(found, K.EXPIRY, at), at) is S.MET


def test_a_party_whose_own_part_ends_before_is_told_that_day_and_its_record_is_kept_by_the_end_for_all() -> None:
    early = end_of(date(2026, 7, 31))
    found = record(own_over_at=early, leaves_at=early, keeping=KEEPING)
    assert (due(found, K.EXPIRY).on, due(found, K.EXPIRY).ended_by) == (date(2026, 7, 31), "departure")
    assert last_day(found) == date(2026, 7, 31)
    assert due(found, K.RETENTION_END) == due(record(keeping=KEEPING), K.RETENTION_END)
    lapses = record(expires_on=date(2030, 12, 31), own_over_at=early)
    assert (due(lapses, K.EXPIRY).on, due(lapses, K.EXPIRY).ended_by) == (date(2026, 7, 31), "expiry")
    assert "others go on" in words(lapses, due(lapses, K.EXPIRY)).basis


def test_an_end_beyond_the_term_leaves_the_term_its_end() -> None:
    ended: dict[str, Any] = {"stage": Stage.TERMINATED, "ended_at": end_of(date(2027, 6, 30))}
    found = record(**ended)
    assert (due(found, K.EXPIRY).on, due(found, K.EXPIRY).ended_by) == (date(2026, 12, 31), "expiry")
    renewing = record(**ended, renewal=Renewal(months=12))
    assert kinds(renewing) == [K.EXPIRY, K.LAST_NOTICE, K.RENEWAL]
    assert last_day(renewing) == date(2027, 6, 30)
    too_late = datetime(2026, 11, 15, tzinfo=UTC)
    assert kinds(renewing, too_late) == [K.EXPIRY, K.RENEWAL], "the next term is cut short whatever anybody does"


@pytest.mark.parametrize(("months", "expected"), [(12, "2026-01-01"), (36, "2028-01-01"), (60, "2030-01-01")])
def test_a_review_is_due_a_cycle_after_the_effective_date(months: int, expected: str) -> None:
    assert due(record(review_every_months=months), K.REVIEW).on == date.fromisoformat(expected)


def test_a_review_that_was_held_moves_the_next() -> None:
    found = record(review_every_months=12, last_reviewed_on=date(2026, 1, 31))
    assert due(found, K.REVIEW).on == date(2027, 1, 31)
    assert status_at(due(record(review_every_months=12), K.REVIEW), NOW) is S.OVERDUE


def test_what_has_lapsed_is_reviewed_no_more() -> None:
    assert K.REVIEW not in kinds(record(review_every_months=12), datetime(2027, 1, 2, tzinfo=UTC))


def test_what_nobody_can_act_on_any_more_is_shown_for_a_season_and_what_is_left_to_do_for_ever() -> None:
    over = end_of(date(2026, 12, 31))
    duty = DutyDue(id=TWO, agency_id=ONE, title="File it", citation=None, due_on=date(2026, 12, 31), met=False)
    filed = msgspec.structs.replace(duty, met=True)
    by_word: dict[str, Any] = {"ratify_by": over, "expires_on": None, "ratified": False}
    for found, kind in (
        (record(), K.EXPIRY),
        (record(let_end=True), K.EXPIRY),
        (record(stage=Stage.TERMINATED, ended_at=over), K.EXPIRY),
        (record(**by_word), K.RATIFICATION),
        (record(**{**by_word, "ratified": True}), K.RATIFICATION),
        (record(duties=(filed,)), K.FILING),
        (record(ended_at=end_of(date(2026, 11, 30)), surviving=(Survival(clause="7", months=1),)), K.SURVIVAL_END),
    ):
        assert kind in kinds(found, over + SHOWN_AFTER - 40 * timedelta(days=1)), kind
        assert kind not in kinds(found, over + SHOWN_AFTER), kind
    years_later = over + timedelta(days=3650)
    assert kinds(record(duties=(duty,), keeping=KEEPING), years_later) == [K.FILING, K.RETENTION_END]
    reviewed = record(expires_on=None, review_every_months=12, insurance=(proof(ONE, None),))
    assert kinds(reviewed, years_later) == [K.INSURANCE, K.REVIEW], "of what goes on"


def test_what_is_proposed_waits_for_consent_until_its_day_or_until_it_comes_to_nothing() -> None:
    at = datetime(2026, 6, 20, 5, tzinfo=UTC)
    asked = [
        ConsentDue(id=UUID(int=n), agency_id=TWO, kind=kind, at=at, lapses=lapses)
        for n, (kind, lapses) in enumerate(((ProposalKind.END, False), (ProposalKind.SUSPENSION, True)))
    ]
    found = record(consents=tuple(asked))
    first, second = (each for each in deadlines(found, NOW) if each.kind is K.CONSENT)
    assert (first.on, first.at, first.agency_id, status_at(first, NOW)) == (date(2026, 6, 19), at, TWO, S.DUE_SOON)
    assert first.subject != second.subject
    assert "end of the agreement for all is proposed" in words(found, first).basis
    assert "take effect then" in words(found, first).basis
    assert "comes to nothing then" in words(found, second).basis
    assert asks_for_an_act(first)
    ends = Lapse(at, ClosedBecause.AGREEMENT_EXPIRED)
    assert asks_until(NOW, at - INSTANT, ends) == at - INSTANT
    assert (asks_until(NOW, NOW, ends), asks_until(NOW, NOW, None)) == (at, None), "no day is made up"


def test_what_is_proposed_of_a_day_that_is_over_is_overdue_while_it_waits() -> None:
    over = NOW - timedelta(days=400)
    assert asks_until(NOW, over, None) == over
    asked = ConsentDue(id=ONE, agency_id=TWO, kind=ProposalKind.END, at=over, lapses=False, backdated=True)
    found = record(consents=(asked,))
    line = due(found, K.CONSENT)
    assert (status_at(line, NOW), asks_for_an_act(line)) == (S.OVERDUE, True)
    assert "was over when it was proposed" in words(found, line).basis


def test_ratification_is_due_at_the_very_instant() -> None:
    by = datetime(2026, 7, 1, 5, tzinfo=UTC)  # midnight there: the thirtieth is the last day
    found = record(executed=False, ratify_by=by, ratified=False)
    ratification = due(found, K.RATIFICATION)
    assert (ratification.on, ratification.at) == (date(2026, 6, 30), by)
    assert status_at(ratification, by - INSTANT) is S.DUE_SOON
    assert status_at(ratification, by) is S.OVERDUE
    assert status_at(due(record(ratify_by=by, ratified=True), K.RATIFICATION), by) is S.MET


@pytest.mark.parametrize(
    ("ends_at", "asked_at", "is_due"),
    [
        (INSTANT, -INSTANT, True),
        (INSTANT, INSTANT, False),
        (-INSTANT, -2 * INSTANT, False),
    ],
)
def test_nobody_ratifies_what_has_ended_or_ends_before(ends_at: timedelta, asked_at: timedelta, is_due: bool) -> None:
    """Both counted from the deadline."""
    by = datetime(2026, 7, 1, 5, tzinfo=UTC)
    found = record(ratify_by=by, ratified=False, ended_at=by + ends_at, stage=Stage.TERMINATED)
    kinds = [each.kind for each in deadlines(found, by + asked_at)]
    assert (K.RATIFICATION in kinds) is is_due


def test_what_was_reported_of_a_party_is_to_be_answered_before_it_has_effect() -> None:
    at = datetime(2026, 6, 10, 20, 15, tzinfo=UTC)
    said = [
        ReportDue(id=UUID(int=n), agency_id=TWO, kind=kind, acted_on=date(2026, 5, 1), takes_effect_at=at)
        for n, kind in ((1, ReportedKind.SIGNED), (2, ReportedKind.GAVE_NOTICE))
    ]
    found = record(reports=tuple(said))
    first, second = (each for each in deadlines(found, NOW) if each.kind is K.ANSWER)
    assert (first.on, first.at, first.agency_id) == (date(2026, 6, 10), at, TWO)
    assert first.subject != second.subject, "each has an entry of its own in a calendar"
    assert status_at(first, NOW) is S.DUE_SOON
    assert "gave notice on 2026-05-01" in words(found, second).basis
    assert K.ANSWER in kinds(found, at - INSTANT)
    assert K.ANSWER not in kinds(found, at), "it has effect, and nobody can contest it any more"


def proof(agency_id: UUID, through: date | None, **given: Any) -> Proof:
    return Proof(agency_id=agency_id, through=through, needed_from=date(2024, 6, 1), time_zone=ZONE, **given)


@pytest.mark.parametrize(
    ("name", "kind"), [("insurance", DeadlineKind.INSURANCE), ("approvals", DeadlineKind.APPROVAL)]
)
def test_each_partys_papers_have_their_own_day(name: str, kind: DeadlineKind) -> None:
    proofs: dict[str, Any] = {name: (proof(ONE, date(2026, 6, 30)), proof(TWO, None))}
    found = record(**proofs)
    mine, theirs = [each for each in deadlines(found, NOW) if each.kind is kind]
    assert (mine.agency_id, mine.on, status_at(mine, NOW)) == (ONE, date(2026, 6, 30), S.DUE_SOON)
    assert (theirs.agency_id, theirs.missing, status_at(theirs, NOW)) == (TWO, True, S.OVERDUE)
    assert theirs.on == date(2025, 1, 1), "needed from when the agreement took effect, not when it was signed"
    assert "there is none" in words(found, theirs).action


def test_a_day_is_where_the_agency_is_for_its_insurance() -> None:
    found = record(
        insurance=(
            Proof(agency_id=ONE, through=date(2026, 6, 30), needed_from=date(2025, 1, 1), time_zone="Pacific/Guam"),
        )
    )
    assert due(found, K.INSURANCE).at == datetime(2026, 6, 30, 14, tzinfo=UTC)


def test_a_duty_is_met_by_its_proof_and_outlives_the_agreement() -> None:
    duty = DutyDue(id=TWO, agency_id=ONE, title="File it", citation="a statute", due_on=date(2025, 2, 1), met=False)
    pending, done = record(duties=(duty,)), record(duties=(msgspec.structs.replace(duty, met=True),))
    assert status_at(due(pending, K.FILING), NOW) is S.OVERDUE
    soon_after = datetime(2025, 3, 1, tzinfo=UTC)
    assert status_at(due(done, K.FILING, soon_after), soon_after) is S.MET
    assert K.FILING in kinds(pending, datetime(2030, 1, 1, tzinfo=UTC))
    assert words(pending, due(pending, K.FILING)).citation == "a statute"


def test_a_day_that_the_registry_set_itself_is_never_overdue() -> None:
    duty = DutyDue(
        id=TWO, agency_id=ONE, title="Send it", citation=None, due_on=date(2025, 2, 1), met=False, reminder=True
    )
    assert status_at(due(record(duties=(duty,)), K.FILING), NOW) is S.DUE_SOON


def test_what_meets_a_deadline_is_an_operation_of_the_contract_for_who_may_ask_for_it() -> None:
    soon = datetime(2026, 6, 10, tzinfo=UTC)
    found = record(
        review_every_months=6,
        insurance_required=True,
        insurance=(Proof(agency_id=ONE, through=None, needed_from=date(2026, 1, 1), time_zone=ZONE),),
        approvals=(Proof(agency_id=ONE, through=None, needed_from=date(2026, 1, 1), time_zone=ZONE),),
        duties=(DutyDue(id=TWO, agency_id=ONE, title="File it", citation=None, due_on=date(2026, 6, 3), met=False),),
        reports=(ReportDue(id=TWO, agency_id=ONE, kind=ReportedKind.SIGNED, acted_on=None, takes_effect_at=soon),),
        consents=(ConsentDue(id=TWO, agency_id=ONE, kind=ProposalKind.END, at=soon, lapses=False),),
    )
    paths = msgspec.json.decode((Path(__file__).parents[3] / "openapi/registry.json").read_bytes())["paths"]
    posts = {each["post"]["operationId"]: path for path, each in paths.items() if "post" in each}
    ours, theirs, admin = (
        inside(who, role).principal for who, role in ((ONE, Role.LEGAL), (TWO, Role.LEGAL), (ONE, Role.AGENCY_ADMIN))
    )
    named = {}
    for each in deadlines(found, NOW):
        assert action_for(found, each, theirs) is None, each.kind
        if (action := action_for(found, each, ours) or action_for(found, each, admin)) is not None:
            named[each.kind] = action
            at = re.sub(r"[{][a-z_]+[}]", "[-0-9a-f]{36}", posts[action.operation])
            assert re.fullmatch(at, action.path), action
    assert set(named) == {K.REVIEW, K.INSURANCE, K.APPROVAL, K.FILING, K.ANSWER, K.CONSENT}
    assert action_for(found, due(found, K.INSURANCE), ours) is None, "the administrator's to file"
    assert action_for(found, due(found, K.CONSENT), admin) is None, "the legal desk's to give"


KEEPING = Keeping(years=4, citation="a schedule")


def test_retention_ends_years_after_the_last_day() -> None:
    found = record(keeping=KEEPING)
    end = due(found, K.RETENTION_END)
    assert end.on == date(2030, 12, 31)
    assert status_at(end, NOW) is S.UPCOMING
    assert status_at(due(found, K.RETENTION_END, end.at), end.at) is S.MET
    assert kept_until(found) == date(2030, 12, 31)


def test_retention_after_a_leap_day_ends_on_the_last_of_february() -> None:
    assert kept_until(record(expires_on=date(2028, 2, 29), keeping=Keeping(years=3, citation="x"))) == date(2031, 2, 28)


def test_while_it_is_held_retention_has_no_end() -> None:
    found = record(keeping=KEEPING, held_by="a court")
    assert K.RETENTION_END not in kinds(found)
    assert kept_until(found) is None


def test_retention_has_no_end_where_the_agreement_has_none_or_no_schedule_is_known() -> None:
    assert kept_until(record(keeping=KEEPING, expires_on=None)) is None
    assert kept_until(record(keeping=KEEPING, renewal=Renewal(months=12))) is None
    assert kept_until(record(keeping=None)) is None
    assert kept_until(record(keeping=KEEPING, executed=False)) is None
    assert kept_until(record(keeping=KEEPING, renewal=Renewal(months=12, times=1))) == date(2031, 12, 31)


@pytest.mark.parametrize("kind", DeadlineKind)
def test_soon_begins_a_lead_before_the_day_and_overdue_when_it_is_over(kind: DeadlineKind) -> None:
    on = date(2026, 9, 15)
    one = Due(kind, on, end_of(on), ZONE)
    opens = end_of(on - timedelta(days=LEAD_DAYS[kind] + 1))
    assert status_at(one, opens - INSTANT) is S.UPCOMING
    assert status_at(one, opens) is S.DUE_SOON
    assert status_at(one, one.at - INSTANT) is S.DUE_SOON
    assert status_at(one, one.at) is S.OVERDUE
    assert status_at(msgspec.structs.replace(one, met=True), one.at) is S.MET


def test_provisions_that_survive_end_so_many_months_after_the_agreement() -> None:
    surviving = (Survival(clause="7", months=60), Survival(clause="9"), Survival(clause="12", months=6))
    found = record(surviving=surviving)
    last = {each.clause: each.on for each in deadlines(found, NOW) if each.kind is K.SURVIVAL_END}
    assert last == {"7": date(2031, 12, 31), "12": date(2027, 6, 30)}, "one without an end has no last day"
    assert K.SURVIVAL_END not in kinds(record(expires_on=None, surviving=surviving)), "nothing has ended yet"
    sooner = record(surviving=surviving, stage=Stage.TERMINATED, ended_at=end_of(date(2026, 3, 30)))
    assert {each.on for each in deadlines(sooner, NOW) if each.clause == "12"} == {date(2026, 9, 30)}


def test_what_lies_beyond_the_registrys_calendar_is_left_out() -> None:
    assert kinds(record(expires_on=date(2200, 1, 1), keeping=KEEPING)) == []
    assert kept_until(record(expires_on=date(2199, 12, 31), keeping=Keeping(years=100, citation="x"))) is None


def test_every_deadline_says_what_it_rests_on_and_what_to_do() -> None:
    duty = DutyDue(id=TWO, agency_id=ONE, title="File it", citation=None, due_on=date(2025, 2, 1), met=False)
    kind = ReportedKind.SIGNED
    said_of_it = ReportDue(id=TWO, agency_id=ONE, kind=kind, acted_on=date(2026, 5, 1), takes_effect_at=NOW + INSTANT)
    whole: dict[str, Any] = {
        "review_every_months": 12,
        "ratify_by": NOW,
        "insurance": (proof(ONE, date(2026, 6, 30)),),
        "approvals": (proof(ONE, date(2026, 6, 30)),),
        "duties": (duty,),
        "reports": (said_of_it,),
        "consents": (ConsentDue(id=TWO, agency_id=ONE, kind=ProposalKind.END, at=NOW + INSTANT, lapses=False),),
        "keeping": KEEPING,
    }
    gap = Gap(end_of(date(2026, 9, 30)), end_of(date(2026, 10, 31)))
    found = [
        record(**whole, gap=gap, surviving=(Survival(clause="7", months=1),)),
        record(**whole, renewal=Renewal(months=12)),
        record(**whole, ended_at=NOW),
    ]
    seen = set()
    for each in found:
        for one in deadlines(each, NOW):
            seen.add(one.kind)
            said = words(each, one)
            assert said.basis.strip(), one
            assert said.action.endswith("."), one
    assert seen == {*DeadlineKind}
