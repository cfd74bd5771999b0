"""Authentication and coarse authorisation of each request.

Checks run in a fixed order: authentication (401), size and media type of the body (413, 415), then whether the caller's
roles and scopes allow the action at all (403), and whether the sign-in is recent enough for it (401). Validation of the
body (400) follows in the handler. Whether the caller may act on one particular thing is decided later by the command,
once it has loaded that thing.
"""

from datetime import datetime
from typing import Any

import structlog
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Send

from registry.platform.access.acting import RevocationCache
from registry.platform.access.denials import Denial, Denials
from registry.platform.access.permissions import Action, may_ever, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.access.rates import RateLimits
from registry.platform.access.refusals import KeysUnavailable, Reason, TokenRefused
from registry.platform.access.sightings import Sightings
from registry.platform.access.sign_ins import SignInSums
from registry.platform.access.step_up import check_step_up
from registry.platform.access.tokens import TokenVerifier
from registry.platform.database.connect import Database
from registry.platform.http.asgi import Scope
from registry.platform.http.problems import TooLarge, trace_id_of
from registry.platform.http.requests import header_values, refuse_other_media
from registry.platform.kernel.errors import Forbidden, TooManyRequests, Unauthenticated
from registry.platform.kernel.text import shortened
from registry.platform.kernel.time import utc_now

_log = structlog.get_logger("registry.platform.access")


class Authentication(ASGIMiddleware):
    """Authenticates every operation that is not public; refuses bodies that are too large or of a wrong type."""

    def __init__(
        self,
        database: Database,
        verifier: TokenVerifier,
        *,
        denials: Denials,
        rates: RateLimits,
        sightings: Sightings,
        sign_ins: SignInSums,
        idle_days: int,
        max_body_bytes: int,
        max_upload_bytes: int,
    ) -> None:
        self._database = database
        self._denials = denials
        self._rates = rates
        self._verifier = verifier
        self._sightings = sightings
        self._sign_ins = sign_ins
        self._revocations = RevocationCache(idle_days)
        self._max_body_bytes = max_body_bytes
        self._max_upload_bytes = max_upload_bytes

    async def handle(self, scope: Any, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["type"] == "http":
            now = utc_now()
            scope["registry.now"] = now
            if not scope["route_handler"].opt.get("public"):
                principal = await self._authenticated(scope, now)
                await self._check_acting(principal, now)
                scope["user"] = principal
                self._sightings.note(principal, now)
                self._count(scope, principal, now)
            self._refuse_large(scope)
            refuse_other_media(scope)
            if (why := _refused_by_token(scope)) is not None:
                await self._record_denial(scope, why)
                raise Forbidden(why)
            if scope["route_handler"].opt.get("step_up"):
                check_step_up(scope["user"], now)
        await next_app(scope, receive, send)
        if (reason := scope.get("registry.denied")) is not None:
            try:
                await self._record_denial(scope, str(reason))
            except Exception as error:  # noqa: BLE001  # it is answered already: raising would cut off the next request
                _log.error("denial not recorded", trace_id=trace_id_of(scope), error=type(error).__name__)

    async def _authenticated(self, scope: Any, now: datetime) -> Principal:
        """Who calls. A refused token is counted and logged by its reason; the token itself never is.

        One that cannot be verified is logged, and not counted: it was not refused.
        """
        metrics = scope["litestar_app"].state["metrics"]
        try:
            principal = await self._verifier.authenticate(_bearer(scope), now)
        except TokenRefused as refused:
            metrics.refuse(refused.issuer if refused.trusted else None, refused.reason)
            if refused.trusted and refused.issuer is not None:
                self._sign_ins.note(refused.issuer, refused.name, refused.agency_id, now)
            write = _log.info if refused.reason is Reason.EXPIRED else _log.warning
            write(
                "token refused",
                trace_id=trace_id_of(scope),
                reason=refused.name,
                issuer=refused.issuer,
                kid=refused.kid,
                subject=refused.subject,
            )
            raise
        except KeysUnavailable as away:
            _log.warning("token not verified", trace_id=trace_id_of(scope), issuer=away.issuer, kid=away.kid)
            raise
        metrics.accept(principal.issuer)
        return principal

    async def _check_acting(self, principal: Principal, now: datetime) -> None:
        """Raises the refusal of a good token whose bearer may not act now; it counts as a refused sign-in."""
        try:
            await self._revocations.check(self._database.read(), principal, now)
        except (Unauthenticated, Forbidden) as refused:
            reason = "token_revoked" if isinstance(refused, Unauthenticated) else refused.code
            self._sign_ins.note(principal.issuer, reason, principal.agency_id, now)
            raise

    def _count(self, scope: Any, principal: Principal, now: datetime) -> None:
        """Raises TooManyRequests; in any case the answer says how many requests are left."""
        try:
            left = self._rates.count(principal, now)
        except TooManyRequests as refused:
            left = refused.rate_limit
            raise
        finally:
            if left:
                fields = ((b"ratelimit-policy", self._rates.policy), (b"ratelimit", left))
                scope["registry.rate"] = [(name, value.encode()) for name, value in fields]

    async def _record_denial(self, scope: Scope, reason: str) -> None:
        operation = str(scope["route_handler"].operation_id)
        denial = Denial(
            caller=caller_from(scope), operation=operation, path=scope["path"][:300], reason=shortened(reason, 300)
        )
        await self._denials.note(denial)

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


def _refused_by_token(scope: Scope) -> str | None:
    """The reason why the token's roles or scopes do not allow the operation on anything; None when they may.

    This is not a guard of the framework, because the framework copies the whole connection for each guard.
    """
    action: Action | None = scope["route_handler"].opt.get("permission")
    if action is None or may_ever(scope["user"], action):
        return None
    return refusal(scope["user"], action, ())


def caller_from(scope: Any) -> Caller:
    """The authenticated caller of the request with this ASGI scope."""
    client = scope.get("client")
    return Caller(
        principal=scope["user"],
        now=scope["registry.now"],
        trace_id=trace_id_of(scope),
        source_address=client[0] if client else None,
    )
