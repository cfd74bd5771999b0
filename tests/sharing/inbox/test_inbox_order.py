"""The order of an inbox: what hurts most first, and pages that join whatever room an entry is of."""

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from registry.directory.waiting import Asked, InboxEntry, InboxKind, InboxSubject, merged

pytestmark = pytest.mark.one_database

NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _entry(kind: InboxKind, number: int, due_at: datetime | None) -> InboxEntry:
    id_ = UUID(int=number)
    return InboxEntry(
        id=id_,
        kind=kind,
        subject=InboxSubject(kind="loan", id=id_, name="Unit (demo)", path=f"/v1/loans/{id_}"),
        task="Do it.",
        late=due_at is not None and due_at <= NOW,
        due_at=due_at,
        waiting_from=NOW,
        partner=None,
        action=None,
    )


def test_what_is_away_and_late_stands_first_then_what_is_late_then_what_comes_soonest() -> None:
    away = _entry(InboxKind.RETURN, 1, NOW)
    late = _entry(InboxKind.OBLIGATION, 2, NOW - 9 * HOUR)
    soon, later = _entry(InboxKind.RETURN, 3, NOW + HOUR), _entry(InboxKind.HAND_OVER, 4, NOW + 2 * HOUR)
    undated = _entry(InboxKind.CLOSING, 5, None)
    assert merged([[undated, soon], [later, late], [away]], 9) == [away, late, soon, later, undated]
    assert merged([[undated, soon], [later, late], [away]], 2) == [away, late]


# Several of one time and of one id, so that the last parts of the order are needed.
_EVERY = [
    _entry(kind, number, None if hours is None else NOW + hours * HOUR)
    for number, (kind, hours) in enumerate(product(InboxKind, (-3, 0, 2, None)), start=5)
] + [_entry(kind, 999, NOW + hours * HOUR) for kind, hours in product(InboxKind, (-3, 2))]


def _room(kind: InboxKind, asked: Asked) -> list[InboxEntry]:
    """A room's answer as its statement gives it: behind the deadline and id, or behind the id, in that order."""
    due, undated = asked.after_due(kind), asked.after_id(kind)
    dated = sorted((e for e in _EVERY if e.kind is kind and e.due_at and (e.due_at, e.id) > due), key=lambda e: e.key)
    rest = sorted((e for e in _EVERY if e.kind is kind and not e.due_at and e.id > undated), key=lambda e: e.key)
    return [*dated, *rest][: asked.limit]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_pages_join_without_a_gap_and_without_a_repetition(limit: int) -> None:
    whole = sorted(_EVERY, key=lambda entry: entry.key)
    read: list[InboxEntry] = []
    while True:
        asked = Asked(
            principal=None, policies=None, as_of=NOW, whose="me", limit=limit, after=read[-1].key if read else None
        )
        page = merged([_room(kind, asked) for kind in InboxKind], limit)
        read += page
        if len(page) < limit:
            break
    assert read == whole
