"""Tables of consent: what one party reports of another's act, what is proposed or published, and who agreed to it."""

import sqlalchemy as sa

from registry.agreements.instruments.consent import (
    ClosedBecause,
    EndingGround,
    ProposalKind,
    ReportedKind,
    ReportStatus,
    Unconfirmed,
)
from registry.agreements.instruments.signing_tables import signing_authority
from registry.agreements.instruments.tables import agreement, agreement_approval, agreement_version
from registry.platform.database.types import Civil, Instant, Json, Uuid, one_of, table

agreement_proposal = table(
    "agreement_proposal",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("ground", sa.Text),
    sa.Column("clause", sa.Text),
    sa.Column("proposed_by_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("proposed_at", Instant, nullable=False),
    sa.Column("not_before", Instant, nullable=False),
    sa.Column("ends_at", Instant),
    sa.Column("notice_on", Civil),
    sa.Column("notice_kind", sa.Text),
    sa.Column("otherwise_at", Instant),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_location", sa.Text),
    sa.Column("newcomer_ids", Json),
    sa.Column("successor_id", Uuid, sa.ForeignKey(agreement.c.id)),
    sa.Column("signed_version_id", Uuid, sa.ForeignKey(agreement_version.c.id)),
    sa.Column("approval_id", Uuid, sa.ForeignKey(agreement_approval.c.id)),
    sa.Column("notice_of_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("agreed_at", Instant),
    sa.Column("taken_back_at", Instant),
    sa.Column("closed_because", sa.Text),
    one_of("kind", ProposalKind),
    one_of("ground", EndingGround),
    one_of("closed_because", ClosedBecause),
    sa.CheckConstraint("evidence_sha256 IS NULL OR evidence_location IS NULL", name="evidence"),
    sa.CheckConstraint("closed_because IS NULL OR taken_back_at IS NOT NULL", name="closed"),
    sa.CheckConstraint("(kind = 'end') = (ground IS NOT NULL)", name="ending"),
    sa.CheckConstraint("(kind = 'supersession') = (successor_id IS NOT NULL)", name="successor"),
    sa.CheckConstraint("ends_at IS NULL OR kind = 'suspension'", name="goes_on"),
    sa.CheckConstraint(
        "CASE WHEN notice_of_id IS NOT NULL OR kind <> 'earlier_day' "
        "THEN signed_version_id IS NULL AND approval_id IS NULL AND (notice_of_id IS NULL OR kind = 'earlier_day') "
        "ELSE signed_version_id IS NULL OR approval_id IS NULL END",
        name="act",
    ),
    sa.Index("ix_agreement_proposal_agreement_id", "agreement_id"),
    sa.Index("ix_agreement_proposal_successor_id", "successor_id"),
)
"""What takes effect once each of the parties asked has consented or left; `agreed_at` is derived from that.

`ends_at`: when a suspension is over by itself. `otherwise_at`: when a departure of the past, or a right used on one,
counts as long as they have not: as a notice given when it was confirmed, or recorded. So a signature to
`signed_version_id`, the approval, or the receipt of the notice of `notice_of_id`, of an earlier day counts from its
recording; where it is none of these, a word of mouth.
`taken_back_at`: when it came to nothing; `closed_because`: why, where nobody took it back.
"""

agreement_consent = table(
    "agreement_consent",
    sa.Column("proposal_id", Uuid, sa.ForeignKey(agreement_proposal.c.id), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("counts_from", Instant),
    sa.Index("ix_agreement_consent_agency_id", "agency_id"),
)
"""A party that is asked, and from when its consent counts; NULL while it is outstanding."""

agreement_reported_act = table(
    "agreement_reported_act",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("acted_on", Civil, nullable=False),
    sa.Column("counts_at", Instant, nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id)),
    sa.Column("version_sha256", sa.Text),
    sa.Column("proposal_id", Uuid, sa.ForeignKey(agreement_proposal.c.id)),
    sa.Column("duty_id", Uuid),
    sa.Column("notice_kind", sa.Text),
    sa.Column("leaves_on", Civil),
    sa.Column("deliveries", Json),
    sa.Column("signatory_title", sa.Text),
    sa.Column("authority_id", Uuid, sa.ForeignKey(signing_authority.c.id)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_location", sa.Text),
    sa.Column("recorded_by_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("recorded_by_person", sa.Text, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("notified_at", Instant),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("because", sa.Text),
    sa.Column("contested_at", Instant),
    sa.Column("answered_at", Instant),
    sa.Column("answer_reason", sa.Text),
    sa.Column("is_settled", sa.Boolean, nullable=False, server_default=sa.false()),
    one_of("kind", ReportedKind),
    one_of("status", ReportStatus),
    one_of("because", Unconfirmed),
    sa.CheckConstraint("(evidence_sha256 IS NULL) <> (evidence_location IS NULL)", name="evidence"),
    sa.CheckConstraint("because IS NOT NULL OR status <> 'unconfirmed'", name="unconfirmed"),
    sa.CheckConstraint("(status = 'unseconded') = (notified_at IS NULL)", name="notified"),
    sa.CheckConstraint(
        "proposal_id IS NOT NULL OR kind NOT IN ('consented', 'was_notified', 'was_asked')", name="proposal"
    ),
    sa.CheckConstraint("(kind IN ('fulfilled_duty', 'owes_duty')) = (duty_id IS NOT NULL)", name="duty"),
    sa.CheckConstraint("(kind = 'signed') = (version_id IS NOT NULL)", name="version"),
    sa.CheckConstraint("(kind IN ('signed', 'agreed_verbally')) = (version_sha256 IS NOT NULL)", name="text"),
    sa.Index("ix_agreement_reported_act_agreement_id", "agreement_id"),
    sa.Index("ix_agreement_reported_act_agency_id", "agency_id"),
)
"""What another recorded that a party did on a day.

`counts_at`: from when it counts once it has effect. `version_sha256`: which text it is said to have signed or agreed
to. `duty_id`: which duty it is said to have fulfilled, or to owe. `leaves_on`: the last day that the notice names;
`deliveries`: how it was given. `notified_at`: since when the party is told of it, NULL while an operator's report waits
for a second operator. `recorded_by_person`: issuer and subject, so that the second is another person. `because`: why it
stands, or stood, unconfirmed. `contested_at`: when the party last said no to it, whatever became of it since.
`is_settled`: what follows from it is dated back to its day.
"""

agreement_party_suspension = table(
    "agreement_party_suspension",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    sa.CheckConstraint("ends_at >= starts_at", name="interval"),
)
"""When a party suspended its own participation; what suspends the agreement for all is `agreement_suspension`."""

agreement_pending = table(
    "agreement_pending",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("takes_effect_at", Instant, nullable=False),
    sa.Column("without", Json, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("alone_at", Instant),
    sa.Column("is_superseded", sa.Boolean, nullable=False),
    sa.Column("joined", sa.Integer, nullable=False),
)
"""Of an agreement with reports that have not taken effect and whose days are running: how it is without them.

`without`: `pending.Without`. `takes_effect_at`: when the first of them does; from then on the row says nothing. Derived
by the function that writes windows, as these are. What lists ask of it stands in columns too; `alone_at`: see `told`.
"""

agreement_pending_window = table(
    "agreement_pending_window",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    one_of("kind", ("force", "suspension", "notice")),
    sa.CheckConstraint("ends_at > starts_at", name="interval"),
)
"""The windows of an agreement without its pending reports, as those of the same kinds."""

agreement_pending_party_window = table(
    "agreement_pending_party_window",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("amended", sa.BigInteger, nullable=False),
    sa.Column("assists", sa.Boolean, nullable=False),
    sa.Column("requests", sa.Boolean, nullable=False),
    sa.Column("bound_until", Instant),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.Index("ix_agreement_pending_party_window_agency", "agency_id", "agreement_id"),
)
"""The windows of all parties of such an agreement without its pending reports, as `agreement_party_window`."""

agreement_publication = table(
    "agreement_publication",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id)),
    sa.Column("document_id", Uuid, sa.ForeignKey("document.id")),
    sa.Column("proposed_at", Instant, nullable=False),
    sa.Column("published_at", Instant),
    sa.CheckConstraint("(version_id IS NULL) <> (document_id IS NULL)", name="thing"),
    sa.CheckConstraint("id = COALESCE(version_id, document_id)", name="id"),
    sa.Index("ix_agreement_publication_agreement_id", "agreement_id"),
)
"""An executed version or a filed document that is marked public, and since when others than the parties see it.

`id`: that of the version or the document. `published_at`: derived from the parties' words, NULL while one is
outstanding or was taken back.
"""

agreement_publication_consent = table(
    "agreement_publication_consent",
    sa.Column("publication_id", Uuid, sa.ForeignKey(agreement_publication.c.id), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("agrees", sa.Boolean),
    sa.Column("said_at", Instant),
    sa.CheckConstraint("(agrees IS NULL) = (said_at IS NULL)", name="said"),
    sa.Index("ix_agreement_publication_consent_agency_id", "agency_id"),
)
"""A party that is asked, and its latest word: NULL while it has said nothing, false once it took its word back."""
