"""Full-text search: passages with all the words and phrases, in what the caller may read and in nothing else.

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

from registry.agreements.instruments.queries.in_force import text_shown_at, text_shown_to_others_at
from registry.agreements.instruments.queries.listed_texts import listed_texts
from registry.agreements.instruments.queries.listing import narrowed, status_at
from registry.agreements.instruments.queries.provisions import is_cleared
from registry.agreements.instruments.queries.visibility import (
    administers,
    closed_to,
    filer_of_passage,
    in_public_view,
    is_published,
    legible_to_parties,
    may_be_named,
    reaches_parties,
    reads_restricted_passage,
    shared_with,
)
from registry.agreements.instruments.rules import AgreementKind, Sensitivity
from registry.agreements.instruments.schemas.searching import (
    RELEVANCE,
    AgreementHit,
    AgreementHitPage,
    AgreementSearchQuery,
    DocumentReference,
    Source,
)
from registry.agreements.instruments.tables import (
    agreement,
    agreement_party,
    agreement_passage,
    agreement_version,
)
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.database.search import (
    holds_phrases,
    matches,
    phrases_among,
    relevance,
    relevance_parameters,
    word_parameters,
)
from registry.platform.http.paging import cut, decode_cursor, given
from registry.platform.http.searching import search_words
from registry.platform.kernel.excerpts import excerpt
from registry.platform.kernel.words import Sought

_ID = agreement.c.id.type
_AT = sa.bindparam("at", type_=agreement.c.starts_at.type)
_PLACES: tuple[Source, ...] = ("title", "party", "provision", "document")
_TITLE, _PARTY = _PLACES.index("title"), _PLACES.index("party")
_passage = agreement_passage


class Restricted(NamedTuple):
    """A restricted passage that a page shows: whose it is, and what it is of."""

    agreement_id: UUID
    custodian_id: UUID
    version_no: int | None
    document_id: UUID | None


def _readable(*, administrator: bool) -> sa.ColumnElement[bool]:
    """Passages that `viewer` may read; in the public view those that are public, of the text as it stands."""
    public = in_public_view(administrator=administrator)
    custodian = agreement.c.custodian_id == sa.bindparam("viewer", type_=_ID)
    no_version = _passage.c.version_id.is_(None)
    of_title = _passage.c.source == "title"  # the public one is that of the text that others are shown
    frozen = legible_to_parties()
    cleared = sa.bindparam("cleared", type_=sa.Boolean)
    of_document = _passage.c.document_id.is_not(None)
    as_party = sa.and_(
        shared_with(),
        sa.or_(no_version, sa.and_(sa.or_(frozen, custodian), ~closed_to())),
        sa.or_(
            ~of_document,
            reaches_parties(_passage.c.agreement_id, _passage.c.filed_at, made_by=filer_of_passage()),
        ),
        sa.or_(_passage.c.sensitivity != Sensitivity.RESTRICTED, sa.and_(cleared, reads_restricted_passage())),
        ~sa.and_(of_title, _passage.c.sensitivity == Sensitivity.PUBLIC),
    )
    shown = sa.case(
        (of_document, is_published(_passage.c.document_id)),
        (no_version, sa.true()),
        else_=sa.and_(frozen, _is_the_text(administrator=administrator)),
    )
    open_to_all: sa.ColumnElement[bool] = _passage.c.sensitivity == Sensitivity.PUBLIC
    if administrator:
        own_title = sa.and_(~shared_with(), _passage.c.sensitivity == Sensitivity.PARTIES)
        open_to_all = sa.case((of_title, own_title), else_=open_to_all)
    else:
        open_to_all = sa.and_(open_to_all, ~sa.and_(of_title, shared_with()))
    return sa.or_(as_party, sa.and_(public, open_to_all, shown))


def _is_the_text(*, administrator: bool) -> sa.ColumnElement[bool]:
    """The version is the agreement's text at the bind `at`, as others see it; where none ever was, the newest executed.

    The administrator reads what is executed, published or not.
    """
    shown = text_shown_at(_AT) if administrator else text_shown_to_others_at(_AT)
    newest = agreement_version.c.no == agreement.c.current_version
    return sa.or_(agreement_version.c.id == shown, sa.and_(newest, shown.is_(None)))


def _in_passages(dialect: str, filters: frozenset[str], terms: int) -> sa.Select[Any]:
    place = sa.case({name: rank for rank, name in enumerate(_PLACES)}, value=_passage.c.source)
    score = relevance(_passage, terms).label("score")
    statement = (
        sa.select(_passage.c.agreement_id, place.label("place"), _passage.c.n.label("n"), score)
        .join(agreement, agreement.c.id == _passage.c.agreement_id)
        .outerjoin(agreement_version, agreement_version.c.id == _passage.c.version_id)
        .where(matches(_passage, dialect), holds_phrases(_passage, filters))
        .where(_readable(administrator="administrator" in filters))
    )
    if "source" in filters:
        statement = statement.where(_passage.c.source.in_(sa.bindparam("source", type_=sa.Text, expanding=True)))
    return narrowed(statement, filters)


def _in_parties(dialect: str, filters: frozenset[str], terms: int) -> sa.Select[Any]:
    public = sa.and_(in_public_view(administrator="administrator" in filters), may_be_named())
    statement = (
        sa.select(
            agreement_party.c.agreement_id,
            sa.literal(_PARTY).label("place"),
            agreement_party.c.ordinal.label("n"),
            relevance(agency, terms).label("score"),
        )
        .join(agreement, agreement.c.id == agreement_party.c.agreement_id)
        .join(agency, agency.c.id == agreement_party.c.agency_id)
        .where(matches(agency, dialect), holds_phrases(agency, filters), sa.or_(shared_with(), public))
    )
    return narrowed(statement, filters)


@cache
def _statement(
    dialect: str, filters: frozenset[str], source: frozenset[Source], sort: str, terms: int
) -> sa.Select[Any]:
    """The search for one combination of filters: places first, then the texts of those that fit on the page.

    `terms` is how many words and phrases the relevance is counted of; 0 where the order does not ask for it.
    """
    parts = [_in_parties(dialect, filters, terms)] if not source or "party" in source else []
    if source != {"party"}:
        parts.insert(0, _in_passages(dialect, filters, terms))
    found = sa.union_all(*parts).subquery("found")
    places = sa.select(found)
    if "cursor" in filters:
        places = places.where(_behind(found, sort))
    page = places.order_by(*_order(found, sort)).limit(sa.bindparam("limit", type_=sa.Integer)).subquery("page")
    is_party = page.c.place == _PARTY
    return (
        sa.select(
            page.c.agreement_id,
            page.c.place,
            page.c.n,
            page.c.score,
            agreement.c.number,
            agreement.c.kind,
            agreement.c.custodian_id,
            status_at().label("status"),
            agreement_version.c.no.label("version_no"),
            _passage.c.number.label("provision"),
            _passage.c.heading,
            _passage.c.document_id,
            _passage.c.document_name,
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
        .order_by(*_order(page, sort))
    )


def _order(found: sa.Subquery, sort: str) -> tuple[sa.ColumnElement[Any], ...]:
    """Agreement by agreement, of each its places in order; by relevance the best first, of equals the newest."""
    agreement_id = found.c.agreement_id if sort == "created_at" else found.c.agreement_id.desc()
    first = (found.c.score.desc(),) if sort == RELEVANCE else ()
    return (*first, agreement_id, found.c.place, found.c.n)


def _behind(found: sa.Subquery, sort: str) -> sa.ColumnElement[bool]:
    """Places behind the parameters `after_score`, `after_id`, `after_place` and `after_n` in that order."""
    after_id = sa.bindparam("after_id", type_=_ID)
    after_score, after_place, after_n = (
        sa.bindparam(name, type_=sa.BigInteger) for name in ("after_score", "after_place", "after_n")
    )
    further = sa.or_(found.c.place > after_place, sa.and_(found.c.place == after_place, found.c.n > after_n))
    beyond = found.c.agreement_id > after_id if sort == "created_at" else found.c.agreement_id < after_id
    behind = sa.or_(beyond, sa.and_(found.c.agreement_id == after_id, further))
    if sort != RELEVANCE:
        return behind
    return sa.or_(found.c.score < after_score, sa.and_(found.c.score == after_score, behind))


async def search_agreements(
    read: Read, principal: Principal, query: AgreementSearchQuery, now: datetime
) -> tuple[AgreementHitPage, list[Restricted]]:
    """A page of passages with all that is sought, and what of it is restricted: who shows it records the reading first.

    Raises RuleBroken for a query without words or with what is not supported, and for another list's cursor.
    """
    sought = search_words(query.q)
    parameters: dict[str, object] = {
        **word_parameters(read.dialect, sought),
        "viewer": principal.agency_id,
        "cleared": is_cleared(principal),
        "at": now,
        "now": now,
        "known_by": now,
        "limit": query.limit + 1,
    }
    filters = phrases_among(parameters) | ({"administrator"} if administers(principal) else set())
    chosen = given(query, "source", "party_id", "kind", "status", "category")
    parameters |= chosen
    filters |= chosen.keys()
    terms = relevance_parameters(sought) if query.sort == RELEVANCE else {}
    parameters |= terms
    if query.cursor is not None:
        filters.add("cursor")
        names = ("after_score", "after_id", "after_place", "after_n")
        parameters |= zip(names, decode_cursor(query.cursor, (int, UUID, int, int)), strict=True)
    statement = _statement(read.dialect, frozenset(filters), frozenset(query.source), query.sort, len(terms))
    rows = await read.all_slowly(statement, parameters)
    kept, next_cursor = cut(rows, query.limit, lambda row: (row.score, row.agreement_id, row.place, row.n))
    restricted = [
        Restricted(row.agreement_id, row.custodian_id, row.version_no, row.document_id)
        for row in kept
        if row.sensitivity == Sensitivity.RESTRICTED
    ]
    texts = await listed_texts(read, principal, [*{row.agreement_id for row in kept}], None, now)
    hits = [_as_hit(row, texts[row.agreement_id].title, sought) for row in kept]
    return AgreementHitPage(items=hits, next_cursor=next_cursor), restricted


def _as_hit(row: Row[Any], title: str, sought: Sought) -> AgreementHit:
    found = excerpt(row.text if row.place != _PARTY else _party_text(row), sought)
    return AgreementHit(
        agreement_id=row.agreement_id,
        number=row.number,
        title=title,
        kind=AgreementKind(row.kind),
        status=row.status,
        source=_PLACES[row.place],
        version_no=row.version_no,
        provision=row.provision,
        heading=row.heading,
        agency=AgencyReference(id=row.agency_id, name=row.name) if row.place == _PARTY else None,
        document=_document(row),
        page=row.page,
        sensitivity=Sensitivity.PUBLIC if row.place == _TITLE else Sensitivity(row.sensitivity or Sensitivity.PUBLIC),
        passage=found.text,
        hits=found.hits,
    )


def _document(row: Row[Any]) -> DocumentReference | None:
    return None if row.document_id is None else DocumentReference(id=row.document_id, name=row.document_name)


def _party_text(row: Row[Any]) -> str:
    """What an agency is found by, as it is read."""
    return ", ".join(filter(None, (row.name, *msgspec.json.decode(row.counties, type=list[str]), row.state)))
