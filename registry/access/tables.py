"""What makes a valid token worthless: revocations, and agencies that may not act."""

from enum import StrEnum

import sqlalchemy as sa

from registry.database.types import Instant, Uuid, one_of, table


class RevocationKind(StrEnum):
    """What is revoked: one token, or one person or service of an agency."""

    JTI = "jti"
    SUBJECT = "subject"


revocation = table(
    "revocation",
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("revoked_at", Instant, nullable=False),
    sa.Column("until", Instant),
    one_of("kind", RevocationKind),
)

acting_agency = table("acting_agency", sa.Column("agency_id", Uuid, primary_key=True))
"""Agencies that may act now. Written by the command that changes an agency's status, in its transaction."""
