"""Checking what an agreement says: against checklists, and against the other agreements of its parties."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath

from registry.agreements.checks import queries as checking
from registry.agreements.checks.schemas import (
    AgreementCompleteness,
    AgreementContradictionPage,
    Checklist,
    ChecklistList,
    CompletenessQuery,
    ContradictionQuery,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer, entity_tag


@operation("get", "/checklists", permission=Action.AGREEMENTS_READ)
async def list_checklists() -> Answer[ChecklistList]:
    """List the checklists that agreements are held against.

    Each is data of the registry, with its source; none is legal advice. Have counsel review.
    """
    return Answer(checking.list_checklists())


@operation("get", "/checklists/{checklist_code:str}", permission=Action.AGREEMENTS_READ, etag=True)
async def get_checklist(checklist_code: FromPath[str]) -> Answer[Checklist]:
    """Read one checklist: what each item asks, by which law, and how it is recognised."""
    found = checking.get_checklist(checklist_code)
    return Answer(found, etag=entity_tag(1, found))  # nobody edits it: the tag follows what it says


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/completeness",
    permission=Action.AGREEMENTS_READ,
    query=CompletenessQuery,
    problems=("unknown_checklist",),
)
async def get_agreement_completeness(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[CompletenessQuery],
    caller: Supplied[Caller],
) -> Answer[AgreementCompleteness]:
    """Check whether a version says what statutes, policies and good practice want it to say, for its parties.

    Against the checklists that apply by the kind of agreement and the states of its parties, and the general one.
    It is checked as far as you may read it: `provisions_withheld` says how many provisions are withheld from you. Of
    restricted ones that you may read none of the text is quoted. Recognised is not lawful: have counsel review.
    """
    return Answer(await checking.get_completeness(read, caller.principal, agreement_id, filters, caller.now))


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/contradictions",
    permission=Action.AGREEMENTS_READ,
    query=ContradictionQuery,
)
async def list_agreement_contradictions(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[ContradictionQuery],
    caller: Supplied[Caller],
) -> Answer[AgreementContradictionPage]:
    """Compare an agreement with the others that bind two of its parties for some of the same, for its parties.

    Those in force at the instant asked about or from later on, as far as you see them in full. A draft is compared as
    it stands, so that a contradiction is met before anybody signs.
    """
    return Answer(await checking.list_contradictions(read, caller.principal, agreement_id, filters, caller.now))


router = Router(
    path="/v1",
    route_handlers=[list_checklists, get_checklist, get_agreement_completeness, list_agreement_contradictions],
)
