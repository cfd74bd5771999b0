"""Which act begins or ends a window, and what of the windows others than the parties are told."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from registry.agreements.timeline.rules import (
    ActKind,
    Bound,
    Held,
    Mark,
    PartyWindow,
    begins_by,
    bound_by,
    bound_together,
    ends_by,
    in_common,
    replacements,
    taken_over,
    text_edges,
    told_to_others,
)

ONE, OTHER, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)


def day(n: int) -> datetime:
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=n)


def bound(start: int, end: int | None, no: int | None = 1) -> Bound:
    return Bound(start=day(start), end=None if end is None else day(end), version_no=no)


def mark(act_no: int, kind: ActKind, agency: UUID | None, on: int | None, no: int | None = None) -> Mark:
    return Mark(act_no=act_no, kind=kind, agency_id=agency, counts_from=None if on is None else day(on), version_no=no)


def window(start: int, end: int | None, no: int = 1, amended: int = 0) -> PartyWindow:
    return PartyWindow(start=day(start), end=None if end is None else day(end), version_no=no, amended=amended)


def test_a_party_is_bound_only_while_another_is_by_the_same_text() -> None:
    found = bound_together({ONE: [window(0, 8), window(8, None, 2)], OTHER: [window(3, 5), window(7, 9)]})
    assert found == {ONE: (bound(3, 5), bound(7, 8)), OTHER: (bound(3, 5), bound(7, 8))}


def test_two_that_signed_an_amendment_are_bound_to_a_third_by_the_original() -> None:
    both = [window(0, 5), window(5, None, amended=1), window(5, None, 2)]
    found = bound_together({ONE: both, OTHER: both, THIRD: [window(0, 9)]})
    assert found[ONE] == found[OTHER] == (bound(0, 9), bound(5, None, 2))
    assert found[THIRD] == (bound(0, 9),)
    assert bound_together({ONE: both, OTHER: both})[ONE] == (bound(0, 5), bound(5, None, 2))


def test_a_text_begins_gives_way_and_expires_and_does_not_end_with_the_whole() -> None:
    texts = [
        Held(start=day(0), end=day(5), version_no=1),
        Held(start=day(5), end=day(7), version_no=3),
        Held(start=day(9), end=day(11), version_no=2),
    ]
    terms = {1: (day(0), day(8)), 2: (day(9), day(20)), 3: (day(5), day(7)), 4: (day(6), None)}
    found = [(each.kind, each.version_no, each.at, each.next_no) for each in text_edges(texts, terms, day(11), None)]
    assert found == [
        (ActKind.TEXT_BEGINS, 1, day(0), None),
        (ActKind.TEXT_BEGINS, 3, day(5), None),
        (ActKind.TEXT_BEGINS, 2, day(9), None),
        (ActKind.TEXT_EXPIRES, 1, day(8), None),
        (ActKind.TEXT_EXPIRES, 3, day(7), None),
        (ActKind.TEXT_BEGINS, 4, day(6), None),
    ]


def test_a_text_gives_way_between_two_where_it_is_the_latest_that_both_signed() -> None:
    terms = {1: (day(0), None), 2: (day(3), None), 3: (day(5), None)}

    def gone(*signed: set[int]) -> list[tuple[int, int | None, bool]]:
        found = replacements([1, 2, 3], terms, None, in_common(map(frozenset, signed)))
        return [(each.version_no, each.next_no, each.of_some) for each in found]

    assert gone({1, 2, 3}, {1, 2, 3}) == [(1, 2, False), (2, 3, False)]
    assert gone({1, 2, 3}, {1, 3}, {1, 2}) == [(1, 2, False), (1, 3, False)], "the second never gives way to the third"
    assert gone({1, 2, 3}, {1, 3}, {1, 2, 3}) == [(1, 2, False), (1, 3, True), (2, 3, True)]
    assert gone({1, 2, 3}, {1}) == [], "what one alone signed takes no place"
    over = {**terms, 1: (day(0), day(4))}
    assert [each.next_no for each in replacements([1, 2, 3], over, None, [frozenset({1, 3})])] == []
    assert list(replacements([1, 2, 3], terms, day(2), [frozenset({1, 3})])) == []


def test_the_partys_own_act_and_alls_come_before_anothers() -> None:
    marks = [
        mark(1, ActKind.SIGNED, ONE, 0, 1),
        mark(2, ActKind.SIGNED, OTHER, 3, 1),
        mark(3, ActKind.TEXT_BEGINS, None, 3, 1),
        mark(4, ActKind.TEXT_BEGINS, None, 3, 2),
        mark(5, ActKind.GAVE_NOTICE, OTHER, 9),
        mark(6, ActKind.GAVE_NOTICE, ONE, None),
    ]
    its = bound(3, 9)
    assert begins_by(marks, ONE, its) == [3], "by its own text, and not by another"
    assert begins_by(marks, OTHER, its) == [2, 3]
    assert bound_by(marks, ONE, its) == [1]
    assert ends_by(marks, ONE, its) == [5], "it is left alone"
    assert ends_by(marks, ONE, bound(3, None)) == []


def test_what_only_happens_at_the_same_instant_begins_and_ends_nothing() -> None:
    marks = [
        mark(1, ActKind.SIGNED, THIRD, 9, 2),
        mark(2, ActKind.APPROVED, OTHER, 9),
        mark(3, ActKind.TEXT_RENEWS, None, 9, 1),
        mark(4, ActKind.CONSENTED, OTHER, 3),
    ]
    its = bound(3, 9)
    assert ends_by(marks, ONE, its) == [1], "with that signature the last whom it bound is bound by the next text"
    assert begins_by(marks, ONE, its) == []


def test_of_what_is_to_come_others_hear_what_their_text_says() -> None:
    windows = [bound(0, 2), bound(4, 6), bound(6, 20, 2), bound(25, None)]

    def told(now: int, until: int | None, *, is_bound: bool = True, begins: Bound | None = None) -> tuple[Bound, ...]:
        end = None if until is None else day(until)
        return told_to_others(windows, [1], day(now), bound=is_bound, until=end, begins=begins)

    assert told(5, 30) == (bound(0, 2), bound(4, 30)), "neither the other text nor the gap after it"
    assert told(8, None) == (bound(0, 2), bound(4, 6), bound(6, None, None))
    assert told(3, None, is_bound=False) == (bound(0, 2),), "what begins on a day that is not public is not told"
    assert told(3, None, is_bound=False, begins=bound(4, 30)) == (bound(0, 2), bound(4, 30))
    assert told(5, None, is_bound=False) == (bound(0, 2),)


def test_a_published_text_to_come_takes_over_on_its_own_first_day() -> None:
    assert taken_over([bound(0, None)], [bound(9, None, 2)]) == (bound(0, 9), bound(9, None, 2))
    assert taken_over([bound(0, 30)], [bound(20, 40, 3), bound(9, None, 2)]) == (
        bound(0, 9),
        bound(9, 20, 2),
        bound(20, 40, 3),
    )
    assert taken_over([bound(9, None)], [bound(9, None, 2)]) == (bound(9, None, 2),)
    assert taken_over([bound(0, 5)], [bound(9, None, 2)]) == (bound(0, 5),), "it has left before"
    assert taken_over([], [bound(9, None, 2)]) == ()


def test_texts_that_are_not_published_have_no_number_and_none_beside_one_that_is() -> None:
    windows = [bound(0, 2), bound(1, 4, 2), bound(4, 6, 3)]
    found = told_to_others(windows, [1], day(9), bound=False, until=None, begins=None)
    assert found == (bound(0, 2), bound(2, 6, None))
