"""The process that parses one untrusted file, under limits and without access to anything else.

It is started with an empty environment, in a session of its own, with the file as its standard input. When all that
the parser needs has been imported, and before the first byte is parsed, it gives up what `confinement` takes: a file
that exploits a parser finds no secret, no socket, no database and no other process. It may be killed at any moment. It
reports its results line by line, and lines written before it was killed are used.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from encodings.aliases import aliases
from functools import partial
from importlib import import_module
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import msgspec
from msgspec import Struct

from registry.platform.files import kinds
from registry.platform.files.confinement import confine, confine_program, limit
from registry.platform.files.pieces import MOST_CHARACTERS, Piece
from registry.platform.files.refusals import Refused
from registry.platform.files.remarks import FileRemark, Missing

MOST_OUTPUT = 64 * 2**20

Read: TypeAlias = Callable[[BinaryIO], Iterator[object]]
"""Parses a file."""


class ChildMessage(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One line of output.

    `ready` comes first, then `refused`, or `sound` and any number of `pages`, `text`, `remark` and `missing`, and
    `end` when everything was read.
    """

    what: Literal["ready", "refused", "sound", "pages", "text", "remark", "missing", "end"]
    code: str = ""
    detail: str = ""
    of_another_kind: bool = False
    pages: int | None = None
    page: int | None = None
    text: str = ""
    words: str = ""


def main(media_type: str, seconds: int, recogniser: str = "") -> None:
    """Parse standard input as a file of this media type, and write the messages to standard output.

    With `recogniser`, the path of that program, recognise the text of its pictures instead.
    """
    limit(seconds, starts_program=bool(recogniser))
    read = _reader(media_type, recogniser, seconds)
    with os.fdopen(0, "rb") as file:
        if recogniser:
            confine_program()
        else:
            confine()
        run(read, file)


def run(read: Read, file: BinaryIO) -> None:
    """Parse the file, and write the messages to standard output."""
    _send(ChildMessage(what="ready"))
    for message in _messages(read(file)):
        _send(message)


def _reader(media_type: str, recogniser: str, seconds: int) -> Read:
    """What parses a file of that type, with all that it may come to import: no module can be opened later."""
    if recogniser:
        from registry.platform.files.recognition import recognise_text

        return partial(recognise_text, media_type=media_type, recogniser=recogniser, seconds=seconds)
    module, name = _READERS.get(media_type, ("plain", "read_plain"))
    found: Any = getattr(import_module(f"registry.platform.files.{module}"), name)
    for each in _IMPORTED_LATER.get(module, ()):
        import_module(each)
    if module in _DECODES:
        for codec in set(aliases.values()):
            with suppress(ImportError):  # of another system
                import_module(f"encodings.{codec}")
    return cast(Read, found(media_type) if module == "pictures" else found)


_READERS = {
    kinds.PDF: ("pdf", "read_pdf"),
    kinds.WORD: ("word", "read_word"),
    kinds.OPEN_TEXT: ("opendocument", "read_opendocument"),
    kinds.RTF: ("rtf", "read_rtf"),
    kinds.MAIL: ("mail", "read_mail"),
    **dict.fromkeys((kinds.PNG, kinds.JPEG, kinds.TIFF), ("pictures", "read_picture")),
}
_DECODES = frozenset(("pdf", "word", "opendocument", "rtf", "mail"))
"""Whose files name encodings of their own."""
_IMPORTED_LATER = {
    "pdf": (
        *("gzip", "encodings.cp437", "pypdf.filters", "pypdf.xmp"),
        *("pypdf._codecs.core_font_metrics", "pypdf.generic._image_inline", "pypdf._text_extraction"),
    ),
    "pictures": ("encodings.cp437",),
    "mail": ("email.iterators", "email.generator"),
}
"""What the libraries import within functions; a test tells what is missing here."""


def _messages(found: Iterator[object]) -> Iterator[ChildMessage]:
    sound, left = False, MOST_CHARACTERS
    try:
        for each in found:
            if not sound:
                sound = True
                yield ChildMessage(what="sound")
            if isinstance(each, Piece):
                left -= len(each.text)
                if left < 0:
                    yield ChildMessage(what="missing", code=Missing.UNREAD.value)
                    break
                yield ChildMessage(what="text", page=each.page, text=each.text, words=each.words)
            elif isinstance(each, FileRemark):
                yield ChildMessage(what="remark", code=each)
            elif isinstance(each, Missing):
                yield ChildMessage(what="missing", code=each.value)
            elif isinstance(each, int):
                yield ChildMessage(what="pages", pages=each)
    except Refused as refused:
        yield ChildMessage(
            what="refused", code=refused.code, detail=refused.detail, of_another_kind=refused.of_another_kind
        )
        return
    if not sound:
        yield ChildMessage(what="sound")
    yield ChildMessage(what="end")


def _send(message: ChildMessage) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()
