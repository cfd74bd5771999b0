"""Whoever reads a version computes its digest with nothing of the registry's, and nobody learns by it what it says."""

import hashlib
import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tests.support.agreements import sign_agreement
from tests.support.cast import Cast, today
from tests.support.review import sent_out
from tests.support.service import Service

PATH = "/v1/agreements"
CONTRACT = Path(__file__).parents[3] / "docs" / "contract.md"
LAW = {"sensitivity": "restricted", "exemption": "Demo Code 1 (have counsel review)"}
PROVISIONS: list[dict[str, Any]] = [
    {
        "number": "1",
        "heading": "purpose",
        "text": "The “parties” help.\n\tAlways.",
        "sensitivity": "public",
    },
    {"number": "4.2", "heading": "equipment", "text": "Radios: \u00e9\u2603 \U0001f680 \\ /", **LAW},
]
TERMS = {
    "max_duration_hours": 24,
    "cost_ceiling": {"amount": "1250.00", "currency": "USD"},
    "reimbursement": {"model": "fixed_rate", "rate_per_hour": {"amount": "80.00", "currency": "USD"}},
    "clauses": {"max_duration_hours": "4.2"},
}


def hashed(members: dict[str, Any]) -> str:
    written = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


def digest_over(digests: list[str]) -> str:
    return hashlib.sha256("".join(each + "\n" for each in digests).encode()).hexdigest()


def digests_of(version: dict[str, Any]) -> list[str]:
    """As docs/contract.md says it, step by step."""
    said_by = {name: version["terms"]["clauses"].get(name) for name in version["terms"]}
    numbers = [each["number"] for each in version["provisions"]]

    def terms(number: str | None) -> dict[str, Any]:
        its = [name for name, by in said_by.items() if (by if by in numbers else None) == number]
        return {name: version["terms"][name] for name in its}

    first, *others = version["parts"]
    beside = ("title", "effective_on", "expires_on", "notice", "auto_renew_months", "auto_renew_times")
    signed = {name: version[name] for name in beside} | version["signed_as"] | {"version_kind": version["kind"]}
    digests = [hashed(signed | {"terms": terms(None), "salt": first["salt"]})]
    for part, each in zip(others, version["provisions"], strict=True):
        readable = each | {"terms": terms(each["number"]), "salt": part["salt"]}
        digests.append(part["sha256"] if part["salt"] is None else hashed(readable))
    return digests


def digest(version: dict[str, Any]) -> str:
    digests = digests_of(version)
    assert digests == [part["sha256"] for part in version["parts"]]
    return digest_over(digests)


async def test_a_party_computes_the_digest_that_it_signed(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, other, provisions=PROVISIONS, terms=TERMS, expires_on="2099-12-31")
    path = f"{PATH}/{found['id']}"
    original = await other.legal.done("GET", f"{path}/versions/1")
    assert digest(original) == original["sha256"] == found["version_sha256"]

    new = {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}
    offered = await one.legal.done("POST", f"{path}/add-parties", new)
    await other.legal.done("POST", f"{path}/proposals/{offered['proposals'][0]['id']}/consent")
    opened = await one.legal.post(f"{path}/amend", {"effective_on": str(today()), "reason": "more"})
    change = {"title": "Aid, amended (demo)", "terms": {"categories": ["k9"]}}
    await one.legal.done("PATCH", path, change, if_match=opened.headers["etag"])
    draft = await one.legal.done("GET", f"{path}/versions/2")
    assert (draft["sha256"], draft["signed_as"], draft["parts"]) == (None, None, [])
    await sent_out(one, found["id"])
    again = await other.legal.done("GET", f"{path}/versions/1")
    assert digest(again) == original["sha256"], "who has been added since is no part of what was signed"
    amended = await other.legal.done("GET", f"{path}/versions/2")
    assert digest(amended) == amended["sha256"] != original["sha256"]
    withheld = await other.coordinator.done("GET", f"{path}/versions/1")
    assert digest(withheld) == original["sha256"], "of what it may not read it takes the digest"
    told = [(part["provision"], part["salt"] is None) for part in withheld["parts"]]
    assert told == [(None, False), ("1", False), ("4.2", True)]
    salts = [part["salt"] for version in (original, amended) for part in version["parts"]]
    assert len({*salts}) == len(salts) == 6
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in salts)
    unchanged = [next(p["sha256"] for p in v["parts"] if p["provision"] == "4.2") for v in (original, amended)]
    assert unchanged[0] != unchanged[1], "nobody is told by it whether a later version says the same"


def everything_said(value: Any) -> Iterator[str]:
    """Every digest that stands in an answer."""
    yield from re.findall(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", json.dumps(value))


async def test_no_digest_that_is_shown_confirms_a_guess_of_what_is_withheld(service: Service, cast: Cast) -> None:
    """With the rest of the text in hand, and all figures tried in every form in which they may have been hashed."""
    one, other, newcomer, outsider = cast.assisting, cast.requesting, cast.neighbour, cast.stranger
    secret = "Help lasts at most {} hours."
    text = [PROVISIONS[0], {"number": "2", "heading": "purpose", "text": secret.format(72), **LAW}]
    terms = {"max_duration_hours": 72, "clauses": {"max_duration_hours": "2"}}
    found = await sign_agreement(service, one, other, provisions=text, terms=terms)
    path = f"{PATH}/{found['id']}"
    new = {"agency_ids": [str(newcomer.id)], "reason": "asked to join"}
    offered = await one.legal.done("POST", f"{path}/add-parties", new)
    await other.legal.done("POST", f"{path}/proposals/{offered['proposals'][0]['id']}/consent")

    whole = await other.legal.done("GET", f"{path}/versions/1")
    archive = await other.auditor.get(f"{path}/file.zip")
    with ZipFile(BytesIO(archive.content)) as members:
        assert [line.decode() for line in members.read("versions/001/parts.jsonl").splitlines() if b"72" in line]

    shown: set[str] = set()
    for reader in (newcomer.legal, newcomer.auditor, other.coordinator, outsider.legal, outsider.auditor):
        of_text = ("", "/versions", "/versions/1", "/redline", "/deviations", "/completeness", "/contradictions")
        for what in (*of_text, "/history", "/timeline"):
            answer = await reader.get(f"{path}{what}")
            if answer.status_code == 200:
                shown |= {*everything_said(answer.json())}
                salts = [each["salt"] for each in answer.json().get("parts", ()) if each["provision"] == "2"]
                assert salts in ([], [None])
                assert whole["parts"][2]["salt"] not in answer.text
        for name in ("file.zip", "public-file.zip"):
            answer = await reader.get(f"{path}/{name}")
            if answer.status_code == 200:
                with ZipFile(BytesIO(answer.content)) as members:
                    parts = {each: members.read(each) for each in members.namelist()}
                assert not [each for each, part in parts.items() if whole["parts"][2]["salt"].encode() in part]
                for part in parts.values():
                    shown |= {*everything_said(part.decode("utf-8", "replace"))}
    assert found["version_sha256"] in shown, "the digest itself everybody is told who sees a version"

    known = {**whole, "terms": {**whole["terms"]}}
    for hours in range(1, 201):
        known["terms"]["max_duration_hours"] = hours
        guess = secret.format(hours)
        known["provisions"] = [whole["provisions"][0], {**whole["provisions"][1], "text": guess}]
        unsalted = {**known["provisions"][1], "terms": {"max_duration_hours": hours}}
        tried = [
            *(hashlib.sha256(form.encode()).hexdigest() for form in (guess, json.dumps(guess), f"{guess}\n")),
            *(hashed(form) for form in (unsalted, known["provisions"][1], known, known["terms"])),
        ]
        # What is known of the salts: all but the one that is withheld, so another part's is tried in its place.
        for salt in (whole["parts"][0]["salt"], whole["parts"][1]["salt"], "", None):
            known["parts"] = [*whole["parts"][:2], {**whole["parts"][2], "salt": salt or ""}]
            digests = digests_of(known)
            tried += [digests[2], digest_over(digests)]
        assert not shown & {*tried}, f"{hours} hours is confirmed, or denied"
    known["provisions"], known["terms"]["max_duration_hours"] = whole["provisions"], 72
    known["parts"] = whole["parts"]
    assert digest_over(digests_of(known)) in shown, "with the salt it is: the guesses were of the right form"


def test_the_contract_shows_the_same_steps() -> None:
    """What stands there is what was tried here."""
    shown = CONTRACT.read_text("utf-8").split("In Python, with the answer in `version`:")[1]
    for step in (
        'version["signed_as"] | {"version_kind": version["kind"]}',
        'hashed(signed | {"terms": terms(None), "salt": first["salt"]})',
        'each | {"terms": terms(each["number"]), "salt": part["salt"]}',
        "sort_keys=True",
        "ensure_ascii=False",
    ):
        assert step in shown
