"""The catalogue of event types: what is recorded is in it, and what is in it is recorded and explained."""

import ast
import re
from pathlib import Path
from typing import Any

import msgspec

from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.page import events_page
from registry.platform.ledger.schemas import AuditedType
from registry.platform.ledger.tables import AUDITED
from tests.support.places import ROOT

READERS = ("registry/platform/ledger", "registry/agreements/timeline", "registry/agreements/dossier/queries/parts.py")

OF_ITS_OWN = ("registry/platform/ledger/dropping.py", "registry/platform/ledger/signing.py")
"""What the ledger records of itself."""


def only_reads(path: Path) -> bool:
    """Whether a module asks for events and records none."""
    name = path.relative_to(ROOT).as_posix()
    return "queries" in path.parts or (name.startswith(READERS) and name not in OF_ITS_OWN)


def named_in(path: Path) -> set[str]:
    """The members of the catalogue that a module names."""
    return {
        node.attr
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "EventType"
    }


def test_each_type_is_recorded_somewhere() -> None:
    named: set[str] = set()
    for path in (ROOT / "registry").rglob("*.py"):
        if not only_reads(path):
            named |= named_in(path)
    assert {each.name for each in EventType} - named == set()


def test_the_types_stand_in_order_and_are_named_after_their_values() -> None:
    values = [each.value for each in EventType]
    assert values == sorted(values)
    assert len(EventType.__members__) == len(values), "a value stands twice"
    for each in EventType:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", each.value), each
        assert each.name == each.value.upper().replace(".", "_")


def test_each_type_has_one_sentence_of_its_own() -> None:
    meanings = [each.meaning for each in EventType]
    assert len(set(meanings)) == len(meanings)
    for meaning in meanings:
        assert re.fullmatch(r"[A-Z].{10,110}\.", meaning), meaning


def test_the_page_is_what_the_catalogue_says() -> None:
    page = (ROOT / "docs" / "events.md").read_text("utf-8")
    assert events_page() == page, "run `registry events --write docs/events.md`"


def test_what_auditors_review_is_what_the_index_holds() -> None:
    assert set(re.findall(r"'([^']+)'", AUDITED)) == {each.value for each in AuditedType}


def test_the_contract_has_the_catalogue() -> None:
    contract: dict[str, Any] = msgspec.json.decode((ROOT / "openapi" / "registry.json").read_bytes())
    schemas = contract["components"]["schemas"]
    for kind in (EventType, AuditedType):
        schema = schemas[kind.__name__]
        assert schema["enum"] == [each.value for each in kind]
        assert [each.value for each in kind if f"- `{each.value}`: {each.meaning}" not in schema["description"]] == []
    assert schemas["LedgerEvent"]["properties"]["type"]["$ref"] == "#/components/schemas/EventType"
