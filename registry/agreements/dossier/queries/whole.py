"""The file for a party: what it may read. A part whose reading has to be recorded says so."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.agreements.dossier.queries.parts import (
    AT_ONCE,
    HTML,
    JSON,
    JSON_LINES,
    TEXT,
    Found,
    Part,
    documents_of,
    recordings_of,
    timeline_parts,
    withheld_provision,
)
from registry.agreements.dossier.rules import came_about, lines_of_parts
from registry.agreements.dossier.schemas import WithheldPart
from registry.agreements.dossier.writing import as_json, events_as_json, version_text
from registry.agreements.duties.queries import list_duties
from registry.agreements.instruments.days import Days
from registry.agreements.instruments.queries.actions import relations
from registry.agreements.instruments.queries.provisions import shows_restricted
from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.instruments.queries.signed_text import parts_as_hashed
from registry.agreements.instruments.queries.texts import dates_of, executed_texts, set_up
from registry.agreements.instruments.queries.versions import get_version, list_versions
from registry.agreements.instruments.queries.visibility import told_of_act
from registry.agreements.instruments.remarks import RemarkCode
from registry.agreements.instruments.schemas.shown import (
    Agreement,
    AgreementVersion,
    AgreementVersionSummary,
    Provision,
)
from registry.agreements.instruments.tables import (
    agreement_approval,
    agreement_approval_rule,
    agreement_version,
)
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
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import FIRST_DAY
from registry.platform.ledger.queries import public_parts

# What a party's own words or a restricted clause make remarkable stands in `version.json` alone.
_OF_PAPERS = frozenset({RemarkCode.PAPER_NOT_ON_FILE, RemarkCode.EVIDENCE_NOT_NAMED})
_VERSION_ID = sa.bindparam("version_id", type_=agreement_version.c.id.type)


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
    for told in timeline_parts(timeline):
        yield told
    summaries = await _all_versions(read, principal, found.id, caller.now)
    recordings = await recordings_of(read, found)
    zones = await zones_of_agencies(read, [party.agency.id for party in found.parties])
    days = Days(now=caller.now, time_zone=found.time_zone, zones=zones, own={})
    signed = []
    for each in summaries:
        version, _ = await get_version(read, principal, found.id, each.version_no, caller.now)
        signed.append(_signed(version))
        origin = came_about(version, recordings.get(version.sha256), days)
        async for part in _version(read, found, version, origin):
            yield part
    read_by_it = [each.version_no for each in summaries]
    followed = [each for each in await texts_followed(read, found, caller.now) if {*each} <= {*read_by_it}]
    for no in await _by_effect(read, found, read_by_it):
        redlines = [await _redline(read, caller, found, no)]
        redlines += [await _redline(read, caller, found, no, old) for old, new in followed if new == no]
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
    async for part in documents_of(read, principal, found, documents, caller.now):
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


async def _all_versions(
    read: Read, principal: Principal, agreement_id: UUID, now: datetime
) -> list[AgreementVersionSummary]:
    found: list[AgreementVersionSummary] = []
    cursor: str | None = None
    while True:
        query = NewestFirst(sort="created_at", limit=AT_ONCE, cursor=cursor)
        page_ = await list_versions(read, principal, agreement_id, query, now)
        found += page_.items
        if (cursor := page_.next_cursor) is None:
            return found


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
            yield withheld_provision(no, each)


def _days(version: AgreementVersion) -> list[str]:
    until = f" until {version.expires_on}" if version.expires_on else ""
    return [f"Effective on {version.effective_on}{until}"]


async def _by_effect(read: Read, found: Agreement, numbers: Sequence[int]) -> list[int]:
    """Of these first the drafts of the original, then the executed in the order of their effect, then the rest."""
    its = await set_up(read, found)
    texts = [] if its is None else await executed_texts(read, found.id)
    if not texts:
        return list(numbers)
    executed = [no for n in dates_of(cast(Any, its), texts, ()).by_effect if (no := texts[n].no) in numbers]
    if not executed:
        return list(numbers)
    others = [no for no in numbers if no not in executed]
    first = min(executed)
    return [*(no for no in others if no < first), *executed, *(no for no in others if no > first)]


async def _redline(read: Read, caller: Caller, found: Agreement, new: int, named: int | None = None) -> Part | None:
    """What a version changes in another, or in the one that was in force before it; None where there is none."""
    try:
        query = RedlineQuery(from_version_no=named, to_version_no=new)
        redline, _ = await get_redline(read, caller.principal, found.id, query, caller.now)
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
        query = NewestFirst(sort="created_at", limit=AT_ONCE, cursor=cursor)
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
