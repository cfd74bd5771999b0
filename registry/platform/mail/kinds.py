"""The words for addresses and letters."""

from enum import StrEnum


class Origin(StrEnum):
    """Who vouches that an address is the person's."""

    IDENTITY_PROVIDER = "identity_provider"
    CODE = "code"


class Purpose(StrEnum):
    """What a letter is for."""

    CONFIRMATION = "confirmation"
    NOTICE = "notice"


class LetterStatus(StrEnum):
    """How it stands with a letter."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    NEEDLESS = "needless"
