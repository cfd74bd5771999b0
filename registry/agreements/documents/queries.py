"""Which documents a caller may know of, and what of each.

The parties see an agreement's documents, of restricted ones only that they are there unless their role reaches
restricted text. Who has left sees those filed before, and who is not bound yet none, but for what is put to it or shows
the text that it may read. Others see the public ones that each party has agreed to publish. Whoever filed one always
sees it and reads it, what was withdrawn or is restricted by its cleared staff. What was withdrawn stays known, to
others than the parties without its words, and its content is for the cleared staff of its filer and of the custodian.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.documents.rules import DocumentKind, DocumentStatus, TextLayer
from registry.agreements.documents.schemas import Document, DocumentPage, DocumentQuery, RepeatedWording
from registry.agreements.documents.tables import document, document_content
from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.agreements.instruments.queries.actions import relations
from registry.agreements.instruments.queries.provisions import is_cleared, may_read_restricted
from registry.agreements.instruments.queries.publications import publications_of
from registry.agreements.instruments.queries.resting import RESTED_ON, others_rest_on
from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.instruments.queries.shown_papers import filed_by, reached_if_restricted, shown_to
from registry.agreements.instruments.queries.visibility import (
    administers,
    closed_to,
    is_published,
    keeps,
    kept_from,
    legible_to_parties,
    past_or_to_come,
    reads_restricted,
    reads_restricted_document,
    shared_with,
    takes_part,
    turned_down,
    visible_to,
)
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.schemas.consenting import Publication
from registry.agreements.instruments.tables import (
    agreement,
    agreement_hold,
    agreement_party,
    agreement_version,
    document_repetition,
)
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, Relation, refusal
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.files.remarks import FileRemark
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import Forbidden, NotFound
from registry.platform.ledger.feed import FeedReader

STAYS = "Your agency is not bound by the agreement now, and the record of those who are keeps this paper for now."
"""To who has left or is not bound yet: whether an act rests on it or a hold stands since is not for it to hear of."""

RESTRICTED = (
    "The document is restricted: it is for legal staff and auditors of its filer, of the parties that were named or "
    "bound as it was filed and had not left, and of those bound since; of whoever was let in after others once each "
    "party has agreed to it that was there before, and for what was filed since, the filer."
)
_UUID = document.c.id.type
_LONG_AGO = sa.bindparam("long_enough_ago", type_=document.c.filed_at.type)
_SHARED, _OWN, _REACHED = shown_to(document), filed_by(document), reached_if_restricted(document)
_HELD = (
    sa.select(sa.literal(1))
    .where(agreement_hold.c.agreement_id == agreement.c.id, agreement_hold.c.lifted_at.is_(None))
    .correlate(agreement)
    .exists()
)
_OPEN = sa.and_(document.c.sensitivity == Sensitivity.PUBLIC, is_published(document.c.id))


def _told(*, administrator: bool) -> sa.ColumnElement[bool]:
    """Documents that `viewer` may know of: its own, those for the parties that it is one of, and published ones."""
    return sa.or_(_OWN, sa.and_(visible_to(administrator=administrator), sa.or_(_SHARED, _OPEN)))


def _documents(*, administrator: bool) -> sa.Select[Any]:
    """The documents that `viewer` may know of, and what stands against withdrawing each: see `_at`."""
    return (
        sa.select(
            document,
            document_content.c.size_bytes,
            agency.c.name.label("filed_by_name"),
            agreement_version.c.no.label("version_no"),
            agreement.c.custodian_id,
            _SHARED.label("shared"),
            takes_part().label("is_party"),
            turned_down().label("is_invited"),
            _HELD.label("held"),
            past_or_to_come().label("past_or_to_come"),
            others_rest_on(document, _LONG_AGO).label("rested_on"),
            _REACHED.label("reached"),
        )
        .join(agreement, agreement.c.id == document.c.agreement_id)
        .join(document_content, document_content.c.sha256 == document.c.sha256)
        .join(agency, agency.c.id == document.c.filed_by_id)
        .outerjoin(agreement_version, agreement_version.c.id == document.c.version_id)
        .where(_told(administrator=administrator))
    )


@cache
def _get_statement(*, administrator: bool) -> sa.Select[Any]:
    return _documents(administrator=administrator).where(document.c.id == sa.bindparam("id", type_=_UUID))


# What was filed changes once, when it is withdrawn.
_UPDATED_AT = sa.func.coalesce(document.c.withdrawn_at, document.c.filed_at, type_=document.c.filed_at.type)
_ORDERS = Orders(DocumentQuery, created_at=document.c.id, updated_at=(_UPDATED_AT, document.c.id))


@cache
def _list_statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    statement = _documents(administrator="administrator" in filters).where(
        document.c.agreement_id == sa.bindparam("agreement_id", type_=_UUID), *changed_in(_UPDATED_AT, filters)
    )
    if "kind" in filters:
        statement = statement.where(document.c.kind.in_(sa.bindparam("kind", expanding=True)))
    if "status" in filters:
        status = sa.case(
            (document.c.withdrawn_at.is_(None), DocumentStatus.FILED.value), else_=DocumentStatus.WITHDRAWN.value
        )
        statement = statement.where(status.in_(sa.bindparam("status", expanding=True)))
    if "sha256" in filters:
        # By its hash a document is found by those alone to whom the hash is shown.
        legible = sa.or_(
            sa.and_(
                document.c.sensitivity != Sensitivity.RESTRICTED,
                sa.or_(_OWN, _SHARED, document.c.withdrawn_at.is_(None)),
            ),
            sa.and_(
                _REACHED,
                sa.bindparam("cleared", type_=sa.Boolean),
            ),
        )
        statement = statement.where(document.c.sha256 == sa.bindparam("sha256"), legible)
    return _ORDERS.page(statement, sort, after="cursor" in filters)


def _at(now: datetime) -> dict[str, object]:
    """What is asked of the instant: who has left by then, and whose silence has run out."""
    return {"now": now, "long_enough_ago": now - CONTEST_PERIOD}


async def document_row(read: Read, principal: Principal, document_id: UUID, now: datetime) -> Row[Any]:
    """The document's row. Raises NotFound where the caller may not know of it."""
    statement = _get_statement(administrator=administers(principal))
    row = await read.first(statement, {"id": document_id, "viewer": principal.agency_id, **_at(now)})
    if row is None:
        raise NotFound("document")
    return row


@cache
def _seen(*, administrator: bool) -> sa.Select[Any]:
    asked = document.c.id.in_(sa.bindparam("ids", type_=_UUID, expanding=True))
    return (
        sa.select(document.c.id)
        .join(agreement, agreement.c.id == document.c.agreement_id)
        .where(asked, _told(administrator=administrator))
    )


async def documents_seen(read: Read, reader: FeedReader, ids: Collection[UUID], now: datetime) -> Collection[UUID]:
    """Those of the documents that the reader's agency may know of, asked of many at once: for the feed of events."""
    statement = _seen(administrator=reader.administrator)
    rows = await read.all(statement, {"ids": sorted(ids), "viewer": reader.agency_id, "now": now})
    return [row.id for row in rows]


def document_relations(principal: Principal, row: Row[Any]) -> list[Relation]:
    """How the caller's agency stands to a document."""
    own: list[Relation] = ["own"] if row.filed_by_id == principal.agency_id else []
    return [*own, *relations(principal, row)]


async def get_document(
    read: Read, principal: Principal, document_id: UUID, now: datetime, *, reveal: bool = False
) -> tuple[Document, Row[Any]]:
    """One document, and its row; the particulars of a restricted one only with `reveal`. Raises NotFound.

    Whoever reveals records the reading first: the answers to changes do not, since they are kept to be repeated.
    """
    row = await document_row(read, principal, document_id, now)
    about = await _about(read, principal, [row])
    return _as_document(principal, row, about, reveal=reveal), row


async def list_documents(
    read: Read, principal: Principal, agreement_id: UUID, query: DocumentQuery, now: datetime
) -> tuple[DocumentPage, list[Row[Any]]]:
    """A page of an agreement's documents, and their rows. Raises NotFound, Malformed for another list's cursor."""
    await agreement_row(read, principal, agreement_id)
    parameters: dict[str, object] = {
        "agreement_id": agreement_id,
        "viewer": principal.agency_id,
        **_at(now),
        **_ORDERS.parameters(query),
        "cleared": is_cleared(principal),
    }
    chosen = given(query, "kind", "status", "sha256", *CHANGED)
    parameters |= chosen
    filters = set(chosen)
    if query.cursor is not None:
        filters.add("cursor")
    if administers(principal):
        filters.add("administrator")
    rows = await read.all(_list_statement(frozenset(filters), query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    about = await _about(read, principal, kept)
    items = [_as_document(principal, row, about, reveal=True) for row in kept]
    return DocumentPage(items=items, next_cursor=next_cursor), list(kept)


async def readable_content(read: Read, principal: Principal, document_id: UUID, now: datetime) -> tuple[Row[Any], bool]:
    """The row of a document whose content the caller may read, and whether that is restricted reading.

    Raises NotFound, Forbidden for a document that is restricted or withdrawn.
    """
    row = await document_row(read, principal, document_id, now)
    withdrawn = row.withdrawn_at is not None
    cleared = may_read_restricted(principal, row)
    if withdrawn and not (is_cleared(principal) and principal.agency_id in (row.custodian_id, row.filed_by_id)):
        raise Forbidden(
            "The document is withdrawn; what it said is for legal staff and auditors of its filer and of the custodian."
        )
    if row.sensitivity == Sensitivity.RESTRICTED and not cleared:
        raise Forbidden(RESTRICTED)
    return row, withdrawn or row.sensitivity == Sensitivity.RESTRICTED


def is_revealed(principal: Principal, row: Row[Any]) -> bool:
    """Whether a restricted document's own words are shown to the caller."""
    return row.sensitivity == Sensitivity.RESTRICTED and may_read_restricted(principal, row)


def _own(principal: Principal, row: Row[Any]) -> bool:
    return bool(row.filed_by_id == principal.agency_id)


async def _publications(read: Read, rows: Sequence[Row[Any]]) -> dict[UUID, Publication]:
    return await publications_of(read, [row.id for row in rows if row.sensitivity == Sensitivity.PUBLIC])


_other = document.alias("other")
_REPEATED = (
    sa.select(
        document_repetition.c.document_id,
        agreement_version.c.no.label("version_no"),
        document_repetition.c.clause,
        document_repetition.c.of_document_id,
    )
    .join(document, document.c.id == document_repetition.c.document_id)
    .join(agreement, agreement.c.id == document.c.agreement_id)
    .outerjoin(agreement_version, agreement_version.c.id == document_repetition.c.version_id)
    .outerjoin(_other, _other.c.id == document_repetition.c.of_document_id)
    .where(
        document_repetition.c.document_id.in_(sa.bindparam("ids", type_=_UUID, expanding=True)),
        shared_with(),
        sa.case(
            (_other.c.id.is_not(None), reads_restricted_document(_other.c.filed_at, _other.c.filed_by_id)),
            else_=sa.and_(sa.or_(legible_to_parties(), keeps()), ~closed_to(), reads_restricted()),
        ),
    )
    .order_by(document_repetition.c.document_id, document_repetition.c.ordinal)
)


async def _repeated(read: Read, principal: Principal, rows: Sequence[Row[Any]]) -> dict[UUID, list[RepeatedWording]]:
    """By document, the restricted wording that it repeats, as far as the caller may read that where it stands."""
    ids = [row.id for row in rows if row.sensitivity != Sensitivity.RESTRICTED]
    found: dict[UUID, list[RepeatedWording]] = {}
    if ids and is_cleared(principal):
        for row in await read.all(_REPEATED, {"ids": ids, "viewer": principal.agency_id}):
            its = RepeatedWording(version_no=row.version_no, clause=row.clause, document_id=row.of_document_id)
            found.setdefault(row.document_id, []).append(its)
    return found


_KEPT_FROM = (
    sa.select(document.c.id.label("document_id"), agency.c.id, agency.c.name)
    .select_from(document)
    .join(agreement, agreement.c.id == document.c.agreement_id)
    .join(agreement_party, agreement_party.c.agreement_id == agreement.c.id)
    .join(agency, agency.c.id == agreement_party.c.agency_id)
    .where(
        document.c.id.in_(sa.bindparam("ids", type_=_UUID, expanding=True)),
        sa.or_(document.c.sensitivity == Sensitivity.RESTRICTED, agency.c.id != agreement.c.custodian_id),
        agency.c.id != document.c.filed_by_id,
        kept_from(agreement_party, document.c.filed_at, document.c.filed_by_id),
    )
    .order_by(document.c.id, agreement_party.c.ordinal)
)


async def _kept_from(read: Read, principal: Principal, rows: Sequence[Row[Any]]) -> dict[UUID, list[AgencyReference]]:
    """By document of the caller's own agency, the parties that do not read it. Of a public one each party is asked."""
    ids = [row.id for row in rows if _own(principal, row) and row.sensitivity != Sensitivity.PUBLIC]
    found: dict[UUID, list[AgencyReference]] = {}
    if ids:
        for row in await read.all(_KEPT_FROM, {"ids": ids}):
            found.setdefault(row.document_id, []).append(AgencyReference(id=row.id, name=row.name))
    return found


class _About(Struct, frozen=True):
    """What is read beside documents' own rows, by document."""

    published: Mapping[UUID, Publication]
    repeated: Mapping[UUID, list[RepeatedWording]]
    kept_from: Mapping[UUID, list[AgencyReference]]


async def _about(read: Read, principal: Principal, rows: Sequence[Row[Any]]) -> _About:
    return _About(
        await _publications(read, rows),
        await _repeated(read, principal, rows),
        await _kept_from(read, principal, rows),
    )


def _publication(principal: Principal, row: Row[Any], found: Publication | None) -> Publication | None:
    """Whose word is outstanding is for the parties and who filed it."""
    if found is None or row.shared or _own(principal, row):
        return found
    return msgspec.structs.replace(found, outstanding=[])


def _as_document(
    principal: Principal,
    row: Row[Any],
    about: _About,
    *,
    reveal: bool,
) -> Document:
    withdrawn = row.withdrawn_at is not None
    legible = row.shared or _own(principal, row) or not withdrawn
    if row.sensitivity == Sensitivity.RESTRICTED:
        legible = reveal and is_revealed(principal, row)
    return Document(
        id=row.id,
        agreement_id=row.agreement_id,
        version_no=row.version_no,
        kind=DocumentKind(row.kind),
        status=DocumentStatus.WITHDRAWN if withdrawn else DocumentStatus.FILED,
        sensitivity=Sensitivity(row.sensitivity),
        exemption=row.exemption,
        title=row.title if legible else None,
        filename=row.filename if legible else None,
        media_type=row.media_type,
        size_bytes=row.size_bytes if legible else None,  # a size tells two papers apart, as a digest does
        sha256=row.sha256 if legible else None,
        pages=row.pages if legible else None,
        text=TextLayer(row.text_layer),
        remarks=msgspec.json.decode(row.remarks, type=list[FileRemark]) if legible else [],
        repeats=about.repeated.get(row.id, []),
        kept_from=about.kept_from.get(row.id, []),
        filed_by=AgencyReference(id=row.filed_by_id, name=row.filed_by_name),
        filed_at=row.filed_at,
        updated_at=row.withdrawn_at or row.filed_at,
        publication=_publication(principal, row, about.published.get(row.id)),
        withdrawn_at=row.withdrawn_at,
        withdrawn_reason=row.withdrawn_reason if row.shared or _own(principal, row) else None,
        allowed_actions=_allowed(principal, row),
        version=row.version,
    )


def _allowed(principal: Principal, row: Row[Any]) -> list[AllowedAction]:
    if refusal(principal, Action.DOCUMENTS_WITHDRAW, document_relations(principal, row)) is not None:
        return []
    bar = RESTED_ON if row.rested_on else None
    if row.held:
        bar = "The agreement's record is under a legal hold."
    if row.past_or_to_come and bar is not None:
        bar = STAYS
    return [offer("withdraw", withheld="It is withdrawn already." if row.withdrawn_at is not None else bar)]


@cache
def _restricted_copies() -> sa.Select[Any]:
    return _documents(administrator=False).where(
        document.c.agreement_id == sa.bindparam("agreement_id", type_=_UUID),
        document.c.sha256 == sa.bindparam("sha256", type_=sa.Text),
        document.c.sensitivity == Sensitivity.RESTRICTED,
        document.c.withdrawn_at.is_(None),
    )


async def restricted_copies(
    read: Read, principal: Principal, agreement_id: UUID, sha256: str, now: datetime
) -> list[UUID]:
    """The restricted documents on file with the agreement that have this content, as far as the caller reads them."""
    about = {"agreement_id": agreement_id, "sha256": sha256, "viewer": principal.agency_id, **_at(now)}
    return [row.id for row in await read.all(_restricted_copies(), about) if may_read_restricted(principal, row)]


_SAME_CONTENT = sa.select(document.c.withdrawn_at).where(
    document.c.agreement_id == sa.bindparam("agreement_id", type_=document.c.agreement_id.type),
    document.c.sha256 == sa.bindparam("sha256", type_=sa.Text),
)


async def status_on_file(read: Read, agreement_id: UUID, sha256: str) -> DocumentStatus | None:
    """How a document of that digest stands with the agreement: filed, if one is; None where none ever was."""
    rows = await read.all(_SAME_CONTENT, {"agreement_id": agreement_id, "sha256": sha256})
    if not rows:
        return None
    return DocumentStatus.FILED if any(row.withdrawn_at is None for row in rows) else DocumentStatus.WITHDRAWN


_RECORDED_BY = sa.select(agreement_version.c.no).where(
    agreement_version.c.agreement_id == sa.bindparam("agreement_id", type_=document.c.agreement_id.type),
    agreement_version.c.evidence_sha256 == sa.bindparam("sha256", type_=sa.Text),
)


async def recorded_by(read: Read, agreement_id: UUID, sha256: str) -> int | None:
    """The version of the agreement that was recorded by that paper; None where none was, or several."""
    rows = await read.all(_RECORDED_BY, {"agreement_id": agreement_id, "sha256": sha256})
    return rows[0].no if len(rows) == 1 else None


_LEGIBLE_ON_FILE = sa.select(document.c.sha256).where(
    document.c.agreement_id == sa.bindparam("agreement_id", type_=document.c.agreement_id.type),
    document.c.sha256.in_(sa.bindparam("digests", expanding=True)),
    document.c.sensitivity != Sensitivity.RESTRICTED,
    document.c.withdrawn_at.is_(None),
)


async def legible_on_file(read: Read, agreement_id: UUID, digests: Sequence[str]) -> frozenset[str]:
    """Of these digests, those of documents on file with the agreement that every party may read."""
    rows = await read.all(_LEGIBLE_ON_FILE, {"agreement_id": agreement_id, "digests": list(digests)})
    return frozenset(row.sha256 for row in rows)
