"""The media types that are accepted, and recognition of files by their first bytes."""

import re
from typing import Final

PDF: Final = "application/pdf"
WORD: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
OPEN_TEXT: Final = "application/vnd.oasis.opendocument.text"
RTF: Final = "application/rtf"
MAIL: Final = "message/rfc822"
PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
TIFF: Final = "image/tiff"
PLAIN: Final = "text/plain"
MEDIA_TYPES: Final = (PDF, WORD, OPEN_TEXT, RTF, MAIL, PNG, JPEG, TIFF, PLAIN)
PICTURES_AND_PAPERS: Final = tuple(each for each in MEDIA_TYPES if each != TIFF)
"""What is filed with an asset or a loan, and shown as it is; few browsers show TIFF."""
ANY: Final = "application/octet-stream"
"""The media type that clients send when they do not know the type of a file."""

NAMES: Final = {
    PDF: "a PDF",
    WORD: "a Word document (DOCX)",
    OPEN_TEXT: "an OpenDocument text (ODT)",
    RTF: "an RTF document",
    MAIL: "an e-mail",
    PNG: "a picture (PNG)",
    JPEG: "a picture (JPEG)",
    TIFF: "a picture (TIFF)",
    PLAIN: "plain text in UTF-8",
}
LONGEST_SIGN: Final = 4_096
"""How many of the first bytes tell of which type a file is."""

# First bytes → media type or name. WORD stands for any other ZIP here; the parser of Word documents looks inside.
_FIRST_BYTES: Final = (
    (re.compile(rb"%PDF-"), PDF),
    (re.compile(rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis\.opendocument\.textPK", re.DOTALL), OPEN_TEXT),
    (re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"), WORD),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an older or encrypted Office file"),
    (re.compile(rb"\x7fELF|MZ[\x00-\xff]{0,20}\x00|\xca\xfe\xba\xbe|\xcf\xfa\xed\xfe|#!"), "a program"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), PNG),
    (re.compile(rb"\xff\xd8\xff"), JPEG),
    (re.compile(rb"II\*\x00|MM\x00\*"), TIFF),
    (re.compile(rb"\x89PNG|GIF8[79]a|RIFF.{4}WEBP|BM.{4}\x00{4}", re.DOTALL), "another kind of picture"),
    (re.compile(rb"\x1f\x8b|BZh[1-9]|\xfd7zXZ|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07"), "an archive"),
    (re.compile(rb"\{\\rtf"), RTF),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|script|svg|\?xml|\?php)", re.IGNORECASE), "a web page or XML"),
)


def kind_of(first_bytes: bytes) -> str | None:
    """The media type that the first bytes indicate, or the name of a type that is not accepted; None when unknown."""
    return next((kind for pattern, kind in _FIRST_BYTES if pattern.match(first_bytes)), None)
