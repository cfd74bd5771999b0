"""Who may sign for an agency, and in which order, on the wire."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.authority import AuthorityStatus, Basis
from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.schemas.reviewing import Department, DueOn
from registry.agreements.instruments.schemas.words import NamedVersionNo
from registry.agreements.instruments.signing_sequence import SigningOrder
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import Citation, Reason
from registry.platform.kernel.time import CivilDate, Instant

Kinds = Annotated[list[AgreementKind], Meta(max_length=20, description="Kinds of agreement covered; empty: all.")]
Ceiling = Annotated[Money, Meta(description="Highest cost ceiling of a text that the office may sign.")]
ValidUntil = Annotated[CivilDate, Meta(description="The last day; null: without end, or as long as the delegator's.")]


class AgreementForSignature(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How the approved text goes out for signature."""

    version_no: NamedVersionNo
    note: Reason | None = None
    order: Annotated[SigningOrder, Meta(description="`sequential`: each party when the one before it has signed.")] = (
        SigningOrder.PARALLEL
    )
    sequence: Annotated[
        Annotated[list[UUID], Meta(min_length=2, max_length=1000)] | None,
        Meta(description="For `sequential`: all parties in order; the document's order if absent."),
    ] = None
    due_on: DueOn | None = None


class NewSigningAuthority(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An office that may sign agreements for the agency."""

    office: Department
    basis: Basis
    citation: Citation
    kinds: Kinds = []
    ceiling: Ceiling | None = None
    effective_on: CivilDate
    expires_on: ValidUntil | None = None


class NewDelegation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What an office hands on to another. What is left out goes as far as its own power."""

    office: Department
    citation: Citation
    kinds: Annotated[
        list[AgreementKind], Meta(max_length=20, description="Of the delegator's kinds; empty: all of them.")
    ] = []
    ceiling: Ceiling | None = None
    effective_on: CivilDate
    expires_on: ValidUntil | None = None


class AuthorityRevocation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The end of an authority, and of all that rest on it; what was signed before stays signed."""

    reason: Reason
    revoked_on: Annotated[
        CivilDate | None, Meta(description="The first day without it, in the agency's time zone; today if absent.")
    ] = None


class SigningAuthority(Struct, kw_only=True, frozen=True):
    """An office's power to sign. Partners see office, basis and validity."""

    id: UUID
    agency: AgencyReference
    office: str
    basis: Basis
    effective_on: CivilDate
    expires_on: CivilDate | None
    delegated_from_id: Annotated[UUID | None, Meta(description="The authority that it was delegated by.")]
    status: Annotated[AuthorityStatus, Meta(description="Today, as far as its whole chain holds.")]
    revoked_on: Annotated[CivilDate | None, Meta(description="By itself, or with what it rests on.")]
    citation: Annotated[str | None, Meta(description="For the own agency.")]
    kinds: Annotated[list[AgreementKind] | None, Meta(description="For the own agency; empty: all.")]
    ceiling: Annotated[Money | None, Meta(description="For the own agency.")]
    revoked_reason: Annotated[str | None, Meta(description="For the own agency.")]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class SigningAuthorityPage(Struct, kw_only=True, frozen=True):
    """Signing authorities of an agency."""

    items: list[SigningAuthority]
    next_cursor: str | None


class SigningRound(Struct, kw_only=True, frozen=True):
    """A text that is out for signature: whose hand it has, and whose turn it is."""

    order: SigningOrder
    next: Annotated[list[AgencyReference], Meta(description="The agencies whose turn it is.")]
    signed: list[AgencyReference]
    outstanding: Annotated[list[AgencyReference], Meta(description="In the order of their turns.")]
    due_on: CivilDate | None


class Declined(Struct, kw_only=True, frozen=True):
    """A party's no to a text, and why; gone from here once it has signed that text after all."""

    agency: AgencyReference
    action: Annotated[Literal["sign", "join"], Meta(description="What it declined to do.")]
    version_no: int
    reason: str
    declined_at: Instant


class SignatoryAuthority(Struct, kw_only=True, frozen=True):
    """The authority that a signature rests on."""

    id: UUID
    office: str
    basis: Basis
    delegated_from_id: UUID | None
    revoked_on: Annotated[
        CivilDate | None, Meta(description="The first day without it, where it or what it rests on was revoked.")
    ]
    lacking: Annotated[
        bool, Meta(description="It was revoked since as of the day of the signature or before; the party stays bound.")
    ]
    recorded_by: Annotated[AgencyReference, Meta(description="The agency that entered it in its register.")]
    recorded_at: Annotated[Instant, Meta(description="When it was entered there.")]
    recorded_later: Annotated[
        bool, Meta(description="It was entered on a day after that of the signature, by the agency's clocks.")
    ]
