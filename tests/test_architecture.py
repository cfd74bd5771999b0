"""The house stands as its plan says: who may import whom, who reads the clock, and what input can be at all."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, inspect

import registry
from registry.http.paging import Page

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "registry"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "versions" not in path.parts)

FEATURES = ("agencies", "agreements", "assets", "documents", "loans", "metrics", "policy", "requests", "taxonomy")
SIX = {"rules", "tables", "queries", "commands", "schemas", "routes"}
# What a feature has beside the six, each for a subject of its own; there is no `helpers` among them.
ALSO = {
    "agencies": {"fbi", "fbi_cells", "fbi_lines", "import_routes", "importing", "listed"},
    "agreements": {
        *("authority", "canonical", "checks", "in_force", "redline", "review_tables", "reviews"),
        *("signing_tables", "terms", "tracker", "turns"),
    },
    # Subjects of agreements with the same six files, each in a folder of its own.
    "agreements/calendars": {"writing"},
    "agreements/deadlines": {"gathering", "periods", "proofs", "wording"},
    "agreements/duties": set(),
    "agreements/insurance": set(),
    "agreements/upkeep": set(),
    "assets": {"allocations", "holds", "listing"},
    "documents": set(),
    "loans": {"edxl", "rescheduling", "steps"},
    "metrics": {"facts", "scoring"},
    "policy": {
        *("annotations", "approvals", "cedar", "explain", "facts", "gathering", "recording"),
        *("testing", "trial", "vocabulary", "wire"),
    },
    "requests": {"lines", "listing", "standing"},
    "taxonomy": {"seed"},
}


def place(path: Path) -> str:
    """The file's path as the plan names it."""
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def calls(path: Path) -> set[str]:
    """What a file calls, as it is written: `datetime.now`, `utc_now`, `connection.commit`."""
    return {ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)}


def test_imports_go_down_the_house() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_every_room_has_its_floor() -> None:
    """A package that the layers do not name could import anything."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = {name.strip().removeprefix("registry.") for layer in contracts[0]["layers"] for name in layer.split(":")}
    rooms = {module.name for module in pkgutil.iter_modules(registry.__path__)} - {"__main__"}
    assert floors == rooms


def test_the_map_in_the_readme_is_true() -> None:
    rows = re.findall(r"^\| `(registry/[^`]+)` \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    named = {path.removeprefix("registry/").removesuffix("/").removesuffix(".py") for path, _ in rows}
    assert all((ROOT / path).exists() for path, _ in rows)
    assert all(purpose.strip() for _, purpose in rows)
    rooms = {module.name for module in pkgutil.iter_modules(registry.__path__) if module.ispkg}
    assert rooms <= named


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree(path)), f"{place(path)} has no docstring"


@pytest.mark.parametrize("feature", ALSO)
def test_a_feature_has_the_six_files_and_the_listed_others(feature: str) -> None:
    found = {module.name for module in pkgutil.iter_modules([str(PACKAGE / feature)])}
    parts = {name.removeprefix(f"{feature}/") for name in ALSO if name.startswith(f"{feature}/")}
    assert found - SIX == ALSO[feature] | parts


SPEAKS_HTTP = re.compile(
    r"registry/(app|service|serve)\.py|registry/(http|access|ledger)/\w+\.py|registry/\w+/(\w+/)?(\w+_)?routes(/\w+)?\.py"
)


def test_only_the_upper_rooms_know_the_framework() -> None:
    knowing = {place(path) for path in SOURCES if {"litestar", "uvicorn", "starlette"} & imported(path)}
    assert [path for path in knowing if not SPEAKS_HTTP.fullmatch(path)] == []


PURE = re.compile(
    r"registry/kernel/\w+\.py|registry/\w+/((\w+_)?(rules|schemas)|terms|authority|reviews|turns)\.py"
    r"|registry/\w+/\w+/(rules|schemas)\.py|registry/\w+/schemas/\w+\.py"
)


def test_rules_and_schemas_know_neither_database_nor_framework() -> None:
    pure = [path for path in SOURCES if PURE.fullmatch(place(path))]
    assert len(pure) > 2 * len(FEATURES)
    assert [place(path) for path in pure if {"sqlalchemy", "litestar"} & imported(path)] == []


def test_routes_hold_no_sql() -> None:
    routes = [path for path in SOURCES if "routes" in place(path)]
    assert [place(path) for path in routes if "sqlalchemy" in imported(path)] == []


READS_THE_CLOCK = {
    "registry/kernel/time.py",  # the one place
    "registry/access/gate.py",  # once per request
    "registry/app.py",  # once per round of background work
    "registry/cli.py",  # once per token
    "registry/console.py",  # once per command
    "registry/demo/papers.py",
    "registry/demo/stage.py",  # plays people, who have watches
    "registry/demo/story.py",
}
CLOCKS = re.compile(r"utc_now|(datetime\.)?datetime\.(now|utcnow|today)|(datetime\.)?date\.today|time\.(time|time_ns)")


def test_nobody_below_the_edge_reads_the_clock() -> None:
    readers = {place(path) for path in SOURCES if any(CLOCKS.fullmatch(call) for call in calls(path))}
    assert readers <= READS_THE_CLOCK


def test_nobody_outside_the_database_ends_a_transaction() -> None:
    ends = re.compile(r".*\.(commit|rollback)")
    outside = [path for path in SOURCES if "database" not in path.parts]
    assert [place(path) for path in outside if any(ends.fullmatch(call) for call in calls(path))] == []


def test_nobody_outside_the_edge_finishes_a_unit_of_work() -> None:
    ends = re.compile(r"write\.(finish|abandon)")
    enders = {place(path) for path in SOURCES if any(ends.fullmatch(call) for call in calls(path))}
    # The imports give the writer back while their own transactions run.
    assert enders == {
        "registry/database/connect.py",
        "registry/access/operations.py",
        "registry/agencies/import_routes.py",
        "registry/agreements/routes/importing.py",
    }


WIRE = re.compile(
    r"\.((\w+_)?schemas|terms|excerpts|routes(\.\w+)?|paging|searching|problems|health|wire|time|money|actions|errors)$"
)


def structs() -> list[type[Struct]]:
    """Every struct that a request or an answer is made of."""
    found: dict[str, type[Struct]] = {}
    for module in pkgutil.walk_packages(registry.__path__, "registry."):
        if not WIRE.search(module.name):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Struct) and value.__module__.startswith("registry."):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return [found[name] for name in sorted(found)]


STRUCTS = structs()
INPUTS = [struct for struct in STRUCTS if struct.__struct_config__.forbid_unknown_fields or issubclass(struct, Page)]


def parts(kind: inspect.Type | Any) -> Iterator[inspect.Type]:
    """A type and every type in it; structs inside are looked at by themselves."""
    yield kind
    if isinstance(kind, inspect.Metadata):
        yield from parts(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for inner in kind.types:
            yield from parts(inner)
    elif isinstance(kind, inspect.CollectionType):
        yield from parts(kind.item_type)
    elif isinstance(kind, inspect.DictType):
        yield from parts(kind.key_type)
        yield from parts(kind.value_type)


def fields(struct: type[Struct]) -> Iterator[tuple[str, inspect.Type]]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        for part in parts(field.type):
            yield f"{struct.__module__}.{struct.__qualname__}.{field.name}", part


def patterns() -> dict[str, str]:
    """Each pattern of a wire struct, with one place where it stands."""
    return {
        part.pattern: where
        for struct in STRUCTS
        for where, part in fields(struct)
        if isinstance(part, inspect.StrType) and part.pattern is not None
    }


@pytest.mark.parametrize("pattern", sorted(patterns()))
def test_p36_a_pattern_says_the_whole_text_in_ascii_digits(pattern: str) -> None:
    """An unanchored one is a search, `$` lets a line break through, and `\\d` takes every script's digits."""
    assert pattern.startswith(r"\A"), patterns()[pattern]
    assert pattern.endswith(r"\Z"), patterns()[pattern]
    assert not re.search(r"\\[dwsDWS]", pattern), patterns()[pattern]


def ambiguous(parsed: Any) -> bool:
    """Whether a repetition holds another one with nothing fixed between: `(a+)+`, which takes exponential time."""
    for operator, argument in parsed:
        name = str(operator)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            _, most, body = argument
            inner = list(body)
            fixed = any(str(op) in ("LITERAL", "IN", "ANY", "NOT_LITERAL", "CATEGORY") for op, _ in flattened(inner))
            if most > 1 and has_repeat(inner) and not fixed:
                return True
            if ambiguous(inner):
                return True
        elif name in ("SUBPATTERN", "BRANCH"):
            branches = argument[1] if name == "BRANCH" else [argument[-1]]
            if any(ambiguous(branch) for branch in branches):
                return True
    return False


def flattened(parsed: Any) -> list[tuple[Any, Any]]:
    """The elements of a group as if its brackets were not there."""
    return [
        element
        for operator, argument in parsed
        for element in (flattened(argument[-1]) if str(operator) == "SUBPATTERN" else [(operator, argument)])
    ]


def has_repeat(parsed: Any) -> bool:
    return any(
        str(operator) in ("MAX_REPEAT", "MIN_REPEAT") and argument[1] > 1 for operator, argument in flattened(parsed)
    )


def parse(pattern: str) -> Any:
    return importlib.import_module("re._parser").parse(pattern)


def test_p37_no_pattern_takes_exponential_time() -> None:
    assert ambiguous(parse(r"\A(a+)+\Z")), "or this test could not fail"
    assert ambiguous(parse(r"\A(?:[a-z]*)*\Z"))
    assert not ambiguous(parse(r"\A[a-z]+(?:-[a-z]+)*\Z"))
    assert [where for pattern, where in patterns().items() if ambiguous(parse(pattern))] == []


@pytest.mark.parametrize("struct", INPUTS, ids=lambda struct: struct.__qualname__)
def test_p38_input_is_bounded(struct: type[Struct]) -> None:
    """Text without a longest length, or a number without both ends, ends in the database's own words."""
    for where, part in fields(struct):
        if isinstance(part, inspect.StrType):
            assert part.max_length is not None, where
        elif isinstance(part, inspect.IntType | inspect.FloatType):
            assert (part.ge, part.gt) != (None, None), where
            assert (part.le, part.lt) != (None, None), where
        elif isinstance(part, inspect.ListType):
            assert part.max_length is not None, where


@pytest.mark.parametrize("struct", INPUTS, ids=lambda struct: struct.__qualname__)
def test_p34_p35_input_has_no_naive_time_and_no_decimal(struct: type[Struct]) -> None:
    for where, part in fields(struct):
        assert not isinstance(part, inspect.DecimalType), where
        if isinstance(part, inspect.DateTimeType):
            assert part.tz is True, where


def test_a_struct_has_a_name_of_its_own() -> None:
    """Names become components of the contract, where two of one name would be mangled."""
    names = [struct.__name__ for struct in STRUCTS]
    assert sorted(names) == sorted(set(names))
