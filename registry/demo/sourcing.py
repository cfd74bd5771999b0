"""The step of the demonstration about what is needed of whichever agency: asked in tiers, declined, and offered."""

from datetime import timedelta
from typing import Any

from registry.demo.stage import Person, Stage
from registry.platform.access.principals import Role


def source_a_need(
    stage: Stage, laboratory: str, sheriff: str, coordinator: Person, dispatcher: Person, vehicle: dict[str, Any]
) -> None:
    """A vehicle is asked of one agency, which declines, then of the next, which offers one on a condition."""
    with stage.step("Any vehicle will do: asked of one agency after the other, declined, and offered on a condition"):
        start = (stage.now() + timedelta(days=9)).replace(minute=0, second=0, microsecond=0)
        window = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{start + timedelta(hours=8):%Y-%m-%dT%H:%M:%SZ}"}
        need = {"kind": "category", "category": "vehicle"}
        made = coordinator.post(
            "/v1/requests",
            {
                "purpose": "mutual_aid",
                "summary": "A vehicle for the county fair (demo)",
                "lines": [{"need": need, "window": window}],
            },
        )
        path = f"/v1/requests/{made['id']}"
        needed = coordinator.post(f"{path}/submit", {})["lines"][0]
        ranked = coordinator.get(f"{path}/lines/{needed['id']}/candidates")["items"]
        stage.expect(vehicle["id"] in [each["asset"]["id"] for each in ranked], "the command post is a candidate")
        rows = [
            [
                each["asset"]["name"],
                each["outcome"].replace("_", " "),
                "yes" if each["availability"]["available"] else "no",
            ]
            for each in ranked[:3]
        ]
        stage.table("What could fill it, the best first", ["asset", "may", "can"], rows)
        tiers = {"tiers": [[laboratory], [sheriff]], "answer_within_minutes": 60}
        asked = coordinator.post(f"{path}/lines/{needed['id']}/source", tiers)
        stage.expect([line["status"] for line in asked["lines"]] == ["open", "asked", "queued"], "one is asked first")
        clerk = stage.person(laboratory, Role.COORDINATOR, subject="desk@lab.demo")
        mine = clerk.get(path)["lines"]
        stage.expect(len(mine) == 1, "who is asked sees its own line alone")
        no = {"reason_code": "outside_agreement", "reason": "We lend no vehicles (demo)"}
        clerk.post(f"{path}/lines/{mine[0]['id']}/decline", no)
        stage.say(f"The laboratory declines: “{no['reason']}”. The sheriff is asked at once.")
        turn = dispatcher.get(path)["lines"][0]
        offer = {"asset_id": vehicle["id"], "condition": "Back by midnight (demo)"}
        dispatcher.post(f"{path}/lines/{turn['id']}/offer", offer)
        stage.say(f"The sheriff offers {vehicle['name']} on a condition: “{offer['condition']}”")
        conditional = next(each for each in coordinator.get(path)["lines"] if each["id"] == turn["id"])
        accepted = coordinator.post(
            f"{path}/lines/{turn['id']}/accept-offer", {"offer_version": conditional["offer_version"]}
        )
        stage.expect(accepted["lines"][0]["remaining_quantity"] == 0, "nothing is lacking any more")
        line = next(each for each in accepted["lines"] if each["id"] == turn["id"])
        stage.expect(line["decision"]["outcome"] == "permitted", "what is offered is decided on")
        dispatcher.post("/v1/loans", {"decision_id": line["decision"]["id"]})
        filled = coordinator.get(path)
        stage.expect((filled["status"], filled["lines"][0]["status"]) == ("filled", "filled"), "the need is filled")
        stage.say("Accepted, decided, reserved: the need is filled.")
