"""What the registry remembers of trackers: how it left an agreement that a row was taken into, and what lists listed.

Only changes are written: a listing that is on the list stays as it is until a later snapshot lacks it.
"""

import sqlalchemy as sa

from registry.agreements.instruments.tables import agreement
from registry.platform.database.types import Instant, Uuid, one_of, table, unique

tracker_entry = table(
    "tracker_entry",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("agreement_version", sa.Integer, nullable=False),
    sa.Column("taken_at", Instant, nullable=False),
)
"""`digest` is of what the row said; `agreement_version` the one that the import left: a later one was edited here."""

tracker_listing = table(
    "tracker_listing",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("custodian_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("agency", sa.Text, nullable=False),
    sa.Column("form", sa.Text, nullable=False),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id)),
    sa.Column("listed_as", sa.Text),
    sa.Column("signed_text", sa.Text),
    sa.Column("first_seen", Instant, nullable=False),
    sa.Column("first_signed", Instant),
    sa.Column("last_seen", Instant),
    sa.Column("changed_at", Instant, nullable=False),
    unique(
        *("source", "custodian_id", "state", "agency", "form"),
        code="listing_taken",
        detail="Somebody took the same list in at the same moment.",
    ),
    unique("agreement_id", code="listing_agreement_taken", detail="The agreement stands for another listing already."),
    sa.CheckConstraint("listed_as IS NULL OR listed_as IN ('pending', 'signed')", name="listed_as"),
    sa.CheckConstraint("(listed_as IS NULL) = (last_seen IS NOT NULL)", name="last_seen"),
)
"""State, agency and form as the list writes them; `signed_text` is its newest word on the day of signature.

`changed_at` is the newest snapshot that changed anything here, `last_seen` the last one that had it, NULL while listed.
"""

tracker_snapshot = table(
    "tracker_snapshot",
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("custodian_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("list", sa.Text, nullable=False),
    sa.Column("taken_at", Instant, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("listed", sa.Integer, nullable=False),
    one_of("list", ("pending", "signed")),
    sa.PrimaryKeyConstraint(
        *("source", "custodian_id", "list", "taken_at"),
        info={
            "code": "snapshot_taken",
            "detail": "Another replay of the list is under way: it took this snapshot. Run it again when that is done.",
        },
    ),
)
"""The snapshots that were replayed to the end. `sha256` is of its rows' hashes, in order."""
