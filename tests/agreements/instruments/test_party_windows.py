"""When an agreement binds a party: civil days as instants, and windows against a slow, obvious reference."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.agreements.instruments.approval_needs import approved_from
from registry.agreements.instruments.histories import (
    AgreementDates,
    AmendedText,
    BoundWindow,
    PartyHistory,
    VerbalActivation,
)
from registry.agreements.instruments.in_force import bound_to_others, bound_windows, force_windows
from registry.agreements.instruments.notice import Period
from registry.agreements.instruments.term_days import (
    Renewal,
    last_day,
    term_end,
    term_ends,
    utc_bounds,
    withdrawal_ends_at,
)
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.intervals import Interval
from registry.platform.kernel.time import add_months, civil_day, day_ends_at, day_starts_at, last_day_before
from tests.support.length import at_length

TICK = timedelta(microseconds=1)
NEW_YORK = "America/New_York"
# Zones whose clocks have changed around midnight, by odd amounts, or by a whole day.
RESTLESS_ZONES = [
    NEW_YORK,
    "Africa/Cairo",
    "America/Havana",
    "America/Sao_Paulo",
    "America/Toronto",
    "Asia/Beirut",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestUtcBounds:
    @pytest.mark.parametrize(
        ("zone", "day", "starts_at"),
        [
            ("UTC", date(2026, 7, 4), utc("2026-07-04T00:00")),
            (NEW_YORK, date(2026, 7, 4), utc("2026-07-04T04:00")),
            (NEW_YORK, date(2026, 1, 4), utc("2026-01-04T05:00")),
            ("Asia/Kathmandu", date(2026, 1, 4), utc("2026-01-03T18:15")),
            ("Pacific/Kiritimati", date(2026, 1, 4), utc("2026-01-03T10:00")),
            ("Pacific/Chatham", date(2026, 7, 4), utc("2026-07-03T11:15")),
            ("Australia/Lord_Howe", date(2026, 1, 4), utc("2026-01-03T13:00")),
        ],
    )
    def test_a_day_begins_at_local_midnight(self, zone: str, day: date, starts_at: datetime) -> None:
        assert utc_bounds(day, None, zone) == (starts_at, None)

    @pytest.mark.parametrize(
        ("day", "hours"),
        [(date(2026, 3, 8), 23), (date(2026, 3, 9), 24), (date(2026, 11, 1), 25)],
        ids=["clocks go forward", "an ordinary day", "clocks go back"],
    )
    def test_one_day_lasts_as_long_as_its_civil_day(self, day: date, hours: int) -> None:
        starts_at, ends_at = utc_bounds(day, day, NEW_YORK)
        assert ends_at is not None
        assert ends_at - starts_at == timedelta(hours=hours)

    def test_where_midnight_does_not_exist_the_day_begins_with_the_change(self) -> None:
        # Beirut, 30 March 2025: 00:00 became 01:00.
        assert day_starts_at(date(2025, 3, 30), ZoneInfo("Asia/Beirut")) == utc("2025-03-29T22:00")

    def test_where_the_gap_begins_before_midnight_the_day_begins_within_it(self) -> None:
        # Toronto, 30 March 1919: 23:30 became 00:30 of the 31st.
        toronto = ZoneInfo("America/Toronto")
        starts_at = day_starts_at(date(1919, 3, 31), toronto)
        assert starts_at == utc("1919-03-31T04:30")
        assert starts_at.astimezone(toronto).isoformat() == "1919-03-31T00:30:00-04:00"
        assert (starts_at - TICK).astimezone(toronto).date() == date(1919, 3, 30)

    def test_where_midnight_comes_twice_the_day_begins_with_the_first(self) -> None:
        # Havana, 2 November 2025: 01:00 became 00:00. St. John's, 7 November 2010: 00:01 became 23:01.
        assert day_starts_at(date(2025, 11, 2), ZoneInfo("America/Havana")) == utc("2025-11-02T04:00")
        assert day_starts_at(date(2010, 11, 7), ZoneInfo("America/St_Johns")) == utc("2010-11-07T02:30")

    def test_a_day_that_was_skipped_is_empty_and_cannot_be_a_term(self) -> None:
        # Samoa crossed the date line and had no 30 December 2011.
        apia = ZoneInfo("Pacific/Apia")
        change = utc("2011-12-30T10:00")
        assert day_starts_at(date(2011, 12, 30), apia) == change == day_starts_at(date(2011, 12, 31), apia)
        assert (
            day_ends_at(date(2011, 12, 29), "Pacific/Apia") == change == day_ends_at(date(2011, 12, 30), "Pacific/Apia")
        )
        assert last_day_before(change, "Pacific/Apia") == date(2011, 12, 29)
        assert civil_day(change, "Pacific/Apia") == date(2011, 12, 31)
        with pytest.raises(RuleBroken):
            utc_bounds(date(2011, 12, 30), date(2011, 12, 30), "Pacific/Apia")

    @pytest.mark.parametrize(
        ("effective_on", "expires_on", "zone", "code"),
        [
            (date(2026, 1, 2), date(2026, 1, 1), NEW_YORK, "expires_too_early"),
            (date(2026, 1, 1), None, "Gotham/City", "unknown_time_zone"),
            (date(2026, 1, 1), None, "../../etc/passwd", "unknown_time_zone"),
            (date(2026, 1, 1), None, "America", "unknown_time_zone"),
            (date.min, None, NEW_YORK, "date_out_of_range"),
            (date(2026, 1, 1), date.max, NEW_YORK, "date_out_of_range"),
        ],
    )
    def test_what_gives_no_term_is_refused(
        self, effective_on: date, expires_on: date | None, zone: str, code: str
    ) -> None:
        with pytest.raises(RuleBroken) as refused:
            utc_bounds(effective_on, expires_on, zone)
        assert refused.value.code == code

    def test_dates_reach_from_1900_to_2200(self) -> None:
        utc_zone = ZoneInfo("UTC")
        assert day_starts_at(date(1900, 1, 1), utc_zone) == utc("1900-01-01T00:00")
        assert day_starts_at(date(2200, 1, 1), utc_zone) == utc("2200-01-01T00:00")
        for day in (date(1899, 12, 31), date(2200, 1, 2)):
            with pytest.raises(RuleBroken):
                day_starts_at(day, utc_zone)

    @given(
        day=st.dates(date(1900, 1, 1), date(2199, 12, 30)),
        zone=st.sampled_from(RESTLESS_ZONES).map(ZoneInfo),
    )
    def test_the_first_instant_of_a_day_is_in_it_and_the_one_before_is_not(self, day: date, zone: ZoneInfo) -> None:
        starts_at, next_starts_at = day_starts_at(day, zone), day_starts_at(day + timedelta(days=1), zone)
        assert (starts_at - TICK).astimezone(zone).date() < day
        if starts_at < next_starts_at:
            assert starts_at.astimezone(zone).date() == day
        else:
            assert starts_at.astimezone(zone).date() > day


class TestWithdrawal:
    def test_thirty_days_notice_given_on_the_first_of_june_binds_through_the_first_of_july(self) -> None:
        assert withdrawal_ends_at(date(2026, 6, 1), Period(days=30), NEW_YORK) == utc("2026-07-02T04:00")

    def test_without_a_notice_period_the_day_of_the_notice_is_the_last(self) -> None:
        assert withdrawal_ends_at(date(2026, 6, 1), Period(days=0), NEW_YORK) == utc("2026-06-02T04:00")

    @pytest.mark.parametrize(("given_on", "days"), [(date.max, 0), (date(2199, 6, 1), 3_650)])
    def test_a_notice_that_cannot_be_counted_is_refused(self, given_on: date, days: int) -> None:
        with pytest.raises(RuleBroken):
            withdrawal_ends_at(given_on, Period(days=days), NEW_YORK)


SIGNED = utc("2026-01-10T15:00")
OPEN_ENDED = AgreementDates(executed_at=SIGNED, starts_at=utc("2026-01-01T05:00"))


def windows(dates: AgreementDates, party: PartyHistory) -> list[tuple[datetime, datetime | None]]:
    return [(window.start, window.end) for window in bound_windows(dates, {0: party})[0]]


class TestPartyWindows:
    def test_a_party_is_bound_once_everything_has_happened(self) -> None:
        joined = utc("2026-02-01T12:00")
        assert windows(OPEN_ENDED, PartyHistory(joined_at=SIGNED)) == [(SIGNED, None)]
        assert windows(OPEN_ENDED, PartyHistory(joined_at=joined)) == [(joined, None)]

    def test_nobody_is_bound_by_an_agreement_that_is_not_executed(self) -> None:
        draft = AgreementDates(executed_at=None, starts_at=SIGNED)
        assert windows(draft, PartyHistory(joined_at=SIGNED)) == []

    def test_an_agency_that_has_not_confirmed_is_not_bound_by_what_others_signed(self) -> None:
        assert windows(OPEN_ENDED, PartyHistory(joined_at=None)) == []

    def test_a_party_that_joins_after_the_end_is_never_bound(self) -> None:
        ended = AgreementDates(executed_at=SIGNED, starts_at=SIGNED, ended_at=utc("2026-03-01T00:00"))
        assert windows(ended, PartyHistory(joined_at=utc("2026-03-01T00:00"))) == []

    def test_a_party_that_gave_notice_is_bound_until_its_notice_has_run_out(self) -> None:
        given_on = date(2026, 6, 1)
        leaving = PartyHistory(joined_at=SIGNED, leaves_at=withdrawal_ends_at(given_on, Period(days=30), NEW_YORK))
        assert windows(OPEN_ENDED, leaving) == [(SIGNED, utc("2026-07-02T04:00"))]
        at_once = PartyHistory(joined_at=SIGNED, leaves_at=withdrawal_ends_at(given_on, Period(days=0), NEW_YORK))
        assert windows(OPEN_ENDED, at_once) == [(SIGNED, utc("2026-06-02T04:00"))]

    def test_a_lapsed_approval_of_the_governing_body_leaves_a_gap_until_it_is_renewed(self) -> None:
        yearly = (
            Interval(start=utc("2026-01-01T00:00"), end=utc("2027-01-01T00:00")),
            Interval(start=utc("2027-02-01T00:00"), end=utc("2028-02-01T00:00")),
        )
        assert windows(OPEN_ENDED, PartyHistory(joined_at=SIGNED, approvals=yearly)) == [
            (SIGNED, utc("2027-01-01T00:00")),
            (utc("2027-02-01T00:00"), utc("2028-02-01T00:00")),
        ]

    def test_where_approval_is_needed_and_lacking_the_party_is_never_bound(self) -> None:
        assert windows(OPEN_ENDED, PartyHistory(joined_at=SIGNED, approvals=())) == []

    def test_a_text_that_needs_an_approval_of_its_own_binds_while_one_of_it_lasts(self) -> None:
        always, later = Interval(start=SIGNED), Interval(start=SIGNED + timedelta(days=90))
        named = {0: (always,), 1: (Interval(start=later.start, end=later.start + timedelta(days=30)),)}
        signed = approved_from({0: SIGNED, 1: SIGNED + timedelta(days=60)}, (always,), named)
        assert signed == {0: SIGNED, 1: later.start}, "until it is approved, the text before it binds"
        assert approved_from({1: SIGNED}, (always,), {}) == {}
        assert approved_from({1: SIGNED}, (later,), {}) == {1: SIGNED}, "before the rule begins no text needs one"
        party = PartyHistory(joined_at=SIGNED, approvals=(always,), each_text_needed=(always,), approvals_of=named)
        assert windows(OPEN_ENDED, party) == [(SIGNED, None)]
        lacking = msgspec.structs.replace(party, approvals_of={0: (later,)})
        assert windows(OPEN_ENDED, lacking) == [(later.start, None)], "whatever other text an approval names"

    def test_renewals_that_touch_or_overlap_leave_no_seam(self) -> None:
        approvals = (
            Interval(start=utc("2026-06-01T00:00"), end=utc("2027-06-01T00:00")),
            Interval(start=utc("2026-01-01T00:00"), end=utc("2026-09-01T00:00")),
            Interval(start=utc("2027-06-01T00:00")),
        )
        assert windows(OPEN_ENDED, PartyHistory(joined_at=SIGNED, approvals=approvals)) == [(SIGNED, None)]

    def test_a_verbal_activation_binds_until_its_deadline_unless_ratified_in_time(self) -> None:
        deadline = utc("2026-02-09T15:00")

        def bound(ratified_at: datetime | None) -> list[tuple[datetime, datetime | None]]:
            verbal = VerbalActivation(ratify_by=deadline, ratified_at=ratified_at)
            return windows(OPEN_ENDED, PartyHistory(joined_at=SIGNED, verbal=verbal))

        assert bound(None) == [(SIGNED, deadline)]
        assert bound(deadline) == [(SIGNED, None)]
        assert bound(deadline + TICK) == [(SIGNED, deadline), (deadline + TICK, None)]


# Histories on a coarse grid of half-hours around two changes of the clock, so that instants often coincide.
ZONES = [NEW_YORK, "America/Havana", "Asia/Beirut", "Australia/Lord_Howe"]
GRID_START = datetime(2026, 3, 1, tzinfo=UTC)
instants = st.integers(0, 48 * 45).map(lambda half_hours: GRID_START + half_hours * timedelta(minutes=30))
days = st.dates(date(2026, 2, 25), date(2026, 4, 20))
intervals = st.builds(lambda start, end: Interval(start=start, end=end), start=instants, end=st.none() | instants)


class Text(NamedTuple):
    """A version as people put it: executed at an instant, from one civil day through another."""

    executed_at: datetime
    effective_on: date
    expires_on: date | None


def text_at(at: datetime, texts: Sequence[Text], zone: str, joined_at: datetime) -> int | None:
    """The version that began latest by then, if its last day has not passed; days as on the wall's calendar.

    One that was over when it was executed, or the party joined, took no other's place.
    """
    today = at.astimezone(ZoneInfo(zone)).date()

    def was_over(text: Text) -> bool:
        signed_on = max(text.executed_at, joined_at).astimezone(ZoneInfo(zone)).date()
        return text.expires_on is not None and text.expires_on < signed_on

    begun = [
        n
        for n, text in enumerate(texts)
        if at >= text.executed_at and today >= text.effective_on and not was_over(text)
    ]
    if not begun:
        return None

    def began(n: int) -> tuple[datetime, date, datetime, int]:
        first = datetime.combine(texts[n].effective_on, time(), ZoneInfo(zone)).astimezone(UTC)
        return max(texts[n].executed_at, first), texts[n].effective_on, texts[n].executed_at, n

    latest = max(begun, key=began)
    expires_on = texts[latest].expires_on
    return latest if expires_on is None or today <= expires_on else None


def bound_by(
    at: datetime,
    texts: Sequence[Text],
    dates: AgreementDates,
    party: PartyHistory,
    notice: tuple[date, Period] | None,
    zone: str,
) -> int | None:
    """The version by which the party is bound, each condition by itself."""
    today = at.astimezone(ZoneInfo(zone)).date()
    approvals, verbal = party.approvals, party.verbal
    holds = (
        (dates.ended_at is None or at < dates.ended_at)
        and not any(s.start <= at and (s.end is None or at < s.end) for s in dates.suspensions)
        and (party.joined_at is not None and at >= party.joined_at)
        and (notice is None or today <= notice[0] + timedelta(days=notice[1].days or 0))
        and (approvals is None or any(a.start <= at and (a.end is None or at < a.end) for a in approvals))
        and (verbal is None or at < verbal.ratify_by or (verbal.ratified_at is not None and at >= verbal.ratified_at))
    )
    return text_at(at, texts, zone, party.joined_at) if holds and party.joined_at is not None else None


@st.composite
def texts_of(draw: st.DrawFn) -> list[Text]:
    """An original and up to two later versions, in any order of days."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        effective_on = draw(days)
        expires_on = draw(st.none() | st.dates(effective_on, effective_on + timedelta(days=40)))
        found.append(Text(draw(instants), effective_on, expires_on))
    return found


@st.composite
def parties(draw: st.DrawFn, zone: str) -> tuple[PartyHistory, tuple[date, Period] | None]:
    """A party, and the day and length of the notice that it gave."""
    notice = draw(st.none() | st.tuples(days, st.integers(0, 20).map(lambda n: Period(days=n))))
    party = PartyHistory(
        joined_at=draw(st.none() | instants),
        leaves_at=withdrawal_ends_at(*notice, zone) if notice else None,
        approvals=draw(st.none() | st.lists(intervals, max_size=3).map(tuple)),
        verbal=draw(st.none() | st.builds(VerbalActivation, ratify_by=instants, ratified_at=st.none() | instants)),
    )
    return party, notice


@settings(max_examples=at_length(100, 400, 20_000))
@given(data=st.data(), zone=st.sampled_from(ZONES), texts=texts_of())
def test_the_windows_contain_exactly_the_instants_at_which_every_condition_holds(
    data: st.DataObject, zone: str, texts: list[Text]
) -> None:
    bounds = [utc_bounds(text.effective_on, text.expires_on, zone) for text in texts]
    dates = AgreementDates(
        executed_at=texts[0].executed_at,
        starts_at=bounds[0][0],
        ends_at=bounds[0][1],
        amendments=tuple(
            AmendedText(executed_at=text.executed_at, starts_at=starts_at, ends_at=ends_at)
            for text, (starts_at, ends_at) in zip(texts[1:], bounds[1:], strict=True)
        ),
        ended_at=data.draw(st.none() | instants, "ended_at"),
        suspensions=tuple(data.draw(st.lists(intervals, max_size=3), "suspensions")),
    )
    both = [data.draw(parties(zone), f"party {n}") for n in (1, 2)]
    found = [bound_windows(dates, {0: party})[0] for party, _ in both]
    force = force_windows(found)

    moments = [GRID_START, dates.ended_at, *(edge for each in bounds for edge in each)]
    moments += [text.executed_at for text in texts]
    for party, _ in both:
        moments += [party.joined_at, party.leaves_at]
        moments += [edge for approval in party.approvals or () for edge in (approval.start, approval.end)]
        moments += [party.verbal.ratify_by, party.verbal.ratified_at] if party.verbal else []
    for window in (*dates.suspensions, *found[0], *found[1], *force):
        moments += [window.start, window.end]
    for edge in {moment for moment in moments if moment is not None}:
        for at in (edge - TICK, edge, edge + TICK):
            expected = [bound_by(at, texts, dates, party, notice, zone) for party, notice in both]
            actual = [[window.text for window in windows if window.contains(at)] for windows in found]
            assert actual == [[] if text is None else [text] for text in expected], at
            assert any(window.contains(at) for window in force) == (None not in expected), at

    assert all(not window.is_empty() for windows in (*found, force) for window in windows)
    assert all(a.end is not None and a.end < b.start for a, b in pairwise(force)), "sorted, none touching"
    for windows in found:
        for a, b in pairwise(windows):
            assert a.end is not None
            assert a.end < b.start or (a.end == b.start and a.text != b.text), "one version's touch nowhere"


class TestTerms:
    def test_a_month_later_is_the_same_day_or_the_months_last(self) -> None:
        assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
        assert add_months(date(2027, 12, 31), 2) == date(2028, 2, 29)
        assert add_months(date(2026, 1, 31), 12) == date(2027, 1, 31)

    def test_terms_are_counted_from_the_first_ones_end_and_not_worn_down(self) -> None:
        monthly = Renewal(months=1)
        ends = term_ends(date(2026, 1, 31), monthly, date(2026, 1, 1))
        assert [next(ends) for _ in range(3)] == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]

    def test_a_term_lasts_whole_months_from_the_day_after_the_one_before(self) -> None:
        assert term_end(date(2026, 6, 30), 6) == date(2026, 12, 31)
        assert term_end(date(2026, 4, 30), 1) == date(2026, 5, 31)
        assert term_end(date(2027, 2, 28), 12) == date(2028, 2, 29)
        assert term_end(date(2024, 2, 29), 12) == date(2025, 2, 28)
        assert term_end(date(2026, 6, 15), 12) == date(2027, 6, 15)

    def test_a_term_ends_on_the_corresponding_day_or_on_the_last_of_a_month_without_it(self) -> None:
        assert term_end(date(2026, 12, 30), 4) == date(2027, 4, 30)
        assert term_end(date(2027, 1, 30), 1) == date(2027, 2, 28)
        assert term_end(date(2027, 1, 30), 2) == date(2027, 3, 30)
        assert term_end(date(2027, 1, 29), 1) == date(2027, 2, 28)
        assert term_end(date(2028, 1, 29), 1) == date(2028, 2, 29)

    def test_a_limited_number_of_renewals_ends(self) -> None:
        twice = Renewal(months=12, times=2)
        assert list(term_ends(date(2026, 6, 30), twice, date(2026, 1, 1))) == [
            date(2026, 6, 30),
            date(2027, 6, 30),
            date(2028, 6, 30),
        ]
        assert last_day(date(2026, 6, 30), twice) == date(2028, 6, 30)
        assert list(term_ends(date(2026, 6, 30), twice, date(2028, 7, 1))) == []
        assert list(term_ends(date(2026, 6, 30), None, date(2026, 6, 30))) == [date(2026, 6, 30)]
        assert list(term_ends(date(2026, 6, 30), None, date(2026, 7, 1))) == []

    @given(
        expires_on=st.dates(date(2000, 1, 1), date(2030, 12, 31)),
        months=st.integers(1, 120),
        not_before=st.dates(date(1995, 1, 1), date(2150, 1, 1)),
    )
    def test_the_first_term_found_is_the_first_that_has_not_ended(
        self, expires_on: date, months: int, not_before: date
    ) -> None:
        found = next(term_ends(expires_on, Renewal(months=months), not_before))
        every = [term_end(expires_on, n * months) for n in range(12 * 155 // months + 2)]
        assert found == next(day for day in every if day >= not_before)


def test_nobody_is_bound_to_itself_alone() -> None:
    at, later, last = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
    one, other = [BoundWindow(start=at)], [BoundWindow(start=at, end=later)]
    (together,) = force_windows([one, other])
    assert bound_to_others(None, together, has_window=True) == (True, later), "no longer than the other is"
    assert bound_to_others(later, Interval(start=at, end=last), has_window=True) == (True, later)
    assert bound_to_others(None, Interval(start=at), has_window=True) == (True, None)
    for none in (bound_to_others(None, None, has_window=True), bound_to_others(None, together, has_window=False)):
        assert none == (False, None)
