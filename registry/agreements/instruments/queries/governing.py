"""By which of an agreement's texts a party is bound on a day: what it did not sign changes nothing for it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.held_texts import latest_in_common, latest_in_common_with
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.pausing import BindingTerms
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.signed_texts import pending_signatures, signed_texts, with_word
from registry.agreements.instruments.queries.texts import dates_of, executed_texts
from registry.agreements.instruments.receipt import BindingText
from registry.agreements.instruments.rules import has_left
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.agreements.instruments.terms import Terms
from registry.platform.database.handles import Read
from registry.platform.kernel.time import day_starts_at

_PARTIES = sa.select(
    *(agreement_party.c[name] for name in ("agency_id", "verbally_at", "leaves_at", "released_at"))
).where(agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type))


def governing(
    row: Row[Any],
    texts: Sequence[Row[Any]],
    signed: Mapping[UUID, Mapping[int, datetime]],
    parts: Iterable[Row[Any]],
    agency_id: UUID,
    day: date,
) -> list[BindingText]:
    """The texts that bind a party on that day, with which the day began: to each other party the latest of both.

    By all of them it gives notice. An amendment that the party did not sign changes nothing for it, and one that
    another has not signed changes nothing for that one, whenever it is recorded; nor does what either signed only on
    that day, or since. To whom it is bound goes by the same: who was there as the day began. A day counts whole, and so
    of a notice and a hand of one day neither was first, in whatever order they are entered: whose first hand is of that
    day, or of a later one, joined a party that was leaving, and is not waited for. Where nobody else was there as the
    day began its notice goes to each that is named: what counts from receipt does not run out unreceived.
    """
    dates, at = dates_of(row, texts, ()), day_starts_at(day, ZoneInfo(row.time_zone))
    hands = {
        part.agency_id: with_word(signed.get(part.agency_id, {}), part.verbally_at, texts)
        for part in parts
        if part.agency_id == agency_id or not has_left(part.leaves_at, part.released_at, at)
    }
    bound = {each: signed_before(its, at) for each, its in hands.items()}
    own = bound.pop(agency_id, {})
    there = {each for each, its in hands.items() if any(since < at for since in its.values())}
    common = {each: latest_in_common_with(dates, own, its, at) for each, its in bound.items() if each in there}
    if there <= {agency_id}:
        return [BindingText(texts[n], frozenset(bound)) for n in latest_in_common(dates, own, bound.values(), at)]
    return [
        BindingText(texts[n], frozenset(each for each, its in common.items() if its == n))
        for n in latest_in_common(dates, own, bound.values(), at)
    ]


def signed_before(texts: Mapping[int, datetime], at: datetime) -> dict[int, datetime]:
    """Of what a party has signed, by the place of the text, what it had signed by then; else what it signed first."""
    found = {n: since for n, since in texts.items() if since < at}
    return found or {n: since for n, since in texts.items() if since == min(texts.values())}


async def texts_that_bind(read: Read, row: Row[Any], agency_id: UUID, day: date) -> list[Row[Any]]:
    """The texts by which the party gives notice, or suspends its participation, on that day; its own latest first."""
    return [each.text for each in await bound_on(read, row, agency_id, day)]


async def bound_on(read: Read, row: Row[Any], agency_id: UUID, day: date) -> list[BindingText]:
    """As `texts_that_bind`, each with those to whom it binds the party."""
    texts = await executed_texts(read, row.id)
    signed = await signed_texts(read, texts, await pending_signatures(read, row.id))
    return governing(row, texts, signed, await read.all(_PARTIES, {"id": row.id}), agency_id, day)


async def terms_that_bind(read: Read, row: Row[Any], agency_id: UUID, now: datetime) -> list[BindingTerms]:
    """The terms, and the notice, of the texts that bind the agency today."""
    today = await today_of(read, agency_id, row.time_zone, now)
    texts = await texts_that_bind(read, row, agency_id, today.at_agency)
    return [
        BindingTerms(terms=msgspec.json.decode(text.terms, type=Terms), notice=read_notice(text.notice))
        for text in texts
    ]
