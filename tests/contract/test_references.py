"""Another agency in an answer is a reference with its name, so that nobody has to ask once more for each id."""

from collections.abc import Iterator
from typing import Any

import msgspec

from tests.contract.test_contract import COMMITTED

DOCUMENT: dict[str, Any] = msgspec.json.decode(COMMITTED.read_bytes())
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
ID_OF_AN_AGENCY = ("agency_id", "agency_ids", "custodian_id", "party_id", "partner_id", "parent_id", "successor_id")
# By `Schema.property`, where an id stands alone, and why.
BARE = {
    "Actor.agency_id": "part of the event as it was hashed; the page names its agencies beside",
    "Webhook.agency_id": "the caller's own: an agency's administrators alone read their webhooks",
    "FeedEvent.actor_agency_id": "for programs, which read the same few agencies again and again; one call names them",
    "LedgerEvent.agency_ids": "part of the event as it was hashed; the page names its agencies beside",
    "ApprovalNeeded.agency_id": "part of the decision as it was kept, to be replayed; the record names both sides",
    "Direction.agency_id": "part of the terms as they were signed; the agreement names its parties",
    "AssetFound.agency_id": "`agency` stands beside it: it is the list's asset, with more",
    "AssetSummary.agency_id": "the names would cost a third of the time of the busiest list; one call gives them all",
    "AssetProperties.agency_id": "the same, on a map",
    "RightToEnd.agency_id": "part of the terms as they were signed; the agreement names its parties",
    "NoticeAddress.agency_id": "part of the text as it was signed; the agreement names its parties",
    "PartyNotice.agency_id": "part of the text as it was signed; the agreement names its parties",
    "TowardsParties.agency_ids": "each is one of the timeline's parties, whose names stand there once and not per pair",
    "Comment.parent_id": "a comment",
}


def named_in(part: Any) -> Iterator[str]:
    """The schemas that a part of the contract refers to."""
    if isinstance(part, list):
        for each in part:
            yield from named_in(each)
    if isinstance(part, dict):
        if isinstance(reference := part.get("$ref"), str):
            yield reference
        for key, each in part.items():
            yield from named_in(each) if key not in ("example", "examples") else ()


def answered() -> set[str]:
    """The names of the schemas that any answer is made of."""
    found: set[str] = set()
    left = [name for item in DOCUMENT["paths"].values() for op in item.values() for name in named_in(op["responses"])]
    while left:
        reference = left.pop()
        if reference not in found:
            found.add(reference)
            _, _, kind, name = reference.split("/")
            left += named_in(DOCUMENT["components"][kind][name])
    return {reference.rsplit("/", 1)[1] for reference in found if "/schemas/" in reference}


def holds_ids(schema: dict[str, Any]) -> bool:
    """Whether it is an id, one or none, or a list of them."""
    return schema.get("format") == "uuid" or any(
        isinstance(each, dict) and holds_ids(each) for each in (schema.get("items"), *schema.get("anyOf", ()))
    )


def test_answers_name_every_other_agency() -> None:
    bare = {
        f"{name}.{property_}"
        for name in answered()
        for property_, schema in SCHEMAS[name].get("properties", {}).items()
        if property_.endswith(ID_OF_AN_AGENCY) and holds_ids(schema)
    }
    assert bare == BARE.keys()


def test_lists_of_agencies_hold_references() -> None:
    """A list of ids whose name does not say so would pass unnoticed above."""
    bare = {
        f"{name}.{property_}"
        for name in answered()
        for property_, schema in SCHEMAS[name].get("properties", {}).items()
        if schema.get("type") == "array" and holds_ids(schema)
    }
    # Each of these is in the agreement.
    reports = {f"{name}.pending_report_ids" for name in ("AgreementParty", "AgreementInForce")} | {
        "AgreementInForce.contested_report_ids",
        "ShownReceipt.report_ids",
    }
    its_own = {"MinimumOverride.reserve_minimum_ids"}  # only its owner reads them
    # Who somebody is, is told by itself, and each reading recorded.
    people = {"RequestLine.personnel_ids", "Loan.personnel_ids"}
    beside = {"Condition.document_ids", "Damage.document_ids"}  # each of them is in the loan's documents
    hashed = {"AutomaticAid.asset_ids", "LedgerEvent.agency_ids", "SignedParticulars.parties"}
    assert bare - reports - its_own - people - beside == hashed, "as they were hashed"


def test_rows_of_lists_bear_the_version_and_time_of_the_whole() -> None:
    """Whoever keeps a copy sees from the list what has changed."""
    pairs = [(name, name.removesuffix("Summary")) for name in answered() if name.endswith("Summary")]
    whole_of = {
        "RequestSummary": "ResourceRequest",
        "DecisionSummary": "DecisionRecord",
        "PersonnelSummary": "PersonnelRecord",
        "PolicySetSummary": "AgencyPolicySet",
    }
    for summary, name in pairs:
        whole = SCHEMAS[whole_of.get(summary, name)]["properties"]
        assert {"version", "updated_at"} & whole.keys() <= SCHEMAS[summary]["properties"].keys(), summary
    assert len(pairs) >= 6
