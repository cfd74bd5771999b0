"""What a picture or paper is to its asset, and what ends its being shown."""

from enum import StrEnum

from registry.platform.kernel.errors import RuleBroken, WrongStatus

MOST_DOCUMENTS = 200


class AssetDocumentKind(StrEnum):
    """What it is to the asset."""

    PHOTO = "photo"
    MANUAL = "manual"
    REGISTRATION = "registration"
    INSPECTION = "inspection"
    CERTIFICATE = "certificate"
    INSURANCE = "insurance"
    OTHER = "other"


class AssetDocumentStatus(StrEnum):
    """A document is filed once; then another takes its place, or it is withdrawn. Nothing is deleted."""

    FILED = "filed"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"


def status_of(*, withdrawn: bool, replaced: bool) -> AssetDocumentStatus:
    """The status of a document by what has become of it."""
    if replaced:
        return AssetDocumentStatus.REPLACED
    return AssetDocumentStatus.WITHDRAWN if withdrawn else AssetDocumentStatus.FILED


def why_closed(status: AssetDocumentStatus) -> str | None:
    """Why nothing of the document is changed any more; None while it is on file."""
    return None if status is AssetDocumentStatus.FILED else f"It is {status} already."


def check_filed(status: AssetDocumentStatus) -> None:
    """Raises WrongStatus for a document that is not on file any more."""
    if status is not AssetDocumentStatus.FILED:
        raise WrongStatus(f"The document is {status} already.")


def check_evidence(kind: AssetDocumentKind, *, certificate: bool, insurance: bool) -> None:
    """Raises RuleBroken for a paper that is said to show what a paper of its kind does not."""
    for named, of, pointer in (
        (certificate, AssetDocumentKind.CERTIFICATE, "asset_certificate_id"),
        (insurance, AssetDocumentKind.INSURANCE, "insurance_id"),
    ):
        if named and kind is not of:
            raise RuleBroken.at(
                f"Only a document of the kind `{of}` shows that.",
                "evidence_of_another_kind",
                f"only of the kind {of}",
                parameter=pointer,
            )
