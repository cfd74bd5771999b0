"""Ledger events, the agencies that each concerns, and the list of those not yet sealed.

An event has a public part, for all agencies that it concerns, and a private part, for the agency whose person acted.
Each is stored as the canonical bytes that are hashed: `canonical` is the public part, which will be sealed; it contains
the SHA-256 of `private`, which has a salt of its own, so that nobody can guess its content. The other columns repeat
values of the public part that the database searches by. Rows are never updated or deleted: triggers on both databases
refuse it. The sealer will read `ledger_unsealed` and delete rows only there.
"""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Uuid, one_of, table, unique

AUDITED = (
    "type IN ('access.denied', 'access.sign_in_refused', 'agreement.file_exported', 'agreement.restricted_text_read', "
    "'asset.exported', 'loan.exported', 'past_loan.exported', 'personnel.name_read', 'policy_question.asked', "
    "'request.exported')"
)
"""What an auditor looks through; see `AuditedType`. A statement must say it as the index does, to be answered by it."""
AUDIENCES = ("agencies", "network", "public")
OUTCOMES = ("done", "denied", "failed")

ledger_event = table(
    "ledger_event",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("subject_kind", sa.Text, nullable=False),
    sa.Column("subject_id", Uuid, nullable=False),
    sa.Column("subject_version", sa.BigInteger, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("agreement_id", Uuid),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("restricted", sa.Boolean, nullable=False),
    sa.Column("actor_agency_id", Uuid),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("canonical", sa.LargeBinary, nullable=False),
    sa.Column("private", sa.LargeBinary, nullable=False),
    unique(
        "subject_id",
        "subject_version",
        "n",
        code="edited_at_once",
        detail="Somebody changed this at the same moment. Read it again and repeat your change.",
    ),
    one_of("audience", AUDIENCES),
    sa.CheckConstraint("audience = 'agencies' OR NOT restricted", name="restricted"),
    sa.CheckConstraint("occurred_at <= recorded_at", name="occurred_at"),
    one_of("outcome", OUTCOMES),
    sa.Index("ix_ledger_event_audited", "id", sqlite_where=sa.text(AUDITED), postgresql_where=sa.text(AUDITED)),
)
"""Who may read it: the agencies named in `ledger_event_agency`, everybody in the `network`, or the `public`; where it
is `restricted`, only the auditors of the agencies named.

`occurred_at` is when the act was done, as stated by the actor; `recorded_at` when it was recorded. `actor_agency_id`
is NULL for what nobody requested.
"""

ledger_event_agency = table(
    "ledger_event_agency",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("event_id", Uuid, sa.ForeignKey(ledger_event.c.id), primary_key=True),
)

ledger_unsealed = table(
    "ledger_unsealed", sa.Column("event_id", Uuid, sa.ForeignKey(ledger_event.c.id), primary_key=True)
)
