"""Checking what an agreement says: against checklists, and against the other agreements of its parties."""

from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements.checks.schemas import (
    AgreementCompleteness,
    AgreementConflictPage,
    Checklist,
    ChecklistList,
    CompletenessQuery,
    ConflictQuery,
)
from registry.agreements.queries import checking
from registry.database.handles import Read
from registry.http.answers import Answer, entity_tag
from registry.http.links import next_link


@operation("get", "/checklists", permission=Action.AGREEMENTS_READ)
async def list_checklists() -> Answer[ChecklistList]:
    """List the checklists that agreements are held against.

    Each is data of the registry, with its source; none is legal advice. Have counsel review.
    """
    return Answer(checking.list_checklists())


@operation("get", "/checklists/{checklist:str}", permission=Action.AGREEMENTS_READ, etag=True)
async def get_checklist(checklist: FromPath[str]) -> Answer[Checklist]:
    """Read one checklist: what each item asks, by which law, and how it is recognised."""
    found = checking.get_checklist(checklist)
    return Answer(found, etag=entity_tag(1, found))  # nobody edits it: the tag follows what it says


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/completeness",
    permission=Action.AGREEMENTS_READ,
    query=CompletenessQuery,
    problems=(422,),
)
async def get_agreement_completeness(
    agreement_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[CompletenessQuery],
    caller: NamedDependency[Caller],
) -> Answer[AgreementCompleteness]:
    """Check whether a version says what statutes, policies and good practice want it to say, for its parties.

    Against the checklists that apply by the kind of agreement and the states of its parties, and the general one.
    Restricted provisions count, but none of their text is quoted. Recognised is not lawful: have counsel review.
    """
    return Answer(await checking.get_completeness(read, caller.principal, agreement_id, filters))


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/contradictions",
    permission=Action.AGREEMENTS_READ,
    query=ConflictQuery,
    problems=(422,),
)
async def list_agreement_contradictions(
    agreement_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[ConflictQuery],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[AgreementConflictPage]:
    """Compare an agreement with the others that bind two of its parties for some of the same, for its parties.

    Those in force at the instant asked about or from later on, as far as you see them in full. A draft is compared as
    it stands, so that a contradiction is met before anybody signs.
    """
    page = await checking.list_conflicts(read, caller.principal, agreement_id, filters, caller.now)
    return Answer(page, next_link=next_link(here, page.next_cursor))
