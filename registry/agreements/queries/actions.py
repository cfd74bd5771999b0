"""What a caller may do to an agreement now, and why not where it otherwise could."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from registry.access.permissions import Action, Relation, refusal
from registry.access.principals import Principal
from registry.agreements.rules import TRANSITIONS, AgreementAction, Stage, may_leave
from registry.database.handles import Rows
from registry.kernel.actions import AllowedAction, offer

# What is done to the text on its way, and what to the agreement as a whole.
_TO_THE_TEXT = (
    (AgreementAction.SUBMIT, Action.AGREEMENTS_UPDATE),
    (AgreementAction.SEND_BACK, Action.AGREEMENTS_UPDATE),
    (AgreementAction.APPROVE, Action.AGREEMENTS_REVIEW),
    (AgreementAction.SEND_FOR_SIGNATURE, Action.AGREEMENTS_UPDATE),
    (AgreementAction.WITHDRAW, Action.AGREEMENTS_UPDATE),
)
_TO_THE_WHOLE = (
    AgreementAction.SUSPEND,
    AgreementAction.REINSTATE,
    AgreementAction.TERMINATE,
    AgreementAction.SUPERSEDE,
    AgreementAction.ADD_PARTIES,
)
_UNKNOWN_TO_OTHERS = (Stage.DRAFT, Stage.WITHDRAWN)


def relations(principal: Principal, row: Row[Any]) -> list[Relation]:
    """How the caller's agency stands to an agreement."""
    held: list[Relation] = ["custodian"] if row.custodian_id == principal.agency_id else []
    return [*held, "party"] if row.is_party else held


def allowed_actions(principal: Principal, row: Row[Any], parties: Rows, now: datetime) -> list[AllowedAction]:
    """The actions that the caller's roles reach, each allowed now or withheld with the reason."""
    held = relations(principal, row)
    stage = Stage(row.stage)
    text = Stage(row.amendment_stage) if row.amendment_id is not None else stage
    offers = []
    if refusal(principal, Action.AGREEMENTS_UPDATE, held) is None:
        offers.append(offer("update", withheld=None if text is Stage.DRAFT else "Only a draft can be edited."))
    for step, permission in _TO_THE_TEXT:
        if refusal(principal, permission, held) is None:
            offers.append(offer(step, withheld=_bar(text, step, "its text")))
    if refusal(principal, Action.AGREEMENTS_UPDATE, held) is None:
        offers += [offer(step, withheld=_bar(stage, step, "the agreement")) for step in _TO_THE_WHOLE]
        open_already = None if row.amendment_id is None else "An amendment is open already."
        bar = _bar(stage, AgreementAction.AMEND, "the agreement") or open_already
        offers += [offer("amend", withheld=bar), offer("record_amendment", withheld=bar)]
        unknown = "No other party knows of it yet." if stage in _UNKNOWN_TO_OTHERS else None
        offers.append(offer("offer_custody", withheld=unknown))
    if refusal(principal, Action.AGREEMENTS_SIGN, held) is None and "party" in held:
        offers += _own_hand(principal.agency_id, row, parties, now)
    if refusal(principal, Action.AGREEMENTS_ATTEST, held) is None:
        unsigned = any(party.manner is None for party in parties) or text is Stage.OUT_FOR_SIGNATURE
        not_now = f"Not while the agreement is {stage}."
        reason = not_now if stage is not Stage.EXECUTED else None if unsigned else "Every party has signed."
        offers.append(offer("attest", withheld=reason))
    return offers


def _bar(stage: Stage, step: AgreementAction, what: str) -> str | None:
    return None if (stage, step) in TRANSITIONS else f"Not while {what} is {stage}."


def _own_hand(agency_id: UUID, row: Row[Any], parties: Rows, now: datetime) -> Iterator[AllowedAction]:
    """What a party does for itself."""
    stage = Stage(row.stage)
    not_now = f"Not while the agreement is {stage}."
    own = next(party for party in parties if party.agency_id == agency_id)
    if row.amendment_id is not None and row.amendment_stage == Stage.OUT_FOR_SIGNATURE:
        yield offer("sign")
        yield offer("confirm")
    else:
        signed = None if own.manner is None else "Your agency has signed this version already."
        signable = (stage, AgreementAction.SIGN) in TRANSITIONS
        yield offer("sign", withheld=signed if signable else not_now)
        yield offer("confirm", withheld=signed if stage is Stage.EXECUTED else not_now)
    if row.custodian_id == agency_id:
        yield offer("activate_verbally", withheld=_bar(stage, AgreementAction.ACTIVATE_VERBALLY, "the agreement"))
    else:
        awaited = row.ratify_by is not None and now < row.ratify_by and own.joined_at is None
        yield offer("agree_verbally", withheld=None if awaited else "Nothing here awaits your agency's word.")
    if not may_leave(stage, row.terminated_at, now):
        bar: str | None = not_now
    elif own.joined_at is None:
        bar = "Your agency is not bound by it."
    else:
        bar = "Your agency has given notice already." if own.withdrawal_notice_on is not None else None
    yield offer("give_notice", withheld=bar)
    running = own.leaves_at is not None and own.leaves_at > now
    yield offer("rescind_notice", withheld=None if running else "Your agency has no notice that is still running.")
    ended = stage in (Stage.DRAFT, Stage.WITHDRAWN, Stage.TERMINATED, Stage.SUPERSEDED)
    yield offer("record_approval", withheld=not_now if ended else None)
    yield offer("set_approval_rule", withheld=not_now if ended else None)
    offered = None if row.custody_offered_to == agency_id else "Its keeping was not offered to your agency."
    yield offer("accept_custody", withheld=offered)
    yield offer("decline_custody", withheld=offered)
