"""Operations of the service itself: health, metrics, contract, problem pages and documentation."""

import asyncio
import html
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import msgspec
from litestar import Request, Response, Router, get
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ASGIApp
from prometheus_client import CONTENT_TYPE_LATEST

from registry import __version__
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.tokens import TokenVerifier
from registry.platform.background import Background
from registry.platform.database.connect import Database
from registry.platform.database.probe import WriteProbe
from registry.platform.http.answers import Answer
from registry.platform.http.asgi import Scope
from registry.platform.http.catalogue import MEMBERS, PROBLEMS, Entry
from registry.platform.http.draining import Draining
from registry.platform.http.fixed import Fixed
from registry.platform.http.forms import prefers
from registry.platform.http.health import Check, ClientKeys, Health, readiness, reading_readiness
from registry.platform.http.openapi import dump
from registry.platform.kernel.errors import NotFound
from registry.platform.ledger.asyncapi import asyncapi
from registry.platform.webhooks.asyncapi import with_webhooks

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
{head}</head><body>{body}</body></html>"""
_HTML_HEADERS = {
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "script-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
}
_FILES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


@operation("get", "/health/live", permission=None, public=True, problems=("unknown_parameter",))
async def get_liveness() -> Answer[Health]:
    """Tell whether the process runs."""
    return Answer(Health(status="alive"))


@operation(
    "get",
    "/health/ready",
    permission=None,
    public=True,
    problems=("unknown_parameter",),
    also={503: "Not ready: `checks` says what is wrong."},
)
async def get_readiness(
    database: Supplied[Database],
    write_probe: Supplied[WriteProbe],
    background: Supplied[Background],
    text_recognition: Supplied[str],
    pdf_printing: Supplied[str],
    service_clients: Supplied[str],
    notices: Supplied[str],
    ledger_signing: Supplied[str],
    webhooks: Supplied[str],
    events_fanned_out: Supplied[str],
    client_keys: Supplied[ClientKeys],
    other_checks: Supplied[Mapping[str, Check]],
    file_reading: Supplied[str],
    verifier: Supplied[TokenVerifier],
    draining: Supplied[Draining],
) -> Answer[Health]:
    """Tell whether the service can serve: database, schema, stored changes, documents, background work, token issuers.

    It also says which optional engines are there.
    """
    await verifier.keep_up()
    health = await readiness(
        database,
        write_probe,
        background.lags(),
        background.failures(),
        verifier.health(),
        draining,
        others=other_checks,
        text_recognition=text_recognition,
        pdf_printing=pdf_printing,
        service_clients=service_clients,
        notices=notices,
        ledger_signing=ledger_signing,
        webhooks=webhooks,
        fan_out=events_fanned_out,
        client_keys=client_keys(),
        file_reading=file_reading,
    )
    return Answer(health, status=200 if health.status == "ready" else 503)


@operation(
    "get",
    "/health/reading",
    permission=None,
    public=True,
    problems=("unknown_parameter",),
    also={503: "Nothing can be read: `checks` says what is wrong."},
)
async def get_reading_readiness(
    database: Supplied[Database],
    other_checks: Supplied[Mapping[str, Check]],
    verifier: Supplied[TokenVerifier],
    draining: Supplied[Draining],
) -> Answer[Health]:
    """Tell whether the service can answer what only reads, also while nothing can be stored.

    A proxy whose processes are all not ready sends requests to those that are ready to read. They refuse changes with
    503.
    """
    await verifier.keep_up()
    health = await reading_readiness(database, verifier.health(), other_checks["clock"], draining)
    return Answer(health, status=200 if health.status == "ready" else 503)


@get("/metrics", opt={"public": True}, media_type="text/plain")
async def get_metrics(state: State) -> Response[bytes]:
    """Counters, timings and states for Prometheus."""
    return Response(await state.exposition.page(), media_type=CONTENT_TYPE_LATEST)


@get("/openapi.json", opt={"public": True})
async def get_contract(request: Request[Any, Any, Any], state: State) -> ASGIApp:
    """The contract. To write it takes half a second, once: in a thread, so that no other request waits for it."""
    return _answer(await asyncio.to_thread(lambda: state.contract.page), request)


@get("/asyncapi.json", opt={"public": True})
async def get_events_contract(request: Request[Any, Any, Any]) -> ASGIApp:
    """The contract of the stream of events and of webhooks (AsyncAPI)."""
    return _answer(_events_contract(), request)


@get("/", opt={"public": True})
async def get_root() -> Redirect:
    """Redirect to the documentation."""
    return Redirect("/docs")


@get("/docs", opt={"public": True}, media_type="text/html")
async def get_docs(request: Request[Any, Any, Any]) -> ASGIApp:
    """Browse the contract; served from installed files, without requests to other servers."""
    return _answer(_docs_page(), request)


@get("/docs/files/{name:str}", opt={"public": True})
async def get_docs_file(name: FromPath[str], request: Request[Any, Any, Any]) -> ASGIApp:
    """A script or style sheet of the documentation page."""
    found = _docs_files().get(name)
    if found is None:
        raise NotFound("file")
    return _answer(found, request)


@get("/problems", opt={"public": True}, media_type="text/html")
async def get_problems_page(request: Request[Any, Any, Any]) -> ASGIApp:
    """List every kind of problem, with what to do about it: as a page, or as JSON for whoever asks for that."""
    return _answer(_problem_in(request)[""], request)


@get("/problems/{code:str}", opt={"public": True}, media_type="text/html")
async def get_problem_page(code: FromPath[str], request: Request[Any, Any, Any]) -> ASGIApp:
    """What a kind of problem means, and what to do about it, in either form."""
    page = _problem_in(request).get(code)
    if page is None:
        raise NotFound("problem")
    return _answer(page, request)


def _answer(page: Fixed, request: Request[Any, Any, Any]) -> ASGIApp:
    answer: Any = page.answer(cast(Scope, request.scope))
    return cast(ASGIApp, answer)


@cache
def _events_contract() -> Fixed:
    return Fixed(dump(with_webhooks(asyncapi(__version__))), "application/json")


@cache
def _docs_page() -> Fixed:
    head = '<link rel="stylesheet" href="/docs/files/swagger-ui.css">'
    scripts = ("/docs/files/swagger-ui-bundle.js", "/docs/files/start.js")
    body = '<div id="ui"></div>' + "".join(f'<script src="{path}"></script>' for path in scripts)
    html_ = _PAGE.format(title="Registry API", head=head, body=body)
    return Fixed(html_.encode(), "text/html; charset=utf-8", _HTML_HEADERS)


@cache
def _docs_files() -> dict[str, Fixed]:
    """The documentation's script, style and start script: separate files, so that no inline script is allowed."""
    import swagger_ui

    start = (files("registry") / "documentation.js").read_bytes()
    installed = Path(swagger_ui.__file__).parent / "static"
    pages = {name: Fixed((installed / name).read_bytes(), f"{kind}; charset=utf-8") for name, kind in _FILES.items()}
    return {**pages, "start.js": Fixed(start, "text/javascript; charset=utf-8")}


def _problem_in(request: Request[Any, Any, Any]) -> dict[str, Fixed]:
    """The pages of problems, or their JSON where `Accept` likes that better."""
    as_json = prefers(cast(Scope, request.scope), "application/json", "text/html")
    return _problem_documents() if as_json else _problem_pages()


@cache
def _problem_documents() -> dict[str, Fixed]:
    """The JSON of each code, and under the empty code that of all."""
    known: dict[str, dict[str, Any]] = {
        code: {
            "type": f"/problems/{code}",
            "code": code,
            "status": entry.status,
            "title": entry.title,
            "what_to_do": entry.do,
            "members": {name: MEMBERS[name] for name in entry.members},
        }
        for code, entry in sorted(PROBLEMS.items())
    }
    documents: dict[str, object] = {**known, "": {"items": [*known.values()]}}
    return {
        code: Fixed(msgspec.json.encode(document), "application/json", varies=True)
        for code, document in documents.items()
    }


@cache
def _problem_pages() -> dict[str, Fixed]:
    """The page of each code, and under the empty code the list of all."""
    rows = (
        f'<tr><td><a href="/problems/{code}"><code>{code}</code></a></td><td>{entry.status}</td>'
        f"<td>{_text(entry.title)}</td><td>{_text(entry.do)}</td></tr>"
        for code, entry in sorted(PROBLEMS.items(), key=lambda item: (item[1].status, item[0]))
    )
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Code", "Status", "What it means", "What to do"))
    listed = f"<h1>Problems</h1><table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return {"": _page("Problems", listed, varies=True)} | {
        code: _problem_page(code, entry) for code, entry in PROBLEMS.items()
    }


def _problem_page(code: str, entry: Entry) -> Fixed:
    body = (
        f"<h1>{_text(entry.title)}</h1><p><code>{code}</code>, status {entry.status}</p><p>{_text(entry.do)}</p>"
        + "".join(f"<p><code>{name}</code>: {_text(MEMBERS[name]['description'])}</p>" for name in entry.members)
        + '<p><a href="/problems">All problems</a></p>'
    )
    return _page(entry.title, body, varies=True)


def _page(title: str, body: str, *, varies: bool = False) -> Fixed:
    whole = _PAGE.format(title=html.escape(title), head="", body=body)
    return Fixed(whole.encode(), "text/html; charset=utf-8", _HTML_HEADERS, varies=varies)


def _text(words: str) -> str:
    """Plain text as HTML, with `code` in backticks marked up."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words, quote=False))


router = Router(
    path="/",
    route_handlers=[
        get_liveness,
        get_readiness,
        get_reading_readiness,
        get_metrics,
        get_contract,
        get_events_contract,
        get_root,
        get_docs,
        get_docs_file,
        get_problems_page,
        get_problem_page,
    ],
)
