"""Categories with their ancestors, NIMS types, purposes and provision headings; filled from files under `facts/`."""

import sqlalchemy as sa

from registry.platform.database.types import Json, table

category = table(
    "category",
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("parent", sa.Text, sa.ForeignKey("category.code")),
    sa.Column("resource_kind", sa.Text, nullable=False),
    sa.Column("nims_name", sa.Text),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("aliases", Json, nullable=False),
    sa.Column("types", Json, nullable=False),
)

category_closure = table(
    "category_closure",
    sa.Column("ancestor", sa.Text, sa.ForeignKey(category.c.code), primary_key=True),
    sa.Column("descendant", sa.Text, sa.ForeignKey(category.c.code), primary_key=True),
    sa.Index("ix_category_closure_descendant", "descendant", "ancestor"),
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
