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

_CUSTODIANS = (
    (AgreementAction.SUBMIT, Action.AGREEMENTS_UPDATE),
    (AgreementAction.SEND_BACK, Action.AGREEMENTS_UPDATE),
    (AgreementAction.APPROVE, Action.AGREEMENTS_REVIEW),
    (AgreementAction.SEND_FOR_SIGNATURE, Action.AGREEMENTS_UPDATE),
    (AgreementAction.WITHDRAW, Action.AGREEMENTS_UPDATE),
    (AgreementAction.SUSPEND, Action.AGREEMENTS_UPDATE),
    (AgreementAction.REINSTATE, Action.AGREEMENTS_UPDATE),
    (AgreementAction.TERMINATE, Action.AGREEMENTS_UPDATE),
)


def relations(principal: Principal, row: Row[Any]) -> list[Relation]:
    """How the caller's agency stands to an agreement."""
    held: list[Relation] = ["custodian"] if row.custodian_id == principal.agency_id else []
    return [*held, "party"] if row.is_party else held


def allowed_actions(principal: Principal, row: Row[Any], parties: Rows, now: datetime) -> list[AllowedAction]:
    """The actions that the caller's roles reach, each allowed now or withheld with the reason."""
    held = relations(principal, row)
    stage = Stage(row.stage)
    not_now = f"Not while the agreement is {stage}."
    offers = []
    if refusal(principal, Action.AGREEMENTS_UPDATE, held) is None:
        offers.append(offer("update", withheld=None if stage is Stage.DRAFT else "Only a draft can be edited."))
    for step, permission in _CUSTODIANS:
        if refusal(principal, permission, held) is None:
            offers.append(offer(step, withheld=None if (stage, step) in TRANSITIONS else not_now))
    if refusal(principal, Action.AGREEMENTS_SIGN, held) is None and "party" in held:
        offers += _own_hand(principal.agency_id, row, parties, not_now, now)
    if refusal(principal, Action.AGREEMENTS_ATTEST, held) is None:
        unsigned = any(party.manner is None for party in parties)
        reason = not_now if stage is not Stage.EXECUTED else None if unsigned else "Every party has signed."
        offers.append(offer("attest", withheld=reason))
    return offers


def _own_hand(agency_id: UUID, row: Row[Any], parties: Rows, not_now: str, now: datetime) -> Iterator[AllowedAction]:
    """What a party does for itself."""
    stage = Stage(row.stage)
    own = next(party for party in parties if party.agency_id == agency_id)
    signed = None if own.manner is None else "Your agency has signed this version already."
    signable = (stage, AgreementAction.SIGN) in TRANSITIONS
    yield offer("sign", withheld=signed if signable else not_now)
    yield offer("confirm", withheld=signed if stage is Stage.EXECUTED else not_now)
    if not may_leave(stage, row.terminated_at, now):
        bar: str | None = not_now
    elif own.joined_at is None:
        bar = "Your agency is not bound by it."
    else:
        bar = "Your agency has given notice already." if own.withdrawal_notice_on is not None else None
    yield offer("give_notice", withheld=bar)
