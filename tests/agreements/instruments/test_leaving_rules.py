"""Whether a party has left: asked the same everywhere, by its notice and by its release, from the instant on."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from registry.agreements.instruments.commands.settling.proposed import bound_now
from registry.agreements.instruments.rules import has_left, unbound

AT = datetime(2026, 3, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ONE = UUID(int=1)


def test_a_party_has_left_from_its_last_instant_on_whichever_way_it_goes() -> None:
    joined_at = AT - timedelta(days=9)
    for name in ("leaves_at", "released_at"):
        gone = {"leaves_at": None, "released_at": None, name: AT}
        part: Any = SimpleNamespace(joined_at=joined_at, **gone)
        for now, left in ((AT - TICK, False), (AT, True)):
            assert has_left(**gone, at=now) == left
            assert unbound(joined_at, **gone, at=now) == left
            assert bound_now({ONE: part}, now) == ([] if left else [ONE]), "who has left is asked nothing"


def test_who_will_be_bound_by_a_report_is_asked_and_who_never_signed_is_not() -> None:
    for joined_at, asked in ((AT + TICK, True), (None, False)):
        assert unbound(joined_at, None, None, AT)
        part: Any = SimpleNamespace(joined_at=joined_at, leaves_at=None, released_at=None)
        assert bool(bound_now({ONE: part}, AT)) == asked
