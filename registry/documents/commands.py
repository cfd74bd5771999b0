"""Filing documents and withdrawing them; and the sweep of files that no document came to refer to."""

from collections.abc import AsyncIterable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row

from registry.access.permissions import Action, permit
from registry.access.principals import Caller
from registry.agreements.commands import DocumentPassage, forget_document, index_document
from registry.agreements.commands.holding import parties_of
from registry.agreements.queries import agreement_row, relations
from registry.agreements.rules import Sensitivity
from registry.agreements.tables import agreement, agreement_version
from registry.database.connect import Aside
from registry.database.handles import Read, Write
from registry.documents.queries import document_relations, document_row, get_document
from registry.documents.rules import UNCLAIMED_FOR, DocumentStatus, check_exemption, check_withdrawable
from registry.documents.schemas import Document, NewDocument
from registry.documents.tables import document, document_content
from registry.files.reading import FileReader, Reading
from registry.files.refusals import Refused
from registry.files.store import FileStore, Received, refusing
from registry.http.problems import UnsupportedMediaType
from registry.kernel.errors import Busy, Fault, NotFound, RuleBroken
from registry.kernel.ids import new_id
from registry.kernel.text import index_words
from registry.kernel.versions import Expected, check_version
from registry.ledger.commands import keyed_hash, record

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
    sa.or_(agreement_version.c.frozen_at.is_not(None), sa.bindparam("custodian", type_=sa.Boolean)),
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
_UNCLAIMED = sa.and_(
    document_content.c.claimed_at < _CUTOFF,
    ~sa.select(sa.literal(1)).where(document.c.sha256 == document_content.c.sha256).exists(),
)
_LEFT_OVER = sa.select(document_content.c.sha256).where(_UNCLAIMED).limit(_SWEPT_AT_ONCE)
_HOLD = sa.select(document_content.c.sha256).where(document_content.c.sha256 == _SHA256).with_for_update()
_FORGET = document_content.delete().where(document_content.c.sha256 == _SHA256, _UNCLAIMED)


class Files(Struct, kw_only=True, frozen=True):
    """What handles the files themselves."""

    store: FileStore
    reader: FileReader


async def file_document(
    read: Read,
    aside: Aside,
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
    Raises NotFound, Forbidden, RuleBroken for a file that cannot be taken, UnsupportedMediaType for one that is of
    another kind than it is sent as, Busy where it cannot be kept.
    """
    seen = await agreement_row(read, caller.principal, agreement_id)
    permit(caller.principal, Action.DOCUMENTS_FILE, relations(caller.principal, seen))
    check_exemption(new.sensitivity, new.exemption)
    async with files.store.receive(body) as received:
        _check_arrived(received, new)
        reading = await _read(files.reader, received, media_type)
        await _keep(aside, files.store, caller, received, media_type)
        return await _enter(write, caller, ledger_key, agreement_id, new, received, reading, media_type)


def _check_arrived(received: Received, new: NewDocument) -> None:
    if not received.size:
        raise RuleBroken("The file is empty: there is nothing to file.", "file_empty")
    if new.sha256 not in (None, received.sha256):
        raise RuleBroken(
            "The file that arrived is not the one whose hash you gave. Send it again.",
            "sha256_differs",
            faults=[Fault(parameter="sha256", code="sha256_differs", detail="not the hash of what arrived")],
        )


async def _read(reader: FileReader, received: Received, media_type: str) -> Reading:
    try:
        with refusing():
            return await reader.read(received.path, media_type)
    except Refused as refused:
        error = UnsupportedMediaType if refused.of_another_kind else RuleBroken
        raise error(refused.detail, refused.code) from None


async def _keep(aside: Aside, store: FileStore, caller: Caller, received: Received, media_type: str) -> None:
    """Claim the content, so that the sweep leaves it alone, then keep the file."""
    async with aside() as write:
        claim = {
            "sha256": received.sha256,
            "media_type": media_type,
            "size_bytes": received.size,
            "claimed_at": caller.now,
        }
        await write.run(_CLAIM[write.dialect], claim)
    await store.keep(received)


async def _enter(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    agreement_id: UUID,
    new: NewDocument,
    received: Received,
    reading: Reading,
    media_type: str,
) -> Document:
    # Shared: many may file at once, and none while the agreement itself is changed.
    if await write.value(_SHARE, {"id": agreement_id}) is None:
        raise NotFound("agreement")
    row = await agreement_row(write, caller.principal, agreement_id)
    permit(caller.principal, Action.DOCUMENTS_FILE, relations(caller.principal, row))
    await write.once()
    if await write.value(_CLAIMED, {"its_sha256": received.sha256}) is None:
        raise Busy("The file took so long that it was swept away; send it again.", "file_swept")
    document_id = new_id()
    await write.run(
        _INSERT,
        {
            "id": document_id,
            "agreement_id": agreement_id,
            "version_id": await _version(write, caller, row, new.version_no),
            "sha256": received.sha256,
            "kind": new.kind,
            "title": new.title,
            "filename": new.filename,
            "sensitivity": new.sensitivity,
            "exemption": new.exemption,
            "text_layer": reading.text,
            "pages": reading.pages,
            "filed_by_id": caller.agency_id,
            "filed_at": caller.now,
            "version": 1,
        },
    )
    names = " ".join(filter(None, (new.title, new.filename)))
    passages = [DocumentPassage(page=None, text=names, words=index_words(names))]
    passages += [DocumentPassage(page=each.page, text=each.text, words=each.words) for each in reading.pieces]
    await index_document(write, agreement_id, document_id, new.sensitivity, passages)
    secret = new.sensitivity is Sensitivity.RESTRICTED
    digest = keyed_hash(ledger_key, received.sha256) if secret else received.sha256
    await record(
        write,
        caller,
        "document.filed",
        subject=("document", document_id, 1),
        agencies=await _concerned(write, row),
        agreement_id=agreement_id,
        data={
            "kind": new.kind,
            "sensitivity": new.sensitivity,
            "media_type": media_type,
            "size_bytes": received.size,
            "sha256": digest,
            "version_no": new.version_no,
        },
    )
    filed, _ = await get_document(write, caller.principal, document_id)
    return filed


async def _version(write: Write, caller: Caller, row: Row[Any], no: int | None) -> UUID | None:
    if no is None:
        return None
    custodian = row.custodian_id == caller.agency_id
    found: UUID | None = await write.value(_VERSION, {"agreement_id": row.id, "no": no, "custodian": custodian})
    if found is None:
        raise RuleBroken(
            "The agreement has no such version.",
            "unknown_version",
            faults=[Fault(parameter="version_no", code="unknown_version", detail="no such version")],
        )
    return found


async def _concerned(write: Write, row: Row[Any]) -> list[UUID]:
    """A text that is not out of its draft concerns its custodian alone."""
    return [row.custodian_id, *(await parties_of(write, row.id) if row.is_shared else [])]


async def withdraw_document(
    write: Write, caller: Caller, document_id: UUID, reason: str, expected: Expected
) -> Document:
    """Take a document out of sight; it stays on record. Raises NotFound, Forbidden, StaleVersion, WrongState."""
    if await write.value(_LOCK, {"id": document_id}) is None:
        raise NotFound("document")
    row = await document_row(write, caller.principal, document_id)
    permit(caller.principal, Action.DOCUMENTS_WITHDRAW, document_relations(caller.principal, row))
    await write.once()
    check_version(expected, row.version)
    check_withdrawable(DocumentStatus.FILED if row.withdrawn_at is None else DocumentStatus.WITHDRAWN)
    await write.run(
        _WITHDRAW,
        {
            "its_id": document_id,
            "withdrawn_at": caller.now,
            "withdrawn_by_id": caller.agency_id,
            "withdrawal_reason": reason,
            "version": row.version + 1,
        },
    )
    await forget_document(write, document_id)
    await record(
        write,
        caller,
        "document.withdrawn",
        subject=("document", document_id, row.version + 1),
        agencies=await _concerned(write, await agreement_row(write, caller.principal, row.agreement_id)),
        agreement_id=row.agreement_id,
        data={"reason": reason},
    )
    withdrawn, _ = await get_document(write, caller.principal, document_id)
    return withdrawn


async def sweep(read: Read, aside: Aside, store: FileStore, now: datetime) -> int:
    """Remove the files of uploads that came to nothing; how many went.

    Each claim is held until its file is gone: who claims the same content meanwhile waits, and keeps its file anew; who
    was about to refer to it is waited for, and then it stays.
    """
    cutoff = now - UNCLAIMED_FOR
    gone = await store.sweep(cutoff)
    for row in await read.all(_LEFT_OVER, {"cutoff": cutoff}):
        async with aside() as write:
            await write.all(_HOLD, {"its_sha256": row.sha256})
            if await write.run(_FORGET, {"its_sha256": row.sha256, "cutoff": cutoff}):
                await store.forget(row.sha256)
                gone += 1
    return gone
