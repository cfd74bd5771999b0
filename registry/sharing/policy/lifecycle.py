"""The life of an agency's policy set (drafted, validated, active, retired) and of its previews.

What a set says never changes.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from registry.platform.kernel.errors import WrongStatus


class PolicySetStatus(StrEnum):
    """Where a set stands. Of one agency at most one is active."""

    DRAFT = "draft"
    VALIDATED = "validated"
    ACTIVE = "active"
    RETIRED = "retired"


class PreviewStatus(StrEnum):
    """Where a preview stands. What was cancelled or stopped is started again by a new one."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


class PolicySetAction(StrEnum):
    """What is done to a set."""

    VALIDATE = "validate"
    ACTIVATE = "activate"
    RETIRE = "retire"


TRANSITIONS: Final[Mapping[PolicySetAction, Mapping[PolicySetStatus, PolicySetStatus]]] = {
    PolicySetAction.VALIDATE: {
        PolicySetStatus.DRAFT: PolicySetStatus.VALIDATED,
        # A release may bring other words: whether it still is as it has to be can be asked again.
        PolicySetStatus.VALIDATED: PolicySetStatus.VALIDATED,
    },
    PolicySetAction.ACTIVATE: {PolicySetStatus.VALIDATED: PolicySetStatus.ACTIVE},
    PolicySetAction.RETIRE: {
        PolicySetStatus.DRAFT: PolicySetStatus.RETIRED,
        PolicySetStatus.VALIDATED: PolicySetStatus.RETIRED,
        PolicySetStatus.ACTIVE: PolicySetStatus.RETIRED,
    },
}
_WHY: Final[Mapping[PolicySetStatus, str]] = {
    PolicySetStatus.DRAFT: "It was not found to be without faults yet: validate it first.",
    PolicySetStatus.VALIDATED: "It is validated.",
    PolicySetStatus.ACTIVE: "It is active: what it says does not change. Draft another one.",
    PolicySetStatus.RETIRED: "It is retired: draft another one, with the same text if that is to hold again.",
}


def why_not(status: PolicySetStatus, action: PolicySetAction) -> str | None:
    """The reason why a set with that status does not allow the action; None when it does."""
    return None if status in TRANSITIONS[action] else _WHY[status]


def advance(status: PolicySetStatus, action: PolicySetAction) -> PolicySetStatus:
    """The status after the action. Raises WrongStatus."""
    if (reason := why_not(status, action)) is not None:
        raise WrongStatus(reason)
    return TRANSITIONS[action][status]


_OVER: Final[Mapping[PreviewStatus, str]] = {
    PreviewStatus.DONE: "It is done: there is nothing to cancel.",
    PreviewStatus.CANCELLED: "It was cancelled already.",
    PreviewStatus.STOPPED: "It was stopped: there is nothing to cancel.",
}


def why_not_cancelled(status: PreviewStatus) -> str | None:
    """The reason why a preview with that status cannot be cancelled; None when it can."""
    return _OVER.get(status)
