"""How an operation is declared: method, path, permission and the problems it can answer with, in one line.

What is declared here is enforced (permission, strict query) and documented (OpenAPI) from the same words. It is also
the one place where a request's unit of work begins and ends: the answer is rendered, the idempotency record written,
the transaction committed, and only then does the first byte go out. Whatever raises on the way rolls back.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from registry.access.gate import caller_from
from registry.access.permissions import Action
from registry.access.principals import Principal
from registry.database.connect import unit_of_work
from registry.database.handles import Write
from registry.http.answers import Answer, Content, HtmlAnswer
from registry.http.asgi import AsgiApp, Scope
from registry.http.idempotency import Claim, checked_key
from registry.http.requests import BodyStream, expected_version, header_values, read_query

_VERBS: dict[str, Callable[..., Any]] = {"get": get, "post": post, "patch": patch, "delete": delete}
_MARKER = NamedDependency[int].__metadata__[0]  # type: ignore[attr-defined]  # an Annotated alias


def operation(
    verb: Literal["get", "post", "patch", "delete"],
    path: str,
    *,
    permission: Action | None,
    problems: tuple[int, ...] = (),
    query: type[msgspec.Struct] | None = None,
    status: int | None = None,
    example: object | None = None,
    answer: object | None = None,
    etag: bool = False,
    public: bool = False,
    produces: str | tuple[str, ...] = (),
    takes: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Declare a handler. Its name is the operation id, the first line of its docstring the summary.

    `problems` lists statuses beyond those every operation of its kind can give; `example` and `answer` are worked
    bodies for the contract; `etag` says that the item carries one; `public` that no token is needed; `produces` names
    the media types of an answer that is not JSON, `takes` those of a body that is a file. Parameters marked
    `NamedDependency` are filled from the request (see `Given`), the others by path and body.
    """

    def declare(function: Callable[..., Any]) -> HTTPRouteHandler:
        summary, _, description = (function.__doc__ or "").strip().partition("\n")
        returned = inspect.signature(function, eval_str=True).return_annotation
        produced = produces or getattr(returned, "media_type", ())  # of an answer that is no JSON
        success = status or (201 if verb == "post" else 204 if verb == "delete" else 200)
        handler: HTTPRouteHandler = _VERBS[verb](
            path,
            operation_id=function.__name__,
            summary=summary.rstrip("."),
            description=" ".join(description.split()) or summary,
            status_code=success,
            opt={
                "permission": permission,
                "problems": problems,
                "query": query,
                "example": example,
                "answer": answer,
                "etag": etag,
                "public": public,
                "takes": takes,
                "returns": returned,
                "produces": (produced,) if isinstance(produced, str) else produced,
            },
        )(_conduct(function, query, success))
        return handler

    return declare


class Given:
    """What a handler may ask for by name.

    `read`, `write`, `caller`, `filters`, `if_match`, `here`, `aside`, `scope`, and `body` where the operation takes
    a file.

    Any other name is looked up in the application's state, where `create_app` put it.
    """

    def __init__(self, scope: Scope, query: msgspec.Struct | None, body: BodyStream | None) -> None:
        self.scope = scope
        self.filters = query
        self.body = body
        self.write: Write | None = None

    def __getattr__(self, name: str) -> Any:
        return self.scope["litestar_app"].state[name]

    @property
    def read(self) -> Any:
        """Asks the database."""
        return self.scope["litestar_app"].state["database"].read()

    @property
    def aside(self) -> Any:
        """A transaction apart from the request's: for what must be recorded although nothing else changes."""
        return partial(unit_of_work, self.scope["litestar_app"].state["database"])

    @property
    def caller(self) -> Any:
        """Who calls, and when."""
        return caller_from(self.scope)

    @property
    def if_match(self) -> Any:
        """The version the caller edits from."""
        return expected_version(self.scope)

    @property
    def here(self) -> str:
        """The address that was asked, for links to the next page."""
        query = self.scope["query_string"].decode("latin-1")
        return f"{self.scope['path']}?{query}" if query else str(self.scope["path"])


def _conduct(function: Callable[..., Any], query: type[msgspec.Struct] | None, status: int) -> Callable[..., Any]:
    """The handler as the framework sees it: path and body parameters only, and a finished answer."""
    signature = inspect.signature(function, eval_str=True)
    asked = [n for n, p in signature.parameters.items() if _MARKER in getattr(p.annotation, "__metadata__", ())]
    writes = "write" in asked
    operation_id = function.__name__

    async def conduct(request: Request[Any, Any, Any], **parameters: Any) -> AsgiApp:
        scope: Any = request.scope
        body = BodyStream(request) if "body" in asked else None
        given = Given(scope, read_query(scope, query), body)
        if not writes:
            found: Answer[Any] | Content | HtmlAnswer = await function(
                **parameters, **{name: getattr(given, name) for name in asked}
            )
            return found.render(scope, status)
        write: Write = given.database.write()
        given.write = write
        claim = await _claim(request, write, operation_id, body)
        try:
            answer: Answer[Any] = await function(**parameters, **{name: getattr(given, name) for name in asked})
            rendered = answer.render(scope, status)
            if claim is not None:
                claim.rendered = answer.render_repeated(scope, status) or rendered
            await write.finish()
        except BaseException:
            await write.abandon()
            raise
        return rendered

    kept = [p for name, p in signature.parameters.items() if name not in asked]
    own = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request[Any, Any, Any])
    kept = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in kept]
    conduct.__signature__ = inspect.Signature([own, *kept], return_annotation=ASGIApp)  # type: ignore[attr-defined]  # read by inspect
    conduct.__annotations__ = {p.name: p.annotation for p in [own, *kept]} | {"return": ASGIApp}
    conduct.__name__ = conduct.__qualname__ = operation_id
    conduct.__module__ = function.__module__
    conduct.__doc__ = function.__doc__
    return conduct


async def _claim(
    request: Request[Any, Any, Any], write: Write, operation_id: str, body: BodyStream | None
) -> Claim | None:
    """The hold on the request's idempotency key, if it brought one."""
    scope: Any = request.scope
    key = checked_key(header_values(scope, b"idempotency-key"))
    if key is None or scope["method"] != "POST":
        return None
    principal: Principal = scope["user"]
    claim = Claim(
        agency_id=principal.agency_id,
        subject=principal.subject,
        operation=operation_id,
        key=key,
        path=scope["path"] if body is None else f"{scope['path']}?{scope['query_string'].decode('latin-1')}",
        body=body or await request.body(),
        now=scope["registry.now"],
    )
    write.claim, write.before_commit = claim.take, claim.keep
    return claim
