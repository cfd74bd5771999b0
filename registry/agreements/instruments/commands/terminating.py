"""The end of an agreement for all: by the consent of each, or by a right that its text gives."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.being_bound import check_bound
from registry.agreements.instruments.commands.holding import advanced, held
from registry.agreements.instruments.commands.proposing import (
    NewProposal,
    acted_at,
    began_at,
    check_none_open,
    check_on_paper,
    done,
    propose,
    report_consents,
    takes_effect_at,
)
from registry.agreements.instruments.consent import EndingGround, ProposalKind, ReportedKind
from registry.agreements.instruments.notice import Period, read_notice
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.evidence import evidence_told
from registry.agreements.instruments.queries.governing import texts_that_bind
from registry.agreements.instruments.queries.lapsing import expired
from registry.agreements.instruments.rules import AgreementAction, refuse
from registry.agreements.instruments.schemas.evidence import evidence_of
from registry.agreements.instruments.schemas.given import Termination
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.term_days import withdrawal_ends_at
from registry.agreements.instruments.terms import Terms
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.text import counted
from registry.platform.kernel.time import day_starts_at, format_instant, last_day_before
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType


async def terminate(
    write: Write,
    caller: Caller,
    agreement_id: UUID,
    termination: Termination,
    expected: Expected,
) -> Agreement:
    """Propose the end for all, or use a right to it that the text gives.

    By mutual consent it ends once each party that is bound has consented. What happened on paper is recorded with its
    day and evidence: that the others did so, or were told, is then reported of each. A right's notice counts from today
    meanwhile, and so where one of them contests it. Raises RuleBroken, also for a day before the agency was bound,
    WrongStatus, Conflict.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    await check_bound(write, row.id, caller.agency_id, caller.now)
    advanced(row, AgreementAction.TERMINATE)
    await check_none_open(write, caller, row.id, ProposalKind.END)
    check_on_paper(termination, termination.acted_on)
    if termination.acted_on is None:
        refuse(expired(row, caller.now))
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    given_at = today.now
    if termination.acted_on is not None:
        given_at = await acted_at(write, caller, row, termination.acted_on, today)
    right = EndingGround(termination.ground) is EndingGround.RIGHT_TO_END
    new = NewProposal(
        kind=ProposalKind.END,
        not_before=caller.now,
        ground=EndingGround(termination.ground),
        reason=termination.reason,
        evidence_sha256=termination.evidence_sha256,
        evidence_location=termination.evidence_location,
    )
    if right:
        texts = await texts_that_bind(write, row, caller.agency_id, termination.acted_on or today.at_agency)
        new = _by_right(texts, caller.agency_id, termination, new, today, given_at)
    else:
        new = _by_consent(termination, new, today, given_at)
    proposal_id, asked = await propose(write, caller, row, new, given_at=given_at)
    if new.agreed_at is None and termination.acted_on is not None:
        others = dict.fromkeys((each for each in asked if each != caller.agency_id), termination.acted_on)
        kind = ReportedKind.WAS_NOTIFIED if right else ReportedKind.CONSENTED
        about = (kind, others, termination, termination.reason)
        await report_consents(write, caller, row, proposal_id, *about)
    told = {
        "proposal_id": str(proposal_id),
        "ground": termination.ground,
        "clause": new.clause,
        "reason": termination.reason,
        "effective_at": format_instant(new.not_before if new.otherwise_at is None else new.otherwise_at),
        "acted_on": termination.acted_on,
        **await evidence_told(write, row.id, caller.agency_id, *evidence_of(termination)),
    }
    return await done(
        write, caller, row, EventType.AGREEMENT_END_DECLARED if right else EventType.AGREEMENT_END_PROPOSED, told
    )


def _by_consent(termination: Termination, new: NewProposal, today: Today, given_at: datetime) -> NewProposal:
    """The end that takes effect once each has consented. Raises RuleBroken for a day that is over, without evidence."""
    day, on_paper = termination.effective_on or termination.acted_on, termination.acted_on is not None
    return msgspec.structs.replace(new, not_before=began_at(day, given_at if on_paper else None, today))


def _by_right(
    texts: Sequence[Row[Any]],
    agency_id: UUID,
    termination: Termination,
    new: NewProposal,
    today: Today,
    given_at: datetime,
) -> NewProposal:
    """The end that each text that binds the agency lets it bring about alone, as the notice of the right has run out.

    Used on a day that is over it would leave the others less time: that day counts once each of them knows of it and
    agrees, or does not contest it. Raises RuleBroken where the text gives no right, or not how long its notice runs.
    """
    rights = [_right_to_end(text, agency_id) for text in texts]
    clause, days = rights[0][0], max(days for _, days in rights)
    zone = ZoneInfo(today.agreement_zone)
    new = msgspec.structs.replace(new, clause=clause)
    runs_out = withdrawal_ends_at(today.later, Period(days=days), today.agreement_zone) if days else today.now
    if termination.acted_on is not None and today.is_over(termination.acted_on):
        at = day_starts_at(termination.effective_on or termination.acted_on, zone)
        dated, otherwise_at = max(at, given_at), max(at, runs_out)
        if days:
            dated = max(at, withdrawal_ends_at(termination.acted_on, Period(days=days), today.agreement_zone))
        if dated < otherwise_at:
            return msgspec.structs.replace(new, not_before=dated, otherwise_at=otherwise_at)
        return msgspec.structs.replace(new, not_before=dated, agreed_at=dated)
    at = runs_out if termination.effective_on is None else takes_effect_at(termination.effective_on, today)
    if at < runs_out:
        last = last_day_before(runs_out, today.agreement_zone)
        detail = f"Notice of {counted(days, 'day')} given today runs through {last}, not less. {today}"
        raise RuleBroken.at(detail, "not_then", pointer="/effective_on")
    return msgspec.structs.replace(new, not_before=at, agreed_at=at)


def _right_to_end(text: Row[Any], agency_id: UUID) -> tuple[str | None, int]:
    """The provision that gives the agency the right to end the agreement for all, and the days of notice it asks for.

    Raises RuleBroken where the text gives it none, where how long notice runs is not entered, and where it counts from
    a receipt, of which none is recorded: nobody is free sooner than by what the others have received.
    """
    terms, notice = msgspec.json.decode(text.terms, type=Terms), read_notice(text.notice)
    clause = terms.clauses.get("rights_to_end")
    right = next((each for each in terms.rights_to_end if each.agency_id == agency_id), None)
    if right is None:
        raise RuleBroken.at(
            "The text gives your agency no right to end the agreement for all: give notice for your own agency, or ask "
            "for the others' consent.",
            "no_right_to_end",
            pointer="/ground",
        )
    if right.notice_days is None:
        where = f"clause {clause}" if clause else "none of its clauses is named for it"
        raise RuleBroken.at(
            f"The text gives your agency that right, and how long its notice runs is not entered ({where}); none is "
            "assumed. Ask for the others' consent, or amend the text; have counsel review.",
            "notice_silent",
            "no period is entered",
            pointer="/ground",
        )
    if right.notice_days and (why := notice.unreceived("an end by right")):
        raise RuleBroken.at(
            f"{why} Ask for the others' consent, or give notice for your own agency; have counsel review.",
            "notice_silent",
            "counts from a receipt",
            pointer="/ground",
        )
    return clause, right.notice_days
