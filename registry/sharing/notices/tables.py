"""What people chose about being told, and what each has been told."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, Json, Uuid, one_of, table
from registry.sharing.notices.rules import Rhythm, Weekday

notice_choice = table(
    "notice_choice",
    sa.Column("recipient_id", Uuid, sa.ForeignKey("mail_recipient.id"), primary_key=True),
    sa.Column("rhythm", sa.Text, nullable=False),
    sa.Column("digest_at", sa.Integer, nullable=False),
    sa.Column("digest_on", sa.Text, nullable=False),
    sa.Column("quiet_from", sa.Integer),
    sa.Column("quiet_to", sa.Integer),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("kinds_off", Json, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("looked_at", Instant, nullable=False),
    sa.Column("next_look_at", Instant),
    sa.Column("stopped_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    one_of("rhythm", Rhythm),
    one_of("digest_on", Weekday),
    sa.CheckConstraint("digest_at BETWEEN 0 AND 1439", name="digest_at"),
    sa.CheckConstraint("quiet_from BETWEEN 0 AND 1439 AND quiet_to BETWEEN 0 AND 1439", name="quiet_hours"),
    sa.CheckConstraint("(quiet_from IS NULL) = (quiet_to IS NULL)", name="both_ends"),
    sa.Index("ix_notice_choice_next_look_at", "next_look_at", "recipient_id"),
)
"""`scopes` are those of the token with which the person chose: a notice tells no more than that token could read.
`next_look_at` follows from the other columns by `rules.next_look`, and is stored so that an index finds who is next."""

notice_told = table(
    "notice_told",
    sa.Column("recipient_id", Uuid, sa.ForeignKey("mail_recipient.id"), primary_key=True),
    sa.Column("told_key", sa.Text, primary_key=True),
    sa.Column("letter_id", Uuid, nullable=False),
    sa.Column("told_at", Instant, nullable=False),
    sa.Index("ix_notice_told_letter_id", "letter_id"),
)
"""What a person has been told, or is to be by a letter that waits. An entry that does not wait any more is taken out,
so that it is told again when it waits anew."""
