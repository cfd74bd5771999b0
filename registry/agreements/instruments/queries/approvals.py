"""Whether a party needs its governing body's approval at an instant, and until when those it obtained last."""

from typing import Any

import sqlalchemy as sa

from registry.agreements.instruments.tables import agreement_approval_rule, agreement_party

_RULE = agreement_approval_rule


def _of_party(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.agreement_id == agreement_party.c.agreement_id, table.c.agency_id == agreement_party.c.agency_id
    )


def approval_rule_at(at: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    """What the last rule says that has begun by `at`; NULL where nobody has said whether an approval is needed."""
    return (
        sa.select(_RULE.c.required)
        .where(_of_party(_RULE), _RULE.c.starts_at <= at)
        .order_by(_RULE.c.starts_at.desc(), _RULE.c.recorded_at.desc(), _RULE.c.required.desc())
        .limit(1)
        .correlate(agreement_party)
        .scalar_subquery()
    )


def approval_needed_at(at: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """`in_force.approval_needed` in SQL: a party of which nobody has said so is bound without an approval."""
    return sa.func.coalesce(approval_rule_at(at), sa.false())


def needed_from() -> sa.ScalarSelect[Any]:
    """The day from which the last rule that asks for an approval does, however far ahead; None without one."""
    return (
        sa.select(sa.func.max(_RULE.c.effective_on))
        .where(_of_party(_RULE), _RULE.c.required)
        .correlate(agreement_party)
        .scalar_subquery()
    )


def will_be_needed(at: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether a rule that begins after `at` asks for an approval."""
    return (
        sa.select(sa.literal(1))
        .where(_of_party(_RULE), _RULE.c.required, _RULE.c.starts_at > at)
        .correlate(agreement_party)
        .exists()
    )
