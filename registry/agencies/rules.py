"""What an agency is and the states it can be in."""

from enum import StrEnum
from typing import Final

from registry.kernel.errors import WrongState


class AgencyKind(StrEnum):
    """The eight agency types of the FBI police-employee list, in our spelling."""

    CITY = "city"
    COUNTY = "county"
    TRIBAL = "tribal"
    STATE_POLICE = "state_police"
    UNIVERSITY = "university"
    OTHER_STATE = "other_state"
    FEDERAL = "federal"
    OTHER = "other"


class AgencyLevel(StrEnum):
    """The level of government an agency belongs to."""

    LOCAL = "local"
    COUNTY = "county"
    STATE = "state"
    TRIBAL = "tribal"
    FEDERAL = "federal"
    OTHER = "other"


# A campus force may be public or private, “other” mixes constables with school districts: no level.
LEVEL_OF: Final[dict[AgencyKind, AgencyLevel]] = {
    AgencyKind.CITY: AgencyLevel.LOCAL,
    AgencyKind.COUNTY: AgencyLevel.COUNTY,
    AgencyKind.TRIBAL: AgencyLevel.TRIBAL,
    AgencyKind.STATE_POLICE: AgencyLevel.STATE,
    AgencyKind.UNIVERSITY: AgencyLevel.OTHER,
    AgencyKind.OTHER_STATE: AgencyLevel.STATE,
    AgencyKind.FEDERAL: AgencyLevel.FEDERAL,
    AgencyKind.OTHER: AgencyLevel.OTHER,
}


class AgencyStatus(StrEnum):
    """`listed`: known from a public list, has not joined. Only an `active` agency acts."""

    LISTED = "listed"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DISSOLVED = "dissolved"


class AgencyAction(StrEnum):
    """What can be done to an agency's status."""

    ACTIVATE = "activate"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    DISSOLVE = "dissolve"


TRANSITIONS: Final[dict[tuple[AgencyStatus, AgencyAction], AgencyStatus]] = {
    (AgencyStatus.LISTED, AgencyAction.ACTIVATE): AgencyStatus.ACTIVE,
    (AgencyStatus.LISTED, AgencyAction.DISSOLVE): AgencyStatus.DISSOLVED,
    (AgencyStatus.ACTIVE, AgencyAction.SUSPEND): AgencyStatus.SUSPENDED,
    (AgencyStatus.ACTIVE, AgencyAction.DISSOLVE): AgencyStatus.DISSOLVED,
    (AgencyStatus.SUSPENDED, AgencyAction.REINSTATE): AgencyStatus.ACTIVE,
    (AgencyStatus.SUSPENDED, AgencyAction.DISSOLVE): AgencyStatus.DISSOLVED,
}


def allowed_actions(status: AgencyStatus) -> tuple[AgencyAction, ...]:
    """The actions possible now; none for a dissolved agency, which is followed by its successor."""
    return tuple(action for action in AgencyAction if (status, action) in TRANSITIONS)


def advance(status: AgencyStatus, action: AgencyAction) -> AgencyStatus:
    """The status after the action.

    Raises WrongState when the action is not possible from `status`.
    """
    try:
        return TRANSITIONS[status, action]
    except KeyError:
        possible = ", ".join(allowed_actions(status)) or "nothing, for it is final"
        raise WrongState(f"Cannot {action} an agency that is {status}; possible now: {possible}.") from None
