"""The step of the demonstration about what is lent together: a dive team, found and booked whole."""

from datetime import timedelta

from registry.demo import cast
from registry.demo.stage import Person, Stage
from registry.platform.access.principals import Role


def lend_package(stage: Stage, sheriff: str, coordinator: Person, dispatcher: Person) -> None:
    """A dive team is one package: free when all of it is, and reserved whole or not at all."""
    with stage.step("A dive team is one package: found in a sentence, and reserved whole or not at all"):
        keeper = stage.person(sheriff, Role.AGENCY_ADMIN, subject="assets@northfork.demo")
        members = [
            {"asset_id": keeper.post("/v1/assets", body)["id"], "quantity": quantity}
            for body, quantity in cast.DIVE_TEAM
        ]
        named = {"name": "Dive team (demo)", "description": "Four divers with boat and van (demo)"}
        team = dispatcher.post("/v1/packages", {**named, "members": members})
        found = coordinator.get("/v1/search", q="dive team in two days")["packages"]["items"]
        stage.expect([each["id"] for each in found] == [team["id"]], "the sentence finds the package")
        cost = team["hourly_cost"]
        stage.say(
            f"Found: {found[0]['name']}, {found[0]['member_count']} assets, {cost['amount']} {cost['currency']}/h."
        )
        start = (stage.now() + timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
        window = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{start + timedelta(hours=8):%Y-%m-%dT%H:%M:%SZ}"}
        request = coordinator.post(
            "/v1/requests",
            {
                "purpose": "search_and_rescue",
                "summary": "Search of the lake (demo)",
                "lines": [{**member, "window": window} for member in members],
            },
        )
        lines = coordinator.post(f"/v1/requests/{request['id']}/submit", {})["lines"]
        whole = {"decision_ids": [line["decision"]["id"] for line in lines]}
        boat = f"/v1/assets/{members[0]['asset_id']}"
        idle = dispatcher.post(f"{boat}/take-out-of-service", {"reason": "A new propeller (demo)"})
        stage.expect([each["id"] for each in idle["affected_packages"]] == [team["id"]], "the package is named")
        problem = dispatcher.refused(f"/v1/packages/{team['id']}/reserve", whole, 409)
        blocked = [each["name"] for each in problem["blocked"]]
        stage.expect(blocked == [cast.DIVE_TEAM[0][0]["name"]], "the refusal names what stands in the way")
        stage.say(f"The boat is in the yard: “{problem['detail']}”")
        dispatcher.post(f"{boat}/return-to-service", {"reason": "Afloat again (demo)"})
        reserved = dispatcher.post(f"/v1/packages/{team['id']}/reserve", whole)
        stage.expect({each["status"] for each in reserved["loans"]} == {"reserved"}, "all of it is reserved")
        free = coordinator.get(
            f"/v1/packages/{team['id']}/availability", **{"from": window["start"], "to": window["end"]}
        )
        stage.expect(not free["free"], "and not free any more")
        stage.say(
            f"Reserved whole: {len(reserved['loans'])} loans, tied by one reservation; each is returned by itself."
        )
