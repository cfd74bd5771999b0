"""That this process is to end, for statements that SQLite works on for long.

While SQLite works no handler of a signal runs, and one that runs in what SQLite calls cannot end it by an exception,
which the driver drops. So whoever is told to end notes it here, and SQLite asks. PostgreSQL's driver waits in the event
loop, where cancelling the task ends the wait and cancels the statement; an exception out of a signal's handler could
come while the driver reads, which ends the process with a fault of memory.
"""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_INSTRUCTIONS = 100_000  # of SQLite's virtual machine between two questions: some milliseconds
_asked: list[int] = []


def ask(number: int) -> None:
    """Note the signal that ends the process."""
    _asked.append(number)


def asked() -> int | None:
    """The signal that ends the process; None while it goes on."""
    return _asked[0] if _asked else None


def interruptible(driver: Any) -> None:
    """Have statements on this connection of a SQLite driver fail once the process is to end."""
    driver.set_progress_handler(lambda: asked() is not None, _INSTRUCTIONS)


@contextmanager
def cancelled_by_signals() -> Iterator[None]:
    """Within it a signal cancels this task, between two steps of the event loop, and is noted.

    Outside the main thread signals are not heard, and nothing changes.
    """
    task = asyncio.current_task()
    if task is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        ask(number)
        task.cancel()

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        loop.add_signal_handler(number, stop, int(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
