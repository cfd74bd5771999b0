"""The Content-Disposition of a file that was given its name by somebody else (RFC 6266, RFC 8187)."""

import re
import unicodedata
from urllib.parse import quote

_LONGEST = 150
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 ._()-]")
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # controls, and what turns the direction of reading
_EXTENSIONS = {
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "text/plain": ".txt",
}


def attachment(filename: str | None, media_type: str) -> str:
    """A header value that any server may send: to be saved, under a name that leads nowhere and says what it is.

    Of a path only the last part is kept, of what cannot be seen nothing; and a name ends as the kind of file does.
    """
    name = safe_name(filename or "", _EXTENSIONS[media_type])
    plain = _NOT_PLAIN.sub("_", unicodedata.normalize("NFKD", name))
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='!#$&+^`|')}"


def safe_name(filename: str, extension: str) -> str:
    """The name without folders, controls and a beginning or end that a file system would read as more than a name."""
    last = re.split(r"[/\\]", filename)[-1]
    seen = "".join(c for c in last if unicodedata.category(c) not in _UNSEEN)
    stem = seen.strip(" .")
    if stem.lower().endswith(extension):
        stem = stem[: -len(extension)].rstrip(" .")
    return f"{stem[:_LONGEST] or 'document'}{extension}"
