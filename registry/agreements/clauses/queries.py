"""The standard clauses and templates, and what an agreement was drafted from."""

from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.agreements.clauses.library import STANDARD_CLAUSES, TEMPLATES
from registry.agreements.clauses.schemas import (
    ClauseOrigin,
    StandardClause,
    StandardClauseList,
    StandardClauseQuery,
    Template,
    TemplateList,
    TemplateOrigin,
    TemplateSummary,
)
from registry.agreements.clauses.tables import agreement_standard_clause, agreement_template
from registry.platform.database.handles import Read
from registry.platform.http.searching import search_words
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.words import index_words

_AGREEMENT_ID = sa.bindparam("agreement_id", type_=agreement_template.c.agreement_id.type)
_TEMPLATE = sa.select(agreement_template).where(agreement_template.c.agreement_id == _AGREEMENT_ID)
_CLAUSES = sa.select(agreement_standard_clause).where(agreement_standard_clause.c.agreement_id == _AGREEMENT_ID)


def list_standard_clauses(query: StandardClauseQuery) -> StandardClauseList:
    """Those under the headings and with the words asked for. Raises Malformed for a search without a word."""
    found = [each for each in STANDARD_CLAUSES.values() if not query.heading or each.heading in query.heading]
    if query.q is not None:
        wanted = search_words(query.q)
        found = [each for each in found if wanted.stands_in(index_words(each.code, each.title, each.text))]
    return StandardClauseList(items=found)


def get_standard_clause(code: str) -> StandardClause:
    """One standard clause. Raises NotFound."""
    if code not in STANDARD_CLAUSES:
        raise NotFound("standard clause")
    return STANDARD_CLAUSES[code]


def list_templates() -> TemplateList:
    """The templates, without their clauses."""
    return TemplateList(
        items=[
            TemplateSummary(
                code=each.code, version=each.version, name=each.name, description=each.description, kind=each.kind
            )
            for each in TEMPLATES.values()
        ]
    )


def get_template(code: str) -> Template:
    """One template. Raises NotFound."""
    if code not in TEMPLATES:
        raise NotFound("template")
    return TEMPLATES[code]


async def origin_of(read: Read, agreement_id: UUID) -> tuple[TemplateOrigin | None, dict[str, str], list[ClauseOrigin]]:
    """The template, the answers and the standard clauses that an agreement was drafted from, if any.

    Whether the caller may read the agreement is asked before. The answers are shown only where a text says them.
    """
    row: Any = await read.first(_TEMPLATE, {"agreement_id": agreement_id})
    if row is None:
        return None, {}, []
    clauses = [
        ClauseOrigin(
            agreement_id=agreement_id,
            number=each.number,
            code=each.standard_clause,
            version=each.standard_clause_version,
            heading=each.heading,
            text=each.text,
        )
        for each in await read.all(_CLAUSES, {"agreement_id": agreement_id})
    ]
    return (
        TemplateOrigin(code=row.template, version=row.template_version),
        msgspec.json.decode(row.answers, type=dict[str, str]),
        sorted(clauses, key=lambda each: int(each.number)),
    )
