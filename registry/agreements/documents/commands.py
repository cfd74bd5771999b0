"""Filing documents and withdrawing them; and the sweep of files that no document came to refer to."""

from collections.abc import AsyncIterable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row

from registry.agreements.documents.queries import (
    STAYS,
    document_relations,
    document_row,
    get_document,
    restricted_copies,
)
from registry.agreements.documents.rules import (
    UNCLAIMED_FOR,
    DocumentStatus,
    check_declassified,
    check_exemption,
    check_withdrawable,
)
from registry.agreements.documents.schemas import Document, NewDocument
from registry.agreements.documents.tables import (
    document,
    document_content,
    referring_to_content,
)
from registry.agreements.instruments.authority import FiledPaper
from registry.agreements.instruments.commands.evidence_filed import follow_filed_evidence, waits_for_paper
from registry.agreements.instruments.commands.evidence_withdrawn import follow_withdrawn_evidence
from registry.agreements.instruments.commands.holding import audience_of, settle_due
from registry.agreements.instruments.commands.indexing import (
    DocumentPassage,
    forget_document,
    index_document,
    index_evidence,
)
from registry.agreements.instruments.commands.legal_holds import refuse_under_hold
from registry.agreements.instruments.commands.locking import lock
from registry.agreements.instruments.commands.repeating import check_unrepeated, keep_repeated
from registry.agreements.instruments.commands.settling.published import forget_proposed_document, propose_document
from registry.agreements.instruments.queries.actions import relations
from registry.agreements.instruments.queries.repeating import Repeated, restricted_repeated
from registry.agreements.instruments.queries.resting import RESTED_ON
from registry.agreements.instruments.queries.rows import agreement_row, row_whoever_asks
from registry.agreements.instruments.queries.visibility import legible_to
from registry.agreements.instruments.repeated import check_repeated
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.tables import agreement, agreement_version
from registry.platform.access.permissions import Action, permit, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read, Write
from registry.platform.files.reading import FileReader, Reading
from registry.platform.files.refusals import Refused
from registry.platform.files.store import FileStore, Received, refusing
from registry.platform.http.disposition import fitting_name
from registry.platform.kernel.errors import Busy, Conflict, NotFound, RuleBroken, UnsupportedMediaType, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.kernel.words import index_words
from registry.platform.ledger.commands import keyed_hash, record
from registry.platform.ledger.event_types import EventType

_SWEPT_AT_ONCE = 100
_ID = sa.bindparam("id", type_=document.c.id.type)
_SHA256 = sa.bindparam("its_sha256", type_=sa.Text)
_CUTOFF = sa.bindparam("cutoff", type_=document_content.c.claimed_at.type)


def _claim(insert: Any) -> Any:
    return insert.on_conflict_do_update(
        index_elements=[document_content.c.sha256], set_={"claimed_at": insert.excluded.claimed_at}
    )


_CLAIM = {
    "sqlite": _claim(sqlite.insert(document_content)),
    "postgresql": _claim(postgresql.insert(document_content)),
}
_VERSION = sa.select(agreement_version.c.id).where(
    agreement_version.c.agreement_id == sa.bindparam("agreement_id", type_=document.c.agreement_id.type),
    agreement_version.c.no == sa.bindparam("no", type_=sa.Integer),
    legible_to(),
)
_SHARE = sa.select(agreement.c.id).where(agreement.c.id == _ID).with_for_update(read=True)
_CLAIMED = (
    sa.select(document_content.c.sha256)
    .where(document_content.c.sha256 == _SHA256)
    .with_for_update(read=True, key_share=True)
)
_INSERT = document.insert()
_LOCK = sa.select(document.c.agreement_id).where(document.c.id == _ID).with_for_update()
_WITHDRAW = document.update().where(document.c.id == sa.bindparam("its_id", type_=document.c.id.type))
_HOLD = sa.select(document_content.c.sha256).where(document_content.c.sha256 == _SHA256).with_for_update()


class Files(Struct, kw_only=True, frozen=True):
    """What handles the files themselves."""

    store: FileStore
    reader: FileReader


async def file_document(
    read: Read,
    own_transaction: OwnTransaction,
    write: Write,
    caller: Caller,
    files: Files,
    ledger_key: bytes,
    agreement_id: UUID,
    new: NewDocument,
    media_type: str,
    body: AsyncIterable[bytes],
) -> Document:
    """File a document with an agreement.

    The file is on disk, checked and read before anything is locked or written, and goes again where anything fails.
    Where it shows what was reported of a party, that party's days to contest begin. Raises NotFound, Forbidden,
    RuleBroken for a file that cannot be taken, or that shows more readers than before what is restricted, without a
    reason,
    UnsupportedMediaType for one that is of another kind than it is sent as, Busy where it cannot be kept.
    """
    seen = await agreement_row(read, caller.principal, agreement_id)
    permit(caller.principal, Action.DOCUMENTS_FILE, relations(caller.principal, seen))
    check_exemption(new.sensitivity, new.exemption)
    with files.reader.uploads.one_more(caller.agency_id):
        async with files.store.receive(body) as received:
            check_arrived(received, new.sha256)
            media_type, reading = await read_file(files.reader, received.path, media_type, caller.agency_id)
            await keep_content(own_transaction, files.store, caller, received)
            # Long papers take time to compare, so before anything is locked.
            repeated = await _repeated(read, caller, agreement_id, new, reading)
            return await _enter(write, caller, ledger_key, agreement_id, new, received, reading, media_type, repeated)


def check_arrived(received: Received, expected_sha256: str | None) -> None:
    """Raises RuleBroken for an empty file, and for another than the one that was to come."""
    if not received.size:
        raise RuleBroken("The file is empty: there is nothing to file.", "file_empty")
    if expected_sha256 not in (None, received.sha256):
        raise RuleBroken.at(
            "The file that arrived is not the one whose hash you gave. Send it again.",
            "sha256_differs",
            "not the hash of what arrived",
            parameter="sha256",
        )


async def read_file(
    reader: FileReader, path: Path, media_type: str, agency_id: UUID, *, recognise: bool = True
) -> tuple[str, Reading]:
    """What a file is that the agency sends as `media_type`, and what is in it.

    The text of a picture is recognised, where that can be had, unless nobody would search for it.

    Raises RuleBroken for one that cannot be taken, UnsupportedMediaType for one of another kind, Busy.
    """
    try:
        with refusing():
            kind = await reader.kind(path, media_type)
            return kind, await reader.read(path, kind, agency_id, recognise=recognise)
    except Refused as refused:
        error = UnsupportedMediaType if refused.of_another_kind else RuleBroken
        raise error(refused.detail, refused.code) from None


async def keep_content(own_transaction: OwnTransaction, store: FileStore, caller: Caller, received: Received) -> None:
    """Claim the content, so that the sweep leaves it alone, then keep the file."""
    async with own_transaction() as write:
        claim = {"sha256": received.sha256, "size_bytes": received.size, "claimed_at": caller.now}
        await write.run(_CLAIM[write.dialect], claim)
    await store.keep(received)


async def check_claimed(write: Write, received: Received) -> None:
    """Hold the claim, so that the sweep waits for what will refer to it. Raises Busy where it was swept already."""
    if await write.value(_CLAIMED, {"its_sha256": received.sha256}) is None:
        raise Busy("The file took so long that it was swept away; send it again.", "file_swept")


async def _enter(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    agreement_id: UUID,
    new: NewDocument,
    received: Received,
    reading: Reading,
    media_type: str,
    repeated: Sequence[Repeated],
) -> Document:
    awaited = await waits_for_paper(write, agreement_id, received.sha256)
    if awaited:  # the paper changes the agreement: somebody's days begin
        await lock(write, caller.now, agreement_id)
        await settle_due(write, agreement_id, caller.now)
    # Shared: many may file at once, and none while the agreement itself is changed.
    elif await write.value(_SHARE, {"id": agreement_id}) is None:
        raise NotFound("agreement")
    row = await agreement_row(write, caller.principal, agreement_id)
    permit(caller.principal, Action.DOCUMENTS_FILE, relations(caller.principal, row))
    await write.once()
    await check_claimed(write, received)
    declassified: dict[str, object] = {}
    if new.sensitivity is not Sensitivity.RESTRICTED:
        copies = await restricted_copies(write, caller.principal, agreement_id, received.sha256, caller.now)
        check_declassified(copies, new.declassify_reason)
        shown = [each.source for each in repeated if each.readable]
        check_repeated([each.named for each in shown], new.declassify_reason, parameter="declassify_reason")
        if copies or shown:
            papers = [*copies, *(each.document_id for each in shown if each.document_id is not None)]
            declassified = {
                "declassifies": [str(each) for each in dict.fromkeys(papers)],
                "declassifies_clauses": [
                    {"version_no": each.version_no, "clause": each.clause} for each in shown if each.clause is not None
                ],
                "reason": new.declassify_reason,
            }
    document_id, version_id = new_id(), await _version(write, caller, row, new.version_no)
    filename = None if new.filename is None else fitting_name(new.filename, media_type)
    await write.run(
        _INSERT,
        {
            "id": document_id,
            "agreement_id": agreement_id,
            "version_id": version_id,
            "sha256": received.sha256,
            "media_type": media_type,
            "kind": new.kind,
            "title": new.title,
            "filename": filename,
            "sensitivity": new.sensitivity,
            "exemption": new.exemption,
            "text_layer": reading.text,
            "remarks": reading.remarks,
            "pages": reading.pages,
            "filed_by_id": caller.agency_id,
            "filed_at": caller.now,
            "version": 1,
        },
    )
    await keep_repeated(write, document_id, repeated)
    publication: dict[str, object] = {}
    if new.sensitivity is Sensitivity.PUBLIC:
        # To publish is a person's act for its own agency; what others file as public is proposed to be so.
        may_agree = refusal(caller.principal, Action.AGREEMENTS_SIGN, relations(caller.principal, row)) is None
        own = caller.agency_id if may_agree else None
        published = await propose_document(write, row, document_id, caller.now, agreed_by_id=own)
        publication = {"publication": "published" if published else "proposed"}
    names = [name for name in (new.title, filename) if name]
    passages = [DocumentPassage(page=None, text=" ".join(names), words=index_words(*names))]
    passages += [DocumentPassage(page=each.page, text=each.text, words=each.words) for each in reading.pieces]
    name = names[0] if names else None
    await index_document(write, agreement_id, document_id, name, new.sensitivity, caller.now, passages)
    paper = FiledPaper(kind=new.kind, version_id=version_id, filed_by_id=caller.agency_id, filed_at=caller.now)
    await index_evidence(write, agreement_id, document_id, received.sha256, name, new.sensitivity, paper)
    if not awaited and await waits_for_paper(write, agreement_id, received.sha256):  # reported a moment ago
        await lock(write, caller.now, agreement_id)
        awaited = True
    begun = await follow_filed_evidence(write, caller, agreement_id, received.sha256) if awaited else []
    notified = {"reports_notified": [str(each) for each in begun]} if begun else {}
    secret = new.sensitivity is Sensitivity.RESTRICTED
    digest = keyed_hash(ledger_key, document_id, received.sha256) if secret else received.sha256
    record(
        write,
        caller,
        EventType.DOCUMENT_FILED,
        subject=("document", document_id, 1),
        agencies=await _concerned(write, caller, row),
        agreement_id=agreement_id,
        data={
            "kind": new.kind,
            "sensitivity": new.sensitivity,
            "media_type": media_type,
            "size_bytes": None if secret else received.size,
            "sha256": digest,
            "version_no": new.version_no,
            **publication,
            **declassified,
            **notified,
        },
    )
    filed, _ = await get_document(write, caller.principal, document_id, caller.now)
    return filed


async def _repeated(
    read: Read, caller: Caller, agreement_id: UUID, new: NewDocument, reading: Reading
) -> Sequence[Repeated]:
    """The restricted wording that the document repeats and that more would read in it."""
    if new.sensitivity is Sensitivity.RESTRICTED:
        return []
    names = [name for name in (new.title, new.filename) if name]
    text = [*(f"{name}.\n\n" for name in names), *(each.text for each in reading.pieces)]
    return await restricted_repeated(read, caller.principal, agreement_id, text, new.sensitivity)


async def _version(write: Write, caller: Caller, row: Row[Any], no: int | None) -> UUID | None:
    if no is None:
        return None
    reader = {"custodian": row.custodian_id == caller.agency_id, "viewer": caller.agency_id}
    found: UUID | None = await write.value(_VERSION, {"agreement_id": row.id, "no": no, **reader})
    if found is None:
        raise RuleBroken.at(
            "The agreement has no such version.", "unknown_version", "no such version", parameter="version_no"
        )
    return found


async def _concerned(write: Write, caller: Caller, row: Row[Any]) -> list[UUID]:
    """What no other party sees concerns its custodian alone."""
    return await audience_of(write, caller, row) if row.is_shared else [row.custodian_id]


async def withdraw_document(
    write: Write, caller: Caller, document_id: UUID, reason: str, expected: Expected
) -> Document:
    """Take a document of the own agency's out of sight; it stays on record.

    Nobody is held by not answering what it alone showed: such a report waits for the party's own word from now on.
    Raises NotFound, Forbidden, StaleVersion, WrongStatus, Conflict while the record is under a legal hold
    or where what another party did rests on the paper.
    """
    agreement_id = await write.value(_LOCK, {"id": document_id})
    if agreement_id is None:
        raise NotFound("document")
    # A hold is placed before the withdrawal or after it, and never between check and change.
    await lock(write, caller.now, agreement_id)
    row = await document_row(write, caller.principal, document_id, caller.now)
    permit(caller.principal, Action.DOCUMENTS_WITHDRAW, document_relations(caller.principal, row))
    await write.once()
    check_version(expected, row.version)
    check_withdrawable(DocumentStatus.FILED if row.withdrawn_at is None else DocumentStatus.WITHDRAWN)
    if row.past_or_to_come and row.held:
        raise WrongStatus(STAYS)
    await refuse_under_hold(write, row.agreement_id, "nothing of it is withdrawn until the hold is lifted")
    # Silence that has run out counts before the paper is asked about.
    await settle_due(write, row.agreement_id, caller.now)
    if (await document_row(write, caller.principal, document_id, caller.now)).rested_on:
        raise WrongStatus(STAYS) if row.past_or_to_come else Conflict(RESTED_ON, "document_rested_on")
    await check_unrepeated(write, caller, row.agreement_id, reason, "/reason")
    await write.run(
        _WITHDRAW,
        {
            "its_id": document_id,
            "withdrawn_at": caller.now,
            "withdrawn_by_id": caller.agency_id,
            "withdrawn_reason": reason,
            "version": row.version + 1,
        },
    )
    await forget_document(write, document_id)
    await forget_proposed_document(write, document_id)
    stopped = await follow_withdrawn_evidence(write, row.agreement_id, row.sha256, caller.now)
    unconfirmed = {"reports_unconfirmed": [str(each) for each in stopped]} if stopped else {}
    record(
        write,
        caller,
        EventType.DOCUMENT_WITHDRAWN,
        subject=("document", document_id, row.version + 1),
        agencies=await _concerned(write, caller, await row_whoever_asks(write, caller.principal, row.agreement_id)),
        agreement_id=row.agreement_id,
        data={"reason": reason, **unconfirmed},
    )
    withdrawn, _ = await get_document(write, caller.principal, document_id, caller.now)
    return withdrawn


@cache
def _sweeping() -> tuple[sa.Select[Any], sa.Delete]:
    """What is left over, and the statement that forgets one of it: old claims to which nothing of any room refers."""
    unclaimed = sa.and_(
        document_content.c.claimed_at < _CUTOFF,
        *(~sa.exists().where(column == document_content.c.sha256) for column in referring_to_content()),
    )
    left_over = sa.select(document_content.c.sha256).where(unclaimed).limit(_SWEPT_AT_ONCE)
    return left_over, document_content.delete().where(document_content.c.sha256 == _SHA256, unclaimed)


async def sweep(read: Read, own_transaction: OwnTransaction, store: FileStore, now: datetime) -> int:
    """Remove the files of uploads that came to nothing; how many went.

    Each claim is held until its file is gone: who claims the same content meanwhile waits, and keeps its file anew; who
    was about to refer to it is waited for, and then it stays.
    """
    cutoff = now - UNCLAIMED_FOR
    left_over, forget = _sweeping()
    gone = await store.sweep(cutoff)
    for row in await read.all(left_over, {"cutoff": cutoff}):
        async with own_transaction() as write:
            await write.all(_HOLD, {"its_sha256": row.sha256})
            if await write.run(forget, {"its_sha256": row.sha256, "cutoff": cutoff}):
                await store.forget(row.sha256)
                gone += 1
    return gone
