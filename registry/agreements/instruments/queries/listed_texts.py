"""Which text each agreement of a list is shown with: the one with which it is shown by itself, of the same instant."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.instruments.queries.pending import all_without_pending
from registry.agreements.instruments.queries.rows import text_without, version_shown
from registry.agreements.instruments.queries.visibility import administers, last_day_shown, shared_with
from registry.agreements.instruments.tables import agreement, agreement_version, agreement_version_dates
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read


class ListedText(Struct, kw_only=True, frozen=True):
    """A version with the last day that is told with it: what others read in that text, else the agreement's own.

    A party is told that of the text that binds it the longest.
    """

    version_no: int
    title: str
    expires_on: date | None


_IDS = sa.bindparam("ids", type_=agreement.c.id.type, expanding=True)
_TITLES = sa.select(agreement_version.c.id, agreement_version.c.no, agreement_version.c.title).where(
    agreement_version.c.id.in_(_IDS)
)


@cache
def _statement(*, administrator: bool, past: bool) -> sa.Select[tuple[UUID, int, str, date | None, bool]]:
    version = version_shown(administrator=administrator, moment="past" if past else "now")
    dates = agreement_version_dates
    own = sa.and_(agreement.c.executed_at.is_not(None), sa.true() if administrator else shared_with())
    return (
        sa.select(
            agreement.c.id,
            agreement_version.c.no,
            agreement_version.c.title,
            sa.case((own, last_day_shown(administrator=administrator)), else_=dates.c.expires_on).label("expires_on"),
            shared_with().label("shared"),
        )
        .select_from(
            agreement.join(agreement_version, agreement_version.c.id == version).join(
                dates, dates.c.version_id == agreement_version.c.id
            )
        )
        .where(agreement.c.id.in_(_IDS))
    )


async def listed_texts(
    read: Read, principal: Principal, agreement_ids: Sequence[UUID], as_of: datetime | None, now: datetime
) -> dict[UUID, ListedText]:
    """By agreement the text of the day; of a day to come the one by what the parties did, as `rows.shown_rows` has it.

    They are asked for a page, once it is known: what a list is filtered and ordered by is the agreement's own.
    """
    if not agreement_ids:
        return {}
    at = as_of or now
    statement = _statement(administrator=administers(principal), past=as_of is not None)
    rows = await read.all(statement, {"ids": list(agreement_ids), "viewer": principal.agency_id, "at": at, "now": now})
    found = {row.id: ListedText(version_no=row.no, title=row.title, expires_on=row.expires_on) for row in rows}
    if at <= now:
        return found
    pending = await all_without_pending(read, [row.id for row in rows if row.shared], now)
    other = {agreement_id: text_without(each, at) for agreement_id, each in pending.items()}
    versions = [version_id for version_id in other.values() if version_id is not None]
    titles = {row.id: row for row in await read.all(_TITLES, {"ids": versions})} if versions else {}
    for agreement_id, version_id in other.items():
        if version_id in titles:
            its, said = titles[version_id], found[agreement_id]
            found[agreement_id] = ListedText(version_no=its.no, title=its.title, expires_on=said.expires_on)
    return found
