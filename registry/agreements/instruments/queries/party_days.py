"""Of which texts the days are that a reader is told of an agreement with several: see `instruments.party_days`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.instruments.held_texts import replaced_before
from registry.agreements.instruments.histories import AgreementDates, BoundWindow, TextWindow
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.party_days import PartyDays, lasting_windows, party_days
from registry.agreements.instruments.pending import Without
from registry.agreements.instruments.queries.provisions import VersionTerm
from registry.agreements.instruments.queries.signed_texts import histories_of, signed_texts
from registry.agreements.instruments.queries.texts import executed_texts
from registry.agreements.instruments.shown_texts import own_text
from registry.platform.database.handles import Read
from registry.platform.kernel.time import civil_day


class DaysTold(Struct, kw_only=True, frozen=True):
    """The dates of the texts that `PartyDays` names, and the terms of the one that lasts longest.

    Whether there is an executed text that the party has not signed, which it may sign still, or confirm.
    """

    last: VersionTerm
    terms: Any
    running: VersionTerm
    notice: VersionTerm
    over_at: datetime | None
    version_nos: tuple[int, int, int]  # of the last, the running and the notice
    may_sign: bool = False
    may_confirm: bool = False


class AllDays(Struct, kw_only=True, frozen=True):
    """The days told, by party; and, whatever interrupts it for a while, when each text binds whom."""

    by_party: Mapping[UUID | None, DaysTold]
    windows: Mapping[UUID, Sequence[BoundWindow]]


async def days_told(
    read: Read,
    row: Row[Any],
    numbers: Sequence[int],
    dates: AgreementDates,
    held: Sequence[TextWindow],
    parties: Sequence[Any],
    without: Without | None,
    at: datetime,
) -> AllDays:
    """By party the dates that are told of it at the instant; under None those that are told to others.

    `numbers` and `held` are those of the agreement's texts and of `texts.placed`. A party that no text binds is told
    what others are: the day until which the agreement goes on by the text that takes effect last of those that are
    shown then or later, and the term of the one that is shown.
    """
    by_no = {text.no: text for text in await executed_texts(read, row.id)}
    texts = [by_no[no] for no in numbers]
    signed = await signed_texts(read, texts, {})
    did = {each.agency_id: (without.party(each.agency_id) if without else None) or each for each in parties}
    histories = histories_of(texts, signed, did)
    notices, day = [read_notice(text.notice) for text in texts], civil_day(at, row.time_zone)
    own, _ = own_text(held, {n: place for place, n in enumerate(dates.by_effect)}, at)
    if own is None or (dates.ended_at is not None and dates.ended_at <= max(dates.begins)):
        own = dates.by_effect[-1]
    shown = numbers.index(row.version_no) if row.version_no in numbers else own
    over_at = next((each.end for each in reversed(held) if each.text == shown and each.start <= at), None)
    found: dict[UUID | None, DaysTold] = {
        None: _told(texts, PartyDays(last=own, running=shown, notice=own, over_at=over_at))
    }
    # What was over, or given up by each that had signed it, is signed no more: `given_up` says so of one.
    joined = {each: its for each, its in histories.items() if its.joined_at is not None}
    lasting = {
        n
        for n, text in enumerate(texts)
        if (text.ends_at is None or at < text.ends_at) and replaced_before(dates, joined, n, at) is None
    }
    bound = lasting_windows(dates, histories)
    for agency_id, windows in bound.items():
        days = party_days(dates, windows, [each.of(agency_id) for each in notices], at, day)
        told = found[None] if days is None else _told(texts, days)
        unsigned = [n for n in range(len(texts)) if n not in signed.get(agency_id, {})]
        may_sign = any(n in lasting for n in unsigned)
        found[agency_id] = replace(told, may_sign=may_sign, may_confirm=bool(unsigned))
    return AllDays(by_party=found, windows=bound)


def _told(texts: Sequence[Row[Any]], days: PartyDays) -> DaysTold:
    return DaysTold(
        last=_term(texts[days.last]),
        terms=texts[days.last].terms,
        running=_term(texts[days.running]),
        notice=_term(texts[days.notice]),
        over_at=days.over_at,
        version_nos=(texts[days.last].no, texts[days.running].no, texts[days.notice].no),
    )


def _term(text: Row[Any]) -> VersionTerm:
    return VersionTerm(**{name: text._mapping[name] for name in VersionTerm.__struct_fields__})
