"""Agencies from a table that the registry's operator has."""

from itertools import count
from typing import Any

from tests.support.cast import Cast
from tests.support.imports import csv_of, rows_of, run, send_file, uploaded
from tests.support.problems import assert_problem
from tests.support.service import Service

HEADERS = ("ORI", "Agency name", "Type", "State", "County", "Officers")
_numbers = count(1)


def ori() -> str:
    return f"MN77{next(_numbers):05d}"


async def shown(service: Service, number: str) -> dict[str, Any]:
    (found,) = (await service.operator.done("GET", f"/v1/agencies?ori={number}"))["items"]
    agency: dict[str, Any] = await service.operator.done("GET", f"/v1/agencies/{found['id']}")
    return agency


async def test_agencies_are_entered_corrected_and_met_by_their_ori(service: Service) -> None:
    one, two = ori(), ori()
    rows = [[one, "Pineford Police Department (demo)", "City", "mn", "Example; Other", "12"]]
    rows += [[two, "Example County Sheriff (demo)", "County", "MN", "Example", "1,200"]]
    rows += [["MN7", "Nowhere (demo)", "City", "MN", "", ""]]
    found = await uploaded(service.operator, csv_of(*rows, headers=HEADERS), kind="agencies")
    assert found["missing"] == []
    ran = await run(service.operator, found, mapping=found["suggested_mapping"])
    assert ran["counts"] == {"created": 2, "updated": 0, "unchanged": 0, "refused": 1}
    (bad,) = await rows_of(service.operator, found, "&outcome=refused")
    assert [(fault["column"], fault["value"]) for fault in bad["faults"]] == [("A", "MN7")]
    agency = await shown(service, one)
    assert (agency["status"], agency["level"], agency["state"]) == ("listed", "local", "MN")
    assert (agency["counties"], agency["sworn"], agency["time_zone"]) == (["Example", "Other"], 12, "America/Chicago")
    rows = [[one.lower(), "Pineford Police (demo)", "County", "MN", "Example; Other", "12"], rows[1]]
    again = await uploaded(service.operator, csv_of(*rows, headers=HEADERS), kind="agencies")
    ran = await run(service.operator, again, mapping=found["suggested_mapping"])
    assert ran["counts"] == {"created": 0, "updated": 1, "unchanged": 1, "refused": 0}
    first, _ = await rows_of(service.operator, again)
    assert [(each["code"], each["column"]) for each in first["remarks"]] == [("not_corrected", "C")]
    agency = await shown(service, one)
    assert (agency["name"], agency["kind"]) == ("Pineford Police (demo)", "city")


async def test_an_agency_whose_name_is_near_anothers_is_entered_and_the_other_is_named(service: Service) -> None:
    first, second, third, elsewhere = ori(), ori(), ori(), ori()
    name = "Quillhaven Police Department (demo)"
    for rows in (
        [[first, name, "City", "MN", "", ""]],
        [[second, "Quillhaven PD (demo)", "City", "MN", "", ""], [third, "Quillcrest PD (demo)", "City", "MN", "", ""]],
        [[elsewhere, name, "City", "WI", "", ""]],
    ):
        found = await uploaded(service.operator, csv_of(*rows, headers=HEADERS), kind="agencies")
        ran = await run(service.operator, found, mapping=found["suggested_mapping"])
        assert ran["counts"]["created"] == len(rows)
        said = [row["remarks"] for row in await rows_of(service.operator, found)]
        if len(rows) == 2:
            ((remark,), nothing) = said
            assert (remark["code"], remark["header"], nothing) == ("name_like_another", "Agency name", [])
            assert f"“{name}”, ORI {first}, has nearly the same name." in remark["detail"]
        else:
            assert said == [[]], "in another state it is another"


async def test_agencies_are_the_operators_to_enter(service: Service, cast: Cast) -> None:
    content = csv_of([ori(), "Pineford (demo)", "City", "MN", "", ""], headers=HEADERS)
    assert_problem(await send_file(cast.assisting.admin, content, kind="agencies"), 403, "forbidden")
    assert_problem(await send_file(service.operator, content, kind="assets"), 403, "forbidden")
