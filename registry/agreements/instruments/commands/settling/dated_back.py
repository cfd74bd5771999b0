"""From when an own act of an earlier day counts: from that day, once all whose days it touches have agreed to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.settling.departed import parts_of, set_party
from registry.agreements.instruments.commands.settling.effects import count_receipt
from registry.agreements.instruments.commands.settling.proposed import Proposed
from registry.agreements.instruments.consent import ProposalKind
from registry.agreements.instruments.consent_tables import agreement_proposal
from registry.agreements.instruments.queries.texts import executed_texts
from registry.agreements.instruments.tables import agreement, agreement_approval, agreement_party, agreement_signature
from registry.platform.database.handles import Write
from registry.platform.kernel.intervals import earliest

_signature, _approval, _proposal = agreement_signature, agreement_approval, agreement_proposal
_AT = sa.bindparam("at", type_=_signature.c.recorded_at.type)
_HAND = sa.and_(
    _signature.c.version_id == sa.bindparam("signed_version", type_=_signature.c.version_id.type),
    _signature.c.agency_id == sa.bindparam("its_agency", type_=_signature.c.agency_id.type),
)
_APPROVED = _approval.c.id == sa.bindparam("approved", type_=_approval.c.id.type)
_HAND_COUNTS = sa.select(_signature.c.counts_from).where(_HAND)
_APPROVAL_COUNTS = sa.select(_approval.c.counts_from).where(_APPROVED)
_WORD_COUNTS = sa.select(agreement_party.c.verbally_at).where(
    agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("its_agency", type_=agreement_party.c.agency_id.type),
)
_DATE_HAND = _signature.update().where(_HAND).values(counts_from=_AT)
_DATE_APPROVAL = _approval.update().where(_APPROVED).values(counts_from=_AT)
_WAITING = sa.select(_proposal).where(
    _proposal.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    _proposal.c.kind == ProposalKind.EARLIER_DAY,
    _proposal.c.taken_back_at.is_(None),
)


class OwnAct(Struct, kw_only=True, frozen=True):
    """What a party did, and the instant from which that is to count.

    Its signature to a version, its governing body's approval, that it received the notice of `notice_of_id`; its word
    where it is none of these.
    """

    agency_id: UUID
    at: datetime
    signed_version_id: UUID | None = None
    approval_id: UUID | None = None
    notice_of_id: UUID | None = None


async def date_back(write: Write, agreement_id: UUID, proposals: Sequence[Proposed]) -> bool:
    """Let each act count from the day to which all have agreed by now; whether that changed one."""
    return await count_from(
        write,
        agreement_id,
        [
            OwnAct(
                agency_id=each.proposed_by_id,
                at=each.agreed_at,
                signed_version_id=each.signed_version_id,
                approval_id=each.approval_id,
                notice_of_id=each.notice_of_id,
            )
            for each in proposals
            if each.kind is ProposalKind.EARLIER_DAY and each.agreed_at is not None
        ],
    )


async def waiting_acts(write: Write, agreement_id: UUID) -> list[OwnAct]:
    """The acts that are to count from an earlier day, each with that day, whoever has agreed to it."""
    return [
        OwnAct(
            agency_id=row.proposed_by_id,
            at=row.not_before,
            signed_version_id=row.signed_version_id,
            approval_id=row.approval_id,
            notice_of_id=row.notice_of_id,
        )
        for row in await write.all(_WAITING, {"id": agreement_id})
    ]


async def count_from(write: Write, agreement_id: UUID, acts: Sequence[OwnAct]) -> bool:
    """Let the acts count from their instants, where they count from later ones; whether any did.

    By its signature to the original its agency is a party since; by one to another text see `settling.joined`.
    """
    received = [
        await count_receipt(write, agreement_id, each.notice_of_id, each.agency_id, each.at)
        for each in acts
        if each.notice_of_id is not None
    ]
    acts = [each for each in acts if each.notice_of_id is None]
    later = [each for each in acts if (at := await _counted(write, agreement_id, each)) is not None and at > each.at]
    if not later:
        return any(received)
    parts: Mapping[UUID, Row[Any]] = await parts_of(write, agreement_id)
    texts = await executed_texts(write, agreement_id)
    for each in later:
        part = parts.get(each.agency_id)
        joins = None if part is None else earliest(part.joined_at, each.at)
        if is_word(each):
            await set_party(write, agreement_id, each.agency_id, joined_at=joins, verbally_at=each.at)
            continue
        its = _its(each)
        await write.run(_DATE_HAND if each.approval_id is None else _DATE_APPROVAL, {**its, "at": each.at})
        if texts and each.signed_version_id == texts[0].version_id and part is not None:
            await set_party(write, agreement_id, each.agency_id, joined_at=joins)
    return True


def is_word(act: OwnAct) -> bool:
    """Whether it is that a party agreed by word of mouth."""
    return act.signed_version_id is None and act.approval_id is None and act.notice_of_id is None


async def _counted(write: Write, agreement_id: UUID, act: OwnAct) -> datetime | None:
    at: datetime | None
    if is_word(act):
        at = await write.value(_WORD_COUNTS, {"id": agreement_id, "its_agency": act.agency_id})
    else:
        at = await write.value(_HAND_COUNTS if act.approval_id is None else _APPROVAL_COUNTS, _its(act))
    return at


def _its(act: OwnAct) -> dict[str, object]:
    if act.approval_id is not None:
        return {"approved": act.approval_id}
    return {"signed_version": act.signed_version_id, "its_agency": act.agency_id}
