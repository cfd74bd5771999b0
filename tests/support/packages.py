"""Packages for tests, made by coordinators of their owners."""

from itertools import count
from typing import Any

import httpx

from registry.platform.kernel.time import Window
from tests.support.cast import Agency
from tests.support.loans import Partners, under_way
from tests.support.policy import make_decision

_numbers = count(1)


async def make_package(
    agency: Agency, *assets: dict[str, Any], quantities: tuple[int, ...] = (), **fields: Any
) -> dict[str, Any]:
    """A package of these assets of the agency, one of each unless quantities are given; `fields` say what differs."""
    needed = quantities or (1,) * len(assets)
    body = {
        "name": f"Dive team {next(_numbers)}",
        "members": [
            {"asset_id": asset["id"], "quantity": quantity} for asset, quantity in zip(assets, needed, strict=True)
        ],
        **fields,
    }
    made: dict[str, Any] = await agency.coordinator.done("POST", "/v1/packages", body)
    return made


async def decided_on(
    requesting: Agency, package: dict[str, Any], *, window: Window | None = None, **asked: Any
) -> list[str]:
    """The decisions on an ordinary ask of the agency's coordinator for every member, in their order."""
    asked = {"window": window or under_way(), **asked}
    made = [
        await make_decision(requesting, {"id": member["asset_id"]}, quantity=member["quantity"], **asked)
        for member in package["members"]
    ]
    return [str(decision.id) for decision in made]


async def asked_whole(partners: Partners, package: dict[str, Any], *, window: Window | None = None) -> httpx.Response:
    """The answer to the owner's coordinator, who reserves the package for the other agency."""
    body = {"decision_ids": await decided_on(partners.requesting, package, window=window)}
    return await partners.assisting.coordinator.post(f"/v1/packages/{package['id']}/reserve", body)


async def reserve_whole(partners: Partners, package: dict[str, Any], *, window: Window | None = None) -> dict[str, Any]:
    """The reservation of the package for the other agency."""
    answer = await asked_whole(partners, package, window=window)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made
