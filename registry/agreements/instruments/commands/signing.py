"""How an agency comes to be bound: by its own signature, or by what it signed on paper.

A signature given here counts from now. One on paper counts from the day on which it was given, once those agree to that
who would be bound backwards by it (`earlier_days`): what was known at the time of a decision is kept with the decision.
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.authorising import authorised
from registry.agreements.instruments.commands.being_bound import check_hand
from registry.agreements.instruments.commands.earlier_days import count_from_its_day, reaches_back
from registry.agreements.instruments.commands.given_up import check_not_given_up
from registry.agreements.instruments.commands.holding import finished, held
from registry.agreements.instruments.commands.open_text import (
    OpenText,
    advanced_text,
    check_agreed_end,
    open_text,
    own_text,
    text_begins_at,
    waiting_paper,
)
from registry.agreements.instruments.commands.settling.dated_back import OwnAct
from registry.agreements.instruments.commands.settling.effects import replace_reports
from registry.agreements.instruments.commands.shown_paper import check_named, check_shown
from registry.agreements.instruments.commands.signing_order import in_turn
from registry.agreements.instruments.commands.standing_text import STOOD_SINCE, check_stood
from registry.agreements.instruments.consent import ReportedKind
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.let_in import open_since
from registry.agreements.instruments.queries.parties import JOINED_AT
from registry.agreements.instruments.queries.signing_power import also_needed_on
from registry.agreements.instruments.queries.texts import executed_texts
from registry.agreements.instruments.queries.unchecked import unchecked_by_others
from registry.agreements.instruments.rules import (
    ALREADY_SIGNED,
    AgreementAction,
    Stage,
    advance,
    check_evidence,
    over_for_new_texts,
    refuse,
    signed_too_late,
)
from registry.agreements.instruments.schemas.evidence import OnPaper
from registry.agreements.instruments.schemas.given import (
    Confirmation,
    RecordedAgreement,
    RecordedAmendment,
    Signing,
)
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import (
    agreement,
    agreement_party,
    agreement_signature,
    agreement_version,
)
from registry.platform.access.acts import keep_act, separate
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Write
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import Conflict, RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

Paper: TypeAlias = Signing | Confirmation | RecordedAgreement | RecordedAmendment


class SignatureDetails(Struct, kw_only=True, frozen=True):
    """Who signs, in which manner, and from when the signature counts."""

    agency_id: UUID
    manner: Literal["electronic", "wet", "confirmed"]
    signed_on: date
    counts_from: datetime
    given_on: date | None  # the day of the act, where the authority must hold then too
    came_signed: bool = False  # a paper that is recorded or confirmed, and is not signed here
    its_day_is_asked: bool = False  # until then it counts from its recording: see `earlier_days`


_STOOD_SINCE = sa.select(*STOOD_SINCE).where(
    agreement_version.c.id == sa.bindparam("version_id", type_=agreement_version.c.id.type)
)
_OPEN_SIGNATURES = (
    sa.select(sa.func.count())
    .select_from(agreement_party)
    .outerjoin(
        agreement_signature,
        sa.and_(
            agreement_signature.c.agency_id == agreement_party.c.agency_id,
            agreement_signature.c.version_id == sa.bindparam("version_id", type_=agreement_signature.c.version_id.type),
        ),
    )
    .where(
        agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
        agreement_signature.c.id.is_(None),
    )
)


_ITS_SIGNATURES = sa.select(agreement_signature).where(
    agreement_signature.c.version_id == sa.bindparam("its_version", type_=agreement_signature.c.version_id.type)
)


_HAND = sa.select(agreement_signature.c.id).where(
    agreement_signature.c.version_id == sa.bindparam("version_id", type_=agreement_signature.c.version_id.type),
    agreement_signature.c.agency_id == sa.bindparam("agency_id", type_=agreement_signature.c.agency_id.type),
)


_JOIN_ALL = (
    agreement_party.update()
    .where(
        agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
        agreement_party.c.agency_id.in_(_ITS_SIGNATURES.with_only_columns(agreement_signature.c.agency_id)),
    )
    .values(
        joined_at=_ITS_SIGNATURES.where(agreement_signature.c.agency_id == agreement_party.c.agency_id)
        .with_only_columns(agreement_signature.c.counts_from)
        .correlate(agreement_party)
        .scalar_subquery()
    )
)


_JOIN = agreement_party.update().where(
    agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("its_agency", type_=agreement_party.c.agency_id.type),
)


_INSERT = agreement_signature.insert()


async def sign(write: Write, caller: Caller, agreement_id: UUID, signing: Signing, expected: Expected) -> Agreement:
    """Sign the version whose hash is named, for the own agency.

    The last signature to a new agreement executes it; to an amendment, the last of those who are bound. Signing what is
    executed joins it, or ratifies what was agreed by word of mouth. Raises RuleBroken for another version's hash, a day
    that cannot be and an office that may not, Forbidden for who approved the text and for who wrote what was set in
    motion unapproved, Conflict for a second signature, WrongStatus.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    text = await executed_text(write, row, signing.version_sha256)
    text = text or await waiting_paper(write, row, signing.version_sha256) or named_text(row, signing.version_sha256)
    refuse(over_for_new_texts(row.terminated_at, caller.now, row.time_zone))
    stage = advanced_text(text, AgreementAction.SIGN)
    await check_agreed_end(write, row, text, caller.now)
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    signed_on = await _day_signed(write, text, signing, today, caller.agency_id)
    its_day = _counts_from(row, text, signing, today)
    signed_at = await counts_from(write, caller, row, text.version_id, its_day)
    if row.executed_at is not None and not text.of_bound:
        await check_not_given_up(write, row, text.version_id, signed_on, signed_at)
    if signed_at < caller.now:  # what it had signed before it left it confirms
        await check_hand(write, row.id, caller.agency_id, caller.now, of_bound=text.of_bound)
    await check_named(write, row.id, caller.agency_id, signing)
    signature = SignatureDetails(
        agency_id=caller.agency_id,
        manner=signing.manner,
        signed_on=signed_on,
        given_on=today.at_agency,
        counts_from=signed_at,
        its_day_is_asked=reaches_back(signed_at, today),
    )
    unchecked = await unchecked_by_others(write, caller.principal, row, text.version_id)
    how = _how(text)
    relaxed = await write_signature(
        write, caller, row.id, text.version_id, signature, signing, unchecked=unchecked, **how
    )
    told = {"agency_id": str(caller.agency_id), "manner": signing.manner, "sha256": text.sha256, **relaxed}
    if its_day < caller.now:
        told["signed_on"] = signed_on
    if text.amendment_id is not None:
        told |= await _put_its_day(write, caller, row, text, signature, signing)
        await finished(write, caller, row, EventType.AGREEMENT_SIGNED, {**told, "version_no": text.version_no})
        return await get_agreement(write, caller.principal, row.id, caller.now)
    values: dict[str, Any] = {"stage": stage}
    if row.executed_at is not None:
        await join(write, row.id, caller.agency_id, _counts_for_now(signature, caller.now))
        told |= await _put_its_day(write, caller, row, text, signature, signing)
    elif not await write.value(_OPEN_SIGNATURES, {"id": row.id, "version_id": text.version_id}):
        values = {"stage": advance(stage, AgreementAction.EXECUTE), "executed_at": caller.now}
        await join_signatories(write, row.id, text.version_id)
    await finished(write, caller, row, EventType.AGREEMENT_SIGNED, {**told, "stage": values["stage"]}, **values)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def bind_by_paper(write: Write, caller: Caller, row: Row[Any], text: OpenText, paper: Confirmation) -> None:
    """The own agency's paper signature to what was recorded.

    Of what a signed copy of that version shows that another filed its own day counts alone. Else the signature is as
    good as given on the day on which the party itself filed one, or now, and needs the office's authority then too.
    """
    stage = advanced_text(text, AgreementAction.CONFIRM)
    agency_id = caller.agency_id
    if await write.value(_HAND, {"version_id": text.version_id, "agency_id": agency_id}) is not None:
        raise Conflict(ALREADY_SIGNED, "already_signed")
    today = await today_of(write, agency_id, row.time_zone, caller.now)
    signed_at = await counts_from(write, caller, row, text.version_id, paper_day(today, paper.signed_on))
    refuse(signed_too_late(signed_at, row.terminated_at, row.time_zone))
    await check_agreed_end(write, row, text, caller.now)
    await check_not_given_up(write, row, text.version_id, paper.signed_on, signed_at)
    # Else who had left before it begins could read it for its own word alone.
    begins = await text_begins_at(write, text)
    await check_hand(write, row.id, agency_id, signed_at, of_bound=text.of_bound, begins_at=begins)
    recorded = await existed(write, text, paper.signed_on, today)
    await check_shown(write, text, agency_id, paper, paper.signed_on, today)
    await check_named(write, row.id, agency_id, paper)
    shown_by = paper.evidence_sha256 if recorded else None
    signature = SignatureDetails(
        agency_id=agency_id,
        manner="confirmed",
        signed_on=paper.signed_on,
        given_on=await also_needed_on(write, row.id, text.version_id, agency_id, shown_by, today),
        came_signed=True,
        counts_from=signed_at,
        its_day_is_asked=reaches_back(signed_at, today),
    )
    unchecked = await unchecked_by_others(write, caller.principal, row, text.version_id)
    how = _how(text)
    relaxed = await write_signature(
        write, caller, row.id, text.version_id, signature, paper, unchecked=unchecked, **how
    )
    about = {
        "agency_id": str(agency_id),
        "signed_on": paper.signed_on,
        "sha256": text.sha256,
        "evidence_sha256": paper.evidence_sha256,
        **relaxed,
        "evidence_location": paper.evidence_location,
        **({"agrees_to_publish": True} if paper.agrees_to_publish else {}),
    }
    if text.amendment_id is not None:
        about |= await _put_its_day(write, caller, row, text, signature, paper)
        await finished(write, caller, row, EventType.AGREEMENT_CONFIRMED, {**about, "version_no": text.version_no})
        return
    await join(write, row.id, agency_id, _counts_for_now(signature, caller.now))
    about |= await _put_its_day(write, caller, row, text, signature, paper)
    await finished(write, caller, row, EventType.AGREEMENT_CONFIRMED, about, stage=stage)


def _counts_for_now(signature: SignatureDetails, now: datetime) -> datetime:
    return now if signature.its_day_is_asked else signature.counts_from


async def _put_its_day(
    write: Write, caller: Caller, row: Row[Any], text: OpenText, signature: SignatureDetails, paper: Paper
) -> dict[str, object]:
    """Let the signature, which is written down, count from its day, or put that to the others: see `earlier_days`."""
    if not signature.its_day_is_asked:
        return {}
    act = OwnAct(agency_id=signature.agency_id, at=signature.counts_from, signed_version_id=text.version_id)
    shown = OnPaper(evidence_sha256=paper.evidence_sha256, evidence_location=paper.evidence_location)
    said = f"It signed version {text.version_no} on paper on {signature.signed_on}, and says so now."
    return await count_from_its_day(write, caller, row, act, shown, signature.signed_on, said)


def _how(text: OpenText) -> dict[str, bool]:
    """Whose a signature may be, and whether it is one of a round: what is executed has no turns."""
    return {"of_bound": text.of_bound, "in_round": text.stage is Stage.OUT_FOR_SIGNATURE}


async def write_signature(
    write: Write,
    caller: Caller,
    agreement_id: UUID,
    version_id: UUID,
    signature: SignatureDetails,
    paper: Paper,
    *,
    of_bound: bool = False,
    in_round: bool = True,
    unchecked: Collection[Act] = (),
) -> dict[str, object]:
    """Write a signature down, in its turn while the text is out for signature, and on its office's authority.

    What the record says of separated duties. Nobody signs that had left on the day from which the signature counts, nor
    a text `of_bound` that was never bound. What came after that day does not matter: it is the same whichever is
    entered first. What others reported of this signature is replaced by it. Raises Forbidden for who approved the text,
    and for who did alone what nobody else of the agency has checked (`unchecked`); WrongStatus, RuleBroken, Conflict.
    """
    its = (agreement_id, version_id)  # who wrote the first text is kept under the agreement
    relaxed = await separate(write, caller, Act.SIGN, *its, unchecked=unchecked)
    keep_act(write, caller, Act.SIGN, version_id)
    check_evidence(paper.evidence_sha256, paper.evidence_location, needed=False)
    # That it had signed before it left, or was released, may be said afterwards.
    its_day = min(caller.now, signature.counts_from)
    await check_hand(write, agreement_id, signature.agency_id, its_day, of_bound=of_bound)
    if in_round:
        await in_turn(write, version_id, signature.agency_id, caller.now)
    signer, kind = signature.agency_id, ReportedKind.SIGNED
    await replace_reports(write, agreement_id, signer, kind, now=caller.now, version_id=version_id)
    await write.run(
        _INSERT,
        {
            "id": new_id(),
            "agreement_id": agreement_id,
            "version_id": version_id,
            "agency_id": signature.agency_id,
            "manner": signature.manner,
            "signatory_title": paper.signatory_title,
            "signed_on": signature.signed_on,
            "evidence_sha256": paper.evidence_sha256,
            "evidence_location": paper.evidence_location,
            "recorded_at": caller.now,
            "counts_from": _counts_for_now(signature, caller.now),
            "separation_relaxed": bool(relaxed),
            "publishes": not isinstance(paper, Confirmation) or paper.agrees_to_publish,
        },
    )
    signed = (paper.signatory_title, signature.signed_on, signature.given_on)
    await authorised(write, version_id, signature.agency_id, *signed, is_confirmed=signature.came_signed)
    return relaxed


async def join_signatories(write: Write, agreement_id: UUID, version_id: UUID) -> None:
    """Bind each party that has signed the version, as it is executed: from its own signature on."""
    await write.run(_JOIN_ALL, {"its_id": agreement_id, "its_version": version_id})


async def join(write: Write, agreement_id: UUID, agency_id: UUID, joined_at: datetime) -> None:
    """Bind a party from then on; one that signed, or gave its word, before stays bound from then on.

    What is older may be entered later: the first counts, whatever the order.
    """
    known = await write.value(JOINED_AT, {"id": agreement_id, "agency_id": agency_id})
    if known is None or joined_at < known:
        await write.run(_JOIN, {"its_id": agreement_id, "its_agency": agency_id, "joined_at": joined_at})


def named_text(row: Row[Any], digest: str, action: AgreementAction = AgreementAction.SIGN) -> OpenText:
    """The text of that hash: the amendment on its way, or what the agreement says. Raises RuleBroken for neither."""
    for text in (open_text(row), own_text(row)):
        if text.sha256 == digest:
            return text
    advanced_text(open_text(row), action)  # where nothing can be signed, that is what to say
    raise RuleBroken.at(
        "That is not the hash of the version to sign. Read the agreement again, and sign what it says now.",
        "other_version",
        "not the version to sign",
        pointer="/version_sha256",
    )


async def executed_text(write: Write, row: Row[Any], digest: str) -> OpenText | None:
    """The executed text of that hash, where it is another than the one that takes effect last; None for none."""
    if row.executed_at is None:
        return None
    for text in await executed_texts(write, row.id):
        if text.sha256 == digest and text.version_id != row.version_id:
            return msgspec.structs.replace(
                own_text(row),
                version_id=text.version_id,
                version_no=text.no,
                title=text.title,
                raw_terms=text.terms,
                sha256=digest,
                kind=text.kind,
            )
    return None


async def _day_signed(write: Write, text: OpenText, signing: Signing, today: Today, agency_id: UUID) -> date:
    """The day of a signature that is given here: today, or what the paper says.

    Raises RuleBroken for a day that an electronic signature claims, that a paper lacks, or that cannot be.
    """
    if signing.manner == "electronic":
        if signing.signed_on is not None:
            raise RuleBroken.at(
                "An electronic signature is given now, and the registry dates it: leave signed_on out.",
                "signature_day",
                "for a signature on paper only",
                pointer="/signed_on",
            )
        return today.at_agency
    if signing.signed_on is None:
        raise RuleBroken.at(
            "A signature on paper bears its day: name it.", "signature_day", "needed on paper", pointer="/signed_on"
        )
    paper_day(today, signing.signed_on)
    await existed(write, text, signing.signed_on, today)
    await check_shown(write, text, agency_id, signing, signing.signed_on, today)
    return signing.signed_on


def _counts_from(row: Row[Any], text: OpenText, signing: Signing, today: Today) -> datetime:
    """From when the signature counts: that of a paper to what others are bound by already, from the day that it bears.

    So it does not matter whether it is entered as a signature or confirmed. A text that is out for signature waits for
    each that is bound, in view of who is asked, so there the instant of recording decides.
    """
    waits_for_nobody = text.is_paper or (row.executed_at is not None and text.amendment_id is None)
    if signing.signed_on is None or not waits_for_nobody or not today.is_over(signing.signed_on):
        return today.now
    return paper_day(today, signing.signed_on)


async def counts_from(
    write: Write, caller: Caller, row: Row[Any], version_id: UUID, at: datetime, *, of_its_own: bool = False
) -> datetime:
    """From when the own hand of that instant counts: of who was let in, from then at the earliest.

    Raises WrongStatus for a text that is not open to it; what it enters itself (`of_its_own`) binds nobody else yet.
    """
    found = await open_since(write, row.id, version_id, caller.agency_id, row.time_zone, caller.now)
    if not of_its_own:
        refuse(found.bar)
    return at if found.at is None else max(at, found.at)


async def existed(write: Write, text: OpenText, signed_on: date, today: Today, pointer: str = "/signed_on") -> bool:
    """Whether the text was taken over from paper, and so may have been signed before it came here.

    Raises RuleBroken for a signature, or a word, older than a text that was written here.
    """
    found = await write.first(_STOOD_SINCE, {"version_id": text.version_id})
    assert found is not None
    check_stood(found, signed_on, today, pointer)
    return bool(found.is_recorded)


def paper_day(today: Today, signed_on: date) -> datetime:
    """The instant from which a signature of that day counts: its first where the signer is, and never to come.

    `today` is that of the agency whose signature it is. Raises RuleBroken for a day that is still to come.
    """
    rule = "The day of a signature must not lie in the future."
    today.check_come(signed_on, "/signed_on", "signed_in_future", rule)
    return today.counts_from(signed_on)
