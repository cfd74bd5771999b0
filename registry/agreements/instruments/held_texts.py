"""Which texts a party holds from when, and which of them another has taken the place of."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import TypeVar

from registry.agreements.instruments.histories import AgreementDates, PartyHistory
from registry.platform.kernel.intervals import earliest

K = TypeVar("K", bound=Hashable)


def latest_in_common(
    dates: AgreementDates, own: Collection[int], others: Iterable[Collection[int]], at: datetime
) -> list[int]:
    """The texts by which a party that signed `own` is bound to those that signed `others` at the instant, latest first.

    Of the texts that have begun by then; where none has, the first that follows. Its own latest is always among them,
    and the first of them; an earlier one that has run out binds it to nobody.
    """
    begun = _begun(dates, own, at)
    in_common = (latest_in_common_with(dates, own, each, at) for each in others)
    found = {begun[-1]} | {n for n in in_common if n is not None}
    ends = (dates.ends_at, *(text.ends_at for text in dates.amendments))
    over = {n for n in found if n != begun[-1] and (end := ends[n]) is not None and end <= at}
    return [n for n in reversed(begun) if n in found - over]


def latest_in_common_with(
    dates: AgreementDates, own: Collection[int], other: Collection[int], at: datetime
) -> int | None:
    """By which text the one is bound to the other, by what each has signed; None where there is none of both."""
    return next((n for n in reversed(_begun(dates, own, at)) if n in own and n in other), None)


def _begun(dates: AgreementDates, own: Collection[int], at: datetime) -> Sequence[int]:
    """Of the texts that the party has signed those that have begun by then; where none has, the first that follows."""
    order = [n for n in dates.by_effect if n in own] or dates.by_effect
    return [n for n in order if dates.begins[n] <= at] or order[:1]


def lapses(dates: AgreementDates, held: Mapping[K, tuple[Collection[int], datetime | None]]) -> dict[K, datetime]:
    """When the texts that a party has signed have all ended, for each that others then outlast by a later text.

    `held`: by party the texts that it has signed, and when it leaves. Where all end together nobody has lapsed: what is
    over for all may still be renewed, or concluded, by all.
    """
    ends = (dates.ends_at, *(text.ends_at for text in dates.amendments))
    found: dict[K, datetime] = {}
    for each, (texts, _) in held.items():
        own = [ends[n] for n in texts]
        if not own or None in own:
            continue
        until = max(end for end in own if end is not None)
        goes_on = [
            n
            for n, end in enumerate(ends)
            if (end is None or until < end)
            and sum(n in theirs and (gone is None or until < gone) for theirs, gone in held.values()) > 1
        ]
        if goes_on:
            found[each] = until
    return found


def held_by(
    dates: AgreementDates, parties: Mapping[K, PartyHistory]
) -> dict[K, tuple[tuple[datetime, frozenset[int]], ...]]:
    """As `texts_held` by party, without each hand to a text that those who had signed it had given up by its day."""
    held = {each: tuple(texts_held(dates, party)) for each, party in parties.items()}
    if not dates.amendments:
        return held
    since = {each: _since(stages) for each, stages in held.items()}
    late: set[K] = set()
    for n in reversed(dates.by_effect):
        given_up = given_up_at(dates, since, n)
        first = min((at for at, _ in given_up.values()), default=None)
        standing: list[K] = []
        hands = sorted(
            ((_hand(parties[each], n), each) for each in since if n in since[each]), key=lambda hand: hand[0]
        )
        for at, group in groupby(hands, key=lambda hand: hand[0]):
            gone = first is not None and first < at and replaced_for_all(parties, standing, given_up, at) is not None
            if not gone:
                standing += (each for _, each in group)
                continue
            for _, each in group:
                del since[each][n]
                late.add(each)
    return held | {each: tuple(_stages(since[each])) for each in late}


def given_up_at(
    dates: AgreementDates, since: Mapping[K, Mapping[int, datetime]], n: int
) -> dict[K, tuple[datetime, int]]:
    """By party that holds the text: from when one in a higher place binds it to another party, and which does first.

    `since`: by party from when it holds each text.
    """
    order = dates.by_effect
    higher = order[order.index(n) + 1 :]
    holding = {m: sorted(its[m] for its in since.values() if m in its) for m in higher}
    second = {m: found[1] for m, found in holding.items() if len(found) > 1}
    return {
        each: min(found)
        for each, its in since.items()
        if n in its and (found := [(max(its[m], at), m) for m, at in second.items() if m in its])
    }


def replaced_before(
    dates: AgreementDates, parties: Mapping[K, PartyHistory], n: int, at: datetime
) -> tuple[datetime, int] | None:
    """As `replaced_for_all`, of a hand to that text which is not among the parties' yet."""
    since = {each: _since(stages) for each, stages in held_by(dates, parties).items()}
    of_all = [each for each, party in parties.items() if party.texts is None or n in party.texts]
    signed = [each for each in of_all if _hand(parties[each], n) <= at]
    known = {each: {n: at, **its} if each in signed else its for each, its in since.items()}
    return replaced_for_all(parties, signed, given_up_at(dates, known, n), at)


def replaced_for_all(
    parties: Mapping[K, PartyHistory], standing: Iterable[K], given_up: Mapping[K, tuple[datetime, int]], at: datetime
) -> tuple[datetime, int] | None:
    """Since when, and by which text, a text is replaced for each that signed it and has not left by the instant.

    A hand of that instant binds nobody anew; of one day, and no hour, hands on paper are of one instant, and all count.
    None while there is one for whom it is not, and where nobody is left.
    """
    last: tuple[datetime, int] | None = None
    for each in standing:
        gone_at = earliest(parties[each].leaves_at, parties[each].released_at)
        if gone_at is not None and gone_at <= at:
            continue
        found = given_up.get(each)
        if found is None or found[0] >= at:
            return None
        last = found if last is None else max(last, found)
    return last


def _hand(party: PartyHistory, n: int) -> datetime:
    """The instant of the party's hand to a text, or of its word."""
    assert party.joined_at is not None
    counts_from = party.joined_at if party.texts is None else party.texts[n]
    return min(counts_from, party.stated.get(n, counts_from))


def _since(stages: Iterable[tuple[datetime, frozenset[int]]]) -> dict[int, datetime]:
    found: dict[int, datetime] = {}
    for at, texts in stages:
        found |= {n: at for n in texts if n not in found}
    return found


def _stages(since: Mapping[int, datetime]) -> Iterator[tuple[datetime, frozenset[int]]]:
    return ((at, frozenset(n for n, its in since.items() if its <= at)) for at in sorted({*since.values()}))


def texts_held(dates: AgreementDates, party: PartyHistory) -> Iterator[tuple[datetime, frozenset[int]]]:
    """The texts that a party has signed and that have begun, each time that there are more of them.

    A hand that counts only from when its text is over holds nothing: it takes no earlier text's place.
    """
    if party.joined_at is None:
        return
    ends = (dates.ends_at, *(text.ends_at for text in dates.amendments))
    since: dict[datetime, set[int]] = {}
    for n, begins in enumerate(dates.begins):
        signed_at = party.joined_at if party.texts is None else party.texts.get(n)
        if signed_at is None:
            continue
        at = max(begins, party.joined_at, signed_at)
        if (end := ends[n]) is None or at < end:
            since.setdefault(at, set()).add(n)
    found: frozenset[int] = frozenset()
    for at in sorted(since):
        found |= since[at]
        yield at, found


def side_by_side(
    held: Mapping[K, Sequence[tuple[datetime, frozenset[int]]]], parties: Mapping[K, PartyHistory]
) -> list[tuple[datetime, tuple[frozenset[int], ...]]]:
    """Which sets of texts parties hold, each time that this changes: one that several hold is there twice.

    They are few, however many the parties are.
    """
    turns: list[tuple[datetime, frozenset[int], int]] = []
    for each, stages in held.items():
        gone_at = earliest(parties[each].leaves_at, parties[each].released_at)
        for place, (at, texts) in enumerate(stages):
            until = earliest(*(following for following, _ in stages[place + 1 : place + 2]), gone_at)
            if until is None or at < until:
                turns.append((at, texts, 1))
                if until is not None:
                    turns.append((until, texts, -1))
    found: list[tuple[datetime, tuple[frozenset[int], ...]]] = []
    count: Counter[frozenset[int]] = Counter()
    for at, group in groupby(sorted(turns, key=lambda turn: turn[0]), key=lambda turn: turn[0]):
        for _, texts, step in group:
            count[texts] += step
        there = tuple(sorted((texts for texts in count for _ in range(min(count[texts], 2))), key=sorted))
        if not found or found[-1][1] != there:
            found.append((at, there))
    return found
