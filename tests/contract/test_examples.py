"""The contract's examples were really asked and answered, fit their schemas, and are what is answered today."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.contract.story import EXAMPLES, record
from tests.support.contract import validator_of
from tests.support.databases import copy_sqlite
from tests.support.places import ROOT

DOCUMENT: dict[str, Any] = msgspec.json.decode((ROOT / "openapi" / "registry.json").read_bytes())
COMPONENTS = DOCUMENT["components"]


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            yield operation["operationId"], operation


def examples() -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, media) of every body that has a schema: asked, answered, and refused."""
    for name, operation in operations():
        for media in operation.get("requestBody", {}).get("content", {}).values():
            yield f"{name} asks", media
        for status, response in operation["responses"].items():
            for media in response.get("content", {}).values():
                yield f"{name} answers {status}", media
    for name, response in COMPONENTS["responses"].items():
        yield name, response["content"]["application/problem+json"]


def test_every_success_has_an_example_of_its_answer() -> None:
    bare = [
        name
        for name, operation in operations()
        for status, response in operation["responses"].items()
        if status.startswith("2") and status != "204"
        if not any("example" in media for media in response["content"].values())
    ]
    assert bare == [], "let the story in tests/contract/story.py use them, then `make contract`"


def test_every_example_fits_its_schema() -> None:
    checked = 0
    for where, media in examples():
        if "example" in media and media["schema"].get("format") != "binary":
            validator = validator_of(media["schema"], COMPONENTS["schemas"])
            faults = [
                f"{fault.instance_path}: {fault.message}"[:300] for fault in validator.iter_errors(media["example"])
            ]
            assert not faults, (where, faults)
            checked += 1
    assert checked > 200


def test_each_status_of_a_problem_has_an_example_of_its_own() -> None:
    shared = {name: media["example"] for name, media in examples() if name in COMPONENTS["responses"]}
    assert len({problem["status"] for problem in shared.values()}) == len(shared)
    assert len({problem["detail"] for problem in shared.values()}) == len(shared)
    own = {
        code for _, operation in operations() for codes in operation.get("x-problems", {}).values() for code in codes
    }
    for name, problem in shared.items():
        assert problem["code"] in own | set(COMPONENTS["responses"][name]["x-problems"])


async def test_playing_the_story_again_gives_the_same_examples(sqlite_url: str, tmp_path: Path) -> None:
    played = await record(copy_sqlite(sqlite_url, tmp_path / "story.db"), tmp_path / "data")
    if played != EXAMPLES.read_bytes():
        old, new = (msgspec.json.decode(each)["operations"] for each in (EXAMPLES.read_bytes(), played))
        other = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        pytest.fail(f"`make contract` records anew what these answer: {', '.join(other[:10])}")
