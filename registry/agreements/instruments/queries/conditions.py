"""The parties' rules of approval, read where a clause makes an approval a condition of being in force."""

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.conditions import BodyRule, about_conditions, awaited
from registry.agreements.instruments.queries.approvals import approval_rule_at, approvals_on_record
from registry.agreements.instruments.queries.in_force import OPEN_END
from registry.agreements.instruments.remarks import Remark
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Read

_RULES = (
    sa.select(
        agency.c.id,
        agency.c.name,
        approval_rule_at(sa.literal(OPEN_END, type_=agreement_party.c.leaves_at.type)).label("required"),
    )
    .select_from(agreement_party.join(agency, agency.c.id == agreement_party.c.agency_id))
    .where(agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type), agreement_party.c.in_text)
    .order_by(agreement_party.c.ordinal)
)


async def remarks_on_conditions(
    read: Read, agreement_id: UUID, reader_id: UUID, clauses: Iterable[tuple[str, str, str]]
) -> list[Remark]:
    """What of the conditions that the clauses set, each by its number, heading and text, no rule on record asks for.

    A rule that begins later counts too. Nothing is read where no clause sets a condition, as hardly any does.
    """
    found = awaited(tuple(clauses))
    if not found:
        return []
    approvals = await approvals_on_record(read, agreement_id, reader_id)
    rules = [
        BodyRule(
            agency=row.name,
            required=None if row.required is None else bool(row.required),
            bodies=tuple(each.body for each in approvals.get(row.id, ())),
        )
        for row in await read.all(_RULES, {"id": agreement_id})
    ]
    return [*about_conditions(found, rules)]
