"""What a signing office may commit at most, where the text that it signed does not say what a loan may cost."""

from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.remarks import Remark, about_unsaid_ceiling
from registry.agreements.instruments.schemas.signing import SignatoryAuthority
from registry.agreements.instruments.signing_tables import signing_authority
from registry.agreements.instruments.terms import Terms, is_silent
from registry.platform.database.handles import Read
from registry.platform.kernel.money import Money

_CEILING = sa.select(*(signing_authority.c[name] for name in ("ceiling_minor", "ceiling_currency"))).where(
    signing_authority.c.id == sa.bindparam("id", type_=signing_authority.c.id.type),
    signing_authority.c.agency_id == sa.bindparam("viewer", type_=signing_authority.c.agency_id.type),
    signing_authority.c.ceiling_minor.is_not(None),
)


async def about_ceiling(
    read: Read, viewer: UUID, version_no: int, terms: Terms, rests_on: SignatoryAuthority | str | None
) -> list[Remark]:
    """Of the agency's own hand to a text, that its office's power ends at an amount and the text names none.

    An amount, and that there is no limit, were held against it when it was signed (`authority.shortfalls`). For itself
    alone: what its offices may commit its partners do not read.
    """
    if not isinstance(rests_on, SignatoryAuthority) or not is_silent(terms, "cost_ceiling"):
        return []
    row = await read.first(_CEILING, {"id": rests_on.id, "viewer": viewer})
    if row is None:
        return []
    most = Money.from_minor(row.ceiling_minor, row.ceiling_currency)
    return [about_unsaid_ceiling(version_no, rests_on.office, most)]
