"""The operations on documents of assets."""

from functools import partial
from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.agreements.documents.commands import Files
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read, Write
from registry.platform.files.kinds import ANY, PICTURES_AND_PAPERS, PLAIN
from registry.platform.files.refusals import CODES
from registry.platform.http.answers import Answer, Content, entity_tag
from registry.platform.http.disposition import attachment
from registry.platform.http.requests import BodyStream
from registry.platform.kernel.versions import Expected
from registry.resources.papers import commands, queries
from registry.resources.papers.schemas import (
    AssetDocument,
    AssetDocumentPage,
    AssetDocumentPatch,
    AssetDocumentQuery,
    AssetDocumentWithdrawal,
    NewAssetDocument,
)

_ONE = "/assets/{asset_id:uuid}/documents/{asset_document_id:uuid}"


def _answer(found: AssetDocument, *, created: bool = False) -> Answer[AssetDocument]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.allowed_actions),
        location=f"/v1/assets/{found.asset_id}/documents/{found.id}" if created else None,
    )


@operation(
    "post",
    "/assets/{asset_id:uuid}/documents",
    permission=Action.ASSETS_FILE,
    query=NewAssetDocument,
    takes=(ANY, *PICTURES_AND_PAPERS),
    example="Inspected and found fit for use (demo).",
    etag=True,
    own_transactions=True,
    problems=tuple(
        sorted(
            (
                *CODES,
                "asset_retired",
                "evidence_of_another_kind",
                "sha256_differs",
                "too_many_documents",
                "unknown_certificate",
                "unknown_document",
                "wrong_status",
            )
        )
    ),
)
async def file_asset_document(
    asset_id: FromPath[UUID],
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    write: Supplied[Write],
    caller: Supplied[Caller],
    filters: Supplied[NewAssetDocument],
    body: Supplied[BodyStream],
    files: Supplied[Files],
) -> Answer[AssetDocument]:
    """File a picture or paper with an own asset, or in the place of another (`replaces`).

    The body is the file itself, checked as a document of an agreement is. Of a picture (JPEG, PNG) only the picture is
    kept: where, when, by whom and with what it was taken is taken out of it, and which side is up stays. A PDF, a text
    document or an e-mail is kept as it came, with what it says of its author, and pictures in it of where they were
    taken (`metadata_kept` among its remarks): send photographs by themselves. Your agency alone reads it, unless it is
    `shared` with everybody who sees the asset.
    """
    filed = await commands.file_asset_document(
        read, own_transaction, write, caller, files, asset_id, filters, body.media_type, body
    )
    return _answer(filed, created=True)


@operation("get", "/assets/{asset_id:uuid}/documents", permission=Action.ASSETS_READ, query=AssetDocumentQuery)
async def list_asset_documents(
    asset_id: FromPath[UUID], read: Supplied[Read], filters: Supplied[AssetDocumentQuery], caller: Supplied[Caller]
) -> Answer[AssetDocumentPage]:
    """List the pictures and papers of an asset: all of an own one, of others' what is shared."""
    return Answer(await queries.list_documents(read, caller, asset_id, filters))


@operation("get", _ONE, permission=Action.ASSETS_READ, etag=True)
async def get_asset_document(
    asset_id: FromPath[UUID], asset_document_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[AssetDocument]:
    """Read what is known of a picture or paper of an asset."""
    return _answer(queries.as_document(await queries.document_row(read, caller, asset_id, asset_document_id), caller))


@operation("get", f"{_ONE}/content", permission=Action.ASSETS_READ, produces=PICTURES_AND_PAPERS, etag=True)
async def get_asset_document_content(
    asset_id: FromPath[UUID],
    asset_document_id: FromPath[UUID],
    read: Supplied[Read],
    caller: Supplied[Caller],
    files: Supplied[Files],
) -> Content:
    """Download a picture or paper of an asset, to be saved and not to be shown: nothing here runs or renders it."""
    row = await queries.document_row(read, caller, asset_id, asset_document_id)
    name = row.filename if row.agency_id == caller.agency_id else None
    return Content(
        partial(files.store.open, row.sha256),
        media_type=f"{PLAIN}; charset=utf-8" if row.media_type == PLAIN else row.media_type,
        size=row.size_bytes,
        sha256=row.sha256,
        disposition=attachment(name or row.title, row.media_type),
        restricted=not row.shared,
    )


@operation(
    "patch",
    _ONE,
    permission=Action.ASSETS_FILE,
    example={"shared": True},
    etag=True,
    problems=("wrong_status",),
)
async def update_asset_document(
    asset_id: FromPath[UUID],
    asset_document_id: FromPath[UUID],
    data: JSONBody[AssetDocumentPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[AssetDocument]:
    """Share a picture or paper with everybody who sees the asset, or no more, or call it otherwise."""
    return _answer(await commands.update_asset_document(write, caller, asset_id, asset_document_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/withdraw",
    permission=Action.ASSETS_FILE,
    status=200,
    example={"reason": "Filed with the wrong asset (demo)."},
    etag=True,
    problems=("wrong_status",),
)
async def withdraw_asset_document(
    asset_id: FromPath[UUID],
    asset_document_id: FromPath[UUID],
    data: JSONBody[AssetDocumentWithdrawal],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[AssetDocument]:
    """Withdraw a picture or paper of an own asset. It stays on your agency's record, and nobody else finds it."""
    found = await commands.withdraw_asset_document(write, caller, asset_id, asset_document_id, data.reason, if_match)
    return _answer(found)


router = Router(
    path="/v1",
    route_handlers=[
        file_asset_document,
        list_asset_documents,
        get_asset_document,
        get_asset_document_content,
        update_asset_document,
        withdraw_asset_document,
    ],
)
