"""When an agreement ends, and each party's part in it: the one rule, whose answer is stored and read everywhere.

It ends when for the last time two of its parties are bound to each other, by whatever text. So the last day that a text
writes, an end that was agreed, a successor, notices that leave nobody to be bound to, and a text that only some have
signed all count, and the first of them that leaves no two decides. What interrupts an agreement for a while, a
suspension or an approval that is lacking, ends it for nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Literal, TypeAlias

from msgspec import Struct

from registry.agreements.instruments.histories import BoundWindow
from registry.agreements.instruments.in_force import K, bind_each_other
from registry.platform.kernel.intervals import Interval, earliest
from registry.platform.kernel.time import last_day_before

EndedBy: TypeAlias = Literal["expiry", "termination", "supersession", "notice", "departure"]
"""Why it ends: a text runs out, all agreed on it, another took its place, or too few are left; or one party leaves."""

_NEVER = datetime.max.replace(tzinfo=UTC)
_Kind: TypeAlias = tuple[int, frozenset[int]]


class End(Struct, frozen=True):
    """The end of an agreement for all, as far as it is settled; `at` None is never."""

    at: datetime | None
    by: EndedBy | None


def end_for_all(
    by_party: Mapping[K, datetime | None],
    *,
    text_ends_at: datetime | None,
    ended_at: datetime | None,
    superseded: bool,
    leave: Iterable[datetime | None],
) -> End:
    """The end of the agreement, from the ends of `bound_ends`: that of the parties which are bound the longest.

    Where no two are ever bound it is that of the agreement's own text, `text_ends_at`, or the one that was agreed
    before, `ended_at`. `leave`: when parties leave by a notice, or for another text.
    """
    at = _latest(by_party.values()) if by_party else earliest(text_ends_at, ended_at)
    if at is None:
        return End(None, None)
    if at == ended_at:  # a successor releases all at once, so nobody is left: of two ends at once the deed counts
        return End(at, "supersession" if superseded else "termination")
    return End(at, "notice" if by_party and at in {*leave} else "expiry")


def bound_ends(parties: Mapping[K, Sequence[BoundWindow]]) -> dict[K, datetime | None]:
    """When each party is bound to another for the last time; None for never, no entry for one that never is bound.

    `parties`: their windows, of `party_days.lasting_windows`.
    """
    kinds: dict[_Kind, list[BoundWindow]] = {}
    for windows in parties.values():
        for window in windows:
            kinds.setdefault((window.text, window.amended), []).append(window)
    stretches = {kind: _bound_to_it(kind, kinds) for kind in kinds}
    found: dict[K, datetime | None] = {}
    for party, windows in parties.items():
        ends = [end for each in windows for end in _met(each, stretches[each.text, each.amended])]
        if ends:
            found[party] = _latest(ends)
    return found


def end_for_others(
    text_ends_at: datetime | None, ended_at: datetime | None, alone_at: datetime | None
) -> datetime | None:
    """The end that others than the parties are told ahead: what follows from days that anybody may know, see `told`."""
    return earliest(text_ends_at, ended_at, alone_at)


def last_day_of(at: datetime | None, time_zone: str) -> date | None:
    """The last civil day before an end; None where there is none."""
    return None if at is None else last_day_before(at, time_zone)


def _latest(ends: Iterable[datetime | None]) -> datetime | None:
    last = max(_NEVER if end is None else end for end in ends)
    return None if last == _NEVER else last


def _bound_to_it(kind: _Kind, kinds: Mapping[_Kind, Sequence[BoundWindow]]) -> list[Interval]:
    """When a party with a window of that kind is bound by it to some other: disjoint, in order.

    A window whose party has signed no later text meets others of its own kind, and so is itself among those counted.
    """
    needed = 1 if kind[1] else 2
    turns = []
    for other, windows in kinds.items():
        if bind_each_other(*kind, *other):
            for window in windows:
                turns += [(window.start, 1), (window.end or _NEVER, -1)]
    found: list[Interval] = []
    count, since = 0, None
    for at, group in groupby(sorted(turns), key=lambda turn: turn[0]):
        count += sum(step for _, step in group)
        if count >= needed and since is None:
            since = at
        elif count < needed and since is not None:
            found.append(Interval(start=since, end=None if at == _NEVER else at))
            since = None
    return found


def _met(window: BoundWindow, stretches: Sequence[Interval]) -> Iterable[datetime | None]:
    """The end of the last stretch that the window has a part in, as far as the window goes."""
    for each in reversed(stretches):
        if each.start < (window.end or _NEVER) and window.start < (each.end or _NEVER):
            return [earliest(window.end, each.end)]
    return []
