"""Revoked tokens and subjects, who was seen, the agencies that may act, and acts that one person may not do alone."""

import sqlalchemy as sa

from registry.platform.access.principals import RevocationKind
from registry.platform.access.separation import Act, Separation
from registry.platform.database.types import Instant, Json, Uuid, one_of, table

revocation = table(
    "revocation",
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("id", Uuid, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("revoked_at", Instant, nullable=False),
    sa.Column("lifted_at", Instant),
    sa.Column("by_operator", sa.Boolean, nullable=False),
    sa.Column("is_final", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    one_of("kind", RevocationKind),
    sa.CheckConstraint("NOT is_final OR lifted_at IS NULL", name="final"),
    sa.UniqueConstraint("id"),
    sa.Index("ix_revocation_agency_id", "agency_id", "id"),
)

principal = table(
    "principal",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("name", sa.Text),
    sa.Column("attributes", Json),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("first_seen_at", Instant, nullable=False),
    sa.Column("last_seen_at", Instant, nullable=False),
    sa.Column("restored_at", Instant),
    sa.Column("name_purged_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.UniqueConstraint("agency_id", "issuer", "subject"),
    sa.CheckConstraint("name IS NULL OR name_purged_at IS NULL", name="name"),
    sa.Index("ix_principal_agency_id", "agency_id", "id"),
    sa.Index("ix_principal_issuer", "issuer"),
)
"""Who has used the registry, for which agency; written from `sightings`. `roles` are those of the token, by commas.

A person or service counts as idle since it was last seen or restored, whichever is later.
"""

request_count = table(
    "request_count",
    sa.Column("counted", sa.Text, primary_key=True),
    sa.Column("minute", Instant, primary_key=True),
    sa.Column("requests", sa.Integer, nullable=False),
)
"""Requests of a caller or an agency in a minute, counted by all processes that share a PostgreSQL."""

acting_agency = table("acting_agency", sa.Column("agency_id", Uuid, primary_key=True))
"""Agencies that may act now. Written by the command that changes an agency's status, in its transaction."""

seen_agency = table(
    "seen_agency",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("first_seen_at", Instant, nullable=False),
)
"""Agencies of which a person who may answer for it has used the registry, and since when; set once, by `sightings`."""

separated_act = table(
    "separated_act",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("thing_id", Uuid, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("agency_id", Uuid, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("done_at", Instant, nullable=False),
    one_of("act", Act),
    sa.Index("ix_separated_act_thing_id", "thing_id", "agency_id", "subject"),
)
"""Who did, for which agency, what another person of it has to follow up. `roles` are those of the token, by commas."""

relaxed_separation = table(
    "relaxed_separation",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("separation", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("relaxed_at", Instant, nullable=False),
    one_of("separation", Separation),
)
"""The separations that an agency does not keep now. What it kept when is in the history of the agency."""
