"""Reads the YAML files that are shipped or that an operator keeps: plain values only, and never an object of Python."""

from typing import Any

import yaml

# The same language read by libyaml, where the installed package has it: some ten times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> Any:
    """The values of a YAML document. Raises yaml.YAMLError for what is none."""
    return yaml.load(text, _LOADER)  # noqa: S506  # a safe loader, in C or not
