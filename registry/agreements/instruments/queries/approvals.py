"""Whether a party needs its governing body's approval at an instant, and which ones it has obtained, of which text."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.visibility import told_of_act
from registry.agreements.instruments.tables import (
    agreement,
    agreement_approval,
    agreement_approval_rule,
    agreement_party,
    agreement_signature,
    agreement_version,
)
from registry.platform.database.handles import Read

_RULE = agreement_approval_rule
_OF_AGREEMENT = (
    sa.select(agreement_approval)
    .where(
        agreement_approval.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
        told_of_act(agreement_approval, agreement_approval.c.recorded_at),
    )
    .order_by(agreement_approval.c.starts_at, agreement_approval.c.recorded_at, agreement_approval.c.id)
)


_HANDS = (
    sa.select(agreement_signature.c.agency_id, agreement_version.c.no)
    .join(agreement_version, agreement_version.c.id == agreement_signature.c.version_id)
    .where(agreement_signature.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type))
)


async def hands_by_number(read: Read, agreement_id: UUID) -> dict[UUID, set[int]]:
    """By party the numbers of the texts that it has signed."""
    found: dict[UUID, set[int]] = {}
    for row in await read.all(_HANDS, {"id": agreement_id}):
        found.setdefault(row.agency_id, set()).add(row.no)
    return found


async def approvals_on_record(read: Read, agreement_id: UUID, reader_id: UUID) -> dict[UUID, list[Row[Any]]]:
    """By party what its governing body approved, oldest first, as far as the reader is told of it."""
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await read.all(_OF_AGREEMENT, {"id": agreement_id, "viewer": reader_id}):
        found.setdefault(row.agency_id, []).append(row)
    return found


def _of_party(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.agreement_id == agreement_party.c.agreement_id, table.c.agency_id == agreement_party.c.agency_id
    )


def approval_rule_at(
    at: sa.ColumnElement[Any], said: sa.ColumnElement[Any] = agreement_approval_rule.c.required
) -> sa.ScalarSelect[Any]:
    """What the last rule says that has begun by `at`; NULL where nobody has said whether an approval is needed."""
    return (
        sa.select(said)
        .where(_of_party(_RULE), _RULE.c.starts_at <= at)
        .order_by(_RULE.c.starts_at.desc(), _RULE.c.recorded_at.desc(), _RULE.c.required.desc())
        .limit(1)
        .correlate(agreement_party)
        .scalar_subquery()
    )


def approval_needed_at(at: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """`approval_needs.approval_needed` in SQL: a party of which nobody has said so is bound without an approval."""
    return sa.func.coalesce(approval_rule_at(at), sa.false())


def _stands() -> sa.ColumnElement[bool]:
    """Whether a rule that asks for an approval was not waived later from the day on which it begins."""
    waiver = agreement_approval_rule.alias("waiver")
    waived = sa.select(sa.literal(1)).where(
        waiver.c.agreement_id == _RULE.c.agreement_id,
        waiver.c.agency_id == _RULE.c.agency_id,
        waiver.c.starts_at == _RULE.c.starts_at,
        waiver.c.recorded_at > _RULE.c.recorded_at,
        sa.not_(waiver.c.required),
    )
    return sa.and_(_RULE.c.required, sa.not_(waived.correlate(_RULE).exists()))


def needed_from() -> sa.ScalarSelect[Any]:
    """The day from which the last rule that asks for an approval does, however far ahead; None without one."""
    return (
        sa.select(sa.func.max(_RULE.c.effective_on))
        .where(_of_party(_RULE), _stands())
        .correlate(agreement_party)
        .scalar_subquery()
    )


def will_be_needed(at: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether a rule that begins after `at` asks for an approval, and was not waived."""
    return (
        sa.select(sa.literal(1))
        .where(_of_party(_RULE), _stands(), _RULE.c.starts_at > at)
        .correlate(agreement_party)
        .exists()
    )
