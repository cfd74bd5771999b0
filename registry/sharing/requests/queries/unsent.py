"""What was changed of a submitted request and not submitted again: it waits for the agency that asks."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import Action, refusal
from registry.platform.database.handles import Read
from registry.sharing.requests.queries.derived_status import NOW
from registry.sharing.requests.queries.visibility import VIEWER
from registry.sharing.requests.rules import SET_BY_PEOPLE, LineStatus, time_over
from registry.sharing.requests.tables import request, request_line

_K: Final = InboxKind.SUBMISSION
_AT, _ID = request_line.c.starts_at.type, request.c.id.type
_TASK: Final = "You changed it since it was submitted, and nobody was told yet: submit it."


def _drafts(value: sa.ColumnElement[Any], *criteria: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    """A value of the lines of the request on which nothing is decided yet."""
    found = sa.select(value).where(
        request_line.c.request_id == request.c.id,
        request_line.c.status == LineStatus.DRAFT.value,
        request_line.c.replaced_by_no.is_(None),
        *criteria,
    )
    return found.correlate(request).scalar_subquery()


_BEGINS: Final = sa.type_coerce(_drafts(sa.func.min(request_line.c.starts_at), request_line.c.ends_at > NOW), _AT)
_OVER: Final = _drafts(sa.func.min(request_line.c.no), request_line.c.ends_at <= NOW)


def unsent() -> sa.ColumnElement[bool]:
    """A criterion: requests of the viewer that were submitted and have a line to be submitted, whose time is to come.

    Where the time of all such lines is over, nothing can be submitted: they are expired.
    """
    return sa.and_(
        request.c.requesting_agency_id == VIEWER, request.c.status.not_in(sorted(SET_BY_PEOPLE)), _BEGINS.is_not(None)
    )


_STATEMENT: Final = (
    sa.select(
        *(request.c[name] for name in ("id", "summary", "updated_at")),
        _BEGINS.label("due_at"),
        _OVER.label("over_no"),
    )
    .where(
        unsent(),
        sa.tuple_(_BEGINS, request.c.id) > sa.tuple_(sa.bindparam("due", type_=_AT), sa.bindparam("id", type_=_ID)),
    )
    .order_by(_BEGINS, request.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


async def waiting_submissions(read: Read, asked: Asked) -> list[InboxEntry]:
    """What the caller's agency changed and did not submit. Its partners are not told, and wait for nothing of it."""
    submits = refusal(asked.principal, Action.REQUESTS_UPDATE, ["requesting"]) is None
    if asked.whose == "partners" or (asked.whose == "me" and not submits):
        return []
    due, after_id = asked.after_due(_K)
    parameters = {"viewer": asked.principal.agency_id, "now": asked.as_of, "limit": asked.limit}
    rows = await read.all_slowly(_STATEMENT, {**parameters, "due": due, "id": after_id})
    return [_entry(row, asked) for row in rows]


def _entry(row: Row[Any], asked: Asked) -> InboxEntry:
    path = f"/v1/requests/{row.id}"
    over = row.over_no is not None
    submit = InboxAction(operation="submit_request", path=f"{path}/submit")
    return InboxEntry(
        id=row.id,
        kind=_K,
        subject=InboxSubject(kind="request", id=row.id, name=row.summary, path=path),
        task=f"{time_over(row.over_no)} Or withdraw that line; then submit the rest." if over else _TASK,
        late=row.due_at <= asked.as_of,
        due_at=row.due_at,
        waiting_from=row.updated_at,
        partner=None,
        action=submit if asked.whose == "me" and not over else None,
    )
