"""Two agreements compared over HTTP: what differs, for whom, and what it tells of what one may not read."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from registry.platform.ledger.tables import ledger_event
from tests.support.agreements import agreement_body, sign_agreement
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
SECRET = {"sensitivity": "restricted", "exemption": "Security information (example; have counsel review)"}
KEY = "canary-7d2f-amber"
ONE: list[dict[str, Any]] = [
    {"number": "1", "heading": "purpose", "text": "The parties help one another.", "sensitivity": "public"},
    {"number": "2", "heading": "equipment", "text": "No loan of any equipment exceeds 72 hours in all."},
    {"number": "3", "heading": "communications", "text": f"The key is {KEY}.", **SECRET},
    {"number": "4", "heading": "media", "text": "The sheriff alone speaks to the press."},
]
OTHER: list[dict[str, Any]] = [
    {"number": "I", "heading": "liability", "text": "Each party answers for its own acts.", "sensitivity": "public"},
    {"number": "II", "heading": "equipment", "text": "No loan of any equipment exceeds 48 hours in all."},
    {"number": "III", "heading": "purpose", "text": "The parties help one another.", "sensitivity": "public"},
    {"number": "IV", "heading": "communications", "text": f"The key is {KEY}.", **SECRET},
]


async def two(service: Service, *parties: Agency, others: tuple[Agency, ...] = ()) -> tuple[str, str]:
    """The path of one agreement's comparison, and the id of another agreement."""
    one = await sign_agreement(service, *parties, provisions=ONE, terms={"max_duration_hours": 72})
    other = await sign_agreement(
        service, *(others or parties), provisions=OTHER, terms={"max_duration_hours": 48}, title="Radios (demo)"
    )
    return f"{PATH}/{one['id']}/comparison", other["id"]


def told(found: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [
        (each["kind"], *((each[side] or {"number": None})["number"] for side in ("from", "to")))
        for each in found["provisions"]
    ]


async def test_provisions_are_matched_by_heading_and_by_what_they_say(service: Service, cast: Cast) -> None:
    path, other = await two(service, cast.assisting, cast.requesting)
    found = await cast.requesting.coordinator.done("GET", f"{path}?other_agreement_id={other}")
    assert told(found) == [("inserted", None, "I"), ("changed", "2", "II"), ("deleted", "4", None)]
    changed = found["provisions"][1]
    assert changed["differs"] == ["text"]
    assert [(run["kind"], run["text"]) for run in changed["runs"] if run["kind"] != "equal"] == [
        ("delete", "72"),
        ("insert", "48"),
    ]
    assert (found["same_provisions"], found["withheld_provisions"]) == (1, 1)
    assert [(each["pointer"], each["from"], each["to"]) for each in found["particulars"]] == [
        ("/title", "Mutual aid (demo)", "Radios (demo)")
    ]
    assert [(each["pointer"], each["from"], each["to"]) for each in found["terms"]] == [
        ("/terms/max_duration_hours", 72, 48)
    ]


async def test_an_agreement_is_the_same_as_itself(service: Service, cast: Cast) -> None:
    path, _ = await two(service, cast.assisting, cast.requesting)
    itself = path.split("/")[3]
    query = f"other_agreement_id={itself}&version_no=1&other_version_no=1"
    found = await cast.requesting.legal.done("GET", f"{path}?{query}")
    assert (found["provisions"], found["terms"], found["particulars"], found["same_provisions"]) == ([], [], [], 4)


async def test_each_side_is_cut_to_what_the_caller_may_read(service: Service, cast: Cast) -> None:
    """The neighbour is party to the other agreement alone, and sees of this one what is public."""
    path, other = await two(service, cast.assisting, cast.requesting, others=(cast.assisting, cast.neighbour))
    response = await cast.neighbour.legal.get(f"{path}?other_agreement_id={other}")
    found = response.json()
    assert (found["from"]["view"], found["to"]["view"], found["terms"]) == ("public", "party", None)
    assert [each for each in told(found) if each[1]] == []
    assert "72 hours" not in response.text
    assert "press" not in response.text
    public = await cast.stranger.legal.done("GET", f"{path}?other_agreement_id={other}")
    assert (public["from"]["view"], public["to"]["view"], public["same_provisions"]) == ("public", "public", 1)
    assert told(public) == [("inserted", None, "I")]
    for query in ("version_no=2", "other_version_no=2"):
        refused = await cast.stranger.legal.get(f"{path}?other_agreement_id={other}&{query}")
        assert_problem(refused, 403, "forbidden")


async def readings(service: Service, *agreement_ids: str) -> int:
    """How many readings of restricted text are recorded."""
    ids = [UUID(each) for each in agreement_ids]
    statement = sa.select(sa.func.count()).where(
        ledger_event.c.type == "agreement.restricted_text_read", ledger_event.c.agreement_id.in_(ids)
    )
    return int(await service.database.read().value(statement) or 0)


@pytest.mark.parametrize("form", ["comparison", "comparison.html"])
async def test_restricted_text_goes_to_cleared_roles_once_the_reading_is_recorded(
    service: Service, cast: Cast, form: str
) -> None:
    path, other = await two(service, cast.assisting, cast.requesting)
    own = path.split("/")[3]
    path = f"{PATH}/{own}/{form}?other_agreement_id={other}"
    response = await cast.requesting.coordinator.get(path)
    assert "canary" not in response.text
    assert await readings(service, own, other) == 0
    response = await cast.requesting.auditor.get(path)
    assert response.headers["cache-control"] == "no-store"
    assert await readings(service, own, other) == 2


async def test_whether_two_withheld_texts_are_the_same_is_not_told(service: Service, cast: Cast) -> None:
    answers = []
    for key in (KEY, "another key"):
        text = [*OTHER[:3], {**OTHER[3], "text": f"The key is {key}."}]
        one = await sign_agreement(service, cast.assisting, cast.requesting, provisions=ONE)
        other = await sign_agreement(service, cast.assisting, cast.requesting, provisions=text)
        path = f"{PATH}/{one['id']}/comparison?other_agreement_id={other['id']}"
        found = await cast.requesting.coordinator.done("GET", path)
        answers.append((told(found), found["same_provisions"], found["withheld_provisions"]))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("form", ["comparison", "comparison.html"])
async def test_who_may_not_know_of_either_agreement_is_told_of_neither(service: Service, cast: Cast, form: str) -> None:
    path, other = await two(service, cast.assisting, cast.requesting)
    path = path.replace("comparison", form)
    hidden = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.neighbour))
    assert (await cast.assisting.legal.get(f"{path}?other_agreement_id={hidden['id']}")).status_code == 200
    absent = assert_problem(await cast.requesting.legal.get(f"{path}?other_agreement_id={uuid4()}"), 404, "not_found")
    for asked in (
        f"{path}?other_agreement_id={hidden['id']}",
        f"{PATH}/{hidden['id']}/{form}?other_agreement_id={other}",
    ):
        assert assert_problem(await cast.requesting.legal.get(asked), 404, "not_found")["detail"] == absent["detail"]
    assert_problem(await service.anonymous.get(f"{path}?other_agreement_id={other}"), 401, "unauthenticated")
    without = cast.requesting.as_(scope="loans:*")
    assert_problem(await without.get(f"{path}?other_agreement_id={other}"), 403, "forbidden")
    assert_problem(await cast.requesting.legal.get(f"{path}?other_agreement_id={other}&version_no=9"), 404, "not_found")
    for query in ("", "?other_agreement_id=x", f"?other_agreement_id={other}&version_no=0"):
        assert_problem(await cast.requesting.legal.get(f"{path}{query}"), 400)


async def test_the_page_names_both_agreements_and_escapes_what_comes_from_them(service: Service, cast: Cast) -> None:
    one = await sign_agreement(service, cast.assisting, cast.requesting, provisions=ONE, number="<b>A&B")
    other = await sign_agreement(service, cast.assisting, cast.requesting, provisions=OTHER, number="R-2")
    path = f"{PATH}/{one['id']}/comparison.html?other_agreement_id={other['id']}"
    response = await cast.requesting.coordinator.get(path)
    assert response.headers["content-type"].startswith("text/html")
    assert "Comparison of &lt;b&gt;A&amp;B and R-2" in response.text
    assert "<b>A" not in response.text
    assert "1 the same, 1 not compared since they are withheld" in response.text
    assert "inserted: " in response.text
