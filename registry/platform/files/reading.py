"""Parses a file in a separate process, so that a hostile file can neither block nor take over the service."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

import registry
from registry.platform.files.child import MOST_OUTPUT, ChildMessage
from registry.platform.files.kinds import ANY, LONGEST_SIGN, MAIL, MEDIA_TYPES, NAMES, PLAIN, WORD, kind_of
from registry.platform.files.mail import looks_like_mail
from registry.platform.files.pieces import Piece
from registry.platform.files.refusals import Refused
from registry.platform.files.remarks import FileRemark, Missing

READING_SECONDS = 20
RECOGNISING_SECONDS = 120
_ROOT = str(Path(registry.__file__).parents[1])
# In isolated mode the interpreter would import an installed copy of this package; use the one that runs here.
_MAIN = """
import sys
sys.path.insert(0, sys.argv[1])
from registry.platform.files.child import main
main(sys.argv[2], int(sys.argv[3]), sys.argv[4])
"""
_LINE = msgspec.json.Decoder(ChildMessage)


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
    """Parses files, two at a time; others wait.

    Where `recogniser` names the program, the text of pictures is recognised, one file at a time, so that no other
    upload waits for it.
    """

    def __init__(self, *, seconds: int = READING_SECONDS, at_once: int = 2, recogniser: str = "") -> None:
        self._seconds = seconds
        self._at_once = at_once
        self._inside = 0
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="file-reader")
        self._recogniser = recogniser
        self._recognising = ThreadPoolExecutor(1, thread_name_prefix="text-recognition")

    @property
    def places(self) -> ReaderPlaces:
        """How busy it is now."""
        return ReaderPlaces(
            most=self._at_once,
            in_use=min(self._inside, self._at_once),
            waiting=max(self._inside - self._at_once, 0),
        )

    async def kind(self, path: Path, media_type: str) -> str:
        """The media type to parse the file as: the declared one or, for `ANY`, the one that its first bytes indicate.

        A file of no known type is treated as plain text. Raises Refused for a type that is not accepted.
        """
        return media_type if media_type != ANY else await asyncio.to_thread(_announced_type, path)

    async def read(self, path: Path, media_type: str) -> Reading:
        """Parse the file. Raises Refused when it is not of this `media_type`, or cannot be read."""
        loop = asyncio.get_running_loop()
        self._inside += 1
        try:
            messages = await loop.run_in_executor(self._threads, self._read, path, media_type)
        finally:
            self._inside -= 1
        if not self._recogniser or not any(line.code == Missing.PICTURE.value for line in messages):
            return _result_of(messages)
        recognised = await loop.run_in_executor(
            self._recognising, self._messages_of, path, media_type, RECOGNISING_SECONDS, self._recogniser
        )
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
        """The messages of the child process until it ended or was killed at the time limit."""
        command = [sys.executable, "-I", "-c", _MAIN, _ROOT, media_type, str(seconds), recogniser]
        with path.open("rb") as file, tempfile.TemporaryFile() as output:
            with suppress(subprocess.TimeoutExpired):  # it was killed; its messages until then are used
                subprocess.run(  # noqa: S603  # our own interpreter; the file is its input, never its command
                    command,
                    stdin=file,
                    stdout=output,
                    stderr=subprocess.DEVNULL,
                    env={},
                    cwd="/",
                    timeout=seconds,
                )
            output.seek(0)
            lines = output.read(MOST_OUTPUT).split(b"\n")
        return [_LINE.decode(line) for line in lines[:-1]]


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
    if messages[-1].what != "end" or Missing.UNREAD.value in missing:
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
