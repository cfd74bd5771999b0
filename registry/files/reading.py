"""Reading a file in a process of its own, so that a hostile one can neither stall nor take over the service."""

import asyncio
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
from registry.files.child import MOST_TOLD, Told
from registry.files.kinds import NAMES, WORD, kind_of
from registry.files.pieces import Piece
from registry.files.refusals import Refused

READING_SECONDS = 20
_ROOT = str(Path(registry.__file__).parents[1])
# Isolated, the interpreter looks for this package where it is installed; it is to be the one that runs here.
_MAIN = """
import sys
sys.path.insert(0, sys.argv[1])
from registry.files.child import main
main(sys.argv[2], int(sys.argv[3]))
"""
_LINE = msgspec.json.Decoder(Told)


class Reading(Struct, kw_only=True, frozen=True):
    """What a file was found to hold. `text`: all of it, some of it, or no text layer at all."""

    pages: int | None
    pieces: list[Piece]
    text: Literal["none", "partial", "whole"]


class FileReader:
    """Reads files, two at a time; the others wait."""

    def __init__(self, *, seconds: int = READING_SECONDS, at_once: int = 2) -> None:
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="file-reader")

    async def read(self, path: Path, media_type: str) -> Reading:
        """The file's text, if it is what `media_type` says. Raises Refused."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read, path, media_type)

    def _read(self, path: Path, media_type: str) -> Reading:
        with path.open("rb") as file:
            first = file.read(64)
        announced = kind_of(first)
        if announced is not None and announced != media_type:
            if media_type == WORD and announced.endswith("Office file"):
                _refuse_office(path)
            named = NAMES.get(announced, announced)
            detail = f"The file is sent as {NAMES[media_type]}, but begins as {named} does."
            raise Refused("content_mismatch", detail, of_another_kind=True)
        return _judged(self._told(path, media_type))

    def _told(self, path: Path, media_type: str) -> list[Told]:
        """What the child said until it ended or its time was over."""
        command = [sys.executable, "-I", "-c", _MAIN, _ROOT, media_type, str(self._seconds)]
        with path.open("rb") as file, tempfile.TemporaryFile() as said:
            with suppress(subprocess.TimeoutExpired):  # then it was killed, and what it told until then counts
                subprocess.run(  # noqa: S603  # our own interpreter; the file is its input, never its command
                    command, stdin=file, stdout=said, stderr=subprocess.DEVNULL, env={}, cwd="/", timeout=self._seconds
                )
            said.seek(0)
            lines = said.read(MOST_TOLD).split(b"\n")
        return [_LINE.decode(line) for line in lines[:-1]]


def _judged(told: list[Told]) -> Reading:
    if not told:
        raise RuntimeError("the process that reads files did not start")
    if (refused := next((line for line in told if line.what == "refused"), None)) is not None:
        raise Refused(refused.code, refused.detail, of_another_kind=refused.of_another_kind)
    sound = next((line for line in told if line.what == "sound"), None)
    if sound is None:
        raise Refused("file_unreadable", "The file could not be read with the time and memory that a document needs.")
    pieces = [Piece(page=line.page, text=line.text, words=line.words) for line in told if line.what == "text"]
    whole = told[-1].what == "end"
    text: Literal["none", "partial", "whole"] = "none" if whole and not pieces else "whole" if whole else "partial"
    return Reading(pages=sound.pages, pieces=pieces, text=text)


def _refuse_office(path: Path) -> None:
    """An encrypted Word document is a container of the older format that names its encrypted package."""
    with path.open("rb") as file:
        if "EncryptedPackage".encode("utf-16-le") in file.read():
            raise Refused("file_encrypted", "The document is encrypted. Remove its password, and send it again.")
