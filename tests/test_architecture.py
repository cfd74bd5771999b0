"""The house stands as its plan says: who may import whom, who reads the clock, and what input can be at all."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, inspect

import registry
from registry.platform.http.paging import Page
from tests.support.cases import every_case
from tests.support.places import ROOT

# On one worker, so that one parses.
pytestmark = pytest.mark.xdist_group("architecture")

PACKAGE = ROOT / "registry"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "versions" not in path.parts)

PILLARS = ("platform", "directory", "agreements", "resources", "sharing", "outcomes")
# The pillars whose rooms have the six files; a room of `platform` has whatever it is about.
DOMAIN = PILLARS[1:]
SIX = {"rules", "tables", "queries", "commands", "schemas", "routes"}
# Rules that are worth a name of their own, beside the six: pure, as `rules` is.
PURE_PARTS = {
    "directory/clients": {"assertions"},
    "directory/places": {"gazetteer", "outlines"},
    "directory/taxonomy": {"funding", "plain_words"},
    "directory/agencies": {"fbi", "fbi_cells", "listed", "zones"},
    "agreements/instruments": {
        "approval_needs",
        "approved_texts",
        "authority",
        "canonical",
        "conditions",
        "consent",
        "delivered",
        "disputed",
        "delivery",
        "days",
        "ends",
        "figures",
        "follows",
        "held_texts",
        "histories",
        "in_force",
        "notice",
        "party_days",
        "pausing",
        "pending",
        "receipt",
        "repeated",
        "remarks",
        "reviews",
        "shown_texts",
        "signing_sequence",
        "term_days",
        "terms",
        "together",
        "told",
        "unsaid",
        "worded",
        "wording",
        "written",
    },
    "agreements/redline": {"comparing", "deviations", "markup", "matching", "page", "style", "terms", "words"},
    "agreements/checks": {"completeness", "contradictions"},
    "agreements/deadlines": {"endings", "falling_due", "periods", "retention", "wording"},
    "agreements/calendars": {"writing"},
    "agreements/dossier": {"page", "writing"},
    "agreements/timeline": {"acts", "by_all", "by_parties", "notices", "shown", "wording"},
    "agreements/tracker": {
        "file_names",
        *("attestations", "cells", "columns", "listings", "replay_report"),
        *("report_csv", "report_text", "rows", "sightings", "states"),
    },
    "resources/allocations": {"occupancy"},
    "resources/assets": {"certifying", "costing", "identifying", "page_forms", "writing"},
    "resources/personnel": {"disclosure", "duty_hours", "holdings", "readiness", "scales", "searching"},
    "sharing/policy": {
        *("annotations", "approvals", "decisions", "examining", "explain", "facts", "lifecycle", "locating"),
        *("analysing", "asking", "attributes", "generating", "joining", "meeting"),
        *("comparing", "differing", "entities", "standard_rules", "telling", "trial"),
        "vocabulary_page",
    },
    "sharing/loans": {"edxl", "hindrances", "papers", "times", "used_hours"},
    "sharing/notices": {"page", "writing"},
    "sharing/requests": {"need_rules"},
    "sharing/sheets": {"page", "qr"},
    "outcomes/engagements": {"writing"},
    "outcomes/metrics": {"adding_up", "defining", "facts", "measuring", "page", "report", "scoring", "statistics"},
}
# What else a room has, and why. There is no `helpers` among them.
EXCEPTIONS = {
    "resources/allocations/people": "commitments of people: one at a time, they share little with quantities of assets",
    "directory/taxonomy/seed": "facts that are shipped as files, read and put into the database at each migration",
    "directory/taxonomy/seed_details": "what those files know of categories beside their place in the tree",
    "agreements/instruments/consent_tables": "tables of reported acts, proposals and consents; all in one are too many",
    "agreements/instruments/review_tables": "tables of review and comments; all in one file are too many",
    "agreements/instruments/signing_tables": "tables of signing order and authorities; as above",
    "directory/clients/published": "key sets that clients publish, fetched and remembered",
    "agreements/law/switch": "which rules of a secondary source this installation turned on",
    "agreements/clauses/library": "standard clauses and templates that are shipped as files",
    "agreements/checks/lists": "checklists that are shipped as files",
    "agreements/tracker/profiles": "profiles of published lists that are shipped as files",
    "agreements/tracker/statuses": "what status words mean, shipped as a file to which an operator adds",
    "outcomes/metrics/definitions": "a module for each metric, so that another one is another file",
    "resources/search/further": "searches to try beside the one that was asked, which the list answers as well",
    "sharing/policy/cedar": "policy sets, read from a directory that an operator may name",
    "sharing/policy/apart": "starts the process in which an agency's set is examined",
    "sharing/policy/child": "what runs in that process, which gives up the system before it reads the set",
    "sharing/policy/testing": "the runner of the policies' own tests, of the shipped ones and of an agency's",
}


def place(path: Path) -> str:
    """The file's path as the plan names it."""
    return path.relative_to(ROOT).as_posix()


class Source(Struct, frozen=True):
    """What these tests ask of one file, taken from its syntax once: to parse all takes two seconds."""

    documented: bool
    modules: frozenset[str]
    """The modules that it imports, or takes something from, wherever in it."""
    calls: frozenset[str]
    """What it calls, as it is written: `datetime.now`, `utc_now`, `connection.commit`."""
    days: tuple[str, ...]
    tables_elsewhere: frozenset[str]
    """The tables of other rooms that it writes."""
    offered: tuple[str, ...]
    used: frozenset[str]
    text: str
    """All of it in one style, without comments."""


@cache
def source(path: Path) -> Source:
    module = ast.parse(path.read_text())
    names: set[str] = set()
    called: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Call):
            called.add(ast.unparse(node.func))
    return Source(
        documented=bool(ast.get_docstring(module)),
        modules=frozenset(names),
        calls=frozenset(called),
        days=tuple(days_taken(module)),
        tables_elsewhere=frozenset(written_elsewhere(path, module)),
        offered=tuple(own_definitions(module)),
        used=frozenset(names_used(module)),
        text=ast.unparse(module),
    )


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports."""
    return {name.partition(".")[0] for name in source(path).modules}


def test_imports_go_down_the_house() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def rooms(pillar: str) -> set[str]:
    return {module.name for module in pkgutil.iter_modules([str(PACKAGE / pillar)])}


def ordered_rooms() -> dict[str, list[str]]:
    """The rooms of each pillar, each behind those that it may import."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return {
        each["containers"][0].removeprefix("registry."): each["layers"][::-1]
        for each in contracts
        if "containers" in each
    }


def test_every_room_has_its_place() -> None:
    """A package that no contract names could import anything."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = {
        contract.get("containers", ["registry"])[0]: {
            name.strip().removeprefix("registry.") for layer in contract["layers"] for name in layer.split(":")
        }
        for contract in contracts
    }
    top = {module.name for module in pkgutil.iter_modules(registry.__path__)} - {"__main__"}
    assert floors == {"registry": top} | {f"registry.{pillar}": rooms(pillar) for pillar in PILLARS}


def test_the_map_in_the_readme_is_true() -> None:
    rows = re.findall(r"^\| `(registry/[^`]*)` \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    named = {path.removeprefix("registry/").removesuffix("/").removesuffix(".py") for path, _ in rows}
    assert all((ROOT / path).exists() for path, _ in rows)
    assert all(purpose.strip() for _, purpose in rows)
    modules = {module.name for module in pkgutil.iter_modules(registry.__path__)} - {"__main__"}
    assert {*PILLARS, *modules} <= named
    told = {
        pillar: re.findall(r"`(\w+)`", purpose)
        for path, purpose in rows
        for pillar in PILLARS
        if path == f"registry/{pillar}/"
    }
    assert {pillar: set(named) for pillar, named in told.items()} == {pillar: rooms(pillar) for pillar in PILLARS}
    for pillar, order in ordered_rooms().items():
        assert told[pillar] == order, "a room may import those to its left, and is named to their right"


def test_the_drawing_of_the_house_has_every_room_in_the_order_of_its_contract() -> None:
    drawn = dict(
        re.findall(r"^(\w+) {2,}\S.* {2,}(\S.*)$", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)
    )
    assert {pillar: drawn[pillar].split(" · ") for pillar in PILLARS} == ordered_rooms()


def test_the_walkthroughs_name_files_that_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = {name for name in re.findall(r"`([\w/]+\.py)[`:]", text) if not name.startswith("tests/")}
    everywhere = [place(path) for path in SOURCES]
    assert len(named) > 15
    assert [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in everywhere)] == []


def test_no_page_names_a_file_of_the_house_that_is_not_there() -> None:
    pages = [path for folder in (ROOT, ROOT / "docs", ROOT / "policies") for path in folder.glob("*.md")]
    named = {name for path in pages for name in re.findall(r"`(registry/[\w/]+\.py)[`:]", path.read_text())}
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_module_says_what_it_is_for() -> None:
    with every_case() as case:
        for path in SOURCES:
            with case(place(path)):
                assert source(path).documented, f"{place(path)} has no docstring"


ROOMS = [f"{pillar}/{room}" for pillar in DOMAIN for room in rooms(pillar)]


def test_a_room_has_the_six_files_pure_parts_and_the_listed_exceptions() -> None:
    found = {
        room: {module.name for module in pkgutil.iter_modules([str(PACKAGE / room)])} - SIX for room in sorted(ROOMS)
    }
    listed = {
        room: PURE_PARTS.get(room, set())
        | {path.rpartition("/")[2] for path in EXCEPTIONS if path.startswith(f"{room}/")}
        for room in sorted(ROOMS)
    }
    assert found == listed


def pure_parts() -> list[Path]:
    named = {PACKAGE / room / f"{part}.py" for room, parts in PURE_PARTS.items() for part in parts}
    return sorted(named | {path for path in SOURCES if PURE.fullmatch(place(path))})


def test_pure_parts_are_pure() -> None:
    assert [place(path) for path in pure_parts() if {"sqlalchemy", "litestar", "subprocess"} & imported(path)] == []


def test_what_others_wrote_is_parsed_in_processes_of_one_kind() -> None:
    """One that is started otherwise has no bound of time or output, or leaves running what it has started."""
    starting = {place(path) for path in SOURCES if "subprocess" in imported(path)} - {"registry/demo/stage.py"}
    # The second runs in a process of the first, and is ended with it.
    assert starting == {"registry/platform/files/confined.py", "registry/platform/files/recognition.py"}


ASKS = re.compile(r"registry(\.\w+)+\.(\w+_)?(queries|commands|tables|routes)(\.\w+)*")


def test_pure_parts_take_nothing_from_what_asks_the_database() -> None:
    """Else they are pure by their own imports, and reach the database by those of another."""
    taken = {
        place(path): {name for name in source(path).modules if ASKS.fullmatch(name)}
        for path in pure_parts()
        if path.name != "tables.py"
    }
    assert len(taken) > 2 * len(ROOMS)
    assert {path: names for path, names in taken.items() if names} == {}


# A room whose commands and routes are folders splits both by verb; these verbs have no counterpart.
ONLY_READ = {"reading", "searching", "exporting"}  # routes that call queries
ON_THE_WAY_OUT = {"answering", "examples"}


def test_routes_mirror_commands_verb_by_verb() -> None:
    for room in ROOMS:
        routes, commands = PACKAGE / room / "routes", PACKAGE / room / "commands"
        if routes.is_dir():
            verbs = {path.stem for path in routes.glob("*.py")} - ONLY_READ - ON_THE_WAY_OUT
            assert verbs <= {path.stem for path in commands.glob("*.py")}, room


def test_packages_re_export_nothing() -> None:
    """A trail must be followable by reading: what is imported is imported from where it stands."""
    facades = [
        place(path)
        for path in SOURCES
        if path.name == "__init__.py" and "__all__" in path.read_text() and place(path) != "registry/__init__.py"
    ]
    assert facades == []


SPEAKS_HTTP = re.compile(
    r"registry/(app|service|serve)\.py|registry/platform/(http|access|ledger)/\w+\.py"
    r"|registry/\w+/\w+/(\w+_)?routes(/\w+)?\.py"
)


def test_only_the_upper_rooms_know_the_framework() -> None:
    knowing = {place(path) for path in SOURCES if {"litestar", "uvicorn", "starlette"} & imported(path)}
    assert [path for path in knowing if not SPEAKS_HTTP.fullmatch(path)] == []


PURE = re.compile(
    r"registry/platform/kernel/\w+\.py|registry/\w+/\w+/((\w+_)?(rules|schemas)|terms|authority|reviews|turns|occupancy)\.py"
    r"|registry/\w+/\w+/schemas/\w+\.py"
)


def test_rules_and_schemas_know_neither_database_nor_framework() -> None:
    pure = [path for path in SOURCES if PURE.fullmatch(place(path))]
    assert len(pure) > len(ROOMS)
    assert [place(path) for path in pure if {"sqlalchemy", "litestar"} & imported(path)] == []


def test_routes_hold_no_sql() -> None:
    routes = [path for path in SOURCES if "routes" in place(path)]
    assert [place(path) for path in routes if "sqlalchemy" in imported(path)] == []


READS_THE_CLOCK = {
    "registry/platform/kernel/time.py",  # the one place
    "registry/platform/access/authentication.py",  # once per request
    "registry/app.py",  # when it asks which keys of its own count
    "registry/tasks.py",  # once per round of background work
    "registry/platform/bulk/running/progress.py",  # once per batch of an import, which goes on after its request
    "registry/sharing/policy/commands/previewing.py",  # once per batch of a preview, which goes on likewise
    "registry/cli/tokens.py",  # once per token
    "registry/platform/database/probe.py",  # once per probe, which no request brings about
    "registry/cli/session.py",  # once per command
    "registry/cli/backups.py",  # once per backup
    "registry/cli/examining/database.py",  # once per try to store a moment
    "registry/platform/clock.py",  # compares it with other clocks
    "registry/platform/access/fetching.py",  # likewise
    "registry/platform/access/keys.py",  # likewise
    "registry/platform/logging.py",  # says when lines were lost, in a thread of its own
    "registry/demo/stage.py",  # plays people, who have watches
}
CLOCKS = re.compile(r"utc_now|(datetime\.)?datetime\.(now|utcnow|today)|(datetime\.)?date\.today|time\.(time|time_ns)")


def test_nobody_below_the_edge_reads_the_clock() -> None:
    readers = {place(path) for path in SOURCES if any(CLOCKS.fullmatch(call) for call in source(path).calls)}
    assert readers <= READS_THE_CLOCK


def days_taken(module: ast.Module) -> list[str]:
    """Where a date is taken of something that may be an instant: `x.date()`, or by a conversion to local time."""
    return [
        ast.unparse(node)
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if (node.func.attr == "date" and not node.args)
        or (node.func.attr == "astimezone" and [ast.unparse(arg) for arg in node.args] != ["UTC"])
        or (node.func.attr in ("today", "fromtimestamp") and "date" in ast.unparse(node.func.value))
    ]


TAKES_LOCAL_TIME = {
    "registry/platform/kernel/time.py",  # the one door to a civil day
    "registry/outcomes/metrics/rules.py",  # the month that holds an instant, with its two local midnights
}


def test_only_one_door_leads_from_an_instant_to_a_civil_day() -> None:
    """A day depends on the place. Taken of an instant in UTC it is the wrong one, every evening in America."""
    for wrong in ("now.date()", "date.today()", "at.astimezone(zone)", "datetime.fromtimestamp(0)"):
        assert days_taken(ast.parse(wrong)), "or this test could not fail"
    found = {place(path): source(path).days for path in SOURCES}
    assert {name: taken for name, taken in found.items() if taken and name not in TAKES_LOCAL_TIME} == {}


def test_nobody_outside_the_database_ends_a_transaction() -> None:
    ends = re.compile(r".*\.(commit|rollback)")
    outside = [path for path in SOURCES if "database" not in path.parts]
    assert [place(path) for path in outside if any(ends.fullmatch(call) for call in source(path).calls)] == []


def test_nobody_outside_the_edge_finishes_a_unit_of_work() -> None:
    ends = re.compile(r"write\.(finish|abandon)")
    enders = {place(path) for path in SOURCES if any(ends.fullmatch(call) for call in source(path).calls)}
    assert enders == {"registry/platform/database/connect.py", "registry/platform/access/operations.py"}


WRITES = re.compile(r"(?P<on>\w+)\.(insert|update|delete)")


def written_by(call: ast.Call) -> str | None:
    """What a statement writes: the table of `table.insert()`, and of an upsert such as `sqlite.insert(table)`."""
    if not (found := WRITES.fullmatch(ast.unparse(call.func))):
        return None
    return ast.unparse(call.args[0]) if call.args else found["on"]


def tables_written(module: ast.Module) -> set[str]:
    return {name for node in ast.walk(module) if isinstance(node, ast.Call) and (name := written_by(node))}


def written_elsewhere(path: Path, module: ast.Module) -> set[str]:
    own = place(path).split("/")[:3]
    tables = {
        alias.asname or alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.endswith("tables")
        if node.module.split(".")[:3] != own
        for alias in node.names
    }
    return tables_written(module) & tables


def test_a_room_writes_its_own_tables_only() -> None:
    """Else a rule that one room keeps about its rows is skipped by another."""
    for written in ("row.insert().values(x)", "row.delete()", "sqlite.insert(row).on_conflict_do_nothing()"):
        assert tables_written(ast.parse(written)) == {"row"}, "or this test could not fail"
    assert {place(path): tables for path in SOURCES if (tables := source(path).tables_elsewhere)} == {}


def test_no_command_knows_how_a_problem_is_answered() -> None:
    """What it raises is an error of the domain; which status that has is for the platform to say."""
    commands = [path for path in SOURCES if {path.stem, path.parent.name} & {"commands"}]
    assert commands
    imports = re.compile(r"registry\.platform\.http(\.| import \(?[\w, ]*\b)problems\b")
    assert [place(path) for path in commands if imports.search(source(path).text)] == []


def own_definitions(module: ast.Module) -> Iterator[str]:
    """The functions and classes that a file offers by name; what is decorated or inherits may be called otherwise."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.decorator_list:
            yield node.name
        if isinstance(node, ast.ClassDef) and not node.bases:
            yield from (each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def names_used(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):  # some are imported when they are needed
            yield node.value


def test_nothing_lives_for_the_tests_alone() -> None:
    """What only a test calls is one more way to do something, which nobody takes and everybody has to read."""
    used = {name for path in SOURCES for name in source(path).used}
    offered = [(place(path), name) for path in SOURCES for name in source(path).offered]
    assert len(offered) > 1_000
    assert [(path, name) for path, name in offered if name not in used and not name.startswith("__")] == []


def test_nobody_commits_an_asset_without_its_lock() -> None:
    makers = {place(path) for path in SOURCES if "Bookable" in source(path).calls}
    assert makers == {"registry/resources/assets/commands/booking.py"}


def test_what_comes_about_in_an_agreement_is_recorded_by_whoever_computes_it_anew() -> None:
    """Commands call `holding.follow` and its like: what `rewrite_windows` answers is dropped by none of them."""
    callers = {place(path) for path in SOURCES if "rewrite_windows" in source(path).calls}
    instruments = "registry/agreements/instruments/commands"
    assert callers == {f"{instruments}/holding.py", f"{instruments}/settling/windows.py"}


def test_an_error_of_one_place_is_made_by_its_constructor() -> None:
    """`RuleBroken.at(…)`: the code of such an error and that of its fault cannot differ."""
    single = re.compile(r"faults=\[(fault|Fault\((?:(?!Fault\().)*\))\]\)")
    makers = {place(path) for path in SOURCES if single.search(source(path).text)}
    assert makers == {"registry/platform/kernel/errors.py"}


def test_who_sees_an_agreement_is_said_in_one_place() -> None:
    """A criterion that is spelled again is forgotten in one of the places, and shows or hides what it should not."""
    spelled = re.compile(
        r"agreement\.c\.(is_shared|is_public)\b|frozen_at\.(is_|is_not)\("
        r"|\.c\.(leaves_at|released_at) [<>]|\.c\.leaves_at\.is_\(|in \(\w+\.c\.leaves_at, "
        r"|\('leaves_at', 'released_at'"
        r"|Role\.REGISTRY_ADMIN (not )?in "
    )
    domain = [path for path in SOURCES if path.relative_to(PACKAGE).parts[0] in DOMAIN]
    spellers = {place(path) for path in domain if spelled.search(source(path).text)}
    assert spellers == {"registry/agreements/instruments/queries/visibility.py"}


def test_how_long_one_may_contest_is_one_constant() -> None:
    domain = [path for path in SOURCES if path.relative_to(PACKAGE).parts[0] in DOMAIN]
    spellers = {place(path) for path in domain if "timedelta(days=14)" in source(path).text}
    assert spellers == {"registry/agreements/instruments/consent.py"}


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
def test_a_pattern_says_the_whole_text_in_ascii_digits(pattern: str) -> None:
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


def test_no_pattern_takes_exponential_time() -> None:
    assert ambiguous(parse(r"\A(a+)+\Z")), "or this test could not fail"
    assert ambiguous(parse(r"\A(?:[a-z]*)*\Z"))
    assert not ambiguous(parse(r"\A[a-z]+(?:-[a-z]+)*\Z"))
    assert [where for pattern, where in patterns().items() if ambiguous(parse(pattern))] == []


def test_input_is_bounded() -> None:
    """Text without a longest length, or a number without both ends, ends in the database's own words."""
    with every_case() as case:
        for struct in INPUTS:
            with case(struct.__qualname__):
                for where, part in fields(struct):
                    if isinstance(part, inspect.StrType):
                        assert part.max_length is not None, where
                    elif isinstance(part, inspect.IntType | inspect.FloatType):
                        assert (part.ge, part.gt) != (None, None), where
                        assert (part.le, part.lt) != (None, None), where
                    elif isinstance(part, inspect.ListType):
                        assert part.max_length is not None, where


def test_input_has_no_naive_time_and_no_decimal() -> None:
    with every_case() as case:
        for struct in INPUTS:
            with case(struct.__qualname__):
                for where, part in fields(struct):
                    assert not isinstance(part, inspect.DecimalType), where
                    if isinstance(part, inspect.DateTimeType):
                        assert part.tz is True, where


def test_a_struct_has_a_name_of_its_own() -> None:
    """Names become components of the contract, where two of one name would be mangled."""
    names = [struct.__name__ for struct in STRUCTS]
    assert sorted(names) == sorted(set(names))


def test_no_test_asks_the_loggers_of_the_process_what_was_logged() -> None:
    """A server that another test started in the process keeps its loggers for ever: `logged_by` asks a fresh one."""
    asking = "capture" + "_logs"
    found = [path.name for path in sorted((ROOT / "tests").rglob("*.py")) if asking in path.read_text()]
    assert found == []
