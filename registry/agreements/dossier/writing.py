"""A version's text for reading, and records as JSON: the same bytes for the same content."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.schemas.shown import Provision

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
