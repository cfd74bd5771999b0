"""Amendments and renewals: new versions of an executed agreement, on their way beside the text that is in force."""

from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import UNSET
from sqlalchemy.engine import Row

from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements.commands.content import (
    Term,
    check_content,
    search_text,
    write_coverage,
    write_provisions,
    write_term,
)
from registry.agreements.commands.holding import advanced, changed, held, parties_of
from registry.agreements.commands.indexing import index_title
from registry.agreements.commands.open_text import BOUND, OpenText, next_version_no
from registry.agreements.commands.review_rounds import close_round
from registry.agreements.commands.reviewing import copy_version
from registry.agreements.queries import get_agreement
from registry.agreements.reviews import RoundOutcome
from registry.agreements.rules import AgreementAction, Sensitivity, Stage
from registry.agreements.schemas import Agreement, NewAmendment, RecordedAmendment
from registry.agreements.tables import (
    agreement,
    agreement_amendment,
    agreement_party,
    agreement_signature,
    agreement_version,
    agreement_version_dates,
    provision,
)
from registry.database.handles import Read, Write
from registry.kernel.errors import Conflict, Fault, RuleBroken
from registry.kernel.ids import new_id
from registry.kernel.versions import Expected

_INSERT = agreement_amendment.insert()
_VERSION = sa.bindparam("version_id", type_=agreement_version.c.id.type)
_PUBLIC = sa.select(sa.func.count()).where(
    provision.c.version_id == _VERSION, provision.c.sensitivity == Sensitivity.PUBLIC
)
_SIGNATURES = (
    sa.select(
        agreement_party.c.agency_id,
        sa.func.coalesce(agreement_signature.c.counts_from, agreement_signature.c.recorded_at).label("signed_at"),
    )
    .outerjoin(
        agreement_signature,
        sa.and_(
            agreement_signature.c.agency_id == agreement_party.c.agency_id,
            agreement_signature.c.version_id == _VERSION,
        ),
    )
    .where(BOUND)
)
_EXECUTED = agreement_amendment.update().where(
    agreement_amendment.c.id == sa.bindparam("its_id", type_=agreement_amendment.c.id.type)
)
_WITHDRAW = agreement_amendment.update().where(
    agreement_amendment.c.agreement_id == sa.bindparam("its_agreement", type_=agreement.c.id.type),
    agreement_amendment.c.closed_at.is_(None),
)
_NEW_TEXT = (
    sa.select(
        agreement_version.c.title,
        agreement_version.c.no,
        *(
            agreement_version_dates.c[name]
            for name in ("expires_on", "ends_at", "notice_days", "auto_renew_months", "auto_renew_times")
        ),
    )
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .where(agreement_version.c.id == _VERSION)
)


async def amend(write: Write, caller: Caller, agreement_id: UUID, new: NewAmendment, expected: Expected) -> Agreement:
    """Open an amendment or a renewal as a draft that says what the newest executed version says.

    Raises Conflict while another one is open, WrongState, RuleBroken for dates that give no term.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    text = await open_amendment(write, caller, row, new, stage=Stage.DRAFT)
    told = {"kind": new.kind, "version_no": text.version_no, "effective_on": new.effective_on, "reason": new.reason}
    await changed(write, caller, row, "amendment_opened", told, private=True)
    return await get_agreement(write, caller.principal, agreement_id, caller.now)


async def open_amendment(
    write: Write, caller: Caller, row: Row[Any], new: NewAmendment | RecordedAmendment, *, stage: Stage
) -> OpenText:
    """Write the amendment's version, with the text given or a copy of what is in force, and put it on its way."""
    advanced(row, AgreementAction.AMEND)
    if row.amendment_id is not None:
        raise Conflict("An amendment is open already: finish or withdraw it first.", "amendment_open")
    recorded = new if isinstance(new, RecordedAmendment) else None
    source = recorded or row
    expires_on = row.expires_on if new.expires_on is UNSET else new.expires_on
    _check_dates(row, new.kind, new.effective_on, expires_on)
    term = Term(
        effective_on=new.effective_on,
        expires_on=expires_on,
        notice_days=source.notice_days,
        auto_renew_months=source.auto_renew_months if expires_on else None,
        auto_renew_times=source.auto_renew_times if expires_on else None,
    )
    no = await next_version_no(write, row.id)
    if recorded is None:
        title, terms = row.version_title, row.terms
        version_id = await copy_version(write, caller, row.id, row.version_id, no, title, terms)
    else:
        title, terms = recorded.title, recorded.terms
        await check_content(
            write,
            custodian_id=row.custodian_id,
            parties=await parties_of(write, row.id),
            terms=recorded.terms,
            provisions=recorded.provisions,
        )
        version_id = new_id()
        values = {"id": version_id, "agreement_id": row.id, "no": no, "title": title, "terms": terms}
        await write.run(agreement_version.insert(), {**values, "created_at": caller.now})
        await write_provisions(write, version_id, recorded.provisions)
        await write_coverage(write, version_id, recorded.terms)
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
        },
    )
    return OpenText(
        version_id=version_id,
        version_no=no,
        stage=stage,
        title=title,
        raw_terms=terms,
        sha256=None,
        kind=new.kind,
        amendment_id=amendment_id,
    )


def _check_dates(row: Row[Any], kind: str, effective_on: date, expires_on: date | None) -> None:
    if effective_on < row.effective_on:
        raise _wrong("/effective_on", "amends_before_start", "It cannot take effect before the agreement itself does.")
    if kind == "renewal" and expires_on is not None and (row.expires_on is None or expires_on <= row.expires_on):
        detail = "A renewal needs an expiry later than the present one, or none."
        raise _wrong("/expires_on", "renewal_without_extension", detail)


def _wrong(pointer: str, code: str, detail: str) -> RuleBroken:
    return RuleBroken(detail, code, faults=[Fault(pointer=pointer, code=code, detail=detail)])


async def execute_if_signed(write: Write, caller: Caller, row: Row[Any], text: OpenText) -> dict[str, Any]:
    """Execute the amendment once every party that is bound has signed it; the agreement's columns that change.

    It counts from the last of the signatures. Empty while some are outstanding.
    """
    signatures = await write.all(_SIGNATURES, {"id": row.id, "version_id": text.version_id, "now": caller.now})
    if any(each.signed_at is None for each in signatures):
        return {}
    executed_at = max((each.signed_at for each in signatures), default=caller.now)
    await write.run(
        _EXECUTED,
        {
            "its_id": text.amendment_id,
            "stage": Stage.EXECUTED,
            "executed_at": max(executed_at, row.executed_at),
            "closed_at": caller.now,
        },
    )
    new = await write.first(_NEW_TEXT, {"version_id": text.version_id})
    assert new is not None
    await index_title(write, row.id, row.number, new.title)
    return {
        "title": new.title,
        "search_text": search_text(row.number, new.title),
        "current_version": new.no,
        "expires_on": new.expires_on,
        "ends_at": new.ends_at,
        "notice_days": new.notice_days,
        "auto_renew_months": new.auto_renew_months,
        "auto_renew_times": new.auto_renew_times,
        "is_public": row.is_public or await is_public(write, text.version_id),  # what was published stays known
    }


async def withdraw_open_amendment(write: Write, caller: Caller, agreement_id: UUID) -> None:
    """What ends the agreement ends the change of it that was on its way."""
    await close_round(write, agreement_id, RoundOutcome.WITHDRAWN, caller.now)
    await write.run(_WITHDRAW, {"its_agreement": agreement_id, "stage": Stage.WITHDRAWN, "closed_at": caller.now})


async def is_public(read: Read, version_id: UUID) -> bool:
    """Whether the version has a provision for everybody."""
    return bool(await read.value(_PUBLIC, {"version_id": version_id}))
