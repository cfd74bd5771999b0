"""Finding agreements by what they say."""

from registry.agreements.instruments.commands import disclosing
from registry.agreements.instruments.commands.disclosing import RestrictedReading
from registry.agreements.instruments.queries import searching
from registry.agreements.instruments.schemas.searching import AgreementHitPage, AgreementSearchQuery
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer


@operation(
    "get",
    "/agreements/search",
    permission=Action.AGREEMENTS_READ,
    query=AgreementSearchQuery,
    problems=("bad_words", "reading_not_recorded", "search_not_supported"),
    own_transactions=True,
)
async def search_agreements(
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    filters: Supplied[AgreementSearchQuery],
    caller: Supplied[Caller],
) -> Answer[AgreementHitPage]:
    """Search titles, parties, provisions and documents for words and phrases.

    Each hit is one passage in which all the words stand, with some text around them; what stands in it partly, and
    partly in another, is not found. A word finds its other forms (“terminate” finds “termination”), words in
    quotation marks are found one behind another, and a compound in them however it is written. OR, NOT, excluded words
    and other wildcards than a trailing `*` are refused, not looked for as words. By `relevance` a passage comes first
    in which the words stand often for its length; how rare they are elsewhere does not count. Only what you may read
    is found; restricted passages are found by legal and auditor roles of parties, and reading them is recorded first.
    """
    page, restricted = await searching.search_agreements(read, caller.principal, filters, caller.now)
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
    await disclosing.record_readings(own_transaction, caller, readings)
    return Answer(page, restricted=bool(restricted))


handlers = [search_agreements]
