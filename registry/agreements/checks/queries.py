"""An agreement held against checklists, and against the others that bind the same parties."""

import asyncio
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row
from sqlalchemy.sql.selectable import FromClause

from registry.agreements.checks.completeness import CheckedText, ReadProvision, examine, with_remarks
from registry.agreements.checks.contradictions import categories_in_common, compare, overlap
from registry.agreements.checks.lists import CHECKLISTS, RECOGNITION, applicable
from registry.agreements.checks.schemas import (
    AgreementCompleteness,
    AgreementContradictionPage,
    Checklist,
    ChecklistList,
    ChecklistSummary,
    ComparedAgreement,
    CompletenessQuery,
    ContradictionQuery,
)
from registry.agreements.instruments.queries.conditions import remarks_on_conditions
from registry.agreements.instruments.queries.evidence import papers_on_file, shown_evidence
from registry.agreements.instruments.queries.in_force import OPEN_END, party_windows
from registry.agreements.instruments.queries.provisions import may_read_restricted
from registry.agreements.instruments.queries.rows import agreement_row_at
from registry.agreements.instruments.queries.visibility import legible_to, reads_restricted, shared_with
from registry.agreements.instruments.remarks import Remark, about_papers
from registry.agreements.instruments.rules import AgreementKind, Sensitivity
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.instruments.tables import (
    agreement,
    agreement_coverage,
    agreement_party,
    agreement_text_window,
    agreement_version,
    agreement_version_dates,
    provision,
)
from registry.agreements.instruments.terms import Terms, compared_without, said_by
from registry.agreements.instruments.worded import remarks_on
from registry.agreements.law.rules import Matter, Party
from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.tables import category_closure
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read, Rows
from registry.platform.http.paging import Orders
from registry.platform.kernel.errors import Forbidden, NotFound, RuleBroken
from registry.platform.kernel.time import checked_instant

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_VERSION_ID = sa.bindparam("version_id", type_=agreement_version.c.id.type)
_VERSION = (
    sa.select(
        agreement_version,
        *(agreement_version_dates.c[name] for name in ("kind", "effective_on", "expires_on", "notice")),
        *(agreement_version_dates.c[name] for name in ("auto_renew_months", "auto_renew_times", "renewal_day")),
        reads_restricted().label("reached"),
    )
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .where(
        agreement_version.c.agreement_id == _ID,
        agreement_version.c.no == sa.bindparam("no", type_=sa.Integer),
        legible_to(),
    )
)
_CLAUSES = (
    sa.select(provision.c.number, provision.c.heading, provision.c.text, provision.c.sensitivity)
    .where(provision.c.version_id == _VERSION_ID)
    .order_by(provision.c.ordinal)
)
_PARTIES = (
    sa.select(agency.c.state, agency.c.kind, sa.func.count().label("count"))
    .join(agreement_party, agreement_party.c.agency_id == agency.c.id)
    .where(agreement_party.c.agreement_id == _ID)
    .group_by(agency.c.state, agency.c.kind)
)


def list_checklists() -> ChecklistList:
    """What the registry can hold an agreement against."""
    return ChecklistList(
        items=[
            ChecklistSummary(
                code=each.code,
                name=each.name,
                jurisdiction=each.jurisdiction,
                citation=each.citation,
                applies_to=each.applies_to,
                source=each.source,
                item_count=len(each.items),
            )
            for each in CHECKLISTS.values()
        ]
    )


def get_checklist(code: str) -> Checklist:
    """One checklist with its items. Raises NotFound."""
    if code not in CHECKLISTS:
        raise NotFound("checklist")
    return CHECKLISTS[code]


async def get_completeness(
    read: Read, principal: Principal, agreement_id: UUID, query: CompletenessQuery, now: datetime
) -> AgreementCompleteness:
    """One version held against the checklist asked for, else against all that apply.

    Of restricted provisions count those that the caller may read, and their text is in no answer: nothing restricted is
    read out, so nothing is recorded. What it may not read is not looked at.
    Raises NotFound, Forbidden for whoever is no party, RuleBroken for a checklist that there is not.
    """
    row = _whole(await agreement_row_at(read, principal, agreement_id, None, now))
    version = await _version(read, principal, row, query.version_no or row.version_no)
    document = await _document(read, principal, row, version)
    lists = await _lists(read, row, document, query.checklist)
    otherwise = _remarks(document, version)
    coming = [] if query.version_no is not None else await _remarks_to_come(read, principal, row, version, now)
    # A long agreement takes a tenth of a second, and others must not wait for it.
    findings = await asyncio.to_thread(examine, document, lists, RECOGNITION)
    return AgreementCompleteness(
        agreement_id=agreement_id,
        version_no=version.no,
        version_sha256=version.sha256,
        provisions_withheld=sum(clause.text is None for clause in document.clauses),
        checklists=[with_remarks(each, otherwise) for each in findings],
        remarks=[
            *about_papers(version.no, await _recorded_from(read, principal, row, version)),
            *otherwise,
            *coming,
            *await remarks_on_conditions(read, agreement_id, principal.agency_id, _readable(document)),
        ],
    )


def _whole(row: Row[Any]) -> Row[Any]:
    """The row itself, for whoever sees the agreement in full. Raises Forbidden."""
    if not row.shared:
        raise Forbidden("An agreement is checked for its parties; what is public is in the agreement itself.")
    return row


async def _recorded_from(read: Read, principal: Principal, row: Row[Any], version: Row[Any]) -> Evidence | None:
    """The paper from which a version was recorded."""
    if version.evidence_sha256 is None and version.evidence_location is None:
        return None
    papers = await papers_on_file(read, row.id, principal.agency_id)
    return shown_evidence(version.evidence_sha256, version.evidence_location, papers, row.custodian_id)


def _readable(document: CheckedText) -> tuple[tuple[str, str, str], ...]:
    """Number, heading and text of the clauses that are not restricted: of those nothing is quoted."""
    return tuple(
        (c.number, c.heading, c.text)
        for c in document.clauses
        if c.text is not None and c.sensitivity is not Sensitivity.RESTRICTED
    )


def _remarks(document: CheckedText, version: Row[Any]) -> tuple[Remark, ...]:
    return remarks_on(
        _readable(document),
        bytes(version.terms),
        bytes(version.notice),
        version.effective_on,
        version.expires_on,
        version.auto_renew_months,
        version.auto_renew_times,
        amends=version.kind != "original",
    )


_TO_COME = (
    sa.select(agreement_version.c.no)
    .join(agreement_text_window, agreement_text_window.c.version_id == agreement_version.c.id)
    .where(
        agreement_text_window.c.agreement_id == _ID,
        agreement_text_window.c.starts_at > sa.bindparam("at", type_=agreement_text_window.c.starts_at.type),
    )
    .distinct()
    .order_by(agreement_version.c.no)
)


async def _remarks_to_come(
    read: Read, principal: Principal, row: Row[Any], shown: Row[Any], now: datetime
) -> list[Remark]:
    """What the texts that are signed and still to take effect say otherwise: each remark names its version."""
    found: list[Remark] = []
    for each in await read.all(_TO_COME, {"id": row.id, "at": now}):
        version = None if each.no == shown.no else await _legible(read, principal, row, each.no)
        if version is not None:
            remarks = _remarks(await _document(read, principal, row, version), version)
            found += (msgspec.structs.replace(remark, version_no=each.no) for remark in remarks)
    return found


async def _version(read: Read, principal: Principal, row: Row[Any], no: int) -> Row[Any]:
    """One version, as far as the caller may read it. Raises NotFound."""
    version = await _legible(read, principal, row, no)
    if version is None:
        raise NotFound("version")
    return version


async def _legible(read: Read, principal: Principal, row: Row[Any], no: int) -> Row[Any] | None:
    reader = {"custodian": row.custodian_id == principal.agency_id, "viewer": principal.agency_id}
    return await read.first(_VERSION, {"id": row.id, "no": no, **reader})


async def _document(read: Read, principal: Principal, row: Row[Any], version: Row[Any]) -> CheckedText:
    whole = await read.all(_CLAUSES, {"version_id": version.id})
    secret = {c.number for c in whole if c.sensitivity == Sensitivity.RESTRICTED}
    if may_read_restricted(principal, version):
        secret = set()
    terms = msgspec.json.decode(version.terms, type=Terms)
    withheld = said_by(terms, secret)
    return CheckedText(
        clauses=[
            ReadProvision(
                number=c.number,
                heading=c.heading,
                text=None if c.number in secret else c.text,
                sensitivity=Sensitivity(c.sensitivity),
            )
            for c in whole
        ],
        terms=compared_without(terms, withheld),
        terms_withheld=withheld,
        expires_on=version.expires_on,
        auto_renew_months=version.auto_renew_months,
        review_every_months=row.review_every_months,
    )


async def _lists(read: Read, row: Row[Any], document: CheckedText, code: str | None) -> list[Checklist]:
    if code is not None:
        if code not in CHECKLISTS:
            raise RuleBroken.at(
                "There is no such checklist.",
                "unknown_checklist",
                f"Known are {', '.join(CHECKLISTS)}.",
                parameter="checklist",
            )
        return [CHECKLISTS[code]]
    matter = Matter(
        instrument=AgreementKind(row.kind),
        headings=frozenset(clause.heading for clause in document.clauses),
        purposes=frozenset(document.terms.purposes),
        parties=tuple(
            Party(state=each.state, kind=each.kind, count=each._mapping["count"])
            for each in await read.all(_PARTIES, {"id": row.id})
        ),
    )
    return applicable(CHECKLISTS.values(), matter)


@cache
def _span_statement() -> sa.Select[Any]:
    window, instant = party_windows("its_window", to_come=True), agreement.c.starts_at.type
    return sa.select(
        sa.func.min(window.c.starts_at, type_=instant).label("start"),
        sa.func.max(window.c.ends_at, type_=instant).label("end"),
    ).where(window.c.agreement_id == _ID, window.c.ends_at > sa.bindparam("at", type_=instant))


async def _span(read: Read, row: Row[Any], at: datetime, now: datetime) -> tuple[datetime, datetime] | None:
    """From when until when the agreement binds anybody from `at` on: by its windows, or as a draft by its dates."""
    start, end = row.starts_at, row.its_ends_at or OPEN_END
    if row.executed_at is not None:
        windows = await read.first(_span_statement(), {"id": row.id, "at": at, "now": now})
        if windows is None or windows.start is None:
            return None
        start, end = windows.start, windows.end
    return (max(at, start), end) if end > at else None


_ORDERS = Orders(ContradictionQuery, created_at=agreement.c.id)


@cache
def _others_statement(sort: str, *, after: bool) -> sa.Select[Any]:
    """The viewer's other agreements that bind two of this one's parties together while this one does.

    By what the parties have done so far: reports that have not taken effect bind nobody, and free nobody.

    Whether two windows of one text meet is found by counting, not by pairing: each window adds one as it opens and
    takes one away as it closes, and where two are open the parties are bound together. Nine hundred parties would make
    400,000 pairs of each agreement; counted, they are 1,800 rows to sort.
    """
    its_party = agreement_party.alias("its_party")
    window, own_window, holding = (party_windows(each, to_come=True) for each in ("window", "own_window", "holding"))
    instant = agreement.c.starts_at.type
    lower, upper = sa.bindparam("from", type_=instant), sa.bindparam("until", type_=instant)
    still_bound = (
        sa.select(sa.literal(1))
        .where(
            own_window.c.agreement_id == its_party.c.agreement_id,
            own_window.c.agency_id == its_party.c.agency_id,
            own_window.c.ends_at > lower,
        )
        .correlate(its_party)
        .exists()
    )
    # Before execution all that are named; afterwards those that can still be bound by it.
    its_parties = sa.select(its_party.c.agency_id).where(
        its_party.c.agreement_id == _ID,
        sa.or_(sa.bindparam("unexecuted", type_=sa.Boolean), its_party.c.joined_at.is_(None), still_bound),
    )
    others = (
        sa.select(window.c.agreement_id, window.c.version_id, window.c.starts_at, window.c.ends_at)
        .join(agreement, agreement.c.id == window.c.agreement_id)
        .where(
            shared_with(),
            agreement.c.id != _ID,
            *((_ORDERS.behind(sort),) if after else ()),
            window.c.ends_at > lower,
            window.c.starts_at < upper,
            window.c.agency_id.in_(its_parties),
        )
        .cte("others")
    )
    opens = sa.case((others.c.starts_at < lower, lower), else_=others.c.starts_at)
    turns = sa.union_all(
        sa.select(others.c.agreement_id, others.c.version_id, opens.label("at"), sa.literal(1).label("step")),
        sa.select(
            others.c.agreement_id, others.c.version_id, others.c.ends_at.label("at"), sa.literal(-1).label("step")
        ),
    ).cte("turns")
    # At one instant what closes goes first: a window is half-open.
    bound = sa.func.sum(turns.c.step).over(
        partition_by=(turns.c.agreement_id, turns.c.version_id), order_by=(turns.c.at, turns.c.step), rows=(None, 0)
    )
    counted = sa.select(turns.c.agreement_id, turns.c.version_id, turns.c.at, bound.label("bound")).cte("counted")
    first = sa.func.row_number().over(
        partition_by=counted.c.agreement_id, order_by=(counted.c.at, counted.c.version_id.desc())
    )
    by_texts = (
        sa.select(counted.c.agreement_id, counted.c.version_id, counted.c.at, first.label("first"))
        .where(counted.c.bound >= 2)
        .cte("by_texts")
    )
    together = (
        sa.select(by_texts.c.agreement_id, by_texts.c.version_id, by_texts.c.at)
        .where(by_texts.c.first == 1)
        .cte("together")
    )
    holds = sa.and_(
        holding.c.agreement_id == together.c.agreement_id,
        holding.c.version_id == together.c.version_id,
        holding.c.starts_at <= together.c.at,
        holding.c.ends_at > together.c.at,
    )
    in_common = (
        sa.select(sa.func.count())
        .where(holds, holding.c.agency_id.in_(its_parties))
        .correlate(together)
        .scalar_subquery()
    )
    statement = (
        sa.select(
            agreement.c.id,
            agreement.c.number,
            agreement_version.c.title,
            agreement_version.c.no,
            agreement_version.c.sha256,
            agreement_version.c.terms,
            agreement_version.c.restricted_terms,
            reads_restricted().label("reached"),
            together.c.at,
            in_common.label("in_common"),
        )
        .select_from(
            together.join(agreement, agreement.c.id == together.c.agreement_id).join(
                agreement_version, agreement_version.c.id == together.c.version_id
            )
        )
        .where(_covers_some_of_it())
    )
    return _ORDERS.page(statement, sort, after=False)


def _covers_some_of_it() -> sa.ColumnElement[bool]:
    """The other version covers a category of this one's (bind `version_id`), or one above or below it."""
    mine, theirs = agreement_coverage.alias("mine"), agreement_coverage.alias("theirs")

    def one_below(above: FromClause, below: FromClause) -> sa.ColumnElement[bool]:
        return (
            sa.select(sa.literal(1))
            .select_from(
                above.join(category_closure, category_closure.c.ancestor == above.c.category).join(
                    below, below.c.category == category_closure.c.descendant
                )
            )
            .where(mine.c.version_id == _VERSION_ID, theirs.c.version_id == agreement_version.c.id)
            .correlate(agreement_version)
            .exists()
        )

    return sa.or_(one_below(mine, theirs), one_below(theirs, mine))


async def list_contradictions(
    read: Read, principal: Principal, agreement_id: UUID, query: ContradictionQuery, now: datetime
) -> AgreementContradictionPage:
    """The agreements that bind two of the same parties for some of the same, each with what the two say differently.

    Only those that the caller sees in full: of others nothing is said. A draft is compared as it stands.
    Raises NotFound, Forbidden for whoever is no party, Malformed for another list's cursor.
    """
    as_of = None if query.as_of is None else checked_instant(query.as_of, "/as_of")
    row = _whole(await agreement_row_at(read, principal, agreement_id, as_of, now))
    at = as_of or now
    version_id, no, text, cleared = row.version_id, row.version_no, row.terms, may_read_restricted(principal, row)
    if query.version_no is not None:
        version = await _version(read, principal, row, query.version_no)
        version_id, no, text = version.id, version.no, version.terms
        cleared = may_read_restricted(principal, version)
    span = await _span(read, row, at, now)
    parameters = {
        "id": agreement_id,
        "viewer": principal.agency_id,
        "version_id": version_id,
        "unexecuted": row.executed_at is None,
        **_ORDERS.parameters(query),
    }
    rows: Rows = ()
    if span is not None:
        statement = _others_statement(query.sort, after=query.cursor is not None)
        rows = await read.all_slowly(statement, {**parameters, "from": span[0], "until": span[1], "now": now})
    kept, next_cursor = _ORDERS.cut(rows, query)
    terms = msgspec.json.decode(text, type=Terms)
    secret = [] if cleared else await _restricted_terms(read, version_id, terms)
    return AgreementContradictionPage(
        agreement_id=agreement_id,
        version_no=no,
        as_of=at,
        items=[found for each in kept if (found := _compared(principal, terms, secret, each)) is not None],
        next_cursor=next_cursor,
    )


async def _restricted_terms(read: Read, version_id: UUID, terms: Terms) -> list[str]:
    """The terms of the version that a restricted provision says."""
    clauses = await read.all(_CLAUSES, {"version_id": version_id})
    return said_by(terms, {each.number for each in clauses if each.sensitivity == Sensitivity.RESTRICTED})


def _compared(principal: Principal, terms: Terms, secret: list[str], row: Row[Any]) -> ComparedAgreement | None:
    """The comparison with one other agreement; None where no purpose is common to both.

    A term that a provision says which the caller may not read, on either side, is compared with nothing, and named.
    """
    theirs = msgspec.json.decode(row.terms, type=Terms)
    if not may_read_restricted(principal, row):
        secret = sorted({*secret, *msgspec.json.decode(row.restricted_terms or b"[]", type=list[str])})
    terms, theirs = compared_without(terms, secret), compared_without(theirs, secret)
    if not overlap(terms, theirs):
        return None
    return ComparedAgreement(
        agreement_id=row.id,
        number=row.number,
        title=row.title,
        version_no=row.no,
        version_sha256=row.sha256,
        bound_together_from=row.at,
        parties_in_common=row.in_common,
        categories=categories_in_common(terms.categories, theirs.categories),
        terms_withheld=secret,
        contradictions=compare(terms, theirs),
    )
