"""What the registry's administrator enters in a custodian's place, from the tracker or the list that it keeps.

A draft stays the custodian's alone: the administrator enters and corrects what its tracker says, and never sees more.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, permit
from registry.access.principals import Caller
from registry.agreements.commands.drafting import custody, draft_provisions, edit_draft, enter
from registry.agreements.commands.holding import advanced, changed
from registry.agreements.commands.signing import Paper, execute_on_paper, paper_day
from registry.agreements.rules import AgreementAction, Stage
from registry.agreements.schemas import AgreementPatch, NewAgreement, RecordedAgreement
from registry.agreements.tables import agreement, agreement_version
from registry.database.handles import Write
from registry.kernel.errors import NotFound, WrongState
from registry.kernel.time import known_zone
from registry.ledger.commands import record

ListingEvent: TypeAlias = Literal["no_longer_listed", "listed_again", "listed_otherwise"]

_PATCHED = frozenset(AgreementPatch.__struct_fields__) - {"provisions"}
_HELD = (
    sa.select(
        agreement,
        agreement_version.c.id.label("version_id"),
        agreement_version.c.no.label("version_no"),
        agreement_version.c.terms,
    )
    .join(
        agreement_version,
        sa.and_(
            agreement_version.c.agreement_id == agreement.c.id,
            agreement_version.c.no == agreement.c.current_version,
        ),
    )
    .where(agreement.c.id == sa.bindparam("id", type_=agreement.c.id.type))
    .with_for_update(of=agreement, key_share=True)
)


async def enter_draft(write: Write, caller: Caller, custodian_id: UUID, new: NewAgreement) -> UUID:
    """Enter a draft in the custody of another agency; its id. Raises Forbidden, RuleBroken, Conflict."""
    permit(caller.principal, Action.AGREEMENTS_CREATE, custody(caller, custodian_id))
    await write.once()
    agreement_id, _ = await enter(write, caller, custodian_id, new)
    await record(
        write,
        caller,
        "agreement.created",
        subject=("agreement", agreement_id, 1),
        agencies=[custodian_id],
        agreement_id=agreement_id,
        data={"number": new.number, "title": new.title, "kind": new.kind, "custodian_id": str(custodian_id)},
    )
    return agreement_id


async def correct_draft(write: Write, caller: Caller, agreement_id: UUID, new: NewAgreement) -> int:
    """Make a draft what the tracker says, its provisions apart; the row version. Raises WrongState, RuleBroken."""
    row = await _held(write, caller, agreement_id)
    if row.stage != Stage.DRAFT:
        raise WrongState(f"Only a draft can be corrected, and the agreement is {row.stage}.")
    await edit_draft(write, caller, row, _patch(new))
    return int((await _held(write, caller, agreement_id)).version)


async def record_draft(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    agreement_id: UUID,
    new: RecordedAgreement,
    told: Mapping[str, object],
) -> int:
    """Record that the paper of a draft is signed: it takes what the paper says and is executed; the row version.

    The custodian's signature is attested, as when `record_agreement` enters it at once. Raises WrongState, RuleBroken.
    """
    row = await _held(write, caller, agreement_id)
    advanced(row, AgreementAction.RECORD)
    signed_at = paper_day(new.signed_on, known_zone(new.time_zone, "/time_zone").key, caller.now)
    await edit_draft(write, caller, row, _patch(new))
    new = msgspec.structs.replace(new, provisions=await draft_provisions(write, row.version_id))
    version = int((await _held(write, caller, agreement_id)).version) + 1
    paper = Paper(
        agreement_id=row.id,
        version_id=row.version_id,
        custodian_id=row.custodian_id,
        signed_at=signed_at,
        version=version,
    )
    await execute_on_paper(write, caller, ledger_key, paper, new, told)
    return version


async def note_listing(
    write: Write, caller: Caller, agreement_id: UUID, event: ListingEvent, told: Mapping[str, object]
) -> None:
    """Note in an agreement's history what became of it on the list it came from; it changes nothing else."""
    row = await _held(write, caller, agreement_id)
    await changed(write, caller, row, event, told)


async def _held(write: Write, caller: Caller, agreement_id: UUID) -> Row[Any]:
    """The agreement with its current text, locked, whoever may see it. Raises NotFound, Forbidden."""
    row = await write.first(_HELD, {"id": agreement_id})
    if row is None:
        raise NotFound("agreement")
    permit(caller.principal, Action.AGREEMENTS_CREATE, custody(caller, row.custodian_id))
    return row


def _patch(new: NewAgreement) -> AgreementPatch:
    return AgreementPatch(**{name: getattr(new, name) for name in new.__struct_fields__ if name in _PATCHED})
