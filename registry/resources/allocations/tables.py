"""Allocations of assets, to loans and to what an asset cannot be had for, and of people. Search and policies read them.

The database enforces the overlap rule again: an EXCLUDE constraint on PostgreSQL, triggers on SQLite.
"""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Uuid, one_of, table, unique_where
from registry.resources.allocations.rules import AllocationKind, AllocationStatus, Assessment

allocation = table(
    "allocation",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("loan_id", Uuid),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("exclusive", sa.Boolean, nullable=False),
    sa.Column("whole", sa.Boolean, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("blocks_from_at", Instant, nullable=False),
    sa.Column("free_at", Instant, nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("assessment", sa.Text),
    sa.Column("recorded_by", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("released_at", Instant),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    one_of("status", AllocationStatus),
    one_of("kind", AllocationKind),
    one_of("assessment", Assessment),
    sa.CheckConstraint("(kind = 'loan') = (requesting_agency_id IS NOT NULL)", name="borrower"),
    sa.CheckConstraint("kind <> 'loan' OR loan_id IS NOT NULL", name="loan"),
    sa.CheckConstraint("free_at >= ends_at AND blocks_from_at <= starts_at", name="turnaround"),
    sa.CheckConstraint("quantity > 0", name="quantity"),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.Index("ix_allocation_asset", "asset_id", "status", "free_at", "starts_at"),
    sa.Index("ix_allocation_loan_id", "loan_id"),
    unique_where(
        "uq_allocation_planned",
        *("asset_id", "kind", "starts_at", "ends_at"),
        sqlite="status = 'held' AND kind IN ('maintenance', 'blackout', 'other')",
        postgresql="status = 'held' AND kind IN ('maintenance', 'blackout', 'other')",
        code="already_planned",
        detail="That is planned already: end what is planned, and enter it as it is to be.",
    ),
    unique_where(
        "uq_allocation_exclusive_out",
        "asset_id",
        sqlite="status = 'out' AND exclusive = 1",
        postgresql="status = 'out' AND exclusive",
        code="asset_still_out",
        detail="The asset is still out on another loan.",
    ),
)
"""One allocation. While it is `out` past its end, it still holds its quantity: queries treat that end as open.

It holds [`starts_at`, `free_at`): of a loan, until the asset is ready again after it. A new loan has to end by
`blocks_from_at`, which is as long before the start as the asset takes to be ready. `whole` holds all there are, however
many that comes to be. What is planned until further notice ends at the latest instant that the registry knows.
`released_at` is when something else than a loan was ended before its time, and `version` counts what became of that:
a loan has a version of its own.
"""

personnel_allocation = table(
    "personnel_allocation",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("personnel_id", Uuid, sa.ForeignKey("personnel_record.id"), nullable=False),
    sa.Column("loan_id", Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    one_of("status", AllocationStatus),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.Index("ix_personnel_allocation_person", "personnel_id", "status", "ends_at", "starts_at"),
    sa.Index("ix_personnel_allocation_loan_id", "loan_id"),
    unique_where(
        "uq_personnel_allocation_out",
        "personnel_id",
        sqlite="status = 'out'",
        postgresql="status = 'out'",
        code="personnel_still_out",
        detail="The person is still out on another loan.",
    ),
)
"""One person of a loan; nobody is at two places. A K9 team that is lent is its asset's row and its handler's here."""
