"""Reads the YAML files that are shipped or that an operator keeps: plain values only, and never an object of Python."""

from typing import Any

import yaml

# The same language read by libyaml, where the installed package has it: some ten times as fast.
_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class KeysOnce:
    """For a loader: refuses a key that is given twice, since the later would silently take the place of the earlier."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        """As the loader's own. Raises yaml.constructor.ConstructorError at the second of two equal keys."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    words = f"the key {key.value[:60]!r} is given twice"
                    raise yaml.constructor.ConstructorError(None, None, words, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)  # type: ignore[misc]  # the loader's, which comes after


class _Loader(KeysOnce, _SAFE):  # type: ignore[misc]  # which of the two is known at run time alone
    """A safe loader, in C or not."""


def read_yaml(text: str) -> Any:
    """The values of a YAML document. Raises yaml.YAMLError for what is none, or has a key twice in one mapping."""
    return yaml.load(text, _Loader)  # noqa: S506  # a safe one, see above
