"""Comments on the text: who reads them, how they follow the text, and that their words stay out of the record."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from registry.agreements.instruments.reviews import Anchor, anchor, text_digest, whole_digest
from registry.platform.access.principals import Role
from registry.platform.ledger.tables import ledger_event
from tests.support.agreements import PROVISIONS, sign_agreement
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.review import PATH, draft, submitted
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_later

WORDS = "quince-marmalade-7 is what the margin says"
SECRET = "Keys are exchanged monthly."
RESTRICTED = [
    *PROVISIONS,
    {
        "number": "9",
        "heading": "communications",
        "text": SECRET,
        "sensitivity": "restricted",
        "exemption": "Security information (example; have counsel review)",
    },
]


def remark(**fields: Any) -> dict[str, Any]:
    return {"version_no": 1, "provision": "4.2", "audience": "parties", "text": WORDS, **fields}


async def comment(speaker: Caller, found: dict[str, Any], **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = await speaker.done("POST", f"{PATH}/{found['id']}/comments", remark(**fields))
    return made


async def reply(speaker: Caller, found: dict[str, Any], to: dict[str, Any], text: str = "Agreed.") -> dict[str, Any]:
    body = {"parent_id": to["id"], "text": text}
    made: dict[str, Any] = await speaker.done("POST", f"{PATH}/{found['id']}/comments", body)
    return made


async def listed(reader: Caller, found: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (
        await reader.done("GET", f"{PATH}/{found['id']}/comments?{query or 'limit=200'}&sort=thread")
    )["items"]
    return items


TEXTS = {"1": "One.", "2": "Two."}


class TestAnchors:
    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            (TEXTS, Anchor.UNCHANGED),
            ({"1": "Other.", "2": "Two."}, Anchor.UNCHANGED),
            ({"1": "One.", "2": "Two"}, Anchor.CHANGED),
            ({"1": "One.", "2.1": "Two."}, Anchor.GONE),
            ({}, Anchor.GONE),
        ],
    )
    def test_a_comment_on_a_provision_follows_its_number(self, now: dict[str, str], expected: Anchor) -> None:
        assert anchor("2", text_digest("Two."), now) is expected

    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            (TEXTS, Anchor.UNCHANGED),
            ({"2": "Two.", "1": "One."}, Anchor.CHANGED),
            ({"1": "One."}, Anchor.CHANGED),
            ({"1": "One.", "2": "Two!"}, Anchor.CHANGED),
        ],
    )
    def test_a_comment_on_the_whole_is_about_every_word_and_their_order(
        self, now: dict[str, str], expected: Anchor
    ) -> None:
        assert anchor(None, whole_digest(TEXTS.items()), now) is expected


async def test_the_parties_talk_about_a_provision(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    quote = {"start": 0, "end": 9}
    opened = await comment(cast.requesting.coordinator, found, quote=quote, department="Motor pool")
    assert opened["author"] == {"agency": cast.requesting.reference, "role": "coordinator", "department": "Motor pool"}
    assert (opened["thread_id"], opened["anchor"], opened["quote"]) == (opened["id"], "unchanged", quote)
    other = await comment(cast.assisting.legal, found, provision=None)
    answered = await reply(cast.assisting.approver, found, opened)
    shared = ("thread_id", "version_no", "provision", "quote", "audience", "anchor")
    assert {name: answered[name] for name in shared} == {name: opened[name] for name in shared}
    for reader in (cast.assisting.auditor, cast.requesting.admin, cast.requesting.machine):
        assert [each["id"] for each in await listed(reader, found)] == [opened["id"], answered["id"], other["id"]]
    assert [each["id"] for each in await listed(cast.assisting.legal, found, "provision=4.2")] == [
        opened["id"],
        answered["id"],
    ]


async def test_a_copy_learns_what_was_said_reworded_and_resolved(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    speaker, path = cast.requesting.coordinator, f"{PATH}/{found['id']}/comments"
    opened = await comment(speaker, found)
    answered = await reply(cast.assisting.approver, found, opened)
    other = await comment(speaker, found, provision=None)

    async def since(instant: str) -> set[str]:
        return {each["id"] for each in await listed(cast.assisting.legal, found, f"updated_from={instant}")}

    assert await since(answered["updated_at"]) == {answered["id"], other["id"]}
    reworded = await speaker.done("PATCH", f"{path}/{other['id']}", {"text": "Otherwise."}, if_match="*")
    assert await since(reworded["updated_at"]) == {other["id"]}
    resolved = await speaker.done("POST", f"{path}/{opened['id']}/resolve")
    assert await since(resolved["updated_at"]) == {opened["id"], answered["id"]}, "each shows that it is resolved"
    before = f"updated_to={resolved['updated_at']}"
    assert [each["id"] for each in await listed(cast.assisting.legal, found, before)] == [other["id"]]


async def test_what_is_for_the_own_agency_does_not_exist_for_the_others(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    own = await comment(cast.requesting.legal, found, audience="agency")
    where = f"{PATH}/{found['id']}/comments"
    for reader in (cast.assisting.legal, cast.assisting.auditor):
        assert await listed(reader, found) == []
        assert_problem(await reader.get(f"{where}/{own['id']}"), 404, "not_found")
    custodian = cast.assisting.legal
    assert_problem(await custodian.post(f"{where}/{own['id']}/resolve"), 404, "not_found")
    answered = await custodian.post(where, {"parent_id": own["id"], "text": "Well."})
    unknown = await custodian.post(where, {"parent_id": str(uuid4()), "text": "Well."})
    same = ("status", "code", "detail", "errors")
    hidden = assert_problem(answered, 422, "unknown_comment")
    assert [hidden[name] for name in same] == [unknown.json()[name] for name in same]
    assert [each["text"] for each in await listed(cast.requesting.coordinator, found)] == [WORDS]


async def test_comments_follow_the_text_to_its_later_versions(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    made = [await comment(cast.requesting.legal, found, provision=provision) for provision in ("1", "4.2", None)]
    await cast.assisting.legal.done("POST", f"{path}/send-back", {"reason": "as said"})
    text = [{**PROVISIONS[0], "number": "1.1"}, {**PROVISIONS[1], "text": "Equipment is returned at once."}]
    etag = (await cast.assisting.legal.get(path)).headers["etag"]
    await cast.assisting.legal.done("PATCH", path, {"provisions": [*text, PROVISIONS[0]]}, if_match=etag)
    await cast.assisting.legal.done("POST", f"{path}/submit")
    late = await comment(cast.requesting.legal, found, version_no=2, provision="1.1")

    async def anchors(query: str) -> dict[str, str]:
        return {each["id"]: each["anchor"] for each in await listed(cast.requesting.legal, found, query)}

    ids = [each["id"] for each in made]
    assert await anchors("version_no=1") == dict.fromkeys(ids, "unchanged")
    assert await anchors("version_no=2") == {
        **dict(zip(ids, ("unchanged", "changed", "changed"), strict=True)),
        late["id"]: "unchanged",
    }
    assert await anchors("") == await anchors("version_no=2")
    await cast.assisting.legal.done("POST", f"{path}/send-back", {"reason": "shorter"})
    etag = (await cast.assisting.legal.get(path)).headers["etag"]
    await cast.assisting.legal.done("PATCH", path, {"provisions": [PROVISIONS[1]]}, if_match=etag)
    seen = {each["id"]: each["anchor"] for each in await listed(cast.assisting.legal, found)}
    assert seen == {**dict(zip(ids, ("gone", "unchanged", "changed"), strict=True)), late["id"]: "gone"}


async def test_what_is_said_of_a_draft_stays_with_its_custodian(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting)
    path = f"{PATH}/{made['id']}"
    assert_problem(await cast.assisting.legal.post(f"{path}/comments", remark()), 422, "draft_is_private")
    said = await comment(cast.assisting.coordinator, made, audience="agency")
    assert_problem(await cast.requesting.legal.get(f"{path}/comments"), 404, "not_found")
    assert_problem(await cast.requesting.legal.post(f"{path}/comments", remark()), 404, "not_found")
    etag = (await cast.assisting.legal.get(path)).headers["etag"]
    changed = [PROVISIONS[0], {**PROVISIONS[1], "text": "Other words."}]
    await cast.assisting.legal.done("PATCH", path, {"provisions": changed}, if_match=etag)
    assert [each["anchor"] for each in await listed(cast.assisting.legal, made)] == ["changed"]
    await cast.assisting.legal.done("POST", f"{path}/submit")
    assert await listed(cast.requesting.legal, made) == []
    assert [each["id"] for each in await listed(cast.assisting.approver, made)] == [said["id"]]


async def test_what_is_said_of_restricted_text_is_as_restricted(service: Service, cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting, provisions=RESTRICTED)
    where = f"{PATH}/{found['id']}/comments"
    refused = await cast.requesting.coordinator.post(where, remark(provision="9"))
    assert_problem(refused, 403, "forbidden")
    made = await comment(cast.requesting.legal, found, provision="9", quote={"start": 0, "end": 4})
    assert (made["restricted"], made["text"], made["quote"]) == (True, None, None), "answers are kept for repetition"
    answered = await reply(cast.assisting.legal, found, made, "Weekly would be better.")
    for reader in (cast.assisting.legal, cast.requesting.auditor):
        response = await reader.get(where)
        assert [each["text"] for each in response.json()["items"]] == ["Weekly would be better.", WORDS]
        assert response.headers["cache-control"] == "no-store"
        assert (await reader.get(f"{where}/{made['id']}")).headers["cache-control"] == "no-store"
    for reader in (cast.assisting.coordinator, cast.requesting.admin, cast.requesting.machine):
        response = await reader.get(where)
        assert [each["text"] for each in response.json()["items"]] == [None, None]
        assert response.headers["cache-control"] == "private, no-cache"
        assert (await reader.done("GET", f"{where}/{made['id']}"))["text"] is None
    for verb in ("resolve", "reopen"):
        assert_problem(await cast.requesting.approver.post(f"{where}/{answered['thread_id']}/{verb}"), 403)
    body = {"parent_id": made["id"], "text": "And I?"}
    assert_problem(await cast.requesting.approver.post(where, body), 403, "forbidden")


async def test_reading_what_is_said_of_restricted_text_is_recorded(service: Service, cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting, provisions=RESTRICTED)
    made = await comment(cast.requesting.legal, found, provision="9")
    readings = sa.select(sa.func.count()).where(
        ledger_event.c.type == "agreement.restricted_text_read", ledger_event.c.agreement_id == UUID(found["id"])
    )
    for reader, suffix, count in (
        (cast.requesting.coordinator, "", 0),
        (cast.requesting.auditor, "", 1),
        (cast.requesting.auditor, f"/{made['id']}", 2),
        (cast.requesting.auditor, "?provision=1", 2),
    ):
        await reader.done("GET", f"{PATH}/{found['id']}/comments{suffix}")
        assert await service.database.read().value(readings) == count


async def test_a_provision_that_became_restricted_in_the_draft_takes_its_comments_along(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting)
    path = f"{PATH}/{made['id']}"
    await comment(cast.assisting.coordinator, made, audience="agency")
    etag = (await cast.assisting.legal.get(path)).headers["etag"]
    secret = {**PROVISIONS[1], "sensitivity": "restricted", "exemption": "have counsel review"}
    await cast.assisting.legal.done("PATCH", path, {"provisions": [secret]}, if_match=etag)
    assert [each["text"] for each in await listed(cast.assisting.coordinator, made)] == [None]
    assert [each["text"] for each in await listed(cast.assisting.legal, made)] == [WORDS]


async def test_a_thread_is_resolved_and_reopened_by_who_opened_it_or_the_custodian(cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await submitted(one, two, three)
    opened = await comment(two.legal, found)
    answered = await reply(three.legal, found, opened)
    where = f"{PATH}/{found['id']}/comments"
    thread = f"{where}/{opened['id']}"
    assert_problem(await three.legal.post(f"{thread}/resolve"), 403, "forbidden")
    assert_problem(await two.auditor.post(f"{thread}/resolve"), 403)
    assert_problem(await two.legal.post(f"{where}/{answered['id']}/resolve"), 422, "not_a_thread")
    assert_problem(await two.legal.post(f"{thread}/reopen"), 409, "wrong_status")
    assert (await one.approver.done("POST", f"{thread}/resolve"))["status"] == "resolved"
    assert_problem(await two.legal.post(f"{thread}/resolve"), 409, "wrong_status")
    assert [each["status"] for each in await listed(three.legal, found)] == ["resolved", "resolved"]
    assert await listed(three.legal, found, "open=true") == []
    late = await three.legal.post(where, {"parent_id": opened["id"], "text": "One more thing."})
    assert_problem(late, 409, "thread_resolved")
    etag = (await three.legal.get(f"{where}/{answered['id']}")).headers["etag"]
    edit = await three.legal.patch(f"{where}/{answered['id']}", {"text": "No."}, if_match=etag)
    assert_problem(edit, 409, "thread_resolved")
    assert (await two.coordinator.done("POST", f"{thread}/reopen"))["status"] == "open"
    await reply(three.legal, found, answered, "One more thing.")
    assert len(await listed(one.legal, found, "open=true")) == 3


async def test_authors_reword_their_own_comments_and_nobody_elses(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    made = await comment(cast.requesting.legal, found)
    where = f"{PATH}/{found['id']}/comments/{made['id']}"
    etag = (await cast.requesting.legal.get(where)).headers["etag"]
    change = {"text": "In other words."}
    assert_problem(await cast.requesting.legal.patch(where, change), 428, "precondition_required")
    colleague = cast.requesting.as_(Role.LEGAL, subject="colleague")
    for other in (colleague, cast.assisting.legal, cast.requesting.approver):
        assert_problem(await other.patch(where, change, if_match=etag), 403)
    edited = await cast.requesting.legal.done("PATCH", where, change, if_match=etag)
    assert (edited["text"], edited["version"]) == ("In other words.", 2)
    assert edited["edited_at"] is not None
    assert_problem(await cast.requesting.legal.patch(where, {"text": "Again."}, if_match=etag), 412, "stale_version")
    again = await cast.requesting.legal.done("PATCH", where, change, if_match='"2-00000000"')
    assert again["version"] == 2, "the same words are no edit"
    assert_problem(await cast.requesting.legal.patch(where, {"text": ""}, if_match=etag), 400, "invalid_body")


async def test_neither_the_record_nor_an_answer_holds_words_or_a_subject(service: Service, cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    speaker = cast.requesting.as_(Role.LEGAL, subject="subject-quince-4711")
    made = await comment(speaker, found)
    where = f"{PATH}/{found['id']}/comments/{made['id']}"
    etag = (await speaker.get(where)).headers["etag"]
    await speaker.done("PATCH", where, {"text": f"{WORDS}, twice"}, if_match=etag)
    await speaker.done("POST", f"{where}/resolve")
    rows = await service.database.read().all(
        sa.select(ledger_event.c.type, ledger_event.c.canonical)
        .where(ledger_event.c.subject_id == UUID(made["id"]))
        .order_by(ledger_event.c.id)
    )
    assert [row.type for row in rows] == [f"agreement_comment.{verb}" for verb in ("made", "edited", "resolved")]
    assert all("quince-marmalade" not in bytes(row.canonical).decode() for row in rows)
    assert bytes(rows[1].canonical).decode().count("hmac-sha256:") == 2
    for reader in (cast.assisting.legal, cast.requesting.legal):
        response = await reader.get(f"{PATH}/{found['id']}/comments")
        assert "subject-quince" not in response.text


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"version_no": None}, "place_missing"),
        ({"audience": None}, "place_missing"),
        ({"version_no": 2}, "unknown_version"),
        ({"provision": "7"}, "unknown_provision"),
        ({"quote": {"start": 3, "end": 3}}, "no_such_passage"),
        ({"quote": {"start": 0, "end": 4000}}, "no_such_passage"),
        ({"provision": None, "quote": {"start": 0, "end": 1}}, "quote_without_provision"),
    ],
)
async def test_a_comment_has_a_place_in_the_text(cast: Cast, fields: dict[str, Any], code: str) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    response = await cast.requesting.legal.post(f"{PATH}/{found['id']}/comments", remark(**fields))
    assert_problem(response, 422, code)


async def test_a_reply_has_no_place_of_its_own(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    opened = await comment(cast.requesting.legal, found)
    body = {"parent_id": opened["id"], "text": "Aside.", "audience": "agency", "provision": "1"}
    problem = assert_problem(
        await cast.assisting.legal.post(f"{PATH}/{found['id']}/comments", body), 422, "reply_elsewhere"
    )
    assert [each["pointer"] for each in problem["errors"]] == ["/provision", "/audience"]


async def test_a_comment_is_made_once_per_key_and_not_on_what_is_over(service: Service, cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    key = f"comment-{uuid4()}"
    first = await cast.requesting.legal.post(f"{path}/comments", remark(), key=key)
    assert first.status_code == 201
    assert (await cast.requesting.legal.post(f"{path}/comments", remark(), key=key)).content == first.content
    assert (await cast.requesting.legal.get(first.headers["location"])).status_code == 200
    assert len(await listed(cast.requesting.legal, found)) == 1
    stale = await cast.requesting.legal.post(f"{path}/comments", remark(), if_match='"1-00000000"')
    assert_problem(stale, 412, "stale_version")
    malformed = await cast.requesting.legal.post(f"{path}/comments", remark(text="\u0000"))
    assert_problem(malformed, 400)
    await cast.assisting.legal.done("POST", f"{path}/withdraw", {"reason": "no funds"})
    assert_problem(await cast.assisting.legal.post(f"{path}/comments", remark()), 409, "wrong_status")


async def test_comments_are_for_the_parties(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}/comments"
    await comment(cast.requesting.coordinator, found)
    assert_problem(await service.anonymous.get(path), 401)
    for other in (cast.stranger.legal, service.operator):
        assert_problem(await other.get(path), 403, "forbidden")
    assert_problem(await cast.stranger.legal.post(path, remark()), 403, "forbidden")
    for silent in (cast.requesting.auditor, cast.requesting.admin, cast.requesting.machine):
        assert_problem(await silent.post(path, remark()), 403)
    hidden = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS[1:])
    for suffix in ("", f"/{uuid4()}"):
        assert_problem(await cast.stranger.legal.get(f"{PATH}/{hidden['id']}/comments{suffix}"), 404, "not_found")


async def test_comments_are_paged_thread_by_thread_while_others_are_added(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    speaker = cast.requesting.legal
    first, second = await comment(speaker, found), await comment(speaker, found)
    replies = [await reply(speaker, found, first) for _ in range(2)]
    expected = [first["id"], *(each["id"] for each in replies), second["id"]]
    seen, page = [], f"{PATH}/{found['id']}/comments?sort=thread&limit=2"
    while page:
        response = await speaker.get(page)
        seen += [each["id"] for each in response.json()["items"]]
        page = response.links["next"]["url"] if "next" in response.links else ""
        if len(seen) == 2:
            expected.append((await comment(speaker, found))["id"])
    assert seen == expected
    assert_problem(await speaker.get(f"{PATH}/{found['id']}/comments?cursor=abc"), 422, "bad_cursor")
    assert_problem(await speaker.get(f"{PATH}/{found['id']}/comments?version_no=9"), 404, "not_found")
    assert_problem(await speaker.get(f"{PATH}/{found['id']}/comments?colour=red"), 400, "unknown_parameter")


async def test_of_two_who_settle_or_edit_at_once_one_comes_first(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    for _ in range(6):
        made = await comment(cast.requesting.legal, found)
        where = f"{PATH}/{found['id']}/comments/{made['id']}"
        both = await asyncio.gather(
            *(party.legal.post(f"{where}/resolve") for party in (cast.assisting, cast.requesting))
        )
        assert sorted(each.status_code for each in both) == [200, 409]
        made = await comment(cast.requesting.legal, found)
        where = f"{PATH}/{found['id']}/comments/{made['id']}"
        edited, resolved = await asyncio.gather(
            cast.requesting.legal.patch(where, {"text": "Other."}, if_match='"1-00000000"'),
            cast.assisting.legal.post(f"{where}/resolve", if_match='"1-00000000"'),
        )
        assert sorted([edited.status_code, resolved.status_code]) in ([200, 409], [200, 412])
