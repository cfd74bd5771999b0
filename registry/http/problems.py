"""Every error as problem details (RFC 9457), from one table.

An error response is always raised, never returned: returning one would commit what the request had begun.
"""

from typing import Annotated, Any

import msgspec
import structlog
from litestar.connection import Request
from litestar.exceptions import HTTPException
from litestar.response import Response
from litestar.types import Scope
from msgspec import Meta, Struct

from registry.database.violations import translate
from registry.kernel import errors
from registry.kernel.errors import DomainError, Fault

MEDIA_TYPE = "application/problem+json"
_LONGEST_ECHO = 300
_log = structlog.get_logger("registry.problems")


class TooLarge(DomainError):
    """The body is larger than the service reads."""

    code = "body_too_large"


class TooSlow(DomainError):
    """The body did not arrive in time."""

    code = "body_too_slow"


class UnsupportedMediaType(DomainError):
    """The body is not JSON."""

    code = "unsupported_media_type"


class MethodNotAllowed(DomainError):
    """The path exists, but not with this method."""

    code = "method_not_allowed"


class Internal(DomainError):
    """A fault of the service itself. It is logged in full under the request id."""

    code = "internal_error"


class TooManyHeaders(DomainError):
    """More header fields than any client needs."""

    code = "too_many_headers"


STATUS: dict[type[DomainError], tuple[int, str]] = {
    errors.Malformed: (400, "The request cannot be read"),
    errors.Unauthenticated: (401, "Authentication is needed"),
    errors.Forbidden: (403, "You may not do this"),
    errors.NotFound: (404, "Not found"),
    MethodNotAllowed: (405, "Method not allowed"),
    TooSlow: (408, "The body did not arrive in time"),
    errors.InFlight: (409, "The first request is still running"),
    errors.Conflict: (409, "In conflict with what is there"),
    errors.WrongState: (409, "Not possible from this state"),
    errors.StaleVersion: (412, "Changed since you read it"),
    TooLarge: (413, "The body is too large"),
    UnsupportedMediaType: (415, "Unsupported media type"),
    errors.IdempotencyKeyReused: (422, "Idempotency key reused"),
    errors.RuleBroken: (422, "A rule is broken"),
    errors.PreconditionMissing: (428, "A precondition is required"),
    TooManyHeaders: (431, "Too many header fields"),
    Internal: (500, "Internal error"),
    errors.Busy: (503, "Busy"),
}


class Problem(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What went wrong and what to do about it (RFC 9457)."""

    type: Annotated[str, Meta(description="Stable URI path of a page about this kind of problem.")]
    title: Annotated[str, Meta(description="The kind of problem, the same each time.")]
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="This occurrence, and what to do.")]
    instance: Annotated[str, Meta(description="The path that was asked.")]
    code: Annotated[str, Meta(description="Stable code for programs.", examples=["stale_version"])]
    request_id: Annotated[str, Meta(description="Quote this when you ask for help; it is in the logs.")]
    errors: Annotated[list[Fault], Meta(description="The faults found, each with its place.")] = []


class ProblemAnswer(Struct, kw_only=True, frozen=True):
    """A rendered problem."""

    status: int
    headers: dict[str, str]
    body: bytes


def kind_of(error: DomainError) -> type[DomainError]:
    """The nearest class in the table; what has no place there is a fault of ours."""
    return next((cls for cls in type(error).__mro__ if cls in STATUS), Internal)


def status_of(error: DomainError) -> tuple[int, str]:
    """Status and title of the error's kind."""
    return STATUS[kind_of(error)]


def render(error: DomainError, *, path: str, request_id: str) -> ProblemAnswer:
    """The bytes of a problem document."""
    status, title = status_of(error)
    headers = {"content-type": MEDIA_TYPE, "cache-control": "no-store"}
    if isinstance(error, errors.Unauthenticated):
        challenge = 'Bearer realm="registry"'
        headers["www-authenticate"] = (
            challenge if error.code == "unauthenticated" else f'{challenge}, error="invalid_token"'
        )
    if isinstance(error, errors.Busy | errors.InFlight):
        headers["retry-after"] = str(error.retry_after)
    if "allow" in error.extra:
        headers["allow"] = str(error.extra["allow"])
    if (version := error.extra.get("current_etag")) is not None:
        headers["etag"] = str(version)
    document = msgspec.to_builtins(
        Problem(
            type=f"/problems/{kind_of(error).code}",
            title=title,
            status=status,
            detail=_printable(error.detail),
            instance=_printable(path),
            code=error.code,
            request_id=request_id,
            errors=[msgspec.structs.replace(f, detail=_printable(f.detail)) for f in error.faults[:50]],
        )
    )
    document |= {k: v for k, v in error.extra.items() if k not in document and k not in ("allow", "current_etag")}
    return ProblemAnswer(status=status, headers=headers, body=msgspec.json.encode(document))


def _printable(text: str) -> str:
    """Bounded, and free of what cannot be encoded: messages may quote a hostile request."""
    clean = text.encode("utf-8", "replace").decode()
    return clean if len(clean) <= _LONGEST_ECHO else clean[: _LONGEST_ECHO - 1] + "…"


def as_domain_error(error: Exception) -> DomainError:
    """The domain error that any exception stands for; what nobody expected becomes a 500 and is logged in full."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, HTTPException):
        return _from_framework(error)
    if (translated := translate(error)) is not None:
        return translated
    return Internal("Something went wrong on our side; it is in the logs under this request id.")


def _from_framework(error: HTTPException) -> DomainError:
    status = error.status_code
    if status == 404:
        return errors.NotFound("page")
    if status == 405:
        return MethodNotAllowed("This path does not take that method.", extra=_allow(error))
    if status == 413:
        return TooLarge("The body is larger than this operation reads.")
    if status == 401:
        return errors.Unauthenticated("Send a bearer token.")
    if status == 403:
        return errors.Forbidden("You may not do this.")
    if 400 <= status < 500:
        return errors.Malformed(_bad_request(error))
    return Internal("Something went wrong on our side; it is in the logs under this request id.")


def _allow(error: HTTPException) -> dict[str, object]:
    return {"allow": (error.headers or {}).get("allow") or (error.headers or {}).get("Allow") or "GET"}


def _bad_request(error: HTTPException) -> str:
    if "Missing required" in error.detail or error.detail == "data" or "data" in str(error.extra):
        return "This operation needs a JSON body."
    return "The request cannot be read: " + (error.detail or "it is malformed")


def request_id_of(scope: Scope) -> str:
    """The id under which this request is logged."""
    return str(scope.get("registry.request_id", "unknown"))


def on_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The framework's one exception handler."""
    domain_error = as_domain_error(error)
    if isinstance(domain_error, errors.Forbidden):
        request.scope["registry.denied"] = domain_error.detail  # type: ignore[typeddict-unknown-key]  # recorded once answered
    if status_of(domain_error)[0] == 500:
        _log.error("unhandled", request_id=request_id_of(request.scope), exc_info=error)
    answer = render(domain_error, path=request.scope["path"], request_id=request_id_of(request.scope))
    return Response(answer.body, status_code=answer.status, headers=answer.headers, media_type=MEDIA_TYPE)
