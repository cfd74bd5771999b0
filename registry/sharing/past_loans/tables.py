"""Past loans, each by the number that the agency has for it that took it over."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Uuid, one_of, table, unique
from registry.resources.assets.rules import Grade
from registry.sharing.past_loans.rules import PastLoanOutcome, PastLoanStatus

past_loan = table(
    "past_loan",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("taken_over_by", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("number_key", sa.Text, nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id")),
    sa.Column("asset_tag", sa.Text),
    sa.Column("asset_name", sa.Text, nullable=False),
    sa.Column("category", sa.Text, sa.ForeignKey("category.code")),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("used_minutes", sa.Integer),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id")),
    sa.Column("agreement_number", sa.Text),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("condition", sa.Text),
    sa.Column("remark", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("taken_over_at", Instant, nullable=False),
    sa.Column("contested_at", Instant),
    sa.Column("contested_reason", sa.Text),
    sa.Column("withdrawn_at", Instant),
    sa.Column("withdrawn_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    unique("taken_over_by", "number_key", code="wrong_status", detail="Your agency took over that number already."),
    one_of("outcome", PastLoanOutcome),
    one_of("condition", Grade),
    one_of("status", PastLoanStatus),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.CheckConstraint("ends_at <= taken_over_at", name="past"),
    sa.CheckConstraint("quantity > 0", name="quantity"),
    sa.CheckConstraint("requesting_agency_id <> assisting_agency_id", name="two_sides"),
    sa.CheckConstraint("taken_over_by IN (requesting_agency_id, assisting_agency_id)", name="own_side"),
    sa.CheckConstraint("(contested_at IS NULL) = (contested_reason IS NULL)", name="contested"),
    sa.CheckConstraint("(status = 'withdrawn') = (withdrawn_at IS NOT NULL)", name="withdrawn"),
    sa.Index("ix_past_loan_requesting", "requesting_agency_id", "id"),
    sa.Index("ix_past_loan_assisting", "assisting_agency_id", "id"),
    sa.Index("ix_past_loan_requesting_starts", "requesting_agency_id", "starts_at", "id"),
    sa.Index("ix_past_loan_assisting_starts", "assisting_agency_id", "starts_at", "id"),
    sa.Index("ix_past_loan_requesting_updated", "requesting_agency_id", "updated_at", "id"),
    sa.Index("ix_past_loan_assisting_updated", "assisting_agency_id", "updated_at", "id"),
)
"""`number_key` is the number in its normal form (`normal_key`). `taken_over_at` is when it was first put on record.

What was contested is kept once the contest is withdrawn or the row corrected; `status` says whether it still is.
"""
