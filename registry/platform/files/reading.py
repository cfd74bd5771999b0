"""Parses a file in a separate process, so that a hostile file can neither block nor take over the service."""

import asyncio
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from registry.platform.files.child import MOST_OUTPUT, ChildMessage
from registry.platform.files.confined import ConfinedProcess
from registry.platform.files.kinds import ANY, LONGEST_SIGN, MAIL, MEDIA_TYPES, NAMES, PLAIN, WORD, kind_of
from registry.platform.files.mail import looks_like_mail
from registry.platform.files.pieces import Piece
from registry.platform.files.refusals import Refused
from registry.platform.files.remarks import FileRemark, Missing
from registry.platform.files.turns import Turns, Uploads

READING_SECONDS = 20
RECOGNISING_SECONDS = 120
MAIN = """
import sys
sys.path.insert(0, sys.argv[1])
from registry.platform.files.child import main
main(sys.argv[2], int(sys.argv[3]), sys.argv[4])
"""
_LINE = msgspec.json.Decoder(ChildMessage)
_log = structlog.get_logger("registry.platform.files")


class Reading(Struct, kw_only=True, frozen=True):
    """The result of parsing a file. `text` says whether all of its text was extracted, some, or none."""

    pages: int | None
    pieces: list[Piece]
    text: Literal["none", "partial", "whole"]
    remarks: list[FileRemark]


class ReaderPlaces(Struct, kw_only=True, frozen=True):
    """How many files may be read at once, are being read, and wait for that."""

    most: int
    in_use: int
    waiting: int


def find_recogniser() -> str:
    """The path of the program that recognises text; empty where it is not installed."""
    return shutil.which("tesseract") or ""


class FileReader:
    """Parses files, two at a time, and of one agency one at a time; others wait for their turn.

    Where `recogniser` names the program, the text of pictures is recognised, one file at a time, so that no other
    upload waits for it. `main` is what the process runs.
    """

    def __init__(
        self, *, seconds: int = READING_SECONDS, at_once: int = 2, recogniser: str = "", main: str = MAIN
    ) -> None:
        self._seconds = seconds
        self._at_once = at_once
        self._main = main
        self.turns = Turns(at_once)
        self.uploads = Uploads()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="file-reader")
        self._recogniser = recogniser
        self._recognising_turns = Turns(1, patience=RECOGNISING_SECONDS, retry_after=RECOGNISING_SECONDS)
        self._recognising = ThreadPoolExecutor(1, thread_name_prefix="text-recognition")

    @property
    def places(self) -> ReaderPlaces:
        """How busy it is now."""
        return ReaderPlaces(most=self._at_once, in_use=self.turns.in_use, waiting=self.turns.all_waiting)

    async def kind(self, path: Path, media_type: str) -> str:
        """The media type to parse the file as: the declared one or, for `ANY`, the one that its first bytes indicate.

        A file of no known type is treated as plain text. Raises Refused for a type that is not accepted.
        """
        return media_type if media_type != ANY else await asyncio.to_thread(_announced_type, path)

    async def read(self, path: Path, media_type: str, agency: UUID, *, recognise: bool = True) -> Reading:
        """Parse a file of that agency; with `recognise` the text of pictures too, where that can be had.

        Raises Refused when it is not of this `media_type`, or cannot be read; Busy when its turn does not come.
        """
        loop = asyncio.get_running_loop()
        async with self.turns.turn(agency):
            messages = await loop.run_in_executor(self._threads, self._read, path, media_type)
        if not recognise or not self._recogniser or not any(line.code == Missing.PICTURE.value for line in messages):
            return _result_of(messages)
        recognising = partial(self._messages_of, path, media_type, RECOGNISING_SECONDS, self._recogniser)
        async with self._recognising_turns.turn(agency):
            recognised = await loop.run_in_executor(self._recognising, recognising)
        found = [line for line in recognised if line.what in ("text", "remark")]
        return _result_of([*messages[:-1], *found, messages[-1]])

    def _read(self, path: Path, media_type: str) -> list[ChildMessage]:
        with path.open("rb") as file:
            first = file.read(LONGEST_SIGN)
        announced = kind_of(first)
        if announced is not None and announced != media_type:
            if media_type == WORD and announced.endswith("Office file"):
                _refuse_office(path)
            named = NAMES.get(announced, announced)
            detail = f"The file is sent as {NAMES[media_type]}, but begins like {named}."
            raise Refused("content_mismatch", detail, of_another_kind=True)
        return self._messages_of(path, media_type, self._seconds)

    def _messages_of(self, path: Path, media_type: str, seconds: int, recogniser: str = "") -> list[ChildMessage]:
        """The messages of the child process until it ended, or was killed at the time limit."""
        with (
            path.open("rb") as file,
            ConfinedProcess(self._main, media_type, str(seconds), recogniser, seconds=seconds, source=file) as process,
        ):
            output = process.read(MOST_OUTPUT)
        messages = list(_lines(output))
        if not messages or messages[-1].what not in ("end", "refused"):
            _log.warning("a file was not read to its end", media_type=media_type, ended_with=process.ended_with)
        return messages


def _lines(output: bytes) -> Iterator[ChildMessage]:
    """The messages; whoever has taken over the process may have written anything behind them."""
    for line in output.split(b"\n")[:-1]:
        try:
            yield _LINE.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return


def _announced_type(path: Path) -> str:
    with path.open("rb") as file:
        first = file.read(LONGEST_SIGN)
    announced = kind_of(first) or (MAIL if looks_like_mail(first) else PLAIN)
    if announced not in MEDIA_TYPES:
        known = ", ".join(NAMES.values())
        detail = f"The file begins like {announced}, which is not accepted; these are: {known}."
        raise Refused("content_mismatch", detail, of_another_kind=True)
    return announced


def _result_of(messages: list[ChildMessage]) -> Reading:
    if not messages:
        raise RuntimeError("the process that reads files did not start")
    if (refused := next((line for line in messages if line.what == "refused"), None)) is not None:
        raise Refused(refused.code, refused.detail, of_another_kind=refused.of_another_kind)
    if not any(line.what == "sound" for line in messages):
        raise Refused("file_unreadable", "The file could not be read with the time and memory that a document needs.")
    pieces = [Piece(page=line.page, text=line.text, words=line.words) for line in messages if line.what == "text"]
    remarks = {line.code for line in messages if line.what == "remark"}
    missing = {line.code for line in messages if line.what == "missing"}
    text: Literal["none", "partial", "whole"]
    if messages[-1].what != "end":  # it took too long, took too much, or failed
        remarks.add(FileRemark.READING_STOPPED.value)
        text = "partial" if pieces else "none"
    elif Missing.UNREAD.value in missing:
        text = "partial"
    elif not pieces:
        text = "none"
    else:
        text = "partial" if missing else "whole"
    return Reading(
        pages=next((line.pages for line in messages if line.what == "pages"), None),
        pieces=sorted(pieces, key=lambda piece: piece.page or 0),
        text=text,
        remarks=[remark for remark in FileRemark if remark in remarks],
    )


def _refuse_office(path: Path) -> None:
    """Refuse an encrypted Word document, which is an older container format that names its encrypted package."""
    with path.open("rb") as file:
        if "EncryptedPackage".encode("utf-16-le") in file.read():
            raise Refused("file_encrypted", "The document is encrypted. Remove its password, and send it again.")
