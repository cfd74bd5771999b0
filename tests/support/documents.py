"""Files for tests, made here and now: no binary is checked in."""

import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import docx
import httpx
from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

from registry.files.kinds import PDF, PLAIN, WORD
from tests.support.service import Caller

__all__ = ["PDF", "PLAIN", "WORD", "file_document", "make_pdf", "make_word", "repacked", "send_file"]


def make_pdf(*pages: str, password: str | None = None) -> bytes:
    """A PDF with a text layer; a page of no words has none."""
    out = BytesIO()
    canvas = Canvas(out, invariant=1)
    for page in pages or ("",):
        for row, line in enumerate(page.splitlines()):
            canvas.drawString(72, 760 - 14 * row, line)
        canvas.showPage()
    canvas.save()
    if password is None:
        return out.getvalue()
    writer, locked = PdfWriter(clone_from=PdfReader(out)), BytesIO()
    writer.encrypt(password, algorithm="AES-256")
    writer.write(locked)
    return locked.getvalue()


def make_word(*paragraphs: str) -> bytes:
    """A Word document."""
    out, made = BytesIO(), docx.Document()
    for paragraph in paragraphs:
        made.add_paragraph(paragraph)
    made.save(out)
    return out.getvalue()


def repacked(original: bytes, changes: Mapping[str, bytes], *, without: Sequence[str] = ()) -> bytes:
    """A package with some of its parts replaced, added or left out."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(original)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in changes and name not in without:
                new.writestr(name, old.read(name))
        for name, content in changes.items():
            new.writestr(name, content)
    return out.getvalue()


async def send_file(
    caller: Caller,
    agreement_id: str,
    content: bytes | Any,
    media_type: str = PDF,
    *,
    key: str | None = None,
    **about: Any,
) -> httpx.Response:
    """File a document, and hear what comes of it."""
    query = urlencode({"kind": "signed_copy", **about})
    headers = {"content-type": media_type} | ({"idempotency-key": key} if key else {})
    path = f"/v1/agreements/{agreement_id}/documents?{query}"
    return await caller.send("POST", path, content=content, headers=headers)


async def file_document(
    caller: Caller, agreement_id: str, content: bytes | str = "Some text (demo).", media_type: str = PLAIN, **about: Any
) -> dict[str, Any]:
    """A document on file."""
    raw = content.encode() if isinstance(content, str) else content
    response = await send_file(caller, agreement_id, raw, media_type, **about)
    assert response.status_code == 201, response.text
    filed: dict[str, Any] = response.json()
    return filed
