"""From which template and which standard clauses an agreement was drafted, as they were then."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Json, Uuid, table

agreement_template = table(
    "agreement_template",
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), primary_key=True),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("template_version", sa.Integer, nullable=False),
    sa.Column("answers", Json, nullable=False),
    sa.Column("drafted_at", Instant, nullable=False),
    sa.CheckConstraint("template_version > 0", name="template_version"),
)
"""`answers`: what stood in place of each placeholder, by its name. They are the custodian's until a text says them."""

agreement_standard_clause = table(
    "agreement_standard_clause",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement_template.c.agreement_id), primary_key=True),
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("standard_clause", sa.Text, nullable=False),
    sa.Column("standard_clause_version", sa.Integer, nullable=False),
    sa.Column("heading", sa.Text, sa.ForeignKey("provision_heading.code"), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.CheckConstraint("standard_clause_version > 0", name="standard_clause_version"),
)
"""`number`: of the provision in the first draft. `text`: the standard one of then, its placeholders open."""
