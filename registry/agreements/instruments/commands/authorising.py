"""Who may sign for an agency: registered, delegated, revoked; and the authority that each signature needs.

Every change of an agency's register happens under the agency's lock, so that nothing is delegated from what is being
revoked. What a revocation takes from those that rest on it follows from the chain and is written nowhere.
"""

from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.authority import Power, checked, delegated
from registry.agreements.instruments.queries.authorities import (
    as_authority,
    authority_row,
    chain_of,
    today_in_register,
)
from registry.agreements.instruments.queries.signing_power import authority_for
from registry.agreements.instruments.schemas.signing import (
    AuthorityRevocation,
    NewDelegation,
    NewSigningAuthority,
    SigningAuthority,
)
from registry.agreements.instruments.signing_tables import agreement_signature_authority, signing_authority
from registry.directory.agencies.queries import relations
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import folded_key
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

_LOCK = (
    sa.select(agency.c.version)
    .where(agency.c.id == sa.bindparam("id", type_=agency.c.id.type))
    .with_for_update(key_share=True)
)
_INSERT = signing_authority.insert()
_REVOKE = (
    signing_authority.update()
    .where(signing_authority.c.id == sa.bindparam("its_id", type_=signing_authority.c.id.type))
    .values(version=signing_authority.c.version + 1)
)
_REST_ON = agreement_signature_authority.insert()


async def register_authority(
    write: Write, caller: Caller, agency_id: UUID, new: NewSigningAuthority, expected: Expected
) -> SigningAuthority:
    """Enter an office that may sign for the agency. Raises Forbidden for another agency's, StaleVersion, RuleBroken."""
    version = await _locked(write, agency_id)
    permit(caller.principal, Action.AGENCIES_AUTHORISE, relations(caller.principal, agency_id))
    await write.once()
    check_version(expected, version)
    power = checked(_power(new))
    row = {**_columns(power), "parent_id": None, "depth": 0, "basis": new.basis, "citation": new.citation}
    return await _entered(write, caller, agency_id, row, EventType.SIGNING_AUTHORITY_REGISTERED)


async def delegate_authority(
    write: Write, caller: Caller, agency_id: UUID, authority_id: UUID, new: NewDelegation, expected: Expected
) -> SigningAuthority:
    """Hand on what an office may sign, or a part of it, to another office.

    Raises Forbidden, StaleVersion, WrongStatus for an authority that has ended, RuleBroken for more than it holds.
    """
    await _locked(write, agency_id)
    today = await today_in_register(write, caller.principal, agency_id, caller.now)
    source = await authority_row(write, agency_id, authority_id)
    permit(caller.principal, Action.AGENCIES_AUTHORISE, relations(caller.principal, agency_id))
    await write.once()
    check_version(expected, source.version)
    power = delegated(chain_of(source), _power(new), today.at_agency)
    row = {
        **_columns(power),
        "parent_id": source.id,
        "depth": source.depth + 1,
        "basis": source.basis,
        "citation": new.citation,
    }
    return await _entered(write, caller, agency_id, row, EventType.SIGNING_AUTHORITY_DELEGATED)


async def revoke_authority(
    write: Write,
    caller: Caller,
    agency_id: UUID,
    authority_id: UUID,
    revocation: AuthorityRevocation,
    expected: Expected,
) -> SigningAuthority:
    """End an authority, and with it all that were delegated from it; what was signed before that day stays signed.

    Raises Forbidden, StaleVersion, WrongStatus where it is revoked already, RuleBroken for a day to come.
    """
    await _locked(write, agency_id)
    today = await today_in_register(write, caller.principal, agency_id, caller.now)
    row = await authority_row(write, agency_id, authority_id)
    permit(caller.principal, Action.AGENCIES_AUTHORISE, relations(caller.principal, agency_id))
    await write.once()
    check_version(expected, row.version)
    if row.revoked_on is not None:
        raise WrongStatus(f"The authority was revoked on {row.revoked_on} already.")
    day = revocation.revoked_on or today.at_agency
    today.check_come(day, "/revoked_on", "revoked_in_future", "An authority is revoked on a day that has come.")
    values = {"revoked_on": day, "revoked_reason": revocation.reason, "updated_at": caller.now}
    await write.run(_REVOKE, {"its_id": authority_id, **values})
    record(
        write,
        caller,
        EventType.SIGNING_AUTHORITY_REVOKED,
        subject=("signing_authority", authority_id, row.version + 1),
        agencies=[agency_id],
        data={"office": row.office, "revoked_on": day, "reason": revocation.reason},
    )
    return as_authority(await authority_row(write, agency_id, authority_id), caller.principal, today)


async def authorised(
    write: Write,
    version_id: UUID,
    agency_id: UUID,
    signatory_title: str,
    signed_on: date,
    given_on: date | None,
    *,
    is_confirmed: bool = False,
) -> None:
    """Let a signature stand that was just given to the version: note the authority it rests on.

    Raises RuleBroken as `check_authority`. An agency that has no authorities on record signs as before.
    """
    signed = (signatory_title, signed_on, given_on)
    authority_id = await authority_for(write, version_id, agency_id, *signed, is_confirmed=is_confirmed)
    if authority_id is not None:
        await rest_on(write, version_id, agency_id, authority_id)


async def rest_on(write: Write, version_id: UUID, agency_id: UUID, authority_id: UUID) -> None:
    """Note the authority that a signature rests on."""
    await write.run(_REST_ON, {"version_id": version_id, "agency_id": agency_id, "authority_id": authority_id})


async def _locked(write: Write, agency_id: UUID) -> int:
    """The agency's version, its row locked. Raises NotFound."""
    version: int | None = await write.value(_LOCK, {"id": agency_id})
    if version is None:
        raise NotFound("register of signing authorities")
    return version


async def _entered(
    write: Write, caller: Caller, agency_id: UUID, row: dict[str, Any], event: EventType
) -> SigningAuthority:
    authority_id = new_id()
    fresh = {"id": authority_id, "agency_id": agency_id, "version": 1}
    await write.run(_INSERT, {**fresh, **row, "created_at": caller.now, "updated_at": caller.now})
    told = {name: row[name] for name in ("office", "basis", "citation", "kinds", "effective_on", "expires_on")}
    record(
        write,
        caller,
        event,
        subject=("signing_authority", authority_id, 1),
        agencies=[agency_id],
        data={
            **told,
            "ceiling_minor": row["ceiling_minor"],
            "ceiling_currency": row["ceiling_currency"],
            "delegated_from_id": None if row["parent_id"] is None else str(row["parent_id"]),
        },
    )
    today = await today_in_register(write, caller.principal, agency_id, caller.now)
    return as_authority(await authority_row(write, agency_id, authority_id), caller.principal, today)


def _power(new: NewSigningAuthority | NewDelegation) -> Power:
    return Power(
        office=new.office,
        kinds=tuple(dict.fromkeys(new.kinds)),
        ceiling=new.ceiling,
        effective_on=new.effective_on,
        expires_on=new.expires_on,
    )


def _columns(power: Power) -> dict[str, Any]:
    return {
        "office": power.office,
        "office_key": folded_key(power.office),
        "kinds": power.kinds,
        "ceiling_minor": None if power.ceiling is None else power.ceiling.to_minor(),
        "ceiling_currency": None if power.ceiling is None else power.ceiling.currency,
        "effective_on": power.effective_on,
        "expires_on": power.expires_on,
    }
