"""The redline between two versions of an agreement, as data and as a page."""

import asyncio
from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements import commands, queries
from registry.agreements.redline.comparing import versions_revealed
from registry.agreements.redline.page import POLICY, page
from registry.agreements.redline.schemas import Redline, RedlineQuery
from registry.database.connect import Aside
from registry.database.handles import Read
from registry.http.answers import Answer, HtmlAnswer


async def _read(
    read: Read, aside: Aside, caller: Caller, agreement_id: UUID, query: RedlineQuery
) -> tuple[Redline, bool]:
    """The redline and whether it shows restricted text; that it was read is recorded by then."""
    found, custodian_id = await queries.get_redline(read, caller.principal, agreement_id, query)
    readings = [
        commands.RestrictedReading(agreement_id=agreement_id, custodian_id=custodian_id, data={"version_no": no})
        for no in versions_revealed(found)
    ]
    await commands.record_readings(aside, caller, readings)
    return found, bool(readings)


@operation("get", "/agreements/{agreement_id:uuid}/redline", permission=Action.AGREEMENTS_READ, query=RedlineQuery)
async def get_agreement_redline(
    agreement_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[RedlineQuery],
    caller: NamedDependency[Caller],
    aside: NamedDependency[Aside],
) -> Answer[Redline]:
    """Tell what differs between two versions of an agreement, for its parties.

    Provisions are matched by number, and by what they say where they were renumbered or moved; texts are compared word
    by word. Of restricted provisions legal and auditor roles of parties read the text, and that is recorded first;
    others only that they differ.
    """
    found, restricted = await _read(read, aside, caller, agreement_id, filters)
    return Answer(found, restricted=restricted)


@operation("get", "/agreements/{agreement_id:uuid}/redline.html", permission=Action.AGREEMENTS_READ, query=RedlineQuery)
async def get_agreement_redline_page(
    agreement_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[RedlineQuery],
    caller: NamedDependency[Caller],
    aside: NamedDependency[Aside],
) -> HtmlAnswer:
    """Show what differs between two versions as a page that needs nothing else.

    The same as the redline as data, to be read by eye or by ear.
    """
    found, restricted = await _read(read, aside, caller, agreement_id, filters)
    return HtmlAnswer(await asyncio.to_thread(page, found), policy=POLICY, restricted=restricted)
