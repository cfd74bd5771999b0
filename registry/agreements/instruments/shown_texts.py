"""Which text is shown as the agreement's when: the latest that binds two of its parties to each other then."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations

from msgspec.structs import replace

from registry.agreements.instruments.held_texts import held_by, side_by_side
from registry.agreements.instruments.histories import AgreementDates, BoundWindow, PartyHistory, TextWindow
from registry.agreements.instruments.in_force import K, kinds_of_windows, text_windows, texts_in_common
from registry.platform.kernel.intervals import Interval, earliest


def shown_windows(
    dates: AgreementDates, parties: Mapping[K, PartyHistory], bound: Mapping[K, Sequence[BoundWindow]]
) -> tuple[TextWindow, ...]:
    """Which version is the text when: in order, disjoint, not empty. `bound` are the windows of `bound_windows`.

    It is the latest that binds two parties to each other. Where none does, as in a suspension, it is the latest that
    two have signed who have not left. Where there are no such two, it is the one that would be the text if all had
    signed each, unless another has bound somebody since that one took effect: then the agreement has no text any more.
    """
    if dates.executed_at is None:
        return ()
    rank = {n: place for place, n in enumerate(dates.by_effect)}
    binding = [
        (at, max(texts_in_common(there), key=rank.__getitem__, default=None))
        for at, there in kinds_of_windows(bound.values())
    ]
    signed = [*_signed_by_two(dates, parties, rank)]
    meant = text_windows(dates)
    edges = {at for at, _ in (*binding, *signed)} | {at for window in meant for at in (window.start, window.end) if at}
    found: list[TextWindow] = []
    last: int | None = None
    last_until: datetime | None = None
    for at in sorted(edges):
        text = _then(binding, at)
        text = _then(signed, at) if text is None else text
        if text is not None:
            last, last_until = text, None
        else:
            last_until = last_until or at
            text = next((window.text for window in meant if window.contains(at)), None)
            if text is not None and last not in (None, text) and dates.begins[text] < last_until:
                text = None
        _go_on(found, at, text)
    return tuple(found)


def own_text(
    windows: Sequence[TextWindow], rank: Mapping[int, int], now: datetime
) -> tuple[int | None, datetime | None]:
    """Which text is the agreement's own: the last to take effect of those that are shown now, or later; and until when.

    An end is told where others are shown after that one. Once all is over it is the last that was shown; None for none.
    """
    lasting = [window for window in windows if window.end is None or now < window.end]
    if not lasting:
        return (windows[-1].text if windows else None), None
    own = max((window.text for window in lasting), key=rank.__getitem__)
    last = [window for window in lasting if window.text == own][-1]
    return own, None if last is lasting[-1] else last.end


def windows_to_others(
    held: Sequence[TextWindow],
    bound: Iterable[Sequence[BoundWindow]],
    suspensions: Iterable[Interval],
    until: datetime | None,
) -> tuple[Interval, ...]:
    """When a version holds for who reads none after it: as long as it binds two to each other, whatever some amend.

    `held` are the stretches in which it is shown as the text to all, `bound` its windows by party. A suspension does
    not end it, but `until` does, its own end.
    """
    kinds = [*kinds_of_windows(bound)]
    ends = [*(at for at, _ in kinds[1:]), *([None] if kinds else [])]
    binding = (
        Interval(start=at, end=end)
        for (at, there), end in zip(kinds, ends, strict=True)
        if next(texts_in_common(there), None) is not None
    )
    found = _united([*(Interval(start=each.start, end=each.end) for each in held), *binding])
    for pause in sorted(suspensions, key=lambda each: each.start):
        span = Interval(start=pause.start, end=earliest(pause.end, until))
        if not span.is_empty() and any(each.end == span.start or each.contains(span.start) for each in found):
            found = _united([*found, span])
    return found


def _united(spans: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same instants in as few intervals as there can be, in order."""
    found: list[Interval] = []
    for each in sorted(spans, key=lambda each: each.start):
        last = found[-1] if found else None
        if last is None or (last.end is not None and last.end < each.start):
            found.append(each)
        elif last.end is not None and (each.end is None or last.end < each.end):
            found[-1] = Interval(start=last.start, end=each.end)
    return tuple(found)


def _signed_by_two(
    dates: AgreementDates, parties: Mapping[K, PartyHistory], rank: Mapping[int, int]
) -> Iterator[tuple[datetime, int | None]]:
    """The latest text that some two have signed in common, and that lasts, each time that this may change.

    What suspends it, or keeps it from binding, does not matter here; who has left does.
    """
    ends = (dates.ends_at, *(text.ends_at for text in dates.amendments))
    beside = side_by_side(held_by(dates, parties), parties)
    edges = {at for at, _ in beside} | {at for at in (*ends, dates.ended_at) if at is not None}
    for at in sorted(edges):
        if dates.ended_at is not None and dates.ended_at <= at:
            yield at, None
            return
        place = bisect_right(beside, at, key=lambda each: each[0])
        pairs = combinations(beside[place - 1][1] if place else (), 2)
        latest = {max(common, key=rank.__getitem__) for one, other in pairs if (common := one & other)}
        lasting = [n for n in latest if (end := ends[n]) is None or at < end]
        yield at, max(lasting, key=rank.__getitem__, default=None)


def _then(texts: Sequence[tuple[datetime, int | None]], at: datetime) -> int | None:
    """The text since the last change by then; None before all."""
    place = bisect_right(texts, at, key=lambda each: each[0])
    return texts[place - 1][1] if place else None


def _go_on(found: list[TextWindow], at: datetime, text: int | None) -> None:
    """Let that be the text from then on; None: there is none."""
    if found and found[-1].end is None:
        if found[-1].text == text:
            return
        found[-1] = replace(found[-1], end=at)
    if text is not None:
        found.append(TextWindow(text=text, start=at))
