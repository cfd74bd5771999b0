"""What the registry's administrator enters in a party's or custodian's place, from papers, trackers and lists.

A draft stays the custodian's alone: the administrator enters and corrects what its tracker says, and never sees more.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.drafting import custody, draft_provisions, edit_draft, enter
from registry.agreements.instruments.commands.holding import advanced, changed, finished
from registry.agreements.instruments.commands.locking import lock
from registry.agreements.instruments.commands.open_text import own_text
from registry.agreements.instruments.commands.proposing import NewProposal, propose, report_consents
from registry.agreements.instruments.commands.recording import SignedDraft, execute_on_paper
from registry.agreements.instruments.commands.settling.proposed import bound_now
from registry.agreements.instruments.commands.signing import paper_day
from registry.agreements.instruments.consent import EndingGround, ProposalKind, ReportedKind
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.rows import row_whoever_asks
from registry.agreements.instruments.rules import AgreementAction, ListingEvent, Stage
from registry.agreements.instruments.schemas.evidence import OnPaper
from registry.agreements.instruments.schemas.given import AgreementPatch, NewAgreement, RecordedAgreement
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.platform.access.acts import keep_act
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.time import day_after, day_starts_at, known_zone
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

_PARTS = sa.select(agreement_party).where(
    agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type)
)
_PATCHED = frozenset(AgreementPatch.__struct_fields__) - {"provisions"}


async def enter_draft(write: Write, caller: Caller, custodian_id: UUID, new: NewAgreement) -> UUID:
    """Enter a draft in the custody of another agency; its id. Raises Forbidden, RuleBroken, Conflict."""
    permit(caller.principal, Action.AGREEMENTS_CREATE, custody(caller, custodian_id))
    await write.once()
    agreement_id, _, _ = await enter(write, caller, custodian_id, new)
    keep_act(write, caller, Act.DRAFT, agreement_id)
    record(
        write,
        caller,
        EventType.AGREEMENT_CREATED,
        subject=("agreement", agreement_id, 1),
        agencies=[custodian_id],
        agreement_id=agreement_id,
        data={"number": new.number, "title": new.title, "kind": new.kind, "custodian_id": str(custodian_id)},
    )
    return agreement_id


async def correct_draft(write: Write, caller: Caller, agreement_id: UUID, new: NewAgreement) -> None:
    """Make a draft what the tracker says, its provisions apart. Raises WrongStatus, RuleBroken."""
    row = await _held(write, caller, agreement_id)
    if row.stage != Stage.DRAFT:
        raise WrongStatus(f"Only a draft can be corrected, and the agreement is {row.stage}.")
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

    Of the custodian it is reported that it signed, as when `record_agreement` enters it. Raises WrongStatus,
    RuleBroken.
    """
    row = await _held(write, caller, agreement_id)
    advanced(row, AgreementAction.RECORD)
    zone = known_zone(new.time_zone, "/time_zone").key
    signed_at = paper_day(await today_of(write, row.custodian_id, zone, caller.now), new.signed_on)
    await edit_draft(write, caller, row, own_text(row), _patch(new))
    new = msgspec.structs.replace(new, provisions=await draft_provisions(write, row.version_id))
    draft = SignedDraft(
        agreement_id=row.id,
        version_id=row.version_id,
        custodian_id=row.custodian_id,
        version=(await _held(write, caller, agreement_id)).ledger_version + 1,
    )
    await execute_on_paper(write, caller, ledger_key, draft, new, signed_at, told)


async def record_end(
    write: Write, caller: Caller, agreement_id: UUID, ended_on: date, evidence_sha256: str, reason: str
) -> None:
    """Report, of a paper that binds nobody here, that it was ended and was in force through that day.

    It is who records it that says so, and each party that the text names may confirm or contest it, at any time: what
    nobody is bound by ends on that word, and for none of them once one contests it. Raises WrongStatus where a party is
    bound: then it takes the parties to end it.
    """
    row = await _held(write, caller, agreement_id)
    advanced(row, AgreementAction.TERMINATE)
    parts = {part.agency_id: part for part in await write.all(_PARTS, {"id": row.id})}
    if bound_now(parts, caller.now):
        raise WrongStatus("A party has joined the agreement: its end takes those who are bound.")
    at = day_starts_at(day_after(ended_on), ZoneInfo(row.time_zone))
    new = NewProposal(
        kind=ProposalKind.END,
        ground=EndingGround.REPORTED,
        not_before=at,
        reason=reason,
        evidence_sha256=evidence_sha256,
    )
    proposal_id, _ = await propose(write, caller, row, new)
    days = {agency_id: ended_on for agency_id, part in parts.items() if part.in_text}
    paper = OnPaper(evidence_sha256=evidence_sha256)
    await report_consents(write, caller, row, proposal_id, ReportedKind.CONSENTED, days, paper, reason)
    told = {
        "proposal_id": str(proposal_id),
        "ended_on": ended_on,
        "reason": reason,
        "evidence_sha256": evidence_sha256,
    }
    await finished(write, caller, row, EventType.AGREEMENT_END_RECORDED, told)


async def note_listing(
    write: Write, caller: Caller, agreement_id: UUID, event: ListingEvent, told: Mapping[str, object]
) -> None:
    """Note in an agreement's history what became of it on the list it came from; it changes nothing else."""
    await changed(write, caller, await _held(write, caller, agreement_id), event, told)


async def _held(write: Write, caller: Caller, agreement_id: UUID) -> Row[Any]:
    """The agreement with its current text, locked, whoever may see it. Raises NotFound, Forbidden."""
    await lock(write, caller.now, agreement_id)
    row = await row_whoever_asks(write, caller.principal, agreement_id)
    permit(caller.principal, Action.AGREEMENTS_CREATE, custody(caller, row.custodian_id))
    return row


def _patch(new: NewAgreement) -> AgreementPatch:
    return AgreementPatch(**{name: getattr(new, name) for name in new.__struct_fields__ if name in _PATCHED})
