"""When an agreement binds a party: from dates, signatures, notices and approvals to windows of instants.

Two agencies have an agreement in force at an instant when both have a window that contains it, by the latest text that
both have signed. Windows are half-open, [start, end), and computed from the whole history each time, so no order of
events, nor of their entry, can leave one behind.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import combinations
from typing import TypeVar

import msgspec

from registry.agreements.instruments.held_texts import held_by, side_by_side
from registry.agreements.instruments.histories import AgreementDates, BoundWindow, PartyHistory, Signed, TextWindow
from registry.platform.kernel.intervals import Interval, earliest, remaining

K = TypeVar("K", bound=Hashable)


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
