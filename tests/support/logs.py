"""What a module logs, whatever servers of other tests in the same process have made of its logger before."""

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import structlog


@contextmanager
def logged_by(*modules: ModuleType) -> Iterator[list[MutableMapping[str, Any]]]:
    """The entries that the modules' loggers write within the block.

    A server that was started here keeps the loggers it has used, with its level and its processors, for ever.
    """
    capture = structlog.testing.LogCapture()
    with pytest.MonkeyPatch.context() as patched:
        for module in modules:
            fresh = structlog.wrap_logger(
                structlog.testing.ReturnLogger(),
                processors=[capture],
                wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
                cache_logger_on_first_use=False,
            )
            patched.setattr(module, "_log", fresh)
        yield capture.entries
