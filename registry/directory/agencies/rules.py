"""Kinds and levels of agencies, their statuses, and the transitions between these."""

from enum import StrEnum
from typing import Final

from registry.platform.kernel.errors import WrongStatus


class AgencyKind(StrEnum):
    """The eight agency types of the FBI police-employee list."""

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


# No level: a campus force may be public or private, and “other” includes constables and school districts.
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
    """`listed`: known from a public list, has not joined. Only an `active` agency may act."""

    LISTED = "listed"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DISSOLVED = "dissolved"


class AgencyAction(StrEnum):
    """Actions that change an agency's status."""

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


def advance(status: AgencyStatus, action: AgencyAction) -> AgencyStatus:
    """The status after the action. Raises WrongStatus when `status` does not allow the action."""
    try:
        return TRANSITIONS[status, action]
    except KeyError:
        raise WrongStatus.of("An agency", status, action) from None
