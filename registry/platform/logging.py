"""Structured logs: one JSON object per line, without bodies, tokens or rows."""

import logging
import traceback

import msgspec
import structlog
from structlog.typing import ExcInfo

from registry.platform.settings import Settings

_LONGEST_MESSAGE = 300


def _as_bytes(entry: object, **_: object) -> bytes:
    return msgspec.json.encode(entry, enc_hook=str)


def configure_logging(settings: Settings) -> None:
    """Configure structured logs, one JSON object per line, without bodies, tokens or rows."""
    level = getattr(logging, settings.log_level.upper())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(traceback_of),
            structlog.processors.JSONRenderer(serializer=_as_bytes),
        ],
        logger_factory=structlog.BytesLoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


def traceback_of(exc_info: ExcInfo) -> str:
    """The tracebacks and the first line of each message: the lines after that may quote the row."""
    tracebacks: dict[int, str] = {}
    error: BaseException | None = exc_info[1]
    while error is not None and id(error) not in tracebacks:
        said = str(error).partition("\n")[0][:_LONGEST_MESSAGE]
        tracebacks[id(error)] = "".join(traceback.format_tb(error.__traceback__)) + f"{type(error).__name__}: {said}"
        error = error.__cause__ or error.__context__
    return "\ncaused by\n".join(tracebacks.values())
