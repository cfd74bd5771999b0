"""Who has an agreement in force with whom, answered from `agreement_party_window`.

The criteria here are what other rooms build their own statements with: they ask about the agency in the bind
`viewer` at the instant in the bind `at`. Two agencies are partners when both have a window of the same text that
contains the instant, and have not both signed a later one; an agency is never its own partner.

The instant is one that has come. Of a later one, `to_come`, seen from the bind `now`, reports that have not taken
effect bind nobody and free nobody: `pending.Without` in SQL, and one answer with `binds_without`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.engine import Row
from sqlalchemy.sql.selectable import FromClause

from registry.agreements.instruments.consent_tables import agreement_pending, agreement_pending_party_window
from registry.agreements.instruments.pending import Without
from registry.agreements.instruments.queries.pending import all_without_pending
from registry.agreements.instruments.queries.visibility import gone_at, is_published
from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.tables import (
    agreement,
    agreement_coverage,
    agreement_party,
    agreement_party_window,
    agreement_text_window,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.instruments.terms import Terms
from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.tables import category_closure
from registry.platform.database.handles import Read

OPEN_END = datetime(9999, 12, 31, tzinfo=UTC)
"""How a window without end is stored."""

_ID = agreement.c.id.type
_AT = sa.bindparam("at", type_=agreement_party_window.c.starts_at.type)
_VIEWER = sa.bindparam("viewer", type_=_ID)


def end_of(stored: datetime | None) -> datetime | None:
    """The end of a stored window; None where it has none."""
    return None if stored == OPEN_END else stored


def shown_to_partners() -> sa.ColumnElement[bool]:
    """Agencies that show `viewer` more than their name: itself, its partners in force, all where `administrator`."""
    everyone = sa.bindparam("administrator", type_=sa.Boolean)
    return sa.or_(everyone, agency.c.id == _VIEWER, agency.c.id.in_(partners_in_force()))


def text_shown_at(at: sa.ColumnElement[Any] = _AT) -> sa.ColumnElement[Any]:
    """The version that is the agreement's text then: `in_force.text_at`. NULL where none was ever executed."""
    return sa.func.coalesce(*_texts_at(at))


def _texts_at(at: sa.ColumnElement[Any], *, published: bool = False) -> tuple[sa.ScalarSelect[Any], ...]:
    """The last text that has begun by then, and the first to come; where that is asked, of those that are published."""
    its = agreement_text_window.alias("shown_text")
    versions = sa.select(its.c.version_id).where(its.c.agreement_id == agreement.c.id).correlate(agreement).limit(1)
    if published:
        versions = versions.where(is_published(its.c.version_id))
    begun = versions.where(its.c.starts_at <= at).order_by(its.c.starts_at.desc())
    to_come = versions.where(its.c.starts_at > at).order_by(its.c.starts_at)
    return begun.scalar_subquery(), to_come.scalar_subquery()


def text_shown_to_others_at(at: sa.ColumnElement[Any] = _AT) -> sa.ColumnElement[Any]:
    """As `text_shown_at` of the texts that are published, for who is no party: a later one that is not hides none.

    Of a day to come, after the bind `now`, it is the text of today, unless one has its own first day until then: when a
    text comes to bind by an approval or a signature is no public day. One that is never the text, for another takes
    effect as it does, is shown where nothing else is published.
    """
    today = sa.bindparam("now", type_=_AT.type)
    coming, dates = agreement_version.alias("published_to_come"), agreement_version_dates.alias("its_public_days")
    to_come = (
        sa.select(coming.c.id)
        .join(dates, dates.c.version_id == coming.c.id)
        .where(
            coming.c.agreement_id == agreement.c.id,
            is_published(coming.c.id),
            dates.c.starts_at > today,
            dates.c.starts_at <= at,
        )
        .order_by(dates.c.starts_at.desc(), coming.c.no.desc())
        .limit(1)
        .correlate(agreement)
    )
    newest = agreement_version.alias("newest_published")
    its = sa.select(newest.c.id).where(
        newest.c.agreement_id == agreement.c.id, newest.c.no == agreement.c.public_version
    )
    has_come = sa.case((at <= today, at), else_=today)
    return sa.func.coalesce(
        to_come.scalar_subquery(),
        *_texts_at(has_come, published=True),
        its.correlate(agreement).scalar_subquery(),
    )


def _holds(window: FromClause) -> sa.ColumnElement[bool]:
    """The window contains the instant asked about."""
    return sa.and_(window.c.starts_at <= _AT, window.c.ends_at > _AT)


def same_text(one: FromClause, other: FromClause) -> sa.ColumnElement[bool]:
    """Two windows are of one text, and no later one was signed by both: at an instant a pair has one such text at most.

    In Python it is `in_force.bind_each_other`.
    """
    return sa.and_(
        one.c.agreement_id == other.c.agreement_id,
        one.c.version_id == other.c.version_id,
        one.c.amended.bitwise_and(other.c.amended) == 0,
    )


def party_windows(name: str, *, to_come: bool) -> FromClause:
    """When each party is bound, and by which text; `to_come`, by what the parties have done so far."""
    if not to_come:
        return agreement_party_window.alias(name)
    names = [column.name for column in agreement_pending_party_window.c]
    pending, kept, written = agreement_pending, agreement_pending_party_window, agreement_party_window
    still = pending.c.takes_effect_at > sa.bindparam("now", type_=pending.c.takes_effect_at.type)
    held_up = sa.select(pending.c.agreement_id).where(still)
    return sa.union_all(
        sa.select(*(written.c[each] for each in names)).where(written.c.agreement_id.not_in(held_up)),
        sa.select(*(kept.c[each] for each in names)).where(kept.c.agreement_id.in_(held_up)),
    ).subquery(name)


def _pairs(*, among: bool = False, helping: bool = False, to_come: bool = False) -> tuple[sa.Select[Any], FromClause]:
    """The viewer's windows that contain the instant, each with those of the others; and the others' windows.

    With `helping`, only those under which the other assists the viewer. Selected are the others, or, `among` them, that
    there is one.
    """
    mine, theirs = (party_windows(name, to_come=to_come) for name in ("mine", "theirs"))
    statement = (
        sa.select(sa.literal(1) if among else theirs.c.agency_id)
        .select_from(mine.join(theirs, same_text(theirs, mine)))
        .where(mine.c.agency_id == _VIEWER, _holds(mine), _holds(theirs), theirs.c.agency_id != mine.c.agency_id)
    )
    return statement.where(mine.c.requests, theirs.c.assists) if helping else statement, theirs


def bound_under(*, to_come: bool = False) -> sa.Select[Any]:
    """Ids of the agreements by which `viewer` is bound to some other party at `at`."""
    mine, binds = _binding(to_come=to_come)
    return sa.select(mine.c.agreement_id).where(binds)


def _binding(*, to_come: bool) -> tuple[FromClause, sa.ColumnElement[bool]]:
    """The viewer's windows, and which of them contain the instant and bind it to some other party."""
    mine, theirs = (party_windows(name, to_come=to_come) for name in ("mine", "theirs"))
    another = sa.select(sa.literal(1)).where(
        same_text(theirs, mine), _holds(theirs), theirs.c.agency_id != mine.c.agency_id
    )
    return mine, sa.and_(mine.c.agency_id == _VIEWER, _holds(mine), another.correlate(mine).exists())


@cache
def _versions_that_bind(*, to_come: bool) -> sa.Select[Any]:
    mine, binds = _binding(to_come=to_come)
    return (
        sa.select(mine.c.agreement_id, agreement_version.c.no)
        .select_from(mine.join(agreement_version, agreement_version.c.id == mine.c.version_id))
        .where(binds, mine.c.agreement_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)))
        .order_by(mine.c.amended)
    )


async def versions_that_bind(
    read: Read, agency_id: UUID, agreement_ids: Sequence[UUID], at: datetime, now: datetime
) -> dict[UUID, list[int]]:
    """By agreement the versions by which the agency is bound to another party at `at`, the latest it signed first."""
    if not agreement_ids:
        return {}
    parameters = {"viewer": agency_id, "at": at, "now": now, "ids": list(agreement_ids)}
    found: dict[UUID, list[int]] = {}
    for row in await read.all(_versions_that_bind(to_come=at > now), parameters):
        found.setdefault(row.agreement_id, []).append(row.no)
    return found


def partners_in_force(*, to_come: bool = False) -> sa.Select[Any]:
    """Ids of the agencies with which `viewer` has an agreement in force at `at`; an id may come more than once."""
    statement, _ = _pairs(to_come=to_come)
    return statement


def partner_in_force(agency_column: sa.ColumnElement[Any], *, to_come: bool = False) -> sa.ColumnElement[bool]:
    """The agency of that column has an agreement in force with `viewer` at `at`."""
    statement, theirs = _pairs(among=True, to_come=to_come)
    return statement.where(theirs.c.agency_id == agency_column).correlate(_table_of(agency_column)).exists()


def covers_asset(
    agency_column: sa.ColumnElement[Any], category_column: sa.ColumnElement[Any], *, to_come: bool = False
) -> sa.ColumnElement[bool]:
    """Under an agreement in force at `at`, that agency assists `viewer` with the category, by it or one above it."""
    statement, theirs = _pairs(among=True, helping=True, to_come=to_come)
    return (
        statement.join(agreement_coverage, agreement_coverage.c.version_id == theirs.c.version_id)
        .join(category_closure, category_closure.c.ancestor == agreement_coverage.c.category)
        .where(theirs.c.agency_id == agency_column, category_closure.c.descendant == category_column)
        .correlate(_table_of(agency_column))
        .exists()
    )


def covers_loan(lent: FromClause, at: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """An agreement in force at `at`, now or later, covers what is `lent` of the category until its planned end.

    `lent` has the columns of a loan. Reports that have not taken effect free nobody.
    """
    sides = (lent.c.requesting_agency_id, lent.c.assisting_agency_id)
    return covers(*sides, lent.c.category, at, lent.c.planned_end_at, of=[lent])


def covers(
    requesting: sa.ColumnElement[Any],
    assisting: sa.ColumnElement[Any],
    category: sa.ColumnElement[Any],
    at: sa.ColumnElement[Any],
    until: sa.ColumnElement[Any],
    *,
    of: Sequence[FromClause],
) -> sa.ColumnElement[bool]:
    """As `covers_loan`, of what is lent or asked for in other tables, `of` which the columns are."""
    mine, theirs = (party_windows(name, to_come=True) for name in ("requesting_bound", "assisting_bound"))
    holds = [sa.and_(its.c.starts_at <= at, its.c.ends_at > at) for its in (mine, theirs)]
    endless = sa.literal(OPEN_END, type_=agreement_party_window.c.ends_at.type)
    long_enough = [sa.func.coalesce(its.c.bound_until, endless) >= until for its in (mine, theirs)]
    return (
        sa.select(sa.literal(1))
        .select_from(
            mine.join(theirs, same_text(theirs, mine))
            .join(agreement_coverage, agreement_coverage.c.version_id == theirs.c.version_id)
            .join(category_closure, category_closure.c.ancestor == agreement_coverage.c.category)
        )
        .where(
            mine.c.agency_id == requesting,
            theirs.c.agency_id == assisting,
            mine.c.requests,
            theirs.c.assists,
            *holds,
            *long_enough,
            category_closure.c.descendant == category,
        )
        .correlate(*of)
        .exists()
    )


def _table_of(column: sa.ColumnElement[Any]) -> FromClause | None:
    """The table whose rows the criterion is about."""
    return column.table if isinstance(column, sa.Column) else None


def is_superseded() -> sa.ColumnElement[bool]:
    """The agreement ends, or has ended, because another text takes its place for all that were left in it.

    The stage says so from that instant on; before, and until it is settled, it follows from who is released when.
    """
    party = agreement_party.alias("gone")
    its = sa.and_(party.c.agreement_id == agreement.c.id, party.c.joined_at.is_not(None))
    gone = gone_at(party, OPEN_END, or_lapsed=True)
    last = sa.select(sa.func.max(gone, type_=party.c.leaves_at.type)).where(its).correlate(agreement)
    released = sa.select(sa.literal(1)).where(its, party.c.released_at.is_not(None)).correlate(agreement)
    follows = sa.and_(
        agreement.c.terminated_at.is_not(None), agreement.c.terminated_at == last.scalar_subquery(), released.exists()
    )
    return sa.case(
        (agreement.c.stage.in_(("superseded", "terminated")), agreement.c.stage == "superseded"), else_=follows
    )


class TextFrom(Struct, frozen=True):
    """A version that binds two agencies to each other from an instant on."""

    version_no: int
    starts_at: datetime


class AgreementCandidate(Struct, kw_only=True, frozen=True):
    """An agreement that could be the ground for help between two agencies, in force or not.

    `covers_direction` says that the assisting agency assists the requesting one, as far as it is in force.
    `covers_until` is when the first of the two stops being bound, None when neither does. Where the agreement is not in
    force it is when it last ceased to be, None when it never was until then.
    `restricted_terms` names the terms that a restricted provision says, `contradicted_terms` those whose provision says
    otherwise, with its words where it is not restricted. `over_at` is when it ends as a whole; `signed` says that the
    one has signed it, by its own hand or a report that counts, and `signed_by_other` that the other has.
    `review_every_months` is None without a cycle.
    """

    id: UUID
    number: str
    title: str
    kind: AgreementKind
    version_id: UUID
    version_no: int
    in_force: bool
    covers_category: bool
    covers_direction: bool
    covers_until: datetime | None
    effective_at: datetime
    terms: Terms
    restricted_terms: list[str]
    contradicted_terms: dict[str, str | None] = {}
    review_every_months: int | None
    text_until: datetime | None = None
    is_reported: bool = False
    texts: tuple[TextFrom, ...] = ()
    time_zone: str | None = None
    over_at: datetime | None = None
    signed: bool = True
    signed_by_other: bool = True


@cache
def pair_statement(*, of_version: bool = False, of_several: bool = False) -> sa.Select[Any]:
    """Every executed agreement that names both `viewer` and `other`, with what it is for the two at `at`.

    `of_version`: the one in the bind `of_agreement`, by its text in the bind of that name. `of_several`: for each of
    several `others`, which each row names as `other_id`.

    Where it is not in force for both, its text is the one that is shown of that instant.

    One that neither of them has ever signed is none of theirs: anybody can record a paper that names them.
    """
    mine, theirs = agreement_party.alias("mine"), agreement_party.alias("theirs")
    bound, bound_too = agreement_party_window.alias("bound"), agreement_party_window.alias("bound_too")
    both = sa.and_(bound.c.agency_id.is_not(None), bound_too.c.agency_id.is_not(None))
    partner = agreement_party_window.alias("partner")
    has_partner = (
        sa.select(sa.literal(1))
        .where(
            partner.c.agency_id == (theirs.c.agency_id if of_several else sa.bindparam("other", type_=_ID)),
            _holds(partner),
            same_text(partner, bound),
        )
        .correlate(bound, theirs)
        .exists()
    )
    current = agreement_version.alias("current")
    version = agreement_version
    last_end = _last_end(mine, theirs)
    text = sa.func.coalesce(bound.c.version_id, text_shown_at(), current.c.id)
    statement = (
        sa.select(
            agreement.c.id,
            agreement.c.number,
            version.c.title,
            agreement.c.kind,
            agreement.c.time_zone,
            version.c.id.label("version_id"),
            version.c.no.label("version_no"),
            both.label("in_force"),
            covers_category().label("covers_category"),
            sa.or_(~both, sa.and_(bound.c.requests, bound_too.c.assists)).label("covers_direction"),
            sa.case((both, first_to_leave(bound, bound_too)), else_=last_end).label("covers_until"),
            sa.case((both, first_end(bound, bound_too))).label("text_until"),
            agreement.c.starts_at,
            version.c.terms,
            version.c.restricted_terms,
            version.c.contradicted_terms,
            agreement.c.terminated_at,
            agreement.c.over_at,
            agreement.c.review_every_months,
            *(
                its.c[name].label(f"{side}_{name}")
                for side, its in (("viewer", mine), ("other", theirs))
                for name in ("joined_at", "leaves_at", "released_at")
            ),
            sa.select(sa.literal(1))
            .where(agreement_pending.c.agreement_id == agreement.c.id)
            .correlate(agreement)
            .exists()
            .label("is_reported"),
        )
        .select_from(
            mine.join(theirs, theirs.c.agreement_id == mine.c.agreement_id)
            .join(agreement, agreement.c.id == mine.c.agreement_id)
            .join(
                current,
                sa.and_(current.c.agreement_id == agreement.c.id, current.c.no == agreement.c.current_version),
            )
            .outerjoin(
                bound,
                sa.and_(
                    bound.c.agreement_id == agreement.c.id,
                    bound.c.agency_id == mine.c.agency_id,
                    _holds(bound),
                    has_partner,
                ),
            )
            .outerjoin(
                bound_too,
                sa.and_(
                    same_text(bound_too, bound),
                    bound_too.c.agency_id == theirs.c.agency_id,
                    _holds(bound_too),
                ),
            )
            .join(version, version.c.id == (sa.bindparam("of_version", type_=_ID) if of_version else text))
        )
        .where(
            mine.c.agency_id == _VIEWER,
            theirs.c.agency_id.in_(sa.bindparam("others", type_=_ID, expanding=True))
            if of_several
            else theirs.c.agency_id == sa.bindparam("other", type_=_ID),
            mine.c.agency_id != theirs.c.agency_id,
            agreement.c.executed_at.is_not(None),
            sa.or_(mine.c.joined_at.is_not(None), theirs.c.joined_at.is_not(None)),
        )
        .order_by(agreement.c.id)
    )
    if of_several:
        return statement.add_columns(theirs.c.agency_id.label("other_id"))
    return statement.where(agreement.c.id == sa.bindparam("of_agreement", type_=_ID)) if of_version else statement


def covers_category(asked: sa.ColumnElement[Any] | None = None) -> sa.ColumnElement[bool]:
    """The version covers the category `asked`, by it or one above it; by default that in the bind `category`."""
    its: list[FromClause] = [agreement_version]
    if asked is None:
        asked = sa.bindparam("category", type_=sa.Text)
    elif (table := _table_of(asked)) is not None:
        its.append(table)
    return (
        sa.select(sa.literal(1))
        .select_from(
            agreement_coverage.join(category_closure, category_closure.c.ancestor == agreement_coverage.c.category)
        )
        .where(agreement_coverage.c.version_id == agreement_version.c.id, category_closure.c.descendant == asked)
        .correlate(*its)
        .exists()
    )


def first_to_leave(one: FromClause, other: FromClause) -> sa.ColumnElement[datetime]:
    """When the first of the two stops being bound, by whatever version."""
    return sa.case((one.c.bound_until < other.c.bound_until, one.c.bound_until), else_=other.c.bound_until)


def first_end(one: FromClause, other: FromClause) -> sa.ColumnElement[datetime]:
    """When the first of two windows ends."""
    return sa.case((one.c.ends_at < other.c.ends_at, one.c.ends_at), else_=other.c.ends_at)


def _last_end(mine: FromClause, theirs: FromClause) -> sa.ScalarSelect[datetime]:
    """When the two parties were last bound together, before the instant asked about."""
    one, other = agreement_party_window.alias("was_bound"), agreement_party_window.alias("was_bound_too")
    return (
        sa.select(sa.func.max(first_end(one, other)))
        .where(
            one.c.agreement_id == mine.c.agreement_id,
            one.c.agency_id == mine.c.agency_id,
            same_text(one, other),
            other.c.agency_id == theirs.c.agency_id,
            one.c.starts_at < other.c.ends_at,
            other.c.starts_at < one.c.ends_at,
            first_end(one, other) <= _AT,
        )
        .correlate(mine, theirs)
        .scalar_subquery()
    )


class Binds(Struct, frozen=True):
    """That an agreement binds two agencies: whether the one assists the other, by which text, and until when."""

    assists: bool
    until: datetime | None
    version_id: UUID


def binds(row: Row[Any]) -> Binds | None:
    """As a row of `pair_statement` has it; None where it does not bind both."""
    if not row.in_force:
        return None
    return Binds(bool(row.covers_direction), end_of(row.covers_until), row.version_id)


def _pair_without() -> sa.Select[Any]:
    """By which text `viewer` and `other` are bound at `at` by those agreements, without what is only reported."""
    mine, theirs = (agreement_pending_party_window.alias(name) for name in ("mine", "theirs"))
    return (
        sa.select(
            mine.c.agreement_id,
            mine.c.version_id,
            sa.and_(mine.c.requests, theirs.c.assists).label("assists"),
            first_to_leave(mine, theirs).label("until"),
        )
        .select_from(mine.join(theirs, same_text(theirs, mine)))
        .where(
            mine.c.agreement_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)),
            mine.c.agency_id == _VIEWER,
            theirs.c.agency_id == sa.bindparam("other", type_=_ID),
            _holds(mine),
            _holds(theirs),
        )
    )


_PAIR_WITHOUT = _pair_without()


async def binds_without(
    read: Read, pending: Mapping[UUID, Without], requesting_id: UUID, assisting_id: UUID, at: datetime
) -> dict[UUID, Binds | None]:
    """As `binds`, of agreements with reports that have not taken effect, `pending`, and without these.

    Nobody is bound, or freed, by what another says.
    """
    if not pending:
        return {}
    asked = {"ids": list(pending), "viewer": requesting_id, "other": assisting_id, "at": at}
    rows = await read.all(_PAIR_WITHOUT, asked)
    held = {row.agreement_id: Binds(bool(row.assists), end_of(row.until), row.version_id) for row in rows}
    return {agreement_id: held.get(agreement_id) for agreement_id in pending}


async def candidates(
    read: Read, requesting_id: UUID, assisting_id: UUID, category: str, now: datetime
) -> list[AgreementCandidate]:
    """Every agreement ever executed that names both agencies as parties, with its standing now.

    How long it covers them goes by what the parties did: a report that has not taken effect cuts nothing short.
    """
    asked = {"viewer": requesting_id, "other": assisting_id, "category": category, "at": now}
    rows = await read.fast(pair_statement(), asked)
    pending = {}
    if any(row.is_reported for row in rows):
        pending = await all_without_pending(read, [row.id for row in rows if row.is_reported], now)
    told = await binds_without(read, pending, requesting_id, assisting_id, now)
    found = []
    for row in rows:
        each, held = as_candidate(row), told.get(row.id)
        found.append(each if held is None else replace(each, covers_direction=held.assists, covers_until=held.until))
    return found


async def candidates_of_several(
    read: Read, requesting_id: UUID, assisting_ids: Collection[UUID], category: str, now: datetime
) -> dict[UUID, list[AgreementCandidate]]:
    """As `candidates`, of several assisting agencies in one statement, by their ids.

    One more is asked for each of them with which something is only reported.
    """
    asked = {"viewer": requesting_id, "others": sorted(assisting_ids), "category": category, "at": now}
    rows = await read.all_slowly(pair_statement(of_several=True), asked)
    found: dict[UUID, list[AgreementCandidate]] = {}
    for row in rows:
        found.setdefault(row.other_id, []).append(as_candidate(row))
    for other_id in sorted({row.other_id for row in rows if row.is_reported}):
        found[other_id] = await candidates(read, requesting_id, other_id, category, now)
    return found


def otherwise_of(row: Row[Any]) -> dict[str, str | None]:
    """The terms whose provision says otherwise, as a row of `agreement_version` has them."""
    kept = row.contradicted_terms
    return {} if kept is None else msgspec.json.decode(kept, type=dict[str, str | None])


def as_candidate(row: Row[Any]) -> AgreementCandidate:
    """The struct of one row of `pair_statement`."""
    return AgreementCandidate(
        id=row.id,
        number=row.number,
        title=row.title,
        kind=AgreementKind(row.kind),
        version_id=row.version_id,
        version_no=row.version_no,
        in_force=bool(row.in_force),
        covers_category=bool(row.covers_category),
        covers_direction=bool(row.covers_direction),
        covers_until=end_of(row.covers_until),
        effective_at=row.starts_at,
        terms=msgspec.json.decode(row.terms, type=Terms),
        restricted_terms=msgspec.json.decode(row.restricted_terms or b"[]", type=list[str]),
        contradicted_terms=otherwise_of(row),
        review_every_months=row.review_every_months,
        text_until=end_of(row.text_until),
        is_reported=bool(row.is_reported),
        time_zone=row.time_zone,
        over_at=row.over_at,
        signed=row.viewer_joined_at is not None,
        signed_by_other=row.other_joined_at is not None,
    )
