"""The steps of the demonstration about what there is: a fleet from a table, a sentence, people by numbers."""

from datetime import timedelta

from registry.demo import cast
from registry.demo.stage import Person, Stage
from registry.platform.access.principals import Role

FLEET_MAPPING = {
    "tag": {"header": "Unit"},
    "name": {"header": "Vehicle"},
    "category": {
        "header": "Type",
        "values": {"van": "vehicle.transport", "boat": "vessel.patrol_boat", "drone": "aircraft.drone"},
    },
    "location.latitude": {"header": "Lat"},
    "location.longitude": {"header": "Lon"},
}
FLEET_ROWS = 4


def import_fleet(stage: Stage, sheriff: str) -> None:
    """A county's fleet list enters the catalogue: looked at, checked, then written."""
    with stage.step("The county's fleet list is imported: looked at, checked, then entered"):
        keeper = stage.person(sheriff, Role.AGENCY_ADMIN, subject="assets@northfork.demo")
        content = cast.FLEET.encode()
        found = keeper.upload("/v1/imports", content, media_type="text/csv", kind="assets", filename="fleet.csv")
        path = f"/v1/imports/{found['id']}/run"
        order = {"mapping": FLEET_MAPPING, "on_error": "skip", "wait_seconds": 30}
        checked = keeper.post(path, order)
        stage.expect(checked["dry_run"] and checked["counts"]["created"] == FLEET_ROWS - 1, "a check of each row")
        stage.expect(checked["counts"]["refused"] == 1, "a unit number that stands twice is refused")
        stage.say(
            f"A check would enter {checked['counts']['created']} vehicles and refuse {checked['counts']['refused']}."
        )
        for row in keeper.get(f"/v1/imports/{found['id']}/rows", outcome="refused")["items"]:
            stage.say(f"    Row {row['row']}: {row['faults'][0]['detail']}")
        written = keeper.post(path, {**order, "dry_run": False})
        stage.expect(written["counts"] == checked["counts"], "the import does what the check said")
        again = keeper.post(path, {**order, "dry_run": False})
        stage.expect(again["counts"]["created"] == again["counts"]["updated"] == 0, "a second run changes nothing")
        stage.say(f"Entered {written['counts']['created']}. The same file again: nothing written.")


def find_in_a_sentence(stage: Stage, coordinator: Person, team_id: str) -> None:
    """Help is found by what a tired person types."""
    sentence = "narcotcs dog near Minneapolis tomorrow"
    with stage.step(f"At 3 a.m. a sentence is enough: “{sentence}”"):
        answer = coordinator.get("/v1/search", q=sentence)
        understood = answer["understood"]
        stage.expect(understood["category"]["code"] == "k9.narcotics", "a misspelt word is understood, and said")
        stage.expect(
            [item["id"] for item in answer["results"]["items"]] == [team_id], "the sentence finds the K-9 team"
        )
        for part in ("category", "place", "window"):
            stage.say(f"{part}: understood from “{understood[part]['said']}”")
        stage.say(f"Found: {', '.join(item['name'] for item in answer['results']['items'])}.")


def certify_team(stage: Stage, sheriff: str, coordinator: Person, team_id: str) -> None:
    """A certificate belongs to handler, dog and discipline; others see that it holds, and not who the handler is."""
    with stage.step("Handler and dog are certified together; others see that the certificate holds, and no name"):
        keeper = stage.person(sheriff, Role.AGENCY_ADMIN, subject="assets@northfork.demo")
        handler = keeper.post("/v1/personnel", cast.HANDLER)
        path = f"/v1/assets/{team_id}/certificates"
        made = keeper.post(path, cast.team_certificate(stage.today(), handler["id"]))
        (seen,) = coordinator.get(path)["items"]
        stage.expect(seen["status"] == "current" and seen["handler_id"] is None, "a certificate that names nobody")
        found = coordinator.get("/v1/assets", certified_for="k9.narcotics")["items"]
        stage.expect([item["id"] for item in found] == [team_id], "only certified teams are found for a discipline")
        stage.say(f"{seen['discipline']}, by {seen['issuer']}, until {made['expires_on']}: {seen['status']}.")
        stage.say("Whoever lends the dog lends its handler: both are reserved in one act, and neither twice.")


def show_slots(stage: Stage, coordinator: Person, lab_id: str) -> None:
    """A laboratory is lent by slots of a week; nothing travels."""
    with stage.step("A laboratory takes in cases by the week: the slots that are left"):
        start = stage.now() + timedelta(days=7)
        asked = {"from": f"{start:%Y-%m-%dT%H:%M:%SZ}", "to": f"{start + timedelta(days=14):%Y-%m-%dT%H:%M:%SZ}"}
        found = coordinator.get(f"/v1/assets/{lab_id}/availability", **asked)
        stage.expect(
            all(week["free_quantity"] == found["capacity"] for week in found["weeks"]), "every slot of each week"
        )
        for week in found["weeks"]:
            stage.say(f"{week['week']}: {week['free_quantity']} of {found['capacity']} slots left.")


def count_people(stage: Stage, sheriff: str, coordinator: Person) -> None:
    """Who speaks what is known by numbers; a name stays at home."""
    with stage.step("Who speaks Hmong? The own agency counts its people; no name leaves it"):
        keeper = stage.person(sheriff, Role.COORDINATOR, subject="coordinator@northfork.demo")
        for body in cast.PEOPLE:
            record = keeper.post("/v1/personnel", body)
        counted = keeper.get("/v1/capabilities", capability="language.hmn", level_at_least="3", tested="true")["items"]
        stage.say(f"Northfork counts {counted[0]['count']} of its own, tested at ILR 3 or better.")
        stage.expect(counted[0]["count"] == 1, "one was tested at that level; what people say of themselves is apart")
        answer = coordinator.refused_to_read(f"/v1/personnel/{record['id']}", 404)
        stage.expect(answer["code"] == "not_found", "a record does not exist for others")
        stage.say("To Lakeside there is no such record: other agencies read bands of numbers, published once a day.")
