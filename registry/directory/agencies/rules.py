"""Kinds and levels of agencies, their statuses, and the transitions between these."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final
from uuid import UUID

from rapidfuzz import fuzz, process

from registry.platform.access.principals import OPERATOR_AGENCY_ID
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.spelling import SHORTEST
from registry.platform.kernel.text import split_words


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


OWN_WORD_IS_REQUIRED = "The agency says already that its silence never binds it."
SILENCE_COUNTS = "The agency's silence counts, as by default."


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


_WHOLE_WORDS: Final = {
    **dict.fromkeys(("pd", "dept", "dpt"), "department"),
    **dict.fromkeys(("so", "sheriffs", "sheriff"), "sheriff"),
    "st": "saint",
    "mt": "mount",
    "co": "county",
    "twp": "township",
    "univ": "university",
}
_SAYS_LITTLE: Final = frozenset({"police", "department", "office", "of", "the", "s"})
_ALIKE: Final = 92.0
"""How alike two names are at least, of 100 (normalised edit similarity), that a person should look at."""


def name_form(name: str) -> str:
    """An agency's name for comparison: usual abbreviations in full, without the words that most names have."""
    words = (_WHOLE_WORDS.get(word, word) for parts in split_words(name) for word in parts)
    return " ".join(sorted(word for word in words if word not in _SAYS_LITTLE))


def nearest_name(form: str, forms: Sequence[str]) -> int | None:
    """Which of the forms of names is so near that it may be the same agency's; None for none.

    That decides nothing: 1,741 real agencies share name, state and type with another. Numbers tell precincts apart, and
    of short words, such as Pine and Pike, one is seldom a slip for another.
    """
    near = process.extract(form, forms, scorer=fuzz.ratio, score_cutoff=_ALIKE, limit=5) if form else []
    return next((at for other, _, at in near if _exact(other) == _exact(form)), None)


def _exact(form: str) -> set[str]:
    return {word for word in form.split() if word.isdigit() or len(word) < SHORTEST}


def advance(status: AgencyStatus, action: AgencyAction) -> AgencyStatus:
    """The status after the action. Raises WrongStatus when `status` does not allow the action."""
    try:
        return TRANSITIONS[status, action]
    except KeyError:
        raise WrongStatus.of("An agency", status, action) from None


def why_not_asked(agency_id: UUID, name: str, status: AgencyStatus) -> str | None:
    """Why that agency is not asked for help, by its name; None when it can be.

    The registry's operator keeps the registry and lends nothing: nobody of it could answer.
    """
    if agency_id == OPERATOR_AGENCY_ID:
        return f"{name} operates the registry: it lends nothing, and is not asked."
    if status is AgencyStatus.LISTED:
        return f"{name} is listed and has not joined the registry: nobody there could answer."
    return None if status is AgencyStatus.ACTIVE else f"{name} is {status}: nobody there can answer."
