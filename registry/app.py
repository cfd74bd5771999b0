"""The only place where things are put together."""

import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import structlog
from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.response import Response
from structlog.typing import ExcInfo

from registry import __version__, service
from registry.access.development import development_issuer
from registry.access.gate import Gate
from registry.access.principals import Caller
from registry.access.tokens import TokenVerifier
from registry.agencies import routes as agencies
from registry.agreements import routes as agreements
from registry.assets import routes as assets
from registry.background import Background, Task
from registry.database.connect import Database, connect, unit_of_work
from registry.documents import routes as documents
from registry.documents.commands import Files, sweep
from registry.files.opening import open_store
from registry.files.reading import FileReader
from registry.http.edge import Edge
from registry.http.idempotency import Replay, prune
from registry.http.openapi import assemble, dump
from registry.http.problems import on_error
from registry.http.requests import StrictRequest
from registry.kernel.errors import DomainError
from registry.kernel.ids import new_id
from registry.kernel.time import utc_now
from registry.ledger.commands import record
from registry.loans import routes as loans
from registry.metrics import routes as metrics
from registry.policy import routes as policy
from registry.policy.cedar import load_policy_set
from registry.requests import routes as requests
from registry.schema import all_tables
from registry.settings import Settings
from registry.taxonomy import routes as taxonomy

ROUTERS = (
    agencies.router,
    agreements.router,
    documents.router,
    agreements.public_router,
    taxonomy.router,
    policy.router,
    loans.router,
    assets.router,
    requests.router,
    metrics.router,
)
PRUNE_SECONDS = 300.0
SWEEP_SECONDS = 3600.0
KEY_REFRESH_SECONDS = 60.0
_LONGEST_MESSAGE = 300


def create_app(settings: Settings) -> Edge:
    """The whole service as one ASGI application. Opens no database yet: the lifespan does.

    Raises PolicySetError for policies that are not whole and valid: nothing starts with a layer missing. Raises
    SettingsError for an address at which no documents can be kept.
    """
    all_tables()
    database = connect(
        settings.database_url,
        queue=settings.write_queue,
        wait_seconds=settings.write_wait_seconds,
        pool=settings.database_pool,
    )
    issuers = settings.issuers + ((development_issuer(settings),) if settings.demo else ())
    verifier = TokenVerifier(issuers, audience=settings.audience, skew_seconds=settings.clock_skew_seconds)
    files = Files(store=open_store(settings), reader=FileReader())
    background = Background(
        [
            Task(name="keys", interval_seconds=KEY_REFRESH_SECONDS, run=verifier.refresh),
            Task(name="prune", interval_seconds=PRUNE_SECONDS, run=_pruner(database)),
            Task(name="sweep", interval_seconds=SWEEP_SECONDS, run=_sweeper(database, files)),
        ]
    )
    app = Litestar(
        route_handlers=[*ROUTERS, service.router],
        request_class=StrictRequest,
        middleware=[
            Gate(
                database,
                verifier,
                on_denied=_denial_recorder(database),
                max_body_bytes=settings.max_body_bytes,
                max_upload_bytes=settings.max_upload_bytes,
            )
        ],
        exception_handlers={Replay: _replay, DomainError: on_error, HTTPException: on_error, Exception: on_error},
        lifespan=[_lifespan],
        state=State(
            {
                "settings": settings,
                "database": database,
                "background": background,
                "files": files,
                "ledger_key": settings.ledger_key,
                "policies": load_policy_set(settings.policies_dir),
                "problem_kinds": service.problem_kinds(),
            }
        ),
        openapi_config=None,
        request_max_body_size=None,  # the outer layer counts
        logging_config=None,
    )
    app.state.contract = dump(assemble(app, __version__))
    edge = Edge(app, settings)
    app.state.metrics = edge.metrics
    return edge


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    background: Background = app.state.background
    background.start()
    try:
        yield
    finally:
        await background.stop()
        await app.state.database.close()


def _replay(_request: Request[Any, Any, Any], replay: Replay) -> Response[bytes]:
    rendered = replay.rendered
    headers = {name.decode(): value.decode() for name, value in rendered.headers if name != b"content-length"}
    media_type = headers.pop("content-type", "application/json")
    return Response(rendered.body, status_code=rendered.status, headers=headers, media_type=media_type)


def _pruner(database: Database) -> Any:
    async def run() -> None:
        while True:
            async with unit_of_work(database) as write:
                if not await prune(write, utc_now()):
                    return

    return run


def _sweeper(database: Database, files: Files) -> Any:
    async def run() -> None:
        await sweep(database.read(), partial(unit_of_work, database), files.store, utc_now())

    return run


def _denial_recorder(database: Database) -> Any:
    async def run(caller: Caller, operation: str, path: str, reason: str) -> None:
        """A refusal is a fact too; its own transaction, since the request's was rolled back."""
        async with unit_of_work(database) as write:
            await record(
                write,
                caller,
                "access.denied",
                subject=("denial", new_id(), 0),
                agencies=[],
                data={"operation": operation, "path": path[:300], "reason": reason[:300]},
                outcome="denied",
            )

    return run


def _as_bytes(entry: object, **_: object) -> bytes:
    return msgspec.json.encode(entry, enc_hook=str)


def configure_logging(settings: Settings) -> None:
    """Structured logs, one JSON object a line; no bodies, no tokens, no rows."""
    level = getattr(logging, settings.log_level.upper())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(traceback_of),
            structlog.processors.JSONRenderer(serializer=_as_bytes),
        ],
        logger_factory=structlog.BytesLoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


def traceback_of(exc_info: ExcInfo) -> str:
    """Where it happened and the first line of what was said: below that, databases quote the row."""
    told: dict[int, str] = {}
    error: BaseException | None = exc_info[1]
    while error is not None and id(error) not in told:
        said = str(error).partition("\n")[0][:_LONGEST_MESSAGE]
        told[id(error)] = "".join(traceback.format_tb(error.__traceback__)) + f"{type(error).__name__}: {said}"
        error = error.__cause__ or error.__context__
    return "\ncaused by\n".join(told.values())
