"""What an asset is, who is offered it, and the states of its service life."""

from collections.abc import Collection, Iterable
from datetime import date
from enum import StrEnum
from typing import Final

from registry.kernel.errors import Fault, RuleBroken, WrongState

ROOT_CATEGORY: Final = "any"
K9_CATEGORY: Final = "k9"


class Sharing(StrEnum):
    """To whom an asset is shown: nobody else, partners under an agreement in force, or everyone who takes part."""

    PRIVATE = "private"
    AGREEMENT = "agreement"
    NETWORK = "network"


class ServiceState(StrEnum):
    """Whether an asset can be used at all; a retired one never again."""

    IN_SERVICE = "in_service"
    OUT_OF_SERVICE = "out_of_service"
    RETIRED = "retired"


class AssetAction(StrEnum):
    """What can be done to an asset's service state."""

    TAKE_OUT_OF_SERVICE = "take_out_of_service"
    RETURN_TO_SERVICE = "return_to_service"
    RETIRE = "retire"


class AllocationState(StrEnum):
    """`held`: reserved for its window. `out`: handed over, and held until it is back. `released`: holds nothing."""

    HELD = "held"
    OUT = "out"
    RELEASED = "released"


TRANSITIONS: Final[dict[tuple[ServiceState, AssetAction], ServiceState]] = {
    (ServiceState.IN_SERVICE, AssetAction.TAKE_OUT_OF_SERVICE): ServiceState.OUT_OF_SERVICE,
    (ServiceState.OUT_OF_SERVICE, AssetAction.RETURN_TO_SERVICE): ServiceState.IN_SERVICE,
    (ServiceState.IN_SERVICE, AssetAction.RETIRE): ServiceState.RETIRED,
    (ServiceState.OUT_OF_SERVICE, AssetAction.RETIRE): ServiceState.RETIRED,
}

COMMITTED: Final = "The asset is committed to a loan; end or cancel that first."


def advance(state: ServiceState, action: AssetAction) -> ServiceState:
    """The service state after the action.

    Raises WrongState when the action is not possible from `state`.
    """
    try:
        return TRANSITIONS[state, action]
    except KeyError:
        possible = ", ".join(a.replace("_", " ") for a in AssetAction if (state, a) in TRANSITIONS)
        raise WrongState(
            f"Cannot {action.replace('_', ' ')} an asset that is {state.replace('_', ' ')}; "
            f"possible now: {possible or 'nothing, for it is final'}."
        ) from None


def withheld(state: ServiceState, action: AssetAction, *, committed: bool) -> str | None:
    """Why the action is not possible now; None when it is."""
    if (state, action) not in TRANSITIONS:
        return f"Not while the asset is {state.replace('_', ' ')}."
    return COMMITTED if committed and action is AssetAction.RETIRE else None


def needs_certification(category_path: Collection[str]) -> bool:
    """Whether assets of a category are certified unless their owner says otherwise: K9 teams.

    SWGDOG and OSAC guidance ask for a current certification of each team and discipline.
    """
    return K9_CATEGORY in category_path


def check_type_level(level: int | None, published: Collection[int], pointer: str) -> None:
    """Raises RuleBroken for a level the category's published typing does not have; untyped categories take any."""
    if level is not None and published and level not in published:
        allowed = ", ".join(map(str, sorted(published)))
        raise RuleBroken(
            f"This category is typed at the levels {allowed}.",
            "unknown_type_level",
            faults=[Fault(pointer=pointer, code="unknown_type_level", detail=f"not one of {allowed}")],
        )


def check_certification_dates(dates: Iterable[tuple[date | None, date | None]], pointer: str) -> None:
    """Raises RuleBroken for a certification that lapses before it is issued."""
    for index, (issued_on, expires_on) in enumerate(dates):
        if issued_on is not None and expires_on is not None and expires_on < issued_on:
            raise RuleBroken(
                "A certification lapses on or after the day it is issued.",
                "certification_reversed",
                faults=[
                    Fault(
                        pointer=f"{pointer}/{index}/expires_on",
                        code="certification_reversed",
                        detail="before issued_on",
                    )
                ],
            )
