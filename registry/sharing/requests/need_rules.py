"""What an asset, or the people who are offered, have to be so that a need is met."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final

from registry.directory.taxonomy.rules import AttributeValue
from registry.platform.kernel.text import normal_key
from registry.resources.assets.schemas.availability import AskAvailability, BlocksAsk


def what_is_lacking(
    asked: Mapping[str, str],
    type_at_least: int | None,
    category: str,
    *,
    path: Sequence[str],
    level: int | None,
    stated: Mapping[str, AttributeValue],
) -> str | None:
    """What an asset lacks of a need; None when it meets it. `path`, `level` and `stated` are the asset's.

    Attributes are asked for as in the asset list: `…_from` and `…_to` bound numbers, both bounds included; any other
    gives the value itself, of which case does not matter.
    """
    if category not in path:
        return f"It is not of the category {category}."
    if type_at_least is not None and (level is None or level > type_at_least):
        return f"Type {type_at_least} or better is needed."
    for name, value in asked.items():
        if not _states(name, value, stated):
            return f"It does not state {name} {value}."
    return None


def _states(name: str, value: str, stated: Mapping[str, AttributeValue]) -> bool:
    of, _, bound = name.rpartition("_")
    if bound not in ("from", "to") or not of:
        its = stated.get(name)
        return its is not None and (normal_key(_as_text(its)) == normal_key(value) or _equal(its, value))
    its, limit = _number(stated.get(of)), _number(value)
    if its is None or limit is None:
        return False
    return its >= limit if bound == "from" else its <= limit


def _equal(its: AttributeValue, value: str) -> bool:
    number = _number(its)
    return number is not None and number == _number(value)


def why_not_named(quantity: int, people: Sequence[object], *, needed: bool) -> str | None:
    """Why an offer does not name its people as it should; None when it does. `needed`: whether people are needed."""
    if not needed:
        return "No people are needed here, but an asset: name nobody." if people else None
    if len(people) != quantity or len({*people}) != quantity:
        return f"Name each of the people who are offered once: {quantity} of them."
    return None


def why_not_asked_for(name: str, value: str) -> str | None:
    """Why an attribute cannot be asked for like this; None when it can."""
    bounds = name.rpartition("_")[2] in ("from", "to") and "_" in name.strip("_")
    return f"{name} bounds a number." if bounds and _number(value) is None else None


def _as_text(value: AttributeValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: AttributeValue | None) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if isfinite(found) else None


_NOT_FREE: Final[dict[BlocksAsk, str]] = {
    "loan": "It is committed elsewhere then.",
    "handler": "Nobody who goes with it can be sent then.",
    "overdue": "It has not come back from another loan.",
    "turnaround": "It is not ready again by then.",
    "used": "It is used otherwise then.",
    "maintenance": "It is in maintenance then.",
    "blackout": "Its agency does not lend it then.",
    "damage": "It is damaged.",
    "other": "It cannot be had then.",
    "reserve_minimum": "Its agency keeps as many at home.",
    "held_back": "Its agency keeps as many at home.",
    "out_of_service": "It is out of service.",
    "other_line": "Another line asks for it at the same time.",
}
"""What stands in the way of what is offered, as both sides read it."""


def why_not_free(had: AskAvailability | None) -> str | None:
    """Why what is offered is not free; None where it is, or where that was not asked."""
    if had is None or had.available:
        return None
    return _NOT_FREE[had.blocking[0].reason if had.blocking else "other"]


def why_none_lent(had: AskAvailability | None, *, together: bool) -> str | None:
    """Why nothing is lent of what is asked for; None where all of it is free, or some: then fewer may be lent.

    Of people who are lent `together` all are free, or none is lent.
    """
    if had is not None and had.free_quantity > 0 and not together:
        return None
    return why_not_free(had)


def how_many_are_free(had: AskAvailability) -> str:
    """How many can be offered of what is not free, and why no more."""
    many = "1 is" if had.free_quantity == 1 else f"{had.free_quantity} are"
    return f"Of this asset {many} free then. {why_not_free(had) or ''}".rstrip()
