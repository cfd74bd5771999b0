"""History: the events about one thing, oldest first, sealed or not."""

from typing import cast
from uuid import UUID

import sqlalchemy as sa
from msgspec import Raw

from registry.access.principals import Principal, Role
from registry.database.handles import Read
from registry.http.paging import Page, cut, decode_cursor
from registry.ledger.schemas import LedgerEvent, LedgerEventPage
from registry.ledger.tables import ledger_event, ledger_event_agency

_HISTORY = (
    sa.select(ledger_event.c.id, ledger_event.c.canonical)
    .where(
        ledger_event.c.subject_kind == sa.bindparam("kind"),
        ledger_event.c.subject_id == sa.bindparam("subject_id", type_=ledger_event.c.subject_id.type),
        ledger_event.c.id > sa.bindparam("after", type_=ledger_event.c.id.type),
        sa.or_(
            ledger_event.c.sensitivity == "public",
            sa.exists().where(
                ledger_event_agency.c.event_id == ledger_event.c.id,
                ledger_event_agency.c.agency_id
                == sa.bindparam("agency_id", type_=ledger_event_agency.c.agency_id.type),
                sa.or_(ledger_event.c.sensitivity == "parties", sa.bindparam("restricted", type_=sa.Boolean)),
            ),
        ),
    )
    .order_by(ledger_event.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_BEGINNING = UUID(int=0)


async def history(read: Read, principal: Principal, kind: str, subject_id: UUID, page: Page) -> LedgerEventPage:
    """The events about a thing that concern the caller's agency, or are public; restricted ones for its auditors.

    Whether the caller may see the thing at all is for the feature to ask first.
    """
    after = decode_cursor(page.cursor, (UUID,))[0] if page.cursor else _BEGINNING
    rows = await read.all(
        _HISTORY,
        {
            "kind": kind,
            "subject_id": subject_id,
            "after": after,
            "agency_id": principal.agency_id,
            "restricted": Role.AUDITOR in principal.roles,
            "limit": page.limit + 1,
        },
    )
    kept, next_cursor = cut(rows, page.limit, lambda row: (row.id,))
    # As stored, so that what is shown is what is hashed.
    shown = cast(list[LedgerEvent], [Raw(row.canonical) for row in kept])
    return LedgerEventPage(items=shown, next_cursor=next_cursor)
