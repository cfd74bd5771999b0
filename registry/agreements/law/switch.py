"""Which rules that rest on a secondary source are on in this process.

Set once, when the service is put together: rules are read in many places that have no settings at hand, and an
installation has one set of them.
"""

from collections.abc import Collection

from registry.agreements.law.rules import Law

_turned_on: frozenset[str] = frozenset()


def turn_on(codes: Collection[str]) -> None:
    """Turn exactly these rules on, beside those that are on anyway."""
    global _turned_on
    _turned_on = frozenset(codes)


def is_on(code: str, law: Law) -> bool:
    """Whether the rule is applied unasked: its own wording was read, or the installation turned it on."""
    return law.source == "primary" or code in _turned_on
