"""The steps of the demonstration. Each checks that the service did what the step says."""

import hashlib
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from registry.demo import cast
from registry.demo.catalogue import certify_team, count_people, find_in_a_sentence, import_fleet, show_slots
from registry.demo.improving import exercise_and_review
from registry.demo.packages import lend_package
from registry.demo.papers import keep_papers
from registry.demo.policies import decide_by_own_rules
from registry.demo.proving import prove
from registry.demo.sourcing import source_a_need
from registry.demo.stage import Person, Stage
from registry.demo.telling import told_by_webhook
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role

SIGNED_PAGE = b"the signed page of the demonstration agreement"
EVIDENCE = hashlib.sha256(SIGNED_PAGE).hexdigest()


def play(stage: Stage) -> dict[str, tuple[str, Person]]:
    """Run all steps; returns the persons for whom tokens can be printed. Raises StoryBrokenError."""
    operator = stage.person(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="operator@demo")
    _import_agencies(stage, operator)
    sheriff, police, laboratory = _admit(stage, operator)
    people = {
        "coordinator": ("Lakeside, asks", stage.person(police, Role.COORDINATOR, subject="coordinator@lakeside.demo")),
        "commander": ("Northfork, approves", stage.person(sheriff, Role.APPROVER, subject="commander@northfork.demo")),
        "lawyer": ("Northfork, agreements", stage.person(sheriff, Role.LEGAL, subject="counsel@northfork.demo")),
        "auditor": ("Lakeside, reads", stage.person(police, Role.AUDITOR, subject="auditor@lakeside.demo")),
        "service": (
            "Lakeside's dispatch system",
            stage.person(
                police,
                Role.SERVICE,
                subject="dispatch@lakeside.demo",
                scope="agencies:read taxonomy:read assets:read agreements:read requests:* loans:read metrics:read",
            ),
        ),
    }
    dispatcher = stage.person(sheriff, Role.COORDINATOR, subject="coordinator@northfork.demo")
    coordinator, commander = people["coordinator"][1], people["commander"][1]
    agreement = _sign(stage, people["lawyer"][1], sheriff, police, laboratory)
    keep_papers(stage, people["lawyer"][1], agreement, [police, laboratory])
    team = _register(stage, sheriff, laboratory)
    import_fleet(stage, sheriff)
    _search(stage, coordinator, team)
    find_in_a_sentence(stage, coordinator, team["k9"]["id"])
    certify_team(stage, sheriff, coordinator, team["k9"]["id"])
    show_slots(stage, coordinator, team["lab"]["id"])
    count_people(stage, sheriff, coordinator)
    request = _ask(stage, coordinator, team)
    request = _approve(stage, coordinator, commander, request)
    with told_by_webhook(stage, stage.person(police, Role.AGENCY_ADMIN, subject="admin@lakeside.demo")):
        _lend(stage, coordinator, dispatcher, commander, request)
    _score(stage, people["auditor"][1], agreement)
    _remember(stage, people["auditor"][1], agreement, request)
    lend_package(stage, sheriff, coordinator, dispatcher)
    source_a_need(stage, laboratory, sheriff, coordinator, dispatcher, team["vehicle"])
    decide_by_own_rules(stage, sheriff, people["lawyer"][1], coordinator, team["vehicle"])
    partner = stage.person(police, Role.LEGAL, subject="counsel@partner.demo")
    exercise_and_review(stage, agreement, dispatcher, coordinator, people["lawyer"][1], partner)
    return people


def _import_agencies(stage: Stage, operator: Person) -> None:
    with stage.step("Agencies are imported from the public FBI lists"):
        sample = files("registry.directory.agencies") / "sample"
        lists = {
            "lee": (sample / "agencies_lee_sample.csv").read_text(),
            "cde": (sample / "agencies_cde_sample.csv").read_text(),
        }
        trial = operator.post("/v1/agency-imports", {**lists, "dry_run": True})
        stage.say(f"A dry run would enter {trial['created']} agencies and refuse {trial['refused']} rows.")
        report = operator.post("/v1/agency-imports", lists)
        stage.expect(report["created"] == trial["created"] > 0, "the import does what the dry run said")
        notes = ", ".join(f"{n['code'].replace('_', ' ')} {n['agencies']}" for n in report["notes"][:4])
        stage.say(f"Entered {report['created']}; noted: {notes}.")
        again = operator.post("/v1/agency-imports", lists)
        stage.expect(again["created"] == again["updated"] == 0, "a second run changes nothing")
        stage.say(f"The same lists again: {again['unchanged']} unchanged, nothing written.")


def _admit(stage: Stage, operator: Person) -> list[str]:
    with stage.step("Three (invented) agencies join"):
        joined = []
        for body in (cast.SHERIFF, cast.POLICE, cast.LABORATORY):
            agency = operator.post("/v1/agencies", body)
            active = operator.post(f"/v1/agencies/{agency['id']}/activate", {"reason": "joined (demo)"})
            stage.expect(active["status"] == "active", "an activated agency is active")
            stage.say(f"{active['name']} is {active['status']}.")
            joined.append(str(agency["id"]))
        return joined


def _sign(stage: Stage, lawyer: Person, sheriff: str, police: str, laboratory: str) -> str:
    with stage.step("A mutual-aid agreement, signed on paper, is recorded and confirmed"):
        today = stage.today()
        others = {police: "Chief of Police", laboratory: "Laboratory Director"}
        recorded = lawyer.post(
            "/v1/agreements/record",
            {
                **cast.AGREEMENT,
                "parties": [sheriff, police, laboratory],
                "effective_on": str(today - timedelta(days=30)),
                "expires_on": str(today + timedelta(days=3 * 365)),
                "signed_on": str(today - timedelta(days=40)),
                "signatory_title": "Sheriff",
                "evidence_sha256": EVIDENCE,
            },
        )
        signed = [party["agency"]["name"] for party in recorded["parties"] if party["signature"] is not None]
        stage.expect(len(signed) == 1, "recording is the recording agency's signature alone")
        stage.expect(not any(party["bound"] for party in recorded["parties"]), "and binds nobody yet")
        stage.expect(recorded["publication"]["status"] == "proposed", "and publishes nothing for the others")
        stage.say(
            f"{recorded['number']} is recorded. {signed[0]} has signed it; it binds once the others say that they did."
        )
        path = f"/v1/agreements/{recorded['id']}"
        lawyer.upload(
            f"{path}/documents",
            SIGNED_PAGE,
            media_type="text/plain",
            kind="signed_copy",
            version_no="1",
            filename="page.txt",
        )
        partners = {agency: stage.person(agency, Role.LEGAL, subject="counsel@partner.demo") for agency in others}
        for agency, title in others.items():
            confirmed = partners[agency].post(
                f"{path}/confirm",
                {
                    "version_sha256": recorded["version_sha256"],
                    "signatory_title": title,
                    "signed_on": str(today - timedelta(days=38)),
                    "evidence_sha256": EVIDENCE,
                    "agrees_to_publish": True,
                },
            )
        asked = [(each["id"], agency["id"]) for each in confirmed["proposals"] for agency in each["outstanding"]]
        stage.expect(
            {agency for _, agency in asked} == {sheriff, police}, "each other is asked about a day, who filed too"
        )
        for proposal, agency in asked:
            confirmed = (lawyer if agency == sheriff else partners[agency]).post(
                f"{path}/proposals/{proposal}/consent", {}
            )
        stage.expect(confirmed["status"] == "in_force", "confirmed by all, the agreement is in force")
        stage.expect(all(party["bound"] for party in confirmed["parties"]), "every party is bound")
        stage.expect(confirmed["publication"]["status"] == "published", "each has confirmed what is public in it")
        stage.say(
            f"All three have confirmed version {confirmed['version_no']}, SHA-256 "
            f"{confirmed['version_sha256'][:12]}…: {confirmed['status'].replace('_', ' ')}; "
            f"last day to give notice {confirmed['last_notice_on']}."
        )
        return str(recorded["id"])


def _register(stage: Stage, sheriff: str, laboratory: str) -> dict[str, dict[str, Any]]:
    with stage.step("A K-9 team, a laboratory service and a vehicle enter the catalogue"):
        county = stage.person(sheriff, Role.AGENCY_ADMIN, subject="assets@northfork.demo")
        lab = stage.person(laboratory, Role.AGENCY_ADMIN, subject="assets@lab.demo")
        made = {
            "k9": county.post("/v1/assets", cast.k9_team(stage.today())),
            "lab": lab.post("/v1/assets", cast.DNA_SERVICE),
            "vehicle": county.post("/v1/assets", cast.COMMAND_POST),
        }
        for asset in made.values():
            kind = f"type {asset['type_level']}" if asset["type_level"] else "untyped"
            stage.say(f"{asset['name']}: {asset['category']}, {kind}, capacity {asset['capacity']}.")
        return made


def _search(stage: Stage, coordinator: Person, assets: dict[str, dict[str, Any]]) -> None:
    with stage.step("An outside coordinator searches: a narcotics K-9 within 80 km, free tomorrow, that we may borrow"):
        start = _tomorrow(stage)
        found = coordinator.get(
            "/v1/assets",
            category="k9",
            q="narcotics",
            type_at_least=2,
            **cast.PLACE,
            within_km=80,
            available_from=_text(start),
            available_to=_text(start + timedelta(hours=48)),
            lendable="true",
        )["items"]
        stage.expect([item["id"] for item in found] == [assets["k9"]["id"]], "the search finds the K-9 team")
        rows = [
            [i["name"], i["category"], f"{i['distance_km']:.0f} km", f"{i['mobilisation_minutes']} min"] for i in found
        ]
        stage.table("Found", ["asset", "category", "distance", "mobilises in"], rows)


def _ask(stage: Stage, coordinator: Person, assets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    with stage.step("The coordinator asks for three things and gets three explained decisions"):
        start = _tomorrow(stage)
        lines = [
            {"asset_id": assets["lab"]["id"], "window": _window(start, 8), "note": "One casework slot (demo)"},
            {"asset_id": assets["vehicle"]["id"], "window": _window(start, 96), "place": cast.PLACE},
            {"asset_id": assets["k9"]["id"], "window": _window(_next_hour(stage), 48), "place": cast.PLACE},
        ]
        body = {
            "purpose": "narcotics_investigation",
            "priority": "routine",
            "incident_number": "DEMO-2026-0117",
            "summary": "Vehicle searches after a traffic operation (demo)",
            "lines": lines,
        }
        draft = coordinator.post("/v1/requests", body)
        request: dict[str, Any] = coordinator.post(f"/v1/requests/{draft['id']}/submit", {})
        outcomes = [line["decision"]["outcome"] for line in request["lines"]]
        stage.expect(outcomes == ["permitted", "denied", "needs_approval"], f"outcomes {outcomes}")
        for line in request["lines"]:
            record = coordinator.get(f"/v1/decisions/{line['decision']['id']}")
            _explain(stage, line, record["decision"])
        return request


def _explain(stage: Stage, line: dict[str, Any], decision: dict[str, Any]) -> None:
    colour = {"permitted": "green", "denied": "red", "needs_approval": "yellow"}[decision["outcome"]]
    stage.say(f"[bold {colour}]{decision['outcome'].replace('_', ' ')}[/]  {line['asset_name'] or line['asset_id']}")
    agreement = decision["agreement"]
    for reason in decision["reasons"]:
        clause = (
            f" — {agreement['number']} v{agreement['version_no']}, clause {reason['clause']}"
            if reason["clause"]
            else ""
        )
        stage.say(f"    {reason['reason']}{clause}")
    for near in decision["near_misses"][:1]:
        stage.say(
            f"    [italic]It {near['explanation']}[/]"
            if near["explanation"].startswith("would")
            else f"    [italic]{near['explanation']}[/]"
        )
    for needed in decision["approvals"]:
        stage.say(f"    Waiting for the {needed['role']} of the {needed['side']} agency.")
    if decision["outcome"] == "denied":
        stage.expect(any(r["clause"] for r in decision["reasons"]), "a denial cites its clause")
        stage.expect(decision["near_misses"], "a denial tells its near miss")


def _approve(stage: Stage, coordinator: Person, commander: Person, request: dict[str, Any]) -> dict[str, Any]:
    with stage.step("The assisting commander approves; the requester could not have"):
        path = f"/v1/requests/{request['id']}/approve"
        problem = coordinator.refused(path, {"reason": "I approve of my own request (demo)"}, 403)
        stage.say(f"The coordinator tries: “{problem['detail']}”")
        waiting = commander.get("/v1/requests", waiting_for_me="true")["items"]
        stage.expect(request["id"] in [item["id"] for item in waiting], "the commander sees what waits")
        read = commander.get(f"/v1/requests/{request['id']}")
        commander.post(path, {"reason": "The team is off duty then (demo)"}, version=read["version"])
        approved: dict[str, Any] = coordinator.get(f"/v1/requests/{request['id']}")
        stage.expect(approved["lines"][2]["status"] == "approved", "the K-9 line is approved")
        stage.say("The K-9 line is approved.")
        return approved


def _lend(stage: Stage, coordinator: Person, dispatcher: Person, commander: Person, request: dict[str, Any]) -> None:
    with stage.step("The loan: reserved, dispatched, received, extended, returned, closed"):
        line = request["lines"][2]
        problem = commander.refused("/v1/loans", {"decision_id": line["decision"]["id"]}, 403)
        stage.say(f"The commander tries to reserve what the commander approved: “{problem['detail']}”")
        loan = dispatcher.post("/v1/loans", {"decision_id": line["decision"]["id"]})
        stage.say(f"Reserved from {loan['starts_at'][:16]} to {loan['planned_end_at'][:16]} UTC.")
        taken = dispatcher.refused("/v1/loans", {"decision_id": line["decision"]["id"]}, 409)
        stage.say(f"Reserving it twice is refused: “{taken['detail']}”")
        path = f"/v1/loans/{loan['id']}"
        _waits(stage, dispatcher, loan)
        out = {"grade": "good", "readings": {"odometer": "48210 mi"}, "signed_off_by_title": "K-9 sergeant"}
        steps: list[tuple[Person, str, dict[str, Any], str]] = [
            (dispatcher, "dispatch", {**out}, "dispatched"),
            (coordinator, "receive", {"note": "Arrived at the command post (demo)"}, "on_scene"),
        ]
        for who, verb, body, status in steps:
            loan = who.post(f"{path}/{verb}", body)
            stage.expect(loan["status"] == status, f"{verb} leads to {status}")
            stage.say(f"{verb.replace('-', ' ').capitalize()} → {status.replace('_', ' ')}.")
        until = datetime.fromisoformat(loan["planned_end_at"]) + timedelta(hours=12)
        asked = coordinator.post(
            f"{path}/request-extension", {"planned_end_at": _text(until), "reason": "Two more vehicles (demo)"}
        )
        loan = commander.post(f"{path}/accept-extension", {"extension_id": asked["extensions"][-1]["id"]})
        stage.expect(loan["planned_end_at"][:16] == _text(until)[:16], "the accepted extension moves the return")
        stage.say(
            f"Extended to {loan['planned_end_at'][:16]} UTC: decided again, approved by the commander, no conflict."
        )
        loan = coordinator.post(f"{path}/start-return", {})
        back = {"grade": "good", "note": "No findings (demo)", "readings": {"odometer": "48322 mi"}}
        loan = dispatcher.post(f"{path}/return", {**back, "signed_off_by_title": "K-9 sergeant"})
        stage.expect(loan["status"] == "returned", "the return is confirmed by the assisting side")
        hours = next(each for each in loan["obligations"] if each["code"] == "record_hours")
        said = {"statement": "Hours kept in the log of the command post (demo)."}
        met = dispatcher.post(f"/v1/obligations/{hours['id']}/fulfil", said)
        stage.expect(met["status"] == "met" and not met["late"], "the hours were recorded in time")
        stage.say(f"“{met['title']}” is {met['status']}, in time.")
        loan = dispatcher.post(f"{path}/close", {})
        stage.expect(loan["status"] == "closed", "the loan is closed")
        stage.say("Returned in good condition, and closed.")


def _waits(stage: Stage, dispatcher: Person, loan: dict[str, Any]) -> None:
    """Who has to do what about the new loan, and what waits for its owner."""
    for owed in loan["obligations"]:
        stage.say(f"It obliges the {owed['owed_by']} agency: {owed['title'].lower()}, by {owed['due_at'][:16]} UTC.")
    waiting = dispatcher.get("/v1/inbox", limit=3)
    for entry in waiting["items"]:
        until = f", until {entry['due_at'][:16]} UTC" if entry["due_at"] else ""
        stage.say(f"In the sheriff's inbox: {entry['subject']['name']}: {entry['task']}{until}")


def _score(stage: Stage, auditor: Person, agreement: str) -> None:
    with stage.step("How well does the agreement work for the requesting agency?"):
        # A return counts in the window in which it was due, and this one came back early.
        week = _text(_tomorrow(stage) + timedelta(days=7))
        card = auditor.get(f"/v1/agreements/{agreement}/scorecard", to=week, time_zone=cast.ZONE)
        scores = card["overall"]
        fill, late = scores["fill_rate"], scores["on_time_return"]
        stage.expect((fill["numerator"], fill["denominator"]) == (1, 3), f"one line of three was filled: {fill}")
        stage.expect((late["numerator"], late["denominator"]) == (1, 1), f"one loan came back, on time: {late}")
        rows = [_share(name, scores[name]) for name in ("fill_rate", "on_time_return", "declined", "expired_but_used")]
        for name in ("time_to_decision", "time_to_fulfil"):
            median = scores[name]["median_hours"]["value"]
            rows.append([f"{name.replace('_', ' ')}, median", f"{median * 3600:.1f} s", f"n = {scores[name]['n']}", ""])
        stage.table("Scorecard", ["measure", "value", "of", "95 % interval"], rows)
        reasons = ", ".join(f"{r['code'].replace('_', ' ')} ({r['lines']})" for r in scores["decline_reasons"])
        stage.say(f"Why it was denied: {reasons}. Over time: {len(card['months'])} month(s) so far.")


def _share(name: str, share: dict[str, Any]) -> list[str]:
    value, low, high = share["value"], share["low"], share["high"]
    return [
        name.replace("_", " "),
        "—" if value is None else f"{value:.0%}",
        f"{share['numerator']} / {share['denominator']}",
        "" if low is None else f"{low:.0%} … {high:.0%}",
    ]


def _remember(stage: Stage, auditor: Person, agreement: str, request: dict[str, Any]) -> None:
    with stage.step("The ledger remembers"):
        events, names = [], {}

        def read(path: str) -> None:
            page = auditor.get(f"{path}/history", limit=100)
            events.extend(page["items"])
            names.update({agency["id"]: agency["name"] for agency in page["agencies"]})

        for path in (f"/v1/agreements/{agreement}", f"/v1/requests/{request['id']}"):
            read(path)
        loan = auditor.get("/v1/loans")["items"][0]
        read(f"/v1/loans/{loan['id']}")
        events.sort(key=lambda event: event["id"])
        kinds = [event["type"] for event in events]
        for expected in ("agreement.recorded", "request.submitted", "loan.returned"):
            stage.expect(expected in kinds, f"{expected} is on record")
        stage.expect(
            {event["actor"]["agency_id"] for event in events if event["private"]} == {str(auditor.badge.agency_id)},
            "an auditor reads who acted on the own side only",
        )
        stage.table(
            f"{len(events)} events, append-only",
            ["at (UTC)", "what", "who"],
            [
                [
                    event["occurred_at"][11:23],
                    event["type"],
                    event["private"]["subject"] if event["private"] else names[event["actor"]["agency_id"]],
                ]
                for event in events
            ],
        )

    with stage.step("Prove it"):
        prove(stage, auditor, events[0]["id"])


def _tomorrow(stage: Stage) -> datetime:
    return (stage.now() + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)


def _next_hour(stage: Stage) -> datetime:
    """Soon enough that what is asked for may leave at once."""
    return (stage.now() + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _window(start: datetime, hours: int) -> dict[str, str]:
    return {"start": _text(start), "end": _text(start + timedelta(hours=hours))}
