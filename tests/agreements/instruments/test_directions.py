"""Who assists whom under a text that does not have all assist all."""

from tests.agreements.instruments.test_in_force import in_force
from tests.support.agreements import (
    agreement_body,
    sign_agreement,
)
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.policy import make_decision
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"


class TestDirections:
    async def test_a_party_that_only_requests_is_asked_for_nothing(self, service: Service, cast: Cast) -> None:
        directions = [{"agency_id": str(cast.requesting.id), "role": "requests"}]
        await sign_agreement(service, cast.assisting, cast.requesting, terms={"directions": directions})
        (helped,) = await in_force(cast.requesting, cast.assisting)
        (turned,) = await in_force(cast.assisting, cast.requesting)
        assert (helped["assists"], turned["assists"]) == (True, False)

    async def test_the_catalogue_and_decisions_go_by_who_assists_whom(self, service: Service, cast: Cast) -> None:
        directions = [{"agency_id": str(cast.requesting.id), "role": "requests"}]
        await sign_agreement(service, cast.assisting, cast.requesting, terms={"directions": directions})
        for owner, asker, lendable in (
            (cast.assisting, cast.requesting, True),
            (cast.requesting, cast.assisting, False),
        ):
            asset = await make_asset(owner)
            found = await asker.coordinator.done("GET", f"/v1/assets?lendable=true&agency_id={owner.id}")
            assert [item["id"] for item in found["items"]] == ([asset["id"]] if lendable else [])
            decision = await make_decision(asker, asset)
            assert decision.outcome == ("permitted" if lendable else "denied")
        assert "does not assist" in decision.decision.near_misses[0].explanation

    async def test_directions_name_parties_once_and_leave_somebody_to_help_and_to_be_helped(self, cast: Cast) -> None:
        body = agreement_body(cast.assisting, cast.requesting)
        one, other = ({"agency_id": party, "role": "assists"} for party in body["parties"])
        for directions, code in (
            ([one, one], "direction_twice"),
            ([{"agency_id": str(cast.stranger.id), "role": "assists"}], "not_a_party"),
            ([one, other], "nobody_requests"),
            ([{**one, "role": "requests"}, {**other, "role": "requests"}], "nobody_assists"),
        ):
            body["terms"]["directions"] = directions
            problem = assert_problem(await cast.assisting.legal.post(PATH, body), 422, "agreement_faulty")
            assert code in {fault["code"] for fault in problem["errors"]}
