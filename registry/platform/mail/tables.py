"""Addresses of people, each confirmed before anything else is sent there, and the letters to them."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Uuid, one_of, table, unique
from registry.platform.mail.kinds import LetterStatus, Origin, Purpose

mail_recipient = table(
    "mail_recipient",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("address", sa.Text),
    sa.Column("origin", sa.Text),
    sa.Column("confirmed_at", Instant),
    sa.Column("asked_address", sa.Text),
    sa.Column("code_letter_id", Uuid),
    sa.Column("code_ends_at", Instant),
    sa.Column("failing_from", Instant),
    sa.Column("failure", sa.Text),
    unique("agency_id", "issuer", "subject", code="conflict", detail="You did the same at this moment. Try again."),
    one_of("origin", Origin),
    sa.CheckConstraint("(address IS NULL) = (confirmed_at IS NULL)", name="confirmed"),
    sa.CheckConstraint("(asked_address IS NULL) = (code_letter_id IS NULL)", name="asked"),
)
"""A person who acts for an agency, as tokens name it. `asked_address` is one that is not confirmed yet: the letter with
the code is all that goes there. `failing_from` is since when nothing arrives, as far as the mail server says."""

mail_letter = table(
    "mail_letter",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("recipient_id", Uuid, sa.ForeignKey("mail_recipient.id"), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_try_at", Instant, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("error", sa.Text),
    one_of("purpose", Purpose),
    one_of("status", LetterStatus),
    sa.CheckConstraint("(status = 'waiting') = (ended_at IS NULL)", name="ended"),
    sa.Index("ix_mail_letter_status", "status", "next_try_at", "id"),
    sa.Index("ix_mail_letter_recipient_id", "recipient_id", "id"),
    sa.Index("ix_mail_letter_ended_at", "ended_at"),
)
"""The outbox. What a letter says is put together when it is sent, by what its reader may see then, and never stored."""
