"""The one place that writes `agreement_party_window`: who is bound when, computed anew from the whole history."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.in_force import PartyHistory, party_windows
from registry.agreements.queries import OPEN_END, dates_of, suspensions_of
from registry.agreements.tables import agreement, agreement_party, agreement_party_window, agreement_version
from registry.database.handles import Write

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_AGREEMENT = (
    sa.select(
        agreement.c.executed_at,
        agreement.c.starts_at,
        agreement.c.ends_at,
        agreement.c.terminated_at,
        agreement.c.notice_days,
        agreement.c.time_zone,
        agreement_version.c.id.label("version_id"),
    )
    .join(
        agreement_version,
        sa.and_(
            agreement_version.c.agreement_id == agreement.c.id,
            agreement_version.c.no == agreement.c.current_version,
        ),
    )
    .where(agreement.c.id == _ID)
)
_PARTIES = sa.select(
    agreement_party.c.agency_id, agreement_party.c.joined_at, agreement_party.c.withdrawal_notice_on
).where(agreement_party.c.agreement_id == _ID)
_DELETE = agreement_party_window.delete().where(agreement_party_window.c.agreement_id == _ID)
_INSERT = agreement_party_window.insert()


async def rewrite_windows(write: Write, agreement_id: UUID) -> None:
    """Make the windows say what the agreement's dates and its parties' say. Called by every change of either."""
    row = await write.first(_AGREEMENT, {"id": agreement_id})
    assert row is not None
    dates = dates_of(row, await suspensions_of(write, agreement_id))
    windows = [
        {
            "agreement_id": agreement_id,
            "agency_id": party.agency_id,
            "starts_at": window.start,
            "ends_at": window.end or OPEN_END,
            "version_id": row.version_id,
        }
        for party in await write.all(_PARTIES, {"id": agreement_id})
        for window in party_windows(dates, _history(row, party), row.time_zone)
    ]
    await write.run(_DELETE, {"id": agreement_id})
    if windows:
        await write.run(_INSERT, windows)


def _history(row: Row[Any], party: Row[Any]) -> PartyHistory:
    return PartyHistory(
        joined_at=party.joined_at,
        notice_given_on=party.withdrawal_notice_on,
        notice_days=row.notice_days,
    )
