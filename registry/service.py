"""The service's own operations: health, metrics, the contract, problem pages and the browsable documentation."""

import html
from pathlib import Path
from typing import Any

from litestar import Request, Response, Router, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.static_files import create_static_files_router
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from registry.access.operations import operation
from registry.background import Background
from registry.database.connect import Database
from registry.http.answers import Answer
from registry.http.health import Health, readiness
from registry.http.problems import STATUS
from registry.kernel.errors import NotFound

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
{head}</head><body>{body}</body></html>"""
_HTML_HEADERS = {
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "script-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
}
_STARTER = (
    "window.onload=()=>SwaggerUIBundle({url:'/openapi.json',dom_id:'#ui',deepLinking:true,persistAuthorization:false})"
)


@operation("get", "/health/live", permission=None, public=True)
async def get_liveness() -> Answer[Health]:
    """Tell whether the process runs."""
    return Answer(Health(status="alive"))


@operation("get", "/health/ready", permission=None, public=True, problems=())
async def get_readiness(database: NamedDependency[Database], background: NamedDependency[Background]) -> Answer[Health]:
    """Tell whether the service can serve: database, schema, background work."""
    health = await readiness(database, background.lags())
    return Answer(health, status=200 if health.status == "ready" else 503)


@get("/metrics", opt={"public": True}, media_type="text/plain")
async def get_metrics(state: State) -> Response[bytes]:
    """Counters and timings for Prometheus."""
    return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@get("/openapi.json", opt={"public": True})
async def get_contract(state: State) -> Response[bytes]:
    """The contract."""
    return Response(state.contract, media_type="application/json")


@get("/", opt={"public": True})
async def get_root() -> Redirect:
    """Newcomers go to the documentation."""
    return Redirect("/docs")


@get("/docs", opt={"public": True}, media_type="text/html")
async def get_docs() -> Response[str]:
    """Browse the contract; served from installed files, with no call to anywhere else."""
    head = '<link rel="stylesheet" href="/docs/files/swagger-ui.css">'
    scripts = ("/docs/files/swagger-ui-bundle.js", "/docs/start.js")
    body = '<div id="ui"></div>' + "".join(f'<script src="{path}"></script>' for path in scripts)
    return Response(
        _PAGE.format(title="Registry API", head=head, body=body), headers=_HTML_HEADERS, media_type="text/html"
    )


@get("/docs/start.js", opt={"public": True})
async def get_docs_starter() -> Response[str]:
    """What starts the documentation page, apart from it, so that no inline script need be allowed."""
    return Response(_STARTER, media_type="text/javascript")


@get("/problems/{code:str}", opt={"public": True}, media_type="text/html")
async def get_problem_page(code: FromPath[str], request: Request[Any, Any, Any]) -> Response[str]:
    """What a kind of problem means."""
    kinds: dict[str, Any] = request.app.state.problem_kinds
    if code not in kinds:
        raise NotFound("problem")
    error, (status, title) = kinds[code]
    meaning = html.escape((error.__doc__ or "").strip())
    body = f"<h1>{html.escape(title)}</h1><p><code>{html.escape(code)}</code>, status {status}</p><p>{meaning}</p>"
    return Response(
        _PAGE.format(title=html.escape(title), head="", body=body), headers=_HTML_HEADERS, media_type="text/html"
    )


def problem_kinds() -> dict[str, Any]:
    """Code → (error class, (status, title)) of the kinds of problem there are."""
    return {cls.code: (cls, words) for cls, words in STATUS.items()}


def _swagger_files() -> Path:
    import swagger_ui

    return Path(swagger_ui.__file__).parent / "static"


router = Router(
    path="/",
    tags=["service"],
    route_handlers=[
        get_liveness,
        get_readiness,
        get_metrics,
        get_contract,
        get_root,
        get_docs,
        get_docs_starter,
        get_problem_page,
        create_static_files_router(path="/docs/files", directories=[_swagger_files()], opt={"public": True}),
    ],
)
