"""Certificates of insurance: entered once, retired once, never edited."""

import sqlalchemy as sa

from registry.agreements.insurance.rules import InsuranceKind, RetiredBecause
from registry.platform.database.types import Civil, Instant, Uuid, one_of, table

agency_insurance = table(
    "agency_insurance",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("insurer", sa.Text, nullable=False),
    sa.Column("policy_number", sa.Text),
    sa.Column("coverage_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("expires_on", Civil, nullable=False),
    sa.Column("evidence_sha256", sa.Text, info={"shows_act_of": "agency_id"}),
    sa.Column("evidence_location", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("retired_at", Instant),
    sa.Column("retired_because", sa.Text),
    sa.Column("retired_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    one_of("kind", InsuranceKind),
    one_of("retired_because", RetiredBecause),
    sa.CheckConstraint("(evidence_sha256 IS NULL) <> (evidence_location IS NULL)", name="evidence"),
    sa.CheckConstraint("expires_on >= effective_on", name="term"),
    sa.CheckConstraint(
        "(retired_at IS NULL) = (retired_because IS NULL) AND (retired_at IS NULL) = (retired_reason IS NULL)",
        name="retired",
    ),
    sa.Index("ix_agency_insurance_agency_id", "agency_id", "id"),
)
