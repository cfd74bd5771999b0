"""Whoever signed a version can compute its digest from what the API answers, with nothing of the registry's."""

import hashlib
import json
from pathlib import Path
from typing import Any

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


def digest(version: dict[str, Any]) -> str:
    """As docs/contract.md says it, step by step."""
    taken = ("title", "effective_on", "expires_on", "notice", "auto_renew_months", "auto_renew_times", "terms")
    text = ("number", "heading", "text", "sensitivity", "exemption")
    signed = {name: version[name] for name in taken} | version["signed_as"] | {"version_kind": version["kind"]}
    signed["provisions"] = [{name: each[name] for name in text} for each in version["provisions"]]
    assert len(signed) == 13
    written = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


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
    assert (draft["sha256"], draft["signed_as"]) == (None, None)
    await sent_out(one, found["id"])
    again = await other.legal.done("GET", f"{path}/versions/1")
    assert digest(again) == original["sha256"], "who has been added since is no part of what was signed"
    amended = await other.legal.done("GET", f"{path}/versions/2")
    assert digest(amended) == amended["sha256"] != original["sha256"]
    withheld = await other.coordinator.done("GET", f"{path}/versions/1")
    assert digest(withheld) != original["sha256"], "who may not read it all cannot compute it"


def test_the_contract_shows_the_same_steps() -> None:
    """What stands there is what was tried here."""
    shown = CONTRACT.read_text("utf-8").split("In Python, with the answer in `version`:")[1]
    for step in ('version["signed_as"] | {"version_kind": version["kind"]}', "sort_keys=True", "ensure_ascii=False"):
        assert step in shown
