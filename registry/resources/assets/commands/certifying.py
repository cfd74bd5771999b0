"""Commands on the certificates of an asset: to record one, and to say that it holds no more.

A certificate is never edited: a renewed one is another, and a wrong one is ended.
"""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.tables import category_closure
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.event_types import EventType
from registry.resources.allocations.queries import committed_to
from registry.resources.assets.commands.booking import lock
from registry.resources.assets.commands.details import record_change, store_edited
from registry.resources.assets.queries.certified import as_certificate, at_present, certificate_row
from registry.resources.assets.queries.getting import asset_row
from registry.resources.assets.queries.showing import affected_loans
from registry.resources.assets.queries.visibility import relations
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.schemas.certifying import EndedCertificate
from registry.resources.certificates.commands import keep_certificate, mark_ended
from registry.resources.certificates.queries import certificates_of
from registry.resources.certificates.rules import check_certificate
from registry.resources.certificates.schemas import AssetCertificate, NewAssetCertificate
from registry.resources.personnel.rules import PersonnelStatus, check_days
from registry.resources.personnel.tables import personnel_record

MOST_CERTIFICATES = 100
_PATH = sa.select(category_closure.c.ancestor).where(
    category_closure.c.descendant == sa.bindparam("code", type_=sa.Text)
)
_HANDLER = sa.select(personnel_record.c.id).where(
    personnel_record.c.id == sa.bindparam("its_id", type_=personnel_record.c.id.type),
    personnel_record.c.agency_id == sa.bindparam("agency_id", type_=personnel_record.c.agency_id.type),
    personnel_record.c.status != PersonnelStatus.SEPARATED.value,
)
_ZONE = sa.select(agency.c.time_zone).where(agency.c.id == sa.bindparam("agency_id", type_=agency.c.id.type))


async def record_certificate(
    write: Write, caller: Caller, asset_id: UUID, new: NewAssetCertificate
) -> AssetCertificate:
    """Record a certificate of an own asset.

    Raises WrongStatus for a retired asset; RuleBroken for what does not belong to an asset of its category, somebody
    who is not one of the agency's people, days in the wrong order, and when there are too many.
    """
    row = await _begun(write, caller, asset_id)
    _check_not_retired(row)
    check_certificate(
        await _path(write, row.category),
        await _path(write, new.discipline),
        has_handler=new.handler_id is not None,
        has_scope=new.standard is not None or bool(new.methods),
    )
    check_days(new.issued_on, new.expires_on, "/expires_on")
    if new.handler_id is not None:
        await _check_handler(write, row.agency_id, new.handler_id)
    if len(await certificates_of(write, asset_id)) >= MOST_CERTIFICATES:
        raise RuleBroken(f"An asset has at most {MOST_CERTIFICATES} certificates.", "too_many_certificates")
    time_zone = await write.value(_ZONE, {"agency_id": row.agency_id}) or "UTC"
    certificate_id = await keep_certificate(write, asset_id, new, time_zone, caller.now)
    await store_edited(write, caller, row, {}, told=True)
    data = {
        "certificate_id": str(certificate_id),
        "discipline": new.discipline,
        "issuer": new.issuer,
        "issued_on": str(new.issued_on),
        "expires_on": None if new.expires_on is None else str(new.expires_on),
        "handler_id": None if new.handler_id is None else str(new.handler_id),
    }
    await record_change(write, caller, EventType.ASSET_CERTIFICATE_RECORDED, row, data)
    return await _seen(write, caller, row, certificate_id)


async def end_certificate(
    write: Write, caller: Caller, asset_id: UUID, certificate_id: UUID, reason: str, expected: Expected
) -> EndedCertificate:
    """Say that a certificate holds no more. Loans not yet returned stay, are named, and their other side is told.

    Raises NotFound, StaleVersion, WrongStatus for one that was ended, or of a retired asset.
    """
    row = await _begun(write, caller, asset_id)
    its = await certificate_row(write, asset_id, certificate_id)
    check_version(expected, its.version)
    _check_not_retired(row)
    if its.ended_at is not None:
        raise WrongStatus("The certificate was ended already.")
    await mark_ended(write, certificate_id, reason, caller.now)
    await store_edited(write, caller, row, {}, told=True)
    affected = await committed_to(write, asset_id)
    data = {"certificate_id": str(certificate_id), "discipline": its.discipline}
    await record_change(
        write, caller, EventType.ASSET_CERTIFICATE_ENDED, row, {**data, "reason": reason}, affected, data
    )
    return EndedCertificate(
        certificate=await _seen(write, caller, row, certificate_id), affected_loans=affected_loans(affected)
    )


async def _begun(write: Write, caller: Caller, asset_id: UUID) -> Row[Any]:
    await lock(write, asset_id)
    row = await asset_row(write, caller, asset_id)
    permit(caller.principal, Action.ASSETS_UPDATE, relations(caller.principal, row.agency_id))
    await write.once()
    return row


def _check_not_retired(row: Row[Any]) -> None:
    if row.service_status == ServiceStatus.RETIRED:
        raise WrongStatus("A retired asset is certified for nothing any more.", "asset_retired")


async def _path(read: Read, code: str) -> frozenset[str]:
    return frozenset(row.ancestor for row in await read.all(_PATH, {"code": code}))


async def _check_handler(read: Read, agency_id: UUID, handler_id: UUID) -> None:
    if await read.value(_HANDLER, {"its_id": handler_id, "agency_id": agency_id}) is None:
        raise RuleBroken.at(
            "The handler is one of your own people who has not left; GET /v1/personnel lists them.",
            "unknown_personnel_record",
            "nobody of yours",
            pointer="/handler_id",
        )


async def _seen(read: Read, caller: Caller, row: Row[Any], certificate_id: UUID) -> AssetCertificate:
    its = await certificate_row(read, row.id, certificate_id)
    return as_certificate(its, caller, row, at_present(caller))
