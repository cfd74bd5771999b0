"""Criteria about the attributes that assets state, such as `attr.seats_from=8` and `attr.breed=Malinois`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.text import normal_key
from registry.resources.assets.tables import asset, asset_attribute

_DECIMAL = re.compile(r"-?\d{1,12}(\.\d{1,9})?")
_BOUND = re.compile(r"(.+)_(from|to)\Z")


def attribute_parameters(asked: Mapping[str, str]) -> dict[str, object]:
    """The criteria by name, each with its value, and the names of the attributes they are about.

    A name that ends in `_from` or `_to` bounds a number, both bounds included; any other is the value itself, of which
    case does not matter. Raises RuleBroken for a bound that is no number.
    """
    found: dict[str, object] = {}
    for number, (name, value) in enumerate(sorted(asked.items())):
        bound = _BOUND.match(name)
        if bound is None:
            found[f"name_of_{number}"] = name
            if _DECIMAL.fullmatch(value):
                found |= {f"attribute_{number}_either": normal_key(value), f"number_of_{number}": float(value)}
            else:  # apart, so that SQLite goes by the index of texts alone
                found[f"attribute_{number}_text"] = normal_key(value)
            continue
        if not _DECIMAL.fullmatch(value):
            raise RuleBroken.at(
                f"attr.{name} bounds a number.", "bad_attribute_filter", "not a number", parameter=f"attr.{name}"
            )
        found |= {f"attribute_{number}_{bound[2]}": float(value), f"name_of_{number}": bound[1]}
    return found


def attributes_among(filters: Iterable[str]) -> set[str]:
    """Those of the names of criteria, or of parameters, that are about an attribute."""
    return {name for name in filters if name.startswith("attribute_")}


def has_attribute(criterion: str) -> sa.ColumnElement[bool]:
    """Assets that meet one of the criteria, looked at one by one."""
    return _meeting(criterion, sa.literal(1)).where(asset_attribute.c.asset_id == asset.c.id).correlate(asset).exists()


def among_attributes(criterion: str) -> sa.ColumnElement[bool]:
    """Assets that meet one of the criteria, found by the index of attributes."""
    return asset.c.id.in_(_meeting(criterion, asset_attribute.c.asset_id))


def _meeting(criterion: str, column: sa.ColumnElement[Any]) -> sa.Select[Any]:
    _, number, how = criterion.split("_")
    its = asset_attribute.c
    named: sa.Select[Any] = sa.select(column).where(its.name == sa.bindparam(f"name_of_{number}", type_=sa.Text))
    if how == "from":
        return named.where(its.number >= sa.bindparam(criterion, type_=sa.Double))
    if how == "to":
        return named.where(its.number <= sa.bindparam(criterion, type_=sa.Double))
    same = its.text == sa.bindparam(criterion, type_=sa.Text)
    if how == "either":
        same = sa.or_(same, its.number == sa.bindparam(f"number_of_{number}", type_=sa.Double))
    return named.where(same)
