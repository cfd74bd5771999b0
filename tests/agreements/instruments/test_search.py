"""Finding agreements by their words: in what, how it is shown, in which order, and for whom."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
import sqlalchemy as sa

from registry.platform.ledger.tables import ledger_event
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import agreement_body, record_agreement, sign_agreement
from tests.support.cast import Cast, today
from tests.support.consent import agree_to_publish
from tests.support.documents import PDF, file_document, make_pdf
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agreements/search"
LAW = {"sensitivity": "restricted", "exemption": "have counsel review"}


def clauses(**texts: str) -> list[dict[str, Any]]:
    """Provisions, numbered as they are named: public, parties or restricted."""
    return [
        {
            "number": str(number),
            "heading": "purpose",
            "text": text,
            **(LAW if sensitivity == "restricted" else {"sensitivity": sensitivity}),
        }
        for number, (sensitivity, text) in enumerate(texts.items(), start=1)
    ]


async def found(caller: Caller, q: str, **more: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await caller.done("GET", f"{PATH}?{urlencode({'q': q, **more})}"))["items"]
    return items


def places(hits: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(h["source"], h["provision"] or h["page"]) for h in hits]


async def test_words_are_found_in_titles_numbers_parties_provisions_and_documents(service: Service, cast: Cast) -> None:
    made = await sign_agreement(
        service,
        cast.assisting,
        cast.requesting,
        title="Canine loans (demo)",
        number="ZQ-7-14",
        provisions=clauses(public="A zebra crossing.", parties="Lend the xylophone."),
    )
    await file_document(cast.assisting.legal, made["id"], make_pdf("First", "the walrus signs"), PDF, title="Yak annex")
    reader = cast.requesting.coordinator
    mine = {"party_id": str(cast.requesting.id)}
    for q, place in (
        ("canine", ("title", None)),
        ("zq-7-14", ("title", None)),
        ("zebra", ("provision", "1")),
        ("xylophone", ("provision", "2")),
        ("walrus", ("document", 2)),
        ("yak", ("document", None)),
        (cast.assisting.name, ("party", None)),
    ):
        hits = await found(reader, q, **mine)
        assert places(hits) == [place], q
        assert hits[0]["agreement_id"] == made["id"]
        assert (hits[0]["number"], hits[0]["title"], hits[0]["status"]) == (
            "ZQ-7-14",
            "Canine loans (demo)",
            "in_force",
        )
    assert (await found(reader, cast.assisting.name, **mine))[0]["agency"] == cast.assisting.reference
    assert (await found(reader, "zebra", **mine))[0]["version_no"] == 1


async def test_all_the_words_stand_in_one_passage_and_the_last_may_be_a_beginning(service: Service, cast: Cast) -> None:
    await sign_agreement(
        service,
        cast.assisting,
        cast.requesting,
        provisions=clauses(public="Ninety days' written notice of termination.", parties="Ninety vehicles."),
    )
    reader, mine = cast.requesting.coordinator, {"party_id": str(cast.requesting.id)}
    assert places(await found(reader, "ninety", **mine)) == [("provision", "1"), ("provision", "2")]
    assert places(await found(reader, "ninety notice", **mine)) == [("provision", "1")]
    assert places(await found(reader, "NOTICE days' term*", **mine)) == [("provision", "1")]
    assert await found(reader, "vehicles notice", **mine) == []
    assert await found(reader, "terminatio", **mine) == []


async def test_a_word_is_found_in_all_its_forms_and_a_phrase_with_its_words_in_order(
    service: Service, cast: Cast
) -> None:
    await sign_agreement(
        service,
        cast.assisting,
        cast.requesting,
        title="Snipe and Dove Compact",
        provisions=clauses(
            public="Either party terminates it upon 90 days' written notice.",
            parties="Upon a 90-day written notice the K-9 teams of the officers are recalled.",
            restricted="The notice, written in 90 hours or days, goes to the office for a re-\ncall.",
        ),
    )
    await file_document(
        cast.assisting.legal, (await found(cast.assisting.legal, "snipe"))[0]["agreement_id"], "No end."
    )
    reader, mine = cast.requesting.legal, {"party_id": str(cast.requesting.id)}
    for q, numbers in (
        ("terminate", ["1"]),
        ("TERMINATION", ["1"]),
        ("recalls", ["2", "3"]),
        ("90 day notice", ["1", "2", "3"]),
        ('"90 day written notice"', ["1", "2"]),
        ('"90-day written notice"', ["1", "2"]),
        ("“written notice”", ["1", "2"]),
        ('"notice written"', ["3"]),
        ('"written notice" 90 upon recall', ["2"]),
        ('"k9 team"', ["2"]),
        ('"K-9 team"', ["2"]),
        ("K9 team", ["2"]),
        ("officer", ["2"]),
        ("offices", ["3"]),
        ('"dove compact"', [None]),
        ('"compact dove"', []),
        ('"snipe and"', [None]),
        ("recalle*", ["2"]),
        ('"written notice" "office"', []),
    ):
        assert [hit["provision"] for hit in await found(reader, q, **mine)] == numbers, q
    (hit,) = await found(reader, '"90 day written notice" recall', **mine)
    assert [hit["passage"][at["start"] : at["end"]] for at in hit["hits"]] == ["90-day written notice", "recalled"]
    assert {hit["source"] for hit in await found(reader, f'"{cast.assisting.name}"', **mine)} == {"party"}
    backwards = " ".join(reversed(cast.assisting.name.split()))
    assert await found(reader, f'"{backwards}"', **mine) == []


async def test_by_relevance_comes_first_what_is_most_about_it_and_pages_go_on_there(
    service: Service, cast: Cast
) -> None:
    """Both databases count the same; a restricted text that the reader may not see moves nothing."""
    long = "The parties help one another. " * 40
    one, two = [
        await sign_agreement(service, cast.assisting, cast.requesting, title=title, provisions=provisions)
        for title, provisions in (
            (
                "First",
                clauses(public=f"{long} A godwit.", parties="Godwit upon godwit, the godwits.", restricted="Godwit"),
            ),
            ("A godwit", clauses(public="The godwit and the plover.", parties=f"{long} Godwit or godwit. {long}")),
        )
    ]
    reader, q = cast.requesting.coordinator, {"q": "godwit", "party_id": str(cast.requesting.id), "sort": "relevance"}
    whole = await found(reader, **q)
    assert [(hit["agreement_id"], hit["provision"]) for hit in whole] == [
        (one["id"], "2"),
        (two["id"], None),
        (two["id"], "1"),
        (two["id"], "2"),
        (one["id"], "1"),
    ]
    path, seen = f"{PATH}?{urlencode({**q, 'limit': 2})}", list[dict[str, Any]]()
    while path:
        response = await reader.get(path)
        seen += response.json()["items"]
        path = response.links.get("next", {}).get("url", "")
    assert seen == whole
    assert [hit["agreement_id"] for hit in await found(reader, **{**q, "q": '"godwit upon godwit" godw*'})] == [
        one["id"]
    ]


async def test_a_hit_shows_the_words_in_some_two_hundred_characters(service: Service, cast: Cast) -> None:
    text = "The parties help one another. " * 30 + "Upon ninety days' notice it ends. " + "They part as friends. " * 30
    await sign_agreement(service, cast.assisting, cast.requesting, provisions=clauses(public=text))
    (hit,) = await found(cast.requesting.coordinator, "ninety notice", party_id=cast.requesting.id)
    assert [hit["passage"][each["start"] : each["end"]] for each in hit["hits"]] == ["ninety", "notice"]
    assert 120 < len(hit["passage"]) <= 200
    assert hit["passage"] in text


@pytest.mark.parametrize(
    ("text", "q", "shown"),
    [
        ("termi\u00adnation of it", "termination", "termi\u00adnation"),
        ("upon termi-\nnation of it", "termination", "termi-\nnation"),
        ("the oﬃcer signs", "officer", "oﬃcer"),
        ("An\u0303oka".replace("n\u0303", "ñ") + " County", "anoka", "Añoka"),
        ("a tennination notice", "tennination", "tennination"),
    ],
)
async def test_what_scanning_does_to_words_is_seen_through(
    service: Service, cast: Cast, text: str, q: str, shown: str
) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting, provisions=clauses(public=text))
    (hit,) = await found(cast.requesting.coordinator, q, party_id=cast.requesting.id)
    assert [hit["passage"][each["start"] : each["end"]] for each in hit["hits"]] == [shown]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "missing_parameter"),
        ("q=", 400, "invalid_parameter"),
        ("q=%2A", 422, "bad_words"),
        ("q=" + "+".join(f"a{n}" for n in range(17)), 422, "bad_words"),
        ("q=a%00b", 400, "nul_in_text"),
        ("q=lend+OR+borrow", 422, "search_not_supported"),
        ("q=lend+NOT+borrow", 422, "search_not_supported"),
        ("q=%22ninety+days", 422, "search_not_supported"),
        ("q=term*ion", 422, "search_not_supported"),
        ("q=a&sort=title", 400, "invalid_parameter"),
        ("q=a&source=novel", 400, "invalid_parameter"),
        ("q=a&limit=0", 400, "invalid_parameter"),
        ("q=a&cursor=abc", 422, "bad_cursor"),
        ("q=a&page=2", 400, "unknown_parameter"),
    ],
)
async def test_a_malformed_question_is_refused(cast: Cast, query: str, status: int, code: str) -> None:
    assert_problem(await cast.assisting.coordinator.get(f"{PATH}?{query}"), status, code)


async def test_whoever_is_not_known_searches_nothing(service: Service) -> None:
    assert_problem(await service.anonymous.get(f"{PATH}?q=a"), 401)


async def test_hits_come_newest_agreement_first_and_page_by_page_the_same(service: Service, cast: Cast) -> None:
    text = clauses(public="The heron.", parties="The heron again.")
    made = [
        (await sign_agreement(service, cast.assisting, cast.requesting, title=f"Heron {n}", provisions=text))["id"]
        for n in range(4)
    ]
    reader, q = cast.requesting.coordinator, {"q": "heron", "party_id": str(cast.requesting.id)}
    whole = await found(reader, **q)
    assert [hit["agreement_id"] for hit in whole] == [each for each in reversed(made) for _ in range(3)]
    assert places(whole)[:3] == [("title", None), ("provision", "1"), ("provision", "2")]
    path, seen = f"{PATH}?{urlencode({**q, 'limit': 5})}", list[dict[str, Any]]()
    while path:
        response = await reader.get(path)
        seen += response.json()["items"]
        path = response.links.get("next", {}).get("url", "")
        # What comes newer meanwhile does not move the pages that are yet to come.
        await record_agreement(cast.requesting, cast.assisting, title="Heron newer", provisions=text)
    assert seen == whole


async def test_a_hit_bears_the_title_with_which_the_agreement_is_shown(service: Service, cast: Cast) -> None:
    """Whatever version the words are in, and though a text with another title takes effect later."""
    one, other = cast.assisting, cast.requesting
    made = await sign_agreement(service, one, other, title="Curlew", provisions=clauses(public="The phalarope."))
    later = {"title": "Godwit", "provisions": clauses(public="The phalarope still.")}
    await amended_on_paper(made, one, other, effective_on=today() + timedelta(days=30), signed_on=today(), **later)
    for reader in (one.legal, cast.stranger.legal):
        title = (await reader.done("GET", f"/v1/agreements/{made['id']}"))["title"]
        hits = await found(reader, "phalarope", party_id=str(one.id))
        assert {hit["title"] for hit in hits} == {title} == {"Curlew"}


async def test_filters_narrow_what_is_searched(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    text = clauses(public="The osprey.")
    k9 = await sign_agreement(service, one, other, title="Osprey", provisions=text, terms={"categories": ["k9"]})
    past = await sign_agreement(
        service,
        *(one, cast.neighbour),
        provisions=text,
        kind="compact",
        terms={"categories": ["vehicle"]},
        expires_on="2025-06-30",
    )
    await file_document(one.legal, past["id"], "An osprey on file.")
    reader = one.coordinator
    for more, ids in (
        ({}, {k9["id"], past["id"]}),
        ({"party_id": other.id}, {k9["id"]}),
        ({"kind": "compact"}, {past["id"]}),
        ({"status": "expired"}, {past["id"]}),
        ({"category": "k9.narcotics"}, {k9["id"]}),
        ({"source": "title"}, {k9["id"]}),
        ({"source": "document"}, {past["id"]}),
        ({"source": "party"}, set()),
    ):
        assert {hit["agreement_id"] for hit in await found(reader, "osprey", **more)} == ids, more
    assert {hit["source"] for hit in await found(reader, one.name, source="party")} == {"party"}


async def test_the_index_follows_the_draft_and_keeps_each_version(service: Service, cast: Cast) -> None:
    legal = cast.assisting.legal
    body = agreement_body(cast.assisting, cast.requesting, title="Lark", provisions=clauses(parties="The nightjar."))
    draft = await legal.done("POST", "/v1/agreements", body)
    path = f"/v1/agreements/{draft['id']}"
    change = {"title": "Wren", "provisions": clauses(parties="The bittern.")}
    await legal.done("PATCH", path, change, if_match="*")
    mine = {"party_id": str(cast.assisting.id)}
    assert [await found(legal, word, **mine) for word in ("lark", "nightjar")] == [[], []]
    assert places(await found(legal, "wren", **mine)) == [("title", None)]
    await legal.done("POST", f"{path}/submit", {})
    await legal.done("POST", f"{path}/send-back", {"reason": "wording"})
    assert [hit["version_no"] for hit in await found(legal, "bittern", **mine)] == [1, 2]
    await legal.done("PATCH", path, {"provisions": clauses(parties="The avocet.")}, if_match="*")
    assert [hit["version_no"] for hit in await found(legal, "bittern", **mine)] == [1]
    assert [hit["version_no"] for hit in await found(legal, "avocet", **mine)] == [2]


async def test_a_text_that_is_not_frozen_is_found_by_its_custodian_alone(service: Service, cast: Cast) -> None:
    legal = cast.assisting.legal
    body = agreement_body(cast.assisting, cast.requesting, title="Dunlin", provisions=clauses(public="A dunlin."))
    draft = await legal.done("POST", "/v1/agreements", body)
    await file_document(legal, draft["id"], "Dunlins.", title="Dunlin")
    assert len(await found(cast.assisting.coordinator, "dunlin")) == 4
    for reader in (cast.requesting.legal, cast.stranger.legal, service.operator):
        assert await found(reader, "dunlin") == []
        assert await found(reader, cast.assisting.name) == []
    await legal.done("POST", f"/v1/agreements/{draft['id']}/submit", {})
    assert len(await found(cast.requesting.coordinator, "dunlin")) == 4
    assert await found(cast.stranger.legal, "dunlin") == []


async def test_each_passage_is_found_by_whom_it_is_for(service: Service, cast: Cast) -> None:
    text = clauses(public="An open plover.", parties="A plover among us.", restricted="A secret plover.")
    made = await sign_agreement(service, cast.assisting, cast.requesting, title="Plover", provisions=text)
    opened = await file_document(cast.assisting.legal, made["id"], "Plover filed openly.", sensitivity="public")
    await agree_to_publish(made["id"], cast.requesting, document_id=opened["id"])
    await file_document(cast.assisting.legal, made["id"], "Plover filed among us.")
    await file_document(cast.requesting.legal, made["id"], "Plover filed in secret.", **LAW)
    everything, open_to_all = [None, "1", "2", "3", None, None, None], [None, "1", None]
    for reader, provisions in (
        (cast.assisting.legal, everything),
        (cast.requesting.auditor, everything),
        (cast.assisting.coordinator, [None, "1", "2", None, None]),
        (cast.requesting.machine, [None, "1", "2", None, None]),
        (cast.stranger.legal, open_to_all),
        (cast.stranger.auditor, open_to_all),
        (service.operator, open_to_all),
    ):
        hits = await found(reader, "plover", party_id=cast.requesting.id)
        assert [hit["provision"] for hit in hits] == provisions
        page = await reader.done("GET", f"{PATH}?q=secret&party_id={cast.requesting.id}")
        assert len(page["items"]) == (2 if provisions is everything else 0)
        assert page["next_cursor"] is None


async def test_a_page_and_its_cursor_tell_nothing_of_what_is_not_shown(service: Service, cast: Cast) -> None:
    """Restricted hits beyond the page would make a cursor where there is nothing more to see."""
    text = clauses(public="An open curlew.", restricted="A secret curlew.")
    await sign_agreement(service, cast.assisting, cast.requesting, provisions=text)
    page = await cast.requesting.coordinator.done("GET", f"{PATH}?q=curlew&party_id={cast.requesting.id}&limit=1")
    assert (len(page["items"]), page["next_cursor"]) == (1, None)
    page = await cast.requesting.legal.done("GET", f"{PATH}?q=curlew&party_id={cast.requesting.id}&limit=1")
    assert page["next_cursor"] is not None


async def test_restricted_text_that_is_shown_is_recorded_first(service: Service, cast: Cast) -> None:
    text = clauses(public="Open.", restricted="The secret godwit.")
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=text)
    filed = await file_document(cast.assisting.legal, made["id"], "The secret godwit, filed.", **LAW)
    readings = (
        sa.select(ledger_event.c.canonical)
        .where(
            ledger_event.c.type == "agreement.restricted_text_read",
            ledger_event.c.agreement_id == UUID(made["id"]),
        )
        .order_by(ledger_event.c.id)
    )
    read = service.database.read()
    response = await cast.requesting.auditor.get(f"{PATH}?q=godwit&party_id={cast.requesting.id}")
    assert response.headers["cache-control"] == "no-store"
    told = [bytes(row.canonical) for row in await read.all(readings)]
    assert len(told) == 2
    assert b'"version_no":1' in told[0]
    assert filed["id"].encode() in told[1]
    assert not any(b"godwit" in each for each in told), "neither the text nor the question"
    response = await cast.requesting.auditor.get(f"{PATH}?q=open&party_id={cast.requesting.id}&source=provision")
    assert response.headers["cache-control"] == "private, no-cache"
    assert len(await read.all(readings)) == 2
    several = f"{PATH}?q=godwit&party_id={cast.requesting.id}&source="
    for sources in (["provision"], ["document"], ["provision", "document"], ["party", "document"], ["party"]):
        page = await cast.requesting.auditor.done("GET", several + "&source=".join(sources))
        assert {hit["source"] for hit in page["items"]} == {*sources} - {"party"}


async def test_a_withdrawn_document_is_found_by_nobody(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.requesting.legal, made["id"], "The whimbrel.", title="Whimbrel")
    assert len(await found(cast.assisting.legal, "whimbrel")) == 2
    await cast.requesting.legal.done("POST", f"/v1/documents/{filed['id']}/withdraw", {"reason": "wrong"})
    assert await found(cast.assisting.legal, "whimbrel") == []


async def test_a_party_is_found_by_the_name_it_has_now(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"/v1/agencies/{cast.requesting.id}"
    tag = (await cast.requesting.admin.get(path)).headers["etag"]
    await cast.requesting.admin.done("PATCH", path, {"name": "Sandpiper Harbour Police"}, if_match=tag)
    (hit,) = await found(cast.assisting.coordinator, "sandpiper", source="party", party_id=cast.assisting.id)
    assert hit["passage"].startswith("Sandpiper Harbour Police")
    assert await found(cast.assisting.coordinator, cast.requesting.name, source="party") == []
