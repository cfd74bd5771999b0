"""Declaration of operations: method, path, permission and possible problems, at the handler.

The declaration is both enforced (permission, allowed query parameters) and documented (OpenAPI). This module also
begins and ends the unit of work of each request: the answer is rendered, the idempotency record is written and the
transaction is committed before the first byte is sent. Any exception before that rolls back. A handler receives
dependencies through parameters marked `Supplied`; a name that nothing supplies is refused at start-up.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, get_args
from uuid import UUID

import msgspec
from litestar import Litestar, Request, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from registry.platform.access.authentication import caller_from
from registry.platform.access.permissions import PERMISSIONS, STEP_UP, Action
from registry.platform.access.principals import Principal
from registry.platform.access.second_operator import ACTS, PERFORMABLE, KeptAct, Performable, ProposedAct
from registry.platform.database.connect import unit_of_work
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer, Content, Download, HtmlAnswer, Rendered
from registry.platform.http.asgi import AsgiApp, Scope
from registry.platform.http.deprecations import Deprecation
from registry.platform.http.forms import OtherForm, chosen
from registry.platform.http.idempotency import Claim, checked_key
from registry.platform.http.links import next_link
from registry.platform.http.paging import Page, bind, check_ranges, unbind
from registry.platform.http.requests import BodyStream, Form, expected_version, header_values, read_form, read_query

_VERBS: dict[str, Callable[..., Any]] = {"get": get, "post": post, "patch": patch, "delete": delete}

Wanted = TypeVar("Wanted")


class _Supply:
    """Marks a parameter that is filled from the request or from the application's state."""


_SUPPLY: Final = _Supply()
Supplied: TypeAlias = Annotated[Wanted, _SUPPLY]
"""What a handler asks for by name (see `Supplies`); every other parameter comes from path or body."""
PlaceNow: TypeAlias = Callable[[UUID], Awaitable[str]]
"""Given an agency, its cursor for where the feed is now."""


def operation(
    verb: Literal["get", "post", "patch", "delete"],
    path: str,
    *,
    permission: Action | None,
    problems: tuple[str, ...] = (),
    query: type[msgspec.Struct] | None = None,
    status: int | None = None,
    example: object | None = None,
    etag: bool = False,
    public: bool = False,
    produces: str | tuple[str, ...] = (),
    takes: tuple[str, ...] = (),
    any_body: bool = False,
    also: Mapping[int, str] | None = None,
    own_transactions: bool = False,
    step_up: bool = False,
    approves_what_was_read: bool = False,
    form: type[msgspec.Struct] | None = None,
    other_forms: tuple[OtherForm, ...] = (),
    deprecations: tuple[Deprecation, ...] = (),
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Declare a handler. Its name is the operation id, the first line of its docstring the summary.

    `problems` names the codes (of `problems.yaml`) that this operation answers with, beyond those that every operation
    of its kind can give; `example` is an example body for the contract; `etag` says that the answer carries an ETag;
    `public` that no token is needed; `produces` names the media types of an answer that is not JSON, `takes` those of a
    body that is a file; `any_body` says that it reads none, so that any may come; `also` names further statuses of the
    same answer, and what each means. `own_transactions` says that the operation commits transactions of its own, which
    stay committed even when the request fails, such as the batches of an import or the record of a reading.
    `step_up` says that it needs a recent sign-in where the caller's
    issuer asks for one, as every operation with a permission of `STEP_UP` does. `approves_what_was_read` says that
    `If-Match` is required and names what was read (see `check_read`). `form` says that the body is that form instead of
    JSON, and that what is refused is answered in OAuth's words; `other_forms` in which other media types clients may
    ask for the answer; `deprecations` that it, or some of its query parameters, will go. Raises
    TypeError for a handler with a parameter that its declaration rules out.
    """

    def declare(function: Callable[..., Any]) -> HTTPRouteHandler:
        asked = _asked(function)
        steps_up = step_up or permission in STEP_UP
        offered = {"write": verb != "get", "filters": query is not None, "body": bool(takes), "form": form is not None}
        offered["own_transaction"] = own_transactions
        if ruled_out := [name for name in asked if not offered.get(name, True)]:
            raise TypeError(f"{function.__name__} asks for {', '.join(ruled_out)}, which its declaration rules out")
        summary, _, description = (function.__doc__ or "").strip().partition("\n")
        returned = inspect.signature(function, eval_str=True).return_annotation
        codes = tuple(sorted((*problems, "insufficient_user_authentication"))) if steps_up else problems
        if function.__name__ in ACTS:
            body = inspect.signature(function, eval_str=True).parameters["data"].annotation
            PERFORMABLE[function.__name__] = Performable(
                handler=function, asked=asked, body=get_args(body)[0], problems=codes
            )
        produced = produces or getattr(returned, "media_type", ())  # the answer is not JSON
        success = status or (201 if verb == "post" else 204 if verb == "delete" else 200)
        handler: HTTPRouteHandler = _VERBS[verb](
            path,
            operation_id=function.__name__,
            summary=summary.rstrip("."),
            description=" ".join(description.split()) or summary,
            status_code=200 if success == 204 else success,  # the framework would allow no finished answer at 204
            opt={
                "status": success,
                "permission": permission,
                "roles": {}
                if permission is None
                else {str(who): sorted(of) for who, of in PERMISSIONS[permission].items()},
                "problems": codes,
                "step_up": steps_up,
                "approves_what_was_read": approves_what_was_read,
                "query": query,
                "example": example,
                "etag": etag,
                "public": public,
                "takes": takes,
                "any_body": any_body,
                "form": form,
                "other_forms": other_forms,
                "deprecations": deprecations,
                "also": also or {},
                "accepted": ProposedAct if function.__name__ in ACTS else None,
                "returns": returned,
                "produces": (produced,) if isinstance(produced, str) else produced,
                "asked": asked,
            },
        )(_wrapped(function, asked, query, success, own_transactions=own_transactions and verb != "get"))
        return handler

    return declare


def _asked(function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(function, eval_str=True).parameters
    return tuple(n for n, p in parameters.items() if _SUPPLY in getattr(p.annotation, "__metadata__", ()))


def check_supplies(app: Litestar) -> None:
    """Check the parameters of every handler at start-up.

    Raises LookupError for one that neither the request nor the application's state supplies.
    """
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            for name in handler.opt.get("asked", ()):
                if name not in _OF_THE_REQUEST and name not in app.state:
                    raise LookupError(f"{handler.operation_id} asks for {name}, and nothing supplies that")


class Supplies:
    """The values that a handler can receive by parameter name.

    From the request: `read`, `write`, `own_transaction`, `caller`, `filters`, `if_match`, `last_event_id`,
    `request_target`, `scope`, `body` where the operation takes a file, and `form` where it takes one. Any other name is
    looked up in the application's state, which `create_app` fills.
    """

    def __init__(
        self, scope: Scope, query: msgspec.Struct | None, body: BodyStream | None, form: Form | None = None
    ) -> None:
        self.scope = scope
        self.form = form
        self.filters = query
        self.body = body
        self.write: Write | None = None

    def __getattr__(self, name: str) -> Any:
        return self.scope["litestar_app"].state[name]

    @property
    def read(self) -> Any:
        """A read-only handle on the database."""
        return self.scope["litestar_app"].state["database"].read()

    @property
    def own_transaction(self) -> Any:
        """Opens a transaction separate from the request's, for what is stored even if the request fails."""
        return partial(unit_of_work, self.scope["litestar_app"].state["database"])

    @property
    def caller(self) -> Any:
        """The authenticated caller, with the time of the request."""
        return caller_from(self.scope)

    @property
    def if_match(self) -> Any:
        """The versions that the `If-Match` header allows the caller to edit."""
        return expected_version(self.scope)

    @property
    def last_event_id(self) -> str | None:
        """The `Last-Event-ID` header, by which a client says where its stream broke off; None without it."""
        given = header_values(self.scope, b"last-event-id")
        return given[-1].decode("latin-1").strip() or None if given else None

    @property
    def request_target(self) -> str:
        """Path and query string as requested, from which the link to the next page is made."""
        query = self.scope["query_string"].decode("latin-1")
        return f"{self.scope['path']}?{query}" if query else str(self.scope["path"])


_OF_THE_REQUEST: Final = frozenset(
    {"write", "filters", "body", "form", "scope"}
    | {name for name, what in vars(Supplies).items() if isinstance(what, property)}
)


def _wrapped(
    function: Callable[..., Any],
    asked: tuple[str, ...],
    query: type[msgspec.Struct] | None,
    status: int,
    *,
    own_transactions: bool,
) -> Callable[..., Any]:
    """Wrap the handler for the framework: it declares path and body parameters only, and returns a finished answer."""
    signature = inspect.signature(function, eval_str=True)
    operation_id = function.__name__
    # An unsafe operation without `write` has only transactions of its own; the request's stores the idempotent answer.
    keeps_answer_only = own_transactions and "write" not in asked

    async def handle(request: Request[Any, Any, Any], **parameters: Any) -> AsgiApp:
        scope: Any = request.scope
        body = BodyStream(request) if "body" in asked else None
        question = read_query(scope, query)
        if isinstance(question, Page):
            question = unbind(scope["path"], question)
        if question is not None:
            check_ranges(question)
        form = await read_form(request) if "form" in asked else None
        supplies = Supplies(scope, question, body, form)

        async def answered() -> Any:
            return await function(**parameters, **{name: getattr(supplies, name) for name in asked})

        if "write" not in asked and not keeps_answer_only:
            forms = scope["route_handler"].opt["other_forms"]
            liked = chosen(scope, forms) if forms else None
            place = await _place_in_feed(scope) if isinstance(question, Page) else None  # before anything is read
            found: Answer[Any] | Content | Download | HtmlAnswer = await answered()
            if isinstance(found, Answer):
                found.form, found.varies = liked, bool(forms)
            if isinstance(question, Page) and isinstance(found, Answer):
                found.content = bind(found.content, scope["path"], question)
                found.next_link = next_link(supplies.request_target, found.content.next_cursor)
                found.as_of_event = place
            return found.render(scope, status)
        write: Write = supplies.database.write()
        supplies.write = write
        claim = await _claim(request, write, operation_id, body)
        try:
            if keeps_answer_only:  # answer a repeated request before the transaction of the import begins
                await write.once()
                await write.abandon()
            if operation_id in ACTS and supplies.second_operator.is_needed(operation_id, supplies.caller):
                async with write.rehearsal():  # what cannot be done now is refused, and not proposed
                    await answered()
                kept = KeptAct(
                    operation=operation_id,
                    path=scope["path"],
                    parameters={name: str(value) for name, value in parameters.items() if name != "data"},
                    body=await request.body(),
                    expected=supplies.if_match,
                )
                code, answer = 202, await supplies.second_operator.propose(write, supplies.caller, kept)
            else:
                code, answer = status, await answered()
            rendered: Rendered = answer.render(scope, code)
            if claim is not None:
                claim.rendered = answer.render_repeated(scope, code) or rendered
            if keeps_answer_only:
                await write.once()
            await write.finish()
        except BaseException:
            await write.abandon()
            raise
        return rendered

    kept = [p for name, p in signature.parameters.items() if name not in asked]
    own = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request[Any, Any, Any])
    kept = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in kept]
    handle.__signature__ = inspect.Signature([own, *kept], return_annotation=ASGIApp)  # type: ignore[attr-defined]  # read by inspect
    handle.__annotations__ = {p.name: p.annotation for p in [own, *kept]} | {"return": ASGIApp}
    handle.__name__ = handle.__qualname__ = operation_id
    handle.__module__ = function.__module__
    handle.__doc__ = function.__doc__
    return handle


async def _place_in_feed(scope: Scope) -> str | None:
    """The caller's cursor for a place of the feed, from which on it hears of everything that a list may lack."""
    principal: Principal | None = scope.get("user")
    place_now: PlaceNow | None = scope["litestar_app"].state.get("place_in_feed")
    return None if principal is None or place_now is None else await place_now(principal.agency_id)


async def _claim(
    request: Request[Any, Any, Any], write: Write, operation_id: str, body: BodyStream | None
) -> Claim | None:
    """The claim on the request's idempotency key; None without a key."""
    scope: Any = request.scope
    key = checked_key(header_values(scope, b"idempotency-key"))
    if key is None or scope["method"] != "POST" or scope["route_handler"].opt["public"]:  # nobody's key
        return None
    principal: Principal = scope["user"]
    claim = Claim(
        agency_id=principal.agency_id,
        subject=principal.person,
        operation=operation_id,
        key=key,
        path=scope["path"] if body is None else f"{scope['path']}?{scope['query_string'].decode('latin-1')}",
        body=body or await request.body(),
        now=scope["registry.now"],
    )
    write.claim, write.before_commit = claim.take, claim.keep
    return claim
