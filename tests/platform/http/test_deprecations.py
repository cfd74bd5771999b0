"""What will go says so for a year at least, in the contract and in every answer that uses it."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.exceptions import HTTPException

from registry.platform.access.operations import Supplied, operation
from registry.platform.http.answers import Answer
from registry.platform.http.deprecations import Deprecation
from registry.platform.http.edge import Edge
from registry.platform.http.openapi import assemble
from registry.platform.http.problems import on_error
from registry.platform.http.requests import StrictRequest
from registry.platform.kernel.errors import DomainError
from registry.platform.settings import load
from tests.support.server import environment

pytestmark = pytest.mark.one_database

SINCE, SUNSET = date(2027, 1, 1), date(2028, 1, 1)
WORDS = "Deprecated since 2027-01-01, and gone from 2028-01-01 on: use `{}`."
OPERATION = Deprecation(since=SINCE, sunset=SUNSET, successor="get_beacon")
PARAMETER = Deprecation(since=date(2027, 6, 1), sunset=date(2028, 7, 1), successor="colour", parameter="hue")


class Colours(msgspec.Struct, frozen=True):
    """What a lantern is asked for."""

    colour: str | None = None
    hue: str | None = None


async def get_lantern(filters: Supplied[Colours]) -> Answer[str]:
    """Look at the lantern."""
    return Answer(filters.colour or filters.hue or "dark")


async def get_beacon() -> Answer[str]:
    """Look at the beacon."""
    return Answer("lit")


def lights(deprecations: Sequence[Deprecation]) -> Litestar:
    """An application of two operations, of which the first deprecates this."""
    for each in (get_lantern, get_beacon):
        each.__module__ = "registry.service"  # the contract groups operations by the room that they stand in
    common: dict[str, Any] = {"permission": None, "public": True, "problems": ("unknown_parameter",)}
    old = operation("get", "/lantern", query=Colours, deprecations=tuple(deprecations), **common)(get_lantern)
    return Litestar(
        [old, operation("get", "/beacon", **common)(get_beacon)],
        request_class=StrictRequest,
        exception_handlers={DomainError: on_error, HTTPException: on_error, Exception: on_error},
        openapi_config=None,
    )


async def fields(app: Litestar, folder: Path, *paths: str) -> list[tuple[str | None, str | None, str | None]]:
    """`Deprecation`, `Sunset` and `Link` of the answer to each path."""
    edge = Edge(app, load(environment("sqlite:///unused.db", folder)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=edge), base_url="http://registry") as http:
        headers = [(await http.get(path)).headers for path in paths]
    return [(each.get("deprecation"), each.get("sunset"), each.get("link")) for each in headers]


NOTHING = (None, None, None)
MORE = '</docs>; rel="deprecation"; type="text/html"'


async def test_every_answer_of_a_deprecated_operation_says_since_when_and_until_when(tmp_path: Path) -> None:
    old, refused, new = await fields(lights([OPERATION]), tmp_path, "/lantern", "/lantern?size=3", "/beacon")
    assert old == refused == ("@1798761600", "Sat, 01 Jan 2028 00:00:00 GMT", MORE)
    assert new == NOTHING


async def test_a_deprecated_parameter_is_told_to_those_who_send_it(tmp_path: Path) -> None:
    paths = ("/lantern?hue=red", "/lantern?colour=red&hue=red", "/lantern?colour=hue", "/lantern")
    once, twice, *others = await fields(lights([PARAMETER]), tmp_path, *paths)
    assert once == twice == ("@1811808000", "Sat, 01 Jul 2028 00:00:00 GMT", MORE)
    assert others == [NOTHING, NOTHING]


async def test_of_several_the_earliest_days_are_told(tmp_path: Path) -> None:
    (both,) = await fields(lights([PARAMETER, OPERATION]), tmp_path, "/lantern?hue=red")
    assert both == ("@1798761600", "Sat, 01 Jan 2028 00:00:00 GMT", MORE)


def test_the_contract_marks_what_will_go_and_names_what_to_use_instead() -> None:
    document = assemble(lights([OPERATION, PARAMETER]), "1")
    old, new = document["paths"]["/lantern"]["get"], document["paths"]["/beacon"]["get"]
    assert old["deprecated"] is True
    assert old["description"].endswith(WORDS.format("get_beacon"))
    colour, hue = old["parameters"]
    assert hue["deprecated"] is True
    assert hue["description"].endswith("Deprecated since 2027-06-01, and gone from 2028-07-01 on: use `colour`.")
    assert {"Deprecation", "Sunset"} <= old["responses"]["200"]["headers"].keys() & document["components"]["headers"]
    assert "deprecated" not in new
    assert "deprecated" not in colour
    assert "Deprecation" not in assemble(lights([]), "1")["components"]["headers"], "nothing refers to it"


def test_what_is_deprecated_stays_for_a_year_and_has_a_successor() -> None:
    with pytest.raises(ValueError, match="stays for 365 days at least"):
        Deprecation(since=SINCE, sunset=date(2027, 12, 31), successor="get_beacon")
    for successor, parameter, words in (
        ("get_torch", None, "deprecated for get_torch, which is no operation"),
        ("get_lantern", None, "deprecated for get_lantern"),
        ("shade", "hue", "has no shade"),
        ("colour", "shade", "has no shade"),
    ):
        wrong = Deprecation(since=SINCE, sunset=SUNSET, successor=successor, parameter=parameter)
        with pytest.raises(LookupError, match=words):
            assemble(lights([wrong]), "1")
