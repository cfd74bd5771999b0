"""The process that parses one untrusted file, under limits and without access to anything else.

It is started with an empty environment and the file as its standard input, so that a file which exploits a parser finds
no secret, no socket and no database. It may be killed at any moment. It reports its results line by line, and lines
written before it was killed are used.
"""

import os
import resource
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import BinaryIO, Literal

import msgspec
from msgspec import Struct

MOST_MEMORY = 2**30
MOST_OUTPUT = 64 * 2**20


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
    for limit, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, MOST_OUTPUT),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    read = _reader(media_type, recogniser, seconds)
    _send(ChildMessage(what="ready"))
    with os.fdopen(0, "rb") as file:
        for message in _messages(read(file)):
            _send(message)


def _reader(media_type: str, recogniser: str, seconds: int) -> Callable[[BinaryIO], Iterator[object]]:
    """What parses a file of that type; imported now, under the limits, and no more than it takes."""
    from registry.platform.files import kinds

    if recogniser:
        from registry.platform.files.recognition import recognise_text

        return partial(recognise_text, media_type=media_type, recogniser=recogniser, seconds=seconds)
    if media_type in (kinds.PNG, kinds.JPEG, kinds.TIFF):
        from registry.platform.files.pictures import read_picture

        return read_picture(media_type)
    module, name = _READERS.get(media_type, ("plain", "read_plain"))
    found: Callable[[BinaryIO], Iterator[object]] = getattr(import_module(f"registry.platform.files.{module}"), name)
    return found


_READERS = {
    "application/pdf": ("pdf", "read_pdf"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("word", "read_word"),
    "application/vnd.oasis.opendocument.text": ("opendocument", "read_opendocument"),
    "application/rtf": ("rtf", "read_rtf"),
    "message/rfc822": ("mail", "read_mail"),
}


def _messages(found: Iterator[object]) -> Iterator[ChildMessage]:
    from registry.platform.files.pieces import MOST_CHARACTERS, Piece
    from registry.platform.files.refusals import Refused
    from registry.platform.files.remarks import FileRemark, Missing

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
