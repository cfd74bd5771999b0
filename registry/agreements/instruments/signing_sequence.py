"""In which order the parties sign a text."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from registry.platform.kernel.errors import Fault, RuleBroken

Party = TypeVar("Party")


class SigningOrder(StrEnum):
    """All at once, or one after the other."""

    PARALLEL = "parallel"
    SEQUENTIAL = "sequential"


def signing_sequence(order: SigningOrder, parties: Sequence[UUID], wanted: Sequence[UUID] | None) -> list[UUID]:
    """Who signs when: as `wanted`, or in the order of the document.

    Raises RuleBroken for an order that names anybody twice, leaves a party out or names somebody else, and for one
    wanted where all sign at once.
    """
    if wanted is None:
        return list(parties)
    faults = [
        Fault(pointer=f"/sequence/{index}", code="not_a_party", detail="not a party that has to sign")
        for index, agency in enumerate(wanted)
        if agency not in parties
    ]
    faults += [
        Fault(pointer=f"/sequence/{index}", code="party_twice", detail="named already")
        for index, agency in enumerate(wanted)
        if agency in wanted[:index]
    ]
    if left_out := set(parties) - set(wanted):
        detail = f"{len(left_out)} of the parties are left out"
        faults.append(Fault(pointer="/sequence", code="party_left_out", detail=detail))
    if order is SigningOrder.PARALLEL:
        faults.append(Fault(pointer="/sequence", code="not_sequential", detail="the order is parallel"))
    if faults:
        raise RuleBroken(
            "A sequence names each party once, and is for signatures one after the other.",
            "bad_sequence",
            faults=faults,
        )
    return list(wanted)


def next_to_sign(order: SigningOrder, outstanding: Sequence[Party]) -> list[Party]:
    """Whose turn it is, of those who have not signed, in the order of their turns."""
    return list(outstanding[:1] if order is SigningOrder.SEQUENTIAL else outstanding)
