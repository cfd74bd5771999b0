"""A process of our own that parses what others wrote, so that it can neither block nor take over the service.

It is started with an empty environment, in no folder of ours and as the head of a group of its own. It has so much
time, what it answers is taken up to a length, and it ends with whatever it has started. What it may do while it runs it
gives up by itself: see `confinement`.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import BinaryIO, Self

import registry

_ROOT = str(Path(registry.__file__).parents[1])


class ConfinedProcess:
    """Runs a program of ours, `main`, on what it reads from its standard input, until the end of the block.

    `main` finds in `sys.argv` first the folder of this package, which an interpreter in isolated mode would not import
    from, then the arguments. It is killed after `seconds`. What it reads is the file `source` or, without one, what is
    sent to it.
    """

    def __init__(self, main: str, *arguments: str, seconds: float, source: BinaryIO | None = None) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter; what others wrote is input, never command
            [sys.executable, "-I", "-c", main, _ROOT, *arguments],
            stdin=subprocess.PIPE if source is None else source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
        self._timer = Timer(seconds, self._kill)
        self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def ended_with(self) -> int | None:
        """How it ended, as `subprocess` tells it; None while it runs."""
        return self._process.poll()

    def send(self, content: bytes) -> None:
        """Let it read this, and then the end. One that ends before it has read all of it is no error here."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as source:
            source.write(content)

    def read(self, most: int) -> bytes:
        """What it writes until it ends or is killed, at most so many bytes."""
        assert self._process.stdout is not None
        return self._process.stdout.read(most)

    def read_line(self, most: int) -> bytes:
        """The next line that it writes, at most so many bytes; without a line feed where it is longer, or the last."""
        assert self._process.stdout is not None
        return self._process.stdout.readline(most)

    def end(self) -> None:
        """Kill it, where it has not ended, with what it has started, and wait until it is gone."""
        self._timer.cancel()
        self._timer.join()  # so that it kills nobody who is given the number next
        self._kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # nobody is left, or nobody but the one that has ended
            os.killpg(self._process.pid, signal.SIGKILL)
