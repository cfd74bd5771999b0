"""What a letter says: of each thing its kind, an agreement's number, until when, and where it is read.

Mail leaves the registry for servers and telephones of which it knows nothing. So there is no title, summary or name of
an asset in it, no clause, no sum and no person: whoever wants to know more follows the link, and signs in.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.agreements.deadlines.schemas import Deadline
from registry.agreements.deadlines.wording import TITLES
from registry.directory.waiting import InboxEntry, InboxKind
from registry.platform.kernel.text import counted
from registry.platform.kernel.time import wall_clock

_K = InboxKind
ASKS: Final[dict[InboxKind, str]] = {
    _K.RECALL: "Send back what is recalled",
    _K.RETURN: "Send back what was lent",
    _K.TAKE_BACK: "Confirm that it is back",
    _K.HAND_OVER: "Send out what is reserved",
    _K.CANNOT_COME: "Cancel reserved help that cannot come, or put it right",
    _K.ASSET_CHANGED: "Agree to an asset that was changed, or cancel it",
    _K.RECEIPT: "Confirm that it has arrived",
    _K.MISSING: "Say where what was sent and did not arrive is",
    _K.EXTENSION: "Answer an extension",
    _K.APPROVAL: "Approve or reject what is asked for",
    _K.ANSWER: "Lend what is asked for, or decline",
    _K.OFFER: "Offer what is asked for, or decline",
    _K.OFFER_ANSWER: "Accept or refuse what is offered",
    _K.SUBMISSION: "Submit a request that was changed",
    _K.HELP_LACKING: "Ask again, or others, for what nobody is to bring",
    _K.OBLIGATION: "Meet an obligation",
    _K.DEADLINE: "Meet a deadline",
    _K.OPERATOR_ACT: "Approve or reject an act of the operator",
    _K.AGREEMENT: "Answer an agreement that waits for your agency",
    _K.NO_SHOW: "Accept or contest a reported no-show",
    _K.CONTESTED_TIME: "Answer a contested time",
    _K.DAMAGE_FOUND: "Accept or contest damage that was found later",
    _K.OVER_LIMIT: "See to what is more than is agreed at one time",
    _K.CLOSING: "Close a loan that is back",
    _K.DAMAGE: "Assess what came back damaged",
    _K.WEBHOOK: "Enable a webhook again at which nothing arrived, or delete it",
    _K.INVITATION: "Say whether your agency takes part",
    _K.CORRECTIVE_ACTION: "Complete a corrective action, or see that it was done",
}
"""What each kind asks for, in words that are the same for all things of the kind."""
MOST_LISTED: Final = 50
"""How many things a letter lists of each sort; of the rest it says how many there are."""


class Told(Struct, kw_only=True, frozen=True):
    """What there is to tell: entries that newly wait, and what falls due."""

    entries: Sequence[InboxEntry]
    due: Sequence[Deadline]


def subject_of(told: Told, *, digest: bool) -> str:
    """The subject line: how much, and nothing of what."""
    new = f"{counted(len(told.entries), 'thing')} newly {'waits' if len(told.entries) == 1 else 'wait'} for you"
    due = f"{counted(len(told.due), 'deadline')} ahead"
    parts = [*([new] if told.entries else []), *([due] if told.due else [])]
    return f"{'Digest: ' if digest else ''}{', '.join(parts)}"


def text_of(told: Told, *, time_zone: str, public_url: str, stop_url: str) -> str:
    """The letter."""
    parts: list[str] = []
    if told.entries:
        parts += ["What newly waits for you:", "", *_listed([_entry(e, time_zone, public_url) for e in told.entries])]
    if told.due:
        parts += ["What falls due under agreements:", "", *_listed([_deadline(each, public_url) for each in told.due])]
    parts += [
        f"All that waits for you: {public_url}/v1/inbox",
        f"How you are told: {public_url}/v1/me/notifications",
        f"To be told nothing more, without signing in: {stop_url}",
        "",
        "This was sent by a program; nobody reads an answer to it.",
    ]
    return "\n".join(parts) + "\n"


def confirmation_text(code: str, *, public_url: str, hours: int) -> str:
    """The letter with a code."""
    return (
        f"Somebody who signed in to the registry at {public_url} wants to be told of it by mail at this address.\n\n"
        f"If that was you, confirm it there with this code, within {counted(hours, 'hour')}:\n\n    {code}\n\n"
        "If it was not, do nothing: without the code nothing more is sent here.\n\n"
        "This was sent by a program; nobody reads an answer to it.\n"
    )


def _listed(lines: Sequence[str]) -> list[str]:
    left = len(lines) - MOST_LISTED
    return [*lines[:MOST_LISTED], *([f"… and {left} more.", ""] if left > 0 else [])]


def _entry(entry: InboxEntry, time_zone: str, public_url: str) -> str:
    of = f", agreement {entry.subject.number}" if entry.subject.number is not None else ""
    until = "" if entry.due_at is None else f", {'was due' if entry.late else 'until'} {_at(entry.due_at, time_zone)}"
    return f"- {ASKS[entry.kind]}{of}{until}\n  {public_url}{entry.subject.path}\n"


def _deadline(deadline: Deadline, public_url: str) -> str:
    path = f"{public_url}/v1/agreements/{deadline.agreement_id}"
    return (
        f"- {TITLES[deadline.kind]}, agreement {deadline.agreement_number}, {deadline.due_on.isoformat()}\n  {path}\n"
    )


def _at(at: datetime, time_zone: str) -> str:
    return f"{wall_clock(at, ZoneInfo(time_zone)):%Y-%m-%d %H:%M} ({time_zone})"
