"""Why a file is not taken."""


class Refused(Exception):  # named for what is wrong, as the domain's errors are
    """The file cannot be taken. `of_another_kind`: it is plainly not what its sender calls it."""

    def __init__(self, code: str, detail: str, *, of_another_kind: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.of_another_kind = of_another_kind


def damaged(what: str) -> Refused:
    """It announces itself as the kind of file that it is said to be, but does not hold together."""
    return Refused("file_damaged", f"The file cannot be read: {what}. Send it again, whole.")


def expands() -> Refused:
    """A bomb: small on the line, large in memory."""
    return Refused("file_expands_too_far", "The file expands to far more than a document holds; it is not taken.")


def encrypted() -> Refused:
    """Nobody but its author could read it."""
    return Refused("file_encrypted", "The file is encrypted. Remove its password or protection, and send it again.")


def ambiguous(other: str) -> Refused:
    """A file that two programs read as two things."""
    return Refused("file_ambiguous", f"The file can also be read as {other}; a document is one thing only.")
