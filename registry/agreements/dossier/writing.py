"""A version's text for reading, and records as JSON: the same bytes for the same content."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from registry.agreements.instruments.receipt import awaited_in_words, disputed_in_words
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.schemas.shown import Provision
from registry.agreements.timeline.schemas import BoundWindow, PartyTimeline, Timeline
from registry.platform.bulk.harmless import harmless
from registry.platform.kernel.time import format_instant

_OF_THE_CALLER = frozenset({"allowed_actions", "as_of"})


def as_json(value: object) -> bytes:
    """Indented JSON without what depends on who asks and when. Members are in the order of their declaration."""
    return msgspec.json.format(msgspec.json.encode(_lasting(msgspec.to_builtins(value))), indent=2) + b"\n"


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lasting(each) for name, each in value.items() if name not in _OF_THE_CALLER}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


def events_as_json(events: Sequence[msgspec.Raw], agencies: object) -> bytes:
    """The events, each on a line exactly as it was hashed, and the agencies that they name."""
    lines = b",\n".join(bytes(each) for each in events)
    return b'{"agencies":' + msgspec.json.encode(agencies) + b',\n"events":[\n' + lines + b"\n]}\n"


_COLUMNS = (
    *("party", "agency_id", "version_no", "first_on", "last_on", "start", "end", "towards"),
    *("bound_by", "begins_by", "ends_by", "reported_only", "contested", "pending"),
    *("end_not_known", "end_disputed", "receipts_corrected"),
)


def timeline_as_csv(timeline: Timeline) -> bytes:
    """A line for each window of each party, one of blanks for whom was never bound; acts by what was done."""
    said = {each.act_no: each.detail for each in timeline.acts}
    names = {party.agency.id: party.agency.name for party in timeline.parties}

    def acts(numbers: Iterable[int]) -> str:
        return " ".join(said[each] for each in numbers)

    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")
    table.writerow(_COLUMNS)
    for party in timeline.parties:
        otherwise = (
            *(acts(party.contested), acts(party.pending)),
            *(end_not_known(party), end_disputed(party), acts(party.receipts_corrected)),
        )
        rows: list[tuple[object, ...]] = [
            (
                *(each.version_no, each.first_on, None if end_is_open(party, each) else each.last_on),
                *(_instant(each.start), None if end_is_open(party, each) else _instant(each.end)),
                "; ".join(towards_in_words(each, names)),
                *(acts(each.bound_by), acts(each.begins_by), acts(each.ends_by)),
                "yes" if each.reported_only else "no",
            )
            for each in party.windows
        ]
        for row in rows or [(None,) * 10]:
            cells = (party.agency.name, party.agency.id, *row, *otherwise)
            table.writerow(["" if cell is None else harmless(str(cell)) for cell in cells])
    return written.getvalue().encode()


def end_not_known(party: PartyTimeline) -> str:
    """That the party has given notice, and that until when it is bound is not known; empty where that is not so."""
    notice = party.awaiting_receipt
    if notice is None:
        return ""
    return (
        f"Notice given, of {notice.notice_on}; until when {party.agency.name} is bound is not known: the notice counts "
        f"from its receipt, which {awaited_in_words(notice.receipts)}.{_no_later(party)}"
    )


def _no_later(party: PartyTimeline) -> str:
    last_on = party.windows[-1].last_on if party.windows else None
    return "" if last_on is None else f" Not later than {last_on}, by which the text ends it."


def end_is_open(party: PartyTimeline, window: BoundWindow) -> bool:
    """Whether until when the window binds is not known, since the party's notice waits for a receipt.

    The last one alone: the notice ends no other. What it ends without the notice is the latest that it may.
    """
    return party.awaiting_receipt is not None and window is party.windows[-1]


def end_disputed(party: PartyTimeline) -> str:
    """That until when the party is bound is disputed, and both words of it; empty where that is not so."""
    notice = party.disputed_receipts
    if notice is None:
        return ""
    return (
        f"Notice given, of {notice.notice_on}; until when {party.agency.name} is bound is disputed: "
        f"{disputed_in_words(party.agency.name, notice.receipts)}. The last day here is by the word of who received it."
    )


def towards_in_words(window: BoundWindow, names: Mapping[UUID, str]) -> Iterator[str]:
    """To whom a window binds its party, with the days where these are not those of the window itself."""
    for each in window.towards or ():
        days = ""
        if (each.start, each.end) != (window.start, window.end):
            last = "" if each.last_on is None else f" through {each.last_on}"
            days = f" (from {each.first_on}{last})"
        if each.agency_ids is None:
            yield f"all others that version {window.version_no} binds then{days}"
        else:
            yield f"{', '.join(names[agency_id] for agency_id in each.agency_ids)}{days}"


def _instant(at: datetime | None) -> str | None:
    return None if at is None else format_instant(at)


def version_text(heading: Iterable[str], provisions: Sequence[Provision]) -> bytes:
    """A version for reading, provision by provision; what is withheld keeps its place, and names its exemption."""
    return "\n".join([*heading, *(line for each in provisions for line in ("", *_provision(each))), ""]).encode()


def _provision(provision: Provision) -> Iterable[str]:
    if provision.text is None:
        yield provision.number
        yield f"[{why_withheld(provision.sensitivity, provision.exemption)}]"
        return
    yield f"{provision.number}  {provision.heading.replace('_', ' ').capitalize()}"
    yield provision.text


def why_withheld(sensitivity: Sensitivity, exemption: str | None) -> str:
    """Why something is not shown, in a sentence."""
    if sensitivity == Sensitivity.RESTRICTED:
        return f"Withheld. Exemption cited: {exemption}"
    return "Withheld: the parties have not published it."
