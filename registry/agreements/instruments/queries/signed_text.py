"""What an agency has signed stays readable for it as it signed it, whatever becomes of the text."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.ends import last_day_of
from registry.agreements.instruments.in_force import TextStatus
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.queries.declining import declined_by
from registry.agreements.instruments.queries.evidence import NO_PAPERS, papers_on_file, shown_evidence
from registry.agreements.instruments.queries.parties import signatory_of
from registry.agreements.instruments.queries.provisions import may_read_restricted, provisions_of, withheld_terms
from registry.agreements.instruments.rules import ShownStage
from registry.agreements.instruments.schemas.shown import (
    Agreement,
    Provision,
    SignedParticulars,
    VersionPart,
)
from registry.agreements.instruments.schemas.words import AgreementStatus
from registry.agreements.instruments.tables import (
    agreement_signature,
    agreement_version,
    agreement_version_part,
)
from registry.agreements.instruments.terms import Terms, shown_without
from registry.directory.agencies.queries import references
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read

_VERSION = sa.bindparam("version_id", type_=agreement_version.c.id.type)


_PARTS = sa.select(agreement_version_part).where(agreement_version_part.c.version_id == _VERSION).order_by("ordinal")
_FIRST_PART = sa.select(agreement_version_part.c.canonical).where(
    agreement_version_part.c.version_id == _VERSION, agreement_version_part.c.ordinal == 0
)
_SIGNATURES = sa.select(agreement_signature).where(agreement_signature.c.version_id == _VERSION)


async def signed_particulars(read: Read, version_id: UUID) -> SignedParticulars:
    """What stands in the canonical form of a frozen version beside its text, as it was hashed."""
    return msgspec.json.decode(await read.value(_FIRST_PART, {"version_id": version_id}), type=SignedParticulars)


class HashedPart(Struct, kw_only=True, frozen=True):
    """A part of a frozen version, as it was hashed; `canonical` None: its text is withheld from the reader."""

    provision: str | None
    sha256: str
    canonical: bytes | None


class _Salted(Struct, frozen=True):
    salt: str


async def parts_as_hashed(read: Read, version_id: UUID, provisions: Sequence[Provision]) -> list[HashedPart]:
    """The parts of a frozen version in order, with the bytes of those whose text stands in the reader's `provisions`.

    The bytes hold the salt, by which whoever knows the rest could try guesses of the part. None of a draft.
    """
    shown = {None, *(each.number for each in provisions if each.text is not None)}
    return [
        HashedPart(
            provision=row.provision,
            sha256=row.sha256,
            canonical=bytes(row.canonical) if row.provision in shown else None,
        )
        for row in await read.all(_PARTS, {"version_id": version_id})
    ]


def told_of_parts(parts: Sequence[HashedPart]) -> list[VersionPart]:
    """The digests of the parts, and the salts of those that the reader may read."""
    return [
        VersionPart(
            provision=each.provision,
            sha256=each.sha256,
            salt=None if each.canonical is None else msgspec.json.decode(each.canonical, type=_Salted).salt,
        )
        for each in parts
    ]


def told_beside(parts: Sequence[HashedPart]) -> SignedParticulars | None:
    """As `signed_particulars`, of parts that were read; None of a draft."""
    if not parts or parts[0].canonical is None:
        return None
    return msgspec.json.decode(parts[0].canonical, type=SignedParticulars)


async def as_signed(read: Read, principal: Principal, row: Row[Any], at: datetime, *, reveal: bool) -> Agreement:
    """The version that the caller's agency signed last, as it was signed; of what has become of the text, its stage."""
    then = await signed_particulars(read, row.version_id)
    named = await references(read, [row.custodian_id, *then.parties])
    signatures = {each.agency_id: each for each in await read.all(_SIGNATURES, {"version_id": row.version_id})}
    papers = await papers_on_file(read, row.id, principal.agency_id) if row.any_filed else NO_PAPERS
    revealed = reveal and may_read_restricted(principal, row)
    provisions = await provisions_of(read, row.version_id, whole=True, restricted=revealed)
    terms = msgspec.json.decode(row.terms, type=Terms)
    withheld = withheld_terms(terms, provisions)
    notice = read_notice(row.its_notice)
    return Agreement(
        id=row.id,
        number=then.number,
        title=row.version_title,
        kind=then.kind,
        custodian_agency=named[row.custodian_id],
        stage=ShownStage(row.stage),
        status=cast(AgreementStatus, row.stage),
        as_of=at,
        view="signed",
        time_zone=then.time_zone,
        effective_on=row.its_effective_on,
        expires_on=row.its_expires_on,
        auto_renew_months=row.its_auto_renew_months,
        auto_renew_times=row.its_auto_renew_times,
        term_ends_on=row.its_expires_on,
        starts_at=row.its_starts_at,
        ends_on=last_day_of(row.its_ends_at, row.time_zone),
        ends_at=row.its_ends_at,
        notice=notice,
        last_notice_on=None,
        review_every_months=None,
        executed_at=None,
        binds_from=None,
        remarks=[],
        ratify_by=None,
        terminated_at=None,
        superseded_by=None,
        custody_offered_to=None,
        suspensions=[],
        version_no=row.version_no,
        version_status=TextStatus.UNEXECUTED,
        next_text=None,
        version_kind=row.its_kind,
        version_effective_on=row.its_effective_on,
        version_sha256=row.sha256,
        evidence=shown_evidence(
            row.its_evidence_sha256, row.its_evidence_location, papers, row.custodian_id, whole=False
        ),
        amendment=None,
        amendments=[],
        categories=terms.categories,
        terms=shown_without(terms, withheld),
        terms_withheld=withheld,
        provisions=provisions,
        parties=[signatory_of(named[agency_id], signatures.get(agency_id), papers) for agency_id in then.parties],
        reported_acts=[],
        proposals=[],
        publication=None,
        signing=None,
        declined_by=await declined_by(read, agreement_id=row.id) if row.any_declined else [],
        allowed_actions=[],
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
