"""What a caller may do to a proposal, and to what is reported of an act, with the reasons of the commands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import (
    BINDING,
    NOTHING_TO_SIGN,
    RECORDED_BY_YOURSELF,
    ProposalStatus,
    ReportedKind,
    consent_barred,
    contest_barred,
    proposal_kept,
    report_kept,
    second_barred,
)
from registry.agreements.instruments.queries.actions import relations
from registry.agreements.instruments.queries.consents import Offers
from registry.agreements.instruments.queries.texts import executed_texts
from registry.agreements.instruments.rules import has_left
from registry.agreements.instruments.schemas.consenting import Proposal, ReportedAct
from registry.platform.access.acts import barred
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read, Rows
from registry.platform.kernel.actions import AllowedAction, offer

_ANSWERS = (ReportedKind.CONSENTED, ReportedKind.WAS_NOTIFIED)
# Those that the party may still answer, as they are shown: an uncontested one has had effect.
_UNANSWERED = ("unseconded", "open", "unconfirmed", "contested")


def with_offers(
    principal: Principal,
    row: Row[Any],
    parties: Rows,
    reported: Sequence[ReportedAct],
    proposed: Sequence[Proposal],
    now: datetime,
) -> list[Proposal]:
    """The proposals with what the caller may do to each: a party consents, and who made it takes it back."""
    held = relations(principal, row)
    own = next((party for party in parties if party.agency_id == principal.agency_id), None)
    if own is None or refusal(principal, Action.AGREEMENTS_SIGN, held) is not None:
        return list(proposed)
    has_part = own.joined_at is not None and not has_left(own.leaves_at, own.released_at, now)
    return [
        replace(each, allowed_actions=_on_proposal(principal.agency_id, each, reported, now, has_part=has_part))
        for each in proposed
    ]


def _on_proposal(
    agency_id: UUID, each: Proposal, reported: Sequence[ReportedAct], now: datetime, *, has_part: bool
) -> list[AllowedAction]:
    """What a person may do who signs for the party."""
    about = [act for act in reported if act.proposal_id == each.id and act.kind in _ANSWERS]
    # What others reported of a consent gives way to the party's own.
    only_said = {act.agency.id for act in about if act.status == "open"}
    given = {asked.agency.id: asked.counts_from for asked in each.consents}
    over = each.status in (ProposalStatus.TAKEN_BACK, ProposalStatus.CLOSED)
    awaited = not over and agency_id in given and (given[agency_id] is None or agency_id in only_said)
    offers = [offer("consent", withheld=consent_barred(awaited=awaited, has_part=has_part))]
    if each.proposed_by.id == agency_id:
        unanswered = {act.agency.id for act in reported if act.proposal_id == each.id and act.status in _UNANSWERED}
        relied_on = any(
            at is not None and asked != agency_id and asked not in unanswered for asked, at in given.items()
        )
        kept = proposal_kept(is_over=over, relied_on=relied_on, agreed_at=each.agreed_at, now=now)
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
            offers.append(offer("second", withheld=bar))
        if may[Action.AGREEMENTS_SIGN] and report.agency_id == principal.agency_id:
            bar = report_kept(report.status, is_settled=report.is_settled)
            if bar is None and report.kind in BINDING:
                bar = await _binding_barred(read, principal, row, open_version_id, report)
            offers.append(offer("confirm", withheld=bar))
            offers.append(offer("contest", withheld=contest_barred(report.status, report.notified_at, now)))
        if may[Action.AGREEMENTS_REPORT] and report.recorded_by_id == principal.agency_id:
            offers.append(offer("take_back", withheld=report_kept(report.status, is_settled=report.is_settled)))
        return offers

    return offered


async def _binding_barred(
    read: Read, principal: Principal, row: Row[Any], open_version_id: UUID, report: Row[Any]
) -> str | None:
    """Why this person cannot confirm that its agency bound itself: nothing waits for that, or it approved the text."""
    if report.version_id is not None:
        signable = {open_version_id, *(text.version_id for text in await executed_texts(read, row.id))}
        if report.version_id not in signable:
            return NOTHING_TO_SIGN
    return await barred(read, principal, Act.SIGN, report.version_id or row.version_id)
