"""Agreements, their immutable versions and provisions, their parties, signatures, and who is bound when.

`agreement_party_window` is the one answer to “in force”: a pair is in force at *t* when both parties have a window of
the same text that contains *t*, and have not both signed a later one. Every command that changes the answer rewrites
the windows.
"""

import sqlalchemy as sa

from registry.platform.database.types import (
    Civil,
    Instant,
    Json,
    NumberOrWord,
    Uuid,
    one_of,
    table,
    unique,
    unique_where,
)

STAGES = (
    "draft",
    "in_review",
    "approved",
    "out_for_signature",
    "executed",
    "suspended",
    "terminated",
    "superseded",
    "withdrawn",
)

NUMBER_TAKEN = "There is an agreement of that number already."
agreement = table(
    "agreement",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("number_key", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("custodian_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant),
    sa.Column("over_at", Instant),
    sa.Column("over_by", sa.Text),
    sa.Column("ends_on", Civil),
    sa.Column("notice", Json, nullable=False),
    sa.Column("executed_at", Instant),
    sa.Column("terminated_at", Instant),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("is_shared", sa.Boolean, nullable=False),
    sa.Column("is_public", sa.Boolean, nullable=False),
    sa.Column("current_version", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("auto_renew_months", sa.Integer),
    sa.Column("auto_renew_times", NumberOrWord),
    sa.Column("renewal_day", sa.Integer),
    sa.Column("review_every_months", sa.Integer),
    sa.Column("ratify_by", Instant),
    sa.Column("superseded_by_id", Uuid, sa.ForeignKey("agreement.id")),
    sa.Column("custody_offered_to_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("settles_at", Instant),
    sa.Column("shared_changes", sa.Integer, nullable=False, server_default="1"),
    sa.Column("shared_updated_at", Instant, nullable=False),
    sa.Column("public_version", sa.Integer),
    sa.Column("public_title", sa.Text),
    sa.Column("public_expires_on", Civil),
    sa.Column("public_over_at", Instant),
    sa.Column("public_ends_on", Civil),
    sa.Column("public_search_text", sa.Text),
    sa.Column("public_changes", sa.Integer, nullable=False, server_default="1"),
    sa.Column("public_updated_at", Instant, nullable=False),
    unique("custodian_id", "number_key", code="number_taken", detail=NUMBER_TAKEN),
    one_of("stage", STAGES),
    sa.CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="bounds"),
    sa.CheckConstraint("is_public = (public_version IS NOT NULL)", name="public"),
    sa.Index("ix_agreement_settles_at", "settles_at"),
    sa.Index("ix_agreement_public_updated_at", "public_updated_at", "id"),
    sa.Index("ix_agreement_shared_updated_at", "shared_updated_at", "id"),
    sa.Index("ix_agreement_updated_at", "updated_at", "id"),
)
"""`number_key` is the number in its one form (`filing_key`).

`is_shared`: the current text is frozen, so every party sees it. `public_version`: of the executed texts of which each
party gave its word that what they mark public is shown to all, the one that takes effect last; derived, see
`agreement_publication`. `public_title`, `public_expires_on` and `public_search_text` are that version's, for lists that
others than the parties read; `is_public`: there is one. `public_changes` and `public_updated_at` are to these readers
what `version` and `updated_at` are to the custodian, and move only with what they are shown; so do `shared_changes` and
`shared_updated_at` to the other parties, who are shown no draft. `version` counts whatever happens.

`over_at`: when it ends, by the one rule in `ends`, and `ends_on` its last day: both NULL where it never does, as its
text says of what is not executed, and without reports that have not taken effect. `over_by`: why, once it is executed.
`public_over_at` and `public_ends_on`: what others than the parties are told of it ahead. `starts_at` and `ends_at` are
those of its own text alone.

`current_version` is the text being drafted until the agreement is executed, then its own (`shown_texts.own_text`);
title and dates are that version's. `ratify_by`: the deadline for ratifying an activation by word of mouth.
`settles_at`: the next instant at which something that is known to come is to be dated back or executed; who is bound
does not wait for that.
"""

agreement_version = table(
    "agreement_version",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("no", sa.Integer, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("terms", Json, nullable=False),
    sa.Column("canonical", sa.LargeBinary),
    sa.Column("sha256", sa.Text),
    sa.Column("frozen_at", Instant),
    sa.Column("is_recorded", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_location", sa.Text),
    sa.Column("restricted_terms", Json),
    sa.Column("contradicted_terms", Json),
    sa.Column("open_to_accession", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", Instant, nullable=False),
    unique("agreement_id", "no", code="version_taken", detail="Somebody submitted a version at the same moment."),
    sa.CheckConstraint("(sha256 IS NULL) = (frozen_at IS NULL)", name="frozen"),
    sa.CheckConstraint("(canonical IS NULL) = (frozen_at IS NULL)", name="canonical"),
    sa.CheckConstraint("evidence_sha256 IS NULL OR evidence_location IS NULL", name="evidence"),
)
"""`canonical`: the bytes that `sha256` is of, the digests of its parts, see `agreement_version_part`.
`is_recorded`: it came signed, on paper; the evidence is that paper, by its hash or by where it is kept.

`restricted_terms`: the names of the terms that a restricted provision says, of a frozen version; `contradicted_terms`:
those whose own clause says otherwise, each with its words, or with null where it is restricted; NULL where there is
none. `open_to_accession`: whether the text says that others may join it.
"""

agreement_version_part = table(
    "agreement_version_part",
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("provision", sa.Text),
    sa.Column("canonical", sa.LargeBinary, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.CheckConstraint("(provision IS NULL) = (ordinal = 0)", name="provision"),
    sa.CheckConstraint("length(sha256) = 64", name="sha256"),
)
"""The parts of a frozen version as they were hashed, each with its salt: the particulars first, then each provision.

`canonical` is for whoever may read that part, since its salt is in it; `sha256`, which is of these bytes, is for
everybody who may read the version.
"""

agreement_version_dates = table(
    "agreement_version_dates",
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant),
    sa.Column("notice", Json, nullable=False),
    sa.Column("auto_renew_months", sa.Integer),
    sa.Column("auto_renew_times", NumberOrWord),
    sa.Column("renewal_day", sa.Integer),
    one_of("kind", ("original", "amendment", "renewal")),
    sa.CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="bounds"),
    sa.CheckConstraint("auto_renew_months IS NULL OR expires_on IS NOT NULL", name="renewal"),
    sa.CheckConstraint("(auto_renew_months IS NULL) = (auto_renew_times IS NULL)", name="renewals"),
    sa.CheckConstraint("renewal_day IS NULL OR renewal_day BETWEEN 28 AND 30", name="renewal_day"),
)
"""From when until when a version means to be the text, and the notice it asks for; frozen with the version.

`ends_at` is the last end that automatic renewals can reach, NULL where there is none. `renewal_day`: the day of the
month to which its terms run, where neither its last day nor the month's last is, see `term_days`.
"""

agreement_amendment = table(
    "agreement_amendment",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("executed_at", Instant),
    sa.Column("closed_at", Instant),
    sa.Column("is_paper", sa.Boolean, nullable=False),
    unique("version_id", code="amendment_taken", detail="Somebody submitted a version at the same moment."),
    unique_where(
        "uq_agreement_amendment_open",
        "agreement_id",
        sqlite="closed_at IS NULL AND NOT is_paper",
        postgresql="closed_at IS NULL AND NOT is_paper",
        code="amendment_open",
        detail="An amendment is open already: finish or withdraw it first.",
    ),
    one_of("stage", ("draft", "in_review", "approved", "out_for_signature", "executed", "withdrawn")),
    sa.CheckConstraint("(stage IN ('executed', 'withdrawn')) = (closed_at IS NOT NULL)", name="closed"),
    sa.Index("ix_agreement_amendment_agreement_id", "agreement_id"),
)
"""A change of an executed agreement on its way from draft to signature. `version_id` is its newest text.

One is written at a time. Of those that are recorded from a signed paper (`is_paper`) any number may wait beside it, and
beside one another, for the parties' own words: the past is found in any order.
"""

provision = table(
    "provision",
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("heading", sa.Text, sa.ForeignKey("provision_heading.code"), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("sensitivity", sa.Text, nullable=False),
    sa.Column("exemption", sa.Text),
    unique("version_id", "number", code="provision_number_taken", detail="Two provisions carry the same number."),
    one_of("sensitivity", ("public", "parties", "restricted")),
)

agreement_coverage = table(
    "agreement_coverage",
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), primary_key=True),
    sa.Column("category", sa.Text, sa.ForeignKey("category.code"), primary_key=True),
)

agreement_party = table(
    "agreement_party",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("joined_at", Instant),
    sa.Column("withdrawal_notice_on", Civil),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("named_at", Instant),
    sa.Column("named_by_id", Uuid, sa.ForeignKey("agency.id")),
    sa.Column("in_text", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("verbally_at", Instant),
    sa.Column("verbal_authority_id", Uuid, sa.ForeignKey("signing_authority.id")),
    sa.Column("leaves_at", Instant),
    sa.Column("notice_kind", sa.Text),
    sa.Column("notice_counts_on", Civil),
    sa.Column("notice_recorded_at", Instant),
    sa.Column("notice_leaves_on", Civil),
    sa.Column("notice_evidence_sha256", sa.Text),
    sa.Column("notice_evidence_location", sa.Text),
    sa.Column("notice_deliveries", Json),
    sa.Column("notice_receipts", Json),
    sa.Column("released_at", Instant),
    sa.Column("lapsed_at", Instant),
    sa.Column("term_version_id", Uuid, sa.ForeignKey(agreement_version.c.id)),
    sa.Column("notice_version_id", Uuid, sa.ForeignKey(agreement_version.c.id)),
    sa.Column("expires_on", Civil),
    sa.Column("over_at", Instant),
    sa.Column("ends_on", Civil),
    sa.Index("ix_agreement_party_agency_id", "agency_id", "agreement_id"),
)
"""`joined_at`: when the party was bound, by signature, word, confirmation or an uncontested report; NULL before.
`named_at`: when it became a party, and `named_by_id`, by whose draft; `in_text`: the text itself names it, else it was
added to what others had executed.

`verbally_at`: when it agreed by word of mouth; `verbal_authority_id`: on whose authority, NULL where the agency kept no
register then. `withdrawal_notice_on`: the day that its notice bears or, where it left without one (`notice_kind` NULL),
its last day; `notice_counts_on`: of its own notice the day from which the period counts whatever the others say, NULL
of one that others reported or have to consent to; `notice_recorded_at`: when it was recorded, so that what others
record later moves it no more. `notice_receipts`: of a notice that counts from receipt, who received it on which day,
and whose receipt is awaited; the latter is derived. `notice_leaves_on`: the last day that it names. `leaves_at`: the
instant at which its notice has run out, derived from these, NULL while a receipt is awaited. `released_at`: when a text
that it signed takes this one's place for it. `lapsed_at`: when the last text that it signed has ended, where others go
on by a later one. `term_version_id`: the text that binds it the longest, `expires_on` that one's last day, and
`notice_version_id` the text by which its notice runs the longest meanwhile, see `party_days`; NULL, where no text binds
it or there is but one, are as the agreement's own. `over_at` and `ends_on`: as the agreement's, where its own part ends
before; NULL where it ends with the agreement. A report by another stands in these columns with the instant at which it
takes effect, until it counts from its own day.
"""

agreement_approval = table(
    "agreement_approval",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("reference", sa.Text),
    sa.Column("approved_on", Civil, nullable=False),
    sa.Column("expires_on", Civil),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("counts_from", Instant, nullable=False),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_location", sa.Text),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("version_no", sa.Integer, nullable=False),
    sa.Column("version_sha256", sa.Text, nullable=False),
    unique(
        *("agreement_id", "agency_id", "approved_on", "act"),
        code="approval_taken",
        detail="That approval is recorded already.",
    ),
    sa.CheckConstraint("evidence_sha256 IS NULL OR evidence_location IS NULL", name="evidence"),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
)
"""What a party's governing body approved, and until when that lasts; kept of who is named by the text no more.

`act`: which one of that day it is, by body and reference as names are compared, and by the text: a body may pass two
resolutions, and one of them approve several texts. `version_no`, `version_sha256`: the text that it approved.
`counts_from`: `starts_at`, or when it was recorded as long as those whose days it touches have not agreed to its day.
"""

agreement_approval_rule = table(
    "agreement_approval_rule",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("required", sa.Boolean, nullable=False),
    sa.Column("effective_on", Civil, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("each_text", sa.Boolean, nullable=False),
    sa.Column("citation", sa.Text),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.CheckConstraint("required OR NOT each_text", name="each_text"),
    sa.Index("ix_agreement_approval_rule_party", "agreement_id", "agency_id", "starts_at"),
)
"""From when on a party is bound only while an approval lasts, or is so no more; 1900-01-01 is from the beginning.

`each_text`: an approval of one text is none of another.
"""

agreement_suspension = table(
    "agreement_suspension",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    sa.CheckConstraint("ends_at >= starts_at", name="interval"),
)

agreement_signature = table(
    "agreement_signature",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("manner", sa.Text, nullable=False),
    sa.Column("signatory_title", sa.Text, nullable=False),
    sa.Column("signed_on", Civil, nullable=False),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_location", sa.Text),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("counts_from", Instant),
    sa.Column("separation_relaxed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("publishes", sa.Boolean, nullable=False, server_default=sa.true()),
    unique("version_id", "agency_id", code="already_signed", detail="Your agency has signed this version already."),
    one_of("manner", ("electronic", "wet", "confirmed", "reported")),
    sa.CheckConstraint("evidence_sha256 IS NULL OR evidence_location IS NULL", name="evidence"),
)
"""`evidence_sha256` is of the paper; `evidence_location` says where a paper is kept of which there is no file.

`counts_from`: from when it counts; of an earlier day, from when it was recorded as long as those whose days that
touches have not agreed to it.
`publishes`: whether it is its party's word that what is public in the version is shown to all.
"""

agreement_hold = table(
    "agreement_hold",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
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
    sa.Index("ix_agreement_hold_agreement_id", "agreement_id", "id"),
)
"""A legal hold. Several matters may hold one agreement: each is placed, and lifted by who placed it, for itself."""

agreement_party_window = table(
    "agreement_party_window",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("amended", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("assists", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("requests", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("bound_until", Instant),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
    sa.Index(
        "ix_agreement_party_window_agency",
        *("agency_id", "agreement_id", "starts_at", "ends_at", "version_id", "amended", "assists", "requests"),
    ),
    sa.Index(
        "ix_agreement_party_window_text",
        *("agreement_id", "version_id", "agency_id", "starts_at", "ends_at", "amended", "assists", "requests"),
    ),
)
"""A window ends where another text binds the party to all; `bound_until` is when the party stops being bound at all.

`amended` has a bit for each later text that the party has signed, while others are bound by this one still: to who has
signed one of those too, this window binds it no more.

An open end, here and of a suspension, is stored as the year 9999, so that every comparison is one and the same.
"""

agreement_text_window = table(
    "agreement_text_window",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id), nullable=False),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
)
"""Which executed version is the agreement's text, and when; whoever is bound then is bound by it."""

agreement_force_window = table(
    "agreement_force_window",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("ends_at", Instant, nullable=False),
    sa.CheckConstraint("ends_at > starts_at", name="window"),
)
"""When at least two parties are bound: only then is the agreement as a whole in force."""

agreement_notice_window = table(
    "agreement_notice_window",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("opens_at", Instant, primary_key=True),
    sa.Column("closes_at", Instant, nullable=False),
)
"""When somebody has to decide whether a term is renewed; one for each term within the horizon."""

agreement_unasked = table(
    "agreement_unasked",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("newcomer_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("since", Instant, primary_key=True),
    sa.Column("until", Instant),
    sa.Column("by_clause", sa.Boolean, nullable=False),
    sa.Column("agreed_at", Instant),
)
"""The parties that have not agreed to a newcomer, which was named after them, however it came; and when each was there.

Derived. What was made meanwhile, and before the newcomer was named, is not for that one. `until` is NULL where the
party is there still. `by_clause`: it came by the clause of a text alone, and nobody was asked at all. `agreed_at`: when
the party signed a text that lets others in, while the newcomer was there: what it makes from then on is for that one
too, and nothing that was made before.
"""

agreement_put_out = table(
    "agreement_put_out",
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("named_at", Instant, primary_key=True),
    sa.Column("put_out_at", Instant, nullable=False),
)
"""Agencies that a draft named and a later one does not: what was made while they were there is not for who came since.
"""

agreement_passage = table(
    "agreement_passage",
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id)),
    sa.Column("document_id", Uuid, sa.ForeignKey("document.id")),
    sa.Column("document_name", sa.Text),
    sa.Column("filed_at", Instant),
    sa.Column("number", sa.Text),
    sa.Column("heading", sa.Text),
    sa.Column("page", sa.Integer),
    sa.Column("sensitivity", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),
    one_of("source", ("title", "provision", "document")),
    one_of("sensitivity", ("public", "parties", "restricted")),
    sa.CheckConstraint("(version_id IS NOT NULL) = (source = 'provision')", name="version"),
    sa.CheckConstraint("(document_id IS NOT NULL) = (source = 'document')", name="document"),
    sa.CheckConstraint("(document_id IS NULL) = (filed_at IS NULL)", name="filed"),
    sa.Index("ix_agreement_passage_agreement_id", "agreement_id"),
    sa.Index("ix_agreement_passage_version_id", "version_id"),
    sa.Index("ix_agreement_passage_document_id", "document_id"),
)
"""What is searched: a title, a provision of a version, a page or stretch of a document; each with who may read it."""

agreement_evidence = table(
    "agreement_evidence",
    sa.Column("document_id", Uuid, sa.ForeignKey("document.id"), primary_key=True),
    sa.Column("agreement_id", Uuid, sa.ForeignKey(agreement.c.id), nullable=False),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id)),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("name", sa.Text),
    sa.Column("is_restricted", sa.Boolean, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("filed_by_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("filed_at", Instant, nullable=False),
    sa.Index("ix_agreement_evidence_agreement_id", "agreement_id"),
)
"""The documents on file by their hashes, so that the evidence for an act is found among them, and who can read it.

`version_id`: of which version who filed one said that it is; no other does it vouch for.
"""

document_repetition = table(
    "document_repetition",
    sa.Column("document_id", Uuid, sa.ForeignKey("document.id"), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("version_id", Uuid, sa.ForeignKey(agreement_version.c.id)),
    sa.Column("clause", sa.Text),
    sa.Column("of_document_id", Uuid, sa.ForeignKey("document.id")),
    sa.Column("declassified", sa.Boolean, nullable=False),
    sa.CheckConstraint("(version_id IS NULL) <> (of_document_id IS NULL)", name="source"),
    sa.CheckConstraint("(version_id IS NULL) = (clause IS NULL)", name="clause"),
)
"""What restricted wording a document repeats that is read by more: of which clause, or which restricted document.

`declassified`: who filed it could read that, and said why more may.
"""
