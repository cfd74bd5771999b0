"""What waits for somebody under agreements: the deadlines that are due soon or overdue."""

from heapq import nsmallest
from typing import Final
from uuid import uuid5

from registry.agreements.deadlines.falling_due import deadlines
from registry.agreements.deadlines.queries.records import records
from registry.agreements.deadlines.rules import DeadlineKind, DeadlineStatus, Due, Record, status_at
from registry.agreements.deadlines.wording import words
from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import Action, Relation, refusal
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read

_PRESSING: Final = frozenset({DeadlineStatus.DUE_SOON, DeadlineStatus.OVERDUE})
_TO_DO: Final = (
    *(DeadlineKind.LAST_NOTICE, DeadlineKind.EXPIRY, DeadlineKind.GAP, DeadlineKind.REVIEW, DeadlineKind.RATIFICATION),
    *(DeadlineKind.ANSWER, DeadlineKind.CONSENT, DeadlineKind.INSURANCE, DeadlineKind.APPROVAL, DeadlineKind.FILING),
)
"""The kinds about which somebody can still do something; a renewal comes by itself."""


async def waiting_deadlines(read: Read, asked: Asked) -> list[InboxEntry]:
    """What is due soon or overdue under the agreements of the caller's agency, for those who look after them.

    What concerns no party alone is everybody's to see to; another party's own is what partners are waited for.
    """
    principal = asked.principal
    if asked.whose == "me" and refusal(principal, Action.AGREEMENTS_FILE, ["custodian", "party"]) is not None:
        return []
    kept: list[InboxEntry] = []
    async for found in records(read, principal.agency_id, asked.as_of, {}, _TO_DO):
        new = (
            _entry(record, due, asked)
            for record in found
            for due in deadlines(record, asked.as_of)
            if _wanted(due, asked)
        )
        after = (each for each in new if asked.after is None or each.key > asked.after)
        kept = nsmallest(asked.limit, [*kept, *after], key=lambda entry: entry.key)
    return kept


def _wanted(due: Due, asked: Asked) -> bool:
    own = due.agency_id is None or due.agency_id == asked.principal.agency_id
    ours = not own if asked.whose == "partners" else own
    return ours and due.kind in _TO_DO and status_at(due, asked.as_of) in _PRESSING


def _entry(record: Record, due: Due, asked: Asked) -> InboxEntry:
    return InboxEntry(
        id=uuid5(record.id, f"{due.kind}:{due.subject}:{due.on}"),
        kind=InboxKind.DEADLINE,
        subject=InboxSubject(
            kind="agreement",
            id=record.id,
            name=f"{record.number} {record.title}",
            path=f"/v1/agreements/{record.id}",
            number=record.number,
        ),
        task=words(record, due).action,
        late=status_at(due, asked.as_of) is DeadlineStatus.OVERDUE,
        due_at=due.at,
        waiting_from=None,
        partner=None,
        action=action_for(record, due, asked.principal) if asked.whose == "me" else None,
    )


def action_for(record: Record, due: Due, principal: Principal) -> InboxAction | None:
    """The operation that meets the deadline, where one does and the caller may ask for it.

    What ends a term or a gap is a text to be agreed on, and whether notice is given is to be decided: nothing to ask
    for by one operation.
    """
    path, party = f"/v1/agreements/{record.id}", due.agency_id == principal.agency_id
    custodian = record.custodian_id == principal.agency_id
    found: tuple[Action, Relation, bool, str, str] | None = None
    match due.kind:
        case DeadlineKind.ANSWER if due.report is not None:
            there = f"{path}/reported-acts/{due.report.id}/confirm"
            found = (Action.AGREEMENTS_SIGN, "party", party, "confirm_reported_act", there)
        case DeadlineKind.CONSENT if due.consent is not None:
            there = f"{path}/proposals/{due.consent.id}/consent"
            found = (Action.AGREEMENTS_SIGN, "party", party, "consent_to_agreement_proposal", there)
        case DeadlineKind.FILING if due.duty is not None:
            there = f"{path}/duties/{due.duty.id}/fulfil"
            found = (Action.AGREEMENTS_FILE, "party", party, "fulfil_agreement_duty", there)
        case DeadlineKind.APPROVAL:
            found = (Action.AGREEMENTS_SIGN, "party", party, "record_agreement_approval", f"{path}/record-approval")
        case DeadlineKind.INSURANCE:
            there = f"/v1/agencies/{due.agency_id}/insurance"
            found = (Action.AGENCIES_UPDATE, "own", party, "create_agency_insurance", there)
        case DeadlineKind.REVIEW:
            there = f"{path}/complete-review"
            found = (Action.AGREEMENTS_KEEP, "custodian", custodian, "complete_agreement_review", there)
    if found is None:
        return None
    permission, relation, holds, operation, there = found
    if not holds or refusal(principal, permission, [relation]) is not None:
        return None
    return InboxAction(operation=operation, path=there)
