"""Finding agreements by what they say."""

from litestar.di import NamedDependency

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements import commands, queries
from registry.agreements.commands import RestrictedReading
from registry.agreements.schemas.searching import AgreementHitPage, AgreementSearchQuery
from registry.database.connect import Aside
from registry.database.handles import Read
from registry.http.answers import Answer
from registry.http.links import next_link


@operation("get", "/agreements/search", permission=Action.AGREEMENTS_READ, query=AgreementSearchQuery, problems=(422,))
async def search_agreements(
    read: NamedDependency[Read],
    aside: NamedDependency[Aside],
    filters: NamedDependency[AgreementSearchQuery],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[AgreementHitPage]:
    """Search titles, parties, provisions and documents for words.

    Each hit is a passage in which all the words stand, with some text around them. Only what you may read is found;
    restricted passages are found by legal and auditor roles of parties, and reading them is recorded first.
    """
    page, restricted = await queries.search_agreements(read, caller.principal, filters, caller.now)
    readings = [
        RestrictedReading(
            agreement_id=each.agreement_id,
            custodian_id=each.custodian_id,
            data={"version_no": each.version_no}
            if each.document_id is None
            else {"document_id": str(each.document_id)},
        )
        for each in dict.fromkeys(restricted)
    ]
    await commands.record_readings(aside, caller, readings)
    return Answer(page, next_link=next_link(here, page.next_cursor), restricted=bool(restricted))
