"""A server on the loopback interface that publishes a key set, and does so badly when it is told to."""

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Published:
    """What it answers, and how often it was asked."""

    def __init__(self, document: object) -> None:
        self.body = json.dumps(document).encode()
        self.status = 200
        self.asked = 0
        self.arrivals = threading.Semaphore(0)
        self.asked_by: list[str | None] = []
        self.answering = threading.Event()
        self.answering.set()
        self.drips = False
        """Whether the answer comes byte by byte, and never to an end."""

    async def arrival(self) -> None:
        """Wait for the next request."""
        assert await asyncio.to_thread(self.arrivals.acquire, timeout=60)

    def publish(self, *keys: object) -> None:
        """Have these keys from now on."""
        self.body = json.dumps({"keys": keys}).encode()


@contextmanager
def publishing(document: object, tls: ssl.SSLContext | None = None) -> Iterator[tuple[Published, str]]:
    """A server with this document, and the document's address."""
    state, ended = Published(document), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked += 1
            state.arrivals.release()
            state.asked_by.append(self.headers["Host"])
            state.answering.wait(20)
            self.send_response(state.status)
            if state.status == 302:
                self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")  # type: ignore[attr-defined]  # an HTTPServer's
            self.send_header("Content-Length", str(len(state.body)))
            while state.drips and not ended.wait(0.02):
                try:
                    self.wfile.write(b"x")
                except OSError:  # who asked has gone
                    return
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *_args: object) -> None:
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        scheme, host = ("http", "127.0.0.1") if tls is None else ("https", "localhost")
        yield state, f"{scheme}://{host}:{server.server_port}/jwks"
        state.answering.set()
        ended.set()
        server.shutdown()
        thread.join(5)
