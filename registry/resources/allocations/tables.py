"""Allocations of assets. Loans write them; search and policies read them.

The database enforces the overlap rule again: an EXCLUDE constraint on PostgreSQL, triggers on SQLite.
"""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Uuid, one_of, table, unique_where
from registry.resources.allocations.rules import AllocationStatus

allocation = table(
    "allocation",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("loan_id", Uuid, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("exclusive", sa.Boolean, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    one_of("status", AllocationStatus),
    sa.CheckConstraint("quantity > 0", name="quantity"),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.Index("ix_allocation_asset", "asset_id", "status", "ends_at", "starts_at"),
    sa.Index("ix_allocation_loan_id", "loan_id"),
    unique_where(
        "uq_allocation_exclusive_out",
        "asset_id",
        sqlite="status = 'out' AND exclusive = 1",
        postgresql="status = 'out' AND exclusive",
        code="asset_still_out",
        detail="The asset is still out on another loan.",
    ),
)
"""One allocation. While it is `out` past its end, it still holds its quantity: queries treat that end as open."""
