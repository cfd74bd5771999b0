"""Lines whose asset is not what was asked for: they wait for the word of the agency that asked."""

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import Action, refusal
from registry.platform.database.handles import Read
from registry.resources.assets.queries.describing import NOW_DESCRIBED
from registry.resources.assets.queries.visibility import visible_to as visible_asset
from registry.resources.assets.tables import asset
from registry.sharing.loans.queries.changed_assets import task_for
from registry.sharing.requests.queries.acting import changed_in
from registry.sharing.requests.queries.derived_status import NOW, given_up, has_loan
from registry.sharing.requests.queries.visibility import VIEWER, as_sent
from registry.sharing.requests.rules import IN_PLAY, SET_BY_PEOPLE
from registry.sharing.requests.tables import request, request_line

_K = InboxKind.ASSET_CHANGED
_AT, _ID = request_line.c.starts_at.type, request_line.c.id.type
_requesting, _assisting = agency.alias("requesting"), agency.alias("assisting")


def may_be_changed() -> sa.ColumnElement[bool]:
    """A criterion: lines that may be lent, and whose asset may not be what was asked for: it was edited since.

    Whether it is, one asks only where there is such a one: what was edited may be as it was again, or accepted.
    """
    edited = sa.select(sa.literal(1)).where(
        asset.c.id == request_line.c.asset_id, asset.c.described_at >= request_line.c.submitted_at
    )
    return sa.and_(
        request.c.status.not_in(sorted(SET_BY_PEOPLE)),
        request_line.c.status.in_(sorted(IN_PLAY)),
        request_line.c.ended_at.is_(None),
        request_line.c.replaced_by_no.is_(None),
        request_line.c.ends_at > NOW,
        edited.correlate(request_line).exists(),
        sa.not_(has_loan()),
        sa.not_(given_up()),
    )


@cache
def _statement(whose: str) -> sa.Select[Any]:
    """What may have been changed since it was asked for, the soonest begin first; the rows say whether it was."""
    of_viewer = request_line.c.assisting_agency_id if whose == "partners" else request.c.requesting_agency_id
    after = sa.tuple_(sa.bindparam("due", type_=_AT), sa.bindparam("id", type_=_ID))
    return (
        sa.select(
            request_line.c.id.label("line_id"),
            *(request_line.c[name] for name in ("request_id", "no", "described", "assisting_agency_id", "starts_at")),
            request_line.c.status.label("line_status"),
            request.c.requesting_agency_id,
            as_sent("summary").label("summary"),
            _requesting.c.name.label("requesting_name"),
            _assisting.c.name.label("assisting_name"),
            *NOW_DESCRIBED,
        )
        .join(request, request.c.id == request_line.c.request_id)
        .join(asset, asset.c.id == request_line.c.asset_id)
        .join(_requesting, _requesting.c.id == request.c.requesting_agency_id)
        .join(_assisting, _assisting.c.id == request_line.c.assisting_agency_id)
        .where(
            of_viewer == VIEWER,
            may_be_changed(),
            visible_asset(),
            sa.tuple_(request_line.c.starts_at, request_line.c.id) > after,
        )
        .order_by(request_line.c.starts_at, request_line.c.id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


async def waiting_changed_lines(read: Read, asked: Asked) -> list[InboxEntry]:
    """Of what the caller's agency, or its partners, asked for, what they have to agree to as it is now."""
    principal = asked.principal
    may = refusal(principal, Action.REQUESTS_ACCEPT, ["requesting"]) is None
    if asked.whose == "me" and not may:
        return []
    due, after_id = asked.after_due(_K)
    found: list[InboxEntry] = []
    while len(found) < asked.limit:
        parameters = {"viewer": principal.agency_id, "at": asked.as_of, "now": asked.as_of, "limit": asked.limit}
        rows = await read.all_slowly(_statement(asked.whose), {**parameters, "due": due, "id": after_id})
        found += [_entry(row, asked, may=may) for row in rows if changed_in(row)]
        if len(rows) < asked.limit:
            break
        due, after_id = rows[-1].starts_at, rows[-1].line_id
    return found[: asked.limit]


def _entry(row: Row[Any], asked: Asked, *, may: bool) -> InboxEntry:
    path, theirs = f"/v1/requests/{row.request_id}", asked.whose == "partners"
    partner = (
        AgencyReference(id=row.requesting_agency_id, name=row.requesting_name)
        if theirs
        else AgencyReference(id=row.assisting_agency_id, name=row.assisting_name)
    )
    task = task_for(changed_in(row), "withdraw it")
    accept = InboxAction(operation="accept_changed_assets", path=f"{path}/accept-changed-assets")
    return InboxEntry(
        id=row.line_id,
        kind=_K,
        subject=InboxSubject(kind="request", id=row.request_id, name=f"{row.summary} (line {row.no})", path=path),
        task=f"{partner.name}: {task}" if theirs else task,
        late=row.starts_at <= asked.as_of,
        due_at=row.starts_at,
        waiting_from=row.now_described_at,
        partner=partner,
        action=accept if may and not theirs else None,
    )
