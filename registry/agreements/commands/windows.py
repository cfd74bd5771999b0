"""The one place that writes who is bound when, by which text, and what follows: computed anew from everything."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.in_force import (
    Interval,
    PartyHistory,
    TextWindow,
    VerbalActivation,
    bound_until,
    day_starts_at,
    force_windows,
    party_windows,
    term_ends,
    text_windows,
)
from registry.agreements.queries import OPEN_END, dates_of, end_of, executed_texts, renewal_of, suspensions_of
from registry.agreements.rules import notice_window_opens_on
from registry.agreements.tables import (
    agreement,
    agreement_approval,
    agreement_force_window,
    agreement_notice_window,
    agreement_party,
    agreement_party_window,
    agreement_signature,
    agreement_text_window,
)
from registry.agreements.terms import Terms, roles_of
from registry.database.handles import Write
from registry.kernel.time import EARLIEST

NOTICE_HORIZON = timedelta(days=25 * 365)
"""How far ahead of the last change the notice windows of automatic renewals are written down."""

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_AGREEMENT = sa.select(
    agreement.c.executed_at,
    agreement.c.starts_at,
    agreement.c.ends_at,
    agreement.c.terminated_at,
    agreement.c.time_zone,
    agreement.c.ratify_by,
).where(agreement.c.id == _ID)
_PARTIES = (
    sa.select(
        agreement_party.c.agency_id,
        agreement_party.c.joined_at,
        agreement_party.c.leaves_at,
        agreement_party.c.verbally_at,
        agreement_party.c.approval_required,
        sa.func.min(sa.func.coalesce(agreement_signature.c.counts_from, agreement_signature.c.recorded_at)).label(
            "signed_at"
        ),
    )
    .outerjoin(
        agreement_signature,
        sa.and_(
            agreement_signature.c.agreement_id == agreement_party.c.agreement_id,
            agreement_signature.c.agency_id == agreement_party.c.agency_id,
            # A signature to a draft, or to an amendment that came to nothing, ratifies nothing.
            agreement_signature.c.version_id.in_(
                sa.bindparam("executed", type_=agreement_signature.c.version_id.type, expanding=True)
            ),
        ),
    )
    .where(agreement_party.c.agreement_id == _ID)
    .group_by(*(agreement_party.c[name] for name in ("agency_id", "agreement_id")))
)
_APPROVALS = sa.select(
    agreement_approval.c.agency_id, agreement_approval.c.starts_at, agreement_approval.c.ends_at
).where(agreement_approval.c.agreement_id == _ID)
_DERIVED = (agreement_party_window, agreement_text_window, agreement_force_window, agreement_notice_window)
_DELETE = {table.name: table.delete().where(table.c.agreement_id == _ID) for table in _DERIVED}
_INSERT = {table.name: table.insert() for table in _DERIVED}


async def rewrite_windows(write: Write, agreement_id: UUID, now: datetime) -> None:
    """Make the windows say what the agreement's dates and its parties' say. Called by every change of either."""
    row = await write.first(_AGREEMENT, {"id": agreement_id})
    assert row is not None
    texts = await executed_texts(write, agreement_id)
    dates = dates_of(row, texts, await suspensions_of(write, agreement_id))
    approvals: dict[UUID, list[Interval]] = {}
    for approval in await write.all(_APPROVALS, {"id": agreement_id}):
        span = Interval(start=approval.starts_at, end=end_of(approval.ends_at))
        approvals.setdefault(approval.agency_id, []).append(span)
    bound = {
        party.agency_id: party_windows(dates, _history(row, party, approvals.get(party.agency_id, ())))
        for party in await write.all(_PARTIES, {"id": agreement_id, "executed": [text.version_id for text in texts]})
    }
    terms = {n: msgspec.json.decode(text.terms, type=Terms) for n, text in enumerate(texts)}
    holding = text_windows(dates)
    rows: dict[str, list[dict[str, Any]]] = {
        "agreement_party_window": [
            {
                **_stored(window),
                "agency_id": agency_id,
                "version_id": texts[window.text].version_id,
                "bound_until": until or OPEN_END,
                **roles_of(terms[window.text], agency_id),
            }
            for agency_id, windows in bound.items()
            for window, until in zip(windows, bound_until(windows), strict=True)
        ],
        "agreement_text_window": [{**_stored(w), "version_id": texts[w.text].version_id} for w in holding],
        "agreement_force_window": [_stored(w) for w in force_windows(bound.values())],
        "agreement_notice_window": list(_notice_windows(texts, holding, row.time_zone, now)),
    }
    for name, found in rows.items():
        await write.run(_DELETE[name], {"id": agreement_id})
        if found:
            await write.run(_INSERT[name], [{**each, "agreement_id": agreement_id} for each in found])


def _stored(window: Interval) -> dict[str, Any]:
    return {"starts_at": window.start, "ends_at": window.end or OPEN_END}


def _history(row: Row[Any], party: Row[Any], approvals: Any) -> PartyHistory:
    verbal = None
    if party.verbally_at is not None and row.ratify_by is not None:
        verbal = VerbalActivation(ratify_by=row.ratify_by, ratified_at=party.signed_at)
    return PartyHistory(
        joined_at=party.joined_at,
        leaves_at=party.leaves_at,
        approvals=tuple(approvals) if party.approval_required else None,
        verbal=verbal,
    )


def _notice_windows(
    texts: Sequence[Row[Any]], holding: Sequence[TextWindow], time_zone: str, now: datetime
) -> Iterator[dict[str, Any]]:
    """Each term's, from the lead before its last notice day until it ends, while its version is the text."""
    zone, horizon = ZoneInfo(time_zone), (now + NOTICE_HORIZON).date()
    closing: dict[datetime, datetime] = {}
    for window in holding:
        text = texts[window.text]
        if text.expires_on is None:
            continue
        for ends_on in term_ends(text.expires_on, renewal_of(text), window.start.date() - timedelta(days=1)):
            opens_on = max(notice_window_opens_on(ends_on, text.notice_days), EARLIEST.date())
            opens_at = max(day_starts_at(opens_on, zone), window.start)
            if opens_on > horizon or (window.end is not None and opens_at >= window.end):
                break
            closes_at = day_starts_at(ends_on + timedelta(days=1), zone)
            if opens_at < closes_at:  # of terms shorter than their notice, the last to close counts
                closing[opens_at] = closes_at
    for opens_at, closes_at in closing.items():
        yield {"opens_at": opens_at, "closes_at": closes_at}
