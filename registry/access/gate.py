"""At the door of every operation: who is calling, is the body's kind right, may this caller ever do it.

The order is fixed: 401, then 413/415, then 403 by role and scope alone, then 400; what concerns one particular thing
is judged later, by the command, which has it in its hands.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Send

from registry.access.permissions import Action, in_scope, may_ever
from registry.access.principals import Caller
from registry.access.standing import Standings
from registry.access.tokens import TokenVerifier
from registry.database.connect import Database
from registry.http.asgi import Scope
from registry.http.problems import TooLarge, request_id_of
from registry.http.requests import header_values, refuse_other_media
from registry.kernel.errors import Forbidden, Unauthenticated
from registry.kernel.time import utc_now

_log = structlog.get_logger("registry.access")


class Gate(ASGIMiddleware):
    """Authenticates every operation that is not marked public, and refuses bodies that cannot be read."""

    def __init__(
        self,
        database: Database,
        verifier: TokenVerifier,
        *,
        on_denied: Callable[[Caller, str, str, str], Awaitable[None]],
        max_body_bytes: int,
        max_upload_bytes: int,
    ) -> None:
        self._database = database
        self._on_denied = on_denied
        self._verifier = verifier
        self._standings = Standings()
        self._max_body_bytes = max_body_bytes
        self._max_upload_bytes = max_upload_bytes

    async def handle(self, scope: Any, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["type"] == "http":
            now = utc_now()
            scope["registry.now"] = now
            if not scope["route_handler"].opt.get("public"):
                principal = self._verifier.verify(_bearer(scope), now)
                await self._standings.check(self._database.read(), principal)
                scope["user"] = principal
            self._refuse_large(scope)
            refuse_other_media(scope)
            if (why := _ruled_out(scope)) is not None:
                await self._record_denial(scope, why)
                raise Forbidden(why)
        await next_app(scope, receive, send)
        if (reason := scope.get("registry.denied")) is not None:
            try:
                await self._record_denial(scope, str(reason))
            except Exception as error:  # noqa: BLE001  # it is answered already: raising would cut off the next request
                _log.error("denial not recorded", request_id=request_id_of(scope), error=type(error).__name__)

    async def _record_denial(self, scope: Scope, reason: str) -> None:
        await self._on_denied(caller_from(scope), str(scope["route_handler"].operation_id), scope["path"], reason)

    def _refuse_large(self, scope: Scope) -> None:
        most = self._max_upload_bytes if scope["route_handler"].opt.get("takes") else self._max_body_bytes
        for value in header_values(scope, b"content-length"):
            if value.isdigit() and int(value) > most:
                raise TooLarge(f"The body is larger than {most} bytes.")


def _bearer(scope: Scope) -> str:
    given = header_values(scope, b"authorization")
    if len(given) != 1:
        raise Unauthenticated("Send one Authorization header with a bearer token.")
    kind, _, token = given[0].decode("latin-1").partition(" ")
    token = token.strip(" ")
    if kind.lower() != "bearer" or not token:
        raise Unauthenticated("Send the Authorization header as “Bearer <token>”.")
    return token


def _ruled_out(scope: Scope) -> str | None:
    """Why the token alone rules the operation out, before the body is read; None when it does not.

    Asked here and not in a guard: the framework copies the whole connection for each guard.
    """
    action: Action | None = scope["route_handler"].opt.get("permission")
    if action is None or may_ever(scope["user"], action):
        return None
    why = "scopes do not include" if not in_scope(scope["user"], action) else "roles do not allow"
    return f"Your {why} {action}."


def caller_from(scope: Any) -> Caller:
    """The caller of the request whose scope this is."""
    client = scope.get("client")
    return Caller(
        principal=scope["user"],
        now=scope["registry.now"],
        request_id=request_id_of(scope),
        source_address=client[0] if client else None,
    )
