"""Entering and retiring certificates of insurance."""

from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.rules import check_evidence
from registry.agreements.instruments.schemas.evidence import paper_told
from registry.agreements.insurance.queries import certificate_row, get_certificate
from registry.agreements.insurance.rules import checked_term, retired
from registry.agreements.insurance.schemas import InsuranceCertificate, NewCertificate, Retirement
from registry.agreements.insurance.tables import agency_insurance
from registry.directory.agencies.queries import agency_row, relations
from registry.directory.agencies.rules import AgencyStatus
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound, RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

_INSERT = agency_insurance.insert()
_LOCK = (
    sa.select(agency.c.id)
    .where(agency.c.id == sa.bindparam("id", type_=agency.c.id.type))
    .with_for_update(key_share=True)
)
_RETIRE = agency_insurance.update().where(
    agency_insurance.c.id == sa.bindparam("its_id", type_=agency_insurance.c.id.type)
)


async def enter_certificate(write: Write, caller: Caller, agency_id: UUID, new: NewCertificate) -> InsuranceCertificate:
    """Put a certificate on file. Raises NotFound, Forbidden, RuleBroken for dates that cover no day."""
    await _mine(write, caller, agency_id)
    await write.once()
    check_evidence(new.evidence_sha256, new.evidence_location, needed=True)
    checked_term(new.effective_on, new.expires_on)
    if (await agency_row(write, agency_id)).status == AgencyStatus.DISSOLVED:
        raise RuleBroken("A dissolved agency is not edited any more.", "agency_dissolved")
    insurance_id = new_id()
    await write.run(
        _INSERT,
        {
            "id": insurance_id,
            "agency_id": agency_id,
            "kind": new.kind,
            "insurer": new.insurer,
            "policy_number": new.policy_number,
            "coverage_minor": new.coverage.to_minor(),
            "currency": new.coverage.currency,
            "effective_on": new.effective_on,
            "expires_on": new.expires_on,
            **paper_told(new),
            "created_at": caller.now,
            "updated_at": caller.now,
            "version": 1,
        },
    )
    # Number and limit are between the agency and its partners: the ledger keeps the document's hash.
    record(
        write,
        caller,
        EventType.INSURANCE_ENTERED,
        subject=("insurance", insurance_id, 1),
        agencies=[agency_id],
        data={
            "kind": new.kind,
            "insurer": new.insurer,
            "effective_on": new.effective_on,
            "expires_on": new.expires_on,
            **paper_told(new),
        },
    )
    return await get_certificate(write, caller, agency_id, insurance_id)


async def retire_certificate(
    write: Write, caller: Caller, agency_id: UUID, insurance_id: UUID, retirement: Retirement, expected: Expected
) -> InsuranceCertificate:
    """Let a certificate count no longer. Raises NotFound, Forbidden, StaleVersion, WrongStatus for one retired."""
    await _mine(write, caller, agency_id)
    row = await certificate_row(write, caller, agency_id, insurance_id)
    await write.once()
    check_version(expected, row.version)
    because = retired(row.retired_because, retirement.because)
    await write.run(
        _RETIRE,
        {
            "its_id": insurance_id,
            "retired_at": caller.now,
            "retired_because": because,
            "retired_reason": retirement.reason,
            "updated_at": caller.now,
            "version": row.version + 1,
        },
    )
    record(
        write,
        caller,
        EventType.INSURANCE_RETIRED,
        subject=("insurance", insurance_id, row.version + 1),
        agencies=[agency_id],
        data={"because": because, "reason": retirement.reason},
    )
    return await get_certificate(write, caller, agency_id, insurance_id)


async def _mine(write: Write, caller: Caller, agency_id: UUID) -> None:
    """Hold the agency's row, so that of two who retire one certificate the second finds it retired."""
    if await write.value(_LOCK, {"id": agency_id}) is None:
        raise NotFound("agency")
    permit(caller.principal, Action.AGENCIES_UPDATE, relations(caller.principal, agency_id))
