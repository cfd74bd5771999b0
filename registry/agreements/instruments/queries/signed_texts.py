"""Which party signed which of an agreement's texts, and from when that counts: nobody is bound by another's text."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import CONTEST_PERIOD, ReportedKind, ReportStatus
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.agreements.instruments.histories import PartyHistory
from registry.agreements.instruments.tables import agreement, agreement_signature
from registry.platform.database.handles import Read

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_signature, _report = agreement_signature, agreement_reported_act
_SIGNATURES = sa.select(
    _signature.c.version_id,
    _signature.c.agency_id,
    sa.func.coalesce(_signature.c.counts_from, _signature.c.recorded_at).label("counts_from"),
).where(
    # A signature to a draft, or to an amendment that came to nothing, binds to nothing.
    _signature.c.version_id.in_(sa.bindparam("versions", type_=_signature.c.version_id.type, expanding=True))
)
_PENDING = sa.select(_report).where(
    _report.c.agreement_id == _ID,
    _report.c.kind == ReportedKind.SIGNED,
    _report.c.status == ReportStatus.OPEN,
    ~_report.c.is_settled,
)


async def pending_signatures(read: Read, agreement_id: UUID) -> dict[tuple[UUID, UUID], datetime]:
    """By version and party, the reported signatures that nobody has contested, with the instant of their effect."""
    return {
        (each.version_id, each.agency_id): max(each.counts_at, each.notified_at + CONTEST_PERIOD)
        for each in await read.all(_PENDING, {"id": agreement_id})
    }


async def signed_texts(
    read: Read, texts: Sequence[Row[Any]], pending: Mapping[tuple[UUID, UUID], datetime]
) -> dict[UUID, dict[int, datetime]]:
    """By party, the executed texts that it signed or confirmed, by their place in `texts`, and from when that counts.

    What is reported of it, and nobody has contested, is among them from the instant of its effect.
    """
    places = {text.version_id: n for n, text in enumerate(texts)}
    found: dict[UUID, dict[int, datetime]] = {}
    known = [
        *(
            ((each.version_id, each.agency_id), each.counts_from)
            for each in await read.all(_SIGNATURES, {"versions": list(places)})
        ),
        *pending.items(),
    ]
    for (version_id, agency_id), counts_from in known:
        if version_id in places:
            its = found.setdefault(agency_id, {})
            its[places[version_id]] = min(counts_from, its.get(places[version_id], counts_from))
    return found


def with_word(
    signed: Mapping[int, datetime], verbally_at: datetime | None, texts: Sequence[Row[Any]]
) -> dict[int, datetime]:
    """As `signed`, with the texts to which the party gave its word: those that were executed when it did."""
    found = dict(signed)
    for n, text in enumerate(texts):
        if verbally_at is not None and (text.executed_at is None or text.executed_at <= verbally_at):
            found[n] = min(verbally_at, found.get(n, verbally_at))
    return found


def histories_of(
    texts: Sequence[Row[Any]], signed: Mapping[UUID, Mapping[int, datetime]], parts: Mapping[UUID, Any]
) -> dict[UUID, PartyHistory]:
    """What each party did of which texts bind it: the one place that makes it of rows, whatever is asked of it.

    What interrupts that for a while (`suspensions`, `approvals`), or is not agreed to yet, the settling adds.
    """
    return {
        agency_id: PartyHistory(
            joined_at=part.joined_at,
            texts=with_word(signed.get(agency_id, {}), part.verbally_at, texts),
            leaves_at=part.leaves_at,
            released_at=part.released_at,
        )
        for agency_id, part in parts.items()
    }
