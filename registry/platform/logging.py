"""Structured logs: one JSON object per line, without bodies, tokens or rows.

The service's own go to standard output by a thread, so that a full disk, or whoever should read them and does not,
harms no answer. What cannot be written is counted, and the log says so once it can be written again.
"""

import atexit
import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from datetime import UTC, datetime
from functools import cache

import msgspec
import structlog
from structlog.typing import ExcInfo

from registry.platform.kernel.text import shortened
from registry.platform.settings import Settings

_LONGEST_MESSAGE = 300
_AT_ONCE = 65_536
_AGAIN_SECONDS = 0.05
MOST_WAITING_BYTES = 8 * 2**20
STALLED_SECONDS = 5.0
FLUSH_SECONDS = 2.0
LOST = "lines of the log were lost"
_log = structlog.get_logger("registry.platform.logging")


class LogWriter:
    """Writes lines in a thread of its own; whoever logs never waits. More than `most_bytes` are lost, and counted."""

    def __init__(self, descriptor: int, most_bytes: int = MOST_WAITING_BYTES) -> None:
        self._descriptor = descriptor
        self._most_bytes = most_bytes
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._writing_since: float | None = None
        self._trouble = ""
        self._untold = 0
        self._is_torn = False
        self.lost = 0
        """How many lines were lost."""

    def msg(self, line: bytes) -> None:
        """Take a line, without its end, to be written."""
        with self._changed:
            if self._bytes + len(line) >= self._most_bytes:
                self._lose(1)
                return
            self._lines.append(line)
            self._bytes += len(line) + 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
                atexit.register(self.flush)
            self._changed.notify_all()

    debug = info = warning = error = critical = exception = log = msg

    def check(self) -> str:
        """`ok`, or why lines are not written."""
        with self._changed:
            since, lines = self._writing_since, len(self._lines)
            if self._trouble:
                return f"lines cannot be written and are lost: {self._trouble}"
            if since is not None and time.monotonic() - since > STALLED_SECONDS:
                return f"nobody takes the lines from standard output, and {lines} wait"
            return "ok"

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Wait until everything is written, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and self._writing_since is None, seconds)

    def _lose(self, lines: int) -> None:
        self.lost += lines
        self._untold += lines

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._lines))
                lines = [*self._lines]
                self._lines.clear()
                told, size = self._untold, sum(map(len, lines)) + len(lines)
                self._writing_since = time.monotonic()
            first = [_of_lost(told)] if told else []
            done, trouble = self._write([*first, *lines])
            with self._changed:
                self._bytes -= size
                self._writing_since = None
                self._trouble = trouble
                if done >= len(first):
                    self._untold -= told
                self._lose(len(first) + len(lines) - max(done, len(first)))
                self._changed.notify_all()

    def _write(self, lines: list[bytes]) -> tuple[int, str]:
        """How many were written as a whole, and what kept the others from it."""
        whole = b"".join([b"\n" if self._is_torn else b"", *(line + b"\n" for line in lines)])
        written = 0
        try:
            while written < len(whole):
                try:
                    written += os.write(self._descriptor, whole[written : written + _AT_ONCE])
                    self._writing_since = time.monotonic()
                except BlockingIOError:  # somebody else made it so
                    time.sleep(_AGAIN_SECONDS)
        except OSError as error:
            kept = whole[:written]
            self._is_torn = not kept.endswith(b"\n") if kept else self._is_torn
            return kept[self._starts(whole) :].count(b"\n"), error.strerror or type(error).__name__
        self._is_torn = False
        return len(lines), ""

    @staticmethod
    def _starts(whole: bytes) -> int:
        """Where the first line starts: behind the end of one that was torn."""
        return int(whole.startswith(b"\n"))


def _of_lost(lines: int) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return _as_bytes({"lines": lines, "event": LOST, "level": "error", "timestamp": now})


@cache
def log_writer() -> LogWriter:
    """That of the process, to its standard output."""
    return LogWriter(1)


class _FromLibraries(logging.Handler):
    """What libraries report, such as uvicorn, stands in the same log."""

    def emit(self, record: logging.LogRecord) -> None:
        words = shortened(record.getMessage().partition("\n")[0], _LONGEST_MESSAGE)
        _log.warning("a library reports", logger=record.name, words=words, exc_info=record.exc_info)


def _as_bytes(entry: object, **_: object) -> bytes:
    return msgspec.json.encode(entry, enc_hook=str)


def _as_text(entry: object, **_: object) -> str:
    return _as_bytes(entry).decode()


def configure_logging(settings: Settings) -> None:
    """Configure structured logs, one JSON object per line, without bodies, tokens or rows."""
    structlog.configure(
        processors=[*_PROCESSORS, structlog.processors.JSONRenderer(serializer=_as_bytes)],
        logger_factory=lambda *_: log_writer(),
        wrapper_class=_from(settings.log_level),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    if not any(isinstance(each, _FromLibraries) for each in root.handlers):
        root.addHandler(_FromLibraries(logging.WARNING))


def log_beside_output(settings: Settings) -> None:
    """Write the same lines to standard error: what a command says is its output, and its log is not.

    No logger is kept, so that a server that the command starts may log to standard output from then on.
    """
    structlog.configure(
        processors=[*_PROCESSORS, structlog.processors.JSONRenderer(serializer=_as_text)],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        wrapper_class=_from(settings.log_level),
        cache_logger_on_first_use=False,
    )


def _from(level: str) -> type[structlog.typing.BindableLogger]:
    return structlog.make_filtering_bound_logger(getattr(logging, level.upper()))


def traceback_of(exc_info: ExcInfo) -> str:
    """The tracebacks and the first line of each message: the lines after that may quote the row."""
    tracebacks: dict[int, str] = {}
    error: BaseException | None = exc_info[1]
    while error is not None and id(error) not in tracebacks:
        said = shortened(str(error).partition("\n")[0], _LONGEST_MESSAGE)
        tracebacks[id(error)] = "".join(traceback.format_tb(error.__traceback__)) + f"{type(error).__name__}: {said}"
        error = error.__cause__ or error.__context__
    return "\ncaused by\n".join(tracebacks.values())


_PROCESSORS = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.ExceptionRenderer(traceback_of),
)
