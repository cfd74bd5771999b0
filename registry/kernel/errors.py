"""What can go wrong in the domain, said without HTTP.

Each error carries a stable `code` (snake_case, clients switch on it) and a `detail` sentence that tells the
reader what to do. `registry.http.problems` holds the one table that gives each class its status.
"""

from collections.abc import Sequence

import msgspec


class Fault(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One thing wrong with one place: a body fault has a `pointer`, a query, path or header fault a `parameter`."""

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None


class DomainError(Exception):
    """Base of everything the domain refuses.

    `extra` holds members that the problem document shows beside the standard ones, such as the window that
    blocks a booking; it must be JSON-able and fit for the caller's eyes.
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


class Malformed(DomainError):
    """The input cannot be read at all: wrong shape, unknown parameter, value out of bounds."""

    code = "malformed"


class Unauthenticated(DomainError):
    """No token, or one that is not valid here and now."""

    code = "unauthenticated"


class Forbidden(DomainError):
    """The caller may see the thing but not do this to it."""

    code = "forbidden"


class NotFound(DomainError):
    """The thing does not exist, or the caller may not know that it does: the two look the same."""

    code = "not_found"

    def __init__(self, what: str = "resource") -> None:
        super().__init__(f"There is no such {what}, or it is not visible to you.")


class WrongState(DomainError):
    """The action is not possible from the state the thing is in."""

    code = "wrong_state"


class Conflict(DomainError):
    """The change collides with something that is already there, such as another booking or a natural key."""

    code = "conflict"


class StaleVersion(DomainError):
    """The caller edited from a version that is no longer current. `extra` names the current one."""

    code = "stale_version"


class PreconditionMissing(DomainError):
    """An edit came without `If-Match`, so a lost update could not be told."""

    code = "precondition_required"


class RuleBroken(DomainError):
    """Well-formed, but breaks a domain rule."""

    code = "rule_broken"


class Busy(DomainError):
    """The service cannot take the request now; it changed nothing and may be tried again."""

    code = "busy"

    def __init__(self, detail: str, code: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(detail, code)
        self.retry_after = retry_after


class InFlight(Conflict):
    """The first request with this idempotency key has not finished; ask again in a moment."""

    code = "idempotency_in_flight"
    retry_after = 3


class IdempotencyKeyReused(RuleBroken):
    """The idempotency key was used before with another path or body."""

    code = "idempotency_key_reused"
