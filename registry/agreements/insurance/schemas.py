"""Certificates of insurance on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.schemas.evidence import OnPaper
from registry.agreements.insurance.rules import InsuranceKind, RetiredBecause
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import ByChange
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import NAME_PATTERN, Name, Reason
from registry.platform.kernel.time import CivilDate, Instant

PolicyNumber = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=60,
        pattern=NAME_PATTERN,
        description="As printed. Only the agency itself and its partners in force read it.",
        examples=["LEL-0042 (demo)"],
    ),
]
FirstDay = Annotated[CivilDate, Meta(description="First day covered, where the agency is.")]
LastCovered = Annotated[CivilDate, Meta(description="Last day covered, where the agency is.")]


class NewCertificate(OnPaper, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Proof of insurance, or of self-insurance, as its issuer wrote it; the certificate by its hash, or its place."""

    kind: InsuranceKind
    insurer: Annotated[Name, Meta(description="The organisation that insures; a risk pool or the agency's own fund.")]
    policy_number: PolicyNumber | None = None
    coverage: Annotated[Money, Meta(description="Limit for each occurrence.")]
    effective_on: FirstDay
    expires_on: LastCovered


class Retirement(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a certificate no longer counts. One that is cancelled or replaced did count until today."""

    because: RetiredBecause
    reason: Reason


class InsuranceCertificate(Struct, kw_only=True, frozen=True):
    """A certificate of insurance. Number and limit are for the agency itself and its partners in force."""

    id: UUID
    agency: AgencyReference
    kind: InsuranceKind
    insurer: str
    policy_number: str | None
    coverage: Money | None
    effective_on: FirstDay
    expires_on: LastCovered
    proves_liability: Annotated[bool, Meta(description="Of a kind that agreements mean by liability insurance.")]
    current: Annotated[bool, Meta(description="It covers today, where the agency is, and is not retired.")]
    evidence_sha256: str | None
    evidence_location: Annotated[
        str | None, Meta(description="Where the certificate is kept, if there is no file of it.")
    ]
    created_at: Instant
    updated_at: Instant
    retired_at: Instant | None
    retired_because: RetiredBecause | None
    retired_reason: str | None
    allowed_actions: list[AllowedAction]
    version: int


class InsuranceCertificatePage(Struct, kw_only=True, frozen=True):
    """Certificates of insurance."""

    items: list[InsuranceCertificate]
    next_cursor: str | None


class CertificateQuery(ByChange, kw_only=True, frozen=True):
    """Filters of the list of certificates."""

    kind: Annotated[tuple[InsuranceKind, ...], Meta(description="Any of these.")] = ()
    expires_from: Annotated[CivilDate | None, Meta(description="Whose last day is that day or later.")] = None
    expires_to: Annotated[CivilDate | None, Meta(description="Whose last day is that day or earlier.")] = None
    retired: Annotated[bool, Meta(description="Only retired ones, or only others.")] | None = None


NEW_CERTIFICATE_EXAMPLE = {
    "kind": "law_enforcement_liability",
    "insurer": "Example Municipal Risk Pool (demo)",
    "policy_number": "LEL-0042 (demo)",
    "coverage": {"amount": "2000000.00", "currency": "USD"},
    "effective_on": "2026-07-01",
    "expires_on": "2027-06-30",
    "evidence_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
RETIREMENT_EXAMPLE = {"because": "replaced", "reason": "Renewed early with a higher limit (demo)."}
