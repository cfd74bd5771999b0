"""One thing has one name: the contract is made of the glossary's words, and tests are named by what they hold."""

import io
import json
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.support.places import ROOT

GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
CONTRACT = json.loads((ROOT / "openapi" / "registry.json").read_text())
METHODS = ("get", "post", "patch", "delete")
# Whole names of parameters that say too little, by where they stand.
BARE = {"path": {"no", "code", "id"}, "query": {"at", "no", "party", "custodian", "start", "end", "since", "until"}}
# Letters and a number that only the people who wrote them understand.
CODE = re.compile(r"\b(?:TI|RQ|PF|T|P)[0-9]{1,2}\b|F§")


def names() -> Iterator[tuple[str, str]]:
    """Each name that a client sees, with what it names: path segments, parameters, properties and values."""
    for path, item in CONTRACT["paths"].items():
        yield from (("path", part) for part in path.split("/") if not part.startswith("{"))
        for method in METHODS:
            for parameter in item.get(method, {}).get("parameters", []):
                if "$ref" not in parameter:
                    yield f"{parameter['in']} parameter", parameter["name"]
                    yield from in_schema(parameter["schema"])
    yield from in_schema(CONTRACT["components"]["schemas"])


def in_schema(schema: Any) -> Iterator[tuple[str, str]]:
    if isinstance(schema, list):
        for each in schema:
            yield from in_schema(each)
    if isinstance(schema, dict):
        if isinstance(properties := schema.get("properties"), dict):
            yield from (("property", name) for name in properties)
        yield from (("value", value) for value in schema.get("enum", ()) if isinstance(value, str))
        for key, each in schema.items():
            # What a schema calls its properties may be called `properties` itself, as in GeoJSON.
            parts = list(each.values()) if key == "properties" and isinstance(each, dict) else each
            yield from in_schema(parts) if key not in ("example", "examples") else ()


def words_of(name: str) -> list[str]:
    return re.findall(r"[a-z][a-z0-9]*", name.lower())


@cache
def listed() -> set[str]:
    """The first column of each table, and the words of the last section."""
    rows = re.findall(r"^\| ([^|]+) \|", GLOSSARY, re.MULTILINE)
    plain = GLOSSARY.rpartition("\n\n")[2]
    return {word for text in (*rows, plain) for word in words_of(text)}


@cache
def ruled_out() -> set[str]:
    """The words that no name uses."""
    found = re.search(r"^Checked word by word: (.*)\.$", GLOSSARY, re.MULTILINE)
    assert found is not None
    return set(words_of(found[1]))


def test_every_name_in_the_contract_is_made_of_the_glossarys_words() -> None:
    unknown = {(kind, name, word) for kind, name in names() for word in words_of(name) if word not in listed()}
    assert not unknown, "say in docs/glossary.md what these words mean, or take a word that stands there"


def test_the_glossary_says_of_nothing_twice_what_it_is() -> None:
    """Of two rows one is read, and the other is mended."""
    twice = []
    for section in re.split(r"^## ", GLOSSARY, flags=re.MULTILINE):
        rows = re.findall(r"^\| ([^|]+) \|(?! what it means)", section, re.MULTILINE)
        twice += [row for row in rows if rows.count(row) > 1]
    words = GLOSSARY.rpartition("\n\n")[2].split()
    assert len(words) > 900
    assert {*twice, *(word for word, many in Counter(words).items() if many > 1)} == set()


def test_no_name_in_the_contract_uses_a_word_that_is_ruled_out() -> None:
    assert "units" in ruled_out()
    assert [(kind, name) for kind, name in names() if ruled_out() & set(words_of(name))] == []


def twins() -> dict[str, str]:
    """The names that the contract does not take, each with the ones that it has instead."""
    rows = re.findall(r"^\| (`[^|]+) \| [^|]+ \| (`[^|]+) \|$", GLOSSARY, re.MULTILINE)
    return {banned: taken for taken, others in rows for banned in re.findall(r"`(\w+)`", others)}


def test_of_two_names_for_one_thing_the_contract_has_one() -> None:
    """Properties and parameters alone: a value may say in a sentence what a name must not."""
    known = twins()
    assert {"jwks_url", "min_level", "asked_at"} <= known.keys()
    named = {name for kind, name in names() if kind == "property" or kind.endswith("parameter")}
    assert {name: known[name] for name in named & known.keys()} == {}
    taken = {word for taken in known.values() for word in re.findall(r"`(\w+)`", taken)}
    assert len(taken & named) > 10, "what is taken instead is used"


def test_no_parameter_is_named_by_half_a_name() -> None:
    for path in CONTRACT["paths"]:
        assert not BARE["path"] & set(re.findall(r"{(\w+)}", path)), path
    for place, bare in BARE.items():
        assert [name for kind, name in names() if kind == f"{place} parameter" and name in bare] == []


def test_a_state_is_one_of_the_united_states() -> None:
    """Where a thing stands is its status; a decision's `stage` is an agreement's paperwork alone."""
    holders = {
        schema: properties
        for schema, each in CONTRACT["components"]["schemas"].items()
        if "state" in (properties := each.get("properties", {}))
    }
    assert holders
    for schema, properties in holders.items():
        assert "two letters" in properties["state"]["description"], schema


def test_nothing_is_named_by_a_code_that_only_we_know() -> None:
    found = []
    for folder in ("registry", "tests", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text()
            found += [f"{path}: {name}" for name in re.findall(r"def (test_(?:ti|rq|pf|t|p)[0-9]+_\w+)", text)]
            if not CODE.search(text):
                continue  # to take all files apart takes four seconds
            for token in tokenize.generate_tokens(io.StringIO(text).readline):
                prose = token.type == tokenize.COMMENT or token.string.startswith('"""')
                if prose and (code := CODE.search(token.string)):
                    found.append(f"{path}:{token.start[0]}: {code[0]}")
    assert found == []
