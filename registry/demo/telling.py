"""The step in which a program of an agency is told each step of a loan, and verifies who told it."""

import hmac
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from registry.demo.stage import Person, Stage
from registry.platform.webhooks.signing import signature

_PATIENCE_SECONDS = 60


@contextmanager
def told_by_webhook(stage: Stage, admin: Person) -> Iterator[None]:
    """Have every event of a loan sent to a program of that agency, and look at the end at what it was told."""
    with _program() as (arrived, url):
        new = {"name": "Dispatch centre (demo)", "url": url, "types": ["loan.*"]}
        webhook = admin.post("/v1/webhooks", new)
        yield
        with stage.step("A program was told each step, and verifies it"):
            _look(stage, arrived, webhook["secret"])
            log = admin.get(f"/v1/webhooks/{webhook['id']}/deliveries", status="waiting")
            stage.expect(log["items"] == [], "nothing waits to be delivered")
            admin.delete(f"/v1/webhooks/{webhook['id']}", version=webhook["version"])  # the program ends with this step
            stage.say("The webhook is deleted; that it was there stays on record.")


def _look(stage: Stage, arrived: list[tuple[dict[str, str], bytes]], secret: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not any(_event(body)["type"] == "loan.closed" for _, body in arrived) and time.monotonic() < deadline:
        time.sleep(0.1)
    stage.expect(all(_is_genuine(secret, *each) for each in arrived), "each message is signed with the secret")
    headers, body = arrived[-1]
    stage.expect(not _is_genuine(secret, headers, body + b" "), "a message that was changed is not")
    events = [_event(body) for _, body in arrived]
    types = [each["type"].removeprefix("loan.").replace("_", " ") for each in events]
    stage.expect(types[-1] == "closed", f"the program was told to the end: {types}")
    versions = [each["data"]["subject"]["version"] for each in events]
    stage.expect(versions == sorted(versions), "in the order in which it happened")
    stage.say(f"{len(events)} signed messages, in order: {', '.join(types)}.")
    stage.say("Each says what happened to which loan, and nothing more; the program reads the loan by its own rights.")


def _event(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(body)
    return found


def _is_genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    right = signature(secret, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    return any(hmac.compare_digest(right, each) for each in headers["webhook-signature"].split(" "))


@contextmanager
def _program() -> Iterator[tuple[list[tuple[dict[str, str], bytes]], str]]:
    """A program on the loopback interface that takes messages; what has arrived, and its address."""
    arrived: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            arrived.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield arrived, f"http://127.0.0.1:{server.server_port}/hooks/registry"
        finally:
            server.shutdown()
            thread.join(5)
