"""Rules about packages: what can be done with one, and why it is not free."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.money import Money
from registry.resources.assets.rules import PackageStatus, ServiceStatus, Sharing

FEWEST_MEMBERS: Final = 2
MOST_MEMBERS: Final = 50
"""As many as a request has lines, so that all of a package can be asked for at once."""
_WIDER: Final = (Sharing.PRIVATE, Sharing.AGREEMENT, Sharing.NETWORK)


BlockedReason: TypeAlias = Literal["not_in_service", "not_free"]
HELD_BACK: Final = "each of its assets is free, but its owner keeps so many at home that not all can go at once"


class PackageAction(StrEnum):
    """Actions that its own agency takes on a package."""

    UPDATE = "update"
    RETIRE = "retire"
    RESERVE = "reserve"


def withheld(status: PackageStatus) -> str | None:
    """The reason why nothing is done with a package of that status any more; None when it is."""
    return "The package is retired." if status is PackageStatus.RETIRED else None


def reservation_withheld(status: PackageStatus, unusable: Sequence[str]) -> str | None:
    """The reason why a package is not reserved, whatever the window; None when it is.

    `unusable` are the names of its assets that are out of service, or of which there are fewer than it needs.
    """
    if unusable:
        return withheld(status) or f"Not all of it can be used now: {', '.join(unusable)}."
    return withheld(status)


def why_blocked(service: ServiceStatus, needed: int, free: int) -> tuple[BlockedReason, str]:
    """Why a member keeps the package from being free in a window, and the words that say so behind its name."""
    if service is ServiceStatus.RETIRED:
        return "not_in_service", "is retired"
    if service is not ServiceStatus.IN_SERVICE:
        return "not_in_service", "is out of service"
    if 0 < free < needed:
        return "not_free", f"has only {free} free of the {needed} that are needed"
    return "not_free", "is not free"


def check_active(status: PackageStatus, action: PackageAction) -> None:
    """Raises WrongStatus for a package that is retired."""
    if withheld(status) is not None:
        raise WrongStatus.of("A package", status, action)


def hides_from_others(member: Sharing, package: Sharing) -> bool:
    """Whether some who would see the package do not see the member, and for its sake not the package either."""
    return _WIDER.index(member) < _WIDER.index(package)


def cost_of_all(costs: Sequence[Money | None], quantities: Sequence[int]) -> Money | None:
    """What an hour of all members costs; None where one states no cost, or they are in several currencies."""
    stated = [cost for cost in costs if cost is not None]
    if len(stated) < len(costs) or len({cost.currency for cost in stated}) != 1:
        return None
    total = sum(cost.to_minor() * quantity for cost, quantity in zip(stated, quantities, strict=True))
    return Money.from_minor(total, stated[0].currency)
