"""What a caller may do to a proposal, and to what is reported of an act, with the reasons of the commands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import (
    BINDING,
    NO_PART,
    NOT_ON_FILE,
    NOTHING_TO_SIGN,
    OF_CONSENT,
    RECORDED_BY_YOURSELF,
    UNANSWERED,
    ProposalKind,
    ProposalStatus,
    Reliance,
    ReportedKind,
    consent_barred,
    contest_barred,
    left_before_asked,
    proposal_kept,
    report_kept,
    rescission_barred,
    second_barred,
)
from registry.agreements.instruments.queries.actions import relations
from registry.agreements.instruments.queries.consents import Offers
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.evidence import shown_on_file
from registry.agreements.instruments.queries.signing_power import check_confirmed
from registry.agreements.instruments.queries.texts import may_be_signed
from registry.agreements.instruments.queries.unchecked import unchecked_by_others
from registry.agreements.instruments.rules import has_left, is_gone
from registry.agreements.instruments.schemas.consenting import Proposal, ReportedAct
from registry.platform.access.acts import barred
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read, Rows
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.intervals import earliest


def with_offers(
    principal: Principal,
    row: Row[Any],
    parties: Rows,
    reported: Sequence[ReportedAct],
    proposed: Sequence[Proposal],
    relied: Sequence[Reliance],
    now: datetime,
) -> list[Proposal]:
    """The proposals with what the caller may do to each: a party consents, and who made it takes it back.

    `relied`: what others did in view of the notice by which the caller's agency is leaving.
    """
    held = relations(principal, row)
    own = next((party for party in parties if party.agency_id == principal.agency_id), None)
    if own is None or refusal(principal, Action.AGREEMENTS_SIGN, held) is not None:
        return list(proposed)
    return [replace(each, allowed_actions=_on_proposal(own, each, reported, relied, now)) for each in proposed]


def _on_proposal(
    own: Row[Any], each: Proposal, reported: Sequence[ReportedAct], relied: Sequence[Reliance], now: datetime
) -> list[AllowedAction]:
    """What a person may do who signs for the party."""
    agency_id = own.agency_id
    has_part = own.joined_at is not None and not is_gone(own, now)
    lost_days = left_before_asked(
        earliest(own.leaves_at, own.released_at, own.lapsed_at), each.not_before, each.proposed_at
    )
    of_departure = each.kind == ProposalKind.DEPARTURE and not has_left(own.leaves_at, own.released_at, now)
    is_asked = has_part or (own.joined_at is not None and (of_departure or lost_days))
    about = [act for act in reported if act.proposal_id == each.id and act.kind in OF_CONSENT]
    # What others reported of a consent gives way to the party's own.
    only_said = {act.agency.id for act in about if act.status == "open"}
    given = {asked.agency.id: asked.counts_from for asked in each.consents}
    over = each.status in (ProposalStatus.TAKEN_BACK, ProposalStatus.CLOSED)
    is_leaver = each.kind == ProposalKind.DEPARTURE and each.proposed_by.id == agency_id
    awaited = not over and agency_id in given and (given[agency_id] is None or agency_id in only_said)
    offers = [offer("consent", withheld=consent_barred(awaited=awaited, has_part=is_asked, is_leaver=is_leaver))]
    if each.proposed_by.id == agency_id:
        # One that is settled is shown as `uncontested`, which is none of these.
        unanswered = {act.agency.id for act in reported if act.proposal_id == each.id and act.status in UNANSWERED}
        consented = any(
            at is not None and asked != agency_id and asked not in unanswered for asked, at in given.items()
        )
        kept = None if has_part or each.kind == ProposalKind.DEPARTURE else NO_PART
        kept = kept or proposal_kept(is_over=over, relied_on=consented, agreed_at=each.agreed_at, now=now)
        if is_leaver and own.withdrawal_notice_on == each.notice_on:
            kept = kept or rescission_barred(own.leaves_at, now, own=True, waits=False, relied=relied)
        offers.append(offer("take_back", withheld=kept))
    return offers


def offers_on_reports(
    read: Read, principal: Principal, row: Row[Any], open_version_id: UUID, now: datetime, *, withheld: bool
) -> Offers:
    """What the caller may do to a report: vouch for it, confirm or contest it, take it back.

    `open_version_id` is that of the text on its way. Nothing is offered `withheld`, of an instant that is over.
    """
    held = relations(principal, row)
    may = {
        action: not withheld and refusal(principal, action, held) is None
        for action in (Action.AGREEMENTS_ATTEST, Action.AGREEMENTS_SIGN, Action.AGREEMENTS_REPORT)
    }

    async def offered(report: Row[Any]) -> list[AllowedAction]:
        offers = []
        if may[Action.AGREEMENTS_ATTEST]:
            bar = second_barred(report.status)
            if bar is None and report.recorded_by_person == principal.person:
                bar = RECORDED_BY_YOURSELF
            if bar is None and not await shown_on_file(read, report):
                bar = NOT_ON_FILE
            offers.append(offer("second", withheld=bar))
        if may[Action.AGREEMENTS_SIGN] and report.agency_id == principal.agency_id:
            bar = report_kept(report.status, is_settled=report.is_settled)
            if bar is None and report.kind in BINDING:
                bar = await _binding_barred(read, principal, row, open_version_id, report, now)
            offers.append(offer("confirm", withheld=bar))
            offers.append(offer("contest", withheld=contest_barred(report.status, report.notified_at, now)))
        if may[Action.AGREEMENTS_REPORT] and report.recorded_by_id == principal.agency_id:
            offers.append(offer("take_back", withheld=report_kept(report.status, is_settled=report.is_settled)))
        return offers

    return offered


async def _binding_barred(
    read: Read, principal: Principal, row: Row[Any], open_version_id: UUID, report: Row[Any], now: datetime
) -> str | None:
    """Why this person cannot confirm that its agency bound itself.

    Nothing waits for that, the office may not sign by the agency's register, or the person approved the text, or wrote
    what nobody else approved.
    """
    if report.version_id is not None and not await may_be_signed(read, row.id, open_version_id, report.version_id):
        return NOTHING_TO_SIGN
    try:
        await check_confirmed(read, row, report, await today_of(read, report.agency_id, row.time_zone, now))
    except RuleBroken as broken:
        return broken.detail
    version_id = report.version_id or row.version_id
    unchecked: tuple[Act, ...] = ()
    if report.kind == ReportedKind.SIGNED:
        unchecked = await unchecked_by_others(read, principal, row, version_id)
    return await barred(read, principal, Act.SIGN, row.id, version_id, unchecked=unchecked)
