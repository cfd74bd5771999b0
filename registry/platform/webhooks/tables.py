"""Webhooks, the secrets that sign what is sent, and their deliveries: the log of what was sent, and what waits."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Json, Uuid, one_of, table
from registry.platform.webhooks.rules import BodyKind, DeliveryKind, DeliveryStatus, DisabledBecause, WebhookStatus

webhook = table(
    "webhook",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("types", Json, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("disabled_at", Instant),
    sa.Column("disabled_because", sa.Text),
    sa.Column("enabled_at", Instant, nullable=False),
    sa.Column("after_seq", sa.BigInteger, nullable=False),
    sa.Column("missed_to_seq", sa.BigInteger),
    sa.Column("missed", Json),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failing_from", Instant),
    sa.Column("failed_at", Instant),
    sa.Column("quiet_until", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("removed_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    one_of("body", BodyKind),
    one_of("status", WebhookStatus),
    one_of("disabled_because", DisabledBecause),
    sa.CheckConstraint(
        "(status = 'disabled') = (disabled_at IS NOT NULL) AND (disabled_at IS NULL) = (disabled_because IS NULL)",
        name="disabled",
    ),
    sa.CheckConstraint("after_seq >= -1", name="after_seq"),
    sa.CheckConstraint("failures >= 0", name="failures"),
    sa.Index("ix_webhook_agency_id", "agency_id", "id"),
)
"""Where an agency has events sent. `after_seq` is its cursor: the place in the ledger up to which deliveries were made
of all that concerns it, -1 before the first event. It moves in the transaction that makes them. Events up to
`missed_to_seq` came while it was disabled: they are told in a digest. `failures` are those in a row, since
`failing_from`, the last of them at `failed_at`; while it is `quiet_until` then, nothing is tried.
"""

webhook_secret = table(
    "webhook_secret",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("webhook_id", Uuid, sa.ForeignKey("webhook.id"), nullable=False),
    sa.Column("secret", sa.Text, nullable=False, info={"encrypted": True}),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Index("ix_webhook_secret_webhook_id", "webhook_id"),
)
"""What signs deliveries. The receiver has to have it as it is, so it is kept encrypted. It has no end until another
takes its place."""

webhook_delivery = table(
    "webhook_delivery",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("webhook_id", Uuid, sa.ForeignKey("webhook.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("event_id", Uuid, sa.ForeignKey("ledger_event.id")),
    sa.Column("seq", sa.BigInteger),
    sa.Column("subject_id", Uuid),
    sa.Column("told", Json),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_try_at", Instant, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("last_tried_at", Instant),
    sa.Column("ended_at", Instant),
    sa.Column("http_status", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("took_ms", sa.Integer),
    sa.Column("version", sa.Integer, nullable=False),
    one_of("kind", DeliveryKind),
    one_of("status", DeliveryStatus),
    sa.CheckConstraint("(status = 'waiting') = (ended_at IS NULL)", name="ended"),
    sa.CheckConstraint(
        "(kind = 'event') = (event_id IS NOT NULL) AND (event_id IS NULL) = (seq IS NULL)"
        " AND (event_id IS NULL) = (subject_id IS NULL)",
        name="event",
    ),
    # Without words for callers: the deliverer alone writes here. By the event first, so that dropping one looks it up.
    sa.UniqueConstraint("event_id", "webhook_id"),
    sa.Index("ix_webhook_delivery_webhook_id", "webhook_id", "id"),
    sa.Index("ix_webhook_delivery_status", "webhook_id", "status", "next_try_at", "id"),
    sa.Index("ix_webhook_delivery_subject_id", "webhook_id", "subject_id", "seq"),
    sa.Index("ix_webhook_delivery_ended_at", "ended_at"),
)
"""What is to be sent, or was. The body of an event is made of the event when it is sent, and never stored; `told` is
what a digest says. `seq` is the event's place in the ledger, by which deliveries about one subject keep their order."""
