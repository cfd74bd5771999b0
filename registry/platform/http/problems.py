"""All errors as problem details (RFC 9457), from one table.

An error response must always be raised and never returned: a returned one would commit the request's transaction.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import structlog
from litestar.connection import Request
from litestar.exceptions import HTTPException
from litestar.response import Response
from msgspec import Meta, Struct

from registry.platform.database.violations import translate
from registry.platform.http.catalogue import PROBLEMS
from registry.platform.http.forms import NotAcceptable
from registry.platform.kernel import errors
from registry.platform.kernel.errors import DomainError, Fault
from registry.platform.kernel.text import shortened

MEDIA_TYPE = "application/problem+json"
# A sentence of the service's own, and one that gives several reasons, is told whole; a request may be echoed in one.
_LONGEST_SENTENCE = 4_000
_LONGEST_ECHO = 300
_log = structlog.get_logger("registry.problems")


class TooLarge(DomainError):
    """The body exceeds the size limit."""

    code = "body_too_large"


class TooSlow(DomainError):
    """The body did not arrive in time."""

    code = "body_too_slow"


class MethodNotAllowed(DomainError):
    """The path exists, but not with this method."""

    code = "method_not_allowed"


class Internal(DomainError):
    """A fault of the service itself. It is logged in full under its trace id."""

    code = "internal_error"


class TooManyHeaders(DomainError):
    """More header fields than the limit."""

    code = "too_many_headers"


STATUS: dict[type[DomainError], int] = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    MethodNotAllowed: 405,
    NotAcceptable: 406,
    TooSlow: 408,
    errors.InFlight: 409,
    errors.Conflict: 409,
    errors.WrongStatus: 409,
    errors.Gone: 410,
    errors.StaleVersion: 412,
    TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.IdempotencyKeyReused: 422,
    errors.RuleBroken: 422,
    errors.PreconditionMissing: 428,
    errors.TooManyRequests: 429,
    TooManyHeaders: 431,
    Internal: 500,
    errors.Damaged: 500,
    errors.Busy: 503,
}
"""The status for each class of error. Titles and advice are in the catalogue, by code."""


REFUSALS: dict[type[DomainError], int] = {errors.ClientRefused: 401, errors.GrantRefused: 400}
"""The same for what is answered in OAuth's words instead of as a problem."""


class Problem(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What went wrong and what to do about it (RFC 9457)."""

    type: Annotated[str, Meta(description="Stable URI path of a page about this kind of problem.")]
    title: Annotated[str, Meta(description="The kind of problem, the same each time.")]
    status: Annotated[int, Meta(ge=400, le=599, description="The HTTP status of the answer.")]
    detail: Annotated[str, Meta(description="This occurrence, and what to do.")]
    instance: Annotated[str, Meta(description="The path that was asked.")]
    code: Annotated[str, Meta(description="Stable code for programs.", examples=["stale_version"])]
    trace_id: Annotated[
        str,
        Meta(
            description="Quote this when you ask for help; it is in the logs. Taken from your `traceparent` or"
            " `X-Request-Id`, else made; every answer carries it as `X-Request-Id`."
        ),
    ]
    errors: Annotated[list[Fault], Meta(description="The faults found, each with its place.")] = []


class TokenRefusal(Struct, kw_only=True, frozen=True):
    """Why there is no token, in OAuth's words (RFC 6749, 5.2)."""

    error: Annotated[str, Meta(description="One of the codes of RFC 6749, 5.2.", examples=["invalid_client"])]
    error_description: Annotated[str, Meta(description="What to do, in a sentence.")]


class ProblemAnswer(Struct, kw_only=True, frozen=True):
    """A rendered problem."""

    status: int
    headers: dict[str, str]
    body: bytes


def kind_of(error: DomainError) -> type[DomainError]:
    """The nearest class in the table; `Internal` for an error that is not listed."""
    return next((cls for cls in type(error).__mro__ if cls in STATUS or cls in REFUSALS), Internal)


def status_of(error: DomainError) -> int:
    """The status for the error's class."""
    kind = kind_of(error)
    return STATUS.get(kind) or REFUSALS[kind]


def render(error: DomainError, *, path: str, trace_id: str) -> ProblemAnswer:
    """The bytes of the problem document; of what the token endpoint refuses, in OAuth's words."""
    if isinstance(error, errors.GrantRefused):
        return _refusal(error)
    status = status_of(error)
    code = error.code if error.code in PROBLEMS else kind_of(error).code
    headers = {"content-type": MEDIA_TYPE, "cache-control": "no-store"}
    if isinstance(error, errors.Unauthenticated):
        headers["www-authenticate"] = _challenge(error)
    if isinstance(error, errors.Busy | errors.InFlight | errors.TooManyRequests):
        headers["retry-after"] = str(error.retry_after)
    if "allow" in error.extra:
        headers["allow"] = str(error.extra["allow"])
    document = msgspec.to_builtins(
        Problem(
            type=f"/problems/{code}",
            title=PROBLEMS[code].title,
            status=status,
            detail=_printable(error.detail),
            instance=_printable(path, _LONGEST_ECHO),
            code=error.code,
            trace_id=trace_id,
            errors=[msgspec.structs.replace(f, detail=_printable(f.detail)) for f in error.faults[:50]],
        )
    )
    document |= {k: v for k, v in error.extra.items() if k not in document and k != "allow"}
    return ProblemAnswer(status=status, headers=headers, body=msgspec.json.encode(document))


def _challenge(error: errors.Unauthenticated) -> str:
    """The challenge of a 401 (RFC 6750, 3; RFC 9470, 3)."""
    challenge = 'Bearer realm="registry"'
    if isinstance(error, errors.InsufficientAuthentication):
        asked = dict(error.extra)
        if "acr_values" in asked:
            asked["acr_values"] = " ".join(error.extra["acr_values"])  # type: ignore[arg-type]  # a list of texts
        parts = [f'error="{error.code}"', *(f'{name}="{value}"' for name, value in asked.items())]
        return ", ".join([challenge, *parts])
    return challenge if error.code == "unauthenticated" else f'{challenge}, error="invalid_token"'


def _refusal(error: errors.GrantRefused) -> ProblemAnswer:
    """The answer of RFC 6749, 5.2, whose description holds printable ASCII without quotation marks."""
    plain = re.sub(r"[^ !#-\[\]-~]", "?", _printable(error.detail))
    headers = {"content-type": "application/json", "cache-control": "no-store", "pragma": "no-cache"}
    if isinstance(error, errors.ClientRefused):
        headers["www-authenticate"] = 'Basic realm="registry"'
    body = msgspec.json.encode(TokenRefusal(error=error.code, error_description=plain))
    return ProblemAnswer(status=status_of(error), headers=headers, body=body)


def _printable(text: str, most: int = _LONGEST_SENTENCE) -> str:
    """The text, shortened and without characters that cannot be encoded: messages may quote a hostile request."""
    return shortened(text.encode("utf-8", "replace").decode(), most)


def as_domain_error(error: Exception) -> DomainError:
    """The domain error for any exception; an unexpected one becomes a 500 and is logged in full."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, HTTPException):
        return _from_framework(error)
    if (translated := translate(error)) is not None:
        return translated
    return Internal("The service failed; the error is in its logs under this trace id.")


def _from_framework(error: HTTPException) -> DomainError:
    status = error.status_code
    if status == 404:
        return errors.NotFound("page")
    if status == 405:
        return MethodNotAllowed("This path does not allow that method.", extra=_allow(error))
    if status == 413:
        return TooLarge("The body is larger than this operation accepts.")
    if status == 401:
        return errors.Unauthenticated("Send a bearer token.")
    if status == 403:
        return errors.Forbidden("You may not do this.")
    if 400 <= status < 500:
        return errors.Malformed(_bad_request(error))
    return Internal("The service failed; the error is in its logs under this trace id.")


def _allow(error: HTTPException) -> dict[str, object]:
    return {"allow": (error.headers or {}).get("allow") or (error.headers or {}).get("Allow") or "GET"}


def _bad_request(error: HTTPException) -> str:
    if "Missing required" in error.detail or error.detail == "data" or "data" in str(error.extra):
        return "This operation needs a JSON body."
    return "The request cannot be read: " + (error.detail or "it is malformed")


def trace_id_of(scope: Mapping[str, object]) -> str:
    """The trace id of the request."""
    return str(scope.get("registry.trace_id", "unknown"))


def on_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The framework's only exception handler."""
    domain_error = as_domain_error(error)
    if isinstance(domain_error, errors.Forbidden):
        request.scope["registry.denied"] = domain_error.detail  # type: ignore[typeddict-unknown-key]  # recorded once answered
    if kind_of(domain_error) is Internal:
        _log.error("unhandled", trace_id=trace_id_of(request.scope), exc_info=error)
    answer = render(domain_error, path=request.scope["path"], trace_id=trace_id_of(request.scope))
    kind = answer.headers["content-type"]
    return Response(answer.body, status_code=answer.status, headers=answer.headers, media_type=kind)
