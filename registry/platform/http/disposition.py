"""The Content-Disposition header of a file whose name was chosen by a user (RFC 6266, RFC 8187)."""

import re
import unicodedata
from urllib.parse import quote

_LONGEST = 150
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 ._()-]")
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # control characters, and those that change the direction of text
_EXTENSIONS = {
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/rtf": ".rtf",
    "message/rfc822": ".eml",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/tiff": ".tif",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "application/x-ndjson": ".ndjson",
    "application/geo+json": ".geojson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/zip": ".zip",
}
_ALSO = {
    "image/jpeg": (".jpeg", ".jpe", ".jfif"),
    "image/tiff": (".tiff",),
    "text/plain": (".text", ".md", ".log"),
}
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}\Z")


def attachment(filename: str | None, media_type: str) -> str:
    """A safe header value for saving a file under its name.

    Only the last part of a path is kept, invisible characters are removed, and the name ends with the extension of the
    media type.
    """
    name = safe_name(filename or "", _EXTENSIONS[media_type])
    plain = _NOT_PLAIN.sub("_", unicodedata.normalize("NFKD", name))
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='!#$&+^`|')}"


def extension_of(media_type: str) -> str:
    """The extension of a file of this type, with its dot. Raises KeyError for a type that is not kept."""
    return _EXTENSIONS[media_type]


def fitting_name(filename: str, media_type: str) -> str:
    """The name under which a file of that type is kept: as it came, with an extension that fits.

    A name that calls a picture a program would be believed by whoever opens it. Raises KeyError as `extension_of`.
    """
    name, extension = _last_part(filename), _EXTENSIONS[media_type]
    fitting = (extension, *_ALSO.get(media_type, ()))
    if not name.lower().endswith(fitting):
        name = _EXTENSION.sub("", name).rstrip(" .")
    return name if name.lower().endswith(fitting) else f"{name[:_LONGEST] or 'document'}{extension}"


def safe_name(filename: str, extension: str) -> str:
    """The name without folders, control characters, and leading or trailing characters that file systems interpret."""
    stem = _last_part(filename)
    if stem.lower().endswith(extension):
        stem = stem[: -len(extension)].rstrip(" .")
    return f"{stem[:_LONGEST] or 'document'}{extension}"


def _last_part(filename: str) -> str:
    last = re.split(r"[/\\]", filename)[-1]
    return "".join(c for c in last if unicodedata.category(c) not in _UNSEEN).strip(" .")
