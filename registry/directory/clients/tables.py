"""Service clients, what they prove who they are with, and the keys with which the registry signs their tokens."""

import sqlalchemy as sa

from registry.directory.clients.rules import ClientAuthentication
from registry.platform.database.types import Instant, Json, Uuid, one_of, table, unique, unique_where

client = table(
    "client",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("authentication", sa.Text, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("disabled_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    one_of("authentication", ClientAuthentication),
    sa.Index("ix_client_agency_id", "agency_id", "id"),
)
"""The id is the OAuth `client_id`."""

client_credential = table(
    "client_credential",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("client_id", Uuid, sa.ForeignKey("client.id"), nullable=False),
    sa.Column("secret_sha256", sa.Text),
    sa.Column("public_keys", Json),
    sa.Column("jwks_uri", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("last_used_at", Instant),
    sa.CheckConstraint(
        "CASE WHEN secret_sha256 IS NULL THEN 0 ELSE 1 END + CASE WHEN public_keys IS NULL THEN 0 ELSE 1 END"
        " + CASE WHEN jwks_uri IS NULL THEN 0 ELSE 1 END = 1",
        name="kind",
    ),
    unique("secret_sha256", code="secret_taken", detail="Two secrets came out the same. Send the request again."),
    sa.Index("ix_client_credential_client_id", "client_id"),
)
"""A secret, of which only a hash is kept, a JSON Web Key Set, or the address of one.

It has no end until another takes its place.
"""

client_assertion = table(
    "client_assertion",
    sa.Column("client_id", Uuid, sa.ForeignKey("client.id"), primary_key=True),
    sa.Column("jti_sha256", sa.Text, primary_key=True),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index("ix_client_assertion_expires_at", "expires_at"),
)
"""Assertions that were accepted, until they are out of date: each is accepted once, by whichever process."""

signing_key = table(
    "signing_key",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("algorithm", sa.Text, nullable=False),
    sa.Column("public_key", Json, nullable=False),
    sa.Column("private_key", sa.Text, nullable=False, info={"encrypted": True}),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("retired_at", Instant),
    unique_where(
        "uq_signing_key_algorithm",
        "algorithm",
        sqlite="retired_at IS NULL",
        postgresql="retired_at IS NULL",
        code="conflict",
        detail="Another key has begun to sign at this moment.",
    ),
)
"""One key signs, the one without `retired_at`; until that instant the tokens of the others are accepted. The id is the
key id (`kid`), `issuer` the name under which it was made to sign (`REGISTRY_PUBLIC_URL`)."""
