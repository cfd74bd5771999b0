"""Texts on their way to a signature, for tests: drafted, submitted to reviewers, sent out in an order."""

from typing import Any

from tests.support.agreements import agreement_body
from tests.support.cast import Agency

PATH = "/v1/agreements"


def reviewer(agency: Agency, desk: str = "County attorney", **fields: object) -> dict[str, object]:
    """A desk that is asked."""
    return {"agency_id": str(agency.id), "desk": desk, **fields}


async def draft(*parties: Agency, **fields: Any) -> dict[str, Any]:
    """A draft of the first party."""
    made: dict[str, Any] = await parties[0].legal.done("POST", PATH, agreement_body(*parties, **fields))
    return made


async def submitted(*parties: Agency, submission: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A text that is in review, with the reviewers that the submission names."""
    made = await draft(*parties, **fields)
    found: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{made['id']}/submit", submission)
    return found


async def out_for_signature(*parties: Agency, how: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A text that is out for signature."""
    made = await submitted(*parties, **fields)
    await parties[0].legal.done("POST", f"{PATH}/{made['id']}/approve")
    found: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{made['id']}/send-for-signature", how)
    return found


def hand(found: dict[str, Any], title: str = "Chief", signed_on: str = "2025-01-02") -> dict[str, object]:
    """A signature to the text."""
    return {
        "version_sha256": found["version_sha256"],
        "signatory_title": title,
        "signed_on": signed_on,
        "manner": "wet",
    }


async def reviews_of(reader: Agency, found: dict[str, Any]) -> list[dict[str, Any]]:
    """The reviews of the text's latest round."""
    rounds = (await reader.legal.done("GET", f"{PATH}/{found['id']}/reviews"))["items"]
    reviews: list[dict[str, Any]] = rounds[-1]["reviews"]
    return reviews
