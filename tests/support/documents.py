"""Files for tests, generated when needed: no binary file is in the repository."""

import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import docx
import httpx
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

from registry.platform.files.kinds import MAIL, OPEN_TEXT, PDF, PLAIN, PNG, RTF, WORD
from tests.support.service import Caller

__all__ = [
    "MAIL",
    "OPEN_TEXT",
    "PDF",
    "PLAIN",
    "PNG",
    "RTF",
    "WORD",
    "file_document",
    "file_paper",
    "make_mail",
    "make_open_text",
    "make_pdf",
    "make_picture",
    "make_word",
    "repacked",
    "send_file",
    "send_paper",
]


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


def make_open_text(content: str, **parts: bytes) -> bytes:
    """An OpenDocument text of this body, with further parts."""
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
        for name, long in (
            ("office", "office"),
            ("text", "text"),
            ("draw", "drawing"),
            ("style", "style"),
            ("form", "form"),
        )
    )
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("mimetype", OPEN_TEXT)
        body = (
            f'<office:document-content {spaces} xmlns:xlink="http://www.w3.org/1999/xlink"><office:body><office:text>'
            f"{content}</office:text></office:body></office:document-content>"
        )
        package.writestr("content.xml", body, zipfile.ZIP_DEFLATED)
        for name, part in parts.items():
            package.writestr(name, part)
    return out.getvalue()


def make_mail(text: str, *attached: str, **headers: str) -> bytes:
    """An e-mail, with empty attachments of these names."""
    message = EmailMessage()
    given = {"From": "desk@example.org", "To": "clerk@example.org", "Date": "Mon, 02 Nov 2026 09:00:00 -0600"}
    for name, value in {**given, "Message-ID": "<1@example.org>", **headers}.items():
        message[name] = value
    message.set_content(text)
    for name in attached:
        message.add_attachment(b"-", maintype="application", subtype="pdf", filename=name)
    return message.as_bytes()


def make_picture(text: str = "", width: int = 900, height: int = 1200, kind: str = "PNG") -> bytes:
    """A picture of a page with these words on it."""
    out, picture = BytesIO(), Image.new("L", (width, height), 255)
    if text:
        ImageDraw.Draw(picture).text((60, 60), text, fill=0, font=ImageFont.load_default(size=36))
    picture.save(out, kind)
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
    """File a document; returns the response."""
    query = urlencode({"kind": "signed_copy", **about})
    headers = {"content-type": media_type} | ({"idempotency-key": key} if key else {})
    path = f"/v1/agreements/{agreement_id}/documents?{query}"
    return await caller.send("POST", path, content=content, headers=headers)


def photograph(said: str = "44.98N 93.27W (demo)") -> bytes:
    """A JPEG that says where it was taken."""
    out, exif = BytesIO(), Image.Exif()
    exif[0x010F] = said
    Image.new("RGB", (30, 20), (20, 90, 160)).save(out, "JPEG", exif=exif)
    return out.getvalue()


async def send_paper(
    caller: Caller,
    asset_id: str,
    content: bytes,
    media_type: str = PLAIN,
    *,
    key: str | None = None,
    **about: Any,
) -> httpx.Response:
    """File a picture or paper with an asset; returns the response."""
    query = urlencode({"kind": "other", **about})
    headers = {"content-type": media_type} | ({"idempotency-key": key} if key else {})
    path = f"/v1/assets/{asset_id}/documents?{query}"
    return await caller.send("POST", path, content=content, headers=headers)


async def file_paper(
    caller: Caller, asset_id: str, content: bytes = b"Inspected (demo).", media_type: str = PLAIN, **about: Any
) -> dict[str, Any]:
    """A picture or paper on file with an asset."""
    response = await send_paper(caller, asset_id, content, media_type, **about)
    assert response.status_code == 201, response.text
    filed: dict[str, Any] = response.json()
    return filed


async def file_with_loan(
    caller: Caller, loan_id: str, content: bytes = b"Scratched (demo).", media_type: str = PLAIN, **about: Any
) -> dict[str, Any]:
    """A picture or paper on file with a loan."""
    response = await send_with_loan(caller, loan_id, content, media_type, **about)
    assert response.status_code == 201, response.text
    filed: dict[str, Any] = response.json()
    return filed


async def send_with_loan(
    caller: Caller,
    loan_id: str,
    content: bytes = b"Scratched (demo).",
    media_type: str = PLAIN,
    *,
    key: str | None = None,
    **about: Any,
) -> httpx.Response:
    """File a picture or paper with a loan; returns the response."""
    query = urlencode({"kind": "other", "occasion": "hand_over", **about})
    headers = {"content-type": media_type} | ({"idempotency-key": key} if key else {})
    return await caller.send("POST", f"/v1/loans/{loan_id}/documents?{query}", content=content, headers=headers)


async def file_document(
    caller: Caller, agreement_id: str, content: bytes | str = "Some text (demo).", media_type: str = PLAIN, **about: Any
) -> dict[str, Any]:
    """A document on file."""
    raw = content.encode() if isinstance(content, str) else content
    response = await send_file(caller, agreement_id, raw, media_type, **about)
    assert response.status_code == 201, response.text
    filed: dict[str, Any] = response.json()
    return filed
