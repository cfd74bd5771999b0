"""Structured logs: one JSON object per line, without bodies, tokens or rows."""

import logging
import sys
import traceback

import msgspec
import structlog
from structlog.typing import ExcInfo

from registry.platform.kernel.text import shortened
from registry.platform.settings import Settings

_LONGEST_MESSAGE = 300


def _as_bytes(entry: object, **_: object) -> bytes:
    return msgspec.json.encode(entry, enc_hook=str)


def _as_text(entry: object, **_: object) -> str:
    return _as_bytes(entry).decode()


def configure_logging(settings: Settings) -> None:
    """Configure structured logs, one JSON object per line, without bodies, tokens or rows."""
    structlog.configure(
        processors=[*_PROCESSORS, structlog.processors.JSONRenderer(serializer=_as_bytes)],
        logger_factory=structlog.BytesLoggerFactory(),
        wrapper_class=_from(settings.log_level),
        cache_logger_on_first_use=True,
    )


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
