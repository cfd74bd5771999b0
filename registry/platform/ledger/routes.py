"""Operations on the ledger as a whole: its feed, its checkpoints, its keys, and proofs."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer
from registry.platform.http.forms import OtherForm
from registry.platform.ledger import proving
from registry.platform.ledger.feed import reader_for
from registry.platform.ledger.feed_schemas import EventFeed, EventFeedQuery, EventStreamQuery
from registry.platform.ledger.feeding import Feed, read_feed, wanted_by
from registry.platform.ledger.proof_schemas import (
    LedgerCheckpoint,
    LedgerCheckpointPage,
    LedgerCheckpointQuery,
    LedgerConsistency,
    LedgerConsistencyQuery,
    LedgerKeys,
    LedgerProof,
    LedgerProofQuery,
)
from registry.platform.ledger.streaming import EventStream, Listeners


def _note(found: LedgerCheckpoint) -> bytes:
    return found.note.encode()


NOTE = OtherForm(media_type="text/plain", parameters="; charset=utf-8", make=_note)


@operation(
    "get",
    "/events",
    permission=Action.LEDGER_READ,
    query=EventFeedQuery,
    problems=("events_archived", "unknown_event_type"),
)
async def get_events(
    read: Supplied[Read], event_feed: Supplied[Feed], filters: Supplied[EventFeedQuery], caller: Supplied[Caller]
) -> Answer[EventFeed]:
    """Follow what happens: the events that concern your agency, in their order, from any place on.

    Ask again with `next_after`, at once while there is `more`: nothing is missed, and nothing comes twice. An event is
    told to those roles that may read things of its kind, while your agency may see the thing; `data` to those who may
    have events proved. It is told a fraction of a second after it happened, once the ledger has given it its place.
    What is older than a year may have left the database for an archive: without a place the feed begins behind that,
    and a place before it is answered 410.
    """
    reader = reader_for(caller.principal)
    found = await read_feed(read, event_feed, reader, filters, caller.now)
    return Answer(found, restricted=reader.whole)


@operation(
    "get",
    "/events/stream",
    permission=Action.LEDGER_READ,
    query=EventStreamQuery,
    problems=("events_archived", "too_many_streams", "unknown_event_type"),
)
async def stream_events(
    event_listeners: Supplied[Listeners],
    filters: Supplied[EventStreamQuery],
    caller: Supplied[Caller],
    last_event_id: Supplied[str | None],
) -> EventStream:
    """Hear of events as they happen, as server-sent events: each as `GET /v1/events` has it, in the same order.

    `id` is the event's `place`, `event` its type. Without a place the stream begins with what happens from now on; a
    client that was cut off goes on by `Last-Event-ID`. While nothing happens it sends a comment every 15 seconds. It
    ends with an event `end`, whose `reason` is that the token has expired (`token_expired`), that its bearer may act no
    more (`may_not_act`), that this process ends (`stopping`), or that the database does not answer (`unavailable`):
    come again, with a new token where that is over. Who takes its events too slowly is cut off, and goes on from there.
    """
    agency_id = caller.agency_id
    given, name = (last_event_id, "Last-Event-ID") if last_event_id else (filters.after, "after")
    if given is None:
        place = await event_listeners.place(agency_id)
    else:
        place = await event_listeners.place_of(agency_id, given, name)
    return EventStream(event_listeners, event_listeners.enter(caller.principal, place, wanted_by(filters)))


@operation(
    "get",
    "/ledger/checkpoint",
    permission=Action.LEDGER_VERIFY,
    other_forms=(NOTE,),
    problems=("not_signed_yet",),
)
async def get_ledger_checkpoint(read: Supplied[Read]) -> Answer[LedgerCheckpoint]:
    """Read the newest checkpoint of the ledger, and keep it.

    It is signed some seconds after something was recorded. As `text/plain` the answer is the signed note alone, which
    witnesses take. Whoever keeps one can prove later that the ledger was rewritten, or have it proved that it was not.
    """
    return Answer(await proving.newest_checkpoint(read))


@operation("get", "/ledger/checkpoints", permission=Action.LEDGER_VERIFY, query=LedgerCheckpointQuery)
async def list_ledger_checkpoints(
    read: Supplied[Read], filters: Supplied[LedgerCheckpointQuery]
) -> Answer[LedgerCheckpointPage]:
    """List the checkpoints of the ledger that were signed."""
    return Answer(await proving.list_checkpoints(read, filters))


@operation("get", "/ledger/keys", permission=Action.LEDGER_VERIFY)
async def get_ledger_keys(read: Supplied[Read]) -> Answer[LedgerKeys]:
    """Read the keys by which checkpoints are verified."""
    return Answer(await proving.list_keys(read))


@operation(
    "get",
    "/ledger/events/{event_id:uuid}/proof",
    permission=Action.LEDGER_PROVE,
    query=LedgerProofQuery,
    problems=("ledger_changed", "no_such_tree", "not_signed_yet"),
)
async def get_ledger_event_proof(
    event_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[LedgerProofQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerProof]:
    """Prove that the ledger holds an event, with the bytes that were hashed.

    For the auditors and administrators of the agencies that it concerns, who may read all of its parts; every side gets
    the same bytes and the same proof. Of other events it tells nothing but hashes. An event that was archived is proved
    to the auditors of these agencies, without its bytes, which are in the archive.
    """
    found = await proving.prove_event(read, caller.principal, event_id, filters.tree_size)
    return Answer(found, restricted=found.private_part is not None)


@operation(
    "get",
    "/ledger/consistency",
    permission=Action.LEDGER_VERIFY,
    query=LedgerConsistencyQuery,
    problems=("ledger_changed", "no_such_tree", "not_signed_yet"),
)
async def get_ledger_consistency(
    read: Supplied[Read], filters: Supplied[LedgerConsistencyQuery]
) -> Answer[LedgerConsistency]:
    """Prove that the ledger was only added to between two sizes: of a checkpoint that you kept, and a newer one."""
    return Answer(await proving.prove_consistency(read, filters))


router = Router(
    path="/v1",
    route_handlers=[
        get_events,
        stream_events,
        get_ledger_checkpoint,
        list_ledger_checkpoints,
        get_ledger_keys,
        get_ledger_event_proof,
        get_ledger_consistency,
    ],
)
