"""The executed versions of an agreement and the dates that follow from them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import ReportedKind, ReportStatus
from registry.agreements.instruments.consent_tables import agreement_party_suspension, agreement_reported_act
from registry.agreements.instruments.histories import AgreementDates, AmendedText, BoundWindow, TextWindow
from registry.agreements.instruments.pending import TextHeld, Without
from registry.agreements.instruments.queries.in_force import end_of
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.shown_texts import windows_to_others
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_force_window,
    agreement_notice_window,
    agreement_party_window,
    agreement_signature,
    agreement_suspension,
    agreement_text_window,
    agreement_version,
    agreement_version_dates,
)
from registry.platform.database.handles import Read
from registry.platform.kernel.intervals import Interval, earliest

_ID = sa.bindparam("id", type_=agreement.c.id.type)


def original_no(of: sa.ColumnElement[Any] = _ID) -> sa.ScalarSelect[int]:
    """The number of the original text of that agreement: of its drafts the last."""
    drafts, its = agreement_version.alias("drafts"), agreement_version_dates.alias("of_drafts")
    return (
        sa.select(sa.func.max(drafts.c.no))
        .join(its, its.c.version_id == drafts.c.id)
        .where(drafts.c.agreement_id == of, its.c.kind == "original")
        .scalar_subquery()
    )


def is_executed_text(of: sa.ColumnElement[Any] = _ID) -> sa.ColumnElement[bool]:
    """Whether a version of that agreement is its original or an amendment that was executed, or is about to be.

    For a statement that joins `agreement_version` with, where there is one, its `agreement_amendment`. A signature to
    anything else binds to nothing and ratifies nothing.
    """
    return sa.or_(agreement_version.c.no == original_no(of), agreement_amendment.c.executed_at.is_not(None))


_BOUND = sa.select(
    *(agreement_party_window.c[name] for name in ("agency_id", "starts_at", "ends_at", "amended"))
).where(
    agreement_party_window.c.agreement_id == _ID,
    agreement_party_window.c.version_id == sa.bindparam("version_id", type_=agreement_version.c.id.type),
)
_HAND = agreement_signature.c.counts_from.type
# Of a paper: on record, else as reported and not contested yet. Whatever its second hand does, it keeps its place.
_FIRST_HAND = sa.case(
    (
        agreement_amendment.c.is_paper,
        sa.func.coalesce(
            sa.select(
                sa.func.min(sa.func.coalesce(agreement_signature.c.counts_from, agreement_signature.c.recorded_at))
            )
            .where(agreement_signature.c.version_id == agreement_version.c.id)
            .correlate(agreement_version)
            .scalar_subquery(),
            sa.select(sa.func.min(agreement_reported_act.c.counts_at))
            .where(
                agreement_reported_act.c.agreement_id == agreement_version.c.agreement_id,
                agreement_reported_act.c.version_id == agreement_version.c.id,
                agreement_reported_act.c.kind == ReportedKind.SIGNED,
                agreement_reported_act.c.status == ReportStatus.OPEN,
                ~agreement_reported_act.c.is_settled,
            )
            .correlate(agreement_version)
            .scalar_subquery(),
            type_=_HAND,
        ),
    )
)
_TEXTS_OF = (
    sa.select(
        agreement_version.c.id.label("version_id"),
        agreement_version.c.no,
        agreement_version.c.title,
        agreement_version.c.sha256,
        agreement_version.c.terms,
        *(
            agreement_version_dates.c[name]
            for name in (
                *("kind", "effective_on", "expires_on", "starts_at", "ends_at"),
                *("notice", "auto_renew_months", "auto_renew_times", "renewal_day"),
            )
        ),
        agreement_amendment.c.executed_at,
        agreement_amendment.c.closed_at,
        _FIRST_HAND.label("first_hand_at"),
    )
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .outerjoin(agreement_amendment, agreement_amendment.c.version_id == agreement_version.c.id)
    .where(agreement_version.c.agreement_id == _ID)
    .order_by(agreement_version.c.no)
)
_TEXTS = _TEXTS_OF.where(is_executed_text())
_TEXTS_WITH = _TEXTS_OF.where(
    sa.or_(
        is_executed_text(),
        sa.and_(
            agreement_amendment.c.is_paper,
            agreement_version.c.id == sa.bindparam("also_version", type_=agreement_version.c.id.type),
        ),
    )
)
_SET_UP_AT = sa.select(agreement.c.executed_at).where(agreement.c.id == _ID)
_PAPERS = sa.select(agreement_amendment.c.version_id).where(
    agreement_amendment.c.agreement_id == _ID, agreement_amendment.c.closed_at.is_(None), agreement_amendment.c.is_paper
)
_LASTING = {
    "suspension": (agreement_suspension, "starts_at", "ends_at"),
    "pause": (agreement_party_suspension, "starts_at", "ends_at"),
    "force": (agreement_force_window, "starts_at", "ends_at"),
    "notice": (agreement_notice_window, "opens_at", "closes_at"),
}


def stretches() -> sa.Subquery:
    """What of the agreement `id` lasts from one instant to another, so that one statement reads all of it.

    Columns kind, no, starts_at, ends_at, executed_at, first_hand_at. Kinds: `text`, as in `executed_texts`; `held`,
    when the version of that number is the text; `suspension` of the whole; `pause`, of one party's participation;
    `force`, when at least two parties are bound; `notice`, when it has to be decided whether a term is renewed.
    """
    texts = _TEXTS.with_only_columns(
        sa.literal_column("'text'").label("kind"),
        agreement_version.c.no,
        agreement_version_dates.c.starts_at,
        agreement_version_dates.c.ends_at,
        agreement_amendment.c.executed_at,
        _FIRST_HAND.label("first_hand_at"),
    ).order_by(None)
    lasting = (
        sa.select(
            *(sa.literal_column(f"'{kind}'"), sa.literal_column("0"), its.c[begins], its.c[ends], sa.null(), sa.null())
        ).where(its.c.agreement_id == _ID)
        for kind, (its, begins, ends) in _LASTING.items()
    )
    window = agreement_text_window
    held = (
        sa.select(
            *(sa.literal_column("'held'"), agreement_version.c.no, window.c.starts_at, window.c.ends_at),
            *(sa.null(), sa.null()),
        )
        .join(agreement_version, agreement_version.c.id == window.c.version_id)
        .where(window.c.agreement_id == _ID)
    )
    return sa.union_all(texts, held, *lasting).subquery("stretches")


def intervals_of(rows: Sequence[Row[Any]], kind: str) -> tuple[Interval, ...]:
    """The stretches of that kind."""
    return tuple(
        Interval(start=row.stretch_starts_at, end=end_of(row.stretch_ends_at)) for row in rows if row.stretch == kind
    )


def texts_of(rows: Sequence[Row[Any]]) -> list[AmendedText]:
    """The stretches that are texts."""
    return [
        AmendedText(
            executed_at=row.stretch_executed_at,
            first_hand_at=row.stretch_first_hand_at,
            starts_at=row.stretch_starts_at,
            ends_at=row.stretch_ends_at,
        )
        for row in rows
        if row.stretch == "text"
    ]


def held_of(rows: Sequence[Row[Any]]) -> list[TextHeld]:
    """When each version is the text, in order."""
    return sorted(
        (
            TextHeld(start=row.stretch_starts_at, end=end_of(row.stretch_ends_at), no=row.stretch_no)
            for row in rows
            if row.stretch == "held"
        ),
        key=lambda each: each.start,
    )


def placed(held: Sequence[TextHeld], numbers: Sequence[int]) -> tuple[TextWindow, ...]:
    """The same by the places of the versions in `numbers`."""
    places = {no: n for n, no in enumerate(numbers)}
    return tuple(TextWindow(text=places[each.no], start=each.start, end=each.end) for each in held)


async def windows_shown_to_others(
    read: Read,
    row: Row[Any],
    held: Sequence[TextWindow],
    numbers: Sequence[int],
    without: Without | None,
    suspensions: Sequence[Interval],
    ended_at: datetime | None,
) -> tuple[TextWindow, ...]:
    """When the version of the row, with which others are shown the agreement, holds for them: of a later one nothing.

    `held` and `numbers` are those of `placed`; `without`, the agreement without what is only reported.
    """
    own = tuple(each for each in held if numbers[each.text] == row.version_no)
    if len(own) == len(held) or row.version_no not in numbers:
        return own  # no other is ever the text
    place = numbers.index(row.version_no)
    bound: dict[UUID, list[BoundWindow]] = {}
    for each in await read.all(_BOUND, {"id": row.id, "version_id": row.version_id}):
        window = BoundWindow(
            text=place, start=each.starts_at, end=end_of(each.ends_at), amended=frozenset(places_in(each.amended))
        )
        bound.setdefault(each.agency_id, []).append(window)
    for party in () if without is None else without.parties:
        bound[party.agency_id] = [
            BoundWindow(text=place, start=its.start, end=its.end, amended=frozenset(places_in(its.amended)))
            for its in party.bound
            if its.version_id == row.version_id
        ]
    found = windows_to_others(own, bound.values(), suspensions, earliest(row.its_ends_at, ended_at))
    return tuple(TextWindow(text=place, start=each.start, end=each.end) for each in found)


def places_in(amended: int) -> Iterator[int]:
    """The places of the later texts that are marked in it."""
    return (n for n in range(amended.bit_length()) if amended >> n & 1)


async def texts_with(read: Read, agreement_id: UUID, version_id: UUID) -> Sequence[Row[Any]]:
    """As `executed_texts`, and a paper of that id which waits for its second hand."""
    return await read.all(_TEXTS_WITH, {"id": agreement_id, "also_version": version_id})


async def executed_texts(read: Read, agreement_id: UUID) -> Sequence[Row[Any]]:
    """The original, executed or about to be, and every amendment that was executed, in order, each with its dates."""
    return await read.all(_TEXTS, {"id": agreement_id})


async def may_be_signed(read: Read, agreement_id: UUID, open_version_id: UUID, version_id: UUID) -> bool:
    """Whether the version is the text on its way, a paper that waits, or one that was executed.

    An earlier one that was executed binds until the next.
    """
    executed = (text.version_id for text in await executed_texts(read, agreement_id))
    waiting = (row.version_id for row in await read.all(_PAPERS, {"id": agreement_id}))
    return version_id in {open_version_id, *executed, *waiting}


async def set_up(read: Read, found: Agreement) -> Agreement | None:
    """What is shown of an agreement, with when it became one here instead of when the last of its parties signed it.

    None before that. `dates_of` counts from it: see `rules.executed_when`.
    """
    at = await read.value(_SET_UP_AT, {"id": found.id})
    return None if at is None else replace(found, executed_at=at)


def dates_of(row: Row[Any], texts: Sequence[Any], suspensions: tuple[Interval, ...]) -> AgreementDates:
    """The dates that all parties share; `row` is the agreement's, `texts` those of `executed_texts` or `texts_of`."""
    original, *amendments = texts
    return AgreementDates(
        executed_at=row.executed_at,
        starts_at=original.starts_at,
        ends_at=original.ends_at,
        amendments=tuple(
            AmendedText(
                executed_at=each.executed_at or row.executed_at,  # a paper that waits goes by its first hand
                first_hand_at=each.first_hand_at,
                starts_at=each.starts_at,
                ends_at=each.ends_at,
            )
            for each in amendments
        ),
        ended_at=row.terminated_at,
        suspensions=suspensions,
    )
