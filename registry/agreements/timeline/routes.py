"""From when until when each party of an agreement was bound."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath

from registry.agreements.timeline import queries
from registry.agreements.timeline.schemas import Timeline
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer, entity_tag


@operation("get", "/agreements/{agreement_id:uuid}/timeline", permission=Action.AGREEMENTS_READ, etag=True)
async def get_agreement_timeline(
    agreement_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[Timeline]:
    """Read from which day to which each party was bound, to which version, and by which acts.

    Signatures, confirmations, joining, amendments, notices, suspensions, approvals and the end, each with its day, who
    recorded it and what shows it; what is contested, and what is known by a report alone, is marked. It is the whole
    history as it is known now; a report that has not taken effect changes no window, and is named. Others than the
    parties are told from when until when each party was bound, and which published version was the text.
    """
    found, version = await queries.get_timeline(read, caller.principal, agreement_id, caller.now)
    return Answer(found, etag=entity_tag(version, found))


router = Router(path="/v1", route_handlers=[get_agreement_timeline])
