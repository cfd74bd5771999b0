"""Statuses of an allocation, and the proof that an asset is locked for booking."""

from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class AllocationStatus(StrEnum):
    """`held`: reserved for its window. `out`: handed over, and held until it is back. `released`: holds nothing."""

    HELD = "held"
    OUT = "out"
    RELEASED = "released"


class Bookable(Struct, kw_only=True, frozen=True):
    """An asset whose row is locked until the end of the transaction, so that nobody else edits or books it.

    Functions that book require one, and only the lock creates one, so that nothing is booked without the lock.
    """

    id: UUID
    capacity: int
    in_service: bool
