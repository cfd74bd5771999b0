"""The process that reads one file: it has the file, a pipe's worth of limits, and nothing else.

It is started with an empty environment and the file as its standard input, so that a file which takes the parser over
finds no secret, no socket and no database; and it may be killed at any moment. It tells what it finds line by line:
what was told before it was killed counts.
"""

import os
import resource
import sys
from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec import Struct

MOST_MEMORY = 2**30
MOST_TOLD = 64 * 2**20


class Told(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One line. `ready` comes first, then `refused`, or `sound` and any `text`, and `end` when nothing is missing."""

    what: Literal["ready", "refused", "sound", "text", "gap", "end"]
    code: str = ""
    detail: str = ""
    of_another_kind: bool = False
    pages: int | None = None
    page: int | None = None
    text: str = ""
    words: str = ""


def main(media_type: str, seconds: int) -> None:
    """Read standard input as that kind of file."""
    for limit, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, MOST_TOLD),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    from registry.files.kinds import PDF, WORD  # only now, under the limits

    if media_type == PDF:
        from registry.files.pdf import read_pdf as read
    elif media_type == WORD:
        from registry.files.word import read_word as read
    else:
        from registry.files.plain import read_plain as read
    _say(Told(what="ready"))
    with os.fdopen(0, "rb") as file:
        for told in _tell(read(file)):
            _say(told)


def _tell(found: Iterator[object]) -> Iterator[Told]:
    from registry.files.pieces import MOST_CHARACTERS, Piece
    from registry.files.refusals import Refused

    sound, whole, left = False, True, MOST_CHARACTERS
    try:
        for each in found:
            if not sound:
                sound = True
                yield Told(what="sound", pages=each if isinstance(each, int) else None)
            if isinstance(each, Piece):
                left -= len(each.text)
                if left < 0:
                    whole = False
                    break
                yield Told(what="text", page=each.page, text=each.text, words=each.words)
            elif each is None:
                whole = False
    except Refused as refused:
        yield Told(what="refused", code=refused.code, detail=refused.detail, of_another_kind=refused.of_another_kind)
        return
    if not sound:
        yield Told(what="sound")
    yield Told(what="end" if whole else "gap")


def _say(told: Told) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.buffer.flush()
