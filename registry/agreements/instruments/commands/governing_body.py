"""A governing body's approval as a condition of being bound: that it is needed, and that it was given."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.earlier_days import count_from_its_day
from registry.agreements.instruments.commands.holding import finished, held
from registry.agreements.instruments.commands.noticing import joined_at_of, notice_given_at
from registry.agreements.instruments.commands.settling.dated_back import OwnAct
from registry.agreements.instruments.commands.settling.effects import open_reports
from registry.agreements.instruments.commands.standing_text import STOOD_SINCE, check_stood
from registry.agreements.instruments.consent import BINDING
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.evidence import evidence_told
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.governing import texts_that_bind
from registry.agreements.instruments.queries.in_force import OPEN_END
from registry.agreements.instruments.rules import (
    Stage,
    approved_too_late,
    check_evidence,
    refuse,
    takes_approval_rules,
    takes_approvals,
)
from registry.agreements.instruments.schemas.evidence import evidence_of, has_evidence
from registry.agreements.instruments.schemas.given import ApprovalRule, GoverningApproval
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import (
    agreement_approval,
    agreement_approval_rule,
    agreement_version,
)
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import folded_key
from registry.platform.kernel.time import EARLIEST, FIRST_DAY, civil_day, day_starts_at
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_TEXT = sa.select(agreement_version.c.sha256, *STOOD_SINCE).where(
    agreement_version.c.agreement_id == sa.bindparam("id", type_=agreement_version.c.agreement_id.type),
    agreement_version.c.no == sa.bindparam("no"),
)
_RULES_TO_COME = (
    sa.select(agreement_approval_rule.c.starts_at, agreement_approval_rule.c.effective_on)
    .where(
        agreement_approval_rule.c.agreement_id == sa.bindparam("id", type_=agreement_approval_rule.c.agreement_id.type),
        agreement_approval_rule.c.agency_id == sa.bindparam("agency", type_=agreement_approval_rule.c.agency_id.type),
        agreement_approval_rule.c.starts_at > sa.bindparam("from", type_=agreement_approval_rule.c.starts_at.type),
    )
    .group_by(agreement_approval_rule.c.starts_at, agreement_approval_rule.c.effective_on)
    .having(sa.func.count().filter(agreement_approval_rule.c.required) > 0)
    .order_by(agreement_approval_rule.c.starts_at)
)
_INSERT_RULE = agreement_approval_rule.insert()
_INSERT_APPROVAL = agreement_approval.insert()


def _check(row: Row[Any], takes: Callable[[Stage], bool]) -> None:
    if not takes(Stage(row.stage)):
        raise WrongStatus(f"Not while the agreement is {row.stage.replace('_', ' ')}.")


def _check_leaves_the_past(today: Today, effective_on: date) -> None:
    if today.is_over(effective_on):
        detail = (
            f"Your agency has signed, or is said to have, so a rule from {effective_on} on would change who was bound "
            f"on days that are over, which no party does alone: give a day from today on. {today}"
        )
        raise RuleBroken.at(detail, "rule_reaches_back", f"{effective_on} is over", pointer="/effective_on")


async def _runs_as_a_notice(
    write: Write, caller: Caller, row: Row[Any], rule: ApprovalRule, starts_at: datetime, today: Today
) -> datetime:
    """From when a new condition of a bound party's counts: not before a notice that it gives today has run out.

    Under a text that counts notice from receipt it has not until the others say that it came, and of a rule they say
    nothing: who wants to be free gives notice, and who wants the condition has the others agree.
    """
    if rule.citation is None:
        detail = "Your agency is bound: name the law that makes its governing body's approval a condition of that."
        raise RuleBroken.at(detail, "citation_missing", "needed of an agency that is bound", pointer="/citation")
    for text in await texts_that_bind(write, row, caller.agency_id, today.by_agreement):
        if why := read_notice(text.notice).unreceived("a rule"):
            detail = (
                f"{why} Give notice for your own agency, or amend the text so that an approval is a condition of it; "
                "have counsel review."
            )
            raise RuleBroken.at(detail, "notice_silent", "counts from a receipt", pointer="/effective_on")
    its = (caller.agency_id, "withdrawal", caller.now)
    runs_out_at = await notice_given_at(write, row, *its, bears=today.later)
    if runs_out_at is None:
        detail = "How long notice runs is not entered, so no agency puts a condition on being bound by itself."
        raise RuleBroken.at(detail, "notice_silent", "no period is entered", pointer="/effective_on")
    if rule.effective_on is not None and starts_at < runs_out_at:
        first = civil_day(runs_out_at, row.time_zone)
        detail = f"A notice given today would run until {first}: the rule begins then, or later."
        raise RuleBroken.at(detail, "not_then", f"{rule.effective_on} is before {first}", pointer="/effective_on")
    return max(starts_at, runs_out_at)


async def set_approval_rule(
    write: Write, caller: Caller, agreement_id: UUID, rule: ApprovalRule, expected: Expected
) -> Agreement:
    """Say from which day on the own agency is bound only while its governing body's approval lasts, or is so no more.

    Without a day it is from the beginning, whatever texts come to light of days before. One that waives without a day
    waives also what would begin later, each from its own day: nobody else relies on a condition of its own.

    Who has signed, or is said to have, cannot say it of a day that is over: the others relied on what held then, and no
    citation makes one party the judge of that. Nor is anybody who is bound freed sooner than by a notice given today:
    there a rule that asks for an approval names its law, and begins once that notice would have run out. Raises
    RuleBroken for an earlier day, where no law is named, and where no notice is entered, or one that counts from
    receipt; WrongStatus.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    _check(row, takes_approval_rules)
    if rule.each_text and not rule.required:
        detail = "Where no approval is needed, none is needed of each text either: leave each_text out."
        raise RuleBroken.at(detail, "not_of_this_kind", "for a rule that asks for approvals", pointer="/each_text")
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    joined_at = await joined_at_of(write, row.id, caller.agency_id)
    signed = joined_at is not None or await open_reports(write, row.id, caller.agency_id, *BINDING)
    effective_on = rule.effective_on or (today.at_agency if signed else FIRST_DAY)
    reaches_to = max(effective_on, row.effective_on) if rule.effective_on is None else effective_on
    if today.is_over(reaches_to) and rule.citation is None:
        detail = f"A rule that reaches back to {reaches_to} changes who was bound: name the law that says so. {today}"
        raise RuleBroken.at(detail, "citation_missing", "needed for a day that is over", pointer="/citation")
    starts_at = caller.now if signed else EARLIEST
    if rule.effective_on is not None:
        starts_at = day_starts_at(rule.effective_on, ZoneInfo(row.time_zone))
    if signed:
        _check_leaves_the_past(today, effective_on)
        starts_at = max(starts_at, caller.now)
    if joined_at is not None and rule.required:
        starts_at = await _runs_as_a_notice(write, caller, row, rule, starts_at, today)
        effective_on = civil_day(starts_at, row.time_zone)
    days = [(starts_at, effective_on)]
    if not rule.required and rule.effective_on is None:
        later = {"id": row.id, "agency": caller.agency_id, "from": starts_at}
        days += [(each.starts_at, each.effective_on) for each in await write.all(_RULES_TO_COME, later)]
    for begins_at, begins_on in days:
        await write.run(
            _INSERT_RULE,
            {
                "id": new_id(),
                "agreement_id": row.id,
                "agency_id": caller.agency_id,
                "required": rule.required,
                "each_text": rule.each_text,
                "effective_on": begins_on,
                "starts_at": begins_at,
                "citation": rule.citation,
                "recorded_at": caller.now,
            },
        )
    told = {
        "agency_id": str(caller.agency_id),
        "required": rule.required,
        "each_text": rule.each_text,
        "effective_on": None if effective_on == FIRST_DAY else effective_on,
        "citation": rule.citation,
        "reason": rule.reason,
    }
    await finished(write, caller, row, EventType.AGREEMENT_APPROVAL_RULE_SET, told)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def _approved_text(write: Write, row: Row[Any], version_no: int) -> Row[Any]:
    """The text of that number, which is frozen. Raises RuleBroken where none of that number was put to the parties."""
    text = await write.first(_TEXT, {"id": row.id, "no": version_no})
    if text is None or text.sha256 is None:
        detail = (
            f"No version {version_no} of the agreement was put to the parties, so no body has approved it. Read the "
            "versions again, and name the text that was before it."
        )
        raise RuleBroken.at(detail, "other_version", "no text that was put to the parties", pointer="/version_no")
    return text


async def record_approval(
    write: Write, caller: Caller, agreement_id: UUID, approval: GoverningApproval, expected: Expected
) -> Agreement:
    """Record what the own agency's governing body approved; it meets the rule that asks for it, and makes none.

    One that is recorded late fills days on which it was lacking, and takes none away, whether it has lapsed or not;
    where others would have been bound on these, from its day once they agree to that (`earlier_days`).
    Some places make the approval a condition of validity and let it lapse after a year (Berkeley Municipal Code 2.04;
    have counsel review): that is said by `set_approval_rule`. It is of the text whose number it names, and keeps the
    hash of that. Raises Conflict for one of the same body, day, resolution and text, RuleBroken for a number that no
    text has which was put to the parties, for a day before that text stood, and for dates that give no term,
    WrongStatus.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    _check(row, takes_approvals)
    text = await _approved_text(write, row, approval.version_no)
    zone = ZoneInfo(row.time_zone)
    ends_at = OPEN_END if approval.expires_on is None else day_starts_at(approval.expires_on + timedelta(days=1), zone)
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    rule = "A body approves on a day that has come."
    today.check_come(approval.approved_on, "/approved_on", "approved_in_future", rule)
    check_stood(text, approval.approved_on, today, "/approved_on", "approved_before_text")
    starts_at = today.counts_from(approval.approved_on)
    refuse(approved_too_late(starts_at, row.terminated_at, row.time_zone))
    check_evidence(approval.evidence_sha256, approval.evidence_location, needed=False)
    if today.is_over(approval.approved_on) and not has_evidence(approval):
        detail = (
            f"An approval of {approval.approved_on} is recorded late: give the hash of what shows it or, where there "
            f"is no file of it, where it is kept. {today}"
        )
        raise RuleBroken.at(detail, "approval_unproven", "needed for a day that is over", pointer="/evidence_sha256")
    if ends_at <= starts_at:
        raise RuleBroken.at("The approval ends before it begins.", "approval_reversed", pointer="/expires_on")
    approval_id, asked = new_id(), today.is_over(approval.approved_on)
    await write.run(
        _INSERT_APPROVAL,
        {
            "id": approval_id,
            "agreement_id": row.id,
            "agency_id": caller.agency_id,
            "version_no": approval.version_no,
            "version_sha256": text.sha256,
            "body": approval.body,
            "reference": approval.reference,
            "act": f"{folded_key(approval.body)}\n{folded_key(approval.reference or '')}\n{approval.version_no}",
            "approved_on": approval.approved_on,
            "expires_on": approval.expires_on,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "counts_from": caller.now if asked else starts_at,
            "evidence_sha256": approval.evidence_sha256,
            "evidence_location": approval.evidence_location,
            "recorded_at": caller.now,
        },
    )
    told = {
        "agency_id": str(caller.agency_id),
        "version_no": approval.version_no,
        "version_sha256": text.sha256,
        "body": approval.body,
        "reference": approval.reference,
        "approved_on": approval.approved_on,
        "expires_on": approval.expires_on,
        **await evidence_told(write, row.id, caller.agency_id, *evidence_of(approval)),
    }
    if asked:
        act = OwnAct(agency_id=caller.agency_id, at=starts_at, approval_id=approval_id)
        said = f"{approval.body} approved version {approval.version_no} on {approval.approved_on}; it is said now."
        told |= await count_from_its_day(write, caller, row, act, approval, approval.approved_on, said)
    await finished(write, caller, row, EventType.AGREEMENT_APPROVAL_RECORDED, told)
    return await get_agreement(write, caller.principal, row.id, caller.now)
