"""Rounds of review, the reviewers of each with their verdicts, and comments on the text.

What is reviewed and commented on is a version, whatever the agreement's stage, so that a change of an executed
agreement goes through the same rounds as its first text.
"""

import sqlalchemy as sa

from registry.agreements.instruments.reviews import Audience, ReviewVerdict, RoundOutcome
from registry.agreements.instruments.tables import agreement, agreement_version
from registry.platform.database.types import Civil, Instant, Uuid, one_of, table, unique, unique_where

agreement_review_round = table(
    "agreement_review_round",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), nullable=False),
    sa.Column("no", sa.Integer, nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("closed_at", Instant),
    sa.Column("outcome", sa.Text),
    unique("version_id", code="round_taken", detail="That text is in review already."),
    unique("agreement_id", "no", code="round_taken", detail="Somebody submitted a text at the same moment."),
    unique_where(
        "uq_agreement_review_round_open",
        "agreement_id",
        sqlite="closed_at IS NULL",
        postgresql="closed_at IS NULL",
        code="round_open",
        detail="A text of the agreement is in review already.",
    ),
    one_of("outcome", RoundOutcome),
    sa.CheckConstraint("(outcome IS NULL) = (closed_at IS NULL)", name="closed"),
)
"""Open from a text's submission until its fate, which `outcome` says; `no` counts the agreement's rounds."""

agreement_reviewer = table(
    "agreement_reviewer",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("round_id", Uuid, sa.ForeignKey(agreement_review_round.c.id), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("department", sa.Text, nullable=False),
    sa.Column("required", sa.Boolean, nullable=False),
    sa.Column("due_on", Civil),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("words", sa.Text),
    sa.Column("decided_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    unique_where(
        "uq_agreement_reviewer_department",
        *("round_id", "agency_id", "department"),
        sqlite="verdict <> 'released'",
        postgresql="verdict <> 'released'",
        code="reviewer_named",
        detail="That department of the agency is a reviewer of the text already.",
    ),
    one_of("verdict", ReviewVerdict),
    sa.CheckConstraint("(verdict = 'pending') = (decided_at IS NULL)", name="decided"),
    sa.CheckConstraint("verdict NOT IN ('changes_requested', 'released') OR words IS NOT NULL", name="words"),
    sa.CheckConstraint("length(department) BETWEEN 1 AND 120", name="department_length"),
)
"""`words`: the note or reason that came with the verdict, or why the reviewer was released."""

agreement_comment = table(
    "agreement_comment",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("thread_id", Uuid, sa.ForeignKey("agreement_comment.id"), nullable=False),
    sa.Column("parent_id", Uuid, sa.ForeignKey("agreement_comment.id")),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), nullable=False),
    sa.Column("provision", sa.Text),
    sa.Column("anchor_sha256", sa.Text, nullable=False),
    sa.Column("quote_start", sa.Integer),
    sa.Column("quote_end", sa.Integer),
    sa.Column("restricted", sa.Boolean, nullable=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("department", sa.Text),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("edited_at", Instant),
    sa.Column("resolved_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("audience", Audience),
    sa.CheckConstraint("(parent_id IS NULL) = (thread_id = id)", name="thread"),
    sa.CheckConstraint("parent_id IS NULL OR resolved_at IS NULL", name="resolved"),
    sa.CheckConstraint("(quote_start IS NULL) = (quote_end IS NULL)", name="quote"),
    sa.CheckConstraint("quote_start IS NULL OR quote_start >= 0 AND quote_end > quote_start", name="quote_range"),
    sa.Index("ix_agreement_comment_agreement_id", "agreement_id", "thread_id", "id"),
    sa.Index("ix_agreement_comment_updated", "agreement_id", "updated_at", "id"),
)
"""A thread is its first comment, which carries its own id as `thread_id`, and the replies to it.

`updated_at` of each moves when the thread is resolved or reopened, since that is shown of each.
`anchor_sha256` is of the text commented on, as it read then; `subject` is the author's `person`, so that authors can
edit their own words, and shown to nobody.
"""
