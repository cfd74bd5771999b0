"""Operations that read the inbox."""

from collections.abc import Sequence

from litestar import Router

from registry.directory.waiting import Source
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer
from registry.sharing.inbox import queries
from registry.sharing.inbox.schemas import InboxCounts, InboxCountsQuery, InboxPage, InboxQuery
from registry.sharing.policy.cedar import PolicySet


@operation("get", "/inbox", permission=Action.INBOX_READ, query=InboxQuery)
async def list_inbox(
    read: Supplied[Read],
    filters: Supplied[InboxQuery],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    inbox_sources: Supplied[Sequence[Source]],
) -> Answer[InboxPage]:
    """List what waits for you, for your agency, or for its partners, what hurts most first.

    Each entry names its subject, until when it waits, and the one operation that settles it where you may ask for that
    now. A hand-over or a return is shown a week before its time.
    """
    return Answer(await queries.list_inbox(read, inbox_sources, caller.principal, policies, filters, caller.now))


@operation("get", "/inbox/counts", permission=Action.INBOX_READ, query=InboxCountsQuery)
async def get_inbox_counts(
    read: Supplied[Read],
    filters: Supplied[InboxCountsQuery],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    inbox_sources: Supplied[Sequence[Source]],
) -> Answer[InboxCounts]:
    """Count what waits, for a badge."""
    return Answer(
        await queries.count_inbox(read, inbox_sources, caller.principal, policies, filters.waiting_on, caller.now)
    )


router = Router(path="/v1", route_handlers=[list_inbox, get_inbox_counts])
