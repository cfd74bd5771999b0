"""Amendments and renewals: new versions of an executed agreement, on their way beside the text that is in force."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import UNSET
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.content import (
    Term,
    check_content,
    write_coverage,
    write_provisions,
    write_term,
)
from registry.agreements.instruments.commands.holding import advanced, changed, held, parties_of
from registry.agreements.instruments.commands.open_text import OpenText, check_before_end, next_version_no, written_as
from registry.agreements.instruments.commands.reviewing import copy_version
from registry.agreements.instruments.follows import TermOfText, about_terms_that_follow, about_what_follows
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.texts import executed_texts
from registry.agreements.instruments.remarks import Remark
from registry.agreements.instruments.rules import AMENDMENT_OPEN, AgreementAction, Stage
from registry.agreements.instruments.schemas.given import NewAmendment, RecordedAmendment
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import (
    agreement_amendment,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.instruments.term_days import renewal_of
from registry.agreements.instruments.terms import Terms, ending
from registry.platform.access.acts import keep_act
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_INSERT = agreement_amendment.insert()


async def amend(write: Write, caller: Caller, agreement_id: UUID, new: NewAmendment, expected: Expected) -> Agreement:
    """Open an amendment or a renewal as a draft that says what the newest executed version says.

    Raises Conflict while another one is open, WrongStatus, RuleBroken for dates that give no term.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    text = await open_amendment(write, caller, row, new, stage=Stage.DRAFT)
    keep_act(write, caller, Act.DRAFT, written_as(row, text))
    told = {"kind": new.kind, "version_no": text.version_no, "effective_on": new.effective_on, "reason": new.reason}
    await changed(write, caller, row, EventType.AGREEMENT_AMENDMENT_OPENED, told, private=True)
    return await get_agreement(write, caller.principal, agreement_id, caller.now)


async def open_amendment(
    write: Write, caller: Caller, row: Row[Any], new: NewAmendment | RecordedAmendment, *, stage: Stage
) -> OpenText:
    """Write the amendment's version, with the text given or a copy of what is in force, and put it on its way."""
    recorded = new if isinstance(new, RecordedAmendment) else None
    advanced(row, AgreementAction.AMEND if recorded is None else AgreementAction.RECORD_AMENDMENT)
    if row.amendment_id is not None and recorded is None:
        raise Conflict(AMENDMENT_OPEN, "amendment_open")
    texts = await executed_texts(write, row.id)
    # A draft begins as a copy of what is newest; a paper goes on from the text before it, though recorded late.
    before = row if recorded is None else _followed(texts, new.effective_on)
    expires_on = before.expires_on if new.expires_on is UNSET else new.expires_on
    check_before_end(row, new.effective_on, expires_on, caller.now, on_paper=recorded is not None)
    _check_dates(row, new.kind, new.effective_on, expires_on, texts)
    notice = read_notice(before.notice)
    months, times = before.auto_renew_months, before.auto_renew_times
    if recorded is not None:
        notice = notice if recorded.notice is UNSET else recorded.notice
        if recorded.auto_renew_months is not UNSET:  # a renewal of its own: how often the earlier one was says nothing
            months, times = recorded.auto_renew_months, None
        times = times if recorded.auto_renew_times is UNSET else recorded.auto_renew_times
    term = Term.starting(
        effective_on=new.effective_on,
        expires_on=expires_on,
        notice=notice,
        auto_renew_months=months if expires_on else None,
        auto_renew_times=times if expires_on and months else None,
    ).going_on(before._asdict())
    no = await next_version_no(write, row.id)
    if recorded is None:
        title, terms = row.version_title, ending(msgspec.json.decode(row.terms, type=Terms), expires_on)
        version_id = await copy_version(write, caller, row.id, row.version_id, no, title, terms)
    else:
        title, terms = recorded.title, _terms_on_paper(recorded, before.terms, expires_on)
        await check_content(
            write,
            custodian_id=row.custodian_id,
            parties=await parties_of(write, row.id),
            terms=terms,
            notice=notice,
            provisions=recorded.provisions,
            expires_on=expires_on,
            auto_renew_months=term.auto_renew_months,
            auto_renew_times=term.auto_renew_times,
        )
        version_id = new_id()
        values = {"id": version_id, "agreement_id": row.id, "no": no, "title": title, "terms": terms}
        await write.run(agreement_version.insert(), {**values, "created_at": caller.now})
        await write_provisions(write, version_id, recorded.provisions)
        await write_coverage(write, version_id, terms)
    await write_term(write, version_id, new.kind, term, row.time_zone)
    amendment_id = new_id()
    await write.run(
        _INSERT,
        {
            "id": amendment_id,
            "agreement_id": row.id,
            "version_id": version_id,
            "stage": stage,
            "opened_at": caller.now,
            "is_paper": recorded is not None,
        },
    )
    return OpenText(
        version_id=version_id,
        version_no=no,
        stage=stage,
        title=title,
        raw_terms=msgspec.json.encode(terms),
        sha256=None,
        kind=new.kind,
        amendment_id=amendment_id,
    )


def _terms_on_paper(paper: RecordedAmendment, before: Any, expires_on: date | None) -> Terms:
    """The terms of the text: all that are given with it or, where none are, those of the text `before` it.

    A clause that its provisions do not have any more says none of these.
    """
    if paper.terms is not UNSET:
        return paper.terms
    terms, numbers = ending(msgspec.json.decode(before, type=Terms), expires_on), {p.number for p in paper.provisions}
    clauses = {name: number for name, number in terms.clauses.items() if number in numbers}
    return msgspec.structs.replace(terms, clauses=clauses)


_TERM = sa.select(agreement_version_dates).where(
    agreement_version_dates.c.version_id == sa.bindparam("version_id", type_=agreement_version.c.id.type)
)


async def remarks_on_paper(
    write: Write, text: OpenText, texts: Sequence[Row[Any]], new: RecordedAmendment
) -> list[Remark]:
    """What of the text that it follows, one of `texts`, the paper does away with, changes or leaves as it was."""
    before, after = _followed(texts, new.effective_on), await write.first(_TERM, {"version_id": text.version_id})
    assert after is not None
    given = [name for name in ("expires_on", "auto_renew_months", "notice") if getattr(new, name) is not UNSET]
    earlier, later = msgspec.json.decode(before.terms, type=Terms), text.terms
    return [
        *about_what_follows(_term_of(before), _term_of(after), before.no, text.version_no, given),
        *about_terms_that_follow(earlier, later, before.no, text.version_no, given=new.terms is not UNSET),
    ]


def _term_of(row: Row[Any]) -> TermOfText:
    renewal = renewal_of(row.auto_renew_months, row.auto_renew_times, row.renewal_day)
    return TermOfText(expires_on=row.expires_on, renewal=renewal, notice=read_notice(row.notice))


def _followed(texts: Sequence[Row[Any]], effective_on: date) -> Row[Any]:
    """The text that one of that first day follows; the original where it comes before all."""
    earlier = [text for text in texts if text.effective_on <= effective_on]
    return max(earlier, key=lambda each: each.effective_on) if earlier else texts[0]


def _check_dates(
    row: Row[Any], kind: str, effective_on: date, expires_on: date | None, texts: Sequence[Row[Any]]
) -> None:
    """A renewal goes on from the text that it follows, which is not the newest one where it is recorded late."""
    if effective_on < row.effective_on:
        raise RuleBroken.at(
            "It cannot take effect before the agreement itself does.", "amends_before_start", pointer="/effective_on"
        )
    if kind == "renewal" and expires_on is not None:
        before = _followed(texts, effective_on)
        if before.expires_on is None or expires_on <= before.expires_on:
            present = f"on {before.expires_on}" if before.expires_on else "never"
            detail = f"A renewal needs an expiry later than the text that it follows, which ends {present}, or none."
            raise RuleBroken.at(detail, "renewal_without_extension", pointer="/expires_on")
