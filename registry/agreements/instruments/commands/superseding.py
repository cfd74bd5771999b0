"""An agreement that takes another's place: for those who signed it, once nobody who is bound is left out."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.being_bound import check_bound
from registry.agreements.instruments.commands.holding import ToldToSome, advanced, held, parties_of
from registry.agreements.instruments.commands.noticing import check_was_bound, joined_at_of
from registry.agreements.instruments.commands.proposing import (
    NewProposal,
    check_none_open,
    done,
    propose,
    report_consents,
    takes_effect_at,
)
from registry.agreements.instruments.commands.settling.departed import parts_of
from registry.agreements.instruments.commands.settling.proposed import bound_now
from registry.agreements.instruments.consent import ProposalKind, ReportedKind
from registry.agreements.instruments.consent_tables import agreement_proposal
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.evidence import evidence_told
from registry.agreements.instruments.queries.lapsing import expired
from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.instruments.queries.visibility import visible_to_agency_of
from registry.agreements.instruments.rules import AgreementAction, Stage, check_evidence, refuse
from registry.agreements.instruments.schemas.evidence import OnPaper, evidence_of, has_evidence
from registry.agreements.instruments.schemas.given import Supersession
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import agreement, agreement_party, agreement_signature, agreement_version
from registry.agreements.instruments.terms import Terms, covers, purposes_meet
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound, RuleBroken
from registry.platform.kernel.time import day_starts_at, format_instant
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_proposal = agreement_proposal
_ID = sa.bindparam("id", type_=agreement.c.id.type)
_SIGNED_SUCCESSOR = (
    sa.select(agreement_signature.c.agency_id, agreement_signature.c.signed_on, agreement_signature.c.counts_from)
    .join(agreement_version, agreement_version.c.id == agreement_signature.c.version_id)
    .join(
        agreement,
        sa.and_(
            agreement.c.id == agreement_version.c.agreement_id, agreement.c.current_version == agreement_version.c.no
        ),
    )
    .where(agreement.c.id == _ID)
)
_SUCCESSORS = sa.select(_proposal.c.successor_id).where(
    _proposal.c.agreement_id == _ID, _proposal.c.successor_id.is_not(None), _proposal.c.taken_back_at.is_(None)
)
_named = agreement.alias("successor")
# An event is for whom it concerns on that day: of these parties, those who may know of the other agreement.
_MAY_KNOW = sa.select(agreement_party.c.agency_id).where(
    agreement_party.c.agreement_id == _ID,
    sa.select(sa.literal(1))
    .where(
        _named.c.id == sa.bindparam("successor_id", type_=agreement.c.id.type),
        visible_to_agency_of(agreement_party, of=_named),
    )
    .correlate(agreement_party)
    .exists(),
)


async def supersede(
    write: Write,
    caller: Caller,
    agreement_id: UUID,
    supersession: Supersession,
    expected: Expected,
) -> Agreement:
    """Say that another agreement that is executed takes this one's place for those who signed it.

    Windows are a party's and not a pair's, so the own agency, and with it the others that signed the other text, is
    bound by this one until each party that still is has agreed to that: of who signed the other text it is reported
    that its signature did; who did not sign it is asked for its consent, and stays bound. Raises RuleBroken,
    WrongStatus, Conflict.
    """
    # Locked as well, the successor changes only before or after, and is not made to give way to this one meanwhile.
    beside = (supersession.by_agreement_id,)
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected, beside=beside)
    await check_bound(write, row.id, caller.agency_id, caller.now)
    advanced(row, AgreementAction.SUPERSEDE)
    successor = await _successor(write, caller, row.id, supersession.by_agreement_id)
    await _check_matter(write, caller, row, successor)
    await check_none_open(write, caller, row.id, ProposalKind.SUPERSESSION)
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    signed = {each.agency_id: each for each in await write.all(_SIGNED_SUCCESSOR, {"id": successor.id})}
    own = signed.get(caller.agency_id)
    if own is None:
        raise _no_successor("It must be another agreement that is executed and that your agency has signed.")
    check_evidence(supersession.evidence_sha256, supersession.evidence_location, needed=False)
    recorded = has_evidence(supersession)
    if not recorded:
        refuse(expired(row, caller.now))
    at = max(row.starts_at, own.counts_from if recorded else caller.now)
    if supersession.effective_on is not None:
        zone = ZoneInfo(row.time_zone)
        at = (
            day_starts_at(supersession.effective_on, zone)
            if recorded
            else takes_effect_at(supersession.effective_on, today)
        )
        joined_at = await joined_at_of(write, row.id, caller.agency_id)
        assert joined_at is not None, "who is not bound was refused"
        its_day = supersession.effective_on
        await check_was_bound(write, row, caller.agency_id, joined_at, its_day, today, "/effective_on")
    new = NewProposal(
        kind=ProposalKind.SUPERSESSION,
        not_before=at,
        reason=supersession.reason,
        evidence_sha256=supersession.evidence_sha256,
        evidence_location=supersession.evidence_location,
        successor_id=successor.id,
    )
    proposal_id, asked = await propose(write, caller, row, new, given_at=own.counts_from if recorded else caller.now)
    days = {each: signed[each].signed_on for each in asked if each in signed and each != caller.agency_id}
    paper = supersession if recorded else OnPaper(evidence_sha256=successor.sha256)
    about = (ReportedKind.CONSENTED, days, paper, supersession.reason)
    await report_consents(write, caller, row, proposal_id, *about)
    told = {
        "proposal_id": str(proposal_id),
        "reason": supersession.reason,
        "effective_at": format_instant(at),
        **await evidence_told(write, row.id, caller.agency_id, *evidence_of(supersession)),
    }
    named = ToldToSome(
        event=EventType.AGREEMENT_SUCCESSOR_NAMED,
        data={"proposal_id": str(proposal_id), "by": str(successor.id)},
        agencies=[each.agency_id for each in await write.all(_MAY_KNOW, {"id": row.id, "successor_id": successor.id})],
    )
    return await done(write, caller, row, EventType.AGREEMENT_SUPERSESSION_PROPOSED, told, to_some=[named])


async def _successor(write: Write, caller: Caller, agreement_id: UUID, successor_id: UUID) -> Row[Any]:
    """The agreement that takes this one's place. Raises RuleBroken for none, and for one whose place this one takes."""
    try:
        successor = await agreement_row(write, caller.principal, successor_id)
    except NotFound:
        raise _no_successor("There is no such agreement, or it is not visible to you.") from None
    executed = Stage(successor.stage) in (Stage.EXECUTED, Stage.SUSPENDED)
    seen, ahead = {agreement_id}, [successor_id]
    while ahead:
        each = ahead.pop()
        if each in seen:
            raise _no_successor("It must be another agreement, and none whose place this one takes itself.")
        seen.add(each)
        ahead += [found.successor_id for found in await write.all(_SUCCESSORS, {"id": each})]
    if not executed or not successor.shared:
        raise _no_successor("It must be another agreement that is executed and that your agency has signed.")
    return successor


async def _check_matter(write: Write, caller: Caller, row: Row[Any], successor: Row[Any]) -> None:
    """Let only an agreement about the same matter take this one's place; raises RuleBroken, and says what differs.

    It has another party that is bound by this one, and a category and, where both name some, a purpose in common. A
    signature to anything else says nothing of this one. Of another kind it may be: a compact replaces a memorandum.
    """
    others = set(bound_now(await parts_of(write, row.id), caller.now)) - {caller.agency_id}
    if others and others.isdisjoint(await parties_of(write, successor.id)):
        raise _no_successor("No other party that is bound by this agreement is a party to that one.")
    old, new = (msgspec.json.decode(each.terms, type=Terms) for each in (row, successor))
    if not _meet(old.categories, new.categories):
        detail = f"It is about {', '.join(new.categories)}, and this one about {', '.join(old.categories)}."
        raise _no_successor(f"{detail} End this one by consent instead.")
    if not purposes_meet(old, new):
        raise _no_successor("The two have no purpose in common. End this one by consent instead.")


def _meet(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether a category of the one lies in one of the other."""
    return any(one == other or covers(one, other) or covers(other, one) for one in some for other in others)


def _no_successor(detail: str) -> RuleBroken:
    return RuleBroken.at(detail, "no_successor", pointer="/by_agreement_id")
