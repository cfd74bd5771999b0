"""Whether a party has left: asked the same everywhere, by its notice and by its release, from the instant on."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from registry.agreements.instruments.commands.settling.proposed import bound_now
from registry.agreements.instruments.rules import has_left, is_gone, unbound

AT = datetime(2026, 3, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ONE = UUID(int=1)


NOT_GONE: dict[str, Any] = {"leaves_at": None, "released_at": None, "lapsed_at": None}


def test_a_party_is_gone_from_its_last_instant_on_whichever_way_it_goes() -> None:
    joined_at = AT - timedelta(days=9)
    for name in NOT_GONE:
        part: Any = SimpleNamespace(joined_at=joined_at, **{**NOT_GONE, name: AT})
        for now, left in ((AT - TICK, False), (AT, True)):
            assert is_gone(part, now) == unbound(part, now) == left
            # Who has lapsed may sign the text of the others, and is bound anew by it.
            assert has_left(part.leaves_at, part.released_at, now) == (left and name != "lapsed_at")
            assert bound_now({ONE: part}, now) == ([] if left else [ONE]), "who has left is asked nothing"


def test_who_will_be_bound_by_a_report_is_asked_and_who_never_signed_is_not() -> None:
    for joined_at, asked in ((AT + TICK, True), (None, False)):
        part: Any = SimpleNamespace(joined_at=joined_at, **NOT_GONE)
        assert unbound(part, AT)
        assert bool(bound_now({ONE: part}, AT)) == asked
