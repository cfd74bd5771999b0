"""The catalogue of problems is whole: every code that is raised anywhere, with its status, and none that never is."""

import ast
import re
from collections.abc import Iterator

import pytest
from litestar.handlers import HTTPRouteHandler

from registry.database_tables import all_tables, metadata
from registry.platform.http.catalogue import PROBLEMS
from registry.platform.http.problems import STATUS
from registry.platform.kernel.errors import DomainError, NotFound
from tests.support.places import ROOT
from tests.support.service import Service

SOURCES = sorted((ROOT / "registry").rglob("*.py"))
KINDS = {kind.__name__: kind for kind in STATUS}


def raised() -> Iterator[tuple[str, type[DomainError], str]]:
    """(place, class, code) of every error that is made with a code written out."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            named = node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr == "at" else node.func
            kind = KINDS.get(getattr(named, "id", getattr(named, "attr", "")))
            if kind is None or kind is NotFound:
                continue
            given = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "code")]
            for code in given:
                if isinstance(code, ast.Constant):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", kind, str(code.value)


def test_every_code_that_is_raised_is_in_the_catalogue_with_its_status() -> None:
    found = list(raised())
    assert len(found) > 100
    for place, kind, code in found:
        assert code in PROBLEMS, f"{place}: say in problems.yaml what {code} means and what to do about it"
        assert PROBLEMS[code].status == STATUS[kind], f"{place}: {code} comes with {STATUS[kind]}"


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_every_kind_of_problem_is_in_the_catalogue_with_its_status(kind: type[DomainError]) -> None:
    assert PROBLEMS[kind.code].status == STATUS[kind]


def test_every_rule_of_the_database_is_in_the_catalogue_as_a_conflict() -> None:
    all_tables()
    rules = [rule for table in metadata.tables.values() for rule in (*table.constraints, *table.indexes)]
    codes = {rule.info["code"] for rule in rules if "code" in rule.info}
    assert len(codes) > 20
    assert {code for code in codes if code not in PROBLEMS or PROBLEMS[code].status != 409} == set()


def test_no_code_of_the_catalogue_is_left_over() -> None:
    text = "\n".join(path.read_text() for path in SOURCES)
    built = ("unknown_", "decision_")  # with the name of what is not known, or of how the decision ended
    for code in PROBLEMS:
        assert f'"{code}"' in text or code.startswith(built), f"nothing raises {code}"


def test_every_problem_says_in_a_sentence_what_to_do() -> None:
    for code, entry in PROBLEMS.items():
        assert re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", code)
        assert 3 < len(entry.title) < 60, code
        assert not entry.title.endswith("."), code
        assert entry.do.endswith("."), code


async def test_operations_name_the_codes_of_the_catalogue_that_are_their_own(service: Service) -> None:
    handlers = [h for route in service.edge.app.routes for h in getattr(route, "route_handlers", ())]
    named: set[str] = set()
    for handler in handlers:
        if isinstance(handler, HTTPRouteHandler) and "problems" in handler.opt:
            own = handler.opt["problems"]
            assert set(own) <= PROBLEMS.keys(), handler.operation_id
            assert list(own) == sorted(own), f"{handler.operation_id}: in order, so that merges stay small"
            if not handler.opt["public"]:
                assert not [code for code in own if PROBLEMS[code].when], f"{handler.operation_id}: said for all"
            named |= set(own)
    elsewhere = {"malformed_http", "method_not_allowed", "too_many_headers"}  # answered before there is an operation
    elsewhere.add("rule_broken")  # stands for a rule that has no code of its own
    elsewhere.add("too_young")  # of a command alone
    elsewhere |= {"personnel_not_active", "personnel_not_free", "personnel_still_out"}  # until loans commit people
    unnamed = {code for code, entry in PROBLEMS.items() if not entry.when} - named - elsewhere
    assert unnamed == set(), (
        "name these in problems=(…) of the operations that answer with them, or give the entry a `when`"
    )
