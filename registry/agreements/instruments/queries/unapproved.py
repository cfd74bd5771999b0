"""Whether a text was set in motion by word of mouth before anybody else of an agency approved it."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.tables import agreement_version, agreement_version_dates
from registry.platform.access.acts import done_by_another, person_parameters
from registry.platform.access.principals import Principal
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read

# An amendment is approved before it is sent out, and what came signed on paper has no approval here.
_UNAPPROVED = (
    sa.select(agreement_version.c.id)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .where(
        agreement_version.c.id == sa.bindparam("version_id", type_=agreement_version.c.id.type),
        agreement_version_dates.c.kind == "original",
        sa.not_(done_by_another((Act.APPROVE, Act.SIGN), agreement_version.c.id)),
    )
)


async def unapproved_by_others(read: Read, principal: Principal, row: Row[Any], version_id: UUID) -> bool:
    """Whether nobody else of the person's agency approved the version, or bound the agency to it.

    Of an agreement that was never set in motion by word of mouth (`row`) it is not asked: its text was approved before
    it was sent out.
    """
    if row.ratify_by is None:
        return False
    its = {"version_id": version_id, **person_parameters(principal)}
    return await read.value(_UNAPPROVED, its) is not None
