"""The changes of an agreement that are on their way: one that is being written, and papers that wait for signatures."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.rules import Stage
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


def on_its_way(row: Row[Any]) -> tuple[UUID, Stage]:
    """The version that review and signatures are about, and its stage: the amendment's where there is one."""
    if row.amendment_id is not None:
        return row.amendment_version_id, Stage(row.amendment_stage)
    return row.version_id, Stage(row.stage)


def amendment_shown(principal: Principal, row: Row[Any]) -> Amendment | None:
    """The amendment on its way; while it is a draft, its custodian's alone."""
    drafted = row.amendment_sha256 is None
    if row.amendment_id is None or (drafted and row.custodian_id != principal.agency_id):
        return None
    return Amendment(
        version_no=row.amendment_no,
        version_sha256=row.amendment_sha256,
        kind=row.amendment_kind,
        stage=row.amendment_stage,
        title=row.amendment_title,
        effective_on=row.amendment_effective_on,
    )
