"""The inbox: every room is asked for its next entries, and the first of all of them are a page."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.deadlines.queries.waiting import waiting_deadlines
from registry.agreements.instruments.queries.awaited import waiting_agreements
from registry.directory.operator_acts.queries import waiting_acts
from registry.directory.waiting import (
    Asked,
    InboxAction,
    InboxEntry,
    InboxKey,
    InboxKind,
    InboxSubject,
    Source,
    Whose,
    merged,
    overlooked,
)
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal, Role
from registry.platform.database.handles import Read
from registry.platform.http.paging import LARGEST_LIMIT, cut, decode_cursor
from registry.platform.kernel.time import checked_instant
from registry.platform.webhooks.queries import disabled_by_failures, may_manage
from registry.platform.webhooks.rules import DisabledBecause, explain
from registry.resources.assets.queries.waiting import waiting_damage
from registry.sharing.inbox.schemas import InboxCounts, InboxPage, InboxQuery
from registry.sharing.loans.queries.contesting import waiting_words
from registry.sharing.loans.queries.over_limit import waiting_over_limit
from registry.sharing.loans.queries.waiting import waiting_on_loans
from registry.sharing.obligations.queries import waiting_obligations
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.requests.queries.lacking import waiting_for_help
from registry.sharing.requests.queries.unsent import waiting_submissions
from registry.sharing.requests.queries.waiting import waiting_on_requests


async def waiting_webhooks(read: Read, asked: Asked) -> list[InboxEntry]:
    """The agency's webhooks that its receivers' failures disabled, for who may enable them, or else read them.

    It stands here, since webhooks are of the platform, which knows no inbox.
    """
    needed = Action.WEBHOOKS_MANAGE if asked.whose == "me" else Action.WEBHOOKS_READ
    if asked.whose == "partners" or refusal(asked.principal, needed, ["own"]) is not None:
        return []
    after_id = asked.after_id(InboxKind.WEBHOOK)
    rows = await disabled_by_failures(read, asked.principal.agency_id, after_id, asked.limit)
    return [_webhook_entry(row, may_manage=may_manage(asked.principal)) for row in rows]


def _webhook_entry(row: Row[Any], *, may_manage: bool) -> InboxEntry:
    path = f"/v1/webhooks/{row.id}"
    because = explain(DisabledBecause(row.disabled_because))
    return InboxEntry(
        id=row.id,
        kind=InboxKind.WEBHOOK,
        subject=InboxSubject(kind="webhook", id=row.id, name=row.name, path=path),
        task=f"The webhook was disabled: {because} Have its receiver mended and enable it again, or delete it.",
        late=False,
        due_at=None,
        waiting_from=row.disabled_at,
        partner=None,
        action=InboxAction(operation="enable_webhook", path=f"{path}/enable") if may_manage else None,
    )


SOURCES: Final[Sequence[Source]] = (
    waiting_on_loans,
    waiting_words,
    waiting_over_limit,
    waiting_on_requests,
    waiting_for_help,
    waiting_submissions,
    waiting_obligations,
    waiting_deadlines,
    waiting_agreements,
    waiting_acts,
    waiting_damage,
    waiting_webhooks,
)
"""One function of each room in which something waits for people; the application adds those of rooms above."""


async def list_inbox(
    read: Read, sources: Sequence[Source], principal: Principal, policies: PolicySet, query: InboxQuery, now: datetime
) -> InboxPage:
    """A page of what waits. All pages of one reading are of one instant. Raises RuleBroken for another's cursor."""
    as_of, after = now, None
    if query.cursor is not None:
        at, rank, due_at, id_, kind = decode_cursor(query.cursor, (datetime, int, datetime, UUID, str))
        as_of = min(checked_instant(at, "/cursor"), now)
        after = InboxKey(rank=rank, due_at=due_at, id=id_, kind=kind)
    found = await first_entries(read, sources, principal, policies, query.waiting_on, as_of, query.limit + 1, after)
    kept, next_cursor = cut(found, query.limit, lambda entry: (as_of, *entry.key.parts()))
    return InboxPage(as_of=as_of, items=list(kept), next_cursor=next_cursor)


async def count_inbox(
    read: Read, sources: Sequence[Source], principal: Principal, policies: PolicySet, whose: Whose, now: datetime
) -> InboxCounts:
    """How much waits, up to as many as a page holds."""
    found = await first_entries(read, sources, principal, policies, whose, now, LARGEST_LIMIT + 1)
    counted = found[:LARGEST_LIMIT]
    return InboxCounts(
        as_of=now,
        total=len(counted),
        late=sum(entry.late for entry in counted),
        more=len(found) > LARGEST_LIMIT,
    )


async def first_entries(
    read: Read,
    sources: Sequence[Source],
    principal: Principal,
    policies: PolicySet,
    whose: Whose,
    as_of: datetime,
    limit: int,
    after: InboxKey | None = None,
) -> list[InboxEntry]:
    """The first entries of these sources.

    An administrator's own are also what others of the agency have left undone for too long.
    """
    asked = Asked(principal=principal, policies=policies, as_of=as_of, whose=whose, limit=limit, after=after)
    found = [await source(read, asked) for source in sources]
    if whose == "me" and Role.AGENCY_ADMIN in principal.roles:
        own = {(entry.kind, entry.id) for each in found for entry in each}
        others = replace(asked, whose="agency", limit=limit + len(own))
        for source in sources:
            left = overlooked(await source(read, others), as_of)
            found.append([entry for entry in left if (entry.kind, entry.id) not in own])
    return merged(found, limit)
