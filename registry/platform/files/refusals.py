"""Errors that reject a file."""

from typing import Final

CODES: Final = (
    *("content_mismatch", "file_ambiguous", "file_damaged", "file_empty", "file_encrypted", "file_expands_too_far"),
    *("file_has_macros", "file_loads_template", "file_not_pdf", "file_not_text", "file_swept", "file_unreadable"),
)
"""For what a file that is filed may be refused, wherever it is filed: each such operation names them."""


class Refused(Exception):  # named like the domain's other errors
    """The file is rejected. `of_another_kind`: it is clearly not of the type that its sender declares."""

    def __init__(self, code: str, detail: str, *, of_another_kind: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.of_another_kind = of_another_kind


def damaged(what: str) -> Refused:
    """The error for a file that begins like its type but has a broken structure."""
    return Refused("file_damaged", f"The file cannot be read: {what}. Send it again, whole.")


def expands_too_far() -> Refused:
    """The error for a decompression bomb: a small file that expands to a very large size."""
    return Refused("file_expands_too_far", "The file expands to far more data than a document contains.")


def encrypted() -> Refused:
    """The error for an encrypted file."""
    return Refused("file_encrypted", "The file is encrypted. Remove its password or protection, and send it again.")


def ambiguous(other: str) -> Refused:
    """The error for a file that different programs would read as different types."""
    return Refused("file_ambiguous", f"The file can also be read as {other}; send a file of one type only.")


def follows_template() -> Refused:
    """The error for a document that fetches a template from elsewhere when it is opened."""
    return Refused(
        "file_loads_template",
        "The document loads a template from another computer when it is opened. Detach it, and send the file again.",
    )
