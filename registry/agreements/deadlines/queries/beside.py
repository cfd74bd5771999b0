"""The texts that bind an agency to some parties beside the one whose days are its own, and which others these are."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.deadlines.rules import SHOWN_AFTER, TextBeside
from registry.agreements.instruments.histories import BoundWindow
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.pending import Without
from registry.agreements.instruments.queries.in_force import end_of
from registry.agreements.instruments.queries.texts import places_in
from registry.agreements.instruments.tables import (
    agreement_party,
    agreement_party_window,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.instruments.term_days import renewal_of
from registry.agreements.instruments.together import together
from registry.platform.database.handles import Read

_ID = agreement_party.c.agreement_id.type
_window, _own, _dates = agreement_party_window, agreement_party, agreement_version_dates
# What every party has signed has been replaced for good, so most agreements with several texts have nothing here.
_TEXTS = (
    sa.select(
        _window.c.agreement_id,
        _window.c.version_id,
        agreement_version.c.no,
        *(_dates.c[name] for name in ("expires_on", "notice", "auto_renew_months", "auto_renew_times", "renewal_day")),
    )
    .join(
        _own,
        sa.and_(_own.c.agreement_id == _window.c.agreement_id, _own.c.agency_id == _window.c.agency_id),
    )
    .join(agreement_version, agreement_version.c.id == _window.c.version_id)
    .join(_dates, _dates.c.version_id == _window.c.version_id)
    .where(
        _window.c.agency_id == sa.bindparam("viewer", type_=_ID),
        _window.c.agreement_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)),
        _window.c.version_id != _own.c.term_version_id,
        _window.c.ends_at > sa.bindparam("since", type_=_window.c.ends_at.type),
        _dates.c.expires_on.is_not(None),
    )
    .order_by(_window.c.agreement_id, agreement_version.c.no, _window.c.starts_at)
)
_WINDOWS = (
    sa.select(
        *(_window.c[name] for name in ("agreement_id", "agency_id", "starts_at", "ends_at", "amended")),
        agreement_version.c.no,
    )
    .join(agreement_version, agreement_version.c.id == _window.c.version_id)
    .where(_window.c.agreement_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)))
    .order_by(_window.c.agreement_id, _window.c.agency_id, _window.c.starts_at, agreement_version.c.no)
)


async def texts_beside(
    read: Read, viewer: UUID, ids: Sequence[UUID], without: Mapping[UUID, Without], now: datetime
) -> dict[UUID, tuple[TextBeside, ...]]:
    """By agreement the texts with a term that bind the viewer to others, of which its own days are not.

    `without`: the agreements without what is only reported, where something is.
    """
    rows = await read.all(_TEXTS, {"viewer": viewer, "ids": list(ids), "since": now - SHOWN_AFTER}) if ids else ()
    texts = {(row.agreement_id, row.version_id): row for row in rows}
    if not texts:
        return {}
    windows: dict[UUID, dict[UUID, list[BoundWindow]]] = defaultdict(lambda: defaultdict(list))
    for row in await read.all(_WINDOWS, {"ids": sorted({agreement_id for agreement_id, _ in texts})}):
        windows[row.agreement_id][row.agency_id].append(
            BoundWindow(
                text=row.no,
                start=row.starts_at,
                end=end_of(row.ends_at),
                amended=frozenset(places_in(row.amended)),
            )
        )
    for agreement_id, parties in windows.items():
        instead = without.get(agreement_id)
        numbers = {} if instead is None else {text.version_id: text.no for text in instead.texts}
        for party in () if instead is None else instead.parties:
            parties[party.agency_id] = [
                BoundWindow(
                    text=numbers[each.version_id],
                    start=each.start,
                    end=each.end,
                    amended=frozenset(places_in(each.amended)),
                )
                for each in party.bound
            ]
    bound_to = {
        agreement_id: tuple(
            (agency_id, both)
            for agency_id, its in parties.items()
            if agency_id != viewer and (both := together(parties.get(viewer, ()), its))
        )
        for agreement_id, parties in windows.items()
    }
    found: dict[UUID, list[TextBeside]] = defaultdict(list)
    for (agreement_id, version_id), row in texts.items():
        found[agreement_id].append(
            TextBeside(
                version_id=version_id,
                version_no=row.no,
                agency_id=viewer,
                expires_on=row.expires_on,
                renewal=renewal_of(row.auto_renew_months, row.auto_renew_times, row.renewal_day),
                notice=read_notice(row.notice),
                bound_to=bound_to[agreement_id],
            )
        )
    return {agreement_id: tuple(its) for agreement_id, its in found.items()}
