"""Commands on principals. Suspending and restoring hold within a second, in every process."""

from collections.abc import Mapping
from uuid import UUID

from registry.directory.issuers.commands import check_administrator_left, refusable_administrators
from registry.directory.principals.queries import get_principal, principal_row, relations
from registry.directory.principals.rules import PrincipalAction, PrincipalStatus, check
from registry.directory.principals.schemas import KnownPrincipal
from registry.directory.revocations.rules import check_lifter
from registry.platform.access.acting import lift, revoke
from registry.platform.access.known import begin_idle_days_anew, count_change, forget_name, lock_principal
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller, RevocationKind
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound, WrongStatus
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.platform.mail.recipients import forget_address_of
from registry.platform.settings import Settings


async def suspend_principal(
    write: Write, caller: Caller, id_: UUID, reason: str, expected: Expected, settings: Settings
) -> KnownPrincipal:
    """Refuse every token of a person or service for its agency.

    Raises NotFound, StaleVersion, WrongStatus, and Conflict for the last who is known to administer the
    registry or, by its own word, the agency.
    """
    return await _change(write, caller, id_, PrincipalAction.SUSPEND, reason, expected, settings)


async def restore_principal(
    write: Write, caller: Caller, id_: UUID, reason: str, expected: Expected, settings: Settings
) -> KnownPrincipal:
    """Accept its tokens again, whether it was suspended or inactive.

    Raises NotFound, StaleVersion, WrongStatus, and Forbidden where the operator suspended it, for everybody else.
    """
    return await _change(write, caller, id_, PrincipalAction.RESTORE, reason, expected, settings)


async def purge_principal_name(
    write: Write, caller: Caller, id_: UUID, reason: str, expected: Expected, settings: Settings
) -> KnownPrincipal:
    """Forget its name for good, which is not kept again, and the address to which it is written.

    What it did stays proven, under its subject.

    Raises NotFound, StaleVersion, WrongStatus.
    """
    return await _change(write, caller, id_, PrincipalAction.PURGE_NAME, reason, expected, settings)


async def _change(
    write: Write,
    caller: Caller,
    id_: UUID,
    action: PrincipalAction,
    reason: str,
    expected: Expected,
    settings: Settings,
) -> KnownPrincipal:
    if not await lock_principal(write, id_):
        raise NotFound("principal")
    row = await principal_row(write, caller, id_, settings.principal_idle_days)
    permit(caller.principal, Action.PRINCIPALS_MANAGE, relations(caller.principal, row.agency_id))
    await write.once()
    check_version(expected, row.version)
    status = PrincipalStatus(row.status)
    is_operator = caller.agency_id == OPERATOR_AGENCY_ID
    check(action, status, purged=row.name_purged_at is not None, final=bool(row.suspended_for_good))
    if action is PrincipalAction.RESTORE:
        check_lifter(by_operator=bool(row.suspended_by_operator), is_operator=is_operator)
    version = row.version + 1
    match action:
        case PrincipalAction.SUSPEND:
            before = await refusable_administrators(write, caller, settings, row.agency_id)
            await revoke(
                write,
                RevocationKind.PERSON,
                row.subject,
                issuer=row.issuer,
                agency_id=row.agency_id,
                now=caller.now,
                reason=reason,
                by_operator=is_operator,
            )
            await check_administrator_left(write, caller, settings, before, row.agency_id)
            await count_change(write, id_, version)
        case PrincipalAction.RESTORE:
            suspended = row.revocation_id is not None
            if suspended and not await lift(write, row.revocation_id, row.revocation_version, caller.now):
                raise WrongStatus("Its suspension was lifted at the same moment.")
            await begin_idle_days_anew(write, id_, version, caller.now)
        case PrincipalAction.PURGE_NAME:
            await forget_name(write, id_, version, caller.now)
            await forget_address_of(write, row.agency_id, row.issuer, row.subject)
    record(
        write,
        caller,
        _EVENTS[action],
        subject=("principal", id_, version),
        agencies=[row.agency_id],
        data={"reason": reason, "status_before": status},  # whose it is stands with the principal, never here
    )
    return await get_principal(write, caller, id_, settings.principal_idle_days)


_EVENTS: Mapping[PrincipalAction, EventType] = {
    PrincipalAction.SUSPEND: EventType.PRINCIPAL_SUSPENDED,
    PrincipalAction.RESTORE: EventType.PRINCIPAL_RESTORED,
    PrincipalAction.PURGE_NAME: EventType.PRINCIPAL_NAME_PURGED,
}
