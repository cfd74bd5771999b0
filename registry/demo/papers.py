"""The part of the demonstration about documents: completeness, amendment, comparison, search and deadlines."""

from datetime import timedelta
from typing import Any

from registry.demo import cast
from registry.demo.stage import Person, Stage
from registry.platform.access.principals import Role

ADDENDUM = "A loan lasts up to ninety-six hours during a declared emergency. (Demonstration text.)"
SIGNED_COPY = """\
MUTUAL AID MEMORANDUM (DEMONSTRATION TEXT)

Each party may end its participation upon sixty days' written notice to the others.
Handlers and dogs remain under the command of the agency that sends them.
"""


def keep_papers(stage: Stage, lawyer: Person, agreement: str, partners: list[str]) -> None:
    """Check the agreement for completeness, amend it, file and find its text, and subscribe to its deadlines."""
    others = [stage.person(agency, Role.LEGAL, subject="counsel@partner.demo") for agency in partners]
    _check(stage, lawyer, agreement)
    _amend(stage, lawyer, others, agreement)
    _file(stage, lawyer, others[0], agreement)
    _watch(stage, lawyer, agreement)


def _check(stage: Stage, lawyer: Person, agreement: str) -> None:
    with stage.step("Is it complete? The text is held against checklists; counsel has the last word"):
        found = lawyer.get(f"/v1/agreements/{agreement}/completeness")
        stage.expect(found["checklists"], "at least the general checklist applies")
        for each in found["checklists"]:
            counts = ", ".join(f"{number} {status}" for status, number in each["required"].items() if number)
            stage.say(f"{each['name']}, required: {counts.replace('_', ' ')}.")
            for item in [item for item in each["items"] if item["status"] == "missing"][:3]:
                stage.say(f"    missing: {item['title']} — {item['citation']}")


def _amend(stage: Stage, lawyer: Person, others: list[Person], agreement: str) -> None:
    own = lawyer.badge.agency_id  # duties are separated: who drafted does not approve, who approved does not sign
    attorney = stage.person(own, Role.LEGAL, subject="attorney@northfork.demo")
    signatory = stage.person(own, Role.LEGAL, subject="sheriff@northfork.demo")
    with stage.step("It is amended: drafted, reviewed and signed beside the text that stays in force"):
        path = f"/v1/agreements/{agreement}"
        today = stage.today()
        opened = lawyer.post(
            f"{path}/amend", {"effective_on": str(today + timedelta(days=30)), "reason": "Longer loans (demo)"}
        )
        provisions = [
            {**each, "text": ADDENDUM} if each["number"] == "4.2" else each for each in cast.AGREEMENT["provisions"]
        ]
        lawyer.patch(path, {"provisions": provisions}, version=opened["version"])
        named = {"version_no": opened["amendment"]["version_no"]}
        lawyer.post(f"{path}/submit", {**named, "note": "For both councils (demo)"})
        problem = lawyer.refused(f"{path}/approve", named, 403)
        stage.say(f"The lawyer tries to approve the own draft: “{problem['detail']}”")
        attorney.post(f"{path}/approve", named)
        sent = lawyer.post(f"{path}/send-for-signature", named)
        hand = {
            "version_sha256": sent["amendment"]["version_sha256"],
            "signatory_title": "Sheriff",
            "manner": "electronic",
        }
        for signer in (signatory, *others):
            signed = signer.post(f"{path}/sign", hand)
        stage.expect(signed["amendment"] is None, "the last signature executes the amendment")
        stage.expect(signed["version_no"] == 1, "until its day the old text stays in force")
        later = lawyer.get(path, as_of=f"{today + timedelta(days=40)}T12:00:00Z")
        stage.expect(later["version_no"] == 2, "from its day on the new text holds")
        stage.say(f"Version 2 is signed by all three; version 1 stays in force until {today + timedelta(days=30)}.")
        line = lawyer.get(f"{path}/redline", from_version_no=1, to_version_no=2)
        (changed,) = line["provisions"]
        stage.expect(changed["to"]["number"] == "4.2", "the redline finds the provision that changed")
        stage.say(f"Redline, provision 4.2: {_marked(changed['runs'])}")


def _marked(runs: list[dict[str, Any]]) -> str:
    # The marks of wdiff as well: colours and lines are lost in a file, on a plain terminal, and on some people.
    style = {"equal": "{}", "delete": "[red strike][-{}-][/]", "insert": "[green underline]{{+{}+}}[/]"}
    return "".join(style[run["kind"]].format(run["text"]) for run in runs)


def _file(stage: Stage, lawyer: Person, partner: Person, agreement: str) -> None:
    with stage.step("The signed copy is filed, and its words are found again"):
        filed = lawyer.upload(
            f"/v1/agreements/{agreement}/documents",
            SIGNED_COPY.encode(),
            media_type="text/plain; charset=utf-8",
            title="Signed copy (demo)",
            kind="signed_copy",
            filename="memorandum.txt",
        )
        stage.say(f"{filed['title']}: {filed['size_bytes']} bytes, SHA-256 {filed['sha256'][:12]}…")
        hits = partner.get("/v1/agreements/search", q="sixty days written notice")["items"]
        stage.expect(hits and hits[0]["agreement_id"] == agreement, "the other party finds the passage")
        stage.say(f"A partner looks for “sixty days written notice”: “{' '.join(hits[0]['passage'].split())}”")


def _watch(stage: Stage, lawyer: Person, agreement: str) -> None:
    with stage.step("What falls due is derived, listed, and in the office's calendar"):
        due = lawyer.get("/v1/deadlines", agreement_id=agreement)["items"]
        stage.expect({"last_notice", "renewal"} <= {each["kind"] for each in due}, "notice and renewal are among them")
        rows = [
            [each["due_on"], each["kind"].replace("_", " "), each["status"].replace("_", " "), each["action"]]
            for each in due[:6]
        ]
        stage.table("Deadlines", ["due on", "what", "status", "what to do"], rows)
        feed = lawyer.post("/v1/calendar-feeds", {"label": "Legal office (demo)"})
        calendar = stage.http.get(feed["address"])
        stage.expect(calendar.is_success and "BEGIN:VEVENT" in calendar.text, "the secret address answers a calendar")
        lawyer.post(f"/v1/calendar-feeds/{feed['id']}/revoke", {"reason": "Only a demonstration (demo)"})
        stage.expect(stage.http.get(feed["address"]).status_code == 404, "a revoked address is gone")
        stage.say("A calendar subscribed to by secret address showed them, and is revoked again.")
