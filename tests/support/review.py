"""Agreements in review and signing, for tests: drafted, submitted to reviewers, sent out for signature in an order."""

from typing import Any

from tests.support.agreements import agreement_body
from tests.support.cast import Agency

PATH = "/v1/agreements"


def reviewer(agency: Agency, department: str = "County attorney", **fields: object) -> dict[str, object]:
    """A department that is asked."""
    return {"agency_id": str(agency.id), "department": department, **fields}


async def draft(*parties: Agency, **fields: Any) -> dict[str, Any]:
    """A draft of the first party."""
    made: dict[str, Any] = await parties[0].legal.done("POST", PATH, agreement_body(*parties, **fields))
    return made


async def submitted(*parties: Agency, submission: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A text that is in review, with the reviewers that the submission names."""
    made = await draft(*parties, **fields)
    named = {**(submission or {}), "version_no": made["version_no"]}
    found: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{made['id']}/submit", named)
    return found


async def out_for_signature(*parties: Agency, how: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A text that is out for signature."""
    made = await submitted(*parties, **fields)
    return await approved_and_sent(parties[0], made["id"], how)


async def sent_out(custodian: Agency, agreement_id: str) -> dict[str, Any]:
    """The draft, or the draft of an amendment, submitted, approved and sent out."""
    await custodian.legal.done("POST", f"{PATH}/{agreement_id}/submit")
    return await approved_and_sent(custodian, agreement_id)


async def approved_and_sent(custodian: Agency, agreement_id: str, how: dict[str, Any] | None = None) -> dict[str, Any]:
    """The text in review, approved and sent out."""
    await custodian.counsel.done("POST", f"{PATH}/{agreement_id}/approve")
    found: dict[str, Any] = await custodian.legal.done("POST", f"{PATH}/{agreement_id}/send-for-signature", how)
    return found


def hand(found: dict[str, Any], title: str = "Chief", **fields: object) -> dict[str, object]:
    """The body of a signature on the text."""
    signature = {"version_sha256": found["version_sha256"], "signatory_title": title, "manner": "electronic"}
    return signature | fields


async def reviews_of(reader: Agency, found: dict[str, Any]) -> list[dict[str, Any]]:
    """The reviews of the text's latest round."""
    rounds = (await reader.legal.done("GET", f"{PATH}/{found['id']}/review-rounds"))["items"]
    reviews: list[dict[str, Any]] = rounds[0]["reviews"]
    return reviews
