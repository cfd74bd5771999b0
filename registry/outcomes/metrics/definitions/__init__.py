"""The definitions of metrics, a module for each: another one is another file here."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from registry.outcomes.metrics.defining import Definition


def _load() -> Mapping[str, Definition]:
    """The definitions by key. Raises ValueError for one whose key is not the name of its module."""
    found: dict[str, Definition] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name):
        definition: Definition = import_module(f"{__name__}.{module.name}").DEFINITION
        if definition.key != module.name:
            raise ValueError(f"the definition {definition.key} stands in {module.name}.py")
        found[definition.key] = definition
    return found


DEFINITIONS: Mapping[str, Definition] = _load()
"""By key, in the order of their keys."""
