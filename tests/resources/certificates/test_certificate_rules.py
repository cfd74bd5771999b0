"""A certificate belongs to who it certifies, and holds on both days or not at all."""

from datetime import UTC, datetime, timedelta

import pytest

from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import Window
from registry.resources.certificates.rules import certificate_status, check_certificate, coverage, void_because
from tests.support.cases import every_case

FROM = datetime(2031, 1, 1, 6, tzinfo=UTC)
UNTIL = datetime(2032, 1, 1, 6, tzinfo=UTC)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)
DOG, LAB, VAN = {"any", "k9", "k9.patrol"}, {"any", "lab", "lab.dna"}, {"any", "vehicle"}


def test_it_holds_for_a_window_whose_first_and_last_day_it_covers() -> None:
    cases = {
        "within": (FROM + DAY, UNTIL - DAY, "current"),
        "from the first instant to the last": (FROM, UNTIL, "current"),
        "a moment too early": (FROM - TICK, UNTIL, "not_yet_effective"),
        "a moment too late": (FROM, UNTIL + TICK, "expired"),
        "over both ends": (FROM - TICK, UNTIL + TICK, "expired"),
    }
    with every_case() as case:
        for name, (start, end, status) in cases.items():
            with case(name):
                assert certificate_status(FROM, UNTIL, Window(start=start, end=end), None) == status
                assert certificate_status(FROM, UNTIL, Window(start=start, end=end), "ended") == "void"


def test_it_covers_all_of_a_window_or_a_part_of_it_or_nothing() -> None:
    cases = {
        "from the first instant to the last": (FROM, UNTIL, "current"),
        "a moment too early": (FROM - TICK, UNTIL, "begins"),
        "a moment too late": (FROM, UNTIL + TICK, "lapses"),
        "over both ends": (FROM - TICK, UNTIL + TICK, "lapses"),
        "up to its first instant": (FROM - DAY, FROM, None),
        "from its end on": (UNTIL, UNTIL + DAY, None),
    }
    with every_case() as case:
        for name, (start, end, expected) in cases.items():
            with case(name):
                assert coverage(FROM, UNTIL, Window(start=start, end=end)) == expected


def test_either_leaving_voids_it() -> None:
    def void(ended: bool = False, handler: str | None = "active", dog: str = "in_service") -> str | None:
        return void_because(ended=ended, handler_status=handler, service_status=dog)

    assert void() is None
    assert void(handler=None) is None
    assert void(handler="on_leave") is None  # still the dog's handler
    assert void(handler="separated") == "handler_left"
    assert void(dog="retired") == "asset_retired"
    assert void(dog="out_of_service") == "asset_out_of_service"
    assert void(ended=True) == "ended"


def test_a_certificate_fits_the_category_of_its_asset() -> None:
    for path, discipline, handler, scope in (
        (DOG, DOG, True, False),
        (LAB, LAB, False, True),
        (LAB, LAB, False, False),
    ):
        check_certificate(path, discipline, has_handler=handler, has_scope=scope)
    cases = {
        "a van": (VAN, DOG, True, False, ""),
        "of another tree": (DOG, LAB, True, False, "/discipline"),
        "any K9": (DOG, {"any", "k9"}, True, False, "/discipline"),
        "nothing known": (DOG, set(), True, False, "/discipline"),
        "a dog alone": (DOG, DOG, False, False, "/handler_id"),
        "a dog with methods": (DOG, DOG, True, True, "/methods"),
        "a laboratory with a handler": (LAB, LAB, True, False, "/handler_id"),
    }
    with every_case() as case:
        for name, (path, discipline, handler, scope, pointer) in cases.items():
            with case(name):
                with pytest.raises(RuleBroken) as refused:
                    check_certificate(path, discipline, has_handler=handler, has_scope=scope)
                assert (refused.value.code, refused.value.faults[0].pointer) == ("certificate_misfit", pointer)
