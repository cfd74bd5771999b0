"""Categories with their ancestors, typing and attributes, capability types, purposes and provision headings.

What is shared by all is filled from files under `facts/`; categories with an `agency_id` are added by that agency.
"""

import sqlalchemy as sa

from registry.directory.taxonomy.rules import AttributeKind, CategoryStatus, Scheme
from registry.platform.database.types import Instant, Json, Uuid, one_of, table

category = table(
    "category",
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("parent", sa.Text, sa.ForeignKey("category.code")),
    sa.Column("resource_kind", sa.Text, nullable=False),
    sa.Column("scheme", sa.Text),
    sa.Column("discipline", sa.Text),
    sa.Column("nims_id", sa.Text),
    sa.Column("nims_name", sa.Text),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("aliases", Json, nullable=False),
    sa.Column("types", Json, nullable=False),
    sa.Column("speed_kmh", sa.Integer),
    sa.Column("speed_basis", sa.Text),
    sa.Column("id", Uuid, unique=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant),
    sa.Column("updated_at", Instant),
    one_of("scheme", Scheme),
    one_of("status", CategoryStatus),
    sa.CheckConstraint("(agency_id IS NULL) = (id IS NULL)", name="own"),
    sa.CheckConstraint("(speed_kmh IS NULL) = (speed_basis IS NULL)", name="speed"),
    sa.Index("ix_category_agency", "agency_id", "code"),
)

category_closure = table(
    "category_closure",
    sa.Column("ancestor", sa.Text, sa.ForeignKey(category.c.code), primary_key=True),
    sa.Column("descendant", sa.Text, sa.ForeignKey(category.c.code), primary_key=True),
    sa.Index("ix_category_closure_descendant", "descendant", "ancestor"),
)

category_attribute = table(
    "category_attribute",
    sa.Column("category", sa.Text, sa.ForeignKey(category.c.code), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("measured_in", sa.Text),
    sa.Column("choices", Json, nullable=False),
    sa.Column("minimum", sa.Double),
    sa.Column("maximum", sa.Double),
    sa.Column("description", sa.Text, nullable=False),
    one_of("kind", AttributeKind),
    sa.Index("ix_category_attribute_name", "name"),
)

purpose = table(
    "purpose",
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
)

provision_heading = table(
    "provision_heading",
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
)

capability_type = table(
    "capability_type",
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("parent", sa.Text, sa.ForeignKey("capability_type.code")),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("scale", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("aliases", Json, nullable=False),
)

capability_type_closure = table(
    "capability_type_closure",
    sa.Column("ancestor", sa.Text, sa.ForeignKey(capability_type.c.code), primary_key=True),
    sa.Column("descendant", sa.Text, sa.ForeignKey(capability_type.c.code), primary_key=True),
    sa.Index("ix_capability_type_closure_descendant", "descendant", "ancestor"),
)
