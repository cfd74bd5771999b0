"""Rules about assets: sharing, service status and types."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final

from registry.platform.kernel.canonical import canonical_digest
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.geo import distance_km
from registry.resources.certificates.rules import K9_CATEGORY

ROOT_CATEGORY: Final = "any"
CIRCLE: Final = "circle"
"""The code of a part of a service area that is a circle, and neither state nor county."""


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


class PackageStatus(StrEnum):
    """Whether a package can be had; a retired one never again."""

    ACTIVE = "active"
    RETIRED = "retired"


class Grade(StrEnum):
    """The condition of an asset."""

    NEW = "new"
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    DAMAGED = "damaged"


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

RELIED_ON: Final = (
    "category",
    "name",
    "description",
    "type_level",
    "location",
    "hourly_rate",
    "funding",
    "condition",
    "crew",
    "certification_required",
    "attributes",
)
"""What a borrower relies on: when one of these changes after it was asked for, another thing would be lent.

Certifications, capacity and service status are not among them: policy judges them again at each step.
"""
MOVED_KM: Final = 10
"""A move within this distance is no change for a borrower: patrol vehicles move every day."""

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


def described(values: Mapping[str, object]) -> dict[str, str]:
    """A short form of each property that a borrower relies on, to be kept and compared with a later one.

    Values as in JSON. A place is kept as it is, anything else as a digest.
    """
    return {name: _place(values[name]) if name == "location" else _short_digest(values[name]) for name in RELIED_ON}


def _short_digest(value: object) -> str:
    return _digest_of_one(value) if isinstance(value, str | int | None) else canonical_digest([value])[:16]


@lru_cache(maxsize=4_096, typed=True)
def _digest_of_one(value: str | int | None) -> str:
    """Kept, since each step of a loan compares what was lent with what there is."""
    return canonical_digest([value])[:16]


def why_changed(changed: Sequence[str]) -> str:
    """Why an asset with these properties changed is not lent as it was asked for."""
    named = ", ".join(name.replace("_", " ") for name in changed)
    return f"The asset was changed since it was asked for ({named}); the requesting agency has to accept that first."


def changed_since(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The properties in which two forms from `described` differ, in the order of `RELIED_ON`."""
    return [name for name in RELIED_ON if (_moved if name == "location" else _differ)(then[name], now[name])]


def _place(location: object) -> str:
    return " ".join(repr(degrees) for degrees in location.values()) if isinstance(location, Mapping) else ""


def _moved(then: str, now: str) -> bool:
    if not then or not now:
        return then != now
    latitude, longitude, *other = (float(degrees) for degrees in f"{then} {now}".split())
    return distance_km(latitude, longitude, other[0], other[1]) > MOVED_KM


def _differ(then: str, now: str) -> bool:
    return then != now


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
