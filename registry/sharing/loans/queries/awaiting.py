"""Criteria: loans that wait for a step, the same as `rules.awaited` says of one loan."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from registry.sharing.loans.queries.getting import PENDING
from registry.sharing.loans.rules import AwaitedStep, LoanStatus
from registry.sharing.loans.tables import loan

_S, _A = LoanStatus, AwaitedStep

AT_SITE = loan.c.status.in_((_S.DISPATCHED.value, _S.ON_SCENE.value))
RECALLED = loan.c.recall_requested_at.is_not(None)
SENT_BACK = sa.or_(
    sa.and_(loan.c.status == _S.ON_SCENE.value, loan.c.travels), sa.and_(AT_SITE, loan.c.travels, RECALLED)
)

AWAITS: Final[Mapping[AwaitedStep, sa.ColumnElement[bool]]] = {
    _A.DISPATCH: loan.c.status == _S.RESERVED.value,
    _A.RECEIVE: sa.and_(loan.c.status == _S.DISPATCHED.value, loan.c.travels, sa.not_(RECALLED)),
    _A.START_RETURN: SENT_BACK,
    _A.RETURN: sa.or_(loan.c.status == _S.RETURNING.value, sa.and_(AT_SITE, sa.not_(loan.c.travels))),
    _A.ACCEPT_EXTENSION: sa.and_(AT_SITE, PENDING),
    _A.CLOSE: loan.c.status == _S.RETURNED.value,
}
"""By the step that is waited for."""


def due_back() -> sa.ColumnElement[datetime]:
    """When it is due back, as `rules.due_back` says."""
    sooner = sa.and_(RECALLED, loan.c.recall_due_at < loan.c.planned_end_at)
    return sa.case((sooner, loan.c.recall_due_at), else_=loan.c.planned_end_at)


NOT_BACK = loan.c.status.in_((_S.RESERVED.value, _S.DISPATCHED.value, _S.ON_SCENE.value, _S.RETURNING.value))
"""Still to come back, whether it is out already or only reserved."""
