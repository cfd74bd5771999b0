"""What is so before and after a step of the walk, and what of that nobody may do to another."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.instruments.consent import CONTEST_PERIOD, ReportStatus
from registry.agreements.instruments.consent_tables import (
    agreement_consent,
    agreement_proposal,
    agreement_publication,
    agreement_publication_consent,
    agreement_reported_act,
)
from registry.agreements.instruments.queries.in_force import OPEN_END
from registry.agreements.instruments.tables import agreement_party, agreement_party_window, agreement_signature
from registry.platform.kernel.intervals import Interval, remaining
from registry.platform.kernel.time import format_instant, utc_now
from tests.support.cast import Agency
from tests.support.consent_walk_bodies import DAY, NOTICE_DAYS, PATH, Walk


class Facts(Struct, kw_only=True, frozen=True):
    """What is so at one moment: who is bound when and by which version, who did what, and who reads what.

    `pairs`: when two are bound to each other, and by which version: that of one party's windows may stay as it is while
    it is bound by it to another. `reported` has for each party the first instant at which its silence to what is said
    of it would count. `shown` is what each party is shown of itself and of the end, now and of a day to come.
    """

    now: datetime
    windows: Mapping[UUID, Sequence[tuple[datetime, datetime, UUID]]]
    pairs: Mapping[tuple[UUID, UUID], Sequence[tuple[datetime, datetime, UUID]]]
    consented: Mapping[UUID, frozenset[UUID]]
    signed: Mapping[UUID, frozenset[UUID]]
    reported: Mapping[UUID, datetime]
    named: frozenset[UUID]
    agreed: frozenset[UUID]
    reads: Mapping[UUID, tuple[int, frozenset[str]]]
    published: frozenset[UUID]
    words: Mapping[UUID, frozenset[UUID]]
    shown: Mapping[UUID, tuple[Sequence[Any], Sequence[Any]]]


OF_ITSELF = ("joined_at", "verbally_at", "withdrawal_notice_on", "notice_kind", "leaves_at", "released_at", "bound")
"""`bound` comes last: one is bound to others, so what the actor does to its own being bound may show there."""


async def shown_to(party: Agency, agreement_id: UUID) -> tuple[list[Any], list[Any]]:
    """What a party is shown of itself and of the end of the agreement, now and of a day after all reports' effect."""
    itself, ends = list[Any](), list[Any]()
    for when in ("", f"?as_of={format_instant(utc_now() + 20 * DAY)}"):
        answer = await party.legal.get(f"{PATH}/{agreement_id}{when}")
        if answer.status_code == 200:
            seen = answer.json()
            own = [each for each in seen["parties"] if each["agency"]["id"] == str(party.id)]
            itself += [[each[name] for name in OF_ITSELF] for each in own]
            ends += [seen["terminated_at"], (seen["superseded_by"] or {}).get("id")]
    return itself, ends


async def facts_of(walk: Walk) -> Facts:
    """The facts, from the tables, and from what each agency's lawyer is shown."""
    read, its = walk.service.database.read(), UUID(walk.found["id"])
    windows: dict[UUID, list[tuple[datetime, datetime, UUID]]] = {}
    table = agreement_party_window
    rows = await read.all(sa.select(table).where(table.c.agreement_id == its).order_by(table.c.starts_at))
    for row in rows:
        windows.setdefault(row.agency_id, []).append((row.starts_at, row.ends_at, row.version_id))
    consents = sa.select(agreement_consent, agreement_proposal.c.agreed_at).join(agreement_proposal)
    consented: dict[UUID, set[UUID]] = {}
    agreed = set()
    for row in await read.all(consents.where(agreement_proposal.c.agreement_id == its)):
        if row.counts_from is not None:
            consented.setdefault(row.agency_id, set()).add(row.proposal_id)
        if row.agreed_at is not None:
            agreed.add(row.proposal_id)
    signed: dict[UUID, set[UUID]] = {}
    hands = agreement_signature
    for row in await read.all(sa.select(hands).where(hands.c.agreement_id == its, hands.c.manner != "reported")):
        signed.setdefault(row.agency_id, set()).add(row.version_id)
    said = agreement_reported_act
    open_ = said.c.status == ReportStatus.OPEN
    told = sa.select(said.c.agency_id, sa.func.min(said.c.notified_at, type_=said.c.notified_at.type).label("told_at"))
    reported = await read.all(told.where(said.c.agreement_id == its, open_).group_by(said.c.agency_id))
    named = await read.all(sa.select(agreement_party).where(agreement_party.c.agreement_id == its))
    reads = {}
    for agency in (*walk.parties, walk.cast.stranger):
        answer = await agency.legal.get(f"{PATH}/{its}")
        shown = answer.json().get("provisions", ()) if answer.status_code == 200 else ()
        texts = {each["number"] for each in shown if each["text"] is not None}
        if agency is walk.cast.stranger:
            filed = await agency.legal.get(f"{PATH}/{its}/documents")
            texts |= {each["id"] for each in filed.json().get("items", ())}
        reads[agency.id] = (answer.status_code, frozenset(texts))
    things = sa.select(agreement_publication).where(agreement_publication.c.agreement_id == its)
    published = {row.id for row in await read.all(things) if row.published_at is not None}
    words = {agency: set(versions) for agency, versions in signed.items()}
    said_so = sa.select(agreement_publication_consent).where(agreement_publication_consent.c.agrees.is_(sa.true()))
    for row in await read.all(said_so.where(agreement_publication_consent.c.publication_id.in_(published))):
        words.setdefault(row.agency_id, set()).add(row.publication_id)
    for row in named:
        if row.verbally_at is not None:  # its word binds as its hand does, to the text of its windows
            signed.setdefault(row.agency_id, set()).update(version for _, _, version in windows.get(row.agency_id, ()))
    return Facts(
        now=utc_now(),
        windows=windows,
        pairs=_pairs(rows),
        consented={agency: frozenset(found) for agency, found in consented.items()},
        signed={agency: frozenset(found) for agency, found in signed.items()},
        reported={row.agency_id: row.told_at + CONTEST_PERIOD for row in reported if row.told_at is not None},
        named=frozenset(row.agency_id for row in named),
        agreed=frozenset(agreed),
        reads=reads,
        published=frozenset(published),
        words={agency: frozenset(found) for agency, found in words.items()},
        shown={party.id: await shown_to(party, its) for party in walk.parties},
    )


def _pairs(rows: Sequence[Any]) -> dict[tuple[UUID, UUID], list[tuple[datetime, datetime, UUID]]]:
    """Of each two parties the stretches in which two of their windows meet: see `in_force.bind_each_other`."""
    found: dict[tuple[UUID, UUID], list[tuple[datetime, datetime, UUID]]] = {}
    for one, other in combinations(sorted(rows, key=lambda row: row.agency_id), 2):
        start, end = max(one.starts_at, other.starts_at), min(one.ends_at, other.ends_at)
        meets = one.version_id == other.version_id and not one.amended & other.amended and start < end
        if one.agency_id != other.agency_id and meets:
            found.setdefault((one.agency_id, other.agency_id), []).append((start, end, one.version_id))
    return {pair: sorted(stretches) for pair, stretches in found.items()}


def until(windows: Sequence[tuple[datetime, datetime, UUID]], end: datetime) -> list[tuple[datetime, datetime, UUID]]:
    """The windows, cut off at an instant."""
    return [(start, min(stop, end), version) for start, stop, version in windows if start < end]


def _spans(windows: Sequence[tuple[datetime, datetime, UUID]]) -> list[Interval]:
    return [Interval(start=start, end=stop) for start, stop, _ in windows]


def got_rid_of_others(walk: Walk, before: Facts, after: Facts, actor: UUID) -> Iterator[str]:
    """What the actor did to shorten what binds it to those who are bound now, and neither agreed nor were told."""
    others = {party.id for party in walk.others(actor)}
    bound = {each for each in others if any(span.contains(before.now) for span in _spans(before.windows.get(each, ())))}
    for days, excused in ((14, set[UUID]()), (NOTICE_DAYS, set(after.reported) & others)):
        was = until(before.windows.get(actor, ()), before.now + days * DAY)
        now = _spans(after.windows.get(actor, ()))
        agreed = {each for each in bound if before.consented.get(each, frozenset()) & (after.agreed - before.agreed)}
        if any(remaining(span, now) for span in _spans(was)) and not bound <= (agreed | excused):
            yield f"how long the actor is bound to others, within {days} days"


def _differ(some: Sequence[Interval], others: Sequence[Interval]) -> bool:
    """Whether an instant is in one of the one and in none of the other.

    By which of the texts that a party has signed itself it is bound depends on who has signed them too.
    """
    pairs = ((some, others), (others, some))
    return any(remaining(span, beside) for spans, beside in pairs for span in spans)


def past_days_moved(before: Facts, after: Facts, actor: UUID) -> Iterator[tuple[UUID, UUID]]:
    """The pairs that were bound to each other on other days that are over, or by other texts, than before the act.

    Not where each of the two that did not act has agreed to it, or has signed the text that it is, and lost no day.
    """
    for pair in sorted({*before.pairs, *after.pairs}):
        was, is_ = (until(facts.pairs.get(pair, ()), before.now) for facts in (before, after))
        if was == is_:
            continue
        loses = any(remaining(span, _spans(is_)) for span in _spans(was))
        texts = versions([each for each in is_ if each not in was])

        def has_part(party: UUID, *, loses: bool = loses, texts: set[UUID] = texts) -> bool:
            agreed = before.consented.get(party, frozenset()) & (after.agreed - before.agreed)
            return bool(agreed) or (not loses and texts <= before.signed.get(party, frozenset()))

        if not all(party == actor or has_part(party) for party in pair):
            yield pair


def versions(windows: Sequence[tuple[datetime, datetime, UUID]]) -> set[UUID]:
    """Which texts bind in the windows."""
    return {version for _, _, version in windows}


def wrongs(walk: Walk, before: Facts, after: Facts, actor: UUID) -> Iterator[str]:
    """What was done to others, who did nothing for it themselves."""
    for party in walk.others(actor):
        its = party.id
        # What is taken back of a report may restore what its silence would have cost, from that instant on.
        soon = min(before.now + CONTEST_PERIOD, before.reported.get(its, OPEN_END))
        was, is_ = before.windows.get(its, ()), after.windows.get(its, ())
        own = before.consented.get(its, frozenset()) & (after.agreed - before.agreed)
        hand = before.signed.get(its, frozenset()) & (versions(is_) - versions(was))
        signed = versions(is_) <= before.signed.get(its, frozenset()) and not _differ(_spans(was), _spans(is_))
        if list(was) != list(is_) and not own and not hand and not signed:
            if until(was, soon) != until(is_, soon):
                yield f"the windows of {party.name}"
            elif its not in after.reported and its not in before.reported:
                yield f"the windows of {party.name}, later on, by nothing that it was told of"
        own_window_moved = before.windows.get(actor, ()) != after.windows.get(actor, ())
        compared = -1 if own_window_moved else None
        itself = [each[:compared] for each in before.shown[its][0]] != [each[:compared] for each in after.shown[its][0]]
        ends = before.shown[its][1] != after.shown[its][1]
        # Who is not bound by it has no say in its end.
        if before.shown[its][0] and (itself or (ends and its in before.windows)) and not own and not hand:
            yield f"what is shown of {party.name}, which did nothing: {before.shown[its]}, {after.shown[its]}"
        status, texts = before.reads[its]
        if its in before.windows and status == 200 and not texts <= after.reads[its][1]:
            yield f"what {party.name} reads of the text that binds it"
    names = {party.id: party.name for party in walk.parties}
    for pair in past_days_moved(before, after, actor):
        yield f"on which days that are over {' and '.join(names.get(each, 'one') for each in pair)} were bound"
    outsider = walk.cast.stranger.id
    new, gone = after.published - before.published, before.published - after.published
    if outsider not in after.named and before.reads[outsider] != after.reads[outsider] and not (new or gone):
        yield "what a stranger reads"
    for party in walk.others(actor):
        if not new <= after.words.get(party.id, frozenset()):
            yield f"what {party.name} has not published"
    if gone and actor not in {party.id for party in walk.parties}:
        yield "what the parties publish"
    if outsider in after.named - before.named and any(
        not before.consented.get(party.id) for party in walk.others(actor) if party.id in before.windows
    ):
        yield "who is let in"
