"""What a document may be, who reads it, and what ends its being shown."""

from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from registry.agreements.instruments.rules import Sensitivity
from registry.platform.kernel.errors import RuleBroken, WrongStatus

UNCLAIMED_FOR = timedelta(days=1)
"""How long content without a document is kept: far longer than any request that may still come to an end."""


class DocumentKind(StrEnum):
    """What the document is to the agreement."""

    SIGNED_COPY = "signed_copy"
    EVIDENCE = "evidence"
    EXHIBIT = "exhibit"
    ADDENDUM = "addendum"
    PROOF = "proof"
    OTHER = "other"


class DocumentStatus(StrEnum):
    """A document is filed once, and may be withdrawn; nothing is deleted from the record."""

    FILED = "filed"
    WITHDRAWN = "withdrawn"


class TextLayer(StrEnum):
    """How much of the file's text was found: a scan without a text layer has none."""

    NONE = "none"
    PARTIAL = "partial"
    WHOLE = "whole"


def check_exemption(sensitivity: Sensitivity, exemption: str | None) -> None:
    """Raises RuleBroken for a restricted document that names no law, and for an open one that does."""
    if sensitivity is Sensitivity.RESTRICTED and exemption is None:
        raise RuleBroken.at(
            "A restricted document names the law under which it is withheld.",
            "exemption_missing",
            "needed for a restricted document",
            parameter="exemption",
        )
    if sensitivity is not Sensitivity.RESTRICTED and exemption is not None:
        raise RuleBroken.at(
            "Only a restricted document is withheld under an exemption.",
            "exemption_without_restriction",
            "only for restricted ones",
            parameter="exemption",
        )


def check_declassified(copies: Collection[UUID], reason: str | None) -> None:
    """Raises RuleBroken where the same content is on file as restricted, and nobody said why more may read it now.

    `copies` are those that the caller may read: to anybody else it is not told that there is one.
    """
    if copies and reason is None:
        raise RuleBroken.at(
            "The same file is on file with the agreement as restricted, and filed so it would be read by more. File it "
            "as restricted, or say why it no longer is in `declassify_reason`.",
            "on_file_as_restricted",
            "needed for what is on file as restricted",
            parameter="declassify_reason",
        )


def check_withdrawable(status: DocumentStatus) -> None:
    """Raises WrongStatus for a document that is withdrawn already."""
    if status is DocumentStatus.WITHDRAWN:
        raise WrongStatus("The document is withdrawn already.")
