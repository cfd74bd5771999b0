"""The inbox on the wire."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from registry.directory.waiting import InboxEntry, Whose
from registry.platform.http.paging import SORT, Page
from registry.platform.kernel.time import Instant

WaitingOn = Annotated[
    Whose,
    Meta(
        description="`me`: what you may do yourself. `agency`: what your agency has to do, whoever of it. `partners`: "
        "what others have to do on what is yours or theirs with you."
    ),
]


class InboxQuery(Page, kw_only=True, frozen=True):
    """Whose inbox, and which part of it."""

    sort: Annotated[Literal["urgency"], SORT] = "urgency"
    waiting_on: WaitingOn = "me"


class InboxPage(Struct, kw_only=True, frozen=True):
    """What waits, as it stands at `as_of`: what is away and late first, then what is late, then what comes soonest."""

    as_of: Annotated[Instant, Meta(description="The same for all pages of one reading.")]
    items: list[InboxEntry]
    next_cursor: str | None


class InboxCountsQuery(Struct, kw_only=True, frozen=True):
    """Whose inbox is counted."""

    waiting_on: WaitingOn = "me"


class InboxCounts(Struct, kw_only=True, frozen=True):
    """How much waits, for a badge. It is counted up to 200."""

    as_of: Instant
    total: Annotated[int, Meta(description="Entries, 200 at most.")]
    late: Annotated[int, Meta(description="Those of them whose deadline has come.")]
    more: Annotated[bool, Meta(description="There are more than were counted.")]
