"""An answer that leaves in one piece is, byte for byte, the one that uvicorn sends in parts."""

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from registry.platform.http.whole_answers import WHOLE_ANSWER, AnsweringCycle

pytestmark = pytest.mark.one_database
DATE = (b"date", b"Sun, 29 Nov 2026 12:00:00 GMT")
LENGTH = (b"content-length", b"2")


class Sent(asyncio.Transport):
    """The sending side of a connection, which keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def resume_reading(self) -> None:
        """Nothing is read."""


def cycle(kind: type[RequestResponseCycle], sent: Sent, *, keep_alive: bool = True) -> RequestResponseCycle:
    return kind(
        scope={"type": "http", "method": "GET"},  # type: ignore[typeddict-item]  # what sending looks at
        transport=sent,
        flow=FlowControl(sent),
        logger=logging.getLogger("test"),
        access_logger=logging.getLogger("test"),
        access_log=False,
        default_headers=[DATE],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=lambda: None,
    )


def whole(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> Any:
    return {"type": WHOLE_ANSWER, "status": status, "headers": headers, "body": body}


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, [(b"content-type", b"application/json"), LENGTH], b"{}"),
        (404, [LENGTH, (b"connection", b"close")], b"{}"),
        (304, [(b"etag", b'"1-00000000"')], b""),
        (200, [(b"content-length", b"0")], b""),
    ],
)
async def test_it_is_what_is_sent_in_parts(
    status: int, headers: list[tuple[bytes, bytes]], body: bytes, keep_alive: bool
) -> None:
    parts, at_once = Sent(), Sent()
    ours = cycle(AnsweringCycle, at_once, keep_alive=keep_alive)
    uvicorns = cycle(RequestResponseCycle, parts, keep_alive=keep_alive)
    await uvicorns.send({"type": "http.response.start", "status": status, "headers": headers})
    await uvicorns.send({"type": "http.response.body", "body": body, "more_body": False})
    await ours.send(whole(status, headers, body))
    assert at_once.pieces == [b"".join(parts.pieces)]
    assert at_once.closed == parts.closed
    assert (ours.response_complete, ours.keep_alive) == (uvicorns.response_complete, uvicorns.keep_alive)


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b=c", b"a\nb", b"a\rb", b"a\x00b"])
async def test_a_header_field_cannot_begin_another_one(value: bytes) -> None:
    sent = Sent()
    with pytest.raises(RuntimeError):
        await cycle(AnsweringCycle, sent).send(whole(200, [(b"location", value), LENGTH], b"{}"))
    assert sent.pieces == []


async def test_it_waits_until_the_client_has_taken_what_it_was_sent_before() -> None:
    sent = Sent()
    answering = cycle(AnsweringCycle, sent)
    answering.flow.pause_writing()
    sending = asyncio.ensure_future(answering.send(whole(200, [LENGTH], b"{}")))
    await asyncio.sleep(0)
    assert sent.pieces == []
    answering.flow.resume_writing()
    await sending
    assert b"".join(sent.pieces).endswith(b"\r\n\r\n{}")


async def test_nothing_is_sent_to_who_has_left() -> None:
    sent = Sent()
    answering = cycle(AnsweringCycle, sent)
    answering.disconnected = True
    await answering.send(whole(200, [LENGTH], b"{}"))
    assert sent.pieces == []
