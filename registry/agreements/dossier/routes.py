"""The whole file of an agreement, and the public one, as ZIP archives."""

from typing import cast
from uuid import UUID

from litestar import Router
from litestar.params import FromPath

from registry.agreements.documents.commands import Files
from registry.agreements.dossier import commands
from registry.agreements.dossier.commands import AgreementFile
from registry.agreements.dossier.rules import Audience, plain_stem
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read
from registry.platform.files.archive import Archive
from registry.platform.http.answers import Content, Rendered, Streamed
from registry.platform.http.asgi import Scope
from registry.platform.http.disposition import attachment

ZIP = "application/zip"


class _Spooled(Content):
    """An archive that is closed once it was sent, or is not sent at all."""

    __slots__ = ("archive",)
    archive: Archive

    def render(self, scope: Scope, status: int) -> Rendered | Streamed:
        """The head of the response; the archive follows unless only the head is asked for, or the caller has it."""
        rendered = super().render(scope, status)
        if isinstance(rendered, Rendered) or scope.get("registry.head"):
            self.archive.close()
        return rendered


def _answer(made: AgreementFile) -> Content:
    ending = "-public" if made.audience is Audience.PUBLIC else ""
    answer = _Spooled(
        made.archive.open,
        media_type=ZIP,
        size=made.whole.size,
        sha256=made.whole.sha256,
        disposition=attachment(f"agreement-{plain_stem(made.number)}{ending}", ZIP),
        restricted=made.restricted,
    )
    answer.archive = made.archive
    return cast(Content, answer)


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/file.zip",
    permission=Action.AGREEMENTS_READ,
    produces=ZIP,
    etag=True,
    own_transactions=True,
    step_up=True,
    problems=("reading_not_recorded",),
)
async def get_agreement_file(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    caller: Supplied[Caller],
    files: Supplied[Files],
    ledger_key: Supplied[bytes],
) -> Content:
    """Download the whole file of an agreement, for its parties: for a court, or a records request.

    A ZIP of the text of each version that you may read, with the very bytes that were hashed; redlines between them;
    signatures with what was signed; approvals, notices and other acts; duties with their proof; the documents
    themselves; the history; an index as a page and, where the operator installed the engine, as a PDF; and a manifest
    with the SHA-256 of each part, and how to verify it. What is withheld from you is listed with its exemption. The
    same record gives the same bytes. That you had it made is recorded, and the reading of restricted text with it.
    """
    made = await commands.export_file(read, own_transaction, caller, files, ledger_key, agreement_id, Audience.PARTIES)
    return _answer(made)


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/public-file.zip",
    permission=Action.AGREEMENTS_READ,
    produces=ZIP,
    etag=True,
    own_transactions=True,
    problems=("reading_not_recorded", "wrong_status"),
)
async def get_agreement_public_file(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    caller: Supplied[Caller],
    files: Supplied[Files],
    ledger_key: Supplied[bytes],
) -> Content:
    """Download the file of an executed and published agreement as anybody may have it.

    A ZIP of the public provisions of each version, and of the public documents, that every party agreed to publish.
    Every provision and document that is withheld keeps its place, with the exemption cited, and nothing else of it. The
    file is the same whoever asks for it. Have counsel review before it is handed out.
    """
    made = await commands.export_file(read, own_transaction, caller, files, ledger_key, agreement_id, Audience.PUBLIC)
    return _answer(made)


router = Router(path="/v1", route_handlers=[get_agreement_file, get_agreement_public_file])
