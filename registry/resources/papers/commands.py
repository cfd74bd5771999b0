"""Commands that file pictures and papers with an asset, replace and withdraw them."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.documents.commands import Files, check_arrived, check_claimed, keep_content, read_file
from registry.agreements.insurance.tables import agency_insurance
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read, Write
from registry.platform.files.kinds import TIFF
from registry.platform.files.metadata import STRIPPED, without_metadata
from registry.platform.files.reading import Reading
from registry.platform.files.store import FileStore, Received
from registry.platform.http.disposition import fitting_name
from registry.platform.kernel.errors import NotFound, RuleBroken, UnsupportedMediaType, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import changes, record
from registry.platform.ledger.event_types import EventType
from registry.resources.assets.commands.booking import lock
from registry.resources.assets.queries.getting import asset_row
from registry.resources.assets.queries.visibility import relations
from registry.resources.assets.rules import ServiceStatus
from registry.resources.certificates.tables import asset_certificate
from registry.resources.papers.queries import as_document, document_row, status
from registry.resources.papers.rules import MOST_DOCUMENTS, check_evidence, check_filed
from registry.resources.papers.schemas import AssetDocument, AssetDocumentPatch, NewAssetDocument
from registry.resources.papers.tables import asset_document

_UUID = asset_document.c.id.type
_INSERT = asset_document.insert()
_ITS = asset_document.update().where(asset_document.c.id == sa.bindparam("its_id", type_=_UUID))
_COUNT = sa.select(sa.func.count()).where(asset_document.c.asset_id == sa.bindparam("asset_id", type_=_UUID))
_CERTIFICATE = sa.select(asset_certificate.c.id).where(
    asset_certificate.c.id == sa.bindparam("id", type_=_UUID),
    asset_certificate.c.asset_id == sa.bindparam("asset_id", type_=_UUID),
)
_INSURANCE = sa.select(agency_insurance.c.id).where(
    agency_insurance.c.id == sa.bindparam("id", type_=_UUID),
    agency_insurance.c.agency_id == sa.bindparam("agency_id", type_=_UUID),
)
_RECORDED = ("kind", "shared", "asset_certificate_id", "insurance_id")


async def file_asset_document(
    read: Read,
    own_transaction: OwnTransaction,
    write: Write,
    caller: Caller,
    files: Files,
    asset_id: UUID,
    new: NewAssetDocument,
    media_type: str,
    body: AsyncIterable[bytes],
) -> AssetDocument:
    """File a picture or paper with an own asset, in the place of another where it replaces one.

    The file is on disk, checked, and rid of what it says besides the picture, before anything is locked or written.
    Raises NotFound, Forbidden, RuleBroken for a file that cannot be taken, UnsupportedMediaType for one that is of
    another kind than it is sent as, WrongStatus for a retired asset and for a document that is not on file any more.
    """
    seen = await asset_row(read, caller, asset_id)
    permit(caller.principal, Action.ASSETS_FILE, relations(caller.principal, seen.agency_id))
    check_evidence(new.kind, certificate=new.asset_certificate_id is not None, insurance=new.insurance_id is not None)
    with files.reader.uploads.one_more(caller.agency_id):
        async with files.store.receive(body) as received:
            check_arrived(received, new.sha256)
            kind, reading = await read_file(files.reader, received.path, media_type, caller.agency_id, recognise=False)
            async with cleaned(files.store, received, kind) as clean:
                await keep_content(own_transaction, files.store, caller, clean)
                return await _enter(write, caller, asset_id, new, clean, reading, kind)


@asynccontextmanager
async def cleaned(store: FileStore, received: Received, media_type: str) -> AsyncIterator[Received]:
    """The file as it is to be kept: of a picture nothing but the picture."""
    if media_type == TIFF:
        raise UnsupportedMediaType(
            "Send the picture as JPEG or PNG: where and by whom a TIFF was taken cannot be taken out of it.",
            "content_mismatch",
        )
    if media_type not in STRIPPED:
        yield received
        return
    raw = await asyncio.to_thread(received.path.read_bytes)
    clean = await asyncio.to_thread(without_metadata, media_type, raw)
    async with store.receive(_at_once(clean)) as kept:
        yield kept


async def _at_once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _enter(
    write: Write,
    caller: Caller,
    asset_id: UUID,
    new: NewAssetDocument,
    received: Received,
    reading: Reading,
    media_type: str,
) -> AssetDocument:
    await lock(write, asset_id)
    row = await asset_row(write, caller, asset_id)
    permit(caller.principal, Action.ASSETS_FILE, relations(caller.principal, row.agency_id))
    await write.once()
    if row.service_status == ServiceStatus.RETIRED:
        raise WrongStatus("A retired asset cannot be edited.", "asset_retired")
    if await write.value(_COUNT, {"asset_id": asset_id}) >= MOST_DOCUMENTS:
        raise RuleBroken(f"At most {MOST_DOCUMENTS} documents are kept with one asset.", "too_many_documents")
    await check_claimed(write, received)
    await _check_shown(write, row, new)
    before = None if new.replaces is None else await _replaced(write, caller, asset_id, new.replaces)
    document_id = new_id()
    filename = None if new.filename is None else fitting_name(new.filename, media_type)
    await write.run(
        _INSERT,
        {
            "id": document_id,
            "asset_id": asset_id,
            "sha256": received.sha256,
            "media_type": media_type,
            "filename": filename,
            "title": new.title,
            "remarks": [each for each in reading.remarks if media_type not in STRIPPED or each != "data_behind"],
            "pages": reading.pages,
            "filed_at": caller.now,
            "version": 1,
            "updated_at": caller.now,
            **{name: getattr(new, name) for name in _RECORDED},
        },
    )
    if before is not None:
        ended = {"withdrawn_at": caller.now, "replaced_by_id": document_id, "version": before.version + 1}
        await write.run(_ITS, {"its_id": before.id, **ended, "updated_at": caller.now})
        _record(
            write,
            caller,
            EventType.ASSET_DOCUMENT_REPLACED,
            row.agency_id,
            before,
            before.version + 1,
            by_id=str(document_id),
        )
    filed = await document_row(write, caller, asset_id, document_id)
    said = {name: getattr(new, name) for name in _RECORDED if getattr(new, name) is not None}
    content = {"media_type": media_type, "size_bytes": received.size, "sha256": received.sha256}
    _record(
        write, caller, EventType.ASSET_DOCUMENT_FILED, row.agency_id, filed, 1, **msgspec.to_builtins(said), **content
    )
    return as_document(filed, caller)


async def _check_shown(write: Write, row: Row[Any], new: NewAssetDocument) -> None:
    asked: tuple[tuple[Any, sa.Select[Any], dict[str, Any], str, str], ...] = (
        (new.asset_certificate_id, _CERTIFICATE, {"asset_id": row.id}, "certificate", "asset_certificate_id"),
        (new.insurance_id, _INSURANCE, {"agency_id": row.agency_id}, "certificate", "insurance_id"),
    )
    for named, statement, its, what, parameter in asked:
        if named is not None and await write.value(statement, {"id": named, **its}) is None:
            raise _unknown(what, parameter)


async def _replaced(write: Write, caller: Caller, asset_id: UUID, document_id: UUID) -> Row[Any]:
    try:
        row = await document_row(write, caller, asset_id, document_id)
    except NotFound:
        raise _unknown("document", "replaces") from None
    check_filed(status(row))
    return row


def _unknown(what: str, parameter: str) -> RuleBroken:
    return RuleBroken.at(
        f"There is no such {what} of this asset or agency.", f"unknown_{what}", f"no such {what}", parameter=parameter
    )


async def update_asset_document(
    write: Write, caller: Caller, asset_id: UUID, document_id: UUID, patch: AssetDocumentPatch, expected: Expected
) -> AssetDocument:
    """Call a document otherwise, share it with who sees the asset, or no more.

    Raises NotFound, Forbidden, StaleVersion, PreconditionMissing, WrongStatus for what is not on file any more.
    """
    row = await _locked(write, caller, asset_id, document_id)
    check_version(expected, row.version, required=True)
    check_filed(status(row))
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    before = {"title": row.title, "shared": bool(row.shared)}
    changed = changes({name: before[name] for name in given}, given)
    if not changed:
        return as_document(row, caller)
    version = row.version + 1
    values = {name: given[name] for name in changed}
    await write.run(_ITS, {"its_id": document_id, **values, "version": version, "updated_at": caller.now})
    shared = {"shared": given["shared"]} if "shared" in changed else {}
    _record(
        write, caller, EventType.ASSET_DOCUMENT_UPDATED, row.agency_id, row, version, changed=sorted(changed), **shared
    )
    return as_document(await document_row(write, caller, asset_id, document_id), caller)


async def withdraw_asset_document(
    write: Write, caller: Caller, asset_id: UUID, document_id: UUID, reason: str, expected: Expected
) -> AssetDocument:
    """Take a document of an own asset out of others' sight; it stays on record.

    Raises NotFound, Forbidden, StaleVersion, WrongStatus for what is not on file any more.
    """
    row = await _locked(write, caller, asset_id, document_id)
    await write.once()
    check_version(expected, row.version)
    check_filed(status(row))
    version = row.version + 1
    ended = {"withdrawn_at": caller.now, "withdrawn_reason": reason, "version": version}
    await write.run(_ITS, {"its_id": document_id, **ended, "updated_at": caller.now})
    _record(write, caller, EventType.ASSET_DOCUMENT_WITHDRAWN, row.agency_id, row, version, reason=reason)
    return as_document(await document_row(write, caller, asset_id, document_id), caller)


async def _locked(write: Write, caller: Caller, asset_id: UUID, document_id: UUID) -> Row[Any]:
    """The document's row, under the asset's lock. Raises NotFound, Forbidden."""
    await lock(write, asset_id)
    row = await document_row(write, caller, asset_id, document_id)
    permit(caller.principal, Action.ASSETS_FILE, relations(caller.principal, row.agency_id))
    return row


def _record(
    write: Write, caller: Caller, event: EventType, owner_id: UUID, row: Row[Any], version: int, **data: object
) -> None:
    record(
        write,
        caller,
        event,
        subject=("asset_document", row.id, version),
        agencies=[owner_id],
        data={"asset_id": str(row.asset_id), **data},
    )
