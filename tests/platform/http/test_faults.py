"""A body that does not fit is answered with all its faults, each in words that say what is allowed."""

import copy
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler

from registry.platform.http.faults import find_faults
from tests.support.cast import make_agency
from tests.support.service import Service

WRONG: tuple[Any, ...] = (
    *(None, True, -1, 0, 1.5, 10**12, "", "?", "x" * 50_000, "2026-13-01", "a\nb", [], [0], {}, {"?": 0}),
)
UNREADABLE = re.compile(
    r"\\[AZdwsx]|\[\^|\b(?:str|int|bool|float|dict|UUID|datetime|enum|regex)\b|[Ee]xpected|\bInvalid\b"
)


def bodies(service: Service) -> dict[str, tuple[Any, Any]]:
    """Of each operation that takes JSON: the type of its body, and the contract's example of it."""
    found = {}
    for route in service.edge.app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, HTTPRouteHandler) and (field := handler.parsed_data_field) is not None:
                assert handler.opt["example"] is not None, f"{handler.operation_id} shows no body"
                example = msgspec.to_builtins(handler.opt["example"])
                found[str(handler.operation_id)] = (field.annotation, example)
    return found


def spoilt(value: Any, whole: Any, path: tuple[Any, ...] = ()) -> Iterator[Any]:
    """The body with one place after another made wrong: another value, a member gone, a member too many."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        for wrong in WRONG:
            changed, inner = copied(whole, path)
            inner[name] = wrong
            yield changed
        changed, inner = copied(whole, path)
        del inner[name]
        yield changed
        yield from spoilt(member, whole, (*path, name))
    if isinstance(value, dict):
        changed, inner = copied(whole, path)
        inner["not_a/member"] = 1
        yield changed


def copied(whole: Any, path: tuple[Any, ...]) -> tuple[Any, Any]:
    changed = copy.deepcopy(whole)
    inner = changed
    for name in path:
        inner = inner[name]
    return changed, inner


def fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except (msgspec.ValidationError, ValueError, OverflowError):
        return False
    return True


async def test_whatever_msgspec_refuses_is_explained_and_nothing_else(service: Service) -> None:
    checked = 0
    for operation, (kind, example) in bodies(service).items():
        assert list(find_faults(example, kind)) == [], operation
        for body in spoilt(example, example):
            faults = list(find_faults(body, kind))
            assert bool(faults) != fits(body, kind), (operation, body, faults)
            for fault in faults:
                checked += 1
                assert fault.pointer is not None
                assert not UNREADABLE.search(fault.detail), (operation, fault)
    assert checked > 1_000


async def test_every_fault_of_every_body_is_named_at_once(service: Service) -> None:
    for operation, (kind, example) in bodies(service).items():
        body = {**{name: {"?": [0]} for name in example}, "not_known": 1}
        named = {fault.pointer for fault in find_faults(body, kind)}
        free = {f"/{f.encode_name}" for f in msgspec.structs.fields(kind) if fits(body.get(f.encode_name), f.type)}
        wanted = {f"/{name}" for name in body} - free
        assert {("/" + str(pointer).split("/")[1]) for pointer in named} >= wanted, operation


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        (
            {"priority": "high", "lines": [{"quantity": 0}]},
            {
                "/purpose": "is required",
                "/priority": "must be one of routine, urgent, emergency",
                "/summary": "is required",
                "/lines/0/quantity": "must be a whole number from 1 up to 100000",
                "/lines/0/window": "is required",
            },
        ),
        ([], {"": "must be an object"}),
    ],
)
async def test_the_answer_lists_them_in_plain_words(service: Service, body: Any, faults: dict[str, str]) -> None:
    agency = await make_agency(service)
    response = await agency.coordinator.post("/v1/requests", body)
    assert response.status_code == 400
    assert {each["pointer"]: each["detail"] for each in response.json()["errors"]} == faults


async def test_what_takes_nothing_that_is_needed_is_done_without_a_body(service: Service) -> None:
    agency = await make_agency(service)
    response = await agency.coordinator.post(f"/v1/loans/{uuid4()}/close")
    assert response.status_code == 404, "it is read as an empty body, and there is no such loan"
    response = await agency.admin.post("/v1/assets")
    assert {each["detail"] for each in response.json()["errors"]} == {"is required"}
