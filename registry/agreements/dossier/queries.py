"""What stands in the file of an agreement, part by part, as far as its reader may read it.

A part whose reading has to be recorded says so. The public file is made for nobody in particular: what any agency may
read that is no party, and of a published text the places of what is withheld. That there are other documents, and how
many, it does not say, as their list does not.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.documents.queries import is_revealed, list_documents, readable_content
from registry.agreements.documents.rules import DocumentStatus
from registry.agreements.documents.schemas import Document, DocumentQuery
from registry.agreements.dossier.rules import NOT_A_PARTY, Recording, came_about, lines_of_parts, plain_stem
from registry.agreements.dossier.schemas import WithheldPart
from registry.agreements.dossier.writing import as_json, events_as_json, timeline_as_csv, version_text, why_withheld
from registry.agreements.duties.queries import list_duties
from registry.agreements.instruments.days import Days
from registry.agreements.instruments.queries.actions import relations
from registry.agreements.instruments.queries.provisions import provisions_of, shows_restricted
from registry.agreements.instruments.queries.publications import publications_of
from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.instruments.queries.signed_text import parts_as_hashed
from registry.agreements.instruments.queries.texts import dates_of, executed_texts
from registry.agreements.instruments.queries.versions import get_version, list_versions
from registry.agreements.instruments.queries.visibility import told_of_act
from registry.agreements.instruments.remarks import RemarkCode
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.schemas.shown import (
    Agreement,
    AgreementVersion,
    AgreementVersionSummary,
    Provision,
)
from registry.agreements.instruments.tables import agreement_approval, agreement_approval_rule, agreement_version
from registry.agreements.redline.page import page
from registry.agreements.redline.queries import get_redline
from registry.agreements.redline.schemas import RedlineQuery
from registry.agreements.timeline.queries import texts_followed
from registry.agreements.timeline.schemas import Timeline
from registry.directory.agencies.queries import references, zones_of_agencies
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.handles import Read
from registry.platform.http.disposition import extension_of
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.errors import Forbidden, RuleBroken
from registry.platform.kernel.time import FIRST_DAY, civil_day
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.queries import public_parts
from registry.platform.ledger.tables import ledger_event

JSON_LINES = "application/jsonl"
JSON, TEXT, HTML = "application/json", "text/plain; charset=utf-8", "text/html; charset=utf-8"
CSV = "text/csv; charset=utf-8"
_AT_ONCE = 200


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

# What a party's own words or a restricted clause make remarkable stands in `version.json` alone.
_OF_PAPERS = frozenset({RemarkCode.PAPER_NOT_ON_FILE, RemarkCode.EVIDENCE_NOT_NAMED})
_VERSION_ID = sa.bindparam("version_id", type_=agreement_version.c.id.type)
_TITLE = sa.select(agreement_version.c.title).where(agreement_version.c.id == _VERSION_ID)


_PAPERS_RECORDED = (
    sa.select(ledger_event.c.canonical, ledger_event.c.recorded_at, agency.c.name, agency.c.time_zone)
    .outerjoin(agency, agency.c.id == ledger_event.c.actor_agency_id)
    .where(
        ledger_event.c.agreement_id == sa.bindparam("id", type_=ledger_event.c.agreement_id.type),
        ledger_event.c.type.in_((EventType.AGREEMENT_RECORDED, EventType.AGREEMENT_AMENDMENT_RECORDED)),
    )
    .order_by(ledger_event.c.id)
)


@cache
def _of_governing_bodies(table: sa.Table, *names: str) -> sa.Select[Any]:
    return (
        sa.select(agency.c.id.label("agency_id"), agency.c.name, *(table.c[name] for name in names))
        .join(agency, agency.c.id == table.c.agency_id)
        .where(
            table.c.agreement_id == sa.bindparam("id", type_=table.c.agreement_id.type),
            told_of_act(table, table.c.recorded_at),
        )
        .order_by(table.c.recorded_at, table.c.id)
    )


async def whole_file(read: Read, caller: Caller, found: Agreement, timeline: Timeline) -> AsyncIterator[Found]:
    """The parts for a party, in their order; `found` is the agreement without restricted text."""
    principal, path = caller.principal, f"/v1/agreements/{found.id}"
    beside = {"provisions", "terms", "terms_withheld", "signing", "view"}
    about = {name: value for name, value in msgspec.to_builtins(found).items() if name not in beside}
    yield Part(
        path="agreement.json",
        title="The agreement and its parties",
        media_type=JSON,
        source=path,
        content=as_json(about),
    )
    for told in _timeline(timeline):
        yield told
    summaries = await _all_versions(read, principal, found.id)
    recordings = await _recordings(read, found)
    zones = await zones_of_agencies(read, [party.agency.id for party in found.parties])
    days = Days(now=caller.now, time_zone=found.time_zone, zones=zones, own={})
    signed = []
    for each in summaries:
        version, _ = await get_version(read, principal, found.id, each.version_no)
        signed.append(_signed(version))
        origin = came_about(version, recordings.get(version.sha256), days)
        async for part in _version(read, found, version, origin):
            yield part
    followed = await texts_followed(read, found, caller.now)
    for no in await _by_effect(read, found, [each.version_no for each in summaries]):
        redlines = [await _redline(read, principal, found, no)]
        redlines += [await _redline(read, principal, found, no, old) for old, new in followed if new == no]
        for redline in {each.path: each for each in redlines if each is not None}.values():
            yield redline
    yield Part(
        path="signatures.json",
        title="Signatures, with the hash of what was signed, office, authority, manner and day",
        media_type=JSON,
        source=f"{path}/versions",
        content=as_json(signed),
    )
    yield await _approvals(read, found, principal.agency_id)
    yield _acts(found)
    yield await _duties(read, caller, found)
    documents: dict[UUID, str] = {}
    async for part in _documents(read, principal, found, documents, caller.now):
        yield part
    row = await agreement_row(read, principal, found.id)
    if (why := refusal(principal, Action.LEDGER_READ, relations(principal, row))) is not None:
        yield WithheldPart(kind="history", reason=why)
        return
    events, named = await public_parts(read, principal, {found.id: "agreement", **documents})
    agencies = await references(read, named)
    yield Part(
        path="history.json",
        title="What happened to the agreement and its documents, as the ledger holds it",
        media_type=JSON,
        source=f"{path}/history",
        content=events_as_json(events, [agencies[each] for each in sorted(agencies)]),
    )


async def _all_versions(read: Read, principal: Principal, agreement_id: UUID) -> list[AgreementVersionSummary]:
    found: list[AgreementVersionSummary] = []
    cursor: str | None = None
    while True:
        query = NewestFirst(sort="created_at", limit=_AT_ONCE, cursor=cursor)
        page_ = await list_versions(read, principal, agreement_id, query)
        found += page_.items
        if (cursor := page_.next_cursor) is None:
            return found


class _RecordedData(Struct, frozen=True):
    sha256: str


class _RecordedEvent(Struct, frozen=True):
    data: _RecordedData


async def _recordings(read: Read, found: Agreement) -> dict[str | None, Recording]:
    """Who took over from paper what the agreement says, by the hash of the version."""
    rows = await read.all(_PAPERS_RECORDED, {"id": found.id})
    return {
        msgspec.json.decode(row.canonical, type=_RecordedEvent).data.sha256: Recording(
            recorded_by=row.name, recorded_on=civil_day(row.recorded_at, row.time_zone or found.time_zone)
        )
        for row in rows
    }


def _signed(version: AgreementVersion) -> dict[str, object]:
    return {"version_no": version.version_no, "sha256": version.sha256, "signatures": version.signatures}


def _readings(provisions: list[Provision], version_no: int) -> tuple[Mapping[str, object], ...]:
    return ({"version_no": version_no},) if shows_restricted(provisions) else ()


async def _version(read: Read, found: Agreement, version: AgreementVersion, origin: str) -> AsyncIterator[Found]:
    no, source = version.version_no, f"/v1/agreements/{found.id}/versions/{version.version_no}"
    folder, readings = f"versions/{no:03}", _readings(version.provisions, no)
    hashed = f"Digest of the text: {version.sha256}" if version.sha256 else "A draft, which may still change."
    heading = [f"{found.number}: {version.title}", f"Version {no}, {version.kind}", *_days(version), origin, hashed]
    yield Part(
        path=f"{folder}/text.txt",
        title=f"Version {no}, text",
        media_type=TEXT,
        source=source,
        content=version_text(heading, version.provisions),
        readings=readings,
    )
    yield Part(
        path=f"{folder}/version.json",
        title=f"Version {no}, with its terms",
        media_type=JSON,
        source=source,
        content=as_json(version),
        readings=readings,
        origin=origin,
        warnings=tuple(each.detail for each in version.remarks if each.code in _OF_PAPERS),
    )
    what = "the bytes that were hashed" + ("" if version.evidence is None else ", as they were transcribed from paper")
    if version.sha256 is not None:
        hashed_parts = await parts_as_hashed(read, version.id, version.provisions)
        yield Part(
            path=f"{folder}/parts.jsonl",
            title=f"Version {no}, {what}, part by part",
            media_type=JSON_LINES,
            source=source,
            content=lines_of_parts([(each.canonical, each.sha256) for each in hashed_parts]),
            readings=readings,
        )
    for each in version.provisions:
        if each.text is None:
            yield _withheld_provision(no, each)


def _days(version: AgreementVersion) -> list[str]:
    until = f" until {version.expires_on}" if version.expires_on else ""
    return [f"Effective on {version.effective_on}{until}"]


def _withheld_provision(version_no: int, provision: Provision) -> WithheldPart:
    return WithheldPart(
        kind="provision",
        version_no=version_no,
        number=provision.number,
        exemption=provision.exemption,
        reason=why_withheld(provision.sensitivity, provision.exemption),
    )


async def _by_effect(read: Read, found: Agreement, numbers: Sequence[int]) -> list[int]:
    """The drafts of the original, then the executed versions in the order in which they take effect, then the rest."""
    texts = [] if found.executed_at is None else await executed_texts(read, found.id)
    if not texts:
        return list(numbers)
    executed = [texts[n].no for n in dates_of(cast(Any, found), texts, ()).by_effect]
    others = [no for no in numbers if no not in executed]
    first = min(executed)
    return [*(no for no in others if no < first), *executed, *(no for no in others if no > first)]


async def _redline(
    read: Read, principal: Principal, found: Agreement, new: int, named: int | None = None
) -> Part | None:
    """What a version changes in another, or in the one that was in force before it; None where there is none."""
    try:
        redline, _ = await get_redline(
            read, principal, found.id, RedlineQuery(from_version_no=named, to_version_no=new)
        )
    except RuleBroken:
        return None
    old = redline.from_.version_no
    return Part(
        path=f"redlines/{old:03}-{new:03}.html",
        title=f"What differs between versions {old} and {new}",
        media_type=HTML,
        source=f"/v1/agreements/{found.id}/redline.html?from_version_no={old}&to_version_no={new}",
        content=page(redline).encode(),
    )


async def _approvals(read: Read, found: Agreement, viewer: UUID) -> Part:
    approvals, rules = [
        [dict(row._mapping) for row in await read.all(statement, {"id": found.id, "viewer": viewer})]
        for statement in (
            _of_governing_bodies(
                agreement_approval,
                *(
                    "version_no",
                    "version_sha256",
                    "body",
                    "reference",
                    "approved_on",
                    "expires_on",
                    "evidence_sha256",
                    "evidence_location",
                    "recorded_at",
                ),
            ),
            _of_governing_bodies(
                agreement_approval_rule, "required", "each_text", "effective_on", "citation", "recorded_at"
            ),
        )
    ]
    rules = [
        {**rule, "effective_on": None if rule["effective_on"] == FIRST_DAY else rule["effective_on"]} for rule in rules
    ]
    return Part(
        path="approvals.json",
        title="Approvals by governing bodies, and from when they are required",
        media_type=JSON,
        source=f"/v1/agreements/{found.id}/history",
        content=as_json({"approvals": approvals, "approval_rules": rules}),
    )


def _acts(found: Agreement) -> Part:
    names = (
        *("agency", "joined_at", "verbally_at", "withdrawal_notice_on", "notice_kind", "notice_deliveries"),
        *("notice_receipts", "leaves_at", "released_at", "suspended_at"),
    )
    acts = {
        "parties": [{name: getattr(party, name) for name in names} for party in found.parties],
        "reported_acts": found.reported_acts,
        "proposals": found.proposals,
        "suspensions": found.suspensions,
        "terminated_at": found.terminated_at,
        "superseded_by": found.superseded_by,
    }
    return Part(
        path="acts.json",
        title="Notices, reported acts, proposals and suspensions",
        media_type=JSON,
        source=f"/v1/agreements/{found.id}",
        content=as_json(acts),
    )


async def _duties(read: Read, caller: Caller, found: Agreement) -> Part:
    duties: list[object] = []
    cursor: str | None = None
    while True:
        query = NewestFirst(sort="created_at", limit=_AT_ONCE, cursor=cursor)
        listed = await list_duties(read, caller.principal, found.id, query, caller.now)
        duties += listed.items
        if (cursor := listed.next_cursor) is None:
            break
    return Part(
        path="duties.json",
        title="Duties, with the proof that they were done",
        media_type=JSON,
        source=f"/v1/agreements/{found.id}/duties",
        content=as_json(duties),
    )


async def _documents(
    read: Read,
    principal: Principal,
    found: Agreement,
    subjects: dict[UUID, str],
    now: datetime,
    status: tuple[DocumentStatus, ...] = (),
) -> AsyncIterator[Found]:
    """The documents that the reader may know of, their list last; their ids enter `subjects`."""
    listed: list[Document] = []
    readings: list[Mapping[str, object]] = []
    cursor: str | None = None
    while True:
        query = DocumentQuery(sort="created_at", limit=_AT_ONCE, cursor=cursor, status=status)
        page_, rows = await list_documents(read, principal, found.id, query, now)
        listed += page_.items
        readings += [{"document_id": str(row.id)} for row in rows if is_revealed(principal, row)]
        if (cursor := page_.next_cursor) is None:
            break
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


def _timeline(timeline: Timeline) -> Iterator[Part]:
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


async def public_file(read: Read, found: Agreement, timeline: Timeline, now: datetime) -> AsyncIterator[Found]:
    """The parts for the public, in their order; `found` is the agreement in its public view."""
    path = f"/v1/agreements/{found.id}"
    names = (
        *("id", "number", "title", "kind", "custodian_agency", "status", "time_zone", "effective_on", "expires_on"),
        *(
            "auto_renew_months",
            "auto_renew_times",
            "term_ends_on",
            "starts_at",
            "ends_on",
            "ends_at",
            "binds_from",
            "executed_at",
        ),
        *("terminated_at", "suspensions", "version_no", "version_kind", "version_effective_on", "categories"),
    )
    parties = [
        {"agency": party.agency, "bound": party.bound, "bound_until": party.bound_until} for party in found.parties
    ]
    about = {**{name: getattr(found, name) for name in names}, "parties": parties}
    yield Part(
        path="agreement.json",
        title="The agreement and its parties",
        media_type=JSON,
        source=path,
        content=as_json(about),
    )
    for told in _timeline(timeline):
        yield told
    if timeline.acts_withheld is not None:
        yield WithheldPart(kind="acts", reason=timeline.acts_withheld)
    texts = await executed_texts(read, found.id)
    published = await publications_of(read, [text.version_id for text in texts])
    for text in texts:
        if text.version_id not in published or published[text.version_id].published_at is None:
            continue
        heading = [
            f"{found.number}: {await read.value(_TITLE, {'version_id': text.version_id})}",
            f"Version {text.no}, {text.kind}",
            f"Effective on {text.effective_on}",
        ]
        provisions = [
            _published(each) for each in await provisions_of(read, text.version_id, whole=True, restricted=False)
        ]
        yield Part(
            path=f"versions/{text.no:03}/text.txt",
            title=f"Version {text.no}, text",
            media_type=TEXT,
            source=path,
            content=version_text(heading, provisions),
        )
        for each in provisions:
            if each.text is None:
                yield _withheld_provision(text.no, each)
    async for part in _documents(read, NOT_A_PARTY, found, {}, now, (DocumentStatus.FILED,)):
        yield part


def _published(provision: Provision) -> Provision:
    """The provision as the public may read it: of what is not public, its place and the exemption alone."""
    if provision.sensitivity == Sensitivity.PUBLIC:
        return provision
    return msgspec.structs.replace(provision, text=None)
