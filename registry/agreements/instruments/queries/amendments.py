"""The changes of an agreement that are on their way: one that is being written, and papers that wait for signatures."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.schemas.shown import Amendment
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_version,
    agreement_version_dates,
)
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read

_OPEN = (
    sa.select(
        agreement_version.c.no,
        agreement_version.c.sha256,
        agreement_version.c.title,
        agreement_amendment.c.stage,
        agreement_version_dates.c.kind,
        agreement_version_dates.c.effective_on,
    )
    .join(agreement_version, agreement_version.c.id == agreement_amendment.c.version_id)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .where(
        agreement_amendment.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
        agreement_amendment.c.closed_at.is_(None),
    )
    .order_by(agreement_amendment.c.is_paper, agreement_amendment.c.id)
)


async def open_amendments(read: Read, principal: Principal, row: Row[Any]) -> list[Amendment]:
    """All that are open, in the order in which they are shown; while one is a draft, it is its custodian's alone."""
    if row.amendment_id is None:
        return []
    return [
        Amendment(
            version_no=each.no,
            version_sha256=each.sha256,
            kind=each.kind,
            stage=each.stage,
            title=each.title,
            effective_on=each.effective_on,
        )
        for each in await read.fast(_OPEN, {"id": row.id})
        if each.sha256 is not None or row.custodian_id == principal.agency_id
    ]
