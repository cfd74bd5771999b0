"""Loans, their extensions, what is contested of their times, and what is on file with them.

A loan always refers to the agreement version and the decision under which it was made.
"""

import sqlalchemy as sa

from registry.agreements.documents.tables import document_content
from registry.platform.database.types import Instant, Json, Uuid, one_of, table, unique_where
from registry.sharing.loans.papers import LoanDocumentKind, LoanOccasion
from registry.sharing.loans.rules import NEVER_WAS, DeclineReason, LoanStatus, Side
from registry.sharing.loans.times import TimeContestStatus, TimedAct

EXTENSION_STATES = ("pending", "accepted", "declined", "lapsed")

_TOOK_PLACE = f"status NOT IN ({', '.join(repr(status.value) for status in NEVER_WAS)})"

package_reservation = table(
    "package_reservation",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("package_id", Uuid, sa.ForeignKey("package.id"), nullable=False),
    sa.Column("package_name", sa.Text, nullable=False),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("reserved_at", Instant, nullable=False),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.CheckConstraint("requesting_agency_id <> assisting_agency_id", name="two_sides"),
    sa.Index("ix_package_reservation_package_id", "package_id", "id"),
)
"""What ties the loans together that were made of a package at once, with its name as it was; they say how it stands."""

loan = table(
    "loan",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("asset_id", Uuid, sa.ForeignKey("asset.id"), nullable=False),
    sa.Column("asset_snapshot", Json, nullable=False),
    sa.Column("asset_described", Json, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("reserved_quantity", sa.Integer, nullable=False),
    sa.Column("lost_quantity", sa.Integer, nullable=False, server_default="0"),
    sa.Column("received_quantity", sa.Integer),
    sa.Column("missing_quantity", sa.Integer, nullable=False, server_default="0"),
    sa.Column("returned_quantity", sa.Integer, nullable=False, server_default="0"),
    sa.Column("partial_returns", Json),
    sa.Column("took_last", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("handler_id", Uuid, sa.ForeignKey("personnel_record.id")),
    sa.Column("personnel_ids", Json),
    sa.Column("requesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("assisting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("agreement_id", Uuid, sa.ForeignKey("agreement.id"), nullable=False),
    sa.Column("agreement_version_id", Uuid, sa.ForeignKey("agreement_version.id"), nullable=False),
    sa.Column("decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("root_decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("reservation_id", Uuid, sa.ForeignKey(package_reservation.c.id)),
    sa.Column("clause", sa.Text),
    sa.Column("request_id", Uuid, sa.ForeignKey("request.id")),
    sa.Column("line_no", sa.Integer),
    sa.Column("incident_number", sa.Text),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("travels", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("separation_relaxed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("minimum_override", Json),
    sa.Column("offer_condition", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("planned_end_at", Instant, nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("reserved_at", Instant, nullable=False),
    sa.Column("dispatched_at", Instant),
    sa.Column("agreed_by_word", sa.Text),
    sa.Column("arrived_at", Instant),
    sa.Column("return_started_at", Instant),
    sa.Column("returned_at", Instant),
    sa.Column("due_when_returned_at", Instant),
    sa.Column("closed_at", Instant),
    sa.Column("recall_requested_at", Instant),
    sa.Column("recall_by", Instant),
    sa.Column("recall_due_at", Instant),
    sa.Column("recall_reason", sa.Text),
    sa.Column("condition_out", Json),
    sa.Column("condition_received", Json),
    sa.Column("condition_sent_back", Json),
    sa.Column("condition_in", Json),
    sa.Column("ended_reason", sa.Text),
    sa.Column("ended_side", sa.Text),
    sa.Column("decline_reason", sa.Text),
    sa.Column("dispatch_recorded_at", Instant),
    sa.Column("receive_recorded_at", Instant),
    sa.Column("start_return_recorded_at", Instant),
    sa.Column("return_recorded_at", Instant),
    sa.Column("lost_at", Instant),
    sa.Column("no_show_reported_at", Instant),
    sa.Column("no_show_contested_at", Instant),
    sa.Column("no_show_contested_reason", sa.Text),
    sa.Column("no_show_withdrawn_at", Instant),
    sa.Column("damage_report", Json),
    sa.Column("damage_found_at", Instant),
    sa.Column("damage_reported_at", Instant),
    sa.Column("damage_contested_at", Instant),
    sa.Column("damage_contested_reason", sa.Text),
    sa.Column("damage_withdrawn_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("status", LoanStatus),
    one_of("ended_side", Side),
    one_of("decline_reason", DeclineReason),
    sa.CheckConstraint("planned_end_at > starts_at", name="window"),
    sa.CheckConstraint("quantity > 0", name="quantity"),
    sa.CheckConstraint("lost_quantity BETWEEN 0 AND quantity", name="lost"),
    sa.CheckConstraint("returned_quantity BETWEEN 0 AND quantity - lost_quantity", name="returned"),
    sa.CheckConstraint("reserved_quantity >= quantity", name="reserved"),
    sa.CheckConstraint("received_quantity BETWEEN 0 AND quantity", name="received"),
    sa.CheckConstraint("missing_quantity BETWEEN 0 AND quantity - lost_quantity - returned_quantity", name="missing"),
    sa.CheckConstraint("requesting_agency_id <> assisting_agency_id", name="two_sides"),
    sa.Index("ix_loan_requesting", "requesting_agency_id", "id"),
    sa.Index("ix_loan_assisting", "assisting_agency_id", "id"),
    sa.Index("ix_loan_requesting_due", "requesting_agency_id", "planned_end_at", "id"),
    sa.Index("ix_loan_assisting_due", "assisting_agency_id", "planned_end_at", "id"),
    sa.Index("ix_loan_requesting_starts", "requesting_agency_id", "starts_at", "id"),
    sa.Index("ix_loan_assisting_starts", "assisting_agency_id", "starts_at", "id"),
    sa.Index("ix_loan_requesting_updated", "requesting_agency_id", "updated_at", "id"),
    sa.Index("ix_loan_assisting_updated", "assisting_agency_id", "updated_at", "id"),
    sa.Index("ix_loan_agreement", "agreement_id", "reserved_at"),
    sa.Index("ix_loan_asset", "asset_id", "id"),
    sa.Index("ix_loan_reservation_id", "reservation_id"),
    sa.Index("ix_loan_root_decision_id", "root_decision_id"),
    unique_where(
        "uq_loan_root_decision_used",
        "root_decision_id",
        sqlite=_TOOK_PLACE,
        postgresql=_TOOK_PLACE,
        code="already_reserved",
        detail="A loan was made under this decision already.",
    ),
)
"""One loan per request line: the decision can be used again only if the loan never took place.

`ended_side` is who cancelled it, or reported that it was not begun or lost; `decline_reason` why, where it cancelled.

`offer_condition` is the condition of the offer that the requesting agency accepted; NULL where there was none.

`agreed_by_word` is how it was agreed what left before it was reserved here.

`personnel_ids` are the people who were offered for what they can do, and go with it; the handler is not among them.

`recall_by` is the hour for which its owner recalled it, `recall_due_at` when it is due then: not before the notice of
the agreement has run.

`quantity` is how many are lent: what did not leave with the rest (`reserved_quantity`) is released as that leaves.
`returned_quantity` is how many came back while others stayed out, `partial_returns` each time with its condition.

`missing_quantity` are out and did not arrive, as the requesting agency counted, and nobody has said where they are.

`took_last`: what was lost on it was all that there was of the asset.
"""

people_offered = table(
    "people_offered",
    sa.Column("root_decision_id", Uuid, sa.ForeignKey("policy_decision.id"), primary_key=True),
    sa.Column("personnel_ids", Json, nullable=False),
    sa.Column("capability", sa.Text, sa.ForeignKey("capability_type.code"), nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("tested", sa.Boolean, nullable=False),
)
"""Who is to go with what is lent under a chain of decisions, and what all of them have to be able to do."""

offer_condition = table(
    "offer_condition",
    sa.Column("root_decision_id", Uuid, sa.ForeignKey("policy_decision.id"), primary_key=True),
    sa.Column("condition", sa.Text, nullable=False),
)
"""On what condition something was offered and accepted, by the chain of decisions under which it is lent."""

loan_extension = table(
    "loan_extension",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("loan_id", Uuid, sa.ForeignKey(loan.c.id), nullable=False),
    sa.Column("asked_end_at", Instant, nullable=False),
    sa.Column("previous_end_at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("decision_id", Uuid, sa.ForeignKey("policy_decision.id"), nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("answered_at", Instant),
    sa.Column("answer_reason", sa.Text),
    one_of("status", EXTENSION_STATES),
    sa.Index("ix_loan_extension_loan_id", "loan_id", "id"),
    sa.Index("ix_loan_extension_decision_id", "decision_id"),
    unique_where(
        "uq_loan_extension_pending",
        "loan_id",
        sqlite="status = 'pending'",
        postgresql="status = 'pending'",
        code="extension_pending",
        detail="An extension of this loan is waiting for an answer already.",
    ),
)

loan_time_contest = table(
    "loan_time_contest",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("loan_id", Uuid, sa.ForeignKey(loan.c.id), nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("said_at", Instant, nullable=False),
    sa.Column("other_said_at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("saying_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("contesting_agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("contested_at", Instant, nullable=False),
    sa.Column("settled_at", Instant),
    one_of("act", TimedAct),
    one_of("status", TimeContestStatus),
    sa.CheckConstraint("(status = 'open') = (settled_at IS NULL)", name="settled"),
    sa.CheckConstraint("other_said_at <> said_at", name="two_words"),
    sa.CheckConstraint("saying_agency_id <> contesting_agency_id", name="two_sides"),
    sa.Index("ix_loan_time_contest_loan_id", "loan_id", "act", "id"),
    sa.Index("ix_loan_time_contest_saying", "saying_agency_id", "status", "id"),
    sa.Index("ix_loan_time_contest_contesting", "contesting_agency_id", "status", "id"),
    unique_where(
        "uq_loan_time_contest_open",
        *("loan_id", "act"),
        sqlite="status = 'open'",
        postgresql="status = 'open'",
        code="wrong_status",
        detail="Its time is contested already: both words stand.",
    ),
)
"""That one side contests the time that the other said of its act: both words.

The loan keeps the one that was said; once the other one is accepted, that.
"""

REPORTS = ("condition_out", "condition_received", "condition_sent_back", "condition_in", "damage_report")
"""The reports of a loan's condition, in the order of its life; each names documents that are on file with it."""

loan_document = table(
    "loan_document",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("loan_id", Uuid, sa.ForeignKey("loan.id"), nullable=False),
    sa.Column("sha256", sa.Text, sa.ForeignKey(document_content.c.sha256), nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("occasion", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("filename", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("remarks", Json, nullable=False),
    sa.Column("pages", sa.Integer),
    sa.Column("filed_at", Instant, nullable=False),
    sa.Column("withdrawn_at", Instant),
    sa.Column("withdrawn_reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("kind", LoanDocumentKind),
    one_of("occasion", LoanOccasion),
    one_of("side", Side),
    sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_reason IS NULL)", name="withdrawal"),
    sa.Index("ix_loan_document_loan_id", "loan_id", "id"),
    sa.Index("ix_loan_document_sha256", "sha256"),
)
"""Pictures and papers that a side filed with a loan, for both to read. Nothing of them changes, but that they are
withdrawn, once: a trigger says so."""
