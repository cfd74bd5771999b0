"""A package and its assets asked for at the same time: whoever comes first has all that it asked for, or nothing."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

import httpx

from registry.platform.database.connect import unit_of_work
from registry.resources.personnel.queries.sending import Ability
from registry.sharing.loans.commands.people import keep_people_offered
from tests.support.assets import make_asset
from tests.support.loans import REASON, Partners, step, under_way
from tests.support.packages import decided_on, make_package
from tests.support.patience import until_answered
from tests.support.personnel import enter_person, speaks
from tests.support.policy import make_decision, window_of
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, make_request

ROUNDS = 8
PLAIN: dict[str, Any] = {"category": "equipment", "type_level": None, "certifications": []}


async def reserved(partners: Partners, asset: dict[str, Any]) -> int:
    """How many loans have the asset reserved."""
    path = f"/v1/loans?asset_id={asset['id']}&status=reserved"
    return len((await partners.assisting.coordinator.done("GET", path))["items"])


async def test_a_package_and_one_of_its_assets_are_never_both_reserved(partners: Partners) -> None:
    coordinator, won = partners.assisting.coordinator, set[bool]()
    for number in range(ROUNDS):
        assets = [await make_asset(partners.assisting, **PLAIN) for _ in range(3)]
        package = await make_package(partners.assisting, *assets)
        whole = {"decision_ids": await decided_on(partners.requesting, package)}
        alone = await make_decision(partners.requesting, assets[number % 3], window=under_way())
        both = [
            coordinator.post(f"/v1/packages/{package['id']}/reserve", whole),
            coordinator.post("/v1/loans", {"decision_id": str(alone.id)}),
        ]
        answers: list[httpx.Response] = await asyncio.gather(*(both if number % 2 else both[::-1]))
        of_package, of_one = answers if number % 2 else answers[::-1]
        assert sorted([of_package.status_code, of_one.status_code]) == [201, 409]
        won.add(of_package.status_code == 201)
        if of_package.status_code == 409:
            blocked = assert_problem(of_package, 409, "package_blocked")["blocked"]
            assert [(each["asset_id"], each["code"]) for each in blocked] == [
                (assets[number % 3]["id"], "asset_not_free")
            ]
        else:
            assert_problem(of_one, 409, "asset_not_free")
        held = [await reserved(partners, asset) for asset in assets]
        assert held == ([1, 1, 1] if of_package.status_code == 201 else [int(each == number % 3) for each in range(3)])
    assert won, "somebody came first"


async def test_packages_that_share_assets_never_wait_for_each_other_and_one_has_them(partners: Partners) -> None:
    """Each names the shared assets in another order, so that locks taken in that order would deadlock."""
    coordinator = partners.assisting.coordinator
    for _ in range(ROUNDS):
        first, second, third = [await make_asset(partners.assisting, **PLAIN) for _ in range(3)]
        packages = [
            await make_package(partners.assisting, *members)
            for members in ((first, second, third), (third, second, first), (second, third), (third, first))
        ]
        bodies = [{"decision_ids": await decided_on(partners.requesting, each)} for each in packages]
        answers = await asyncio.gather(
            *(
                coordinator.post(f"/v1/packages/{each['id']}/reserve", body)
                for each, body in zip(packages, bodies, strict=True)
            )
        )
        for answer in answers:
            if answer.status_code != 201:
                assert_problem(answer, 409, "package_blocked")
        granted = [
            {member["asset_id"] for member in each["members"]}
            for each, answer in zip(packages, answers, strict=True)
            if answer.status_code == 201
        ]
        assert len(granted) == 1, "any two of them share an asset"
        for asset in (first, second, third):
            assert await reserved(partners, asset) == int(asset["id"] in granted[0])


async def test_packages_with_the_same_people_never_wait_for_each_other_and_one_has_them(partners: Partners) -> None:
    """Each has the two on its assets in another order, so that locks taken asset by asset would deadlock."""
    owner = partners.assisting
    ability = Ability(capability="language.hmn", rank=0, tested=False, step=None)
    for _ in range(ROUNDS):
        people = [UUID((await enter_person(owner, speaks("hmn", "3")))["id"]) for _ in range(2)]
        packages, bodies = [], []
        for order in (people, people[::-1]):
            pools = [await make_asset(owner, **{**PLAIN, "category": "personnel.interpreter"}) for _ in range(2)]
            packages.append(await make_package(owner, *pools))
            bodies.append({"decision_ids": await decided_on(partners.requesting, packages[-1], window=window_of())})
            async with unit_of_work(owner.service.database) as write:
                for decision_id, person in zip(bodies[-1]["decision_ids"], order, strict=True):
                    await keep_people_offered(write, UUID(decision_id), [person], ability)
        answers = await asyncio.gather(
            *(
                until_answered(partial(owner.coordinator.post, f"/v1/packages/{each['id']}/reserve", body))
                for each, body in zip(packages, bodies, strict=True)
            )
        )
        assert sorted(each.status_code for each in answers) == [201, 409], [each.text for each in answers]


async def test_a_package_is_reserved_or_its_request_withdrawn_and_never_half(partners: Partners) -> None:
    owner, asking = partners.assisting, partners.requesting
    for _ in range(ROUNDS):
        assets = [await make_asset(owner, **PLAIN) for _ in range(2)]
        package = await make_package(owner, *assets[::-1])
        lines = [line_for(each, window=under_way()) for each in assets]
        asked = await act(asking.coordinator, await make_request(asking, {}, lines=lines), "submit", {})
        body = {"decision_ids": [line["decision"]["id"] for line in asked["lines"]]}
        taken, withdrawn = await asyncio.gather(
            owner.coordinator.post(f"/v1/packages/{package['id']}/reserve", body),
            asking.coordinator.post(f"/v1/requests/{asked['id']}/withdraw", REASON),
        )
        assert sorted([taken.status_code, withdrawn.status_code]) in ([200, 201], [200, 409], [201, 409])
        assert taken.status_code in (201, 409), taken.text
        assert [await reserved(partners, each) for each in assets] == [int(taken.status_code == 201)] * 2


async def test_all_is_cancelled_or_one_is_out(partners: Partners) -> None:
    owner = partners.assisting
    for _ in range(ROUNDS):
        assets = [await make_asset(owner, **PLAIN) for _ in range(2)]
        package = await make_package(owner, *assets)
        body = {"decision_ids": await decided_on(partners.requesting, package)}
        made = await owner.coordinator.done("POST", f"/v1/packages/{package['id']}/reserve", body)
        loan = made["loans"][1]
        cancelled, out = await asyncio.gather(
            partners.requesting.coordinator.post(f"/v1/package-reservations/{made['id']}/cancel", REASON),
            owner.coordinator.post(f"/v1/loans/{loan['id']}/dispatch", {"grade": "good"}),
        )
        assert sorted([cancelled.status_code, out.status_code]) == [200, 409]
        statuses = {each["status"] for each in (await _seen(partners, made["id"]))["loans"]}
        assert statuses == ({"cancelled"} if cancelled.status_code == 200 else {"reserved", "dispatched"})
        if out.status_code == 200:
            await step(owner, loan, "return")


async def _seen(partners: Partners, reservation_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await partners.assisting.coordinator.done(
        "GET", f"/v1/package-reservations/{reservation_id}"
    )
    return found
