"""The environment of the demonstration: a real server on a loopback port, persons with tokens, and console output."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

import httpx
import msgspec
from rich.console import Console
from rich.table import Table

from registry.demo import cast
from registry.platform.access.development import development_token
from registry.platform.access.principals import Role
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import civil_day, utc_now
from registry.platform.settings import Settings

START_SECONDS = 300.0
NARROW = 72
"""Columns of a terminal below which a table of four columns would break its words."""


class StoryBrokenError(Exception):
    """A step of the demonstration failed."""


class Identity(msgspec.Struct, kw_only=True, frozen=True):
    """The identity of a person: everything that a development token contains."""

    agency_id: UUID
    roles: list[Role]
    subject: str
    scope: str

    def token(self, settings: Settings) -> str:
        """A fresh token, valid for a day."""
        return development_token(
            settings,
            agency_id=self.agency_id,
            roles=self.roles,
            subject=self.subject,
            now=utc_now(),
            scope=self.scope,
        )


class Person:
    """A person of an agency who calls the service as a program would, with a token and idempotency keys."""

    def __init__(self, stage: "Stage", badge: Identity) -> None:
        self._stage = stage
        self.badge = badge
        self.token = badge.token(stage.settings)

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a GET that must succeed."""
        params = {name: value for name, value in query.items() if value is not None}
        return self._read(self._stage.http.get(path, params=params, headers=self._headers()))

    def post(self, path: str, body: object, *, version: int | None = None) -> Any:
        """The JSON of a POST that must succeed, of that version of the thing where it is given."""
        headers = {**self._headers(), "Idempotency-Key": str(new_id())}
        if version is not None:
            headers["If-Match"] = f'"{version}-00000000"'
        return self._read(self._stage.http.post(path, json=body, headers=headers))

    def patch(self, path: str, body: object, *, version: int) -> Any:
        """The JSON of a PATCH that must succeed, from that version of the thing."""
        headers = {
            **self._headers(),
            "If-Match": f'"{version}-00000000"',
            "Content-Type": "application/merge-patch+json",
        }
        return self._read(self._stage.http.patch(path, content=msgspec.json.encode(body), headers=headers))

    def delete(self, path: str, *, version: int) -> None:
        """A DELETE that must succeed, from that version of the thing."""
        response = self._stage.http.delete(path, headers={**self._headers(), "If-Match": f'"{version}-00000000"'})
        if not response.is_success:
            raise StoryBrokenError(f"DELETE {path} → {response.status_code}: {response.text}")

    def upload(self, path: str, content: bytes, *, media_type: str, **query: str) -> Any:
        """The JSON of a POST of a file that must succeed."""
        headers = {**self._headers(), "Idempotency-Key": str(new_id()), "Content-Type": media_type}
        return self._read(self._stage.http.post(path, params=query, content=content, headers=headers))

    def refused(self, path: str, body: object, status: int) -> Any:
        """The problem of a POST that must be refused with `status`."""
        response = self._stage.http.post(path, json=body, headers=self._headers())
        if response.status_code != status:
            raise StoryBrokenError(f"POST {path} should be refused with {status}: {response.text}")
        return response.json()

    def refused_to_read(self, path: str, status: int) -> Any:
        """The problem of a GET that must be refused with `status`."""
        response = self._stage.http.get(path, headers=self._headers())
        if response.status_code != status:
            raise StoryBrokenError(f"GET {path} should be refused with {status}: {response.text}")
        return response.json()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @staticmethod
    def _read(response: httpx.Response) -> Any:
        if not response.is_success:
            request = response.request
            raise StoryBrokenError(f"{request.method} {request.url.path} → {response.status_code}: {response.text}")
        return response.json()


class Stage:
    """The console, the server's address, and the persons."""

    def __init__(self, settings: Settings, http: httpx.Client, console: Console, database_url: str = "") -> None:
        self.settings = settings
        self.database_url = database_url
        self.http = http
        self.console = console
        self._step = 0

    def person(self, agency_id: UUID | str, *roles: Role, subject: str, scope: str = "*") -> Person:
        """A person who acts for an agency."""
        return Person(self, Identity(agency_id=UUID(str(agency_id)), roles=list(roles), subject=subject, scope=scope))

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step of the story, numbered and timed."""
        self._step += 1
        self.console.print(f"\n[bold cyan]{self._step:2}[/] [bold]{title}[/]")
        began = time.perf_counter()
        yield
        self.console.print(f"   [dim]{(time.perf_counter() - began) * 1000:.0f} ms[/]")

    def now(self) -> datetime:
        """The current instant for everybody in the demonstration."""
        return utc_now()

    def today(self) -> date:
        """The current day in the demonstration's time zone."""
        return civil_day(self.now(), cast.ZONE)

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(f"   {text}")

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        """Print a list as a table; on a narrow terminal as lines, one cell below the other."""
        if self.console.width < NARROW:
            self.console.print(f"   [italic]{title}[/]")
            for row in rows:
                for number, (column, cell) in enumerate(zip(columns, row, strict=True)):
                    self.console.print(f"   {'-' if number == 0 else ' '} {column}: {cell}")
            return
        table = Table(title=title, title_justify="left", title_style="italic", box=None, padding=(0, 2, 0, 3))
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def expect(self, condition: object, what: str) -> None:
        """Raises StoryBrokenError unless the condition holds."""
        if not condition:
            raise StoryBrokenError(f"The demonstration expected: {what}")


def free_port() -> int:
    """A loopback port that is not in use now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_server(environment: dict[str, str], port: int) -> Iterator[httpx.Client]:
    """A server process on `port`; yields a client of it. It is stopped, and waited for, at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "registry", "serve"],
        env={**os.environ, **environment, "HOST": "127.0.0.1", "PORT": str(port), "REGISTRY_LOG_LEVEL": "warning"},
    )
    # The loopback has no TLS: to read this machine's certificates would cost a tenth of a second for each client.
    plain = httpx.HTTPTransport(verify=False)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, transport=plain) as http:
            _wait_until_ready(http, process)
            yield http
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(http: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StoryBrokenError(f"the server stopped with exit code {process.returncode} before it was ready")
        try:
            if http.get("/health/ready", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass  # not listening yet: asked again until the deadline
        time.sleep(0.1)
    raise StoryBrokenError(f"the server was not ready within {START_SECONDS:.0f} s")
