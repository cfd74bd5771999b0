"""The program of docs/feed.md that keeps a copy of the catalogue: killed at any moment, it loses nothing."""

import random
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx

from registry.platform.access.principals import Role
from registry.platform.settings import load
from tests.support.places import ROOT
from tests.support.server import LiveServer, environment, live_server

MANY = 220
TIMES = 6
HEAD = "ori,data_year,pub_agency_name,state_abbr,county_name,agency_type_name,population,officer_ct,civilian_ct"


def program() -> str:
    (found,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "feed.md").read_text("utf-8"), re.DOTALL)
    return f"{found}\nimport sys\nsync(*sys.argv[1:])\n"


def enter(live: LiveServer, first: int, count: int, officers: int = 10) -> None:
    rows = [
        f"MN{each:05}00,2023,Town {each} (demo),MN,HENNEPIN,City,9000,{officers},2"
        for each in range(first, first + count)
    ]
    body = {"lee": "\n".join([HEAD, *rows, ""])}
    answer = httpx.post(
        f"{live.url}/v1/agency-imports", json=body, headers={"authorization": f"Bearer {live.token()}"}, timeout=60
    )
    assert answer.is_success, answer.text
    report = answer.json()
    assert report["created"] + report["updated"] == count, report


def catalogue(live: LiveServer) -> dict[str, int]:
    found: dict[str, int] = {}
    path: str | None = "/v1/agencies?limit=200"
    while path is not None:
        answer = httpx.get(live.url + path, headers={"authorization": f"Bearer {live.token()}"}, timeout=60)
        found |= {each["id"]: each["version"] for each in answer.json()["items"]}
        path = answer.links.get("next", {}).get("url")
    return found


def held(file: Path) -> dict[str, int]:
    with sqlite3.connect(file) as copy:
        return dict(copy.execute("SELECT id, version FROM agency").fetchall())


def test_a_copy_that_is_brought_up_to_date_loses_nothing_however_often_it_is_killed(
    private_url: str, tmp_path: Path
) -> None:
    script, file = tmp_path / "sync.py", tmp_path / "copy.db"
    script.write_text(program(), "utf-8")
    drawn = random.Random(7)
    with live_server(load(environment(private_url, tmp_path / "data"))) as live:
        token = live.token(Role.REGISTRY_ADMIN)
        command = [sys.executable, "-I", str(script), live.url, token, str(file)]

        def killed() -> None:
            running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            time.sleep(drawn.uniform(0.05, 0.7))
            running.kill()
            running.wait()

        def caught_up() -> bool:
            subprocess.run(command, check=True, timeout=120)
            return held(file) == catalogue(live)

        enter(live, 100, MANY)
        for _ in range(TIMES):
            killed()
        for _ in range(100):  # what was entered last may not be sealed yet
            if caught_up():
                break
        assert caught_up()
        enter(live, 100 + MANY, MANY)
        enter(live, 100, 30, officers=11)
        for _ in range(TIMES):
            killed()
        for _ in range(100):
            if caught_up():
                break
        assert caught_up()
        assert len(held(file)) >= 2 * MANY
