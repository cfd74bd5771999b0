"""Each test that a document names as its proof exists; a row without one says so."""

import ast
import re
from functools import cache

import pytest

from tests.support.places import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
DOCUMENTS = ("threat-model", "cjis")


def text_of(document: str) -> str:
    """The document as it is written."""
    return (ROOT / "docs" / f"{document}.md").read_text("utf-8")


@cache
def written_in(path: str) -> frozenset[str]:
    """The tests that a file has, those in classes too."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    functions = (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(each.name for each in functions if each.name.startswith("test_"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_is_named_exists(document: str) -> None:
    named = NAMED.findall(text_of(document))
    assert len(named) > 30
    assert [
        f"{path}::{name}" for path, name in named if not (ROOT / path).is_file() or name not in written_in(path)
    ] == []


@pytest.mark.parametrize(("document", "column"), [("threat-model", "shown by"), ("cjis", "shown by")])
def test_each_row_names_its_test_or_says_that_there_is_none(document: str, column: str) -> None:
    tables = re.findall(r"^\| .*" + column + r" \|\n\|[-|]+\|\n((?:\|.*\n)+)", text_of(document), re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()]
    assert len(rows) > 20
    for row in rows:
        shown = row.rstrip(" |").rpartition(" | ")[2]
        assert shown == "None" or NAMED.search(shown), row


def test_neither_claims_to_comply() -> None:
    for document in DOCUMENTS:
        assert not re.search(r"(?i)\b(?:is|are|fully) (?:cjis[- ])?complian|\bcertified\b", text_of(document)), document
    assert "Have counsel" in text_of("cjis")
