"""The table of operator's acts."""

import sqlalchemy as sa

from registry.directory.operator_acts.rules import OperatorActStatus
from registry.platform.database.types import Instant, Json, Uuid, one_of, table

operator_act = table(
    "operator_act",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("parameters", Json, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("expected", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("proposed_issuer", sa.Text, nullable=False),
    sa.Column("proposed_subject", sa.Text, nullable=False),
    sa.Column("proposed_at", Instant, nullable=False),
    sa.Column("lapses_at", Instant, nullable=False),
    sa.Column("decided_issuer", sa.Text),
    sa.Column("decided_subject", sa.Text),
    sa.Column("decided_at", Instant),
    sa.Column("reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    one_of("status", [each for each in OperatorActStatus if each is not OperatorActStatus.LAPSED]),
    sa.CheckConstraint("(decided_at IS NULL) = (status = 'proposed')", name="decided_at"),
    sa.CheckConstraint(
        "status <> 'performed' OR decided_issuer <> proposed_issuer OR decided_subject <> proposed_subject",
        name="second_operator",
    ),
)
"""Requests that wait for another administrator, as they were sent. `expected` is their If-Match."""
