"""Which act begins or ends a window, and what of the windows others than the parties are told."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from registry.agreements.timeline.rules import (
    ActKind,
    Bound,
    Held,
    Mark,
    begins_by,
    bound_by,
    bound_together,
    ends_by,
    text_edges,
    told_to_others,
)
from registry.platform.kernel.intervals import Interval

ONE, OTHER = UUID(int=1), UUID(int=2)


def day(n: int) -> datetime:
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=n)


def bound(start: int, end: int | None, no: int | None = 1) -> Bound:
    return Bound(start=day(start), end=None if end is None else day(end), version_no=no)


def mark(act_no: int, kind: ActKind, agency: UUID | None, on: int | None, no: int | None = None) -> Mark:
    return Mark(act_no=act_no, kind=kind, agency_id=agency, counts_from=None if on is None else day(on), version_no=no)


def test_a_party_is_bound_only_while_another_is() -> None:
    force = [Interval(start=day(3), end=day(5)), Interval(start=day(7))]
    assert bound_together([(Interval(start=day(0), end=day(8)), 1), (Interval(start=day(8)), 2)], force) == (
        bound(3, 5),
        bound(7, 8),
        bound(8, None, 2),
    )


def test_a_text_begins_gives_way_and_expires_and_does_not_end_with_the_whole() -> None:
    texts = [
        Held(start=day(0), end=day(5), version_no=1),
        Held(start=day(5), end=day(7), version_no=3),
        Held(start=day(9), end=day(11), version_no=2),
    ]
    found = [(each.kind, each.version_no, each.next_no) for each in text_edges(texts, day(11))]
    assert found == [
        (ActKind.TEXT_BEGINS, 1, None),
        (ActKind.TEXT_REPLACED, 1, 3),
        (ActKind.TEXT_BEGINS, 3, None),
        (ActKind.TEXT_EXPIRES, 3, None),
        (ActKind.TEXT_BEGINS, 2, None),
    ]


def test_the_partys_own_act_and_alls_come_before_anothers() -> None:
    marks = [
        mark(1, ActKind.SIGNED, ONE, 0, 1),
        mark(2, ActKind.SIGNED, OTHER, 3, 1),
        mark(3, ActKind.TEXT_BEGINS, None, 3, 1),
        mark(4, ActKind.TEXT_BEGINS, None, 3, 2),
        mark(5, ActKind.GAVE_NOTICE, OTHER, 9),
        mark(6, ActKind.GAVE_NOTICE, ONE, None),
    ]
    window = bound(3, 9)
    assert begins_by(marks, ONE, window) == [3], "by its own text, and not by another"
    assert begins_by(marks, OTHER, window) == [2, 3]
    assert bound_by(marks, ONE, window) == [1]
    assert ends_by(marks, ONE, window) == [5], "it is left alone"
    assert ends_by(marks, ONE, bound(3, None)) == []


def test_of_what_is_to_come_others_hear_what_their_text_says() -> None:
    windows = [bound(0, 2), bound(4, 6), bound(6, 20, None), bound(25, None)]

    def told(now: int, until: int | None, *, is_bound: bool = True) -> tuple[Bound, ...]:
        return told_to_others(
            windows, day(now), bound=is_bound, until=None if until is None else day(until), not_after=day(30)
        )

    assert told(5, 30) == (bound(0, 2), bound(4, 30)), "neither the other text nor the gap after it"
    assert told(8, None) == (bound(0, 2), bound(4, 6), bound(6, None, None))
    assert told(3, None, is_bound=False) == (bound(0, 2), bound(4, 6))
    assert told(22, None, is_bound=False)[-1] == bound(25, 30)
    assert told(5, None, is_bound=False) == (bound(0, 2),)


def test_what_follows_at_once_by_texts_that_are_not_published_is_one_stretch() -> None:
    windows = [bound(0, 2), bound(2, 4, None), bound(4, 6, None)]
    assert told_to_others(windows, day(9), bound=False, until=None, not_after=None) == (bound(0, 2), bound(2, 6, None))
