"""When an agreement binds a party: from dates, signatures, notices and approvals to windows of instants.

Two agencies have an agreement in force at an instant when both have a window that contains it, by the latest text that
both have signed. Windows are half-open, [start, end), and computed from the whole history each time, so no order of
events, nor of their entry, can leave one behind.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import combinations, groupby
from typing import Literal, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from registry.agreements.instruments.notice import Period, runs_out_on
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.intervals import Interval, earliest, remaining
from registry.platform.kernel.time import (
    LAST_DAY,
    add_months,
    civil_day,
    day_after,
    day_starts_at,
    known_zone,
    last_day_before,
)

K = TypeVar("K", bound=Hashable)
Signed = TypeVar("Signed", int, frozenset[int])
"""Later texts that a party has signed: a set of them, or a bit for each."""


class AmendedText(msgspec.Struct, kw_only=True, frozen=True):
    """When a later version, an amendment or a renewal, was executed, and from when until when it means to hold.

    `first_hand_at`: of a paper, from when the first hand on it counts; by it, and its first day, the text has its place
    among the others. None where that is when it was executed.
    """

    executed_at: datetime
    first_hand_at: datetime | None = None
    starts_at: datetime
    ends_at: datetime | None = None


class AgreementDates(msgspec.Struct, kw_only=True, frozen=True):
    """The dates that all parties share: of the original text, of what amended it, and of the whole."""

    executed_at: datetime | None
    starts_at: datetime
    ends_at: datetime | None = None
    # In the order of their version numbers, whenever they take effect: what is old may be recorded late.
    amendments: tuple[AmendedText, ...] = ()
    # Terminated or superseded; may lie in the future (termination with notice).
    ended_at: datetime | None = None
    # One that has not been lifted has no end.
    suspensions: tuple[Interval, ...] = ()

    @property
    def last_ends_at(self) -> datetime | None:
        """The end that the version gives the agreement which takes effect last."""
        last = self.by_effect[-1] if self.amendments else 0
        return self.amendments[last - 1].ends_at if last else self.ends_at

    @property
    def begins(self) -> tuple[datetime, ...]:
        """From when each text, the original first, is meant to hold and is signed by all who had to."""
        assert self.executed_at is not None
        return (
            max(self.executed_at, self.starts_at),
            *(max(text.executed_at, text.starts_at) for text in self.amendments),
        )

    @property
    def by_effect(self) -> list[int]:
        """The texts in the order of their places, whatever the order in which they were recorded, lowest first.

        A text has its place by the later of its first day and the first hand on it, and not by a later hand: who says
        today that it signed a paper of 2020 puts it before one of 2022, from whenever that hand counts. One that is
        signed here has it by its execution, and nothing amends before there is an agreement. Of two in one place the
        one with the later first day comes last, else the one that was signed last, else the one with the higher number.
        """
        executed_at = self.executed_at
        assert executed_at is not None
        meant = (self.starts_at, *(text.starts_at for text in self.amendments))
        signed = (
            executed_at,
            *(
                text.executed_at if text.first_hand_at is None else max(executed_at, text.first_hand_at)
                for text in self.amendments
            ),
        )
        return sorted(range(len(meant)), key=lambda n: (max(meant[n], signed[n]), meant[n], signed[n], n))


class TextWindow(Interval, kw_only=True, frozen=True):
    """A stretch in which one version is the text: 0 is the original, n the n-th amendment."""

    text: int = 0


class BoundWindow(TextWindow, kw_only=True, frozen=True):
    """A stretch in which a text binds a party to those that have signed it too, and none of `amended`.

    These are later texts that the party has signed: whoever has signed one of them as well is bound to it by that.
    """

    amended: frozenset[int] = frozenset()


class VerbalActivation(msgspec.Struct, kw_only=True, frozen=True):
    """An agreement set in motion by word of mouth, to be ratified in writing by a deadline."""

    ratify_by: datetime
    ratified_at: datetime | None = None


class PartyHistory(msgspec.Struct, kw_only=True, frozen=True):
    """What one agency did as a party."""

    # The instant at which the agency signed, confirmed or gave its word for itself; nobody else can bind it.
    joined_at: datetime | None
    # By the place of each text that it signed, from when that counts: no other binds it. Every text where None.
    texts: Mapping[int, datetime] | None = None
    # Of those the instant of the day that the hand bears, where it counts later: others have not agreed to that day.
    stated: Mapping[int, datetime] = {}
    # While it has not consented to parties that were let in before it was bound, and is asked for that.
    unanswered: tuple[Interval, ...] = ()
    # When the notice that it gave has run out.
    leaves_at: datetime | None = None
    # When another text that it signed takes this one's place for it.
    released_at: datetime | None = None
    # When it suspended its own participation.
    suspensions: tuple[Interval, ...] = ()
    # When a governing body's approval was present: None where local law asks for none, empty where it is
    # lacking.
    approvals: tuple[Interval, ...] | None = None
    # When it is needed; always, where None.
    approval_needed: tuple[Interval, ...] | None = None
    # When each text needs one of its own, and by the place of each text when there was one that names it.
    each_text_needed: tuple[Interval, ...] = ()
    approvals_of: Mapping[int, tuple[Interval, ...]] = {}
    verbal: VerbalActivation | None = None


def utc_bounds(effective_on: date, expires_on: date | None, time_zone: str) -> tuple[datetime, datetime | None]:
    """The instants [starts_at, ends_at) of an agreement's civil dates in its own IANA time zone.

    It begins as `effective_on` begins and, as `expires_on` is its last day, ends as the day after begins;
    without `expires_on` it has no end. Raises RuleBroken for an unknown zone, a date outside 1900–2200 and an
    expiry that leaves no day.
    """
    zone = known_zone(time_zone, "/time_zone")
    starts_at = day_starts_at(effective_on, zone)
    if expires_on is None:
        return starts_at, None
    ends_at = day_starts_at(day_after(expires_on), zone)
    if ends_at <= starts_at:
        raise RuleBroken(
            "The expiry date must not lie before the effective date; it is the last day in force.",
            "expires_too_early",
        )
    return starts_at, ends_at


def withdrawal_ends_at(notice_given_on: date, period: Period, time_zone: str) -> datetime:
    """The instant at which a party that gave notice of withdrawal is no longer bound.

    Thirty days' notice given on 1 June binds through 1 July, and so does a month's. Raises RuleBroken for a date
    outside 1900–2200.
    """
    return day_starts_at(day_after(runs_out_on(notice_given_on, period)), ZoneInfo(time_zone))


def term_end(first_ends_on: date, months: int) -> date:
    """The last day of the term that ends `months` after the first one.

    That is the corresponding day, or the month's last where it has no such day: four months after 30 December end on
    30 April, a month after 30 January on 28 February. A term that ended with a month goes on to the end of one: half a
    year after 30 June ends on 31 December, a year after 28 February 2027 on the 29th of 2028.
    """
    whole_months = (first_ends_on + timedelta(days=1)).day == 1
    if whole_months:
        return add_months(first_ends_on + timedelta(days=1), months) - timedelta(days=1)
    return add_months(first_ends_on, months)


RenewalTimes: TypeAlias = int | Literal["no_limit", "silent"]
"""How often a text says that its term goes on by itself: so many times, without a limit, or it does not say."""


class Renewal(msgspec.Struct, kw_only=True, frozen=True):
    """A term that goes on by itself: by how many months, and how often at most (None: without end).

    `is_silent`: how often is entered as not said, so the one renewal that is spoken of is counted, and none is assumed.
    """

    months: int
    times: int | None = None
    is_silent: bool = False


def renewal_of(months: int | None, times: RenewalTimes | None) -> Renewal | None:
    """How a term goes on by itself, from what is stored of it; None where it does not."""
    if not months:
        return None
    if times is None or times == "silent":  # what is not said at all is refused where it is entered
        return Renewal(months=months, times=1, is_silent=True)
    return Renewal(months=months, times=None if times == "no_limit" else times)


def last_day(expires_on: date | None, renewal: Renewal | None) -> date | None:
    """The last day that renewals can reach; None where there is none.

    What is not said is counted in neither: no last day is made up where none is entered, and no renewal after the one
    that is spoken of. So without a last day it is in force until it is ended.

    Each term's end is counted from the first one's, so that 31 January is not worn down to the 28th.
    """
    if expires_on is None or renewal is None:
        return expires_on
    return None if renewal.times is None else term_end(expires_on, renewal.months * renewal.times)


def term_ends(expires_on: date, renewal: Renewal | None, not_before: date) -> Iterator[date]:
    """The last days of the terms that end on `not_before` or later, in order; without end where renewals are."""
    number, step = 0, renewal.months if renewal else 0
    if step and not_before > expires_on:
        number = max(((not_before.year - expires_on.year) * 12 + not_before.month - expires_on.month) // step - 1, 0)
    while renewal is not None or number == 0:
        if renewal is not None and renewal.times is not None and number > renewal.times:
            return
        ends_on = term_end(expires_on, number * step)
        if ends_on > LAST_DAY:
            return
        if ends_on >= not_before:
            yield ends_on
        number += 1


def running_term(expires_on: date, renewal: Renewal | None, day: date) -> date | None:
    """The last day of the term that holds the day, of the first that is to come, else of the last; None beyond 2200."""
    return next(term_ends(expires_on, renewal, day), None) or last_day(expires_on, renewal)


def term_day(at: datetime, time_zone: str, *over_at: datetime | None) -> date:
    """The day whose term runs at `at`: once it is over for good, by the first of those instants, its last day.

    An agreement that has ended, or in which fewer than two parties are left, renews itself no more.
    """
    over = earliest(*over_at)
    return civil_day(at, time_zone) if over is None or at < over else last_day_before(over, time_zone)


class TextStatus(StrEnum):
    """What the text that is shown of an instant is then."""

    UNEXECUTED = "unexecuted"
    UPCOMING = "upcoming"
    CURRENT = "current"
    ENDED = "ended"


def text_at(windows: Sequence[TextWindow], at: datetime) -> tuple[TextWindow | None, TextStatus]:
    """The text that holds at the instant; in a gap and after the end the last that did, before all the first to come.

    `windows` are those of `shown_texts.shown_windows`. In SQL it is `queries.in_force.text_shown_at`.
    """
    if not windows:
        return None, TextStatus.UNEXECUTED
    begun = [window for window in windows if window.start <= at]
    if not begun:
        return windows[0], TextStatus.UPCOMING
    return begun[-1], TextStatus.CURRENT if begun[-1].contains(at) else TextStatus.ENDED


def text_windows(dates: AgreementDates) -> tuple[TextWindow, ...]:
    """Which version is the text when, where all sign each: on each day the one in the highest place that has begun.

    In order, disjoint, not empty. A version that was replaced does not come back when the one after it expires, and one
    that begins after another has taken its place is never the text. What is shown where some have not signed one, or
    have left, is said in `shown_texts`.
    """
    if dates.executed_at is None:
        return ()
    begins, order = dates.begins, dates.by_effect
    ends = (dates.ends_at, *(text.ends_at for text in dates.amendments))
    lasting = [n for n in order if (end := ends[n]) is None or begins[n] < end]
    following = (earliest(*(begins[m] for m in order[place + 1 :] if m in lasting)) for place in range(len(order)))
    windows = (
        TextWindow(text=n, start=begins[n], end=earliest(ends[n], dates.ended_at, replaced_at))
        for n, replaced_at in zip(order, following, strict=True)
    )
    return tuple(window for window in windows if not window.is_empty())


def bound_windows(dates: AgreementDates, parties: Mapping[K, PartyHistory]) -> dict[K, tuple[BoundWindow, ...]]:
    """The windows in which each party is bound, each by one version, in order; none for one that never is.

    Bound is: executed, effective and not expired, not ended, not suspended as a whole or for itself; joined, by that
    very text, and not past the end of its notice, nor released by a text that took this one's place; those that were
    let in meanwhile consented to; its governing body's approval present where local law makes that a condition of
    validity; and, after an activation by word of mouth, not past the deadline without ratification (a late ratification
    binds from then on, not backwards).

    Two parties are bound to each other by the latest text that both of them have signed. So what some of them signed
    changes nothing between one of these and one that did not: a party has a window by each text that is the latest it
    has in common with some other, and these may overlap. It also has one by the latest that it signed itself. Nothing
    here depends on what was entered when: only on the days from which the signatures count.
    """
    if dates.executed_at is None:
        return dict.fromkeys(parties, ())
    rank = {n: place for place, n in enumerate(dates.by_effect)}
    held = held_by(dates, parties)
    beside = side_by_side(held, parties)
    return {each: _windows_of(dates, party, held[each], beside, rank) for each, party in parties.items()}


def latest_in_common(
    dates: AgreementDates, own: Collection[int], others: Iterable[Collection[int]], at: datetime
) -> list[int]:
    """The texts by which a party that signed `own` is bound to those that signed `others` at the instant, latest first.

    Of the texts that have begun by then; where none has, the first that follows. Its own latest is always among them,
    and the first of them; an earlier one that has run out binds it to nobody.
    """
    begun = _begun(dates, own, at)
    in_common = (latest_in_common_with(dates, own, each, at) for each in others)
    found = {begun[-1]} | {n for n in in_common if n is not None}
    ends = (dates.ends_at, *(text.ends_at for text in dates.amendments))
    over = {n for n in found if n != begun[-1] and (end := ends[n]) is not None and end <= at}
    return [n for n in reversed(begun) if n in found - over]


def latest_in_common_with(
    dates: AgreementDates, own: Collection[int], other: Collection[int], at: datetime
) -> int | None:
    """By which text the one is bound to the other, by what each has signed; None where there is none of both."""
    return next((n for n in reversed(_begun(dates, own, at)) if n in own and n in other), None)


def _begun(dates: AgreementDates, own: Collection[int], at: datetime) -> Sequence[int]:
    """Of the texts that the party has signed those that have begun by then; where none has, the first that follows."""
    order = [n for n in dates.by_effect if n in own] or dates.by_effect
    return [n for n in order if dates.begins[n] <= at] or order[:1]


def lapses(dates: AgreementDates, held: Mapping[K, tuple[Collection[int], datetime | None]]) -> dict[K, datetime]:
    """When the texts that a party has signed have all ended, for each that others then outlast by a later text.

    `held`: by party the texts that it has signed, and when it leaves. Where all end together nobody has lapsed: what is
    over for all may still be renewed, or concluded, by all.
    """
    ends = (dates.ends_at, *(text.ends_at for text in dates.amendments))
    found: dict[K, datetime] = {}
    for each, (texts, _) in held.items():
        own = [ends[n] for n in texts]
        if not own or None in own:
            continue
        until = max(end for end in own if end is not None)
        goes_on = [
            n
            for n, end in enumerate(ends)
            if (end is None or until < end)
            and sum(n in theirs and (gone is None or until < gone) for theirs, gone in held.values()) > 1
        ]
        if goes_on:
            found[each] = until
    return found


def held_by(
    dates: AgreementDates, parties: Mapping[K, PartyHistory]
) -> dict[K, tuple[tuple[datetime, frozenset[int]], ...]]:
    """As `texts_held` by party, without each hand to a text that those who had signed it had given up by its day."""
    held = {each: tuple(texts_held(dates, party)) for each, party in parties.items()}
    if not dates.amendments:
        return held
    since = {each: _since(stages) for each, stages in held.items()}
    late: set[K] = set()
    for n in reversed(dates.by_effect):
        given_up = given_up_at(dates, since, n)
        first = min((at for at, _ in given_up.values()), default=None)
        standing: list[K] = []
        hands = sorted(
            ((_hand(parties[each], n), each) for each in since if n in since[each]), key=lambda hand: hand[0]
        )
        for at, group in groupby(hands, key=lambda hand: hand[0]):
            gone = first is not None and first < at and replaced_for_all(parties, standing, given_up, at) is not None
            if not gone:
                standing += (each for _, each in group)
                continue
            for _, each in group:
                del since[each][n]
                late.add(each)
    return held | {each: tuple(_stages(since[each])) for each in late}


def given_up_at(
    dates: AgreementDates, since: Mapping[K, Mapping[int, datetime]], n: int
) -> dict[K, tuple[datetime, int]]:
    """By party that holds the text: from when one in a higher place binds it to another party, and which does first.

    `since`: by party from when it holds each text.
    """
    order = dates.by_effect
    higher = order[order.index(n) + 1 :]
    holding = {m: sorted(its[m] for its in since.values() if m in its) for m in higher}
    second = {m: found[1] for m, found in holding.items() if len(found) > 1}
    return {
        each: min(found)
        for each, its in since.items()
        if n in its and (found := [(max(its[m], at), m) for m, at in second.items() if m in its])
    }


def replaced_before(
    dates: AgreementDates, parties: Mapping[K, PartyHistory], n: int, at: datetime
) -> tuple[datetime, int] | None:
    """As `replaced_for_all`, of a hand to that text which is not among the parties' yet."""
    since = {each: _since(stages) for each, stages in held_by(dates, parties).items()}
    of_all = [each for each, party in parties.items() if party.texts is None or n in party.texts]
    signed = [each for each in of_all if _hand(parties[each], n) <= at]
    known = {each: {n: at, **its} if each in signed else its for each, its in since.items()}
    return replaced_for_all(parties, signed, given_up_at(dates, known, n), at)


def replaced_for_all(
    parties: Mapping[K, PartyHistory], standing: Iterable[K], given_up: Mapping[K, tuple[datetime, int]], at: datetime
) -> tuple[datetime, int] | None:
    """Since when, and by which text, a text is replaced for each that signed it and has not left by the instant.

    A hand of that instant binds nobody anew; of one day, and no hour, hands on paper are of one instant, and all count.
    None while there is one for whom it is not, and where nobody is left.
    """
    last: tuple[datetime, int] | None = None
    for each in standing:
        gone_at = earliest(parties[each].leaves_at, parties[each].released_at)
        if gone_at is not None and gone_at <= at:
            continue
        found = given_up.get(each)
        if found is None or found[0] >= at:
            return None
        last = found if last is None else max(last, found)
    return last


def _hand(party: PartyHistory, n: int) -> datetime:
    """The instant of the party's hand to a text, or of its word."""
    assert party.joined_at is not None
    counts_from = party.joined_at if party.texts is None else party.texts[n]
    return min(counts_from, party.stated.get(n, counts_from))


def _since(stages: Iterable[tuple[datetime, frozenset[int]]]) -> dict[int, datetime]:
    found: dict[int, datetime] = {}
    for at, texts in stages:
        found |= {n: at for n in texts if n not in found}
    return found


def _stages(since: Mapping[int, datetime]) -> Iterator[tuple[datetime, frozenset[int]]]:
    return ((at, frozenset(n for n, its in since.items() if its <= at)) for at in sorted({*since.values()}))


def texts_held(dates: AgreementDates, party: PartyHistory) -> Iterator[tuple[datetime, frozenset[int]]]:
    """The texts that a party has signed and that have begun, each time that there are more of them.

    A hand that counts only from when its text is over holds nothing: it takes no earlier text's place.
    """
    if party.joined_at is None:
        return
    ends = (dates.ends_at, *(text.ends_at for text in dates.amendments))
    since: dict[datetime, set[int]] = {}
    for n, begins in enumerate(dates.begins):
        signed_at = party.joined_at if party.texts is None else party.texts.get(n)
        if signed_at is None:
            continue
        at = max(begins, party.joined_at, signed_at)
        if (end := ends[n]) is None or at < end:
            since.setdefault(at, set()).add(n)
    found: frozenset[int] = frozenset()
    for at in sorted(since):
        found |= since[at]
        yield at, found


def side_by_side(
    held: Mapping[K, Sequence[tuple[datetime, frozenset[int]]]], parties: Mapping[K, PartyHistory]
) -> list[tuple[datetime, tuple[frozenset[int], ...]]]:
    """Which sets of texts parties hold, each time that this changes: one that several hold is there twice.

    They are few, however many the parties are.
    """
    turns: list[tuple[datetime, frozenset[int], int]] = []
    for each, stages in held.items():
        gone_at = earliest(parties[each].leaves_at, parties[each].released_at)
        for place, (at, texts) in enumerate(stages):
            until = earliest(*(following for following, _ in stages[place + 1 : place + 2]), gone_at)
            if until is None or at < until:
                turns.append((at, texts, 1))
                if until is not None:
                    turns.append((until, texts, -1))
    found: list[tuple[datetime, tuple[frozenset[int], ...]]] = []
    count: Counter[frozenset[int]] = Counter()
    for at, group in groupby(sorted(turns, key=lambda turn: turn[0]), key=lambda turn: turn[0]):
        for _, texts, step in group:
            count[texts] += step
        there = tuple(sorted((texts for texts in count for _ in range(min(count[texts], 2))), key=sorted))
        if not found or found[-1][1] != there:
            found.append((at, there))
    return found


def _windows_of(
    dates: AgreementDates,
    party: PartyHistory,
    held: Sequence[tuple[datetime, frozenset[int]]],
    beside: Sequence[tuple[datetime, tuple[frozenset[int], ...]]],
    rank: Mapping[int, int],
) -> tuple[BoundWindow, ...]:
    """The windows of one party that holds these texts beside those others, ordered by their start and their text."""
    ends = (dates.ends_at, *(text.ends_at for text in dates.amendments))
    open_since: dict[tuple[int, frozenset[int]], datetime] = {}
    stretches: list[BoundWindow] = []
    for at in sorted({at for at, _ in held} | {at for at, _ in beside}):
        own = next((texts for since, texts in reversed(held) if since <= at), frozenset[int]())
        others = next((sets for since, sets in reversed(beside) if since <= at), ())
        latest = {max(common, key=rank.__getitem__) for each in (own, *others) if (common := own & each)}
        now = {(n, frozenset(m for m in own if rank[m] > rank[n])) for n in latest}
        for n, amended in [each for each in open_since if each not in now]:
            start = open_since.pop((n, amended))
            stretches.append(BoundWindow(text=n, amended=amended, start=start, end=at))
        open_since |= {each: at for each in now if each not in open_since}
    stretches += [BoundWindow(text=n, amended=amended, start=at) for (n, amended), at in open_since.items()]
    found: list[BoundWindow] = []
    for each in stretches:
        until = earliest(each.end, ends[each.text], dates.ended_at, party.leaves_at, party.released_at)
        span = Interval(start=each.start, end=until)
        breaks = [*dates.suspensions, *party.suspensions, *party.unanswered]
        breaks += [*_lacking_approval(span, party), *_lacking_its_own(span, party, each.text)]
        if party.verbal is not None:
            breaks.append(Interval(start=party.verbal.ratify_by, end=party.verbal.ratified_at))
        found += [msgspec.structs.replace(each, start=s.start, end=s.end) for s in remaining(span, breaks)]
    return tuple(sorted(found, key=lambda window: (window.start, rank[window.text])))


def _lacking_approval(span: Interval, party: PartyHistory) -> Iterator[Interval]:
    """The stretches of `span` in which an approval is needed and none lasts."""
    if party.approvals is None:
        return
    for needed in (span,) if party.approval_needed is None else party.approval_needed:
        stretch = Interval(start=max(span.start, needed.start), end=earliest(span.end, needed.end))
        yield from remaining(stretch, party.approvals)


def _lacking_its_own(span: Interval, party: PartyHistory, text: int) -> Iterator[Interval]:
    """The stretches of `span` in which the text needs an approval that names it, and none lasts."""
    for needed in party.each_text_needed:
        stretch = Interval(start=max(span.start, needed.start), end=earliest(span.end, needed.end))
        yield from remaining(stretch, party.approvals_of.get(text, ()))


def approved_from(
    texts: Mapping[int, datetime], needed: Sequence[Interval], approvals: Mapping[int, Sequence[Interval]]
) -> dict[int, datetime]:
    """From when the party's hand to each text counts where each text needs an approval that names it.

    Its hand to a later text binds it not before that: until then it is bound by the text before, which nobody took
    away. The original is not among them, for it has none before; what it lacks leaves a gap.
    """
    found: dict[int, datetime] = {}
    for n, signed_at in texts.items():
        lacking = [] if n == 0 else [part for each in needed for part in remaining(each, approvals.get(n, ()))]
        free = next(iter(remaining(Interval(start=signed_at), lacking)), None)
        if free is not None:
            found[n] = free.start
    return found


class ApprovalChange(msgspec.Struct, frozen=True, order=True):
    """A rule: from when an approval is needed, or is needed no more."""

    starts_at: datetime
    recorded_at: datetime
    needed: bool


def approval_needed(changes: Iterable[ApprovalChange]) -> tuple[Interval, ...]:
    """When a party needs its governing body's approval: disjoint, in order, whatever the order of the changes."""
    found: list[Interval] = []
    begun: datetime | None = None
    for change in sorted(changes):
        if change.needed and begun is None:
            begun = change.starts_at
        elif not change.needed and begun is not None:
            if begun < change.starts_at:
                found.append(Interval(start=begun, end=change.starts_at))
            begun = None
    return (*found, Interval(start=begun)) if begun is not None else tuple(found)


def bound_until(windows: Sequence[TextWindow]) -> tuple[datetime | None, ...]:
    """For each window of a party, when it stops being bound: where no other window of it goes on."""
    found: list[datetime | None] = []
    for window in windows:
        until = window.end
        for other in sorted(windows, key=lambda each: each.start):
            if until is not None and other.start <= until and (other.end is None or until < other.end):
                until = other.end
        found.append(until)
    return tuple(found)


def bound_to_others(
    until: datetime | None, together: Interval | None, *, has_window: bool
) -> tuple[bool, datetime | None]:
    """Whether a party is bound, and until when, of whose window `until` is the end.

    `together`: the stretch of `force_windows` that contains the instant. Nobody is bound to itself alone: not who
    signed first, nor who is left of an agreement that has lapsed.
    """
    return (True, earliest(until, together.end)) if has_window and together is not None else (False, None)


def force_windows(parties: Iterable[Sequence[BoundWindow]]) -> tuple[Interval, ...]:
    """When at least two parties are bound to each other: disjoint, not touching, in order."""
    found: list[Interval] = []
    since: datetime | None = None
    for at, there in kinds_of_windows(parties):
        is_bound = any(True for _ in texts_in_common(there))
        if is_bound and since is None:
            since = at
        elif not is_bound and since is not None:
            found.append(Interval(start=since, end=at))
            since = None
    return (*found, Interval(start=since)) if since is not None else tuple(found)


def bind_each_other(one: int, later: Signed, other: int, too: Signed) -> bool:
    """Whether two windows bind their parties to each other: they are of one text, and both have signed no later one.

    In SQL it is `queries.in_force.same_text`.
    """
    return one == other and not later & too


def kinds_of_windows(
    parties: Iterable[Sequence[BoundWindow]],
) -> Iterator[tuple[datetime, list[tuple[int, frozenset[int]]]]]:
    """Of which texts there are windows, and what their parties have signed beside, each time that this changes.

    What several parties have is there twice; so it is little, however many the parties are.
    """
    change: dict[datetime, list[tuple[int, frozenset[int], int]]] = {}
    for windows in parties:
        for window in windows:
            change.setdefault(window.start, []).append((window.text, window.amended, 1))
            if window.end is not None:
                change.setdefault(window.end, []).append((window.text, window.amended, -1))
    bound: Counter[tuple[int, frozenset[int]]] = Counter()
    for at in sorted(change):
        for text, amended, step in change[at]:
            bound[text, amended] += step
        yield at, [each for each in bound for _ in range(min(bound[each], 2))]


def texts_in_common(windows: Sequence[tuple[int, frozenset[int]]]) -> Iterator[int]:
    """The texts of which there are two windows such that no later one was signed by both; some more than once."""
    return (one[0] for one, other in combinations(windows, 2) if bind_each_other(*one, *other))


def first_instant_of_all(not_before: datetime, several: Sequence[Sequence[Interval]]) -> datetime | None:
    """The first instant from `not_before` on at which each of the several has an interval; None where there is none."""
    starts = [window.start for windows in several for window in windows if window.start > not_before]
    for at in sorted([not_before, *starts]):
        if all(any(window.contains(at) for window in windows) for windows in several):
            return at
    return None
