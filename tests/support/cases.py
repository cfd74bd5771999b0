"""Many cases in one test, each reported by name when it fails; as separate tests they would take longer."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

import pytest

Case: TypeAlias = Callable[[object], AbstractContextManager[None]]


@contextmanager
def every_case() -> Iterator[Case]:
    """Opens each case by its name. Continues when one fails, and fails at the end with all that failed."""
    failed = list[BaseException]()
    seen = 0

    @contextmanager
    def case(name: object) -> Iterator[None]:
        nonlocal seen
        seen += 1
        try:
            yield
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # told at the end, whatever it is
            error.add_note(f"in the case {name}")
            failed.append(error)

    yield case
    assert seen, "there was no case to try"
    if failed:
        raise BaseExceptionGroup(f"{len(failed)} of {seen} cases failed", failed)
