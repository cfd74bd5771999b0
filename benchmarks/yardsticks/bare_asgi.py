"""The floor: an ASGI handler that answers recorded bytes, so what remains is the server and the socket.

`BENCH_ANSWERS` names a JSON file of operation to body, recorded from a yardstick that does the work.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path

import msgspec

Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def _answers() -> dict[tuple[str, str], tuple[Message, Message]]:
    """Both ASGI messages of each answer, by method and first path below `/v1`, made once."""
    bodies = msgspec.json.decode(Path(os.environ["BENCH_ANSWERS"]).read_bytes(), type=dict[str, str])
    routes = {
        "get": ("GET", "item", 200),
        "list": ("GET", "/v1/assets", 200),
        "create_asset": ("POST", "/v1/assets", 201),
        "create_loan": ("POST", "/v1/loans", 201),
    }
    made: dict[tuple[str, str], tuple[Message, Message]] = {}
    for operation, text in bodies.items():
        method, path, status = routes[operation]
        body = text.encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        made[method, path] = (
            {"type": "http.response.start", "status": status, "headers": headers},
            {"type": "http.response.body", "body": body},
        )
    return made


ANSWERS = _answers()


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Read what was sent, then answer what was recorded for the operation."""
    if scope["type"] != "http":
        raise NotImplementedError(f"no {scope['type']} here; run with --lifespan off")
    method, path = str(scope["method"]), str(scope["path"])
    if method == "POST":
        while (await receive()).get("more_body"):
            pass
    start, body = ANSWERS[method, path] if (method, path) in ANSWERS else ANSWERS["GET", "item"]
    await send(start)
    await send(body)
