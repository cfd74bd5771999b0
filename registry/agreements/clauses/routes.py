"""Standard clauses, templates, and a draft made from one."""

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.agreements.clauses import commands, queries
from registry.agreements.clauses.schemas import (
    FROM_TEMPLATE_EXAMPLE,
    AgreementFromTemplate,
    StandardClause,
    StandardClauseList,
    StandardClauseQuery,
    Template,
    TemplateList,
)
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer, entity_tag


@operation(
    "get",
    "/standard-clauses",
    permission=Action.AGREEMENTS_READ,
    query=StandardClauseQuery,
    problems=("bad_words",),
)
async def list_standard_clauses(filters: Supplied[StandardClauseQuery]) -> Answer[StandardClauseList]:
    """List the standard clauses, by heading.

    Each is data of the registry, written for it; none is legal advice. Have counsel review.
    """
    return Answer(queries.list_standard_clauses(filters))


@operation("get", "/standard-clauses/{standard_clause_code:str}", permission=Action.AGREEMENTS_READ, etag=True)
async def get_standard_clause(standard_clause_code: FromPath[str]) -> Answer[StandardClause]:
    """Read one standard clause: its text, what it leaves open, and which terms it says."""
    found = queries.get_standard_clause(standard_clause_code)
    return Answer(found, etag=entity_tag(found.version, found))  # the tag follows what it says


@operation("get", "/templates", permission=Action.AGREEMENTS_READ)
async def list_templates() -> Answer[TemplateList]:
    """List the templates from which a draft can be made.

    Patterns, and no legal advice. Have counsel review.
    """
    return Answer(queries.list_templates())


@operation("get", "/templates/{template_code:str}", permission=Action.AGREEMENTS_READ, etag=True)
async def get_template(template_code: FromPath[str]) -> Answer[Template]:
    """Read one template: its standard clauses in order, its default terms, and the questions to answer."""
    found = queries.get_template(template_code)
    return Answer(found, etag=entity_tag(found.version, found))


@operation(
    "post",
    "/agreements/from-template",
    permission=Action.AGREEMENTS_CREATE,
    problems=(
        "agreement_faulty",
        "expires_too_early",
        "number_taken",
        "renewal_contradictory",
        "unknown_template",
        "unknown_time_zone",
    ),
    example=FROM_TEMPLATE_EXAMPLE,
    etag=True,
)
async def draft_agreement_from_template(
    data: JSONBody[AgreementFromTemplate], write: Supplied[Write], caller: Supplied[Caller]
) -> Answer[Agreement]:
    """Draft an agreement from a template, in your agency's custody.

    The answers are written into the standard clauses, and the terms follow from these. The draft remembers the template
    and the version of each clause. It is a draft like any other: edit it, and have counsel review.
    """
    return agreement_answer(await commands.draft_from_template(write, caller, data), created=True)


router = Router(
    path="/v1",
    route_handlers=[
        list_standard_clauses,
        get_standard_clause,
        list_templates,
        get_template,
        draft_agreement_from_template,
    ],
)
