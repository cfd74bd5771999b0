"""From a draft to a text that is out for signature, and back."""

from secrets import token_hex
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.agreements.instruments.canonical import (
    Particulars,
    ProvisionText,
    commitments,
    version_hash,
    version_parts,
)
from registry.agreements.instruments.commands.drafting import draft_provisions
from registry.agreements.instruments.commands.holding import changed, finished, held, parties_of
from registry.agreements.instruments.commands.indexing import index_version
from registry.agreements.instruments.commands.open_text import (
    advanced_text,
    move_text,
    named_by_number,
    next_version_no,
    open_text,
    written_as,
)
from registry.agreements.instruments.commands.review_rounds import close_round, open_round, settle_round
from registry.agreements.instruments.commands.settling.closing import drop_reported_signatures
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.waiting import NO_TEXT
from registry.agreements.instruments.reviews import RoundOutcome
from registry.agreements.instruments.rules import (
    AgreementAction,
    AgreementKind,
    Sensitivity,
    over_for_new_texts,
    refuse,
)
from registry.agreements.instruments.schemas.given import RecordedAgreement, RecordedAmendment, TextReason
from registry.agreements.instruments.schemas.reviewing import AgreementSubmission
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.schemas.signing import AgreementForSignature
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_coverage,
    agreement_version,
    agreement_version_dates,
    agreement_version_part,
    provision,
)
from registry.agreements.instruments.terms import Terms, said_by
from registry.agreements.instruments.worded import contradicted
from registry.agreements.instruments.written import TermDates, WrittenClause
from registry.platform.access.acts import keep_act, separate
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.commands import keyed_hash
from registry.platform.ledger.event_types import EventType

_SALT_BYTES = 16
_TERM = ("effective_on", "expires_on", "notice", "auto_renew_months", "auto_renew_times")
_FREEZE = agreement_version.update().where(
    agreement_version.c.id == sa.bindparam("its_id", type_=agreement_version.c.id.type)
)
_VERSION = (
    sa.select(
        agreement_version.c.agreement_id,
        agreement_version.c.title,
        agreement_version.c.terms,
        *(agreement.c[name] for name in ("number", "kind", "time_zone")),
        agreement_version_dates.c.kind.label("version_kind"),
        *(agreement_version_dates.c[name] for name in _TERM),
    )
    .join(agreement, agreement.c.id == agreement_version.c.agreement_id)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .where(agreement_version.c.id == sa.bindparam("id", type_=agreement_version.c.id.type))
)
_FROM = sa.bindparam("from_version", type_=agreement_version.c.id.type)
_TO = sa.bindparam("to_version", type_=agreement_version.c.id.type)
_COPIED = [column for column in provision.c if column is not provision.c.version_id]
_COPY_PROVISIONS = provision.insert().from_select(
    ["version_id", *(column.name for column in _COPIED)],
    sa.select(_TO, *_COPIED).where(provision.c.version_id == _FROM),
)
_COPY_COVERAGE = agreement_coverage.insert().from_select(
    ["version_id", "category"],
    sa.select(_TO, agreement_coverage.c.category).where(agreement_coverage.c.version_id == _FROM),
)
_COPIED_DATES = [column for column in agreement_version_dates.c if column is not agreement_version_dates.c.version_id]
_COPY_DATES = agreement_version_dates.insert().from_select(
    ["version_id", *(column.name for column in _COPIED_DATES)],
    sa.select(_TO, *_COPIED_DATES).where(agreement_version_dates.c.version_id == _FROM),
)
_NEXT_TEXT = agreement_amendment.update().where(
    agreement_amendment.c.id == sa.bindparam("its_id", type_=agreement_amendment.c.id.type)
)
_STEPS = {
    AgreementAction.APPROVE: (Action.AGREEMENTS_REVIEW, EventType.AGREEMENT_APPROVED),
    AgreementAction.SEND_FOR_SIGNATURE: (Action.AGREEMENTS_UPDATE, EventType.AGREEMENT_SENT_FOR_SIGNATURE),
    AgreementAction.WITHDRAW: (Action.AGREEMENTS_UPDATE, EventType.AGREEMENT_WITHDRAWN),
}


async def submit(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    agreement_id: UUID,
    submission: AgreementSubmission,
    expected: Expected,
) -> Agreement:
    """Freeze the draft's text as a version, show it to all parties and ask the reviewers named.

    Raises RuleBroken where it has no provisions, and for reviewers who are no parties.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    stage = advanced_text(open_text(row), AgreementAction.SUBMIT)
    text = named_by_number(row, submission.version_no)
    frozen = await freeze(write, caller, ledger_key, text.version_id, needs_text=True)
    asked = await open_round(write, caller, row, text.version_id, submission)
    told = {"version_no": text.version_no, **frozen, **asked, "note": submission.note}
    values = await move_text(write, caller, text, stage, is_shared=True)
    await changed(write, caller, row, EventType.AGREEMENT_SUBMITTED, told, **values)
    return await get_agreement(write, caller.principal, agreement_id, caller.now)


async def freeze(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    version_id: UUID,
    *,
    needs_text: bool,
    paper: RecordedAgreement | RecordedAmendment | None = None,
) -> dict[str, object]:
    """Make a version immutable; what the ledger keeps of it. Raises RuleBroken where the text that it needs lacks.

    `sha256` is the digest that signatures name. Restricted text enters as hashes under the registry's key, so that its
    wording can be proved by whoever holds text and key, and guessed by nobody who reads the ledger. `paper` is what it
    was recorded from, where it came signed.
    """
    version = await write.first(_VERSION, {"id": version_id})
    assert version is not None
    provisions = await draft_provisions(write, version_id)
    if needs_text and not provisions:
        raise RuleBroken.at(
            NO_TEXT,
            "no_provisions",
            "no provisions",
            pointer="/provisions",
        )
    terms = msgspec.json.decode(version.terms, type=Terms)
    parts = version_parts(
        Particulars(
            number=version.number,
            title=version.title,
            kind=AgreementKind(version.kind),
            version_kind=version.version_kind,
            parties=await parties_of(write, version.agreement_id),
            time_zone=version.time_zone,
            **{name: version._mapping[name] for name in _TERM if name != "notice"},
            notice=read_notice(version.notice),
        ),
        [ProvisionText(**{name: getattr(p, name) for name in ProvisionText.__struct_fields__}) for p in provisions],
        terms,
        (token_hex(_SALT_BYTES) for _ in range(len(provisions) + 1)),
    )
    canonical = commitments(parts)
    digest = version_hash(canonical)
    secret = [p for p in provisions if p.sensitivity == Sensitivity.RESTRICTED]
    otherwise = contradicted(
        [WrittenClause(number=p.number, heading=p.heading, text=p.text) for p in provisions],
        terms,
        TermDates(
            notice=read_notice(version.notice),
            effective_on=version.effective_on,
            expires_on=version.expires_on,
            auto_renew_months=version.auto_renew_months,
            auto_renew_times=version.auto_renew_times,
            amends=version.version_kind != "original",
        ),
    )
    withheld = said_by(terms, {p.number for p in secret})
    frozen = {
        "canonical": canonical,
        "sha256": digest,
        "frozen_at": caller.now,
        "is_recorded": paper is not None,
        "evidence_sha256": None if paper is None else paper.evidence_sha256,
        "evidence_location": None if paper is None else paper.evidence_location,
        "restricted_terms": withheld,
        "contradicted_terms": {name: None if name in withheld else words for name, words in otherwise.items()} or None,
        "open_to_accession": bool(terms.open_to_accession),
    }
    rows = [{"version_id": version_id, "ordinal": n, **msgspec.structs.asdict(each)} for n, each in enumerate(parts)]
    await write.run(agreement_version_part.insert(), rows)  # before it is frozen: nothing is added to it afterwards
    await write.run(_FREEZE, {"its_id": version_id, **frozen})
    restricted = {p.number: keyed_hash(ledger_key, version_id, p.text) for p in secret}
    return {"sha256": digest, **({"restricted": restricted} if restricted else {})}


async def send_back(
    write: Write, caller: Caller, agreement_id: UUID, said: TextReason, expected: Expected
) -> Agreement:
    """Open the text for editing again, as the draft of the next version; signatures given so far count for nothing."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    stage = advanced_text(open_text(row), AgreementAction.SEND_BACK)
    text, reason = named_by_number(row, said.version_no), said.reason
    refuse(over_for_new_texts(row.terminated_at, caller.now, row.time_zone))
    await close_round(write, row.id, RoundOutcome.SENT_BACK, caller.now)
    await drop_reported_signatures(write, text.version_id, reason, caller.now)
    no = await next_version_no(write, agreement_id)
    version_id = await copy_version(write, caller, agreement_id, text.version_id, no, text.title, text.raw_terms)
    await write.run(_COPY_DATES, {"from_version": text.version_id, "to_version": version_id})
    values = await move_text(write, caller, text, stage, current_version=no, is_shared=False)
    if text.amendment_id is not None:
        await write.run(_NEXT_TEXT, {"its_id": text.amendment_id, "version_id": version_id})
    write_down = changed if text.amendment_id is None else finished  # nobody is bound by a first text yet
    await write_down(write, caller, row, EventType.AGREEMENT_SENT_BACK, {"reason": reason, "version_no": no}, **values)
    return await get_agreement(write, caller.principal, agreement_id, caller.now)


async def copy_version(
    write: Write, caller: Caller, agreement_id: UUID, from_version: UUID, no: int, title: str, terms: object
) -> UUID:
    """A draft that says what another version says, as number `no`; its id. Its dates are still to be written."""
    version_id = new_id()
    await write.run(
        agreement_version.insert(),
        {
            "id": version_id,
            "agreement_id": agreement_id,
            "no": no,
            "title": title,
            "terms": terms,
            "created_at": caller.now,
        },
    )
    copied = {"from_version": from_version, "to_version": version_id}
    await write.run(_COPY_PROVISIONS, copied)
    await write.run(_COPY_COVERAGE, copied)
    await index_version(write, version_id)
    return version_id


async def step(
    write: Write,
    caller: Caller,
    agreement_id: UUID,
    action: AgreementAction,
    version_no: int,
    words: dict[str, object],
    expected: Expected,
    how: AgreementForSignature | None = None,
) -> Agreement:
    """Approve, send for signature (in the order that `how` says) or withdraw.

    Raises WrongStatus where the table has no such move, RuleBroken for another text than the one that is named,
    WrongStatus for an approval while a required reviewer is outstanding; Forbidden for who wrote at the text and would
    approve it.
    """
    permission, event = _STEPS[action]
    row = await held(write, caller, agreement_id, permission, expected)
    stage = advanced_text(open_text(row), action)
    text = named_by_number(row, version_no)
    if action is AgreementAction.APPROVE:
        words = {**words, **await separate(write, caller, Act.APPROVE, written_as(row, text), text.version_id)}
        keep_act(write, caller, Act.APPROVE, text.version_id)
    words = {
        **words,
        **await settle_round(write, caller, row, text, action, how or AgreementForSignature(version_no=version_no)),
    }
    values = await move_text(write, caller, text, stage)
    private = text.amendment_id is not None and text.sha256 is None
    write_down = changed if text.amendment_id is None else finished
    await write_down(write, caller, row, event, {**words, "version_no": text.version_no}, private=private, **values)
    return await get_agreement(write, caller.principal, agreement_id, caller.now)
