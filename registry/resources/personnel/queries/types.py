"""The types of capability that a question or a record names."""

from collections.abc import Collection

import sqlalchemy as sa

from registry.directory.taxonomy.seed import CapabilityKind, CapabilityScale
from registry.directory.taxonomy.tables import capability_type
from registry.platform.database.handles import Read
from registry.resources.personnel.holdings import KnownType

_KNOWN = sa.select(capability_type.c.code, capability_type.c.kind, capability_type.c.scale).where(
    capability_type.c.code.in_(sa.bindparam("codes", expanding=True))
)


async def known_types(read: Read, codes: Collection[str]) -> dict[str, KnownType]:
    """Kind and scale of those of the codes that the taxonomy has, in one statement."""
    if not codes:
        return {}
    rows = await read.all(_KNOWN, {"codes": sorted(codes)})
    return {row.code: KnownType(CapabilityKind(row.kind), CapabilityScale(row.scale)) for row in rows}
