"""The step of the demonstration about what agreements are for: an exercise, what it improves, and a review."""

from datetime import timedelta
from typing import Any

from registry.demo.cast import ZONE
from registry.demo.stage import Person, Stage
from registry.platform.kernel.time import civil_day


def exercise_and_review(
    stage: Stage, agreement: str, host: Person, guest: Person, lawyer: Person, partner: Person
) -> None:
    """Two agencies hold an exercise and improve by it; then they review the agreement under which it was held."""
    with stage.step("An exercise, and what is to be improved"):
        held = _exercise(stage, agreement, host, guest)
        _improve(stage, held, host, guest)
    with stage.step("Does the agreement do what it was made for? Both parties say"):
        _review(stage, agreement, lawyer, partner)


def _exercise(stage: Stage, agreement: str, host: Person, guest: Person) -> dict[str, Any]:
    end = stage.now().replace(microsecond=0) - timedelta(hours=1)
    planned = host.post(
        "/v1/engagements",
        {
            "kind": "exercise",
            "exercise_type": "tabletop",
            "title": "Missing person at the river (demo)",
            "starts_at": f"{end - timedelta(hours=4):%Y-%m-%dT%H:%M:%SZ}",
            "ends_at": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "time_zone": ZONE,
            "agreement_id": agreement,
            "agency_ids": [str(guest.badge.agency_id)],
            "objectives": [
                {"objective_no": 1, "text": "Set up one command post.", "core_capability": "Operational Coordination"},
                {"objective_no": 2, "text": "Speak on one channel.", "core_capability": "Operational Communications"},
            ],
        },
    )
    path = f"/v1/engagements/{planned['id']}"
    guest.post(f"{path}/accept-invitation", {})
    host.post(f"{path}/complete", {"participation": [{"group": "sworn", "people": 14}]})
    ratings = [{"objective_no": 1, "rating": "performed"}, {"objective_no": 2, "rating": "major_challenges"}]
    found: dict[str, Any] = host.post(f"{path}/evaluate", {"ratings": ratings})
    stage.table(
        "Objectives of the exercise (HSEEP)",
        ["objective", "rating"],
        [[each["text"], each["rating"].replace("_", " ")] for each in found["objectives"]],
    )
    stage.expect((found["objectives_met"], found["objectives_rated"]) == (1, 2), "one of two was met")
    return found


def _improve(stage: Stage, held: dict[str, Any], host: Person, guest: Person) -> None:
    due_on = civil_day(stage.now() + timedelta(days=20), ZONE)
    body = {
        "owner_agency_id": str(guest.badge.agency_id),
        "title": "Programme a common channel into all radios (demo)",
        "objective_no": 2,
        "due_on": f"{due_on}",
    }
    action = host.post(f"/v1/engagements/{held['id']}/plan-action", body)
    path = f"/v1/corrective-actions/{action['id']}"
    waiting = [entry["subject"]["id"] for entry in guest.get("/v1/inbox", limit=200)["items"]]
    stage.expect(action["id"] in waiting, "the owner finds it in its inbox")
    guest.post(f"{path}/complete", {"statement": "All 42 radios have channel 9 (demo)."})
    closed = host.post(f"{path}/close", {})
    stage.expect(closed["status"] == "closed", "the host has seen that it was done")
    stage.say(f"{closed['owner_agency']['name']}: “{closed['statement']}” The host closes it.")


def _review(stage: Stage, agreement: str, lawyer: Person, partner: Person) -> None:
    opened = lawyer.post(f"/v1/agreements/{agreement}/outcome-reviews", {})
    path = f"/v1/outcome-reviews/{opened['id']}"
    lawyer.post(f"{path}/decide", {"outcome": "keep", "reasons": "Help came in time (demo)."})
    partner.post(f"{path}/decide", {"outcome": "amend", "reasons": "One radio channel belongs into it (demo)."})
    today = civil_day(stage.now(), ZONE)
    done = lawyer.post(f"{path}/complete", {"reviewed_on": f"{today}", "outcome": "amend"})
    for each in done["decisions"]:
        stage.say(f"{each['agency']['name']} decides to {each['outcome']} it: “{each['reasons']}”")
    stage.expect(done["scorecard"] == opened["scorecard"], "the scorecard is frozen")
    stage.say(f"The scorecard is kept as it was at {done['scorecard']['as_of'][:16]} UTC; the custodian enters: amend.")
