"""Ledger events, the agencies that each concerns, and the list of those not yet sealed.

An event has a public part, for all agencies that it concerns, and a private part, for the agency whose person acted.
Each is stored as the canonical bytes that are hashed: `canonical` is the public part, which will be sealed; it contains
the SHA-256 of `private`, which has a salt of its own, so that nobody can guess its content. The other columns repeat
values of the public part that the database searches by. Rows are never updated: triggers on both databases refuse it.
They are deleted by the transaction that drops an archived segment, and by nothing else (`ledger_dropping`). The sealer
reads `ledger_unsealed`, gives each event its place in `ledger_leaf`, and deletes rows only in the former.

What refers to an event by its id outlives it where it is archived: the leaf, the agencies that it concerns, and its
places in their feeds. So these have no foreign key; `registry ledger verify` compares them.
"""

from uuid import UUID

import sqlalchemy as sa

from registry.platform.database.types import Instant, Uuid, one_of, table, unique, unique_where

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
    sa.Column("event_id", Uuid, primary_key=True),
)

ledger_unsealed = table(
    "ledger_unsealed",
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("event_id", Uuid, sa.ForeignKey(ledger_event.c.id), nullable=False),
    sa.Index("ix_ledger_unsealed_event_id", "event_id"),  # so that dropping an event need not read the whole list
)
"""Events that have no place in the ledger yet. `n` puts them in order: an event that was recorded after another one was
committed has a larger one, whatever the clock says. It is no place: numbers are skipped, and may be used again."""

ledger_leaf = table(
    "ledger_leaf",
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("event_id", Uuid, nullable=False),
    sa.Column("leaf_hash", sa.LargeBinary, nullable=False),
    sa.Column("root_hash", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("event_id"),  # without words for callers: the sealer alone writes here
    sa.CheckConstraint("seq >= 0", name="seq"),
)
"""The place of each sealed event, counted from 0 without gaps: the leaves of the Merkle tree (`merkle`).

`root_hash` is the root of the tree that ends with this leaf. It spares everybody who asks for the root of an earlier
tree the work, and names the first place from which a rewritten ledger differs.
"""

ledger_feed = table(
    "ledger_feed",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("event_id", Uuid, nullable=False),
)
"""The sealed events of each agency in their order: the sealer adds a row for each agency that an event concerns, and
for one that is for everybody a single row under `EVERYBODY`. So whoever follows the ledger reads its own events along
this index, however many are others'."""

EVERYBODY = UUID(int=0)
"""No agency's id: under it `ledger_feed` has the events of the audiences `network` and `public`."""

ledger_node = table(
    "ledger_node",
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("level > 0 AND level % 4 = 0", name="level"),
    sa.CheckConstraint("number >= 0", name="number"),
)
"""The complete subtrees of every fourth level above the leaves; see `merkle.STRIDE`."""

ledger_signing_key = table(
    "ledger_signing_key",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("private_key", sa.Text, info={"encrypted": True}),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("retired_at", Instant),
    unique("public_key", code="conflict", detail="Two keys came out the same."),
    unique_where(
        "uq_ledger_signing_key_origin",
        "origin",
        sqlite="retired_at IS NULL",
        postgresql="retired_at IS NULL",
        code="conflict",
        detail="Another key has begun to sign at this moment.",
    ),
)
"""The Ed25519 keys that sign checkpoints. `origin` is the ledger's name, the same for all of them.

The one without `retired_at` signs; one that is being replaced signs beside it until that instant. After that its
private key is forgotten. Public keys stay, since old checkpoints are verified with them.
"""

ledger_checkpoint = table(
    "ledger_checkpoint",
    sa.Column("tree_size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("root_hash", sa.LargeBinary, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("signed_at", Instant, nullable=False),
    sa.CheckConstraint("tree_size > 0", name="tree_size"),
)
"""What the registry signed: that its ledger had so many events, with that root (C2SP tlog-checkpoint). `note` is the
signed note as it was signed, without the lines of witnesses."""

ledger_cosignature = table(
    "ledger_cosignature",
    sa.Column("tree_size", sa.BigInteger, sa.ForeignKey(ledger_checkpoint.c.tree_size), primary_key=True),
    sa.Column("verifier_key", sa.Text, primary_key=True),
    sa.Column("line", sa.Text, nullable=False),
    sa.Column("added_at", Instant, nullable=False),
)
"""The signature line that a witness adds to a checkpoint (C2SP tlog-cosignature), and the key that verifies it."""

ledger_archived_segment = table(
    "ledger_archived_segment",
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tree_size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("dropped", sa.BigInteger, nullable=False),
    sa.Column("last_recorded_at", Instant, nullable=False),
    sa.Column("kept_by", sa.Text, nullable=False),
    sa.Column("event_id", Uuid, nullable=False),
    sa.CheckConstraint("start >= 0 AND start < tree_size", name="tree_size"),
    sa.CheckConstraint("dropped >= 0", name="dropped"),
)
"""The segments whose events have left the database: the places from `start` to before `tree_size`, the name of the file
that holds all of them, and how many of them were dropped. `kept_by` says where it is asked for. The event `event_id`
says the same, so that the ledger proves it."""

ledger_dropping = table(
    "ledger_dropping",
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tree_size", sa.BigInteger, nullable=False),
)
"""The segment that a transaction is dropping: only while there is a row may events of these places be deleted. It is
inserted and removed in the same transaction, so that no other transaction ever sees one."""

ledger_hold = table(
    "ledger_hold",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("placed_at", Instant, nullable=False),
    sa.Column("lifted_at", Instant),
    sa.Column("lifted_authority", sa.Text),
    sa.Column("lifted_reason", sa.Text),
    sa.CheckConstraint(
        "(lifted_at IS NULL) = (lifted_reason IS NULL) AND (lifted_at IS NULL) = (lifted_authority IS NULL)",
        name="lifted",
    ),
)
"""A legal hold on the ledger as a whole: while one stands, nothing leaves the database. Holds on an agreement are the
agreement's own."""

SEALED = (ledger_leaf, ledger_feed, ledger_node, ledger_checkpoint, ledger_cosignature, ledger_archived_segment)
"""Where rows are only ever added."""
