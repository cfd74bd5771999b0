"""Which papers on file are more than their filer's own affair, since what another party did rests on them.

A room above that keeps what shows an agency's act says so at the column: `info={"shows_act_of": "agency_id"}`.
"""

from typing import Any

import sqlalchemy as sa

from registry.agreements.instruments.consent import LEAVING, OF_ONE, UNANSWERED, ReportStatus
from registry.agreements.instruments.consent_tables import (
    agreement_consent,
    agreement_proposal,
    agreement_reported_act,
)
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.tables import (
    agreement_approval,
    agreement_evidence,
    agreement_party,
    agreement_signature,
    agreement_version,
)
from registry.directory.agencies.rules import AgencyStatus
from registry.directory.agencies.tables import agency
from registry.platform.database.types import metadata

RESTED_ON = (
    "Another party's signature, confirmation or recorded act rests on it, and no other copy that every party reads is "
    "on file: it stays on file, unless another of the parties files its own copy first."
)

_report = agreement_reported_act
_GONE = (ReportStatus.TAKEN_BACK, ReportStatus.REPLACED)


def others_rest_on(paper: sa.FromClause, long_enough_ago: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Papers that show what another than their filer did, or recorded, where no other copy on file shows it.

    What is only reported of another, and may yet be answered, rests on the reporter alone: without the paper it waits
    for the party's own word, or until it was told `long_enough_ago`. `paper` is the table of documents, or one like it.
    What is restricted is read by fewer: it takes the place of an open paper for nobody, and of a restricted one where
    another party filed it. To be built once all tables are known.
    """
    copy = agreement_evidence.alias("other_copy")
    restricted_too = sa.and_(paper.c.sensitivity == Sensitivity.RESTRICTED, copy.c.filed_by_id != paper.c.filed_by_id)
    copies = sa.select(sa.literal(1)).where(
        copy.c.agreement_id == paper.c.agreement_id,
        copy.c.sha256 == paper.c.sha256,
        copy.c.document_id != paper.c.id,
        sa.or_(~copy.c.is_restricted, restricted_too),
    )
    acts = [
        _signed(paper),
        _reported(paper, long_enough_ago),
        _proposed(paper),
        _consented(paper),
        _left(paper),
        _approved(paper),
    ]
    acts += _in_rooms_above(paper)
    return sa.and_(~copies.correlate(paper).exists(), sa.or_(*(each.correlate(paper).exists() for each in acts)))


def _act(table: sa.Table, paper: sa.FromClause, agency: str = "agency_id") -> sa.Select[Any]:
    """What another than the filer of the paper has on record in this table of the agreement."""
    return sa.select(sa.literal(1)).where(
        table.c.agreement_id == paper.c.agreement_id, table.c[agency] != paper.c.filed_by_id
    )


def _signed(paper: sa.FromClause) -> sa.Select[Any]:
    """Hands that name the paper, and those on a recorded text of which it is the paper."""
    hand, text = agreement_signature, agreement_version
    recorded = sa.and_(text.c.is_recorded, text.c.evidence_sha256 == paper.c.sha256, hand.c.manner != "electronic")
    return (
        _act(hand, paper)
        .join_from(hand, text, text.c.id == hand.c.version_id)
        .where(sa.or_(hand.c.evidence_sha256 == paper.c.sha256, recorded))
    )


def _reported(paper: sa.FromClause, long_enough_ago: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """What has had effect of another, by its word or its silence; and what another has put on record."""
    may_act = sa.select(sa.literal(1)).where(
        agency.c.id == _report.c.agency_id, agency.c.status == AgencyStatus.ACTIVE
    )  # of another silence says nothing: see `settling.uncontested.settle_reports`
    ran_out = sa.and_(
        _report.c.status == ReportStatus.OPEN,
        _report.c.notified_at <= long_enough_ago,
        may_act.correlate(_report).exists(),
    )
    had_effect = sa.and_(
        _report.c.agency_id != paper.c.filed_by_id,
        sa.or_(_report.c.status == ReportStatus.CONFIRMED, _report.c.is_settled, ran_out),
    )
    recorded = _report.c.recorded_by_id != paper.c.filed_by_id
    return sa.select(sa.literal(1)).where(
        _report.c.agreement_id == paper.c.agreement_id,
        _report.c.evidence_sha256 == paper.c.sha256,
        _report.c.status.not_in(_GONE),
        sa.or_(had_effect, recorded),
    )


def _proposed(paper: sa.FromClause) -> sa.Select[Any]:
    """What another proposed; a departure is put to the others in the name of who leaves: see `_left`."""
    its = agreement_proposal
    return _act(its, paper, "proposed_by_id").where(
        its.c.evidence_sha256 == paper.c.sha256,
        its.c.taken_back_at.is_(None),
        its.c.kind.not_in(OF_ONE),
    )


def _consented(paper: sa.FromClause) -> sa.Select[Any]:
    """Another's own consent to what the paper shows; one that is only reported of it is none yet."""
    its, word = agreement_proposal.alias("consented_to"), agreement_consent
    only_reported = sa.select(sa.literal(1)).where(
        _report.c.proposal_id == word.c.proposal_id,
        _report.c.agency_id == word.c.agency_id,
        _report.c.status.in_(UNANSWERED),
        ~_report.c.is_settled,
    )
    return (
        sa.select(sa.literal(1))
        .join_from(its, word, word.c.proposal_id == its.c.id)
        .where(
            its.c.agreement_id == paper.c.agreement_id,
            its.c.evidence_sha256 == paper.c.sha256,
            its.c.taken_back_at.is_(None),
            word.c.agency_id != paper.c.filed_by_id,
            word.c.counts_from.is_not(None),
            ~only_reported.correlate(word).exists(),
        )
    )


def _left(paper: sa.FromClause) -> sa.Select[Any]:
    """Another's own notice; one that is only reported of it stands among the reports."""
    its = agreement_party
    reported = sa.select(sa.literal(1)).where(
        _report.c.agreement_id == its.c.agreement_id,
        _report.c.agency_id == its.c.agency_id,
        _report.c.kind.in_(LEAVING),
    )
    return _act(its, paper).where(its.c.notice_evidence_sha256 == paper.c.sha256, ~reported.correlate(its).exists())


def _approved(paper: sa.FromClause) -> sa.Select[Any]:
    return _act(agreement_approval, paper).where(agreement_approval.c.evidence_sha256 == paper.c.sha256)


def _in_rooms_above(paper: sa.FromClause) -> list[sa.Select[Any]]:
    """What other rooms keep of another's act: that it met a duty, or is insured."""
    shown = [column for its in metadata.sorted_tables for column in its.c if "shows_act_of" in column.info]
    return [_act_shown(column, paper) for column in shown]


def _act_shown(column: sa.Column[Any], paper: sa.FromClause) -> sa.Select[Any]:
    """What is of no agreement, such as a policy, rests on a paper that is filed where its agency is a party."""
    its, agency_id = column.table, column.table.c[column.info["shows_act_of"]]
    party = agreement_party.alias("its_party")
    of_agreement: sa.ColumnElement[bool]
    if "agreement_id" in its.c:
        of_agreement = its.c.agreement_id == paper.c.agreement_id
    else:
        parties = sa.select(party.c.agency_id).where(party.c.agreement_id == paper.c.agreement_id).correlate(paper)
        of_agreement = agency_id.in_(parties)
    lasting = [its.c.retired_at.is_(None)] if "retired_at" in its.c else []
    return sa.select(sa.literal(1)).where(
        column == paper.c.sha256, of_agreement, agency_id != paper.c.filed_by_id, *lasting
    )
