"""Who is told of a paper on file, and who reads it: said here once, for the documents and for the evidence of acts."""

import sqlalchemy as sa

from registry.agreements.instruments.consent_tables import (
    agreement_consent,
    agreement_proposal,
    agreement_publication_consent,
    agreement_reported_act,
)
from registry.agreements.instruments.queries.visibility import (
    legible_to_parties,
    reaches_parties,
    reads_restricted_document,
    reads_text,
    shared_with,
)
from registry.agreements.instruments.tables import agreement, agreement_signature, agreement_version


def shown_to(paper: sa.FromClause, agency_bind: str = "viewer") -> sa.ColumnElement[bool]:
    """Papers of which the agency is told as a party: filed when they were for it too, or put to it since.

    In a statement about the agreement; `paper` is the table of documents, or one like it. Who filed one always reads it
    (`filed_by`).
    """
    for_it = reaches_parties(paper.c.agreement_id, paper.c.filed_at, agency_bind, made_by=paper.c.filed_by_id)
    return sa.and_(shared_with(agency_bind), sa.or_(for_it, put_to_it(paper, agency_bind)))


def filed_by(paper: sa.FromClause, agency_bind: str = "viewer") -> sa.ColumnElement[bool]:
    """Papers that the agency filed itself."""
    return paper.c.filed_by_id == sa.bindparam(agency_bind, type_=agreement.c.id.type)


def reached_if_restricted(paper: sa.FromClause, agency_bind: str = "viewer") -> sa.ColumnElement[bool]:
    """Papers that the agency's cleared staff read where they are restricted."""
    reached = reads_restricted_document(paper.c.filed_at, paper.c.filed_by_id, agency_bind)
    return sa.or_(filed_by(paper, agency_bind), sa.and_(shown_to(paper, agency_bind), reached))


def put_to_it(paper: sa.FromClause, agency_bind: str = "viewer") -> sa.ColumnElement[bool]:
    """Papers that show what is reported of the agency or put to it, its own hand, or a text that it may read.

    And those about which it is asked whether they are published. What it names itself shows it nothing, for it may name
    any hash; that of its own hand it has read (`commands.shown_paper.check_named`). `paper` is the table of documents,
    or one like it.
    """
    viewer = sa.bindparam(agency_bind, type_=agreement.c.id.type)
    report, proposal, word = agreement_reported_act, agreement_proposal, agreement_consent
    hand, text, public = agreement_signature, agreement_version, agreement_publication_consent
    one = sa.select(sa.literal(1))
    shown = (
        one.where(*_shows(report, paper), report.c.agency_id == viewer),
        one.select_from(proposal.join(word, word.c.proposal_id == proposal.c.id)).where(
            *_shows(proposal, paper), word.c.agency_id == viewer, proposal.c.proposed_by_id != viewer
        ),
        one.where(*_shows(hand, paper), hand.c.agency_id == viewer),
        one.where(*_shows(text, paper), legible_to_parties(), reads_text(agency_bind)),
        one.where(public.c.publication_id == paper.c.id, public.c.agency_id == viewer),
    )
    return sa.or_(*(each.correlate(paper).exists() for each in shown))


def _shows(act: sa.FromClause, paper: sa.FromClause) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return act.c.agreement_id == paper.c.agreement_id, act.c.evidence_sha256 == paper.c.sha256
