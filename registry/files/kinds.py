"""The kinds of file that are taken, and how others are told from them by their first bytes."""

import re
from typing import Final

PDF: Final = "application/pdf"
WORD: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PLAIN: Final = "text/plain"
MEDIA_TYPES: Final = (PDF, WORD, PLAIN)

NAMES: Final = {PDF: "a PDF", WORD: "a Word document (DOCX)", PLAIN: "plain text in UTF-8"}

# First bytes → what it is; WORD stands for any ZIP here, which the reader of Word documents looks into.
_FIRST_BYTES: Final = (
    (re.compile(rb"%PDF-"), PDF),
    (re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"), WORD),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an older or encrypted Office file"),
    (re.compile(rb"\x7fELF|MZ[\x00-\xff]{0,20}\x00|\xca\xfe\xba\xbe|\xcf\xfa\xed\xfe|#!"), "a program"),
    (re.compile(rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|II\*\x00|MM\x00\*|RIFF.{4}WEBP", re.DOTALL), "a picture"),
    (re.compile(rb"\x1f\x8b|BZh[1-9]|\xfd7zXZ|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07"), "an archive"),
    (re.compile(rb"\{\\rtf"), "an RTF file"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|script|svg|\?xml|\?php)", re.IGNORECASE), "a web page or XML"),
)


def kind_of(first_bytes: bytes) -> str | None:
    """The media type, or the name of another kind, that the first bytes announce; None where they say nothing."""
    return next((kind for pattern, kind in _FIRST_BYTES if pattern.match(first_bytes)), None)
