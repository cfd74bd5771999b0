"""The redline over HTTP: between which versions, for whom, and what it tells of restricted text."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from registry.platform.ledger.tables import ledger_event
from tests.support.agreements import UNLIMITED, agreement_body, sign_agreement
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
OLD_KEY, NEW_KEY = "canary-4c1d-blue", "canary-9b7e-green"
SECRET = {"sensitivity": "restricted", "exemption": "Security information (example; have counsel review)"}
FIRST: list[dict[str, Any]] = [
    {"number": "1", "heading": "purpose", "text": "The parties help one another.", "sensitivity": "public"},
    {"number": "2", "heading": "equipment", "text": "No loan exceeds 72 hours."},
    {"number": "3", "heading": "communications", "text": f"The key is {OLD_KEY}.", **SECRET},
]
SECOND: list[dict[str, Any]] = [
    FIRST[0],
    {"number": "2", "heading": "equipment", "text": "No loan exceeds 48 hours."},
    {"number": "3", "heading": "communications", "text": f"The key is {NEW_KEY}.", **SECRET},
    {"number": "4", "heading": "liability", "text": "Each party answers for its own acts."},
]


async def revised(
    *parties: Agency,
    first: list[dict[str, Any]] = FIRST,
    second: list[dict[str, Any]] = SECOND,
    freeze: bool = True,
    **edit: Any,
) -> str:
    """The path of an agreement that was submitted, sent back, edited and, unless told otherwise, submitted again."""
    custodian = parties[0].legal
    body = agreement_body(*parties, provisions=first, terms={"max_duration_hours": 72})
    path = f"{PATH}/{(await custodian.done('POST', PATH, body))['id']}"
    await custodian.done("POST", f"{path}/submit", {"version_no": 1})
    back = await custodian.done("POST", f"{path}/send-back", {"reason": "the county's wording", "version_no": 1})
    await custodian.done("PATCH", path, {"provisions": second, **edit}, if_match=f'"{back["version"]}-00000000"')
    if freeze:
        await custodian.done("POST", f"{path}/submit", {"version_no": 2})
    return path


def told(found: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(each["kind"], (each["to"] or each["from"])["number"]) for each in found["provisions"]]


def runs_of(found: dict[str, Any], number: str) -> Any:
    return next(each["runs"] for each in found["provisions"] if (each["to"] or each["from"])["number"] == number)


async def test_it_tells_what_differs_between_two_versions(cast: Cast) -> None:
    path = await revised(
        cast.assisting,
        cast.requesting,
        title="Mutual aid, second reading (demo)",
        expires_on="2030-12-31",
        auto_renew_months=12,
        auto_renew_times="no_limit",
        terms={
            "categories": ["k9"],
            "suspension": "at_once",
            **UNLIMITED,
            "max_duration_hours": 48,
            "clauses": {"max_duration_hours": "2"},
        },
    )
    found = await cast.requesting.coordinator.done("GET", f"{path}/redline?from_version_no=1&to_version_no=2")
    assert (found["from"]["version_no"], found["to"]["version_no"], found["unchanged_provisions"]) == (1, 2, 1)
    assert [found[side]["sha256"] for side in ("from", "to")] == [
        (await cast.requesting.legal.done("GET", f"{path}/versions/{no}"))["sha256"] for no in (1, 2)
    ]
    assert [(each["pointer"], each["from"], each["to"]) for each in found["particulars"]] == [
        ("/title", "Mutual aid (demo)", "Mutual aid, second reading (demo)"),
        ("/expires_on", None, "2030-12-31"),
        ("/auto_renew_months", None, 12),
        ("/auto_renew_times", None, "no_limit"),
    ]
    assert [(each["pointer"], each["from"], each["to"], each["to_clause"]) for each in found["terms"]] == [
        ("/terms/categories", ["any"], ["k9"], None),
        ("/terms/max_duration_hours", 72, 48, "2"),
    ]
    assert told(found) == [("changed", "2"), ("changed", "3"), ("inserted", "4")]
    assert runs_of(found, "2") == [
        {"kind": "equal", "text": "No loan exceeds "},
        {"kind": "delete", "text": "72"},
        {"kind": "insert", "text": "48"},
        {"kind": "equal", "text": " hours."},
    ]


async def test_without_being_told_which_it_compares_the_newest_with_the_one_before(cast: Cast) -> None:
    path = await revised(cast.assisting, cast.requesting)
    for query in ("", "?to_version_no=2", "?from_version_no=1"):
        found = await cast.requesting.legal.done("GET", f"{path}/redline{query}")
        assert (found["from"]["version_no"], found["to"]["version_no"]) == (1, 2)
        assert found["from_basis"] == ("named" if "from" in query else "entered_before"), "none was ever in force"
    backwards = await cast.requesting.legal.done("GET", f"{path}/redline?from_version_no=2&to_version_no=1")
    assert told(backwards) == [("changed", "2"), ("changed", "3"), ("deleted", "4")]
    same = await cast.requesting.legal.done("GET", f"{path}/redline?from_version_no=2&to_version_no=2")
    assert (same["provisions"], same["terms"], same["particulars"], same["unchanged_provisions"]) == ([], [], [], 4)


async def test_an_amendment_is_compared_with_the_text_in_force(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=FIRST)
    path = f"{PATH}/{made['id']}"
    opening = {"effective_on": "2040-01-01", "reason": "shorter loans"}
    opened = await cast.assisting.legal.done("POST", f"{path}/amend", opening)
    await cast.assisting.legal.done("PATCH", path, {"provisions": SECOND}, if_match=f'"{opened["version"]}-00000000"')
    drafted = await cast.assisting.coordinator.done("GET", f"{path}/redline")
    assert (drafted["to"]["kind"], drafted["to"]["frozen_at"]) == ("amendment", None)
    assert drafted["from_basis"] == "in_force_before"
    assert_problem(await cast.requesting.coordinator.get(f"{path}/redline"), 422, "no_version_before")
    assert_problem(await cast.requesting.coordinator.get(f"{path}/redline?to_version_no=2"), 404, "not_found")
    await cast.assisting.legal.done("POST", f"{path}/submit")
    found = await cast.requesting.coordinator.done("GET", f"{path}/redline")
    assert told(found) == told(drafted) == [("changed", "2"), ("changed", "3"), ("inserted", "4")]
    assert [(each["pointer"], each["to"]) for each in found["particulars"]] == [
        ("/kind", "amendment"),
        ("/effective_on", "2040-01-01"),
    ]


async def test_the_draft_is_compared_for_its_custodian_alone(cast: Cast) -> None:
    path = await revised(cast.assisting, cast.requesting, freeze=False)
    found = await cast.assisting.coordinator.done("GET", f"{path}/redline")
    assert (found["to"]["version_no"], found["to"]["frozen_at"]) == (2, None)
    problem = await cast.requesting.legal.get(f"{path}/redline")
    assert_problem(problem, 404, "not_found")  # it is a draft again, and that is the custodian's


@pytest.mark.parametrize("form", ["redline", "redline.html"])
async def test_it_is_for_the_parties_alone(service: Service, cast: Cast, form: str) -> None:
    path = f"{await revised(cast.assisting, cast.requesting)}/{form}"
    assert (await cast.requesting.coordinator.get(path)).status_code == 200
    assert_problem(await service.anonymous.get(path), 401, "unauthenticated")
    assert_problem(await cast.requesting.as_(scope="loans:*").get(path), 403, "forbidden")
    hidden = assert_problem(await cast.stranger.legal.get(path), 404, "not_found")
    absent = assert_problem(await cast.stranger.legal.get(f"{PATH}/{uuid4()}/{form}"), 404, "not_found")
    assert hidden["detail"] == absent["detail"]
    public = await sign_agreement(service, cast.assisting, cast.requesting, provisions=FIRST)
    for outsider in (cast.stranger.legal, service.operator):
        assert_problem(await outsider.get(f"{PATH}/{public['id']}/{form}"), 403, "forbidden")


@pytest.mark.parametrize("form", ["redline", "redline.html"])
async def test_a_version_that_is_not_there_is_refused(service: Service, cast: Cast, form: str) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{made['id']}/{form}"
    alone = assert_problem(await cast.requesting.legal.get(path), 422, "no_version_before")
    assert alone["errors"][0]["parameter"] == "from_version_no"
    for query in ("from_version_no=1&to_version_no=2", "from_version_no=2&to_version_no=1", "to_version_no=9"):
        assert_problem(await cast.requesting.legal.get(f"{path}?{query}"), 404, "not_found")
    for query in ("from_version_no=0", "to_version=x", "to_version_no=2147483648", "from=1"):
        assert_problem(await cast.requesting.legal.get(f"{path}?{query}"), 400)


async def readings(service: Service, path: str) -> list[int]:
    """The numbers of the versions of which a reading of restricted text is recorded."""
    events = await service.database.read().all(
        sa.select(ledger_event.c.canonical)
        .where(
            ledger_event.c.type == "agreement.restricted_text_read",
            ledger_event.c.agreement_id == UUID(path.rsplit("/", 1)[1]),
        )
        .order_by(ledger_event.c.id)
    )
    return [int(event.canonical.decode().rpartition('"version_no":')[2].partition("}")[0]) for event in events]


@pytest.mark.parametrize("form", ["redline", "redline.html"])
async def test_restricted_text_goes_to_cleared_roles_once_the_reading_is_recorded(
    service: Service, cast: Cast, form: str
) -> None:
    path = await revised(cast.assisting, cast.requesting)
    withheld: list[Caller] = [cast.requesting.coordinator, cast.assisting.admin, cast.assisting.machine]
    for reader in withheld:
        response = await reader.get(f"{path}/{form}")
        assert "canary" not in response.text
        assert response.headers["cache-control"] == "private, no-cache"
    assert await readings(service, path) == []
    response = await cast.requesting.auditor.get(f"{path}/{form}")
    assert OLD_KEY in response.text
    assert NEW_KEY in response.text
    assert response.headers["cache-control"] == "no-store"
    assert await readings(service, path) == [1, 2]


async def test_of_restricted_text_others_learn_only_that_it_differs(cast: Cast) -> None:
    path = await revised(cast.assisting, cast.requesting)
    found = await cast.requesting.coordinator.done("GET", f"{path}/redline")
    change = next(each for each in found["provisions"] if each["to"]["number"] == "3")
    assert (change["kind"], change["differs"], change["runs"]) == ("changed", ["text"], None)


async def test_a_redline_without_restricted_text_leaves_no_record(service: Service, cast: Cast) -> None:
    same_key = [*SECOND[:2], FIRST[2], SECOND[3]]
    path = await revised(cast.assisting, cast.requesting, second=same_key)
    response = await cast.requesting.auditor.get(f"{path}/redline")
    assert response.headers["cache-control"] == "private, no-cache"
    assert await readings(service, path) == []


async def test_a_text_that_is_restricted_no_more_does_not_give_away_what_it_was(service: Service, cast: Cast) -> None:
    told_now = {"number": "3", "heading": "communications"}
    for text in ("The key is exchanged by hand.", FIRST[2]["text"]):
        path = await revised(cast.assisting, cast.requesting, second=[*SECOND[:2], {**told_now, "text": text}])
        response = await cast.requesting.coordinator.get(f"{path}/redline")
        change = next(each for each in response.json()["provisions"] if each["to"]["number"] == "3")
        assert (change["differs"], change["runs"]) == (["sensitivity", "exemption"], None)
        assert "canary" not in response.text
        assert "canary" not in (await cast.requesting.coordinator.get(f"{path}/redline.html")).text
        cleared = await cast.requesting.legal.done("GET", f"{path}/redline")
        assert OLD_KEY in str(runs_of(cleared, "3"))
        assert await readings(service, path) == [1]


async def test_a_text_that_became_restricted_is_withheld_on_both_sides(service: Service, cast: Cast) -> None:
    open_key = {"number": "3", "heading": "communications", "text": "The key is agreed by radio."}
    path = await revised(cast.assisting, cast.requesting, first=[*FIRST[:2], open_key])
    found = await cast.requesting.coordinator.done("GET", f"{path}/redline")
    assert runs_of(found, "3") is None
    assert NEW_KEY in str(await cast.requesting.legal.done("GET", f"{path}/redline"))
    assert await readings(service, path) == [2]


async def test_where_the_reading_cannot_be_recorded_nothing_is_shown(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await revised(cast.assisting, cast.requesting)

    def failing(*_arguments: Any, **_options: Any) -> None:
        raise OSError("no space left on the device")

    monkeypatch.setattr("registry.agreements.instruments.commands.disclosing.record", failing)
    for form in ("redline", "redline.html"):
        response = await cast.requesting.auditor.get(f"{path}/{form}")
        assert_problem(response, 503, "reading_not_recorded")
        assert "canary" not in response.text


async def test_long_texts_are_compared_beside_the_event_loop_with_the_same_result(cast: Cast) -> None:
    words = [f"word{n}" for n in range(4000)]
    old = [{"number": str(n), "heading": "purpose", "text": " ".join(words[n:])} for n in range(3)]
    new = [{**each, "text": each["text"].replace("word77 ", "other ")} for each in old]
    path = await revised(cast.assisting, cast.requesting, first=old, second=new)
    found = await cast.requesting.coordinator.done("GET", f"{path}/redline")
    assert told(found) == [("changed", "0"), ("changed", "1"), ("changed", "2")]
    assert all([run["text"] for run in each["runs"]][1:3] == ["word77", "other"] for each in found["provisions"])
