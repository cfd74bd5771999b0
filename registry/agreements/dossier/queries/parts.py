"""A part of a file, and the parts that the file for the parties and the public one have in common."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Row

from registry.agreements.documents.queries import is_revealed, list_documents, readable_content
from registry.agreements.documents.rules import DocumentStatus
from registry.agreements.documents.schemas import Document, DocumentQuery
from registry.agreements.dossier.rules import Recording, plain_stem
from registry.agreements.dossier.schemas import WithheldPart
from registry.agreements.dossier.writing import as_json, timeline_as_csv, why_withheld
from registry.agreements.instruments.schemas.shown import (
    Agreement,
    Provision,
)
from registry.agreements.timeline.schemas import Timeline
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.http.disposition import extension_of
from registry.platform.kernel.errors import Forbidden
from registry.platform.kernel.time import civil_day
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.tables import ledger_event

JSON_LINES = "application/jsonl"
JSON, TEXT, HTML = "application/json", "text/plain; charset=utf-8", "text/html; charset=utf-8"
CSV = "text/csv; charset=utf-8"
AT_ONCE = 200


class Part(Struct, kw_only=True, frozen=True):
    """A part before it is written: its bytes, or the SHA-256 under which a filed document is stored."""

    path: str
    title: str
    media_type: str
    source: str
    content: bytes = b""
    stored_sha256: str | None = None
    size_bytes: int = 0
    readings: tuple[Mapping[str, object], ...] = ()
    """What is to be recorded of reading it, one record each; for text that is restricted."""
    origin: str | None = None
    """Of a version: how it came about, for whoever is to verify the file."""
    warnings: tuple[str, ...] = ()
    """Of a version: which papers of it are not on file."""


Found: TypeAlias = Part | WithheldPart


_PAPERS_RECORDED = (
    sa.select(ledger_event.c.canonical, ledger_event.c.recorded_at, agency.c.name, agency.c.time_zone)
    .outerjoin(agency, agency.c.id == ledger_event.c.actor_agency_id)
    .where(
        ledger_event.c.agreement_id == sa.bindparam("id", type_=ledger_event.c.agreement_id.type),
        ledger_event.c.type.in_((EventType.AGREEMENT_RECORDED, EventType.AGREEMENT_AMENDMENT_RECORDED)),
    )
    .order_by(ledger_event.c.id)
)


class _RecordedData(Struct, frozen=True):
    sha256: str


class _RecordedEvent(Struct, frozen=True):
    data: _RecordedData


async def recordings_of(read: Read, found: Agreement) -> dict[str | None, Recording]:
    """Who took over from paper what the agreement says, by the hash of the version."""
    rows = await read.all(_PAPERS_RECORDED, {"id": found.id})
    return {
        msgspec.json.decode(row.canonical, type=_RecordedEvent).data.sha256: Recording(
            recorded_by=row.name, recorded_on=civil_day(row.recorded_at, row.time_zone or found.time_zone)
        )
        for row in rows
    }


def withheld_provision(version_no: int, provision: Provision) -> WithheldPart:
    return WithheldPart(
        kind="provision",
        version_no=version_no,
        number=provision.number,
        exemption=provision.exemption,
        reason=why_withheld(provision.sensitivity, provision.exemption),
    )


async def documents_listed(
    read: Read, principal: Principal, found: Agreement, now: datetime, status: tuple[DocumentStatus, ...] = ()
) -> tuple[list[Document], list[Row[Any]]]:
    """The documents that the reader may know of, and their rows, the oldest first."""
    listed: list[Document] = []
    rows: list[Row[Any]] = []
    cursor: str | None = None
    while True:
        query = DocumentQuery(sort="created_at", limit=AT_ONCE, cursor=cursor, status=status)
        page_, its = await list_documents(read, principal, found.id, query, now)
        listed += page_.items
        rows += its
        if (cursor := page_.next_cursor) is None:
            return listed, rows


async def documents_of(
    read: Read,
    principal: Principal,
    found: Agreement,
    subjects: dict[UUID, str],
    now: datetime,
    status: tuple[DocumentStatus, ...] = (),
) -> AsyncIterator[Found]:
    """The documents that the reader may know of, their list last; their ids enter `subjects`."""
    listed, rows = await documents_listed(read, principal, found, now, status)
    readings = [{"document_id": str(row.id)} for row in rows if is_revealed(principal, row)]
    for no, each in enumerate(listed, 1):
        subjects[each.id] = "document"
        yield await _document(read, principal, no, each, now)
    yield Part(
        path="documents.json",
        title="What is on file with the agreement",
        media_type=JSON,
        source=f"/v1/agreements/{found.id}/documents",
        content=as_json(listed),
        readings=tuple(readings),
    )


async def _document(read: Read, principal: Principal, no: int, each: Document, now: datetime) -> Found:
    if each.withdrawn_at is not None:
        # The acts in this file call it not on file: what is withdrawn stands in the list, and is no part of it.
        return WithheldPart(
            kind="document",
            number=f"{no:03}",
            exemption=each.exemption,
            reason="It is withdrawn, so nothing in this file rests on it; documents.json says when and why.",
        )
    try:
        row, recorded = await readable_content(read, principal, each.id, now)
    except Forbidden as refused:
        return WithheldPart(kind="document", number=f"{no:03}", exemption=each.exemption, reason=refused.detail)
    name, extension = each.title or each.filename, extension_of(row.media_type)
    return Part(
        path=f"documents/{no:03}-{plain_stem((name or '').removesuffix(extension))}{extension}",
        title=f"Document {no:03}, {each.kind.replace('_', ' ')}: {name or 'without a title'}",
        media_type=row.media_type,
        source=f"/v1/documents/{each.id}/content",
        stored_sha256=row.sha256,
        size_bytes=row.size_bytes,
        readings=({"document_id": str(each.id), "content": True},) if recorded else (),
    )


def timeline_parts(timeline: Timeline) -> Iterator[Part]:
    """Who was bound when, as data and as a table; the index says it as well."""
    title, source = "Who was bound from when until when", f"/v1/agreements/{timeline.agreement_id}/timeline"
    yield Part(
        path="timeline.json",
        title=f"{title}, to which version, and by which acts",
        media_type=JSON,
        source=source,
        content=as_json(timeline),
    )
    yield Part(
        path="timeline.csv",
        title=f"{title}, as a table",
        media_type=CSV,
        source=source,
        content=timeline_as_csv(timeline),
    )
