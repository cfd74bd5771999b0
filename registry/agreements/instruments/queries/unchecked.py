"""What one person did alone to a text that was set in motion by word of mouth before it was approved."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.tables import agreement_version, agreement_version_dates
from registry.platform.access.acts import done_by_another, done_by_services_alone, person_parameters
from registry.platform.access.principals import Principal
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read

# An amendment is approved before it is sent out, and what came signed on paper has no approval here. It is kept under
# the agreement who wrote its first text.
_UNCHECKED = (
    sa.select(done_by_services_alone(Act.DRAFT, agreement_version.c.agreement_id).label("by_services"))
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .where(
        agreement_version.c.id == sa.bindparam("version_id", type_=agreement_version.c.id.type),
        agreement_version_dates.c.kind == "original",
        sa.not_(done_by_another((Act.APPROVE, Act.SIGN), agreement_version.c.id)),
    )
)


async def unchecked_by_others(read: Read, principal: Principal, row: Row[Any], version_id: UUID) -> tuple[Act, ...]:
    """After which acts of the person nobody else of its agency has seen the version: to write it, or to give the word.

    Nothing, where somebody else approved it or bound the agency to it. The word counts where no person wrote the text.
    Of an agreement that was never set in motion by word of mouth (`row`) it is not asked: its text was approved before
    it was sent out.
    """
    if row.ratify_by is None:
        return ()
    found = await read.first(_UNCHECKED, {"version_id": version_id, **person_parameters(principal)})
    if found is None:
        return ()
    return (Act.DRAFT, Act.SIGN) if found.by_services else (Act.DRAFT,)
