"""The targets of a comparison: two yardsticks, and the service itself."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from benchmarks.load import Request, Source
from benchmarks.requests import Cycle, NumberedBody, ask, new_asset, new_loan, sources
from benchmarks.servers import Running, free_port, serve, temporary_postgresql, uvicorn
from benchmarks.yardsticks.schema import AGENCIES, CATEGORIES, DECISIONS, decision_id

Database = Literal["sqlite", "postgresql"]


class Target(Struct, kw_only=True, frozen=True):
    """Something to measure. `start` serves it while its block lasts; `requests` then gives a source for each
    operation of the running server."""

    name: str
    start: Callable[[], AbstractContextManager[Running]]
    requests: Callable[[Running], Mapping[str, Source]]


class Workspace(Struct, kw_only=True, frozen=True):
    """Where a run keeps files and databases, and how many assets each target holds."""

    folder: Path
    assets: int
    postgresql_url: str

    @contextmanager
    def database(self, kind: Database, name: str) -> Iterator[str]:
        """The URL of an empty database of that kind, gone when the block ends."""
        if kind == "sqlite":
            yield f"sqlite+aiosqlite:///{self.folder / name}.db"
        else:
            with temporary_postgresql(self.postgresql_url) as url:
                yield url


def fastapi(workspace: Workspace, kind: Database) -> Target:
    """FastAPI, SQLAlchemy ORM and pydantic. It seeds itself at its start; the access log is on."""
    name = f"fastapi-{kind}"
    key = ec.generate_private_key(ec.SECP256R1())

    @contextmanager
    def start() -> Iterator[Running]:
        with workspace.database(kind, name) as url:
            port = free_port()
            environment = {
                "BENCH_DATABASE_URL": url,
                "BENCH_ASSETS": str(workspace.assets),
                "BENCH_PUBLIC_KEY": key.public_key()
                .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                .decode(),
            }
            command = uvicorn("benchmarks.yardsticks.fastapi_app:app", port)
            with serve(command, environment, port, workspace.folder / f"{name}.log") as running:
                yield running

    def requests(running: Running) -> dict[str, Source]:
        # Signed once the rows are there: seeding a million must not use up the hour a token lasts.
        now = datetime.now(UTC)
        claims = {
            "sub": "coordinator-1",
            "agency": str(AGENCIES[0]),
            "aud": "yardstick",
            "iat": now,
            "exp": now + timedelta(hours=1),
        }
        token = jwt.encode(claims, key, "ES256", headers={"typ": "at+jwt"})
        decisions = tuple(str(decision_id(n)) for n in range(DECISIONS))
        return sources(running.base_url, token, CATEGORIES, new_asset, partial(new_loan, decisions))

    return Target(name=name, start=start, requests=requests)


def bare(workspace: Workspace, recorded: Mapping[str, tuple[Request, bytes]]) -> Target:
    """Fixed bytes under the same server: `recorded` holds, by operation, a request and the body it got."""

    @contextmanager
    def start() -> Iterator[Running]:
        port = free_port()
        answers = workspace.folder / "answers.json"
        answers.write_bytes(
            msgspec.json.encode({operation: body.decode() for operation, (_, body) in recorded.items()})
        )
        command = uvicorn("benchmarks.yardsticks.bare_asgi:app", port, "--no-access-log", "--lifespan", "off")
        with serve(command, {"BENCH_ANSWERS": str(answers)}, port, workspace.folder / "bare.log") as running:
            yield running

    return Target(
        name="bare",
        start=start,
        requests=lambda _: {operation: Cycle((request,)) for operation, (request, _) in recorded.items()},
    )


def record(running: Running, asked: Mapping[str, Source]) -> dict[str, tuple[Request, bytes]]:
    """One request of each operation and its checked answer, under a number that no round takes."""
    made = {operation: source.request(-1) for operation, source in asked.items()}
    return {operation: (request, ask(running.base_url, request)) for operation, request in made.items()}


class Prepared(Struct, kw_only=True, frozen=True):
    """A seeded database of the service: how to call it and what to post."""

    token: str
    categories: tuple[str, ...]
    environment: Mapping[str, str]
    asset_body: NumberedBody
    loan_body: NumberedBody


Prepare = Callable[[str, int], Prepared]
"""Given an empty database's URL and a number of assets: bring schema and rows, and say how to call it."""


def registry(workspace: Workspace, kind: Database, prepare: Prepare) -> Target:
    """This service as it is deployed: `registry serve`, configured by its environment alone."""
    name = f"registry-{kind}"
    prepared: list[Prepared] = []

    @contextmanager
    def start() -> Iterator[Running]:
        with workspace.database(kind, name) as url:
            prepared[:] = [prepare(url, workspace.assets)]
            port = free_port()
            environment = {
                "HOST": "127.0.0.1",
                "PORT": str(port),
                **prepared[0].environment,
            }
            command = [str(Path(sys.executable).with_name("registry")), "serve"]
            with serve(command, environment, port, workspace.folder / f"{name}.log") as running:
                yield running

    def requests(running: Running) -> dict[str, Source]:
        one = prepared[0]
        return sources(running.base_url, one.token, one.categories, one.asset_body, one.loan_body)

    return Target(name=name, start=start, requests=requests)
