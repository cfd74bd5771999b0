"""Two versions, two agreements, or a version and the standard clauses side by side, as far as the caller may read."""

import asyncio
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.clauses.queries import origin_of
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.queries.provisions import may_read_restricted
from registry.agreements.instruments.queries.rows import agreement_row_at
from registry.agreements.instruments.queries.texts import dates_of, executed_texts
from registry.agreements.instruments.queries.versions import LEGIBLE, OF_IT, VERSION, version_summary, versions_for
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.tables import agreement, agreement_version, agreement_version_dates, provision
from registry.agreements.instruments.terms import Terms, said_by
from registry.agreements.redline.comparing import ReadableAgreement, ReadableVersion, compare, compare_agreements
from registry.agreements.redline.deviations import deviations
from registry.agreements.redline.matching import ComparedProvision
from registry.agreements.redline.schemas import (
    AgreementComparison,
    AgreementDeviations,
    ComparedText,
    ComparisonQuery,
    DeviationQuery,
    FromBasis,
    Redline,
    RedlineQuery,
)
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Forbidden, NotFound, RuleBroken

_LONG = 20_000
"""Characters of both texts together from which the comparison leaves the event loop: some 5 ms."""

_PARTICULARS = (
    *("title", "kind", "effective_on", "expires_on", "notice"),
    *("auto_renew_months", "auto_renew_times"),
)
_NEWEST = sa.select(sa.func.max(agreement_version.c.no)).where(OF_IT, LEGIBLE)
_LEGIBLE = sa.select(agreement_version.c.no).where(OF_IT, LEGIBLE).order_by(agreement_version.c.no)
_VERSION = VERSION.add_columns(agreement.c.number, agreement_version_dates.c.starts_at)
_CLAUSES = (
    sa.select(provision)
    .where(provision.c.version_id == sa.bindparam("version_id", type_=provision.c.version_id.type))
    .order_by(provision.c.ordinal)
)


async def get_redline(
    read: Read, principal: Principal, agreement_id: UUID, query: RedlineQuery, now: datetime
) -> tuple[Redline, UUID]:
    """What differs between two versions, restricted text included where the caller's role reaches it; the custodian.

    Whoever answers with restricted text records the reading first. Raises NotFound; Forbidden for whoever is no party;
    RuleBroken where the caller may read no version before the one asked about.
    """
    its, parameters = await versions_for(read, principal, agreement_id, now)
    to_no = query.to_version_no or await read.value(_NEWEST, parameters)
    new_row = await read.first(_VERSION, {**parameters, "no": to_no})
    if new_row is None:
        raise NotFound("version")
    from_no, basis = query.from_version_no, FromBasis.NAMED
    if from_no is None:
        from_no, basis = await _before(read, its, parameters, new_row)
    old_row = None if from_no is None else await read.first(_VERSION, {**parameters, "no": from_no})
    if old_row is None and query.from_version_no:
        raise NotFound("version")
    if old_row is None:
        raise RuleBroken.at(
            f"There is no version before {to_no} that you may read: name the two to compare.",
            "no_version_before",
            f"none before {to_no}",
            parameter="from_version_no",
        )
    old, new = [
        _readable(principal, row, await read.all(_CLAUSES, {"version_id": row.id})) for row in (old_row, new_row)
    ]
    work = partial(compare, agreement_id, new_row.number, old, new, basis)
    return await asyncio.to_thread(work) if old.length + new.length > _LONG else work(), its.custodian_id


async def _before(
    read: Read, its: Row[Any], parameters: dict[str, object], new: Row[Any]
) -> tuple[int | None, FromBasis]:
    """The version that was in force before the other takes effect, of those that the caller may read.

    Where none was, the one that was entered before it, as of a draft that is revised; None where there is none.
    """
    legible = [row.no for row in await read.all(_LEGIBLE, parameters)]
    executed: list[int] = []
    if its.executed_at is not None:
        texts = await executed_texts(read, its.id)
        dates = dates_of(its, texts, ())
        order = dates.by_effect
        executed = [texts[n].no for n in order]
        earlier = [texts[n].no for n in order if dates.begins[n] <= new.starts_at]
        if new.no in executed:
            earlier = executed[: executed.index(new.no)]
        found = next((no for no in reversed(earlier) if no in legible), None)
        if found is not None:
            return found, FromBasis.IN_FORCE_BEFORE
    drafts = (no for no in legible if no < new.no and no not in executed)
    return max(drafts, default=None), FromBasis.ENTERED_BEFORE


def _readable(principal: Principal, row: Row[Any], clauses: Any) -> ReadableVersion:
    cleared = may_read_restricted(principal, row)
    terms = msgspec.json.decode(row.terms, type=Terms)
    secret = {each.number for each in clauses if each.sensitivity == Sensitivity.RESTRICTED}
    return ReadableVersion(
        summary=version_summary(row),
        particulars={name: getattr(row, name) for name in _PARTICULARS} | {"notice": read_notice(row.notice)},
        terms=terms,
        withheld=() if cleared else said_by(terms, secret),
        clauses=[_clause(each, cleared=cleared, reached=bool(row.reached)) for each in clauses],
    )


def _clause(row: Row[Any], *, cleared: bool, reached: bool = True) -> ComparedProvision:
    """A provision without the text that the caller may not read: the comparison cannot tell what it never had.

    Of one that does not reach the caller's agency at all not even a digest: it may know an earlier text by heart.
    """
    withheld = row.sensitivity == Sensitivity.RESTRICTED and not cleared
    return ComparedProvision(
        number=row.number,
        heading=row.heading,
        sensitivity=Sensitivity(row.sensitivity),
        exemption=row.exemption,
        text=None if withheld else row.text,
        digest=b"" if withheld and not reached else sha256(row.text.encode()).digest(),
    )


async def get_comparison(
    read: Read, principal: Principal, agreement_id: UUID, query: ComparisonQuery, now: datetime
) -> tuple[AgreementComparison, list[ReadableAgreement]]:
    """What differs between two agreements, and the sides of which restricted text is shown.

    Each side is cut to what the caller may read of it. Whoever answers with restricted text records the reading first.
    Raises NotFound for either agreement; Forbidden for a version that one asks for without being a party.
    """
    one, other = [
        await _agreement_text(read, principal, each, version_no, now)
        for each, version_no in (
            (agreement_id, query.version_no),
            (query.other_agreement_id, query.other_version_no),
        )
    ]
    if "public" in (one.text.view, other.text.view):
        one, other = _without_addressees(one), _without_addressees(other)
    found = await asyncio.to_thread(compare_agreements, one, other)
    return found, [side for side in (one, other) if side.revealing]


async def _agreement_text(
    read: Read, principal: Principal, agreement_id: UUID, version_no: int | None, now: datetime
) -> ReadableAgreement:
    row = await agreement_row_at(read, principal, agreement_id, None, now)
    if row.shared or row.signed:
        _, parameters = await versions_for(read, principal, agreement_id, now)
        no = version_no or (row.version_no if row.shared else await read.value(_NEWEST, parameters))
        version = await read.first(_VERSION, {**parameters, "no": no})
        if version is None:
            raise NotFound("version")
        readable = _readable(principal, version, await read.all(_CLAUSES, {"version_id": version.id}))
        return ReadableAgreement(
            text=_compared_text(row, version.no, version.title, version.effective_on, view="party"),
            custodian_id=row.custodian_id,
            particulars={**readable.particulars, "kind": row.kind},
            terms=readable.terms,
            withheld=readable.withheld,
            clauses=[_kept_apart(each) for each in readable.clauses],
        )
    if version_no not in (None, row.version_no):
        raise Forbidden("The versions of an agreement are for its parties; what is public is in the agreement itself.")
    clauses = await read.all(_CLAUSES, {"version_id": row.version_id})
    dates = {name: row._mapping[f"its_{name}"] for name in _PARTICULARS if name not in ("title", "kind", "notice")}
    return ReadableAgreement(
        text=_compared_text(row, row.version_no, row.version_title, row.its_effective_on, view="public"),
        custodian_id=row.custodian_id,
        particulars={
            "title": row.version_title,
            "kind": row.kind,
            "effective_on": dates.pop("effective_on"),
            "expires_on": dates.pop("expires_on"),
            "notice": read_notice(row.its_notice),
            **dates,
        },
        terms=None,
        clauses=[_clause(each, cleared=False) for each in clauses if each.sensitivity == Sensitivity.PUBLIC],
    )


def _compared_text(row: Row[Any], no: int, title: str, effective_on: Any, *, view: Any) -> ComparedText:
    return ComparedText(
        agreement_id=row.id,
        number=row.number,
        version_no=no,
        title=title,
        kind=row.kind,
        view=view,
        effective_on=effective_on,
    )


def _kept_apart(clause: ComparedProvision) -> ComparedProvision:
    """A withheld provision without the digest by which it could be known in another agreement."""
    return clause if clause.text is not None else msgspec.structs.replace(clause, digest=b"")


def _without_addressees(side: ReadableAgreement) -> ReadableAgreement:
    """As the public view has it: where a notice goes is for the parties."""
    notice: Any = side.particulars["notice"]
    particulars = {**side.particulars, "notice": msgspec.structs.replace(notice, addressees=[])}
    return msgspec.structs.replace(side, particulars=particulars)


async def get_deviations(
    read: Read, principal: Principal, agreement_id: UUID, query: DeviationQuery, now: datetime
) -> tuple[AgreementDeviations, UUID, bool]:
    """A version beside the standard clauses, the custodian, and whether restricted text was read for it.

    Whoever answers with restricted text records the reading first. Raises NotFound; Forbidden for whoever is no party.
    """
    its, parameters = await versions_for(read, principal, agreement_id, now)
    no = query.version_no or await read.value(_NEWEST, parameters)
    row = await read.first(_VERSION, {**parameters, "no": no})
    if row is None:
        raise NotFound("version")
    readable = _readable(principal, row, await read.all(_CLAUSES, {"version_id": row.id}))
    template, answers, origins = await origin_of(read, agreement_id)
    found = AgreementDeviations(
        agreement_id=agreement_id,
        number=row.number,
        version=readable.summary,
        template=template,
        deviations=await asyncio.to_thread(deviations, origins, answers, readable.clauses),
    )
    restricted = any(each.sensitivity is Sensitivity.RESTRICTED and each.text is not None for each in readable.clauses)
    return found, its.custodian_id, restricted
