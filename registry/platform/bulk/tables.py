"""Uploaded tables with their rows, how far their runs have come, and the mappings that agencies keep."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Json, Uuid, one_of, table, unique

import_job = table(
    "import_job",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("about", Json, nullable=False),
    sa.Column("headers", Json, nullable=False),
    sa.Column("rows", sa.Integer),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("run", Json),
    sa.Column("run_token", Uuid),
    sa.Column("phase", sa.Text),
    sa.Column("cursor", sa.Integer, nullable=False),
    sa.Column("rows_done", sa.Integer, nullable=False),
    sa.Column("counts", Json, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("status", ("uploaded", "running", "interrupted", "checked", "stopped", "done", "removed")),
    sa.CheckConstraint("phase IS NULL OR phase IN ('check', 'write')", name="phase"),
    sa.CheckConstraint("length(sha256) = 64", name="sha256"),
    sa.Index("ix_import_job_agency_id", "agency_id", "id"),
    sa.Index("ix_import_job_created_at", "created_at"),
)
"""`rows` is NULL until the upload has been stored whole, and what is `removed` is seen no more while its rows go.

`about` says how the file was read and what is suggested, `run` how its last run was asked for. Whoever runs it holds
`run_token`; `cursor` is the last row that is done.
"""

import_row = table(
    "import_row",
    sa.Column("import_id", Uuid, sa.ForeignKey(import_job.c.id), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("subject_id", Uuid),
    sa.Column("said", sa.Text),
    sa.PrimaryKeyConstraint("import_id", "row"),
    sa.CheckConstraint("outcome IS NULL OR outcome IN ('created', 'updated', 'unchanged', 'refused')", name="outcome"),
    sa.Index("ix_import_row_outcome", "import_id", "outcome", "row"),
)
"""`content` are the row's cells as they were read; `said` its faults and remarks in the last run."""

import_mapping = table(
    "import_mapping",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("mapping", Json, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    unique(
        *("agency_id", "kind", "name"),
        code="import_mapping_name_taken",
        detail="Your agency keeps a mapping of that kind under that name already.",
    ),
)
