"""New connections are taken all at once, in the order in which they came.

The event loop's own listener (of libuv 1.52) takes one connection in each turn of the loop, and a turn answers whatever
those that are open have asked meanwhile. Where hundreds connect at once and ask again as soon as they are answered,
each connection that is taken makes the turns longer, and the last of them waits for minutes.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final

import structlog

BACKLOG: Final = 1024
"""How many connections the system keeps for the service until it takes them, and the most it takes at once."""
PAUSE_SECONDS: Final = 1.0
_AT_THE_LIMIT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = structlog.get_logger("registry.serve")


class Listener:
    """Takes the connections that come to a bound socket until it is closed. Raises OSError where it cannot listen."""

    def __init__(self, bound: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._socket = bound
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        bound.setblocking(False)
        bound.listen(BACKLOG)
        self._listen()

    async def close(self) -> None:
        """Take no more; return when every connection that was taken has its protocol.

        The socket stays open, for whoever bound it.
        """
        self._loop.remove_reader(self._socket)
        if self._pause is not None:
            self._pause.cancel()
        await asyncio.gather(*self._opening)

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket, self._take_all)

    def _take_all(self) -> None:
        for _ in range(BACKLOG):
            try:
                connection, _address = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:  # it was given up while it waited
                continue
            except OSError as error:
                if error.errno not in _AT_THE_LIMIT:
                    raise
                _log.error("no further connection can be taken: raise the limit of open files", error=str(error))
                self._loop.remove_reader(self._socket)
                self._pause = self._loop.call_later(PAUSE_SECONDS, self._listen)
                return
            opening = self._loop.create_task(self._open(connection))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:  # the client is gone already
            connection.close()
