"""Every resource of the contract is whole: what can be made can be read by itself, and nobody's change of it is lost.

It reads the contract alone, so that a resource that is added tomorrow is held to it, too.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from registry.agreements.duties.schemas import NEW_DUTY_EXAMPLE, WAIVER_EXAMPLE
from registry.agreements.insurance.schemas import NEW_CERTIFICATE_EXAMPLE, RETIREMENT_EXAMPLE
from registry.resources.certificates.schemas import NEW_ASSET_CERTIFICATE_EXAMPLE
from tests.contract.test_contract import COMMITTED, resolved
from tests.support.assets import make_asset
from tests.support.cast import Cast, today
from tests.support.loans import REASON, make_partners
from tests.support.personnel import enter_person
from tests.support.problems import assert_problem

DOCUMENT: dict[str, Any] = msgspec.json.decode(COMMITTED.read_bytes())

# Changes to which no version of the thing itself belongs, each with the reason.
PARTS_OF_ANOTHER = {
    "consent_to_agreement_proposal": "a proposal is shown in its agreement, and guarded by the agreement's version",
    "take_back_agreement_proposal": "the same",
    "confirm_reported_act": "a reported act is shown in its agreement, and guarded by the agreement's version",
    "contest_reported_act": "the same",
    "second_reported_act": "the same",
    "take_back_reported_act": "the same",
    "update_request_line": "a line is shown in its request, and guarded by the request's version",
    "ask_request_line_again": "the same",
    "decline_request_line": "the same",
    "accept_request_line_offer": "the same",
    "offer_for_request_line": "the same",
    "refuse_request_line_offer": "the same",
    "source_request_line": "the same",
    "withdraw_request_line": "the same",
    "revoke_personnel_credential": "a credential is shown in its personnel record, and guarded by the record's version",
    "verify_personnel_credential": "the same",
}


class Operation(NamedTuple):
    """One operation, with the schema of what it answers."""

    id: str
    method: str
    path: str
    document: dict[str, Any]

    @property
    def parameters(self) -> set[str]:
        """The names of its parameters, headers among them."""
        return {resolved(DOCUMENT, each)["name"] for each in self.document.get("parameters", ())}

    @property
    def headers(self) -> set[str]:
        """The headers of what it answers with success."""
        return set(self._success.get("headers", ()))

    @property
    def answer(self) -> str:
        """The name of the schema that it answers with; empty where it answers none."""
        content = self._success.get("content", {}).get("application/json", {})
        return str(content.get("schema", {}).get("$ref", "").rpartition("/")[2])

    @property
    def created(self) -> bool:
        """Whether it makes something new: at once, or, where that is all that it answers, in the background."""
        responses = self.document["responses"]
        return "201" in responses or ("202" in responses and "200" not in responses)

    @property
    def _success(self) -> dict[str, Any]:
        responses = self.document["responses"]
        return next((responses[each] for each in ("200", "201", "202", "204") if each in responses), {})


def operations() -> list[Operation]:
    return [
        Operation(op["operationId"], method, path, op)
        for path, item in DOCUMENT["paths"].items()
        for method, op in item.items()
        if op.get("security") != []
    ]


OPERATIONS = operations()
ANSWERS = {"get_metric"}
"""What is worked out anew for each question; it is no thing that has a version."""
READERS = [each for each in OPERATIONS if each.method == "get" and each.path.endswith("}") and each.id not in ANSWERS]


def things_in(schema: str) -> list[str]:
    """The schemas with an id or a code that an answer is, or has as a member, as a change that names loans has."""
    properties = DOCUMENT["components"]["schemas"][schema]["properties"]
    if {"id", "code"} & properties.keys():
        return [schema]
    members = [each["$ref"].rpartition("/")[2] for each in properties.values() if "$ref" in each]
    return [each for each in members if {"id", "code"} & resolved_properties(each).keys()]


def is_one_of(schema: str, other: str) -> bool:
    """Whether it is that, be it with more than that has, such as the loans that a change affects."""
    return resolved_properties(schema).keys() >= resolved_properties(other).keys() > set()


def resolved_properties(schema: str) -> dict[str, Any]:
    """The properties of a schema; none of an enumeration."""
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][schema].get("properties", {})
    return found


def test_whatever_is_made_can_be_read_by_itself() -> None:
    """So that a client can come back to it; and what a change answers with, too."""
    read = {each.answer for each in READERS}
    made = [each for each in OPERATIONS if each.created]
    assert len(made) >= 25
    for each in made:
        assert {"Location", "ETag"} <= each.headers, each.id
        assert things_in(each.answer), (each.id, "answers nothing that has an id")
    for each in OPERATIONS:
        if each.method in ("post", "patch") and each.answer:
            for thing in things_in(each.answer):
                assert any(is_one_of(thing, other) for other in read), (each.id, f"no GET reads one {thing}")


def test_whatever_is_read_by_itself_can_be_asked_whether_it_has_changed() -> None:
    assert len(READERS) >= 25
    for each in READERS:
        assert "ETag" in each.headers, each.id
        assert "If-None-Match" in each.parameters, each.id
        assert "304" in each.document["responses"], each.id


def changes() -> Iterator[tuple[Operation, Operation]]:
    """Each operation that changes one thing and makes none, with the one that reads the thing."""
    for each in OPERATIONS:
        place = each.path if each.path.endswith("}") else each.path.rpartition("/")[0]
        if each.method == "get" or each.created or not place.endswith("}") or each.id in PARTS_OF_ANOTHER:
            continue
        readers = [other for other in OPERATIONS if (other.method, other.path) == ("get", place)]
        assert readers, (each.id, f"changes what no GET {place} reads")
        yield each, readers[0]


def test_whatever_changes_a_thing_takes_the_version_that_was_read_and_says_the_new_one() -> None:
    found = list(changes())
    assert len(found) >= 80
    for each, _ in found:
        assert "If-Match" in each.parameters, each.id
        assert each.method == "delete" or "ETag" in each.headers, each.id
        assert each.method != "post" or "Idempotency-Key" in each.parameters, each.id
    for each in OPERATIONS:
        if each.id in PARTS_OF_ANOTHER:
            assert "If-Match" in each.parameters, each.id
            assert "ETag" in each.headers, each.id
    assert PARTS_OF_ANOTHER.keys() <= {each.id for each in OPERATIONS}


def test_whatever_has_verbs_says_which_of_them_are_allowed() -> None:
    for each, reader in changes():
        properties = DOCUMENT["components"]["schemas"][reader.answer]["properties"]
        assert "version" in properties, (each.id, reader.answer)
        if each.method == "post":
            assert "allowed_actions" in properties, (each.id, reader.answer)


async def test_what_belongs_to_another_thing_is_read_changed_and_guarded_like_any_other(cast: Cast) -> None:
    """Made, read at its location, not sent again while it is the same, and changed by whoever has seen it last."""
    partners = await make_partners(cast)
    asset = await make_asset(partners.assisting)
    handler = await enter_person(partners.assisting)
    start = f"{today().year + 1}-03-01T00:00:00Z"
    planned = {"kind": "maintenance", "window": {"start": start}, "reason": "Recertification (demo)."}
    of_asset, of_agreement = f"/v1/assets/{asset['id']}", f"/v1/agreements/{partners.agreement['id']}"
    admin, legal, label = partners.assisting.admin, partners.assisting.legal, {"label": "Dispatch (demo)"}
    certificate = {**NEW_ASSET_CERTIFICATE_EXAMPLE, "handler_id": handler["id"]}
    insurance = f"/v1/agencies/{partners.assisting.id}/insurance"
    for who, collection, body, verb, change in (
        (admin, f"{of_asset}/unavailability", planned, "end", REASON),
        (admin, f"{of_asset}/certificates", certificate, "end", REASON),
        (legal, f"{of_asset}/calendar-feeds", label, "revoke", {}),
        (legal, "/v1/calendar-feeds", label, "revoke", {}),
        (legal, f"{of_agreement}/duties", NEW_DUTY_EXAMPLE, "waive", WAIVER_EXAMPLE),
        (admin, insurance, NEW_CERTIFICATE_EXAMPLE, "retire", RETIREMENT_EXAMPLE),
    ):
        made = await who.post(collection, body)
        assert made.status_code == 201, (collection, made.text)
        place, tag = made.headers["location"], made.headers["etag"]
        read = await who.get(place)
        assert read.headers["etag"] == tag, collection
        assert [each["allowed"] for each in read.json()["allowed_actions"] if each["action"] == verb] == [True]
        assert {**made.json().get("unavailability", made.json()), "address": None} == {**read.json(), "address": None}
        assert (await who.get(place, headers={"if-none-match": tag})).status_code == 304, collection
        assert_problem(await who.post(f"{place}/{verb}", change, if_match='"99-00000000"'), 412, "stale_version")
        first, again = [await who.post(f"{place}/{verb}", change, if_match=tag, key=f"{verb}-1") for _ in range(2)]
        assert first.status_code == 200, (collection, first.text)
        assert again.content == first.content, collection
        after = await who.get(place)
        assert after.headers["etag"] == first.headers["etag"] != tag, collection
        assert not next(each["allowed"] for each in after.json()["allowed_actions"] if each["action"] == verb)
        assert_problem(await who.post(f"{place}/{verb}", change, if_match=tag), 412, "stale_version")
        assert_problem(await who.post(f"{place}/{verb}", change), 409, "wrong_status")
        assert (await cast.stranger.admin.get(place)).status_code in (403, 404) or collection == insurance
        assert_problem(await who.get(place[:-4] + "0000"), 404, "not_found")
