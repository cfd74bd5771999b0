"""Which text governs what two agencies do from a later instant on, and which ones take its place before it is over.

An agreement that binds the two now may bind them by another text then: an amendment takes effect on its day. The usual
agreement has one text as long as anybody asks, and nothing is read of it. Of days to come, reports that have not taken
effect bind nobody and free nobody, as `in_force` says.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.sql.selectable import FromClause

from registry.agreements.instruments.queries.in_force import (
    AgreementCandidate,
    TextFrom,
    covers_category,
    end_of,
    first_end,
    otherwise_of,
    party_windows,
    same_text,
)
from registry.agreements.instruments.tables import agreement_party_window, agreement_version
from registry.agreements.instruments.terms import Terms
from registry.platform.database.handles import Read
from registry.platform.kernel.intervals import Interval, earliest

_ID = agreement_version.c.id.type
_INSTANT = agreement_party_window.c.starts_at.type


class TextBetween(Interval, kw_only=True, frozen=True):
    """A stretch in which a version binds two agencies to each other, and what it says for them."""

    version_id: UUID
    version_no: int
    title: str
    covers_category: bool
    assists: bool
    terms: Terms
    restricted_terms: list[str]
    contradicted_terms: dict[str, str | None]


def bound_at(
    name: str, requesting: sa.ColumnElement[UUID], assisting: sa.ColumnElement[UUID], at: sa.ColumnElement[datetime]
) -> tuple[FromClause, FromClause, sa.ColumnElement[bool]]:
    """The windows of two agencies, to be joined by `same_text`, and the criterion that they hold at `at`, now or later.

    `requesting` and `assisting` are columns of what is asked about; `now` is in the bind of that name.
    """
    mine, theirs = (party_windows(f"{name}_{side}", to_come=True) for side in ("requesting", "assisting"))
    holds = [sa.and_(its.c.starts_at <= at, its.c.ends_at > at) for its in (mine, theirs)]
    return mine, theirs, sa.and_(mine.c.agency_id == requesting, theirs.c.agency_id == assisting, *holds)


def governed_by_another(made: FromClause, at: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    """A criterion: at `at` its agreement binds the two agencies by another version than that of the row.

    `made` has the columns of a decision or a loan. The same text says nothing new, and none at all is `covers_loan`'s.
    """
    mine, theirs, both = bound_at("other_text", made.c.requesting_agency_id, made.c.assisting_agency_id, at)
    return (
        sa.select(sa.literal(1))
        .select_from(mine.join(theirs, same_text(theirs, mine)))
        .where(both, mine.c.agreement_id == made.c.agreement_id, mine.c.version_id != made.c.agreement_version_id)
        .correlate(made)
        .exists()
    )


Ahead = Mapping[tuple[UUID, UUID], Sequence[TextBetween]]
"""By assisting agency and agreement, the texts from now on that bind it to the requesting one, in order."""


def _later_start(one: FromClause, other: FromClause) -> sa.ColumnElement[datetime]:
    return sa.case((one.c.starts_at > other.c.starts_at, one.c.starts_at), else_=other.c.starts_at)


@cache
def _texts_statement() -> sa.Select[Any]:
    mine, theirs = (party_windows(name, to_come=True) for name in ("mine", "theirs"))
    now, until = (sa.bindparam(name, type_=_INSTANT) for name in ("now", "until"))
    version = agreement_version
    return (
        sa.select(
            theirs.c.agency_id.label("other_id"),
            mine.c.agreement_id,
            _later_start(mine, theirs).label("starts_at"),
            first_end(mine, theirs).label("ends_at"),
            version.c.id.label("version_id"),
            version.c.no.label("version_no"),
            version.c.title,
            covers_category().label("covers_category"),
            sa.and_(mine.c.requests, theirs.c.assists).label("assists"),
            version.c.terms,
            version.c.restricted_terms,
            version.c.contradicted_terms,
        )
        .select_from(mine.join(theirs, same_text(theirs, mine)).join(version, version.c.id == mine.c.version_id))
        .where(
            mine.c.agreement_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)),
            mine.c.agency_id == sa.bindparam("viewer", type_=_ID),
            theirs.c.agency_id.in_(sa.bindparam("others", type_=_ID, expanding=True)),
            mine.c.starts_at < theirs.c.ends_at,
            theirs.c.starts_at < mine.c.ends_at,
            *(each for its in (mine, theirs) for each in (its.c.ends_at > now, its.c.starts_at <= until)),
        )
        .order_by(mine.c.agreement_id, theirs.c.agency_id, "starts_at")
    )


async def texts_ahead(
    read: Read,
    requesting_id: UUID,
    tried: Mapping[UUID, Sequence[AgreementCandidate]],
    category: str,
    now: datetime,
    until: datetime,
) -> Ahead:
    """Of the agreements in force that may change their text until then: in one statement, or in none.

    `tried`: the agreements by assisting agency, as they are `now`.
    """
    changing = [
        (owner, each.id) for owner, its in tried.items() for each in its if each.in_force and _may_change(each, until)
    ]
    if not changing:
        return {}
    asked = {
        "ids": sorted({agreement_id for _, agreement_id in changing}),
        "viewer": requesting_id,
        "others": sorted({owner for owner, _ in changing}),
        "category": category,
        "now": now,
        "until": until,
    }
    found: dict[tuple[UUID, UUID], list[TextBetween]] = {each: [] for each in changing}
    for row in await read.all(_texts_statement(), asked):
        its = found.get((row.other_id, row.agreement_id))
        if its is not None:
            its.append(
                TextBetween(
                    start=row.starts_at,
                    end=end_of(row.ends_at),
                    version_id=row.version_id,
                    version_no=row.version_no,
                    title=row.title,
                    covers_category=bool(row.covers_category),
                    assists=bool(row.assists),
                    terms=msgspec.json.decode(row.terms, type=Terms),
                    restricted_terms=msgspec.json.decode(row.restricted_terms or b"[]", type=list[str]),
                    contradicted_terms=otherwise_of(row),
                )
            )
    return found


def _may_change(each: AgreementCandidate, until: datetime) -> bool:
    return each.is_reported or (each.text_until is not None and each.text_until <= until)


class Lasting(Struct, frozen=True):
    """What is done under an agreement begins at `start`, now or later, and lasts until `end`."""

    start: datetime
    end: datetime


def governed(
    owner: UUID, tried: Sequence[AgreementCandidate], ahead: Ahead, now: datetime, lasting: Lasting
) -> list[AgreementCandidate]:
    """The agreements by the texts that bind both as it begins, where they bind both without a break until then.

    Where they do not, an agreement is as it is now, and covers them no longer than they are bound. `texts` are those
    from now on until it is over, where that is more than one.
    """
    return [_governed(each, ahead.get((owner, each.id), ()), now, lasting) for each in tried]


def _governed(
    tried: AgreementCandidate, texts: Sequence[TextBetween], now: datetime, lasting: Lasting
) -> AgreementCandidate:
    unbroken = _unbroken(texts, now)
    if not unbroken:
        return tried
    held_until = unbroken[-1].end
    if held_until is not None and held_until <= lasting.end:
        tried = replace(tried, covers_until=earliest(tried.covers_until, held_until))
    its = next((each for each in unbroken if each.contains(lasting.start)), None)
    if its is None:
        return tried
    told = [each for each in unbroken if each.start <= its.start or each.start < lasting.end]
    if len(told) > 1:
        tried = replace(tried, texts=tuple(TextFrom(each.version_no, each.start) for each in told))
    if its.version_id == tried.version_id:
        return tried
    return replace(
        tried,
        version_id=its.version_id,
        version_no=its.version_no,
        title=its.title,
        covers_category=its.covers_category,
        covers_direction=its.assists,
        terms=its.terms,
        restricted_terms=its.restricted_terms,
        contradicted_terms=its.contradicted_terms,
    )


def _unbroken(texts: Sequence[TextBetween], now: datetime) -> list[TextBetween]:
    """Those from now on that follow one another without a break, each version once while nothing lies between."""
    here = next((place for place, each in enumerate(texts) if each.contains(now)), None)
    if here is None:
        return []
    following = [texts[here]]
    for one, other in pairwise(texts[here:]):
        if one.end != other.start:
            break
        if other.version_id == following[-1].version_id:
            following[-1] = replace(following[-1], end=other.end)
        else:
            following.append(other)
    return following
