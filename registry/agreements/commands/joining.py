"""Who takes part: agencies added to what is executed, word of mouth, governing bodies, and who keeps the record."""

from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements.commands.amending import is_public
from registry.agreements.commands.content import known_agencies
from registry.agreements.commands.holding import advanced, changed, held, parties_of
from registry.agreements.commands.reviewing import freeze
from registry.agreements.commands.windows import rewrite_windows
from registry.agreements.in_force import day_starts_at
from registry.agreements.queries import OPEN_END, get_agreement
from registry.agreements.rules import AgreementAction, Stage
from registry.agreements.schemas import (
    Agreement,
    ApprovalRule,
    CustodyOffer,
    GoverningApproval,
    NewParties,
    VerbalActivation,
    VerbalConsent,
)
from registry.agreements.tables import agreement, agreement_approval, agreement_party
from registry.database.handles import Write
from registry.kernel.errors import Conflict, Fault, RuleBroken, WrongState
from registry.kernel.ids import new_id
from registry.kernel.time import format_instant
from registry.kernel.versions import Expected

RATIFICATION_DAYS = 30
"""What EMAC allows between deployment and paperwork; the default, not a rule of law. Have counsel review."""
LONGEST_RATIFICATION_DAYS = 365
MOST_PARTIES = 2_000

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_ITS = sa.and_(
    agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("its_agency", type_=agreement_party.c.agency_id.type),
)
_PART = sa.select(agreement_party).where(
    agreement_party.c.agreement_id == _ID,
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
)
_SET_PART = agreement_party.update().where(_ITS)
_INSERT_PARTY = agreement_party.insert()
_INSERT_APPROVAL = agreement_approval.insert()


async def add_parties(
    write: Write, caller: Caller, agreement_id: UUID, new: NewParties, expected: Expected
) -> Agreement:
    """Let further agencies sign the executed text, unchanged; each is bound once it has signed.

    Raises RuleBroken for an agency that is unknown, dissolved or a party already, WrongState.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    advanced(row, AgreementAction.ADD_PARTIES)
    parties = await parties_of(write, row.id)
    known = await known_agencies(write, new.agency_ids)
    faults = [
        Fault(pointer=f"/agency_ids/{index}", code=code, detail=detail)
        for index, agency_id in enumerate(new.agency_ids)
        for code, detail, met in (
            ("party_twice", "The agency is named already.", agency_id in [*parties, *new.agency_ids[:index]]),
            ("unknown_agency", "There is no such agency any more.", agency_id not in known),
        )
        if met
    ]
    if len(parties) + len(new.agency_ids) > MOST_PARTIES:
        detail = f"An agreement has at most {MOST_PARTIES} parties."
        faults.append(Fault(pointer="/agency_ids", code="too_many_parties", detail=detail))
    if faults:
        raise RuleBroken("These agencies cannot be added; nothing was done.", "parties_faulty", faults=faults)
    await write.run(
        _INSERT_PARTY,
        [
            {"agreement_id": row.id, "agency_id": agency_id, "ordinal": len(parties) + n}
            for n, agency_id in enumerate(new.agency_ids)
        ],
    )
    told = {"agency_ids": [str(agency_id) for agency_id in new.agency_ids], "reason": new.reason}
    await changed(write, caller, row, "parties_added", told)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def activate_verbally(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    agreement_id: UUID,
    activation: VerbalActivation,
    expected: Expected,
) -> Agreement:
    """Set the agreement in motion by word of mouth: it binds whoever gives its word, until the deadline to sign.

    The custodian gives its own with it. Raises WrongState once it is executed, RuleBroken for a deadline out of reach.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    if row.custodian_id != caller.agency_id:
        raise WrongState("The agency that keeps the agreement sets it in motion; yours gives its word afterwards.")
    stage = advanced(row, AgreementAction.ACTIVATE_VERBALLY)
    zone = ZoneInfo(row.time_zone)
    today = caller.now.astimezone(zone).date()
    ratify_by_on = activation.ratify_by_on or today + timedelta(days=RATIFICATION_DAYS)
    if not today <= ratify_by_on <= today + timedelta(days=LONGEST_RATIFICATION_DAYS):
        detail = f"The deadline lies between today, {today}, and {LONGEST_RATIFICATION_DAYS} days ahead."
        faults = [Fault(pointer="/ratify_by_on", code="deadline_out_of_reach", detail=detail)]
        raise RuleBroken(detail, "deadline_out_of_reach", faults=faults)
    frozen: dict[str, object] = {"sha256": row.sha256}
    if row.sha256 is None:
        frozen = await freeze(write, caller, ledger_key, row.version_id, needs_text=False)
    ratify_by = day_starts_at(ratify_by_on + timedelta(days=1), zone)
    await _give_word(write, caller, row)
    told = {
        "ratify_by": format_instant(ratify_by),
        "office": activation.signatory_title,
        "reason": activation.reason,
        "version_no": row.version_no,
        **frozen,
    }
    values: dict[str, Any] = {
        "stage": stage,
        "executed_at": caller.now,
        "ratify_by": ratify_by,
        "is_shared": True,
        "is_public": await is_public(write, row.version_id),
    }
    await changed(write, caller, row, "activated_verbally", told, **values)
    await rewrite_windows(write, row.id, caller.now)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def agree_verbally(
    write: Write, caller: Caller, agreement_id: UUID, consent: VerbalConsent, expected: Expected
) -> Agreement:
    """Give the own agency's word to what was set in motion; to be ratified by its signature before the deadline.

    Raises RuleBroken for another version's hash, WrongState where nothing awaits its word.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    if Stage(row.stage) is not Stage.EXECUTED or row.ratify_by is None or caller.now >= row.ratify_by:
        raise WrongState("Nothing here awaits your agency's word; sign the agreement instead.")
    if row.sha256 != consent.version_sha256:
        faults = [Fault(pointer="/version_sha256", code="other_version", detail="not the version agreed to")]
        raise RuleBroken("That is not the hash of the version in force.", "other_version", faults=faults)
    part = await write.first(_PART, {"id": row.id, "agency_id": caller.agency_id})
    if part is None or part.joined_at is not None:
        raise WrongState("Your agency is bound already.")
    await _give_word(write, caller, row)
    told = {"agency_id": str(caller.agency_id), "office": consent.signatory_title, "sha256": row.sha256}
    await changed(write, caller, row, "agreed_verbally", told)
    await rewrite_windows(write, row.id, caller.now)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def _give_word(write: Write, caller: Caller, row: Row[Any]) -> None:
    values = {"joined_at": caller.now, "verbally_at": caller.now}
    await write.run(_SET_PART, {"its_id": row.id, "its_agency": caller.agency_id, **values})


async def set_approval_rule(
    write: Write, caller: Caller, agreement_id: UUID, rule: ApprovalRule, expected: Expected
) -> Agreement:
    """Say whether the own agency is bound only while its governing body's approval lasts. Raises WrongState."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    _refuse_drafts_and_ends(row)
    values = {"approval_required": rule.required}
    await write.run(_SET_PART, {"its_id": row.id, "its_agency": caller.agency_id, **values})
    told = {
        "agency_id": str(caller.agency_id),
        "required": rule.required,
        "citation": rule.citation,
        "reason": rule.reason,
    }
    await changed(write, caller, row, "approval_rule_set", told)
    await rewrite_windows(write, row.id, caller.now)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def record_approval(
    write: Write, caller: Caller, agreement_id: UUID, approval: GoverningApproval, expected: Expected
) -> Agreement:
    """Record what the own agency's governing body approved; from then on it is bound only while an approval lasts.

    Some places make the approval a condition of validity and let it lapse after a year (Berkeley Municipal Code 2.04;
    have counsel review). Raises Conflict for one of the same day, RuleBroken for dates that give no term, WrongState.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    _refuse_drafts_and_ends(row)
    zone = ZoneInfo(row.time_zone)
    starts_at = day_starts_at(approval.approved_on, zone)
    ends_at = (
        OPEN_END if approval.valid_until is None else day_starts_at(approval.valid_until + timedelta(days=1), zone)
    )
    if starts_at > caller.now:
        raise _wrong("/approved_on", "approved_in_future", "A body approves on a day that has come.")
    if ends_at <= starts_at:
        raise _wrong("/valid_until", "approval_reversed", "The approval ends before it begins.")
    await write.run(
        _INSERT_APPROVAL,
        {
            "id": new_id(),
            "agreement_id": row.id,
            "agency_id": caller.agency_id,
            "body": approval.body,
            "reference": approval.reference,
            "approved_on": approval.approved_on,
            "valid_until": approval.valid_until,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "evidence_sha256": approval.evidence_sha256,
            "recorded_at": caller.now,
        },
    )
    await write.run(_SET_PART, {"its_id": row.id, "its_agency": caller.agency_id, "approval_required": True})
    told = {
        "agency_id": str(caller.agency_id),
        "body": approval.body,
        "reference": approval.reference,
        "approved_on": approval.approved_on,
        "valid_until": approval.valid_until,
        "evidence_sha256": approval.evidence_sha256,
    }
    await changed(write, caller, row, "approval_recorded", told)
    await rewrite_windows(write, row.id, caller.now)
    return await get_agreement(write, caller.principal, row.id, caller.now)


def _refuse_drafts_and_ends(row: Row[Any]) -> None:
    if Stage(row.stage) in (Stage.DRAFT, Stage.WITHDRAWN, Stage.TERMINATED, Stage.SUPERSEDED):
        raise WrongState(f"Not while the agreement is {row.stage}.")


async def offer_custody(
    write: Write, caller: Caller, agreement_id: UUID, offer: CustodyOffer, expected: Expected
) -> Agreement:
    """Offer the keeping of the agreement to another party, or take the offer back. Raises RuleBroken, WrongState."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    if Stage(row.stage) in (Stage.DRAFT, Stage.WITHDRAWN):
        raise WrongState(f"Not while the agreement is {row.stage}: no other party knows of it.")
    if offer.agency_id is not None and (
        offer.agency_id == row.custodian_id or offer.agency_id not in await parties_of(write, row.id)
    ):
        raise _wrong("/agency_id", "not_a_party", "Custody passes to another party of the agreement.")
    told = {"to": None if offer.agency_id is None else str(offer.agency_id), "reason": offer.reason}
    await changed(write, caller, row, "custody_offered", told, custody_offered_to=offer.agency_id)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def answer_custody(
    write: Write, caller: Caller, agreement_id: UUID, reason: str, expected: Expected, *, accepted: bool
) -> Agreement:
    """Take over the keeping of the agreement that was offered to the own agency, or decline.

    Raises WrongState where it was not, Conflict where the agency keeps another agreement of that number.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    if row.custody_offered_to != caller.agency_id:
        raise WrongState("The keeping of this agreement was not offered to your agency.")
    if accepted and row.amendment_id is not None and row.amendment_sha256 is None:
        raise Conflict("The custodian is drafting an amendment: custody passes when it is submitted or withdrawn.")
    told = {"agency_id": str(caller.agency_id), "from": str(row.custodian_id), "reason": reason}
    values: dict[str, Any] = {"custody_offered_to": None}
    if accepted:
        values["custodian_id"] = caller.agency_id
    await changed(write, caller, row, f"custody_{'accepted' if accepted else 'declined'}", told, **values)
    return await get_agreement(write, caller.principal, row.id, caller.now)


def _wrong(pointer: str, code: str, detail: str) -> RuleBroken:
    return RuleBroken(detail, code, faults=[Fault(pointer=pointer, code=code, detail=detail)])
