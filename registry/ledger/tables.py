"""Ledger events, the agencies each concerns, and the list of those not yet sealed.

`canonical` holds the event's bytes exactly as they will be hashed. Rows are never updated or deleted: triggers on
both databases refuse it. The sealer will take its work from `ledger_unsealed` and delete only there.
"""

import sqlalchemy as sa

from registry.database.types import Instant, Uuid, table, unique

ledger_event = table(
    "ledger_event",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("subject_kind", sa.Text, nullable=False),
    sa.Column("subject_id", Uuid, nullable=False),
    sa.Column("subject_version", sa.BigInteger, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("agreement_id", Uuid),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("sensitivity", sa.Text, nullable=False),
    sa.Column("canonical", sa.LargeBinary, nullable=False),
    unique(
        "subject_id",
        "subject_version",
        "n",
        code="edited_at_once",
        detail="Somebody changed this at the same moment. Read it again and repeat your change.",
    ),
    sa.CheckConstraint("outcome IN ('done', 'denied', 'failed')", name="outcome"),
    sa.CheckConstraint("sensitivity IN ('public', 'parties', 'restricted')", name="sensitivity"),
)

ledger_event_agency = table(
    "ledger_event_agency",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("event_id", Uuid, sa.ForeignKey(ledger_event.c.id), primary_key=True),
)

ledger_unsealed = table(
    "ledger_unsealed", sa.Column("event_id", Uuid, sa.ForeignKey(ledger_event.c.id), primary_key=True)
)
