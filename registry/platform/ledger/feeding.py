"""The feed as it is answered: questions with cursors, and no cursor that tells of what is not told."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Gone, RuleBroken
from registry.platform.kernel.time import format_instant
from registry.platform.ledger.feed import FeedReader, Heard, Sights, Told, Wanted, events_after, types_named
from registry.platform.ledger.feed_schemas import EventFeed, EventFeedQuery, EventStreamQuery, FeedEvent
from registry.platform.ledger.places import Places
from registry.platform.ledger.queries import lacks_events, last_archived
from registry.platform.ledger.schemas import Subject


class Feed(Struct, frozen=True):
    """What questions are answered with."""

    places: Places
    sights: Sights


def wanted_by(query: EventFeedQuery | EventStreamQuery) -> Wanted:
    """The filters of a query. Raises RuleBroken for a type that is not in the catalogue."""
    try:
        types = types_named(query.type)
    except KeyError as unknown:
        raise RuleBroken.at(
            f"There is no event of the type {unknown.args[0]}. The types are listed in the contract (`EventType`).",
            "unknown_event_type",
            "no type of event",
            parameter="type",
        ) from None
    return Wanted(
        types=types,
        subject_kind=query.subject_kind,
        subject_id=query.subject_id,
        agreement_id=query.agreement_id,
    )


async def read_feed(read: Read, feed: Feed, reader: FeedReader, query: EventFeedQuery, now: datetime) -> EventFeed:
    """A page of the feed. Raises RuleBroken for a place or a type that is none, Gone for a place that is archived.

    Without a place it begins with the first event that is here.
    """
    wanted = wanted_by(query)
    place = 0
    if query.after is not None:
        place = await place_of(read, feed.places, reader.agency_id, query.after, "after")
    heard = await events_after(read, reader, place - 1, query.limit, sights=feed.sights, now=now, wanted=wanted)
    return EventFeed(
        items=[as_told(feed.places, reader, each) for each in heard.events],
        next_after=feed.places.cursor(reader.agency_id, next_place(heard, place)),
        more=heard.more,
    )


async def place_of(read: Read, places: Places, agency_id: UUID, cursor: str, parameter: str) -> int:
    """The place of a cursor, from which on everything is here.

    Raises RuleBroken for one that is not the agency's, and Gone where events behind it were archived: who goes on from
    there would miss them, and not know it.
    """
    place = places.place(agency_id, cursor, parameter)
    archived = await last_archived(read)
    if archived is None or place >= archived.tree_size or not await lacks_events(read, agency_id, place, archived):
        return place
    raise Gone(
        f"Events of yours behind this place were archived: those recorded up to "
        f"{format_instant(archived.last_recorded_at)} may be in the archive alone. Ask for it at {archived.kept_by}, "
        "and go on behind the place in `go_on_after`.",
        extra={"go_on_after": places.cursor(agency_id, archived.tree_size)},
    )


def next_place(heard: Heard, place: int) -> int:
    """Where the next question goes on: behind the last event that was told, if any was.

    What was looked at and not told moves the place only where there is more to be looked at: else it would tell, by
    another cursor, that something has happened.
    """
    if heard.events:
        return heard.events[-1].seq + 1
    return heard.looked_to + 1 if heard.more else place


def as_told(places: Places, reader: FeedReader, told: Told) -> FeedEvent:
    """An event as it goes over the wire."""
    return FeedEvent(
        id=told.id,
        place=places.cursor(reader.agency_id, told.seq + 1),
        type=told.type,  # type: ignore[arg-type]  # written as it is
        subject=Subject(kind=told.subject_kind, id=told.subject_id, version=told.subject_version),
        n=told.n,
        agreement_id=told.agreement_id,
        actor_agency_id=told.actor_agency_id,
        occurred_at=told.occurred_at,
        recorded_at=told.recorded_at,
        outcome=told.outcome,  # type: ignore[arg-type]  # by the table's constraint
        data=told.data,  # type: ignore[arg-type]  # JSON already
    )
