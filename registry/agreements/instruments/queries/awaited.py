"""Which agreements wait for the caller's agency: its signature or confirmation, its review, or its answer."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import ReportStatus
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.agreements.instruments.queries.consents import awaits, contestable_from
from registry.agreements.instruments.queries.listing import list_agreements
from registry.agreements.instruments.queries.rows import paper_awaited
from registry.agreements.instruments.queries.visibility import not_left, visible_to
from registry.agreements.instruments.review_tables import agreement_review_round, agreement_reviewer
from registry.agreements.instruments.reviews import ReviewVerdict
from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.schemas.asked import AgreementQuery
from registry.agreements.instruments.signing_sequence import SigningOrder
from registry.agreements.instruments.signing_tables import (
    agreement_declined,
    agreement_signing,
    agreement_signing_turn,
)
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_party,
    agreement_signature,
    agreement_version,
)
from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import Action, refusal
from registry.platform.database.handles import Read

_VIEWER = sa.bindparam("viewer", type_=agreement.c.id.type)


def _signed(turn: sa.FromClause) -> sa.ColumnElement[bool]:
    return (
        sa.select(sa.literal(1))
        .where(
            agreement_signature.c.version_id == turn.c.version_id,
            agreement_signature.c.agency_id == turn.c.agency_id,
        )
        .correlate(turn)
        .exists()
    )


def _to_sign() -> sa.Select[Any]:
    """Agreements with a text out for signature whose turn it is for the viewer, who has not declined it."""
    turn, earlier = agreement_signing_turn, agreement_signing_turn.alias("earlier")
    waits_for_others = sa.and_(
        agreement_signing.c.signing_order != SigningOrder.PARALLEL.value,
        sa.select(sa.literal(1))
        .where(earlier.c.version_id == turn.c.version_id, earlier.c.turn < turn.c.turn, sa.not_(_signed(earlier)))
        .correlate(turn)
        .exists(),
    )
    declined = sa.exists().where(
        agreement_declined.c.version_id == turn.c.version_id, agreement_declined.c.agency_id == turn.c.agency_id
    )
    party = sa.and_(
        agreement_party.c.agreement_id == agreement_version.c.agreement_id,
        agreement_party.c.agency_id == turn.c.agency_id,
    )
    signed_for = agreement.alias("signed_for")
    out = sa.or_(
        sa.and_(
            signed_for.c.stage == Stage.OUT_FOR_SIGNATURE.value,
            agreement_version.c.no == signed_for.c.current_version,
        ),
        sa.exists().where(
            agreement_amendment.c.version_id == agreement_version.c.id,
            agreement_amendment.c.stage == Stage.OUT_FOR_SIGNATURE.value,
        ),
    )
    return (
        sa.select(agreement_version.c.agreement_id)
        .select_from(turn)
        .join(agreement_signing, agreement_signing.c.version_id == turn.c.version_id)
        .join(agreement_version, agreement_version.c.id == turn.c.version_id)
        .join(signed_for, signed_for.c.id == agreement_version.c.agreement_id)
        .join(agreement_party, party)
        .where(turn.c.agency_id == _VIEWER, not_left(), out, sa.not_(_signed(turn)), sa.not_(declined))
        .where(sa.not_(waits_for_others))
    )


def _to_review() -> sa.Select[Any]:
    """Agreements of which a desk of the viewer's has a text to review."""
    return (
        sa.select(agreement_review_round.c.agreement_id)
        .join(agreement_reviewer, agreement_reviewer.c.round_id == agreement_review_round.c.id)
        .where(
            agreement_review_round.c.closed_at.is_(None),
            agreement_reviewer.c.agency_id == _VIEWER,
            agreement_reviewer.c.verdict == ReviewVerdict.PENDING.value,
        )
    )


def _to_confirm() -> sa.ColumnElement[bool]:
    """Agreements that others executed, on paper or here, and that wait for the word of the viewer that it signed, too.

    Nobody reported that it did: what is reported is answered, in its days. Who said no, to the text or to what was
    reported of it, is not asked again.
    """
    signed, declined = agreement_signature, agreement_declined
    reported = sa.exists().where(
        agreement_reported_act.c.agreement_id == agreement_party.c.agreement_id,
        agreement_reported_act.c.agency_id == agreement_party.c.agency_id,
        agreement_reported_act.c.status.in_((ReportStatus.CONTESTED.value, ReportStatus.UNCONFIRMED.value)),
    )
    unsaid = (
        sa.select(agreement_party.c.agreement_id)
        .where(agreement_party.c.agency_id == _VIEWER, agreement_party.c.joined_at.is_(None), not_left())
        .where(
            ~sa.exists().where(
                signed.c.agreement_id == agreement_party.c.agreement_id,
                signed.c.agency_id == agreement_party.c.agency_id,
            ),
            ~sa.exists().where(
                declined.c.agreement_id == agreement_party.c.agreement_id,
                declined.c.agency_id == agreement_party.c.agency_id,
            ),
            ~reported,
        )
    )
    lasts = sa.or_(
        agreement.c.over_at.is_(None), agreement.c.over_at > sa.bindparam("now", type_=agreement.c.over_at.type)
    )
    executed = agreement.c.stage.in_((Stage.EXECUTED.value, Stage.SUSPENDED.value))
    party = sa.select(agreement_party.c.agreement_id).where(agreement_party.c.agency_id == _VIEWER)
    return sa.and_(
        executed, lasts, sa.or_(agreement.c.id.in_(unsaid), sa.and_(agreement.c.id.in_(party), paper_awaited))
    )


_SIGNS, _REVIEWS, _CONFIRMS = agreement.c.id.in_(_to_sign()), agreement.c.id.in_(_to_review()), _to_confirm()
_MY_REVIEW = (
    sa.select(agreement_reviewer.c.id)
    .join(agreement_review_round, agreement_reviewer.c.round_id == agreement_review_round.c.id)
    .where(
        agreement_review_round.c.agreement_id == agreement.c.id,
        agreement_review_round.c.closed_at.is_(None),
        agreement_reviewer.c.agency_id == _VIEWER,
        agreement_reviewer.c.verdict == ReviewVerdict.PENDING.value,
    )
    .order_by(agreement_reviewer.c.id)
    .limit(1)
    .correlate(agreement)
    .scalar_subquery()
)
_WAITING = (
    sa.select(
        agreement.c.id,
        _MY_REVIEW.label("review_id"),
        sa.case((_SIGNS, "sign"), (_REVIEWS, "review"), (_CONFIRMS, "confirm"), else_="answer").label("waits_for"),
    )
    .where(
        visible_to(),
        sa.or_(_SIGNS, _REVIEWS, awaits(), _CONFIRMS),
        agreement.c.id > sa.bindparam("after", type_=agreement.c.id.type),
    )
    .order_by(agreement.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_TASKS: Final = {
    "sign": "Sign the text that is out for signature, or decline it.",
    "review": "Review the text: approve it, or ask for changes.",
    "confirm": "Read the text that others executed, then confirm that your agency signed it, sign it, or decline it.",
    "answer": "Answer what another party reported or proposed.",
}


async def waiting_agreements(read: Read, asked: Asked) -> list[InboxEntry]:
    """The agreements that wait for the agency, for those who sign for it. How each is answered, it says itself."""
    may = refusal(asked.principal, Action.AGREEMENTS_SIGN, ["party"]) is None
    if asked.whose == "partners" or (asked.whose == "me" and not may):
        return []
    now: datetime = asked.as_of
    parameters = {
        "viewer": asked.principal.agency_id,
        "now": now,
        "at": now,
        "known_by": now,
        "contestable_from": contestable_from(now),
        "after": asked.after_id(InboxKind.AGREEMENT),
        "limit": asked.limit,
    }
    rows = {row.id: row for row in await read.all_slowly(_WAITING, parameters)}
    if not rows:
        return []
    query = AgreementQuery(limit=len(rows), sort="created_at", ids=tuple(rows))
    page = await list_agreements(read, asked.principal, query, now)
    return [_entry(rows[each.id], each.number, each.title, each.updated_at, asked) for each in page.items]


def _action(row: Row[Any], asked: Asked) -> InboxAction | None:
    """The operation that settles it, for who may ask for it; what is to be answered has several, each of its own."""
    path = f"/v1/agreements/{row.id}"
    if asked.whose != "me":
        return None
    match row.waits_for:
        case "sign":
            return InboxAction(operation="sign_agreement", path=f"{path}/sign")
        case "confirm":
            return InboxAction(operation="confirm_agreement", path=f"{path}/confirm")
        case "review" if refusal(asked.principal, Action.AGREEMENTS_ADVISE, ["party"]) is None:
            return InboxAction(operation="approve_agreement_review", path=f"{path}/reviews/{row.review_id}/approve")
        case _:
            return None


def _entry(row: Row[Any], number: str, title: str, changed_at: datetime, asked: Asked) -> InboxEntry:
    return InboxEntry(
        id=row.id,
        kind=InboxKind.AGREEMENT,
        subject=InboxSubject(
            kind="agreement",
            id=row.id,
            name=f"{number} {title}",
            path=f"/v1/agreements/{row.id}",
            number=number,
        ),
        task=_TASKS[row.waits_for],
        late=False,
        due_at=None,
        waiting_from=changed_at,
        partner=None,
        action=_action(row, asked),
    )
