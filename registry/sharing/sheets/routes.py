"""The hand-over sheet of a loan as a page and as a PDF."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from functools import cache, partial
from importlib.resources import files as package_files
from uuid import UUID

from litestar import Router
from litestar.params import FromPath

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read
from registry.platform.http.answers import Content, HtmlAnswer
from registry.platform.http.asgi import Scope
from registry.platform.http.disposition import attachment
from registry.platform.http.forms import NotAcceptable
from registry.platform.http.links import absolute
from registry.platform.print.pdf import is_installed, make_pdf
from registry.platform.settings import Settings
from registry.sharing.sheets import commands
from registry.sharing.sheets.page import POLICY, printed_sheet, sheet_page
from registry.sharing.sheets.schemas import SheetQuery

PDF = "application/pdf"


def _address(settings: Settings, scope: Scope, loan_id: UUID) -> str:
    return absolute(settings.public_url, scope, f"/v1/loans/{loan_id}")


@operation(
    "get",
    "/loans/{loan_id:uuid}/sheet.html",
    permission=Action.LOANS_READ,
    query=SheetQuery,
    own_transactions=True,
    problems=("reading_not_recorded",),
)
async def get_loan_sheet_page(
    loan_id: FromPath[UUID],
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    filters: Supplied[SheetQuery],
    caller: Supplied[Caller],
    settings: Supplied[Settings],
    scope: Supplied[Scope],
) -> HtmlAnswer:
    """Show the hand-over sheet of a loan as a page that needs nothing else, to be printed and signed by both sides.

    What is lent and from whom to whom, when (in the agreement's time zone) and where, the terms, conditions and
    obligations with their clauses, the condition reports with lines for the pen, and signatures for both ends. Its QR
    code holds the address of the loan. What is withheld is said to be. It is for both sides, and nothing is recorded by
    signing it on paper.
    """
    found = await commands.make_sheet(
        read, own_transaction, caller, loan_id, _address(settings, scope, loan_id), crew_names=filters.crew_names
    )
    return HtmlAnswer(await asyncio.to_thread(sheet_page, found), policy=POLICY, restricted=filters.crew_names)


@operation(
    "get",
    "/loans/{loan_id:uuid}/sheet.pdf",
    permission=Action.LOANS_READ,
    query=SheetQuery,
    own_transactions=True,
    produces=PDF,
    etag=True,
    problems=("pdf_not_installed", "reading_not_recorded"),
)
async def get_loan_sheet_pdf(
    loan_id: FromPath[UUID],
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    filters: Supplied[SheetQuery],
    caller: Supplied[Caller],
    settings: Supplied[Settings],
    scope: Supplied[Scope],
) -> Content:
    """Download the hand-over sheet of a loan as a PDF, tagged for readers that do not see it.

    The same as the page, where the operator installed the engine (`pdf_printing` in `GET /health/ready`).
    """
    if not is_installed():
        raise NotAcceptable(
            "This registry has no engine for PDF: take `sheet.html` and print that.", "pdf_not_installed"
        )
    found = await commands.make_sheet(
        read, own_transaction, caller, loan_id, _address(settings, scope, loan_id), crew_names=filters.crew_names
    )
    made = await make_pdf(sheet_template(), printed_sheet(found))
    return Content(
        partial(_whole, made),
        media_type=PDF,
        size=len(made),
        sha256=hashlib.sha256(made).hexdigest(),
        disposition=attachment(f"loan-{loan_id}", PDF),
        restricted=filters.crew_names,
    )


async def _whole(made: bytes) -> AsyncGenerator[bytes, None]:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield made

    return pieces()


@cache
def sheet_template() -> bytes:
    """The template of the PDF."""
    return (package_files("registry.sharing.sheets") / "sheet.typ").read_bytes()


router = Router(path="/v1", route_handlers=[get_loan_sheet_page, get_loan_sheet_pdf])
