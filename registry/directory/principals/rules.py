"""Rules of principals: where one stands, and what can be done about it."""

from enum import StrEnum

from registry.directory.revocations.rules import BY_OPERATOR
from registry.platform.kernel.errors import WrongStatus


class PrincipalStatus(StrEnum):
    """Whether the registry takes a person's or service's good token."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"


class PrincipalAction(StrEnum):
    """What an administrator does about a principal."""

    SUSPEND = "suspend"
    RESTORE = "restore"
    PURGE_NAME = "purge_name"


def why_not(
    action: PrincipalAction, status: PrincipalStatus, *, purged: bool, final: bool, anothers: bool = False
) -> str | None:
    """Why the action makes no sense now; None when it does.

    `final` is the suspension of a client that is disabled, `anothers` the operator's where the caller is not of it.
    """
    match action:
        case PrincipalAction.RESTORE if final:
            return "It is a client that is disabled, for good."
        case PrincipalAction.RESTORE if anothers:
            return BY_OPERATOR
        case PrincipalAction.SUSPEND:
            return "It is suspended already." if status is PrincipalStatus.SUSPENDED else None
        case PrincipalAction.RESTORE:
            return "It is neither suspended nor inactive." if status is PrincipalStatus.ACTIVE else None
        case PrincipalAction.PURGE_NAME:
            return "Its name is purged already, and is not kept again." if purged else None


def check(action: PrincipalAction, status: PrincipalStatus, *, purged: bool, final: bool) -> None:
    """Raises WrongStatus when the action makes no sense now."""
    if (why := why_not(action, status, purged=purged, final=final)) is not None:
        raise WrongStatus(why)
