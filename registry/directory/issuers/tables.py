"""Token issuers that were entered while the registry runs, and the agencies attached to issuers."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Json, Uuid, table, unique

token_issuer = table(
    "token_issuer",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("description", Json),
    sa.Column("every_agency", sa.Boolean, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    unique("issuer", code="issuer_taken", detail="That issuer is known already: change it, or attach agencies to it."),
)
"""The id follows from the issuer. `description` is null for an issuer of the settings, which has its attached agencies
here only. Each change counts `version` up, by which other processes see that something changed."""

issuer_agency = table(
    "issuer_agency",
    sa.Column("issuer_id", Uuid, sa.ForeignKey("token_issuer.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("claim_value", sa.Text, primary_key=True),
    sa.Column("attached_at", Instant, nullable=False),
    sa.Index("ix_issuer_agency_agency_id", "agency_id"),
)
"""`claim_value`: what names the agency in the issuer's tokens; empty where an id or an ORI does, or nothing has to."""
