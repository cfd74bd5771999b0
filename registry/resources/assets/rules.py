"""Rules about assets: sharing, service status, types and certifications."""

from collections.abc import Collection, Iterable
from datetime import date
from enum import StrEnum
from typing import Final

from registry.platform.kernel.errors import RuleBroken, WrongStatus

ROOT_CATEGORY: Final = "any"
K9_CATEGORY: Final = "k9"


class Sharing(StrEnum):
    """Who may see an asset: its owner only, partners under an agreement in force, or everyone who takes part."""

    PRIVATE = "private"
    AGREEMENT = "agreement"
    NETWORK = "network"


class ServiceStatus(StrEnum):
    """Whether an asset can be used; a retired one never again."""

    IN_SERVICE = "in_service"
    OUT_OF_SERVICE = "out_of_service"
    RETIRED = "retired"


class AssetAction(StrEnum):
    """Actions that change an asset's service status."""

    TAKE_OUT_OF_SERVICE = "take_out_of_service"
    RETURN_TO_SERVICE = "return_to_service"
    RETIRE = "retire"


TRANSITIONS: Final[dict[tuple[ServiceStatus, AssetAction], ServiceStatus]] = {
    (ServiceStatus.IN_SERVICE, AssetAction.TAKE_OUT_OF_SERVICE): ServiceStatus.OUT_OF_SERVICE,
    (ServiceStatus.OUT_OF_SERVICE, AssetAction.RETURN_TO_SERVICE): ServiceStatus.IN_SERVICE,
    (ServiceStatus.IN_SERVICE, AssetAction.RETIRE): ServiceStatus.RETIRED,
    (ServiceStatus.OUT_OF_SERVICE, AssetAction.RETIRE): ServiceStatus.RETIRED,
}

COMMITTED: Final = "The asset is committed to a loan; end or cancel that first."


def advance(status: ServiceStatus, action: AssetAction) -> ServiceStatus:
    """The service status after the action. Raises WrongStatus when `status` does not allow the action."""
    try:
        return TRANSITIONS[status, action]
    except KeyError:
        raise WrongStatus.of("An asset", status, action) from None


def withheld(status: ServiceStatus, action: AssetAction, *, committed: bool) -> str | None:
    """The reason why the action is not possible now; None when it is."""
    if (status, action) not in TRANSITIONS:
        return f"Not while the asset is {status.replace('_', ' ')}."
    return COMMITTED if committed and action is AssetAction.RETIRE else None


def needs_certification(category_path: Collection[str]) -> bool:
    """Whether assets of a category need a certification by default: K9 teams.

    SWGDOG and OSAC guidance require a current certification of each team and discipline.
    """
    return K9_CATEGORY in category_path


def check_type_level(level: int | None, published: Collection[int], pointer: str) -> None:
    """Raises RuleBroken for a level that is not among the category's published types.

    A category without published types allows any level.
    """
    if level is not None and published and level not in published:
        allowed = ", ".join(map(str, sorted(published)))
        raise RuleBroken.at(
            f"This category is typed at the levels {allowed}.",
            "unknown_type_level",
            f"not one of {allowed}",
            pointer=pointer,
        )


def check_certification_dates(dates: Iterable[tuple[date | None, date | None]], pointer: str) -> None:
    """Raises RuleBroken for a certification that expires before it is issued."""
    for index, (issued_on, expires_on) in enumerate(dates):
        if issued_on is not None and expires_on is not None and expires_on < issued_on:
            raise RuleBroken.at(
                "A certification must expire on or after the day on which it is issued.",
                "certification_reversed",
                "before issued_on",
                pointer=f"{pointer}/{index}/expires_on",
            )
