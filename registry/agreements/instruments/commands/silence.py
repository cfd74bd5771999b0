"""Whether a party's silence on a report counts, and when it ceases to: one rule for whatever is reported of it.

What stands unconfirmed has effect by the party's own confirmation alone, also when the reason has passed: who wants the
days to run takes the report back and makes it again, so that they run in full. Two reasons are no state of the party,
but something that is missing. A paper: once that is on file, the days begin (`evidence_filed.py`). A person of the
party who was ever seen in the registry: once one is, they begin (`reaching.py`).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import (
    BINDING,
    LEAVING,
    OF_CONSENT,
    OF_DUTY,
    OF_ONE,
    ProposalKind,
    Reported,
    ReportedKind,
    ReportStatus,
    Unconfirmed,
    takes_own_word,
    why_unconfirmed,
)
from registry.agreements.instruments.consent_tables import (
    agreement_party_suspension,
    agreement_proposal,
    agreement_reported_act,
)
from registry.agreements.instruments.queries.evidence import read_with
from registry.agreements.instruments.queries.signing_power import may_sign_on
from registry.agreements.instruments.receipt import own_receipt
from registry.agreements.instruments.signing_tables import agreement_declined
from registry.agreements.instruments.tables import agreement, agreement_party, agreement_signature, agreement_version
from registry.directory.agencies.rules import AgencyStatus
from registry.directory.agencies.tables import agency
from registry.platform.access.known import seen_of
from registry.platform.database.handles import Read
from registry.platform.kernel.time import civil_day

_report, _proposal = agreement_reported_act, agreement_proposal
_INSTANT = agreement.c.starts_at.type
_ID = sa.bindparam("id", type_=agreement.c.id.type)
_AGENCY = sa.bindparam("agency_id", type_=agreement.c.id.type)
_AGENCIES = sa.bindparam("agency_ids", type_=agreement.c.id.type, expanding=True)
_STATUS = sa.select(agency.c.status).where(agency.c.id == _AGENCY)
_OWN_WORD_SINCE = sa.select(agency.c.own_word_since).where(agency.c.id == _AGENCY)
_ACTIVE = sa.select(agency.c.id, agency.c.own_word_since).where(
    agency.c.id.in_(_AGENCIES), agency.c.status == AgencyStatus.ACTIVE
)
_WHERE = (
    sa.select(agreement.c.time_zone, agency.c.time_zone.label("its_zone"), agreement_version.c.id.label("version_id"))
    .select_from(agreement)
    .join(agency, agency.c.id == _AGENCY)
    .join(
        agreement_version,
        sa.and_(
            agreement_version.c.agreement_id == agreement.c.id, agreement_version.c.no == agreement.c.current_version
        ),
    )
    .where(agreement.c.id == _ID)
)
_SUSPENDED = sa.select(agreement_party_suspension.c.agency_id).where(
    agreement_party_suspension.c.agreement_id == _ID,
    agreement_party_suspension.c.agency_id.in_(_AGENCIES),
    agreement_party_suspension.c.starts_at <= sa.bindparam("now", type_=_INSTANT),
    agreement_party_suspension.c.ends_at > sa.bindparam("now", type_=_INSTANT),
)
_CONTESTED = (
    sa.select(
        _report.c.agency_id,
        _report.c.kind,
        _report.c.contested_at,
        _report.c.duty_id,
        _report.c.recorded_by_id,
        _proposal.c.kind.label("proposed"),
        _proposal.c.proposed_by_id,
    )
    .outerjoin(_proposal, _proposal.c.id == _report.c.proposal_id)
    .where(
        _report.c.agreement_id == _ID,
        _report.c.agency_id.in_(_AGENCIES),
        _report.c.contested_at.is_not(None),
        _report.c.status.in_([ReportStatus.CONTESTED, ReportStatus.TAKEN_BACK]),
    )
)
_DECLINED = sa.select(sa.func.max(agreement_declined.c.declined_at, type_=_INSTANT)).where(
    agreement_declined.c.agreement_id == _ID, agreement_declined.c.agency_id == _AGENCY
)
_SIGNED = sa.select(sa.func.max(agreement_signature.c.recorded_at, type_=_INSTANT)).where(
    agreement_signature.c.agreement_id == _ID,
    agreement_signature.c.agency_id == _AGENCY,
    agreement_signature.c.manner != "reported",
)
_CONFIRMED = sa.select(sa.func.max(_report.c.answered_at, type_=_INSTANT)).where(
    _report.c.agreement_id == _ID,
    _report.c.agency_id == _AGENCY,
    _report.c.kind.in_(BINDING),
    _report.c.status == ReportStatus.CONFIRMED,
)
_WORD = sa.select(agreement_party.c.verbally_at).where(
    agreement_party.c.agreement_id == _ID, agreement_party.c.agency_id == _AGENCY
)
_RECEIPTS = sa.select(agreement_party.c.notice_receipts).where(
    agreement_party.c.agreement_id == _ID, agreement_party.c.agency_id == _AGENCY
)
_ASKED = sa.select(_proposal.c.kind, _proposal.c.proposed_by_id).where(
    _proposal.c.id == sa.bindparam("proposal_id", type_=_proposal.c.id.type)
)


async def unconfirmed_because(
    read: Read,
    agreement_id: UUID,
    acts: Sequence[Reported | Row[Any]],
    reporter_id: UUID,
    now: datetime,
) -> dict[UUID, Unconfirmed | None]:
    """By party why its silence on its act will not count; None where it will.

    The acts are of one matter, one of each party: of one kind, and on the same evidence. However many there are, what
    is asked of one party is asked of all at once, but for signatures, of which each is a matter of its own.
    """
    act, parties = acts[0], {each.agency_id: each for each in acts}
    digest = act.evidence_sha256  # what has none cannot be read here
    its = {"id": agreement_id, "agency_ids": sorted(parties)}
    said = await _said_no(read, agreement_id, acts, reporter_id, now)
    active = {row.id: row.own_word_since for row in await read.all(_ACTIVE, {"agency_ids": its["agency_ids"]})}
    binds = any(active.values()) and takes_own_word(ReportedKind(act.kind), await _proposed(read, act))
    suspended = {row.agency_id for row in await read.all(_SUSPENDED, {**its, "now": now})}
    reached = await seen_of(read, parties)
    on_file: Collection[UUID] = ()
    if act.kind == ReportedKind.OWES_DUTY:  # the clause stands in the text that binds it, and is read there
        on_file = parties.keys()
    elif digest is not None:
        on_file = await read_with(read, agreement_id, digest, parties.keys(), reporter_id)
    return {
        agency_id: why_unconfirmed(
            said_no=agency_id in said,
            may_act=agency_id in active,
            suspended=agency_id in suspended,
            own_word=binds and active.get(agency_id) is not None,
            reached=agency_id in reached,
            may_sign=await _may_sign_today(read, agreement_id, each, now),
            on_file=agency_id in on_file,
        )
        for agency_id, each in parties.items()
    }


async def _may_sign_today(read: Read, agreement_id: UUID, act: Reported | Row[Any], now: datetime) -> bool:
    """Whether the office that is said to have signed, or given its word, may still do so."""
    if act.kind not in BINDING:
        return True
    assert act.signatory_title is not None
    found = await read.first(_WHERE, {"id": agreement_id, "agency_id": act.agency_id})
    assert found is not None
    today = civil_day(now, found.its_zone or found.time_zone)
    return await may_sign_on(read, act.version_id or found.version_id, act.agency_id, act.signatory_title, today)


async def needs_own_word(read: Read, report: Row[Any], *, by: datetime | None = None) -> bool:
    """Whether what is reported takes the party's own word, since the party says so, and did before `by`."""
    since = await read.value(_OWN_WORD_SINCE, {"agency_id": report.agency_id})
    if since is None or (by is not None and since >= by):
        return False
    return takes_own_word(ReportedKind(report.kind), await _proposed(read, report))


async def _proposed(read: Read, act: Reported | Row[Any]) -> ProposalKind | None:
    """What the act is a yes to; None where it is none."""
    if act.kind not in OF_CONSENT:
        return None
    asked = await read.first(_ASKED, {"proposal_id": act.proposal_id})
    assert asked is not None
    return ProposalKind(asked.kind)


async def may_act(read: Read, agency_id: UUID) -> bool:
    """Whether the agency may do anything in the registry."""
    return bool(await read.value(_STATUS, {"agency_id": agency_id}) == AgencyStatus.ACTIVE)


async def said_no(read: Read, agreement_id: UUID, act: Reported | Row[Any], now: datetime) -> bool:
    """Whether the party's last own word in the matter was a no: to be bound, to have left, or to what was proposed.

    Each duty is a matter of its own. Being bound is one matter whatever the text, leaving is one however it is said,
    and a proposal is one with others of its kind; what one party did with its other acts. It is over once the party has
    signed, or given its word.
    """
    reporter_id = None if isinstance(act, Reported) else act.recorded_by_id
    return act.agency_id in await _said_no(read, agreement_id, [act], reporter_id, now)


async def _said_no(
    read: Read, agreement_id: UUID, acts: Sequence[Reported | Row[Any]], reporter_id: UUID | None, now: datetime
) -> frozenset[UUID]:
    """The parties that said no in the matter of which the acts are; see `said_no`.

    Whether somebody's notice came is a matter of each who gave one, and who did reports it: `reporter_id`.
    """
    act, agency_ids = acts[0], [each.agency_id for each in acts]
    kind = ReportedKind(act.kind)
    contested = await read.all(_CONTESTED, {"id": agreement_id, "agency_ids": sorted(agency_ids)})
    if kind in BINDING:
        bound = [(row.agency_id, row.contested_at) for row in contested if row.kind in BINDING]
        noes = {each: [at for its, at in bound if its == each] for each in agency_ids}
        return frozenset([each for each, said in noes.items() if await _declined(read, agreement_id, each, said, now)])
    if kind in LEAVING:
        return frozenset(each.agency_id for each in contested if each.kind in LEAVING)
    if kind is ReportedKind.RECEIVED_NOTICE:
        about = (kind, reporter_id)
        denied = {each.agency_id for each in contested if (each.kind, each.recorded_by_id) == about}
        # Who has said on which day it came has denied every other.
        kept = await read.value(_RECEIPTS, {"id": agreement_id, "agency_id": reporter_id})
        return frozenset(denied | {each for each in agency_ids if own_receipt(kept, each) is not None})
    if kind in OF_DUTY:
        return frozenset(each.agency_id for each in contested if each.duty_id == act.duty_id and each.kind == kind)
    asked = await read.first(_ASKED, {"proposal_id": act.proposal_id})
    assert asked is not None
    return frozenset(
        each.agency_id
        for each in contested
        if each.proposed == asked.kind
        and each.kind not in LEAVING
        and (asked.kind not in OF_ONE or each.proposed_by_id == asked.proposed_by_id)
    )


async def _declined(
    read: Read, agreement_id: UUID, agency_id: UUID, contested: Sequence[datetime], now: datetime
) -> bool:
    """Whether the party's last word on being bound was a no, of which `contested` are its noes to reports."""
    its = {"id": agreement_id, "agency_id": agency_id}
    noes = [*contested, *(at for at in [await read.value(_DECLINED, its)] if at is not None)]
    if not noes:
        return False
    answers = [await read.value(statement, its) for statement in (_SIGNED, _CONFIRMED, _WORD)]
    given = [at for at in answers if at is not None and at <= now]  # a word that is to count later is a report's
    return not given or max(noes) > max(given)
