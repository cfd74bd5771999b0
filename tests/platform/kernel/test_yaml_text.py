"""One way to read YAML: the quick one, and without objects of Python."""

import re

import pytest
import yaml

from registry.platform.kernel.yaml_text import read_yaml
from tests.support.places import ROOT

# The runner of policy tests refuses names that stand twice, with a loader of its own.
ELSEWHERE = {"registry/platform/kernel/yaml_text.py", "registry/sharing/policy/testing.py"}


def test_plain_values_are_read_and_objects_are_refused() -> None:
    assert read_yaml("a: [1, 2.5, true, null, text]") == {"a": [1, 2.5, True, None, "text"]}
    for text in ("!!python/object/apply:os.getcwd []", "!!python/name:os.getcwd", "a: [", "a: !unknown b"):
        with pytest.raises(yaml.YAMLError):
            read_yaml(text)


def test_a_key_that_is_given_twice_is_refused() -> None:
    """The later would take the place of the earlier, and nobody would see that the earlier is gone."""
    for text in ("a: 1\nb: 2\na: 3", "a: {b: 1, b: 2}", "- a: 1\n  a: 1"):
        with pytest.raises(yaml.YAMLError, match="given twice"):
            read_yaml(text)


def test_nothing_else_reads_yaml() -> None:
    sources = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in (ROOT / "registry").rglob("*.py")}
    assert {name for name, text in sources.items() if re.search(r"\byaml\.\w*load", text)} == ELSEWHERE
