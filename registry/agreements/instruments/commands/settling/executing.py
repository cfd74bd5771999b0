"""The execution of an amendment, whoever's act or leaving completed it, and which text is the agreement's own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.indexing import index_title
from registry.agreements.instruments.pending import TextHeld
from registry.agreements.instruments.queries.in_force import end_of
from registry.agreements.instruments.queries.texts import dates_of, executed_texts, placed
from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.shown_texts import own_text
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_text_window,
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
_ID = sa.bindparam("id", type_=agreement.c.id.type)
_AGREEMENT = sa.select(
    *(agreement.c[name] for name in ("executed_at", "terminated_at", "current_version", "starts_at"))
).where(agreement.c.id == _ID)
_HELD = (
    sa.select(agreement_version.c.no, agreement_text_window.c.starts_at, agreement_text_window.c.ends_at)
    .join(agreement_version, agreement_version.c.id == agreement_text_window.c.version_id)
    .where(agreement_text_window.c.agreement_id == _ID)
    .order_by(agreement_text_window.c.starts_at)
)
_NEW_TEXT = (
    sa.select(
        agreement.c.id,
        agreement.c.number,
        agreement_version.c.title,
        agreement_version.c.no,
        *(
            agreement_version_dates.c[name]
            for name in ("expires_on", "ends_at", "notice", "auto_renew_months", "auto_renew_times", "renewal_day")
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
    await _take(write, texts[dates_of(row, texts, ()).by_effect[-1]])


async def take_lasting_text(write: Write, agreement_id: UUID, held: Sequence[TextHeld] | None, now: datetime) -> bool:
    """As `take_latest_text`, but of the texts that are shown now or later; whether it is another than it was.

    Once all have left who signed the one that took effect last, or it has run out, the others go on by an earlier one:
    so its end is the agreement's. `held`: when each is the text without the reports that have not taken effect.
    """
    row = await write.first(_AGREEMENT, {"id": agreement_id})
    assert row is not None
    if row.executed_at is None:
        return False
    texts = [
        text
        for text in await executed_texts(write, agreement_id)
        if text.executed_at is None or text.closed_at is not None
    ]
    if held is None:
        held = [
            TextHeld(start=each.starts_at, end=end_of(each.ends_at), no=each.no)
            for each in await write.all(_HELD, {"id": agreement_id})
        ]
    numbers, dates = [text.no for text in texts], dates_of(row, texts, ())
    windows = placed([each for each in held if each.no in numbers], numbers)
    own, _ = own_text(windows, {n: place for place, n in enumerate(dates.by_effect)}, now)
    if own is None or (row.terminated_at is not None and row.terminated_at <= max(dates.begins)):
        own = dates.by_effect[-1]  # the end of the agreement kept it from taking effect
    if texts[own].no == row.current_version:
        return False
    await _take(write, texts[own])
    return True


async def _take(write: Write, latest: Row[Any]) -> None:
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
        "renewal_day": new.renewal_day,
    }
    await write.run(_ITS, {"its_id": new.id, **values})
