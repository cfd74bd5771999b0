"""What an agency has signed stays readable for it as it signed it, whatever becomes of the text."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.in_force import TextStatus
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.queries.declining import declined_by
from registry.agreements.instruments.queries.evidence import papers_on_file, shown_evidence
from registry.agreements.instruments.queries.parties import signatory_of
from registry.agreements.instruments.queries.provisions import may_read_restricted, provisions_of, withheld_terms
from registry.agreements.instruments.rules import ShownStage
from registry.agreements.instruments.schemas.shown import (
    Agreement,
    SignedParticulars,
)
from registry.agreements.instruments.schemas.words import AgreementStatus
from registry.agreements.instruments.tables import (
    agreement_signature,
    agreement_version,
)
from registry.agreements.instruments.terms import Terms, without
from registry.directory.agencies.queries import references
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read

_VERSION = sa.bindparam("version_id", type_=agreement_version.c.id.type)


_CANONICAL = sa.select(agreement_version.c.canonical).where(agreement_version.c.id == _VERSION)
_SIGNATURES = sa.select(agreement_signature).where(agreement_signature.c.version_id == _VERSION)


async def signed_particulars(read: Read, version_id: UUID) -> SignedParticulars:
    """What stands in the canonical form of a frozen version beside its text, as it was hashed."""
    return msgspec.json.decode(await read.value(_CANONICAL, {"version_id": version_id}), type=SignedParticulars)


async def as_signed(read: Read, principal: Principal, row: Row[Any], at: datetime, *, reveal: bool) -> Agreement:
    """The version that the caller's agency signed last, as it was signed; of what has become of the text, its stage."""
    then = await signed_particulars(read, row.version_id)
    named = await references(read, [row.custodian_id, *then.parties])
    signatures = {each.agency_id: each for each in await read.all(_SIGNATURES, {"version_id": row.version_id})}
    papers = await papers_on_file(read, row.id) if row.any_filed else {}
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
        version_kind=row.its_kind,
        version_effective_on=row.its_effective_on,
        version_sha256=row.sha256,
        evidence=shown_evidence(row.its_evidence_sha256, row.its_evidence_location, papers, whole=False),
        amendment=None,
        amendments=[],
        categories=terms.categories,
        terms=without(terms, withheld),
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
