"""In which order a version is signed, who may sign for an agency, and on whose authority a signature rests."""

import sqlalchemy as sa

from registry.agreements.instruments.authority import MOST_DELEGATIONS, Basis
from registry.agreements.instruments.signing_sequence import SigningOrder
from registry.agreements.instruments.tables import agreement_version
from registry.platform.database.types import Civil, Instant, Json, Uuid, one_of, table, unique

agreement_signing = table(
    "agreement_signing",
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), primary_key=True),
    sa.Column("signing_order", sa.Text, nullable=False),
    sa.Column("due_on", Civil),
    sa.Column("opened_at", Instant, nullable=False),
    one_of("signing_order", SigningOrder),
)
"""That a version is out for signature, or was."""

agreement_signing_turn = table(
    "agreement_signing_turn",
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_signing.c.version_id), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("turn", sa.Integer, nullable=False),
    unique("version_id", "turn", code="turn_taken", detail="Two agencies cannot have the same turn."),
    sa.CheckConstraint("turn >= 0", name="turn"),
)
"""Whose signature a version needs, in order; where the order is parallel the turns bind nobody."""

agreement_declined = table(
    "agreement_declined",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("declined_at", Instant, nullable=False),
    unique("version_id", "agency_id", code="already_declined", detail="Your agency has declined that already."),
    one_of("action", ("sign", "join")),
    sa.Index("ix_agreement_declined_agreement_id", "agreement_id", "id"),
)
"""That an agency declined to sign a version, or to join by it; it counts until the agency signs that after all."""

signing_authority = table(
    "signing_authority",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("parent_id", Uuid, sa.ForeignKey("signing_authority.id")),
    sa.Column("depth", sa.Integer, nullable=False),
    sa.Column("office", sa.Text, nullable=False),
    sa.Column("office_key", sa.Text, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("citation", sa.Text, nullable=False),
    sa.Column("kinds", Json, nullable=False),
    sa.Column("ceiling_minor", sa.BigInteger),
    sa.Column("ceiling_currency", sa.Text),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("revoked_on", Civil),
    sa.Column("revoked_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("basis", Basis),
    sa.CheckConstraint("expires_on IS NULL OR expires_on >= effective_on", name="validity"),
    sa.CheckConstraint("(parent_id IS NULL) = (depth = 0)", name="parent"),
    sa.CheckConstraint(f"depth BETWEEN 0 AND {MOST_DELEGATIONS}", name="depth"),
    sa.CheckConstraint("(ceiling_minor IS NULL) = (ceiling_currency IS NULL)", name="ceiling"),
    sa.CheckConstraint("(revoked_on IS NULL) = (revoked_reason IS NULL)", name="revoked"),
    sa.Index("ix_signing_authority_agency_id", "agency_id", "id"),
    sa.Index("ix_signing_authority_office_key", "agency_id", "office_key"),
)
"""What an office may sign for its agency. Nothing of it changes but that it is revoked; both days are inclusive.

`parent_id`: the authority that delegated it; `office_key`: the office as `folded_key` gives it.
"""

agreement_signature_authority = table(
    "agreement_signature_authority",
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("authority_id", Uuid, sa.ForeignKey(signing_authority.c.id), nullable=False),
)
"""The authority that an agency's signature to a version rests on; no row where none was on record then."""
