"""Contradictions with other agreements that bind the same parties: which are compared, and by whom it can be asked."""

from typing import Any

from tests.support.agreements import agreement_body, sign_agreement
from tests.support.cast import Agency, Cast
from tests.support.service import Service

PATH = "/v1/agreements"
SENDING = {"liability": "sending", "clauses": {"liability": "1"}}
RECEIVING = {"liability": "receiving", "clauses": {"liability": "4.2"}}


async def compared(agency: Agency, agreement: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    page = await agency.coordinator.done("GET", f"{PATH}/{agreement['id']}/contradictions{query}")
    items: list[dict[str, Any]] = page["items"]
    return items


async def test_a_draft_is_compared_with_what_binds_the_same_parties_already(service: Service, cast: Cast) -> None:
    other = await sign_agreement(service, cast.assisting, cast.requesting, terms=RECEIVING)
    body = agreement_body(cast.assisting, cast.requesting, terms=SENDING)
    draft = await cast.assisting.legal.done("POST", PATH, body)
    page = await cast.assisting.coordinator.done("GET", f"{PATH}/{draft['id']}/contradictions")
    assert (page["agreement_id"], page["version_no"], page["next_cursor"]) == (draft["id"], 1, None)
    (found,) = page["items"]
    assert (found["agreement_id"], found["number"], found["version_no"]) == (other["id"], other["number"], 1)
    assert found["version_sha256"] == other["version_sha256"]
    assert (found["parties_in_common"], found["categories"]) == (2, ["any"])
    (conflict,) = found["conflicts"]
    assert conflict == {
        "term": "liability",
        "severity": "conflict",
        "stricter": None,
        "this": {"pointer": "/liability", "value": "sending", "provision": "1"},
        "other": {"pointer": "/liability", "value": "receiving", "provision": "4.2"},
        "detail": "Liability is “sending” here and “receiving” there: one loan cannot have both.",
    }
