"""What the registry's administrator enters in a custodian's place, from the tracker or the list that it keeps.

A draft stays the custodian's alone: the administrator enters and corrects what its tracker says, and never sees more.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from sqlalchemy.engine import Row

from registry.access.permissions import Action, permit
from registry.access.principals import Caller
from registry.agreements.commands.drafting import custody, draft_provisions, edit_draft, enter
from registry.agreements.commands.holding import advanced, changed, lock
from registry.agreements.commands.open_text import own_text
from registry.agreements.commands.signing import SignedDraft, execute_on_paper, paper_day
from registry.agreements.queries.showing import row_whoever_asks
from registry.agreements.rules import AgreementAction, Stage
from registry.agreements.schemas import AgreementPatch, NewAgreement, RecordedAgreement
from registry.database.handles import Write
from registry.kernel.errors import WrongState
from registry.kernel.time import known_zone
from registry.ledger.commands import record

ListingEvent: TypeAlias = Literal["no_longer_listed", "listed_again", "listed_otherwise"]

_PATCHED = frozenset(AgreementPatch.__struct_fields__) - {"provisions"}


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


async def correct_draft(write: Write, caller: Caller, agreement_id: UUID, new: NewAgreement) -> None:
    """Make a draft what the tracker says, its provisions apart. Raises WrongState, RuleBroken."""
    row = await _held(write, caller, agreement_id)
    if row.stage != Stage.DRAFT:
        raise WrongState(f"Only a draft can be corrected, and the agreement is {row.stage}.")
    await edit_draft(write, caller, row, own_text(row), _patch(new))


async def record_draft(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    agreement_id: UUID,
    new: RecordedAgreement,
    told: Mapping[str, object],
) -> None:
    """Record that the paper of a draft is signed: it takes what the paper says and is executed.

    The custodian's signature is attested, as when `record_agreement` enters it at once. Raises WrongState, RuleBroken.
    """
    row = await _held(write, caller, agreement_id)
    advanced(row, AgreementAction.RECORD)
    signed_at = paper_day(new.signed_on, known_zone(new.time_zone, "/time_zone").key, caller.now)
    await edit_draft(write, caller, row, own_text(row), _patch(new))
    new = msgspec.structs.replace(new, provisions=await draft_provisions(write, row.version_id))
    draft = SignedDraft(
        agreement_id=row.id,
        version_id=row.version_id,
        custodian_id=row.custodian_id,
        version=(await _held(write, caller, agreement_id)).version + 1,
    )
    await execute_on_paper(write, caller, ledger_key, draft, new, signed_at, told)


async def note_listing(
    write: Write, caller: Caller, agreement_id: UUID, event: ListingEvent, told: Mapping[str, object]
) -> None:
    """Note in an agreement's history what became of it on the list it came from; it changes nothing else."""
    await changed(write, caller, await _held(write, caller, agreement_id), event, told)


async def _held(write: Write, caller: Caller, agreement_id: UUID) -> Row[Any]:
    """The agreement with its current text, locked, whoever may see it. Raises NotFound, Forbidden."""
    await lock(write, agreement_id)
    row = await row_whoever_asks(write, caller.principal, agreement_id)
    permit(caller.principal, Action.AGREEMENTS_CREATE, custody(caller, row.custodian_id))
    return row


def _patch(new: NewAgreement) -> AgreementPatch:
    return AgreementPatch(**{name: getattr(new, name) for name in new.__struct_fields__ if name in _PATCHED})
