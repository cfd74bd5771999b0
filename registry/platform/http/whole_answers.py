"""An answer that is known as a whole leaves in one piece, as an extension of ASGI that our own server has.

uvicorn writes the head of an answer and its body apart, which since uvloop 0.23 are two calls of the system and two
packets: a seventh of the time of reading one asset.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

WHOLE_ANSWER: Final = "registry.answer"
"""The type of the message with `status`, `headers` and `body`, and the name of the extension in the scope. The headers
have a Content-Length, where the status allows one."""
BODY_FOLLOWS: Final = "registry.body_follows"
"""In the start of an answer: its whole body is the next message, and nothing else happens before."""
EXTENSIONS: Final[Mapping[str, Mapping[str, Any]]] = {WHOLE_ANSWER: {}}


class AnsweringCycle(RequestResponseCycle):
    """One request and its answer, which may also be one message."""

    async def send(self, message: Any) -> None:
        """Send a part of the answer, or all of it. Raises RuntimeError for header fields that HTTP does not allow."""
        if message["type"] != WHOLE_ANSWER:
            await super().send(message)
        elif self.flow.write_paused:  # the client has not taken what it was sent before
            start = {"type": "http.response.start", "status": message["status"], "headers": message["headers"]}
            await super().send(cast(Any, start))
            await super().send({"type": "http.response.body", "body": message["body"], "more_body": False})
        elif not self.disconnected:
            self._send_whole(message["status"], message["headers"], message["body"])

    def _send_whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        if self.response_started:
            raise RuntimeError("an answer is sent, and another one has begun before")
        fields = [*self.default_headers, *headers]
        if self.keep_alive:
            self.keep_alive = (b"connection", b"close") not in headers
        elif (b"connection", b"close") not in headers:
            fields.append((b"connection", b"close"))
        lines = [b"%s: %s\r\n" % field for field in fields]
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines) or b"\x00" in head:
            raise RuntimeError("a header field holds what would end it")
        self.response_started = True
        self.waiting_for_100_continue = False
        self.expected_content_length = 0
        self.transport.write(b"".join((STATUS_LINE[status], head, b"\r\n", body)))
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
