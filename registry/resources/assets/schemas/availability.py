"""What of an asset is free, and when."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from registry.platform.kernel.time import CivilDate, Instant, Window
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.schemas.planning import Until
from registry.resources.assets.schemas.words import Quantity
from registry.resources.certificates.rules import Coverage

Blocking = Literal[
    "loan",
    "handler",
    "overdue",
    "turnaround",
    "used",
    "maintenance",
    "blackout",
    "damage",
    "other",
    "reserve_minimum",
    "held_back",
    "out_of_service",
]


BlocksAsk = Literal[Blocking, "other_line"]


class AvailabilityQuery(Struct, kw_only=True, frozen=True):
    """The window asked about."""

    from_: Annotated[Instant, Meta(description="Start of the window.")] = field(name="from")
    to: Annotated[Instant, Meta(description="End of the window.")]
    quantity: Quantity = 1


class FreeInterval(Struct, kw_only=True, frozen=True):
    """A stretch of time with one free quantity."""

    start: Instant
    end: Instant
    free_quantity: Annotated[int, Meta(description="Free in this interval.")]
    blocked_by: Annotated[
        list[Blocking], Meta(description="What holds the rest of it, each kind once; empty where all of it is free.")
    ]


class AskBlock(Struct, kw_only=True, frozen=True):
    """What stands in the way of what is asked for; not who has it."""

    reason: BlocksAsk
    window: Annotated[Until, Meta(description="All of its time, not only what it shares with the time asked for.")]


class AskAvailability(Struct, kw_only=True, frozen=True):
    """Whether what is asked for can be had; whether it may be lent, the decision says. Nothing is reserved by it."""

    available: Annotated[bool, Meta(description="The quantity asked for is free for all of the time asked for.")]
    free_quantity: Annotated[
        int, Meta(description="How many are free throughout, also for turnaround and what the owner keeps at home.")
    ]
    blocking: Annotated[list[AskBlock], Meta(description="What stands in the way, the first to begin first.")]
    next_free: Annotated[
        Instant | None,
        Meta(
            description="From when on, at the earliest from the start asked for, the quantity is free for as long; "
            "null when that is not known."
        ),
    ]


class WeekSlots(Struct, kw_only=True, frozen=True):
    """How many slots of a laboratory are left in a week."""

    week: Annotated[str, Meta(description="By ISO 8601, where the laboratory is.", examples=["2026-W31"])]
    window: Annotated[Window, Meta(description="From Monday to Monday.")]
    free_quantity: Annotated[int, Meta(description="Slots that are left.")]


class CertifiedInWindow(Struct, kw_only=True, frozen=True):
    """A certification in the asset's record, or one of its certificates, that holds in the window or a part of it."""

    recorded_as: Literal["certification", "certificate"]
    code: Annotated[str, Meta(description="Of a certificate, the discipline.")]
    issuer: Annotated[str | None, Meta(description="Who certified; null where that is not recorded.")]
    effective_on: Annotated[CivilDate | None, Meta(description="The first valid day; null where none is recorded.")]
    expires_on: Annotated[CivilDate | None, Meta(description="The last valid day; null when it does not expire.")]
    holds: Annotated[Coverage, Meta(description="For how much of the window, by the days where the owner is.")]


class Availability(Struct, kw_only=True, frozen=True):
    """What of an asset is free in a window."""

    asset_id: UUID
    window: Window
    capacity: int
    service_status: ServiceStatus
    free_quantity: Annotated[
        int, Meta(description="Free for a loan of the whole window, with its turnaround; 0 while it is not in service.")
    ]
    blocking: Annotated[
        list[Window], Meta(description="Intervals in which fewer are free than wanted, without the borrowers.")
    ]
    intervals: Annotated[
        list[FreeInterval],
        Meta(description="The window from end to end, cut where the free quantity or its reason changes."),
    ]
    weeks: Annotated[
        list[WeekSlots] | None,
        Meta(description="Of a laboratory: the slots left in each week that the window touches; null for all else."),
    ]
    certified: Annotated[
        list[CertifiedInWindow],
        Meta(
            description="What it is certified for in the window or a part of it: what lapses first comes first. A "
            "certificate that is void, also since the asset is out of service, is not among them."
        ),
    ]
    next_free: Annotated[
        Instant | None,
        Meta(
            description="From when on, at the earliest within or after the window, the quantity wanted is free for as "
            "long as the window is; null when that is not known."
        ),
    ]
