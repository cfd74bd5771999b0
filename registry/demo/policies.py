"""The step of the demonstration about rules of an agency's own: drafted, tried, activated by another, deciding."""

from datetime import timedelta
from typing import Any

from registry.demo.stage import Person, Stage
from registry.platform.access.principals import Role

LONGEST_HOURS = 72


def decide_by_own_rules(
    stage: Stage, sheriff: str, lawyer: Person, coordinator: Person, vehicle: dict[str, Any]
) -> None:
    """The sheriff's vehicles are lent for three days at most: nobody need write a policy for that."""
    with stage.step(
        "An agency's own rule is drafted, tried on what was asked, activated by another person, and decides"
    ):
        administrator = stage.person(sheriff, Role.AGENCY_ADMIN, subject="assets@northfork.demo")
        rule = {"kind": "longest_loan", "category": vehicle["category"], "hours": LONGEST_HOURS}
        draft = lawyer.post("/v1/policy-sets", {"title": "Vehicles by the day (demo)", "rules": [rule]})
        path = f"/v1/policy-sets/{draft['id']}"
        written = draft["text"].split("when ")[1].strip()
        stage.say(f"“{rule['kind']}, {LONGEST_HOURS} hours” is the policy: {' '.join(written.split())}")
        checked = lawyer.post(f"{path}/validate", {})
        stage.expect(checked["status"] == "validated", "nothing is wrong with it")
        preview = lawyer.post(f"{path}/previews", {"days": 30, "wait_seconds": 30})
        stage.expect(preview["status"] == "done", "what it would have changed is found out beside the work of others")
        changed = lawyer.get(f"/v1/policy-previews/{preview['id']}/decisions")["items"]
        stage.say(f"Of {preview['examined']} decisions of the last 30 days it would have changed {len(changed)}.")
        own = [each["action"] for each in lawyer.get(path)["allowed_actions"]]
        stage.expect("activate" not in own, "who drafts it does not activate it")
        active = administrator.post(f"{path}/activate", {})
        stage.expect(active["status"] == "active", "an administrator does")
        start = (stage.now() + timedelta(days=40)).replace(minute=0, second=0, microsecond=0)
        end = start + timedelta(hours=LONGEST_HOURS + 1)
        question = {
            "asset_id": vehicle["id"],
            "window": {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"},
            "purpose": "search_and_rescue",
        }
        decision = coordinator.post("/v1/policy-evaluations", question)["decision"]
        spoken = [each for each in decision["reasons"] if each["layer"] == "agency"]
        stage.expect(decision["outcome"] == "denied" and len(spoken) == 1, "it decides from that moment")
        stage.say(f"An hour more is {decision['outcome']}: “{spoken[0]['reason']}”")
