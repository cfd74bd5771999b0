"""Saying no, with a reason that reaches everybody: to sign a text that is out for signature, or to join."""

from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.holding import finished, held
from registry.agreements.instruments.commands.open_text import open_text, own_text, waiting_paper
from registry.agreements.instruments.commands.settling.effects import stop_silences
from registry.agreements.instruments.consent import Unconfirmed
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.signing import ids_of, signing_of
from registry.agreements.instruments.rules import ALREADY_SIGNED, NOTHING_OUT, NOTHING_TO_JOIN, Stage
from registry.agreements.instruments.schemas.given import Declining
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.signing_tables import agreement_declined
from registry.agreements.instruments.tables import agreement_party, agreement_signature
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_INSERT = agreement_declined.insert()
_HAND = sa.select(agreement_signature.c.id).where(
    agreement_signature.c.version_id == sa.bindparam("version_id", type_=agreement_signature.c.version_id.type),
    agreement_signature.c.agency_id == sa.bindparam("agency_id", type_=agreement_signature.c.agency_id.type),
)


async def decline_to_sign(
    write: Write, caller: Caller, agreement_id: UUID, declining: Declining, expected: Expected
) -> Agreement:
    """Decline, for the own agency, to sign the text that is out for signature, or a recorded paper that waits for it.

    A paper waits for nobody: its no keeps its silence from counting. The round of a text stands still: nobody puts its
    hand to a text that is going to change. The custodian sends it back or withdraws it, or the agency signs after all.
    Raises WrongStatus where its signature is not waited for, RuleBroken for another version's hash, Conflict where it
    declined already.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    paper = await waiting_paper(write, row, declining.version_sha256)
    if paper is not None:
        its = {"version_id": paper.version_id, "agency_id": caller.agency_id}
        if await write.value(_HAND, its) is not None:
            raise WrongStatus(ALREADY_SIGNED)
        return await _declined(write, caller, row, paper.version_id, paper.version_no, "sign", declining)
    text = open_text(row)
    found = None
    if text.stage is Stage.OUT_FOR_SIGNATURE:
        found = await signing_of(write, text.version_id, caller.now)
    if found is not None and caller.agency_id in ids_of(found.signed):
        raise WrongStatus(ALREADY_SIGNED)
    if found is None or caller.agency_id not in ids_of(found.outstanding):
        raise WrongStatus(NOTHING_OUT)
    _check_hash(text.sha256, declining)
    return await _declined(write, caller, row, text.version_id, text.version_no, "sign", declining)


async def decline_to_join(
    write: Write, caller: Caller, agreement_id: UUID, declining: Declining, expected: Expected
) -> Agreement:
    """Decline, for the own agency, to be bound by an executed agreement that it has not signed.

    It may still join later, by its own signature or confirmation; nobody attests for it meanwhile. Raises WrongStatus,
    RuleBroken, Conflict as above.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    text = own_text(row)
    part = await write.first(
        agreement_party.select().where(
            agreement_party.c.agreement_id == row.id, agreement_party.c.agency_id == caller.agency_id
        )
    )
    if part is not None and part.joined_at is not None and part.joined_at > caller.now:
        raise WrongStatus("It is reported that your agency signed or agreed: contest that report instead.")
    if text.stage not in (Stage.EXECUTED, Stage.SUSPENDED) or part is None or part.joined_at is not None:
        raise WrongStatus(NOTHING_TO_JOIN)
    _check_hash(text.sha256, declining)
    return await _declined(write, caller, row, text.version_id, text.version_no, "join", declining)


def _check_hash(digest: str | None, declining: Declining) -> None:
    if digest != declining.version_sha256:
        raise RuleBroken.at(
            "That is not the hash of the version in question. Read the agreement again, and answer what it says now.",
            "other_version",
            "not the version in question",
            pointer="/version_sha256",
        )


async def _declined(
    write: Write,
    caller: Caller,
    row: Row[Any],
    version_id: UUID,
    version_no: int,
    action: Literal["sign", "join"],
    declining: Declining,
) -> Agreement:
    event = EventType.AGREEMENT_DECLINED_TO_SIGN if action == "sign" else EventType.AGREEMENT_DECLINED_TO_JOIN
    await write.run(
        _INSERT,
        {
            "id": new_id(),
            "agreement_id": row.id,
            "version_id": version_id,
            "agency_id": caller.agency_id,
            "action": action,
            "reason": declining.reason,
            "declined_at": caller.now,
        },
    )
    told = {"agency_id": str(caller.agency_id), "version_no": version_no, "reason": declining.reason}
    await stop_silences(write, row.id, caller.agency_id, Unconfirmed.SAID_NO, caller.now)
    await finished(write, caller, row, event, told)
    return await get_agreement(write, caller.principal, row.id, caller.now)
