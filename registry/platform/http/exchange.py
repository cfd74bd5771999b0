"""One request and its response, as the edge hands them on: limits of the body, and what every answer has."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from registry.platform.http.answers import ENDLESS
from registry.platform.http.asgi import Message, Receive, Scope, Send
from registry.platform.http.deprecations import deprecation_fields
from registry.platform.http.draining import Draining
from registry.platform.http.metrics import Metrics, RefusedBy
from registry.platform.http.problems import ProblemAnswer, TooLarge, TooSlow, render
from registry.platform.http.waiting import MOST_OF_ONE, Awaited, Bodies, InFlight, address_holder
from registry.platform.http.whole_answers import BODY_FOLLOWS, WHOLE_ANSWER
from registry.platform.kernel.errors import Busy, DomainError, Malformed
from registry.platform.kernel.ids import new_hex
from registry.platform.settings import Settings

_REQUEST_ID = re.compile(rb"\A[A-Za-z0-9._-]{8,128}\Z")
_TRACE_PARENT = re.compile(  # version 00 ends with its flags; later versions may have more fields
    rb"\A(?:00(?=.{53}\Z)|(?!00|ff)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?\Z"
)
_NAMING = frozenset({b"traceparent", b"x-request-id"})
DRAIN_SECONDS = 5.0
DRAIN_SLOW_SECONDS = 1.0
_TOO_SLOW = 408
DRAIN_BYTES = 33_554_432
REFUSED_AFTER_SECONDS = 0.1
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
_CLOSE = (b"connection", b"close")
AT_ITS_LIMIT = "The service is at its limit; try again in a moment."


def _trace_id(scope: Scope) -> str:
    """The trace id from `traceparent` (W3C Trace Context), else from `X-Request-Id`, else a new one like the former."""
    given = {name: value for name, value in scope["headers"] if name in _NAMING}
    if not given:
        return new_hex()
    if found := _TRACE_PARENT.match(given.get(b"traceparent", b"")):
        return found[1].decode()
    own = given.get(b"x-request-id", b"")
    return own.decode() if _REQUEST_ID.match(own) else new_hex()


class Exchange:
    """One request and its response: enforces limits on the body, and completes the response headers."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        settings: Settings,
        bodies: Bodies,
        in_flight: InFlight,
        draining: Draining,
        metrics: Metrics,
    ) -> None:
        self._bodies = bodies
        self._in_flight = in_flight
        self._draining = draining
        self._metrics = metrics
        self._unended = False
        self._gone = False
        self.scope = scope
        self._receive = receive
        self._send = send
        self.most_bytes = settings.max_body_bytes
        self.is_streamed = False
        self._settings = settings
        self._begun: float = time.monotonic() - scope.get(
            "registry.waited", 0.0
        )  # its headers share the time of its body
        self._bytes = 0
        self._complete = False
        self._body: Awaited | None = None
        self._counts = 0
        self._pauses = 0
        self.began = time.perf_counter()
        self.answered: float | None = None
        """When the answer began, of one that never ends by itself."""
        self.head = False
        self.on_computed: Callable[[], None] | None = None
        self.started = False
        self.status = 0
        self._start: Message | None = None
        scope["registry.trace_id"] = self.trace_id = _trace_id(scope)

    def enter(self) -> None:
        """Count the request among those that are worked on, except while it waits for its client."""
        self._counts = 1
        self._in_flight.now += 1

    def leave(self) -> None:
        """The request is answered."""
        self._in_flight.now -= self._counts
        self._counts = 0
        self._forget_body()
        self.computed()

    def _pause(self) -> None:
        if not self._pauses:
            self._in_flight.now -= self._counts
        self._pauses += 1

    def _resume(self) -> None:
        self._pauses -= 1
        if not self._pauses:
            self._in_flight.now += self._counts

    def computed(self) -> None:
        """The answer is known; how fast the client takes it is its own affair."""
        done, self.on_computed = self.on_computed, None
        if done is not None:
            done()

    async def receive(self) -> Message:
        """The next part of the body.

        Raises TooSlow past the deadline, TooLarge past the limit, Malformed when the connection ends early, Busy where
        it gives way to others or the service is at its limit once it is whole. Each time as many bytes have arrived as
        an ordinary body may have, the deadline, which counts from when the client was first waited for, is extended by
        the same time: a large file may arrive over a slow
        connection, but a connection that has stopped sending is closed.
        """
        if self._complete:
            return await self._receive()
        if self._body is None:
            self._body = self._bodies.expect(self._holder())
        message = await self._awaited(self._body)
        if message["type"] == "http.disconnect":
            self._gone = True
            raise Malformed("The connection ended before the body did.", "body_cut_off")
        if message["type"] == "http.request":
            size = len(message.get("body", b""))
            self._bytes += size
            self._complete = not message.get("more_body", False)
            if self._bytes > self.most_bytes:
                raise TooLarge(f"The body is larger than {self.most_bytes} bytes.")
            if self._complete:
                self._forget_body()
            elif not self.is_streamed:
                self._bodies.keep(self._body, size)
        return message

    async def _awaited(self, body: Awaited) -> Message:
        """What comes next, which is waited for without being counted as work."""
        self._pause()
        try:
            if body.gave_way:
                raise TimeoutError
            async with self._bodies.wait(self._deadline() - time.monotonic(), body):
                message = await self._receive()
            if self._in_flight.is_full and not self.is_streamed and not message.get("more_body", False):
                await self._refuse_late(RefusedBy.MAX_IN_FLIGHT)
        except TimeoutError:
            if body.gave_way:
                await self._refuse_late(RefusedBy.BODIES)
            if self._bodies.stopping:
                raise Busy("The service is stopping; nothing was done. Send the request again.", "stopping") from None
            raise TooSlow("The body took too long to arrive; send it again over a faster connection.") from None
        finally:
            self._resume()
        return message

    async def _refuse_late(self, limit: RefusedBy) -> NoReturn:
        self._metrics.refused.labels(limit).inc()
        if limit is RefusedBy.BODIES:
            why = f"More than {MOST_OF_ONE} bodies, or more bytes of them than there is room for, were on their way"
            raise Busy(f"{why}; this one had taken longest. Send it again, as a whole.", "overloaded")
        await asyncio.sleep(REFUSED_AFTER_SECONDS)
        raise Busy(AT_ITS_LIMIT, "overloaded")

    def _holder(self) -> str:
        principal = self.scope.get("user")
        if principal is None:
            return address_holder((self.scope.get("client") or ("", 0))[0])
        return f"{principal.agency_id} files" if self.is_streamed else str(principal.agency_id)

    def _forget_body(self) -> None:
        if self._body is not None:
            self._bodies.forget(self._body)

    def _deadline(self) -> float:
        stretches = 1 + self._bytes // self._settings.max_body_bytes
        return self._begun + self._settings.body_seconds * stretches

    async def send(self, message: Message) -> None:
        """Complete the headers; drop the body of an answer to HEAD; send in one piece what is known as a whole."""
        if message["type"] == "http.response.start":
            self.started = True
            self.computed()
            self.status = message["status"]
            if message.pop(ENDLESS, False):
                self._in_flight.now -= self._counts
                self._counts = 0
                self.answered = time.perf_counter()
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.trace_id.encode()),
                _NO_SNIFFING,
                *self.scope.get("registry.rate", ()),
                *deprecation_fields(self.scope),
            ]
            if self.status >= 400 and self._is_unread():  # the rest of the body would be read as the next request
                message["headers"].append(_CLOSE)
                self._unended = not any(name == b"expect" for name, _ in self.scope["headers"])
            elif self._draining.begun:
                message["headers"].append(_CLOSE)
            if BODY_FOLLOWS in message and not self._unended and WHOLE_ANSWER in self.scope.get("extensions", ()):
                self._start = message
                return
        elif self.head and message["type"] == "http.response.body":
            message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
        if self._unended and message["type"] == "http.response.body":
            message = {**message, "more_body": True}
        if self._start is not None:
            start, self._start = self._start, None
            message = {
                "type": WHOLE_ANSWER,
                "status": self.status,
                "headers": start["headers"],
                "body": message["body"],
            }
        self._pause()  # the server waits here until the client has taken what it was sent before
        try:
            await self._send(message)
        finally:
            self._resume()

    def _is_unread(self) -> bool:
        """Whether the request has a body that was not read to its end, and its client is still there."""
        return not (self._complete or self._gone) and any(
            (n == b"content-length" and v != b"0") or n == b"transfer-encoding" for n, v in self.scope["headers"]
        )

    async def end(self) -> None:
        """Take in the rest of a body that was refused, within bounds, before the connection is closed.

        A connection that is closed while bytes arrive is reset, and the client would lose the answer that it was sent.
        """
        if not self._unended:
            return
        left = DRAIN_BYTES
        with suppress(TimeoutError):
            async with self._bodies.wait(DRAIN_SLOW_SECONDS if self.status == _TOO_SLOW else DRAIN_SECONDS):
                while left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        break
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def refuse(self, error: DomainError) -> None:
        """Answer with a problem, without calling the framework."""
        answer: ProblemAnswer = render(error, path=self.scope["path"], trace_id=self.trace_id)
        await self._finish(answer.status, answer.headers, answer.body)

    async def empty(self, headers: Mapping[str, str]) -> None:
        """Answer with 204 and these headers."""
        await self._finish(204, headers, b"")

    async def _finish(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        raw: Sequence[tuple[bytes, bytes]] = [(k.encode(), v.encode("latin-1", "replace")) for k, v in headers.items()]
        length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
        start: Message = {"type": "http.response.start", "status": status, "headers": [*raw, *length]}
        start[BODY_FOLLOWS] = True
        await self.send(start)
        await self.send({"type": "http.response.body", "body": body, "more_body": False})
