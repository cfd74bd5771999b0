"""Who may sign for an agency: registered, delegated, revoked; and the authority that each signature needs.

Every change of an agency's register happens under the agency's lock, so that nothing is delegated from what is being
revoked. What a revocation takes from those that rest on it follows from the chain and is written nowhere.
"""

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.access.permissions import Action, permit
from registry.access.principals import Caller
from registry.agencies.queries import relations
from registry.agencies.tables import agency
from registry.agreements.authority import Power, Signature, checked, delegated, sufficient
from registry.agreements.queries.authorities import (
    as_authority,
    authorities_of_office,
    authority_row,
    chain_of,
    today_in_register,
)
from registry.agreements.rules import AgreementKind
from registry.agreements.schemas.signing import (
    AuthorityRevocation,
    NewDelegation,
    NewSigningAuthority,
    SigningAuthority,
)
from registry.agreements.signing_tables import agreement_signature_authority, signing_authority
from registry.agreements.tables import agreement, agreement_version
from registry.agreements.terms import Terms
from registry.database.handles import Read, Write
from registry.kernel.errors import Fault, NotFound, RuleBroken, WrongState
from registry.kernel.ids import new_id
from registry.kernel.text import folded_key
from registry.kernel.versions import Expected, check_version
from registry.ledger.commands import record

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
_ANY = (
    sa.select(signing_authority.c.id)
    .where(signing_authority.c.agency_id == sa.bindparam("agency_id", type_=signing_authority.c.agency_id.type))
    .limit(1)
)
_TEXT = (
    sa.select(agreement.c.kind, agreement_version.c.terms)
    .join(agreement, agreement.c.id == agreement_version.c.agreement_id)
    .where(agreement_version.c.id == sa.bindparam("version_id", type_=agreement_version.c.id.type))
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
    return await _entered(write, caller, agency_id, row, "registered")


async def delegate_authority(
    write: Write, caller: Caller, agency_id: UUID, authority_id: UUID, new: NewDelegation, expected: Expected
) -> SigningAuthority:
    """Hand on what an office may sign, or a part of it, to another office.

    Raises Forbidden, StaleVersion, WrongState for an authority that has ended, RuleBroken for more than it holds.
    """
    await _locked(write, agency_id)
    today = await today_in_register(write, caller.principal, agency_id, caller.now)
    source = await authority_row(write, agency_id, authority_id)
    permit(caller.principal, Action.AGENCIES_AUTHORISE, relations(caller.principal, agency_id))
    await write.once()
    check_version(expected, source.version)
    power = delegated(chain_of(source), _power(new), today)
    row = {
        **_columns(power),
        "parent_id": source.id,
        "depth": source.depth + 1,
        "basis": source.basis,
        "citation": new.citation,
    }
    return await _entered(write, caller, agency_id, row, "delegated")


async def revoke_authority(
    write: Write,
    caller: Caller,
    agency_id: UUID,
    authority_id: UUID,
    revocation: AuthorityRevocation,
    expected: Expected,
) -> SigningAuthority:
    """End an authority, and with it all that were delegated from it; what was signed before that day stays signed.

    Raises Forbidden, StaleVersion, WrongState where it is revoked already, RuleBroken for a day to come.
    """
    await _locked(write, agency_id)
    today = await today_in_register(write, caller.principal, agency_id, caller.now)
    row = await authority_row(write, agency_id, authority_id)
    permit(caller.principal, Action.AGENCIES_AUTHORISE, relations(caller.principal, agency_id))
    await write.once()
    check_version(expected, row.version)
    if row.revoked_on is not None:
        raise WrongState(f"The authority was revoked on {row.revoked_on} already.")
    day = revocation.revoked_on or today
    if day > today:
        raise RuleBroken(
            f"It is {today} there: revoke on a day that has come.",
            "revoked_in_future",
            faults=[Fault(pointer="/revoked_on", code="revoked_in_future", detail="in the future")],
        )
    values = {"revoked_on": day, "revocation_reason": revocation.reason, "updated_at": caller.now}
    await write.run(_REVOKE, {"its_id": authority_id, **values})
    await record(
        write,
        caller,
        "signing_authority.revoked",
        subject=("signing_authority", authority_id, row.version + 1),
        agencies=[agency_id],
        data={"office": row.office, "revoked_on": day, "reason": revocation.reason},
    )
    return as_authority(await authority_row(write, agency_id, authority_id), caller.principal, today)


async def authorised(write: Write, version_id: UUID, agency_id: UUID, signatory_title: str, signed_on: date) -> None:
    """Let a signature stand that was just given to the version: note the authority it rests on.

    Raises RuleBroken as `authority_to_sign`. An agency that has no authorities on record signs as before.
    """
    if await write.value(_ANY, {"agency_id": agency_id}) is None:
        return
    text = await write.first(_TEXT, {"version_id": version_id})
    assert text is not None
    amount = msgspec.json.decode(text.terms, type=Terms).cost_ceiling
    signature = Signature(kind=AgreementKind(text.kind), signed_on=signed_on, amount=amount)
    authority_id = await authority_to_sign(write, agency_id, signatory_title, signature)
    await write.run(_REST_ON, {"version_id": version_id, "agency_id": agency_id, "authority_id": authority_id})


async def authority_to_sign(read: Read, agency_id: UUID, signatory_title: str, signature: Signature) -> UUID | None:
    """The authority that the office would sign by; None where the agency has none on record.

    Raises RuleBroken, with the nearest reason, where it has and the office held none on that day that reaches the text.
    """
    if await read.value(_ANY, {"agency_id": agency_id}) is None:
        return None
    found = await authorities_of_office(read, agency_id, folded_key(signatory_title))
    authority_id, _ = found[sufficient([chain for _, chain in found], signature)]
    return authority_id


async def _locked(write: Write, agency_id: UUID) -> int:
    """The agency's version, its row locked. Raises NotFound."""
    version: int | None = await write.value(_LOCK, {"id": agency_id})
    if version is None:
        raise NotFound("register of signing authorities")
    return version


async def _entered(write: Write, caller: Caller, agency_id: UUID, row: dict[str, Any], event: str) -> SigningAuthority:
    authority_id = new_id()
    fresh = {"id": authority_id, "agency_id": agency_id, "version": 1}
    await write.run(_INSERT, {**fresh, **row, "created_at": caller.now, "updated_at": caller.now})
    told = {name: row[name] for name in ("office", "basis", "citation", "kinds", "valid_from", "valid_until")}
    await record(
        write,
        caller,
        f"signing_authority.{event}",
        subject=("signing_authority", authority_id, 1),
        agencies=[agency_id],
        data={
            **told,
            "ceiling_minor": row["ceiling_minor"],
            "ceiling_currency": row["ceiling_currency"],
            "delegated_from": None if row["parent_id"] is None else str(row["parent_id"]),
        },
    )
    today = await today_in_register(write, caller.principal, agency_id, caller.now)
    return as_authority(await authority_row(write, agency_id, authority_id), caller.principal, today)


def _power(new: NewSigningAuthority | NewDelegation) -> Power:
    return Power(
        office=new.office,
        kinds=tuple(dict.fromkeys(new.kinds)),
        ceiling=new.ceiling,
        valid_from=new.valid_from,
        valid_until=new.valid_until,
    )


def _columns(power: Power) -> dict[str, Any]:
    return {
        "office": power.office,
        "office_key": folded_key(power.office),
        "kinds": power.kinds,
        "ceiling_minor": None if power.ceiling is None else power.ceiling.to_minor(),
        "ceiling_currency": None if power.ceiling is None else power.ceiling.currency,
        "valid_from": power.valid_from,
        "valid_until": power.valid_until,
    }
