"""Agencies and their ORIs. Only an ORI or a UEI identifies an agency: 1,741 real ones share name, state and type."""

import sqlalchemy as sa

from registry.directory.agencies.rules import AgencyLevel, AgencyStatus
from registry.platform.database.types import Instant, Json, Uuid, one_of, table, unique

agency = table(
    "agency",
    sa.Column("id", Uuid, nullable=False, unique=True),
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("state", sa.Text),
    sa.Column("counties", Json, nullable=False),
    sa.Column("uei", sa.Text),
    sa.Column("parent_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("successor_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("latitude", sa.Double),
    sa.Column("longitude", sa.Double),
    sa.Column("cell", sa.Integer),
    sa.Column("time_zone", sa.Text),
    sa.Column("population", sa.Integer),
    sa.Column("sworn", sa.Integer),
    sa.Column("civilian", sa.Integer),
    sa.Column("phone", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("own_word_since", Instant),
    sa.Column("own_word_reason", sa.Text),
    sa.Column("dissolved_at", Instant),
    sa.Column("source", sa.Text),
    sa.Column("source_digest", sa.Text),
    sa.Column("source_facts", Json),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    unique("uei", code="uei_taken", detail="Another agency is registered under that UEI."),
    one_of("status", AgencyStatus),
    one_of("level", AgencyLevel),
    sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_length"),
    sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="point"),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("(status = 'dissolved') = (dissolved_at IS NOT NULL)", name="dissolved"),
    sa.CheckConstraint("(own_word_since IS NULL) = (own_word_reason IS NULL)", name="own_word"),
    sa.Index("ix_agency_state", "state", "id"),
    sa.Index("ix_agency_cell", "cell"),
    sa.Index("ix_agency_status", "status", "id"),
    sa.Index("ix_agency_updated_at", "updated_at", "id"),
)

agency_ori = table(
    "agency_ori",
    sa.Column("ori", sa.Text, nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey(agency.c.id), nullable=False),
    sa.Column("is_primary", sa.Boolean, nullable=False),
    sa.PrimaryKeyConstraint(
        "ori", info={"code": "ori_taken", "detail": "Another agency is registered under that ORI."}
    ),
    sa.CheckConstraint("length(ori) = 9", name="ori_length"),
    sa.Index("ix_agency_ori_agency_id", "agency_id"),
)
