"""The feed of events in the API."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.platform.http.paging import DEFAULT_LIMIT, Limit
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.places import Place
from registry.platform.ledger.schemas import Subject


class FeedEvent(Struct, kw_only=True, frozen=True):
    """That something happened to a thing, as your agency and your role may hear of it.

    The thing itself says what it is now: read it.
    """

    id: UUID
    place: Annotated[Place, Meta(description="Behind this event: `after` of the next question; opaque.")]
    type: Annotated[EventType, Meta(description="Which of the listed types it is: `loan.returned`.")]
    subject: Subject
    n: Annotated[int, Meta(ge=0, description="Tells apart several events about the same version, in order.")]
    agreement_id: UUID | None
    actor_agency_id: Annotated[UUID | None, Meta(description="The agency for which it was done.")]
    occurred_at: Annotated[datetime, Meta(tz=True, description="When it was done, as stated by the actor.")]
    recorded_at: Annotated[datetime, Meta(tz=True, description="When the registry recorded it.")]
    outcome: Literal["done", "denied", "failed"]
    data: Annotated[
        dict[str, Any] | None,
        Meta(
            description="What changed, for those who may have events proved (`ledger:prove`); null for all others, "
            "since it may hold what their role does not read."
        ),
    ]


class EventFeed(Struct, kw_only=True, frozen=True):
    """Events in the order in which the ledger has them."""

    items: Annotated[Sequence[FeedEvent], Meta(max_length=200)]
    next_after: Annotated[Place, Meta(description="`after` of the next question, now or later; opaque.")]
    more: Annotated[
        bool,
        Meta(
            description="Ask again at once: there may be more, even if `items` is empty, since a question looks "
            "through so many events of your agency at most."
        ),
    ]


_TYPE = Meta(
    min_length=3,
    max_length=80,
    pattern=r"\A[a-z_]+\.(?:[a-z_]+|\*)\Z",
    extra={"form": "a type of event, such as `loan.returned` or `loan.*`"},
    examples=["loan.returned"],
)
_KIND = Meta(
    min_length=1,
    max_length=40,
    pattern=r"\A[a-z_]+\Z",
    extra={"form": "a kind of thing, such as `loan`"},
    examples=["loan"],
)


class _Wanted(Struct, kw_only=True, frozen=True):
    """Which events are asked for."""

    type: Annotated[
        tuple[Annotated[str, _TYPE], ...],
        Meta(max_length=50, description="Any of these types; `loan.*` is every type of that thing."),
    ] = ()
    subject_kind: Annotated[
        Annotated[str, _KIND] | None,
        Meta(description="About things of this kind."),
    ] = None
    subject_id: Annotated[UUID | None, Meta(description="About this thing.")] = None
    agreement_id: Annotated[UUID | None, Meta(description="Under this agreement.")] = None


class EventFeedQuery(_Wanted, kw_only=True, frozen=True):
    """Which events are asked for, and behind which place."""

    after: Annotated[
        Place | None,
        Meta(
            description="Behind this place: `next_after` of the answer before, `place` of an event, or `As-Of-Event` "
            "of a list. From the first event on without it."
        ),
    ] = None
    limit: Limit = DEFAULT_LIMIT


class EventStreamQuery(_Wanted, kw_only=True, frozen=True):
    """Which events are sent, and behind which place; `Last-Event-ID` counts where both are there."""

    after: Annotated[
        Place | None,
        Meta(description="Behind this place; what happens from now on without it."),
    ] = None
