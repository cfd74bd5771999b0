"""Commands on credentials: to add one, to say that its issuer confirmed it, and that it is no good any more.

A credential is never edited: a renewed one is another, and a wrong one is revoked.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.engine import Row

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.event_types import EventType
from registry.resources.personnel.commands.recording import (
    as_stored,
    check_not_separated,
    lock,
    note,
    recount,
    store,
)
from registry.resources.personnel.holdings import StoredCredential, check_credential, codes_in
from registry.resources.personnel.queries.getting import as_record, decoded, record_row, relations
from registry.resources.personnel.queries.types import known_types
from registry.resources.personnel.rules import Verification
from registry.resources.personnel.schemas import HeldCapability, NewCredential, PersonnelRecord, Qualification

MOST_CREDENTIALS = 80


async def add_credential(
    write: Write, caller: Caller, personnel_id: UUID, new: NewCredential, expected: Expected = None
) -> PersonnelRecord:
    """Add a credential, which is unverified. Raises WrongStatus for somebody who is separated, RuleBroken."""
    row = await _begun(write, caller, personnel_id, Action.PERSONNEL_UPDATE, expected)
    check_credential(new, await known_types(write, codes_in((), [new], ())), "")
    stored = decoded(row.credentials, list[StoredCredential])
    if len(stored) >= MOST_CREDENTIALS:
        raise RuleBroken(f"A person has at most {MOST_CREDENTIALS} credentials.", "too_many_credentials")
    return await _kept(write, caller, row, [*stored, as_stored(new)], EventType.PERSONNEL_CREDENTIAL_ADDED, {})


async def verify_credential(
    write: Write, caller: Caller, personnel_id: UUID, credential_id: UUID, method: str, expected: Expected = None
) -> PersonnelRecord:
    """Say that the issuer confirmed a credential, now. Raises NotFound, WrongStatus for one that is revoked."""
    row = await _begun(write, caller, personnel_id, Action.PERSONNEL_VERIFY, expected)
    change = {
        "verification": Verification.VERIFIED,
        "verified_at": caller.now,
        "verified_by": caller.principal.subject,
    }
    stored = _changed(row, credential_id, change)
    data = {"credential_id": str(credential_id), "method": method}
    return await _kept(write, caller, row, stored, EventType.PERSONNEL_CREDENTIAL_VERIFIED, data)


async def revoke_credential(
    write: Write, caller: Caller, personnel_id: UUID, credential_id: UUID, reason: str, expected: Expected = None
) -> PersonnelRecord:
    """Say that a credential is no good any more, whatever its dates say. Raises NotFound, WrongStatus."""
    row = await _begun(write, caller, personnel_id, Action.PERSONNEL_UPDATE, expected)
    stored = _changed(row, credential_id, {"verification": Verification.REVOKED})
    data = {"credential_id": str(credential_id), "reason": reason}
    return await _kept(write, caller, row, stored, EventType.PERSONNEL_CREDENTIAL_REVOKED, data)


async def _begun(write: Write, caller: Caller, personnel_id: UUID, action: Action, expected: Expected) -> Row[Any]:
    await lock(write, personnel_id)
    row = await record_row(write, caller, personnel_id)
    permit(caller.principal, action, relations(caller.principal, row.agency_id))
    await write.once()
    check_version(expected, row.version)
    check_not_separated(row.status)
    return row


def _changed(row: Row[Any], credential_id: UUID, change: dict[str, Any]) -> list[StoredCredential]:
    stored: list[StoredCredential] = decoded(row.credentials, list[StoredCredential])
    its = next((each for each in stored if each.id == credential_id), None)
    if its is None:
        raise NotFound("credential")
    if its.verification is Verification.REVOKED:
        raise WrongStatus("The credential is revoked, for good. Add the one that is valid.", "credential_revoked")
    return [msgspec.structs.replace(each, **change) if each is its else each for each in stored]


async def _kept(
    write: Write,
    caller: Caller,
    row: Row[Any],
    stored: list[StoredCredential],
    event: EventType,
    data: Mapping[str, object],
) -> PersonnelRecord:
    said = {
        "capabilities": decoded(row.capabilities, list[HeldCapability]),
        "qualifications": decoded(row.qualifications, list[Qualification]),
    }
    await recount(write, row, said, stored)
    await store(write, caller, row.id, {"credentials": stored})
    note(write, caller, event, row.id, row.version + 1, data)
    return as_record(await record_row(write, caller, row.id), caller)
