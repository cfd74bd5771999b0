"""When each party's part ends, and of which texts its days are: kept with it, for lists and deadlines to find."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.ends import End, last_day_of
from registry.agreements.instruments.histories import AgreementDates, BoundWindow
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.party_days import days_to_come
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.platform.database.handles import Write
from registry.platform.kernel.intervals import earliest
from registry.platform.kernel.time import civil_day

DAYS = ("term_version_id", "notice_version_id", "expires_on", "over_at", "ends_on")
_NONE: dict[str, Any] = dict.fromkeys(DAYS)
_SET = (
    agreement_party.update()
    .where(
        agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
        agreement_party.c.agency_id == sa.bindparam("its_agency", type_=agreement_party.c.agency_id.type),
    )
    .values({name: sa.bindparam(f"its_{name}", type_=agreement_party.c[name].type) for name in DAYS})
)


async def settle_days(
    write: Write,
    row: Row[Any],
    texts: Sequence[Row[Any]],
    dates: AgreementDates,
    lasting: Mapping[UUID, Sequence[BoundWindow]],
    own_ends: Mapping[UUID, datetime | None],
    end: End,
    parts: Mapping[UUID, Row[Any]],
    now: datetime,
) -> datetime | None:
    """Write of which texts the days of each party are; the next instant at which that changes by the course of time.

    Of an agreement with one text they are that one's, and nothing is written; nor of a party's own end, of `own_ends`,
    where that is the agreement's `end`.
    """
    found: dict[UUID, dict[str, Any]] = {each: dict(_NONE) for each in parts}
    turn: datetime | None = None
    if row.executed_at is not None and len(texts) > 1:
        day = civil_day(now, row.time_zone)
        notices = [read_notice(text.notice) for text in texts]
        for agency_id, windows in lasting.items():
            its, changes = days_to_come(dates, windows, [each.of(agency_id) for each in notices], now, day)
            turn = earliest(turn, changes)
            if its is not None:
                found[agency_id] |= {
                    "term_version_id": texts[its.last].version_id,
                    "notice_version_id": texts[its.notice].version_id,
                    "expires_on": texts[its.last].expires_on,
                }
    for agency_id, over_at in own_ends.items():
        if over_at != end.at:
            found[agency_id] |= {"over_at": over_at, "ends_on": last_day_of(over_at, row.time_zone)}
    before = {each: {name: part._mapping[name] for name in DAYS} for each, part in parts.items()}
    await keep_days(write, row.id, {each: values for each, values in found.items() if values != before[each]})
    return turn


async def keep_days(write: Write, agreement_id: UUID, found: Mapping[UUID, Mapping[str, Any]]) -> None:
    """Let these be the texts of whose days the parties' are."""
    if found:
        await write.run(
            _SET,
            [
                {"its_id": agreement_id, "its_agency": each, **{f"its_{name}": value for name, value in values.items()}}
                for each, values in found.items()
            ],
        )
