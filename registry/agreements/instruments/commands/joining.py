"""Further parties, and agreement by word of mouth."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.being_bound import check_bound
from registry.agreements.instruments.commands.content import known_agencies
from registry.agreements.instruments.commands.holding import advanced, finished, held, parties_of
from registry.agreements.instruments.commands.open_text import named_by_number
from registry.agreements.instruments.commands.proposing import NewProposal, check_none_open, propose
from registry.agreements.instruments.commands.review_rounds import close_round
from registry.agreements.instruments.commands.reviewing import freeze
from registry.agreements.instruments.commands.settling.effects import replace_reports
from registry.agreements.instruments.commands.signing import counts_from, join_signatories
from registry.agreements.instruments.commands.signing_order import check_not_declined
from registry.agreements.instruments.consent import ProposalKind, ReportedKind
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.lapsing import expired
from registry.agreements.instruments.queries.let_in import let_in
from registry.agreements.instruments.queries.signing_power import authority_for
from registry.agreements.instruments.queries.texts import executed_texts
from registry.agreements.instruments.queries.visibility import still_bound
from registry.agreements.instruments.reviews import RoundOutcome
from registry.agreements.instruments.rules import AgreementAction, Stage, refuse, word_barred
from registry.agreements.instruments.schemas.given import NewParties, NewVerbalActivation, VerbalConsent
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import (
    agreement,
    agreement_party,
    agreement_party_window,
    agreement_signature,
    agreement_unasked,
    agreement_version,
)
from registry.agreements.instruments.terms import Terms
from registry.platform.access.acts import keep_act, separate
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Write
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import Fault, RuleBroken, WrongStatus
from registry.platform.kernel.time import day_starts_at, format_instant
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_ID = sa.bindparam("id", type_=agreement.c.id.type)


_ITS = sa.and_(
    agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("its_agency", type_=agreement_party.c.agency_id.type),
)


_PART = sa.select(agreement_party).where(
    agreement_party.c.agreement_id == _ID,
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
)


_SET_PART = agreement_party.update().where(_ITS)


async def _give_word(write: Write, caller: Caller, row: Row[Any], office: str, today: Today) -> dict[str, object]:
    """Bind the agency by the word of an office that may give it; what the ledger tells of its authority.

    A word binds as a signature does, so it is the act of signing. Raises Forbidden for who approved the text,
    RuleBroken where the agency keeps a register of authorities and the office has none that reaches the text.
    """
    relaxed = await separate(write, caller, Act.SIGN, row.version_id)
    keep_act(write, caller, Act.SIGN, row.version_id)
    authority_id = await authority_for(write, row.version_id, caller.agency_id, office, today.at_agency)
    values = {"joined_at": caller.now, "verbally_at": caller.now, "verbal_authority_id": authority_id}
    await write.run(_SET_PART, {"its_id": row.id, "its_agency": caller.agency_id, **values})
    authority = "not_on_record" if authority_id is None else str(authority_id)
    return {"office": office, "authority": authority, **relaxed}


_BINDING = (
    sa.select(agreement_version.c.terms)
    .join(agreement_party_window, agreement_party_window.c.version_id == agreement_version.c.id)
    .where(
        agreement_party_window.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
        agreement_party_window.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
        agreement_party_window.c.ends_at > sa.bindparam("now", type_=agreement_party_window.c.ends_at.type),
    )
    .group_by(agreement_version.c.id)
)


_SIGNED = (
    sa.select(agreement_version.c.terms)
    .join(agreement_signature, agreement_signature.c.version_id == agreement_version.c.id)
    .where(
        agreement_version.c.id == sa.bindparam("version_id", type_=agreement_version.c.id.type),
        agreement_signature.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
    )
)


_unasked, _newcomer = agreement_unasked, agreement_party.alias("newcomer")
_UNASKED = (
    sa.select(_unasked.c.newcomer_id)
    .join(
        agreement_party,
        sa.and_(
            agreement_party.c.agreement_id == _unasked.c.agreement_id,
            agreement_party.c.agency_id == _unasked.c.agency_id,
        ),
    )
    .join(
        _newcomer,
        sa.and_(_newcomer.c.agreement_id == _unasked.c.agreement_id, _newcomer.c.agency_id == _unasked.c.newcomer_id),
    )
    .where(_unasked.c.agreement_id == _ID, still_bound(), ~_newcomer.c.in_text)
)


LONGEST_RATIFICATION_DAYS = 365


MOST_PARTIES = 2_000


async def add_parties(
    write: Write, caller: Caller, agreement_id: UUID, new: NewParties, expected: Expected
) -> Agreement:
    """Propose that further agencies may sign the executed text, unchanged; each is bound once it has signed.

    Until each party that is bound has consented they learn nothing of it. A text that is open to accession, and binds
    who adds them, has said so beforehand: by that alone they sign that text, and no other that binds parties who were
    not asked. Whoever came so, or to whom a party has not agreed, may be proposed anew, for all to consent. Raises
    RuleBroken for an agency that is unknown, dissolved or a party already, Conflict for one that is proposed already,
    WrongStatus.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    await check_bound(write, row.id, caller.agency_id, caller.now)
    advanced(row, AgreementAction.ADD_PARTIES)
    refuse(expired(row, caller.now))
    parties = await parties_of(write, row.id)
    anew = await _to_be_asked_anew(write, row, caller.now)
    settled = [each for each in parties if each not in anew]
    known = await known_agencies(write, new.agency_ids)
    faults = [
        Fault(pointer=f"/agency_ids/{index}", code=code, detail=detail)
        for index, agency_id in enumerate(new.agency_ids)
        for code, detail, met in (
            ("party_twice", "The agency is named already.", agency_id in [*settled, *new.agency_ids[:index]]),
            ("unknown_agency", "There is no such agency any more.", agency_id not in known),
        )
        if met
    ]
    if len({*parties, *new.agency_ids}) > MOST_PARTIES:
        detail = f"An agreement has at most {MOST_PARTIES} parties."
        faults.append(Fault(pointer="/agency_ids", code="too_many_parties", detail=detail))
    if faults:
        raise RuleBroken("These agencies cannot be added; nothing was done.", "parties_faulty", faults=faults)
    is_open = anew.isdisjoint(new.agency_ids) and await _is_open(write, caller, row)
    if not is_open:  # else nobody's consent is waited for any more, and what was proposed before is closed
        await check_none_open(write, caller, row.id, ProposalKind.NEWCOMERS, new.agency_ids)
    proposal = NewProposal(
        kind=ProposalKind.NEWCOMERS,
        not_before=caller.now,
        reason=new.reason,
        newcomer_ids=new.agency_ids,
        agreed_at=caller.now if is_open else None,
    )
    proposal_id, _ = await propose(write, caller, row, proposal)
    told = {
        "proposal_id": str(proposal_id),
        "agency_ids": [str(agency_id) for agency_id in new.agency_ids],
        "reason": new.reason,
    }
    await finished(write, caller, row, EventType.AGREEMENT_NEWCOMERS_PROPOSED, told)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def _to_be_asked_anew(write: Write, row: Row[Any], now: datetime) -> set[UUID]:
    """The newcomers about whom nobody was asked, where there is a text that does not let them in by itself.

    And those to whom a party that is bound by now has not agreed.
    """
    unasked = {each.newcomer_id for each in await write.all(_UNASKED, {"id": row.id, "now": now})}
    texts = await executed_texts(write, row.id)
    if all(msgspec.json.decode(each.terms, type=Terms).open_to_accession for each in texts):
        return unasked
    return unasked | {each for each, its in (await let_in(write, row.id, now)).items() if its.by_text_alone}


async def _is_open(write: Write, caller: Caller, row: Row[Any]) -> bool:
    """Whether a text that binds the agency, now or later, says that others may join it."""
    its = {"id": row.id, "agency_id": caller.agency_id, "now": caller.now}
    texts = await write.all(_BINDING, its)
    if not texts:  # it is suspended: by what it signed
        texts = await write.all(_SIGNED, {"version_id": row.version_id, "agency_id": caller.agency_id})
    return any(msgspec.json.decode(each.terms, type=Terms).open_to_accession for each in texts)


async def activate_verbally(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    agreement_id: UUID,
    activation: NewVerbalActivation,
    expected: Expected,
) -> Agreement:
    """Set the agreement in motion by word of mouth: it binds whoever gives its word, until the deadline to sign.

    The custodian gives its own with it; who has signed the text already is bound by that. Raises WrongStatus once it is
    executed and while a party declines to sign it, Forbidden for who approved the text, RuleBroken for a deadline out
    of reach, or before the first day of the agreement, when its word would have lapsed already.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    if row.custodian_id != caller.agency_id:
        raise WrongStatus("The agency that keeps the agreement sets it in motion; yours gives its word afterwards.")
    stage = advanced(row, AgreementAction.ACTIVATE_VERBALLY)
    named_by_number(row, activation.version_no, own=True)
    await check_not_declined(write, row.version_id, caller.agency_id, caller.now)
    zone = ZoneInfo(row.time_zone)
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    ratify_by_on = activation.ratify_by_on
    # A deadline binds by the agreement's clocks: a day that is over by them would end it before it began.
    if not today.by_agreement <= ratify_by_on <= today.at_agency + timedelta(days=LONGEST_RATIFICATION_DAYS):
        detail = f"The deadline lies between today and {LONGEST_RATIFICATION_DAYS} days ahead. {today}"
        faults = [Fault(pointer="/ratify_by_on", code="deadline_out_of_reach", detail=detail)]
        raise RuleBroken(detail, "deadline_out_of_reach", faults=faults)
    if ratify_by_on < row.effective_on:
        raise RuleBroken.at(
            f"The agreement begins on {row.effective_on}: a word that is to be ratified by {ratify_by_on} would bind "
            "nobody on any day of it. Give a deadline from its first day on, or send the text for signature.",
            "deadline_out_of_reach",
            f"before its first day, {row.effective_on}",
            pointer="/ratify_by_on",
        )
    frozen: dict[str, object] = {"sha256": row.sha256}
    if row.sha256 is None:
        frozen = await freeze(write, caller, ledger_key, row.version_id, needs_text=False)
    await close_round(write, row.id, RoundOutcome.ACTIVATED_VERBALLY, caller.now)
    ratify_by = day_starts_at(ratify_by_on + timedelta(days=1), zone)
    given = await _give_word(write, caller, row, activation.signatory_title, today)
    await join_signatories(write, row.id, row.version_id)
    told = {
        **given,
        "ratify_by": format_instant(ratify_by),
        "reason": activation.reason,
        "version_no": row.version_no,
        **frozen,
    }
    values: dict[str, Any] = {
        "stage": stage,
        "executed_at": caller.now,
        "ratify_by": ratify_by,
        "is_shared": True,
    }
    await finished(write, caller, row, EventType.AGREEMENT_ACTIVATED_VERBALLY, told, **values)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def agree_verbally(
    write: Write, caller: Caller, agreement_id: UUID, consent: VerbalConsent, expected: Expected
) -> Agreement:
    """Give the own agency's word to what was set in motion; to be ratified by its signature before the deadline.

    Raises RuleBroken for another version's hash, Forbidden for who approved the text, WrongStatus where nothing awaits
    its word.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    refuse(word_barred(Stage(row.stage), row.ratify_by, row.terminated_at, None, caller.now))
    if row.sha256 != consent.version_sha256:
        faults = [Fault(pointer="/version_sha256", code="other_version", detail="not the version agreed to")]
        raise RuleBroken("That is not the hash of the version in force.", "other_version", faults=faults)
    await replace_reports(write, row.id, caller.agency_id, ReportedKind.AGREED_VERBALLY, now=caller.now)
    for text in await executed_texts(write, row.id):  # a word binds to all that are executed by then
        await counts_from(write, caller, row, text.version_id, caller.now)
    part = await write.first(_PART, {"id": row.id, "agency_id": caller.agency_id})
    assert part is not None  # who is no party may not sign
    refuse(word_barred(Stage(row.stage), row.ratify_by, row.terminated_at, part.joined_at, caller.now))
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    given = await _give_word(write, caller, row, consent.signatory_title, today)
    told = {"agency_id": str(caller.agency_id), **given, "sha256": row.sha256}
    await finished(write, caller, row, EventType.AGREEMENT_AGREED_VERBALLY, told)
    return await get_agreement(write, caller.principal, row.id, caller.now)
