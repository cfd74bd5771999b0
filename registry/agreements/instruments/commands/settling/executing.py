"""The execution of an amendment, whoever's act or leaving completed it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.indexing import index_title
from registry.agreements.instruments.queries.texts import dates_of, executed_texts
from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_version,
    agreement_version_dates,
)
from registry.platform.database.handles import Write
from registry.platform.kernel.text import folded

_VERSION = sa.bindparam("version_id", type_=agreement_version.c.id.type)
_CLOSE = agreement_amendment.update().where(
    agreement_amendment.c.version_id == sa.bindparam("its_version", type_=agreement_amendment.c.version_id.type)
)
_ITS = agreement.update().where(agreement.c.id == sa.bindparam("its_id", type_=agreement.c.id.type))
_NEW_TEXT = (
    sa.select(
        agreement.c.id,
        agreement.c.number,
        agreement_version.c.title,
        agreement_version.c.no,
        *(
            agreement_version_dates.c[name]
            for name in ("expires_on", "ends_at", "notice", "auto_renew_months", "auto_renew_times")
        ),
    )
    .join(agreement, agreement.c.id == agreement_version.c.agreement_id)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .where(agreement_version.c.id == _VERSION)
)


async def execute_amendment(write: Write, row: Row[Any], version_id: UUID, now: datetime) -> None:
    """Close the amendment, whose last signature is there or is waited for no more."""
    await write.run(_CLOSE, {"its_version": version_id, "stage": Stage.EXECUTED, "closed_at": now})
    await take_latest_text(write, row)


async def take_latest_text(write: Write, row: Row[Any]) -> None:
    """Call and end the agreement as the text says that takes effect last: not the newest, where that came late."""
    texts = await executed_texts(write, row.id)
    latest = texts[dates_of(row, texts, ()).by_effect[-1]]
    new = await write.first(_NEW_TEXT, {"version_id": latest.version_id})
    assert new is not None
    await index_title(write, new.id, new.number, new.title)
    values: dict[str, Any] = {
        "title": new.title,
        "search_text": folded(new.number, new.title),
        "current_version": new.no,
        "expires_on": new.expires_on,
        "ends_at": new.ends_at,
        "notice": new.notice,
        "auto_renew_months": new.auto_renew_months,
        "auto_renew_times": new.auto_renew_times,
    }
    await write.run(_ITS, {"its_id": new.id, **values})
