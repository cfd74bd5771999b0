"""Full-text search: passages with all the words, in what the caller may read and in nothing else.

What may be read is part of the one statement that finds, so that no hit, page or cursor tells of anything that may
not: agreements by `visibility`, provisions by their version and sensitivity, documents by theirs. Parties are found
through the index of agencies, which knows their names as they are now.
"""

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.principals import Principal, Role
from registry.agencies.tables import agency
from registry.agreements.queries.listing import narrowed, status_at
from registry.agreements.queries.showing import may_read_restricted
from registry.agreements.queries.visibility import shared_with
from registry.agreements.rules import AgreementKind, Sensitivity
from registry.agreements.schemas.searching import AgreementHit, AgreementHitPage, AgreementSearchQuery, Source
from registry.agreements.tables import (
    agreement,
    agreement_party,
    agreement_passage,
    agreement_text_window,
    agreement_version,
)
from registry.database.handles import Read
from registry.database.search import match_text, matches
from registry.http.paging import cut, decode_cursor
from registry.http.searching import search_words
from registry.kernel.excerpts import excerpt

_ID = agreement.c.id.type
_AT = sa.bindparam("at", type_=agreement.c.starts_at.type)
_PLACES: tuple[Source, ...] = ("title", "party", "provision", "document")
_PARTY = _PLACES.index("party")
_passage = agreement_passage


class Restricted(NamedTuple):
    """A restricted passage that a page shows: whose it is, and what it is of."""

    agreement_id: UUID
    custodian_id: UUID
    version_no: int | None
    document_id: UUID | None


def _readable(*, public: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Passages that `viewer` may read; in the public view those that are public, of the text as it stands."""
    custodian = agreement.c.custodian_id == sa.bindparam("viewer", type_=_ID)
    no_version = _passage.c.version_id.is_(None)
    frozen = agreement_version.c.frozen_at.is_not(None)
    cleared = sa.bindparam("cleared", type_=sa.Boolean)
    as_party = sa.and_(
        shared_with(),
        sa.or_(no_version, frozen, custodian),
        sa.or_(_passage.c.sensitivity != Sensitivity.RESTRICTED, cleared),
    )
    in_public = sa.and_(
        public, _passage.c.sensitivity == Sensitivity.PUBLIC, sa.or_(no_version, sa.and_(frozen, _is_the_text()))
    )
    return sa.or_(as_party, in_public)


def _is_the_text() -> sa.ColumnElement[bool]:
    """The version is the agreement's text at the bind `at`; where none is, the newest executed one."""
    window = agreement_text_window
    then = sa.and_(window.c.agreement_id == agreement.c.id, window.c.starts_at <= _AT, window.c.ends_at > _AT)
    asked = sa.select(sa.literal(1)).correlate(agreement, agreement_version)
    held = asked.where(then, window.c.version_id == agreement_version.c.id).exists()
    newest = agreement_version.c.no == agreement.c.current_version
    return sa.or_(held, sa.and_(newest, ~asked.where(then).exists()))


def _in_passages(dialect: str, filters: frozenset[str], public: sa.ColumnElement[bool]) -> sa.Select[Any]:
    place = sa.case({name: rank for rank, name in enumerate(_PLACES)}, value=_passage.c.source)
    statement = (
        sa.select(_passage.c.agreement_id, place.label("place"), _passage.c.n.label("n"))
        .join(agreement, agreement.c.id == _passage.c.agreement_id)
        .outerjoin(agreement_version, agreement_version.c.id == _passage.c.version_id)
        .where(matches(_passage, dialect), _readable(public=public))
    )
    if "source" in filters:
        statement = statement.where(_passage.c.source == sa.bindparam("source"))
    return narrowed(statement, filters)


def _in_parties(dialect: str, filters: frozenset[str], public: sa.ColumnElement[bool]) -> sa.Select[Any]:
    statement = (
        sa.select(
            agreement_party.c.agreement_id, sa.literal(_PARTY).label("place"), agreement_party.c.ordinal.label("n")
        )
        .join(agreement, agreement.c.id == agreement_party.c.agreement_id)
        .join(agency, agency.c.id == agreement_party.c.agency_id)
        .where(matches(agency, dialect), sa.or_(shared_with(), public))
    )
    return narrowed(statement, filters)


@cache
def _statement(dialect: str, filters: frozenset[str], source: Source | None) -> sa.Select[Any]:
    """The search for one combination of filters: places first, then the texts of those that fit on the page."""
    public: sa.ColumnElement[bool] = agreement.c.is_public
    if "administrator" in filters:
        public = agreement.c.executed_at.is_not(None)
    parts = [_in_parties(dialect, filters, public)] if source in (None, "party") else []
    if source != "party":
        parts.insert(0, _in_passages(dialect, filters, public))
    found = sa.union_all(*parts).subquery("found")
    places = sa.select(found)
    if "cursor" in filters:
        after_id = sa.bindparam("after_id", type_=_ID)
        after_place, after_n = (sa.bindparam(name, type_=sa.BigInteger) for name in ("after_place", "after_n"))
        further = sa.or_(found.c.place > after_place, sa.and_(found.c.place == after_place, found.c.n > after_n))
        places = places.where(
            sa.or_(found.c.agreement_id < after_id, sa.and_(found.c.agreement_id == after_id, further))
        )
    order = (found.c.agreement_id.desc(), found.c.place, found.c.n)
    page = places.order_by(*order).limit(sa.bindparam("limit", type_=sa.Integer)).subquery("page")
    is_party = page.c.place == _PARTY
    return (
        sa.select(
            page.c.agreement_id,
            page.c.place,
            page.c.n,
            agreement.c.number,
            agreement.c.title,
            agreement.c.kind,
            agreement.c.custodian_id,
            status_at().label("status"),
            agreement_version.c.no.label("version_no"),
            _passage.c.number.label("provision"),
            _passage.c.heading,
            _passage.c.document_id,
            _passage.c.page,
            _passage.c.sensitivity,
            _passage.c.text,
            agency.c.id.label("agency_id"),
            agency.c.name,
            agency.c.counties,
            agency.c.state,
        )
        .select_from(page)
        .join(agreement, agreement.c.id == page.c.agreement_id)
        .outerjoin(_passage, sa.and_(~is_party, _passage.c.n == page.c.n))
        .outerjoin(agreement_version, agreement_version.c.id == _passage.c.version_id)
        .outerjoin(
            agreement_party,
            sa.and_(
                is_party,
                agreement_party.c.agreement_id == page.c.agreement_id,
                agreement_party.c.ordinal == page.c.n,
            ),
        )
        .outerjoin(agency, agency.c.id == agreement_party.c.agency_id)
        .order_by(page.c.agreement_id.desc(), page.c.place, page.c.n)
    )


async def search_agreements(
    read: Read, principal: Principal, query: AgreementSearchQuery, now: datetime
) -> tuple[AgreementHitPage, list[Restricted]]:
    """A page of passages with all the words, and what of it is restricted: whoever shows it records the reading first.

    Raises RuleBroken for a query without words or another list's cursor.
    """
    words = search_words(query.q)
    parameters: dict[str, object] = {
        "match": match_text(read.dialect, words),
        "viewer": principal.agency_id,
        "cleared": may_read_restricted(principal),
        "at": now,
        "limit": query.limit + 1,
    }
    filters = {"administrator"} if Role.REGISTRY_ADMIN in principal.roles else set()
    for name in ("source", "party", "kind", "status", "category"):
        if (value := getattr(query, name)) is not None:
            filters.add(name)
            parameters[name] = value
    if query.cursor is not None:
        filters.add("cursor")
        parameters |= zip(
            ("after_id", "after_place", "after_n"), decode_cursor(query.cursor, (UUID, int, int)), strict=True
        )
    rows = await read.all_slowly(_statement(read.dialect, frozenset(filters), query.source), parameters)
    kept, next_cursor = cut(rows, query.limit, lambda row: (row.agreement_id, row.place, row.n))
    restricted = [
        Restricted(row.agreement_id, row.custodian_id, row.version_no, row.document_id)
        for row in kept
        if row.sensitivity == Sensitivity.RESTRICTED
    ]
    return AgreementHitPage(items=[_as_hit(row, words) for row in kept], next_cursor=next_cursor), restricted


def _as_hit(row: Row[Any], words: list[str]) -> AgreementHit:
    found = excerpt(row.text if row.place != _PARTY else _party_text(row), words)
    return AgreementHit(
        agreement_id=row.agreement_id,
        number=row.number,
        title=row.title,
        kind=AgreementKind(row.kind),
        status=row.status,
        source=_PLACES[row.place],
        version_no=row.version_no,
        provision=row.provision,
        heading=row.heading,
        agency_id=row.agency_id,
        document_id=row.document_id,
        page=row.page,
        sensitivity=Sensitivity(row.sensitivity or Sensitivity.PUBLIC),
        passage=found.text,
        hits=found.hits,
    )


def _party_text(row: Row[Any]) -> str:
    """What an agency is found by, as it is read."""
    return ", ".join(filter(None, (row.name, *msgspec.json.decode(row.counties, type=list[str]), row.state)))
