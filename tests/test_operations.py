"""What `docs/operations.md` and its files promise of logs, metrics and alerts is what the service does."""

import ast
import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click
import pytest
import yaml

from registry.cli import main
from registry.platform.http.health import TOLD
from tests.support.exposed import exposed
from tests.support.places import ROOT
from tests.support.service import Service

FOLDER = ROOT / "docs" / "operations"
GUIDE = (ROOT / "docs" / "operations.md").read_text("utf-8")
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"] for rule in group["rules"]
]
CASES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.test.yaml").read_text("utf-8"))["tests"]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
PROMTOOL = shutil.which("promtool")

_SELECTOR = re.compile(r"\b((?:registry|process)_\w+)(?:\{([^}]*)\})?")
_GROUPED = re.compile(r"\bby \(([^)]*)\)")
_OF_THE_SCRAPE = {"instance", "job"}
_WITHOUT_A_SAMPLE = {"registry_issuer_keys_age_seconds": {"issuer"}}
"""The development issuer's keys have no age; tests/platform/test_exposition.py asks one that has."""


def queries() -> Iterator[str]:
    """Every query of the alerts and of the dashboard."""
    yield from (str(rule["expr"]) for rule in RULES)
    for panel in DASHBOARD["panels"]:
        yield from (str(target["expr"]) for target in panel["targets"])
    yield from (
        str(each["query"]["query"]) for each in DASHBOARD["templating"]["list"] if isinstance(each["query"], Mapping)
    )


@pytest.mark.one_database
async def test_each_metric_and_label_that_is_asked_for_is_exposed(service: Service) -> None:
    known = await exposed(service)
    asked: set[str] = set()
    for query in queries():
        names = dict(_SELECTOR.findall(query))
        asked |= names.keys()
        labels = {name: _WITHOUT_A_SAMPLE.get(name) or known.get(name) or set() for name in names}
        for name, matchers in names.items():
            assert name in known, f"{name} is not exposed: {query}"
            wanted = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)) - _OF_THE_SCRAPE
            assert wanted <= labels[name], f"{name} has no {wanted - labels[name]}: {query}"
        if names:
            there = set().union(*labels.values()) | _OF_THE_SCRAPE
            grouped = {part.strip() for found in _GROUPED.findall(query) for part in found.split(",")}
            assert grouped <= there, f"{grouped - there} is no label of these: {query}"
    assert len(asked) > 25, "the queries were read"


@pytest.mark.one_database
async def test_the_guide_lists_each_metric_with_its_labels(service: Service) -> None:
    parts = re.compile(r"_(?:bucket|sum|count)$")
    table = GUIDE.partition("| metric |")[2].partition("\n\n")[0]
    listed: dict[str, set[str]] = {}
    for row in table.splitlines()[2:]:
        names, labels, _ = (cell.strip() for cell in row.strip("|").split("|", 2))
        for name in re.findall(r"`(\w+)`", names):
            listed[name] = set(re.findall(r"`(\w+)`", labels))
    found: dict[str, set[str]] = {}
    for name, labels_ in (await exposed(service)).items():
        if name.startswith("registry_"):
            found.setdefault(parts.sub("", name), set()).update(
                (labels_ or _WITHOUT_A_SAMPLE.get(name, set())) - {"le"}
            )
    assert listed == found


def test_the_guide_says_which_checks_leave_a_process_ready() -> None:
    row = next(line for line in GUIDE.splitlines() if line.startswith("| `registry_check_ok` |"))
    said = row.rpartition("). ")[2].partition(", and a run that failed,")[0]
    assert set(re.findall(r"`(\w+)`", said)) == TOLD


def test_each_alert_leads_to_its_section_of_the_guide_and_each_section_is_of_an_alert() -> None:
    sections = set(re.findall(r"^### (Registry\w+)$", GUIDE, re.MULTILINE))
    assert [rule["alert"] for rule in RULES if rule["alert"] not in sections] == []
    assert sections == {rule["alert"] for rule in RULES}
    for rule in RULES:
        assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}


@pytest.mark.one_database
async def test_the_guide_says_what_each_background_task_does(service: Service) -> None:
    section = GUIDE.partition("### RegistryTaskLate")[2].partition("###")[0]
    shared = {"rates"}  # runs where several processes share PostgreSQL, and a rate is set
    assert {task.name for task in service.edge.app.state.background.states()} | shared == {
        *re.findall(r"`(\w+)`", section.partition("intervals:")[2].partition("The log")[0])
    }


def test_each_alert_is_seen_firing_and_seen_quiet() -> None:
    seen = [re.match(r"(\w+) (fires|is quiet)\b", case["name"]) for case in CASES]
    assert {found and found.groups() for found in seen} == {
        (rule["alert"], way) for rule in RULES for way in ("fires", "is quiet")
    }
    assert len({case["name"] for case in CASES}) == len(CASES)
    for case in CASES:
        (asked,) = case["promql_expr_test"]
        assert bool(asked["exp_samples"]) == (" fires" in case["name"])


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: apt install prometheus)")
def test_the_alerts_fire_when_they_should() -> None:
    for arguments in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]):
        done = subprocess.run([str(PROMTOOL), *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.one_database
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: apt install prometheus)")
async def test_the_page_of_metrics_keeps_to_the_conventions(service: Service) -> None:
    page = (await service.anonymous.get("/metrics")).content
    command = [str(PROMTOOL), "check", "metrics"]
    done = await asyncio.to_thread(subprocess.run, command, input=page, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_every_link_within_the_guide_has_a_target() -> None:
    for page in ("operations", "identity"):
        text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
        anchors = {
            re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        }
        here = "" if page == "operations" else rf"{page}\.md"
        named = set(re.findall(rf"\]\({here}#([\w-]+)\)", GUIDE))
        assert named, page
        assert named <= anchors, page


def test_the_operations_commands_and_settings_that_are_named_exist() -> None:
    paths = json.loads((ROOT / "openapi" / "registry.json").read_text("utf-8"))["paths"]
    for verb, path in re.findall(r"`(GET|POST|PATCH|DELETE) (/v1/[^`?\s]+)", GUIDE):
        assert verb.lower() in paths.get(path, {}), f"{verb} {path}"
    commands = set(re.findall(r"`registry ([a-z]+)(?: ([a-z]+))?", GUIDE))
    assert len(commands) > 3
    for command, verb in commands:
        found = main.commands.get(command)
        assert found is not None, command
        if verb and isinstance(found, click.Group) and (context := click.Context(found)):
            assert verb in found.list_commands(context), f"{command} {verb}"
    listed = set(re.findall(r"`(REGISTRY_[A-Z_]+)`", (ROOT / "README.md").read_text("utf-8")))
    assert set(re.findall(r"REGISTRY_[A-Z_]+", GUIDE)) <= listed


# The logs


def logged() -> dict[str, set[str]]:
    """Each event that the code writes to its log, with its fields."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "registry").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = ast.unparse(node.func)
            fields = {str(keyword.arg) for keyword in node.keywords}
            first = node.args[0]
            if called.endswith((".meet", "_trouble.meet")) and len(node.args) == 3:  # what is wrong with the database
                first, fields = node.args[1], {"cause"}
            elif called.endswith("_told.meet"):
                fields = {"cause"}
            elif called.endswith("_told.over"):
                fields = set()
            elif called != "write" and not re.fullmatch(r"_log\.(debug|info|warning|error|exception|critical)", called):
                continue
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.setdefault(first.value, set()).update(fields)
    return found


def test_the_guide_lists_each_event_of_the_log_with_its_fields() -> None:
    table = GUIDE.partition("| event |")[2].partition("\n\n")[0]
    listed = {}
    for row in table.splitlines()[2:]:
        event, _, fields, _ = (cell.strip() for cell in row.strip("|").split("|", 3))
        listed[event.strip("`")] = set(re.findall(r"`(\w+)`", fields))
    assert listed == logged()


def test_each_line_has_the_fields_that_the_guide_names_for_all() -> None:
    code = (
        "import structlog; from pathlib import Path\n"
        "from registry.platform.logging import configure_logging\n"
        "from registry.platform.settings import Settings\n"
        "configure_logging(Settings(database_url='sqlite:///x', data_dir=Path('x')))\n"
        "structlog.get_logger('registry').error('it broke', exc_info=ValueError('why'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    line = json.loads(done.stdout)
    assert set(line) == {"timestamp", "level", "event", "exception"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])
    sentence = GUIDE.partition("Every line has ")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", sentence)) == set(line)
