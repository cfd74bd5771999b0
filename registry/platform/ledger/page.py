"""The page about the types of events, made of the catalogue."""

from itertools import groupby

from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.schemas import AuditedType

_HEAD = """# Events

What the ledger records, by type: `type` of each event in the histories (`GET …/history`), in the file of an agreement,
and among what auditors review (`GET /v1/audit-events`, which has those that are marked as audited). Nothing else is
recorded. A type that was released keeps its name and meaning; new ones come, and a client leaves aside what it does not
know. This page is made by `registry events --write docs/events.md`.
"""


def events_page() -> str:
    """Every type with its meaning, in Markdown, a table for each kind of thing."""
    audited = {each.value for each in AuditedType}
    parts = [_HEAD]
    for thing, its in groupby(EventType, lambda each: each.partition(".")[0]):
        rows = [f"| `{each.value}` | {each.meaning}{' Audited.' if each.value in audited else ''} |" for each in its]
        parts.append("\n".join([f"## {_heading(thing)}\n", "| type | what it tells |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def _heading(thing: str) -> str:
    return thing.replace("_", " ").capitalize()
