"""Duties that were entered by hand, and derived ones once somebody did something about them."""

import sqlalchemy as sa

from registry.agreements.duties.rules import STORED_STATUSES
from registry.platform.database.types import Civil, Instant, Uuid, one_of, table

agreement_duty = table(
    "agreement_duty",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("rule", sa.Text),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("citation", sa.Text),
    sa.Column("clause", sa.Text),
    sa.Column("version_no", sa.Integer),
    sa.Column("note", sa.Text),
    sa.Column("due_on", Civil, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("fulfilled_on", Civil),
    sa.Column("evidence_sha256", sa.Text, info={"shows_act_of": "closed_by"}),
    sa.Column("evidence_location", sa.Text),
    sa.Column("url", sa.Text),
    sa.Column("recording_number", sa.Text),
    sa.Column("waived_reason", sa.Text),
    sa.Column("closed_by", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("closed_at", Instant),
    sa.Column("entered_at", Instant, nullable=False),
    one_of("status", STORED_STATUSES),
    sa.CheckConstraint("(clause IS NULL) = (version_no IS NULL)", name="clause"),
    sa.CheckConstraint("evidence_sha256 IS NULL OR evidence_location IS NULL", name="evidence"),
    sa.CheckConstraint("(status = 'pending') = (closed_at IS NULL)", name="closed"),
    sa.CheckConstraint("(status = 'waived') = (waived_reason IS NOT NULL)", name="waived"),
    sa.CheckConstraint(
        "(status = 'met') = (fulfilled_on IS NOT NULL) AND (status <> 'met' OR evidence_sha256 IS NOT NULL "
        "OR evidence_location IS NOT NULL OR url IS NOT NULL OR recording_number IS NOT NULL)",
        name="met",
    ),
    sa.Index("ix_agreement_duty_agreement_id", "agreement_id", "id"),
)
"""`rule`: the code of the statute's duty; NULL for one entered by hand. `clause` of version `version_no`: what binds
the party to one that another entered. `closed_by`: the agency that acted. What others report of a party's duty stands
in `agreement_reported_act`, and here nothing of it: neither that it did it, nor whether one that another entered binds.
"""
