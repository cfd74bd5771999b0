"""Sends what an agency asked for to an address that the agency named, and to nothing else.

The registry must not become a way into the network that it runs in. A name is looked up once for each try; of the
addresses that it has, only those within reach are connected to, as they are: the name is not looked up again, whatever
it means by then. Nothing is asked by way of a proxy, no redirect is followed, the certificate has to be that of the
name, and of the answer no more is read than its head.
"""

import asyncio
import socket
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeAlias

import httpcore
from httpcore import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream
from msgspec import Struct

from registry.platform.access.fetching import OutOfReachError, Reach

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
SEND_SECONDS: Final = 15.0
"""For all of a try: looking the name up, connecting, sending, and the head of the answer."""
_MOST_ADDRESSES: Final = 2
_LOOKUPS_AT_ONCE: Final = 32
_GONE: Final = 410
_COME_AGAIN: Final = (429, 503)
_LONGEST_DATE: Final = 40

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name at a port."""


class Outcome(StrEnum):
    """What came of one try."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # the receiver answered, and not with 2xx
    GONE = "gone"  # it answered 410
    UNREACHABLE = "unreachable"  # there was no connection, or no answer in time
    FORBIDDEN = "forbidden"  # its name has no address that may be asked


class Tried(Struct, kw_only=True, frozen=True):
    """What came of one try. The words name neither an address nor anything of what was answered."""

    outcome: Outcome
    took_ms: int
    status: int | None = None
    error: str | None = None
    retry_after: str | None = None
    """When the receiver wants to be asked again, in its own words; of 429 and 503 alone."""


def _looking_up() -> Resolve:
    """Looks names up in threads for this alone: who has a slow server for a name keeps no other work from a thread."""
    threads = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="webhook-names")

    async def run(host: str, port: int) -> Sequence[str]:
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(threads, ask)
        return [str(address[0]) for *_, address in found]

    return run


class _Pinned(AsyncNetworkBackend):
    """Connects to an address within reach, the very one that was looked at."""

    def __init__(self, reach: Reach, resolve: Resolve, connect: AsyncNetworkBackend) -> None:
        self._reach = reach
        self._resolve = resolve
        self._connect = connect

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # as the library calls it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        found = [each for each in dict.fromkeys(await self._resolve(host, port)) if self._reach.allows(each)]
        if not found:
            raise OutOfReachError("no address of the host may be asked")
        for last, address in enumerate(found[:_MOST_ADDRESSES], start=1):
            try:
                return await self._connect.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if last == len(found[:_MOST_ADDRESSES]):
                    raise
        raise AssertionError("one of them was connected to, or raised")

    async def sleep(self, seconds: float) -> None:
        await self._connect.sleep(seconds)


class Sender:
    """Sends to addresses within reach, each message over a connection of its own."""

    def __init__(
        self,
        reach: Reach,
        *,
        resolve: Resolve | None = None,
        connect: AsyncNetworkBackend | None = None,
        context: ssl.SSLContext | None = None,
        seconds: float = SEND_SECONDS,
    ) -> None:
        self.reach = reach
        self._context = context
        self._network = _Pinned(reach, resolve or _looking_up(), connect or AnyIOBackend())
        self._seconds = seconds
        self.tried: Counter[Outcome] = Counter()
        """How many tries of this process came to what."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Tried:
        """Try once to deliver a message."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                status, retry_after = await self._post(url, headers, body)
        except Exception as error:  # noqa: BLE001  # whatever it is, the address is another's, and so is the fault
            forbidden = isinstance(error, OutOfReachError)
            found = Outcome.FORBIDDEN if forbidden else Outcome.UNREACHABLE
            tried = Tried(outcome=found, took_ms=_since(began), error=_words(error))
        else:
            tried = Tried(
                outcome=_outcome(status),
                took_ms=_since(began),
                status=status,
                error=_refusal(status),
                retry_after=retry_after,
            )
        self.tried[tried.outcome] += 1
        return tried

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str | None]:
        if not self.reach.allows_url(url):
            raise OutOfReachError("not an https address")
        limits = {"connect": CONNECT_SECONDS, "read": ANSWER_SECONDS, "write": ANSWER_SECONDS, "pool": CONNECT_SECONDS}
        if self._context is None:
            self._context = await asyncio.to_thread(ssl.create_default_context)
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=self._context, max_connections=1, http1=True, http2=False, network_backend=self._network
            ) as pool,
            pool.stream(
                "POST", url, headers=_framed(url, headers, body), content=body, extensions={"timeout": limits}
            ) as response,
        ):
            return response.status, _retry_after(response)


def _framed(url: str, headers: Mapping[str, str], body: bytes) -> list[tuple[str, str]]:
    """The headers with those that a request needs, `Host` by the name."""
    parts = httpcore.URL(url)
    host, usual = parts.host.decode(), {b"https": 443, b"http": 80}[parts.scheme]
    host = f"[{host}]" if ":" in host else host
    named = host if parts.port in (None, usual) else f"{host}:{parts.port}"
    return [("Host", named), ("Connection", "close"), ("Content-Length", str(len(body))), *headers.items()]


def _retry_after(response: httpcore.Response) -> str | None:
    if response.status not in _COME_AGAIN:
        return None
    found = next((value for name, value in response.headers if name.lower() == b"retry-after"), None)
    return None if found is None else found[:_LONGEST_DATE].decode("latin-1")


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome.DELIVERED
    return Outcome.GONE if status == _GONE else Outcome.REFUSED


def _refusal(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"it answered {status}: redirects are not followed"
    return f"it answered {status}"


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)


def _words(error: Exception) -> str:
    """What went wrong, in words that tell an agency nothing of the network that the registry runs in."""
    if isinstance(error, OutOfReachError):
        return "the host has no address of the public internet"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "the host's name is not known"
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        return "there was no answer in time"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "its certificate is not trusted"
        if isinstance(cause, ssl.SSLError):
            return "there was no secure connection"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore.ConnectError | OSError):
        return "there was no connection"
    return "the conversation ended before there was an answer"
