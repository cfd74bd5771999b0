"""Domain errors, independent of HTTP.

Each error has a stable `code` (snake_case, for programs) and a `detail` sentence that tells the reader what to do.
`registry.platform.http.problems` contains the table with the HTTP status of each class.
"""

from collections.abc import Sequence
from typing import Self

import msgspec

from registry.platform.kernel.text import spoken


class Fault(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One fault at one place: in the body at `pointer`, or in a query, path or header `parameter`."""

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None


class DomainError(Exception):
    """Base class of all errors of the domain.

    `extra` contains additional members of the problem document, such as the window that blocks a booking; it must be
    serialisable and suitable for the caller to see.
    """

    code = "domain_error"

    def __init__(
        self,
        detail: str,
        code: str | None = None,
        *,
        faults: Sequence[Fault] = (),
        extra: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.faults = tuple(faults)
        self.extra = extra or {}

    @classmethod
    def at(
        cls,
        detail: str,
        code: str,
        brief: str | None = None,
        *,
        pointer: str | None = None,
        parameter: str | None = None,
    ) -> Self:
        """The error at one place: the body's at `pointer`, or a parameter. `brief` is the detail at that place."""
        fault = Fault(code=code, detail=brief or detail, pointer=pointer, parameter=parameter)
        return cls(detail, code, faults=[fault])


class Malformed(DomainError):
    """The input cannot be read: wrong structure, unknown parameter, value out of bounds."""

    code = "malformed"


class UnsupportedMediaType(DomainError):
    """The body's media type is not one that this operation accepts."""

    code = "unsupported_media_type"


class Unauthenticated(DomainError):
    """No token, or one that is not valid here and now."""

    code = "unauthenticated"


class InsufficientAuthentication(Unauthenticated):
    """The token is good, but its bearer signed in too long ago, or too weakly, for this act (RFC 9470)."""

    code = "insufficient_user_authentication"

    def __init__(self, detail: str, *, max_age_seconds: int | None, acr_values: Sequence[str]) -> None:
        asked = {} if max_age_seconds is None else {"max_age": max_age_seconds}
        super().__init__(detail, extra={**asked, **({"acr_values": list(acr_values)} if acr_values else {})})


class Forbidden(DomainError):
    """The caller may see the thing but not do this to it."""

    code = "forbidden"


class NotFound(DomainError):
    """The thing does not exist, or the caller may not know that it does; both look the same."""

    code = "not_found"

    def __init__(self, what: str = "resource") -> None:
        self.what = what
        self.noun = what.replace("_", " ")
        super().__init__(f"There is no such {self.noun}, or it is not visible to you.")

    def named_at(self, pointer: str) -> "RuleBroken":
        """The error for a body that names the thing at `pointer`: code `unknown_<what>`, with the same sentence."""
        return RuleBroken.at(self.detail, f"unknown_{self.what}", f"no such {self.noun}", pointer=pointer)


class Gone(DomainError):
    """It was here, and has left the database for an archive. `detail` says where it is asked for."""

    code = "events_archived"


class WrongStatus(DomainError):
    """The thing's status does not allow the action."""

    code = "wrong_status"

    @classmethod
    def of(cls, thing: str, status: str, action: str) -> Self:
        """The error for an action that the status of a thing does not allow; `thing` includes its article."""
        stands, act = (spoken(word) for word in (status, action))
        return cls(f"{thing} that is {stands} does not allow “{act}”. Its `allowed_actions` say what can be done now.")


class Conflict(DomainError):
    """The change conflicts with something that exists already, such as another booking or a natural key."""

    code = "conflict"


class StaleVersion(DomainError):
    """The caller edited a version that is no longer current. `extra` contains the current one."""

    code = "stale_version"


class PreconditionMissing(DomainError):
    """An edit without `If-Match`, by which a concurrent edit could be lost unnoticed."""

    code = "precondition_required"


class RuleBroken(DomainError):
    """The input is well-formed, but breaks a domain rule."""

    code = "rule_broken"


class Busy(DomainError):
    """The service cannot process the request now. Nothing was changed, and the request may be repeated."""

    code = "busy"

    def __init__(self, detail: str, code: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(detail, code)
        self.retry_after = retry_after


class Damaged(DomainError):
    """The database cannot read what it has stored. Trying again does not help."""

    code = "database_damaged"


class GrantRefused(DomainError):
    """The token endpoint refuses, for a reason that RFC 6749, 5.2, has a word for: `code`. Its detail is in ASCII."""

    code = "invalid_request"


class ClientRefused(GrantRefused):
    """The client did not prove who it is. `reason` and `client_id` are for the log."""

    code = "invalid_client"

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.client_id: str | None = None


class TooManyRequests(DomainError):
    """The caller, or its agency, has made more requests in this minute than it may."""

    code = "rate_limited"

    def __init__(self, detail: str, *, retry_after: int = 60, rate_limit: str = "") -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.rate_limit = rate_limit


class InFlight(Conflict):
    """The first request with this idempotency key has not finished; repeat the request in a moment."""

    code = "idempotency_in_flight"
    retry_after = 3


class IdempotencyKeyReused(RuleBroken):
    """The idempotency key was used before with another path or body."""

    code = "idempotency_key_reused"
