"""What needs the consent of all who are bound: proposed, consented to, taken back."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.being_bound import check_asked, check_bound
from registry.agreements.instruments.commands.contested_again import stand_contested
from registry.agreements.instruments.commands.holding import ToldToSome, advanced, finished, held
from registry.agreements.instruments.commands.noticing import (
    check_was_bound,
    joined_at_of,
    notice_given_at,
    said_received,
)
from registry.agreements.instruments.commands.reported import report_of_each
from registry.agreements.instruments.commands.settling.closing import drop_proposal, open_departures
from registry.agreements.instruments.commands.settling.effects import open_reports, replace_reports
from registry.agreements.instruments.commands.settling.proposed import bound_since
from registry.agreements.instruments.consent import (
    OF_CONSENT,
    OF_ONE,
    UNANSWERED,
    EndingGround,
    ProposalKind,
    Reported,
    ReportedKind,
    ReportStatus,
    consent_barred,
    consents_from,
    proposal_kept,
    rescission_barred,
    suspended_stretches,
)
from registry.agreements.instruments.consent_tables import agreement_consent, agreement_proposal, agreement_reported_act
from registry.agreements.instruments.delivery import NoticeDelivery
from registry.agreements.instruments.queries.consents import proposals, proposed_already, without_contested
from registry.agreements.instruments.queries.days import today_of, today_of_each
from registry.agreements.instruments.queries.evidence import evidence_told
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.lapsing import expired, is_recorded
from registry.agreements.instruments.queries.parties import JOINED_AT
from registry.agreements.instruments.queries.pending import without_pending
from registry.agreements.instruments.queries.relying import relied_on
from registry.agreements.instruments.queries.visibility import is_asked, not_left
from registry.agreements.instruments.receipt import NOTHING_RECEIVED
from registry.agreements.instruments.rules import (
    AgreementAction,
    Stage,
    check_evidence,
    pause_not_recorded,
    recorded_too_late,
    refuse,
    while_it_lasted,
)
from registry.agreements.instruments.schemas.consenting import NewSuspensionProposal
from registry.agreements.instruments.schemas.evidence import OnPaper, evidence_of, has_evidence
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import Conflict, Forbidden, NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.intervals import Interval
from registry.platform.kernel.time import civil_day, day_after, day_starts_at, format_instant
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_proposal, _consent = agreement_proposal, agreement_consent
_ID = sa.bindparam("id", type_=agreement.c.id.type)
_PARTS = sa.select(agreement_party).where(agreement_party.c.agreement_id == _ID).order_by(agreement_party.c.ordinal)
_LEFT = sa.select(agreement_party.c.agency_id).where(
    agreement_party.c.agreement_id == _ID, agreement_party.c.joined_at.is_not(None), ~not_left()
)
_INSERT = _proposal.insert()
_ASK = _consent.insert()
_ONE = sa.select(_proposal).where(
    _proposal.c.agreement_id == _ID, _proposal.c.id == sa.bindparam("proposal_id", type_=_proposal.c.id.type)
)
_CONSENTS = sa.select(_consent).where(_consent.c.proposal_id == sa.bindparam("proposal_id", type_=_proposal.c.id.type))
_CONSENT = _consent.update().where(
    _consent.c.proposal_id == sa.bindparam("its_proposal", type_=_proposal.c.id.type),
    _consent.c.agency_id == sa.bindparam("its_agency", type_=_consent.c.agency_id.type),
)
_OF_PART = sa.select(*(agreement_party.c[name] for name in ("withdrawal_notice_on", "leaves_at"))).where(
    agreement_party.c.agreement_id == _ID,
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
)
_ITS_PART = sa.select(agreement_party.c.joined_at).where(
    agreement_party.c.agreement_id == _ID,
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
    _proposal.c.id == sa.bindparam("proposal_id", type_=_proposal.c.id.type),
    _proposal.c.agreement_id == agreement_party.c.agreement_id,
    is_asked(),
)
_REPORTS = sa.select(agreement_reported_act).where(
    agreement_reported_act.c.proposal_id == sa.bindparam("proposal_id", type_=_proposal.c.id.type),
    agreement_reported_act.c.status.in_(UNANSWERED),
)
_CONTESTED = sa.select(agreement_reported_act.c.proposal_id).where(
    agreement_reported_act.c.agreement_id == _ID,
    agreement_reported_act.c.proposal_id.is_not(None),
    agreement_reported_act.c.status == ReportStatus.CONTESTED,
)
_PAUSES = sa.select(_proposal).where(
    _proposal.c.agreement_id == _ID,
    _proposal.c.kind.in_((ProposalKind.SUSPENSION, ProposalKind.REINSTATEMENT)),
    _proposal.c.taken_back_at.is_(None),
)
_UNSAID_END = sa.select(_proposal.c.id).where(
    _proposal.c.id == sa.bindparam("proposal_id", type_=_proposal.c.id.type),
    _proposal.c.ground == EndingGround.REPORTED,
    _proposal.c.taken_back_at.is_(None),
    ~sa.exists().where(
        agreement_reported_act.c.proposal_id == _proposal.c.id,
        agreement_reported_act.c.status.not_in((ReportStatus.TAKEN_BACK, ReportStatus.REPLACED)),
    ),
)
_OWN_NOTICE = agreement_party.update().where(
    agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("its_agency", type_=agreement_party.c.agency_id.type),
)
_OF_THAT_DAY = _OWN_NOTICE.where(
    agreement_party.c.withdrawal_notice_on == sa.bindparam("its_day", type_=agreement_party.c.withdrawal_notice_on.type)
)
NO_NOTICE: Mapping[str, object] = dict.fromkeys(
    (
        "withdrawal_notice_on",
        "notice_kind",
        "notice_counts_on",
        "notice_recorded_at",
        "notice_leaves_on",
        "leaves_at",
        "notice_evidence_sha256",
        "notice_evidence_location",
        "notice_deliveries",
        "notice_receipts",
    )
)
"""The columns of a party that has given none."""


class NewProposal(Struct, kw_only=True, frozen=True):
    """A proposal as it is written down."""

    kind: ProposalKind
    not_before: datetime
    ends_at: datetime | None = None
    reason: str
    ground: EndingGround | None = None
    clause: str | None = None
    notice_on: date | None = None
    notice_kind: str | None = None
    evidence_sha256: str | None = None
    evidence_location: str | None = None
    newcomer_ids: list[UUID] | None = None
    successor_id: UUID | None = None
    signed_version_id: UUID | None = None
    approval_id: UUID | None = None
    notice_of_id: UUID | None = None
    otherwise_at: datetime | None = None
    agreed_at: datetime | None = None


async def propose(
    write: Write,
    caller: Caller,
    row: Row[Any],
    new: NewProposal,
    *,
    given_at: datetime | None = None,
    proposed_by_id: UUID | None = None,
    of: Collection[UUID] | None = None,
) -> tuple[UUID, list[UUID]]:
    """Write a proposal down, with the own consent, and ask all who are bound; its id, and who is asked.

    Of what reaches back all are asked that were bound on a day from which it may take effect, also who has left since.
    One that `agreed_at` says is agreed already, by the text itself, asks nobody; one that is put to certain parties
    asks these (`of`).
    """
    proposal_id = new_id()
    values = {name: getattr(new, name) for name in new.__struct_fields__}
    newcomers = None if new.newcomer_ids is None else [str(agency_id) for agency_id in new.newcomer_ids]
    values |= {
        "newcomer_ids": newcomers,
        "proposed_by_id": proposed_by_id or caller.agency_id,
        "proposed_at": caller.now,
    }
    await write.run(_INSERT, {"id": proposal_id, "agreement_id": row.id, **values})
    if new.agreed_at is not None:
        return proposal_id, []
    parts = {part.agency_id: part for part in await write.all(_PARTS, {"id": row.id})}
    own = given_at or caller.now
    bound = of
    if bound is None:
        bound = bound_since(parts, min(max(new.not_before, own), caller.now), new.kind)
    asked = [each for each in bound if each not in (new.newcomer_ids or ())]  # who came by a text's clause may be bound
    if asked:
        await write.run(
            _ASK,
            [
                {
                    "proposal_id": proposal_id,
                    "agency_id": agency_id,
                    "counts_from": own if agency_id == caller.agency_id else None,
                }
                for agency_id in asked
            ],
        )
    return proposal_id, asked


async def report_consents(
    write: Write,
    caller: Caller,
    row: Row[Any],
    proposal_id: UUID,
    kind: ReportedKind,
    days: Mapping[UUID, date],
    paper: OnPaper,
    reason: str,
) -> None:
    """What each of those asked is said to have agreed to, or to have been told of, and on which day, where it is."""
    theirs = await today_of_each(write, days, row.time_zone, caller.now)
    acts = [
        Reported(
            agency_id=agency_id,
            kind=kind,
            acted_on=acted_on,
            counts_at=theirs[agency_id].counts_from(acted_on),
            evidence_sha256=paper.evidence_sha256,
            evidence_location=paper.evidence_location,
            reason=reason,
            proposal_id=proposal_id,
        )
        for agency_id, acted_on in days.items()
    ]
    await report_of_each(write, caller, row, proposal_id, acts)


async def put_to_each(
    write: Write,
    caller: Caller,
    row: Row[Any],
    proposal_id: UUID,
    agency_ids: Collection[UUID],
    paper: OnPaper,
    reason: str,
    counts_at: datetime,
) -> None:
    """Put to each of them what one did on an earlier day, so that its silence counts: it is told of it by that, today.

    Nobody tells them on the day of the act itself; `counts_at`: from when their yes counts.
    """
    theirs = await today_of_each(write, agency_ids, row.time_zone, caller.now)
    acts = [
        Reported(
            agency_id=agency_id,
            kind=ReportedKind.WAS_ASKED,
            acted_on=theirs[agency_id].at_agency,
            counts_at=counts_at,
            evidence_sha256=paper.evidence_sha256,
            evidence_location=paper.evidence_location,
            reason=reason,
            proposal_id=proposal_id,
        )
        for agency_id in agency_ids
    ]
    await report_of_each(write, caller, row, proposal_id, acts)


async def tell_of_notice(
    write: Write,
    caller: Caller,
    row: Row[Any],
    proposal_id: UUID,
    days: Mapping[UUID, date],
    deliveries: Sequence[NoticeDelivery],
    paper: OnPaper,
    reason: str,
    leaves_at: datetime,
) -> None:
    """What is said of each of the others to whom a departure by notice is put: that the notice told it, on that day.

    Where `deliveries` say to whom it went, nothing told whom they leave out: to these the registry puts it, today.
    """
    went_to = {each.agency_id for each in deliveries}
    told = {each: day for each, day in days.items() if not went_to or each in went_to}
    await report_consents(write, caller, row, proposal_id, ReportedKind.WAS_NOTIFIED, told, paper, reason)
    left_out = [each for each in days if each not in told]
    await put_to_each(write, caller, row, proposal_id, left_out, paper, reason, min(leaves_at, caller.now))


async def propose_departure(write: Write, caller: Caller, row: Row[Any], act: Reported) -> UUID | None:
    """That another party left, put to the others who are bound; how each was told says `tell_of_notice`.

    Of who left otherwise than by notice the registry puts it to them: nothing told them of it on that day. None where
    nobody else is bound, where the party could not leave sooner by a notice of now, so that nobody loses a day, or
    where its signature is not on record yet: nobody has relied on its being bound. Of a notice that counts from receipt
    each is told on which day it is said to have received it. Raises Conflict while the party's own word of it is before
    the others.
    """
    for open_ in await open_departures(write, row.id, caller.now):
        if open_.proposed_by_id == act.agency_id:
            detail = "A departure of that party is before you already: answer that you were told of it."
            raise Conflict(detail, "already_reported")
    parts = {part.agency_id: part for part in await write.all(_PARTS, {"id": row.id})}
    since = min(act.counts_at, caller.now)
    others = [
        each
        for each in bound_since(parts, since, ProposalKind.DEPARTURE)
        if each not in (act.agency_id, caller.agency_id)
    ]
    received: Mapping[UUID, date] = {}
    if act.kind is ReportedKind.GAVE_NOTICE:
        received = await said_received(write, row, act)
    if not others or parts[act.agency_id].joined_at is None:
        return None
    said = (act.agency_id, act.notice_kind, caller.now)
    runs_out_at = await notice_given_at(write, row, *said, NOTHING_RECEIVED)
    if runs_out_at is not None and act.counts_at >= runs_out_at:
        return None
    new = NewProposal(
        kind=ProposalKind.DEPARTURE,
        not_before=act.counts_at,
        reason=act.reason,
        notice_on=act.acted_on,
        notice_kind=act.notice_kind,
        evidence_sha256=act.evidence_sha256,
        evidence_location=act.evidence_location,
    )
    proposal_id, _ = await propose(write, caller, row, new, given_at=act.counts_at, proposed_by_id=act.agency_id)
    paper = OnPaper(evidence_sha256=act.evidence_sha256, evidence_location=act.evidence_location)
    if act.kind is ReportedKind.WITHDREW:
        await put_to_each(write, caller, row, proposal_id, others, paper, act.reason, act.counts_at)
        return proposal_id
    given = msgspec.convert(act.deliveries or [], list[NoticeDelivery])
    days = {each: received.get(each, act.acted_on) for each in others}
    await tell_of_notice(write, caller, row, proposal_id, days, given, paper, act.reason, act.counts_at)
    return proposal_id


async def propose_suspension(
    write: Write, caller: Caller, agreement_id: UUID, new: NewSuspensionProposal, expected: Expected
) -> Agreement:
    """Propose that the agreement as a whole is suspended, or goes on; it needs the consent of all who are bound.

    What all agreed on paper is recorded with its day and evidence, whatever the agreement has come to since: that the
    others did so is then reported of each that was bound on the days that it takes away. Raises RuleBroken,
    WrongStatus, Conflict.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    kind, recorded = ProposalKind(new.kind), new.acted_on is not None
    check_on_paper(new, new.acted_on)
    await check_bound(
        write, row.id, caller.agency_id, while_it_lasted(row.terminated_at, caller.now) if recorded else caller.now
    )
    if recorded:
        refuse(pause_not_recorded(Stage(row.stage)))
    else:
        refuse(recorded_too_late(caller.now, row.terminated_at, row.time_zone))
        advanced(row, AgreementAction.SUSPEND if kind is ProposalKind.SUSPENSION else AgreementAction.REINSTATE)
        refuse(expired(row, caller.now))
    await check_none_open(write, caller, row.id, kind)
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    given_at = None if new.acted_on is None else await acted_at(write, caller, row, new.acted_on, today)
    at = began_at(new.effective_on or new.acted_on, given_at, today)
    if recorded:
        refuse(recorded_too_late(at, row.terminated_at, row.time_zone))
    ends_at = _ends_at(new, at, row.time_zone)
    if recorded and kind is ProposalKind.REINSTATEMENT:
        await _check_suspended(write, row, at)
    proposed = NewProposal(
        kind=kind,
        not_before=at,
        ends_at=ends_at,
        reason=new.reason,
        evidence_sha256=new.evidence_sha256,
        evidence_location=new.evidence_location,
    )
    proposal_id, asked = await propose(write, caller, row, proposed, given_at=given_at)
    if new.acted_on is not None:
        others = dict.fromkeys((each for each in asked if each != caller.agency_id), new.acted_on)
        await report_consents(write, caller, row, proposal_id, ReportedKind.CONSENTED, others, new, new.reason)
    told = {
        "proposal_id": str(proposal_id),
        "reason": new.reason,
        "effective_at": format_instant(at),
        "ends_at": None if ends_at is None else format_instant(ends_at),
        "acted_on": new.acted_on,
        **await evidence_told(write, row.id, caller.agency_id, *evidence_of(new)),
    }
    suspends = kind is ProposalKind.SUSPENSION
    event = EventType.AGREEMENT_SUSPENSION_PROPOSED if suspends else EventType.AGREEMENT_REINSTATEMENT_PROPOSED
    return await done(write, caller, row, event, told)


async def _check_suspended(write: Write, row: Row[Any], at: datetime) -> None:
    """Let only what was suspended have gone on: by what is on record of it, agreed or not yet. Raises WrongStatus."""
    on_record = await write.all(_PAUSES, {"id": row.id})
    pauses = [each for each in on_record if each.kind == ProposalKind.SUSPENSION]
    stretches = suspended_stretches(
        [each.not_before for each in pauses if each.ends_at is None],
        [
            each.agreed_at
            for each in on_record
            if each.kind == ProposalKind.REINSTATEMENT and each.agreed_at is not None
        ],
        [Interval(start=each.not_before, end=each.ends_at) for each in pauses if each.ends_at is not None],
    )
    if not any(each.start < at and (each.end is None or at < each.end) for each in stretches):
        day = civil_day(at, row.time_zone)
        raise WrongStatus(
            f"By what is on record the agreement was not suspended as a whole on {day}, so it did not go on then: "
            "record its suspension first."
        )


def _ends_at(new: NewSuspensionProposal, at: datetime, time_zone: str) -> datetime | None:
    """When a suspension with a last day is over. Raises RuleBroken for what is none, and a day before it begins."""
    if new.ends_on is None:
        return None
    ends_at = day_starts_at(day_after(new.ends_on), ZoneInfo(time_zone))
    if new.kind != "suspension" or ends_at <= at:
        detail = "The last day is that of a suspension, and not before it begins; what goes on has none."
        raise RuleBroken.at(detail, "not_then", f"{new.ends_on} is no last day of it", pointer="/ends_on")
    return ends_at


def check_on_paper(paper: OnPaper, acted_on: date | None) -> None:
    """Let what happened on paper be recorded with its day and what shows it: both, or neither. Raises RuleBroken."""
    check_evidence(*evidence_of(paper), needed=acted_on is not None)
    if acted_on is None and has_evidence(paper):
        raise RuleBroken.at(
            "What happened on paper has both its day and its evidence.", "evidence_missing", pointer="/acted_on"
        )


async def acted_at(write: Write, caller: Caller, row: Row[Any], acted_on: date, today: Today) -> datetime:
    """When the agency acted on paper: as the day began where it is, once it was bound. Raises RuleBroken."""
    today.check_come(acted_on, "/acted_on", "acted_in_future", "What has not happened yet cannot be recorded.")
    joined_at = await joined_at_of(write, row.id, caller.agency_id)
    assert joined_at is not None, "who is not bound was refused"
    await check_was_bound(write, row, caller.agency_id, joined_at, acted_on, today, "/acted_on")
    return max(today.counts_from(acted_on), joined_at)


def began_at(day: date | None, acted: datetime | None, today: Today) -> datetime:
    """From when what is proposed is to count: as `takes_effect_at`, but of what happened on paper not before that."""
    if acted is None or day is None:
        return takes_effect_at(day, today)
    return max(day_starts_at(day, ZoneInfo(today.agreement_zone)), acted)


def takes_effect_at(effective_on: date | None, today: Today) -> datetime:
    """When that day begins by the agreement's clocks; at once where it has begun, or none is given.

    Raises RuleBroken for a day that is over.
    """
    if effective_on is None:
        return today.now
    if today.is_over(effective_on):
        detail = f"That is for now or a day to come; what is past is recorded with its evidence. {today}"
        raise RuleBroken.at(detail, "not_then", pointer="/effective_on")
    return max(day_starts_at(effective_on, ZoneInfo(today.agreement_zone)), today.now)


async def consent(
    write: Write, caller: Caller, agreement_id: UUID, proposal_id: UUID, note: str | None, expected: Expected
) -> Agreement:
    """Consent to a proposal for the own agency; it counts as a confirmation of what is reported of it would.

    Raises NotFound, WrongStatus where nothing awaits its consent.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    proposal = await _proposal_of(write, row.id, proposal_id)
    said = await open_reports(write, row.id, caller.agency_id, *OF_CONSENT, proposal_id=proposal_id)
    await replace_reports(write, row.id, caller.agency_id, *OF_CONSENT, now=caller.now, proposal_id=proposal_id)
    given = {each.agency_id: each.counts_from for each in await write.all(_CONSENTS, {"proposal_id": proposal_id})}
    awaited = proposal.taken_back_at is None and given.get(caller.agency_id, caller.now) is None
    departure = proposal.kind == ProposalKind.DEPARTURE
    is_leaver = departure and proposal.proposed_by_id == caller.agency_id
    its_part = {"id": row.id, "proposal_id": proposal_id, "agency_id": caller.agency_id, "now": caller.now}
    has_part = await write.value(_ITS_PART, its_part) is not None
    refuse(consent_barred(awaited=awaited, has_part=has_part, is_leaver=is_leaver))
    its = {"its_proposal": proposal_id, "its_agency": caller.agency_id}
    reported_at = [each.counts_at for each in said]
    of_a_day = proposal.kind in OF_ONE or is_recorded(proposal)
    day = proposal.not_before
    if proposal.successor_id is not None:  # of who signed the other text, its hand to that is the yes
        part = {"id": proposal.successor_id, "agency_id": caller.agency_id}
        day = max(day, await write.value(JOINED_AT, part) or day)
    at = consents_from(day, reported_at, of_a_day=of_a_day, now=caller.now)
    await write.run(_CONSENT, {**its, "counts_from": at})
    told = {"proposal_id": str(proposal_id), "agency_id": str(caller.agency_id), "kind": proposal.kind, "note": note}
    return await done(write, caller, row, EventType.AGREEMENT_CONSENTED, told)


async def take_back_proposal(
    write: Write, caller: Caller, agreement_id: UUID, proposal_id: UUID, reason: str, expected: Expected
) -> Agreement:
    """Take the own proposal back while nobody has relied on it: no other consented, and its day has not come.

    Raises NotFound, Forbidden for another's, WrongStatus, also for who has left since.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    proposal = await _proposal_of(write, row.id, proposal_id)
    if proposal.proposed_by_id != caller.agency_id:
        raise Forbidden("Only who proposed it takes it back.")
    # Who gave a notice may take it back as long as nobody has relied on it, bound or not.
    if proposal.kind != ProposalKind.DEPARTURE:
        await check_asked(write, row.id, caller.agency_id, caller.now)
    pending = await write.all(_REPORTS, {"proposal_id": proposal_id})
    unanswered = {each.agency_id for each in pending if not each.is_settled}
    relied = [
        each.agency_id
        for each in await write.all(_CONSENTS, {"proposal_id": proposal_id})
        if each.counts_from is not None and each.agency_id != caller.agency_id and each.agency_id not in unanswered
    ]
    is_over = proposal.taken_back_at is not None
    refuse(proposal_kept(is_over=is_over, relied_on=bool(relied), agreed_at=proposal.agreed_at, now=caller.now))
    if proposal.kind == ProposalKind.DEPARTURE and not is_over:
        part = await write.first(_OF_PART, {"id": row.id, "agency_id": caller.agency_id})
        if part is not None and part.withdrawal_notice_on == proposal.notice_on:
            acts = await relied_on(write, row.id, caller.agency_id, row.time_zone, caller.now)
            refuse(rescission_barred(part.leaves_at, caller.now, own=True, waits=False, relied=acts))
    await drop_proposal(write, proposal_id, reason, caller.now)
    if proposal.kind == ProposalKind.DEPARTURE:  # of the notice nothing is left, so that another can be given
        its = {"its_id": row.id, "its_agency": caller.agency_id, "its_day": proposal.notice_on}
        await write.run(_OF_THAT_DAY, {**its, **NO_NOTICE})
        await stand_contested(write, row, caller.agency_id, reason, caller.now)
    told = {"proposal_id": str(proposal_id), "kind": proposal.kind, "reason": reason}
    return await done(write, caller, row, EventType.AGREEMENT_PROPOSAL_TAKEN_BACK, told)


async def drop_unsaid_end(write: Write, proposal_id: UUID | None, reason: str, now: datetime) -> None:
    """Take back an end that was reported, once nothing is said of any party any more that it agreed to it."""
    if proposal_id is not None and await write.value(_UNSAID_END, {"proposal_id": proposal_id}) is not None:
        await drop_proposal(write, proposal_id, reason, now)


async def check_none_open(
    write: Write, caller: Caller, agreement_id: UUID, kind: ProposalKind, newcomer_ids: Collection[UUID] = ()
) -> None:
    """Raises Conflict where the like of it is proposed already, with what there is to do about that."""
    without = await without_pending(write, agreement_id, caller.now)
    found = await proposals(write, caller.principal, agreement_id, caller.now, without)
    left = [row.agency_id for row in await write.all(_LEFT, {"id": agreement_id, "now": caller.now})]
    contested = [row.proposal_id for row in await write.all(_CONTESTED, {"id": agreement_id})]
    open_ = without_contested(found, contested)
    if (bar := proposed_already(open_, kind, caller.agency_id, left, newcomer_ids)) is not None:
        raise Conflict(bar, "proposal_open")


async def _proposal_of(write: Write, agreement_id: UUID, proposal_id: UUID) -> Row[Any]:
    proposal = await write.first(_ONE, {"id": agreement_id, "proposal_id": proposal_id})
    if proposal is None:
        raise NotFound("proposal")
    return proposal


async def done(
    write: Write,
    caller: Caller,
    row: Row[Any],
    event: EventType,
    told: Mapping[str, object],
    *,
    to_some: Sequence[ToldToSome] = (),
) -> Agreement:
    await finished(write, caller, row, event, told, to_some=to_some)
    return await get_agreement(write, caller.principal, row.id, caller.now)
