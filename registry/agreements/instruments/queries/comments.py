"""Comments on the text: who may read which, and what the version asked about made of the text they are on."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.actions import relations
from registry.agreements.instruments.queries.provisions import may_read_restricted
from registry.agreements.instruments.queries.reviews import shared_agreement
from registry.agreements.instruments.queries.visibility import legible_to, reaches_parties, reads_restricted
from registry.agreements.instruments.review_tables import agreement_comment
from registry.agreements.instruments.reviews import Audience, anchor
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.schemas.reviewing import Comment, CommentAuthor, CommentPage, CommentQuery, Quote
from registry.agreements.instruments.tables import agreement, agreement_version, provision
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal, Role
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_VERSION = sa.select(
    *(agreement_version.c[name] for name in ("id", "no", "frozen_at")), reads_restricted().label("reached")
).where(agreement_version.c.agreement_id == _ID, legible_to())
_NEWEST = _VERSION.order_by(agreement_version.c.no.desc()).limit(1)
_NUMBERED = _VERSION.where(agreement_version.c.no == sa.bindparam("no", type_=sa.Integer))
_TEXTS = (
    sa.select(provision.c.number, provision.c.text, provision.c.sensitivity)
    .where(provision.c.version_id == sa.bindparam("version_id", type_=provision.c.version_id.type))
    .order_by(provision.c.ordinal)
)


class LegibleVersion(Struct, kw_only=True, frozen=True):
    """A version that the caller may read, with its provisions: number → text, in the order of the document.

    `reached`: its restricted text reaches the caller's agency.
    """

    id: UUID
    no: int
    is_frozen: bool
    reached: bool
    texts: Mapping[str, str]
    restricted: frozenset[str]


async def legible_version(read: Read, row: Row[Any], principal: Principal, no: int | None) -> LegibleVersion:
    """The agreement's version of that number, or the newest that the caller may read. Raises NotFound."""
    parameters = _scope(row, principal)
    found = await (read.first(_NEWEST, parameters) if no is None else read.first(_NUMBERED, {**parameters, "no": no}))
    if found is None:
        raise NotFound("version")
    provisions = await read.all(_TEXTS, {"version_id": found.id})
    return LegibleVersion(
        id=found.id,
        no=found.no,
        is_frozen=found.frozen_at is not None,
        reached=bool(found.reached),
        texts={each.number: each.text for each in provisions},
        restricted=frozenset(each.number for each in provisions if each.sensitivity == Sensitivity.RESTRICTED),
    )


_said = agreement_comment
_ORDERS = Orders(
    CommentQuery,
    created_at=_said.c.id,
    updated_at=(_said.c.updated_at, _said.c.id),
    thread=(_said.c.thread_id, _said.c.id),
)


def told_of_comment(opening: sa.FromClause) -> sa.ColumnElement[bool]:
    """Comments that reach the agency (bind `viewer`), by themselves and the one that opened their thread.

    Its own, and those for the parties. Who answers in a thread that an outsider opened, one that has left or is not
    bound yet, speaks to it; and who answers in any thread speaks to who opened it: nobody needs to agree to that.
    """
    said = _said
    viewer = sa.bindparam("viewer", type_=said.c.agency_id.type)
    worded_at = sa.func.coalesce(said.c.edited_at, said.c.created_at)
    of_outsider = sa.and_(opening.c.agency_id == viewer, ~reaches_parties(opening.c.agreement_id, opening.c.created_at))
    made_by = sa.case((opening.c.agency_id == viewer, sa.null()), else_=said.c.agency_id)
    return sa.or_(
        said.c.agency_id == viewer,
        sa.and_(
            said.c.audience == Audience.PARTIES,
            sa.or_(reaches_parties(said.c.agreement_id, worded_at, made_by=made_by), of_outsider),
        ),
    )


@cache
def _statement(filters: frozenset[str], sort: str = "") -> sa.Select[Any]:
    """Comments that an agency (bind `viewer`) may know of; each combination of filters is built once."""
    said = _said
    opening = said.alias("opening")
    statement = (
        sa.select(
            said,
            agency.c.name.label("agency_name"),
            agreement_version.c.no.label("version_no"),
            opening.c.resolved_at.label("thread_resolved_at"),
            opening.c.agency_id.label("thread_agency_id"),
            sa.or_(said.c.restricted, sa.func.coalesce(provision.c.sensitivity, "") == Sensitivity.RESTRICTED).label(
                "is_restricted"
            ),
            reads_restricted().label("reached"),
        )
        .join(opening, opening.c.id == said.c.thread_id)
        .join(agency, agency.c.id == said.c.agency_id)
        .join(agreement_version, agreement_version.c.id == said.c.version_id)
        .outerjoin(
            provision, sa.and_(provision.c.version_id == said.c.version_id, provision.c.number == said.c.provision)
        )
        .where(
            said.c.agreement_id == _ID,
            legible_to(),  # what was said of a text is for whom the text is
            told_of_comment(opening),
        )
    )
    if "one" in filters:
        return statement.where(said.c.id == sa.bindparam("comment_id", type_=said.c.id.type))
    statement = statement.where(
        agreement_version.c.no <= sa.bindparam("no", type_=sa.Integer), *changed_in(said.c.updated_at, filters)
    )
    if "provision" in filters:
        statement = statement.where(said.c.provision == sa.bindparam("provision"))
    if "open" in filters:
        statement = statement.where(opening.c.resolved_at.is_(None))
    return _ORDERS.page(statement, sort, after="cursor" in filters)


async def list_comments(
    read: Read, principal: Principal, agreement_id: UUID, query: CommentQuery
) -> tuple[CommentPage, UUID, int]:
    """A page of comments as the caller may read them; the custodian; the version they are read against.

    Whoever answers with restricted text records the reading first. Raises NotFound, Forbidden for whoever is no party.
    """
    row = await shared_agreement(read, principal, agreement_id)
    version = await legible_version(read, row, principal, query.version_no)
    changed = given(query, *CHANGED)
    parameters = {**_scope(row, principal), "no": version.no, **_ORDERS.parameters(query), **changed}
    filters = {"open", *changed} if query.open else {*changed}
    if query.provision is not None:
        filters.add("provision")
        parameters["provision"] = query.provision
    if query.cursor is not None:
        filters.add("cursor")
    rows = await read.all_slowly(_statement(frozenset(filters), query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    items = [_comment(found, version, principal, row, reveal=True) for found in kept]
    return CommentPage(items=items, next_cursor=next_cursor), row.custodian_id, version.no


async def get_comment(
    read: Read, principal: Principal, agreement_id: UUID, comment_id: UUID, *, reveal: bool = False
) -> tuple[Comment, UUID]:
    """One comment, read against the newest version, and the custodian; restricted text only with `reveal`.

    Whoever reveals records the reading first: the answers to changes do not, since they are kept to be repeated.
    Raises NotFound, Forbidden for whoever is no party.
    """
    row = await shared_agreement(read, principal, agreement_id)
    found = await comment_row(read, principal, row, comment_id)
    version = await legible_version(read, row, principal, None)
    return _comment(found, version, principal, row, reveal=reveal), row.custodian_id


async def comment_row(read: Read, principal: Principal, row: Row[Any], comment_id: UUID) -> Row[Any]:
    """The row of a comment that the caller may know of. Raises NotFound."""
    found = await read.first(_statement(frozenset({"one"})), {**_scope(row, principal), "comment_id": comment_id})
    if found is None:
        raise NotFound("comment")
    return found


def is_settled_by(principal: Principal, found: Row[Any], row: Row[Any]) -> bool:
    """Whether the caller's agency resolves and reopens the thread: the one that opened it, or the custodian."""
    return principal.agency_id in (found.thread_agency_id, row.custodian_id)


def is_author(principal: Principal, found: Row[Any]) -> bool:
    """Whether they are the caller's own words."""
    return (principal.agency_id, principal.person) == (found.agency_id, found.subject)


def may_take_part(principal: Principal, found: Row[Any]) -> bool:
    """Whether the caller may speak in the thread: not of restricted text that it may not read."""
    return not found.is_restricted or may_read_restricted(principal, found)


def _scope(row: Row[Any], principal: Principal) -> dict[str, object]:
    return {"id": row.id, "custodian": row.custodian_id == principal.agency_id, "viewer": principal.agency_id}


def _comment(found: Row[Any], version: LegibleVersion, principal: Principal, row: Row[Any], *, reveal: bool) -> Comment:
    shown = not found.is_restricted or (reveal and may_read_restricted(principal, found))
    quoted = shown and found.quote_start is not None
    return Comment(
        id=found.id,
        thread_id=found.thread_id,
        parent_id=found.parent_id,
        version_no=found.version_no,
        provision=found.provision,
        quote=Quote(start=found.quote_start, end=found.quote_end) if quoted else None,
        anchor=anchor(found.provision, found.anchor_sha256, version.texts),
        audience=Audience(found.audience),
        author=CommentAuthor(
            agency=AgencyReference(id=found.agency_id, name=found.agency_name),
            role=Role(found.role),
            department=found.department,
        ),
        restricted=bool(found.is_restricted),
        text=found.text if shown else None,
        status="open" if found.thread_resolved_at is None else "resolved",
        created_at=found.created_at,
        updated_at=found.updated_at,
        edited_at=found.edited_at,
        allowed_actions=_allowed(found, principal, row),
        version=found.version,
    )


def _allowed(found: Row[Any], principal: Principal, row: Row[Any]) -> list[AllowedAction]:
    if refusal(principal, Action.AGREEMENTS_COMMENT, relations(principal, row)) is not None:
        return []
    if not may_take_part(principal, found):
        return []
    resolved = found.thread_resolved_at is not None
    closed = "The thread is resolved." if resolved else None
    offers = [offer("reply", withheld=closed)]
    if is_author(principal, found):
        offers.append(offer("update", withheld=closed))
    if found.parent_id is None and is_settled_by(principal, found, row):
        offers.append(offer("resolve", withheld=closed))
        offers.append(offer("reopen", withheld=None if resolved else "The thread is open."))
    return offers
