"""When all of a package is free, what it costs, and whose sight of it a member takes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.money import Money
from registry.resources.allocations.occupancy import Hold, Occupancy, first_common_fit
from registry.resources.allocations.rules import assigned
from registry.resources.assets.rules import PackageStatus, Sharing
from registry.resources.packages.rules import (
    PackageAction,
    check_active,
    cost_of_all,
    hides_from_others,
)

HOUR = timedelta(hours=1)
NOON = datetime(2026, 7, 4, 12, tzinfo=UTC)


def at(hour: int) -> datetime:
    return NOON + hour * HOUR


def held(*holds: Hold, quantity: int = 1, capacity: int = 1, in_service: bool = True, ready: int = 0) -> Occupancy:
    """A member with these holds, which takes `ready` hours to be ready again."""
    return Occupancy(
        quantity=quantity, capacity=capacity, in_service=in_service, turnaround=ready * HOUR, holds=[*holds]
    )


def test_all_of_it_is_free_only_when_the_last_member_is() -> None:
    boat, van = held((at(0), at(2), 1)), held((at(1), at(4), 1))
    assert first_common_fit([boat, van], at(0), HOUR) == at(4)
    assert first_common_fit([boat], at(0), HOUR) == at(2)
    assert first_common_fit([boat, van], at(4), 100 * HOUR) == at(4)


def test_a_gap_of_one_member_is_of_no_use_while_another_is_held() -> None:
    boat = held((at(0), at(2), 1), (at(5), at(8), 1))
    van = held((at(1), at(4), 1))
    assert first_common_fit([boat, van], at(0), HOUR) == at(4)
    assert first_common_fit([boat, van], at(0), 2 * HOUR) == at(8), "between four and five is too short"


def test_what_is_overdue_or_out_of_service_or_too_few_is_never_free_as_far_as_is_known() -> None:
    free = held()
    for never in (held((at(0), None, 1)), held(in_service=False), held(quantity=5, capacity=4)):
        assert first_common_fit([free, never], at(0), HOUR) is None
    assert held(in_service=False).free_quantity((at(0), at(1))) == 0
    assert held(in_service=False).blocking((at(0), at(1))) == [(at(0), at(1))]


def test_a_member_needs_its_quantity_and_its_turnaround() -> None:
    kits = held((at(0), at(2), 3), quantity=4, capacity=6)
    assert kits.free_quantity((at(0), at(1))) == 3
    assert kits.blocking((at(0), at(3))) == [(at(0), at(2))]
    boat = held((at(2), at(3), 1), ready=1)
    assert boat.free_quantity((at(0), at(1))) == 1
    assert boat.free_quantity((at(0), at(2))) == 0, "it would not be ready again"
    assert boat.first_fit(at(0), 2 * HOUR) == at(3)


def test_the_cost_of_all_is_known_when_each_is_and_in_one_currency() -> None:
    forty, ten = (Money.from_minor(minor, "USD") for minor in (4_000, 1_000))
    assert cost_of_all([forty, ten], [1, 4]) == Money.from_minor(8_000, "USD")
    assert cost_of_all([forty, None], [1, 4]) is None
    assert cost_of_all([forty, Money.from_minor(1_000, "CAD")], [1, 1]) is None


@pytest.mark.parametrize(
    ("member", "package", "hides"),
    [
        (Sharing.PRIVATE, Sharing.AGREEMENT, True),
        (Sharing.AGREEMENT, Sharing.NETWORK, True),
        (Sharing.PRIVATE, Sharing.PRIVATE, False),
        (Sharing.NETWORK, Sharing.AGREEMENT, False),
    ],
)
def test_a_member_that_fewer_see_hides_the_package_from_the_others(
    member: Sharing, package: Sharing, hides: bool
) -> None:
    assert hides_from_others(member, package) is hides


def test_a_retired_package_stays_as_it_is() -> None:
    check_active(PackageStatus.ACTIVE, PackageAction.RETIRE)
    for action in PackageAction:
        with pytest.raises(WrongStatus, match="retired"):
            check_active(PackageStatus.RETIRED, action)


def test_each_asset_gets_somebody_wherever_that_is_possible() -> None:
    dogs, people = ([UUID(int=10 * n + each) for each in range(3)] for n in (1, 2))
    first, second, third = people
    knows_both = {dogs[0]: [first, second], dogs[1]: [second, third], dogs[2]: [first, second]}
    found = assigned(knows_both)
    assert sorted(found.values()) == people, "the second dog goes with the third, so that the others have somebody"
    assert all(person in knows_both[dog] for dog, person in found.items())
    assert assigned({dogs[0]: [first], dogs[1]: [first], dogs[2]: []}) == {dogs[0]: first}
    assert assigned({}) == {}
