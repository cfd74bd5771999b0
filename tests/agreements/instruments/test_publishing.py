"""Nobody publishes for another: what is marked public is shown to all once each party has given its own word."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from registry.agreements.instruments.commands import holding
from registry.agreements.instruments.consent import CONTEST_PERIOD, stays_published
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import report
from tests.agreements.instruments.test_silence import signed
from tests.support.agreements import PROVISIONS, agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import LONG_AHEAD, Agency, Cast, today
from tests.support.consent import agree_to_publish, all_consent, named
from tests.support.documents import file_document
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agreements"
AMENDED = [{**PROVISIONS[0], "text": "The parties help one another by day."}, PROVISIONS[1]]


class TestTheRule:
    def test_it_is_published_once_each_that_is_asked_agreed(self) -> None:
        assert stays_published([True, True], before=False)
        for words in ([True, None], [None], [True, False], []):
            assert not stays_published(words, before=False), "no silence counts"

    def test_and_stays_so_until_one_takes_its_word_back(self) -> None:
        assert stays_published([True, None], before=True), "who became a party later"
        assert not stays_published([True, False], before=True)


async def knows(reader: Agency, found: dict[str, Any], *, other: Agency | None = None) -> bool:
    """Whether the agency knows of the agreement at all, by whatever way; each must say the same."""
    its, number = found["id"], found["number"]
    parties = [UUID(each["agency"]["id"]) for each in found["parties"]]
    listed = await reader.legal.done("GET", f"{PATH}?party_id={parties[0]}&limit=200")
    hits = await reader.legal.done("GET", f"{PATH}/search?q={number}")
    pair = f"requesting_agency_id={parties[1]}&assisting_agency_id={parties[0]}"
    in_force = await reader.legal.done("GET", f"{PATH}/in-force?{pair}")
    ways = {
        "get": (await reader.legal.get(f"{PATH}/{its}")).status_code == 200,
        "of the past": (await reader.legal.get(f"{PATH}/{its}?as_of=2025-06-01T00:00:00Z")).status_code == 200,
        "list": its in {each["id"] for each in listed["items"]},
        "search": its in {each["agreement_id"] for each in hits["items"]},
        "documents": (await reader.legal.get(f"{PATH}/{its}/documents")).status_code == 200,
        "public file": (await reader.legal.get(f"{PATH}/{its}/public-file.zip")).status_code == 200,
        "history": (await reader.legal.get(f"{PATH}/{its}/history")).status_code == 200,
    }
    if found["status"] == "in_force":
        ways["in force"] = its in {each["agreement_id"] for each in in_force["items"]}
    assert len({*ways.values()}) == 1, ways
    return ways["get"]


async def seen(party: Agency, found: dict[str, Any]) -> dict[str, Any]:
    """The agreement as the party sees it now."""
    again: dict[str, Any] = await party.legal.done("GET", f"{PATH}/{found['id']}")
    return again


def action(found: dict[str, Any], name: str) -> bool:
    """Whether the action is allowed now."""
    return any(each["action"] == name and each["allowed"] for each in found["allowed_actions"])


async def fourteen_days_pass(service: Service, found: dict[str, Any]) -> None:
    """What was reported and not contested has had effect."""
    async with unit_of_work(service.database) as write:
        await holding.settle_due(write, UUID(found["id"]), utc_now() + CONTEST_PERIOD + timedelta(minutes=1))


class TestAText:
    async def test_recorded_by_one_it_is_nobodys_but_the_parties_until_each_has_confirmed(self, cast: Cast) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        found = await record_agreement(one, two, three)
        assert found["publication"] == {"status": "proposed", "published_at": None, "outstanding": named(two, three)}
        assert not await knows(cast.stranger, found)
        found = await confirm_agreement(found, two)
        assert found["publication"]["outstanding"] == named(three)
        assert not await knows(cast.stranger, found), "two of three bound by it, and the third is named in it"
        found = await confirm_agreement(found, three)
        assert found["publication"]["status"] == "published"
        assert found["publication"]["outstanding"] == []
        assert await knows(cast.stranger, found)
        shown = await seen(cast.stranger, found)
        assert (shown["view"], shown["publication"]) == ("public", None)
        assert [each["number"] for each in shown["provisions"]] == ["1"]
        told = (await one.legal.done("GET", f"{PATH}/{found['id']}/history"))["items"]
        assert {"version_no": 1} in [each["data"] for each in told if each["type"] == "agreement.published"]

    async def test_signed_here_by_each_it_is_published_with_the_last_signature(self, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        found = await one.legal.done("POST", PATH, agreement_body(one, two, effective_on=today()))
        path = f"{PATH}/{found['id']}"
        await one.legal.done("POST", f"{path}/submit", {})
        await one.counsel.done("POST", f"{path}/approve", {})
        found = await one.legal.done("POST", f"{path}/send-for-signature", {})
        hand = {
            "version_sha256": found["version_sha256"],
            "signatory_title": "Chief",
            "manner": "electronic",
        }
        first = await one.signatory.done("POST", f"{path}/sign", hand)
        assert first["publication"] is None, "it is not executed"
        last = await two.signatory.done("POST", f"{path}/sign", hand)
        assert last["publication"]["status"] == "published"
        assert await knows(cast.stranger, last)

    async def test_by_word_of_mouth_it_is_not(self, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        found = await one.legal.done("POST", PATH, agreement_body(one, two))
        path = f"{PATH}/{found['id']}"
        word = {"signatory_title": "Chief", "reason": "flood", "ratify_by_on": str(today())}
        found = await one.signatory.done("POST", f"{path}/activate-verbally", word)
        assert found["publication"]["outstanding"] == named(one, two)
        word = {"version_sha256": found["version_sha256"], "signatory_title": "Chief"}
        found = await two.signatory.done("POST", f"{path}/agree-verbally", word)
        assert found["status"] == "in_force"
        assert not await knows(cast.stranger, found)
        hand = {**word, "manner": "electronic"}
        await one.signatory.done("POST", f"{path}/sign", hand)
        assert not await knows(cast.stranger, found)
        await agree_to_publish(found["id"], two, version_no=1)
        assert await knows(cast.stranger, await seen(one, found))

    async def test_a_signature_that_was_reported_is_no_word_however_long_nobody_contests_it(
        self, service: Service, cast: Cast
    ) -> None:
        one, two = cast.assisting, cast.requesting
        found = await record_agreement(one, two)
        await report(one, found, signed(two, found))
        await fourteen_days_pass(service, found)
        found = await seen(one, found)
        assert found["status"] == "in_force"
        assert found["publication"]["outstanding"] == named(two)
        assert not await knows(cast.stranger, found)
        await agree_to_publish(found["id"], two, version_no=1)
        assert await knows(cast.stranger, found)

    async def test_a_yes_to_what_another_recorded_or_reported_publishes_nothing_unless_it_says_so(
        self, cast: Cast
    ) -> None:
        one, two = cast.assisting, cast.requesting
        hand = {"signatory_title": "Sheriff", "signed_on": "2025-01-01"}
        for says_so in (False, True):
            found = await record_agreement(one, two)
            body = {**hand, "version_sha256": found["version_sha256"], "agrees_to_publish": says_so}
            found = await two.legal.done("POST", f"{PATH}/{found['id']}/confirm", body)
            assert found["publication"]["outstanding"] == ([] if says_so else named(two))
            assert await knows(cast.stranger, found) is says_so
        reported = await record_agreement(one, two)
        _, path = await report(one, reported, signed(two, reported))
        found = await two.legal.done("POST", f"{path}/confirm", {})
        assert found["publication"]["outstanding"] == named(two)
        await agree_to_publish(found["id"], two, version_no=1)
        assert await knows(cast.stranger, found)

    async def test_what_a_service_records_waits_for_its_own_agency_too(self, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        paper = {"signed_on": "2025-01-01", "signatory_title": "Chief", "evidence_sha256": "ab" * 32}
        found = await one.machine.done("POST", f"{PATH}/record", {**agreement_body(one, two), **paper})
        await confirm_agreement(found, two)
        assert (await seen(two, found))["publication"]["outstanding"] == named(one)

    async def test_without_anything_marked_public_there_is_nothing_to_publish(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS[1:])
        assert found["publication"] is None
        assert not action(found, "agree_to_publish")
        assert not action(found, "stop_publishing")
        for verb, more in (("agree-to-publish", {}), ("stop-publishing", {"reason": "no"})):
            response = await cast.requesting.legal.post(f"{PATH}/{found['id']}/{verb}", {"version_no": 1, **more})
            assert_problem(response, 422, "nothing_to_publish")


class TestAWordTakenBack:
    async def test_from_then_on_the_parties_alone_see_it_until_the_party_agrees_again(
        self, service: Service, cast: Cast
    ) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two)
        path, why = f"{PATH}/{found['id']}", {"version_no": 1, "reason": "counsel looks at it again"}
        assert await knows(cast.stranger, found)
        assert action(await seen(two, found), "stop_publishing")
        stopped = await two.legal.done("POST", f"{path}/stop-publishing", why)
        assert stopped["publication"] == {"status": "proposed", "published_at": None, "outstanding": named(two)}
        assert (action(stopped, "stop_publishing"), action(stopped, "agree_to_publish")) == (False, True)
        assert not await knows(cast.stranger, found)
        assert_problem(await two.legal.post(f"{path}/stop-publishing", why), 409, "wrong_status")
        assert_problem(await one.legal.post(f"{path}/agree-to-publish", {"version_no": 1}), 409, "wrong_status")
        await agree_to_publish(found["id"], two, version_no=1)
        assert await knows(cast.stranger, found)
        told = (await one.legal.done("GET", f"{path}/history"))["items"]
        types = [each["type"] for each in told]
        assert types.index("agreement.published") < types.index("agreement.publishing_stopped"), "the newest first"
        reasons = [each["data"]["reason"] for each in told if each["type"] == "agreement.publishing_stopped"]
        assert reasons == [why["reason"]]

    async def test_a_no_stands_when_the_party_signs_afterwards(self, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        draft = await one.legal.done("POST", PATH, agreement_body(one, two))
        path = f"{PATH}/{draft['id']}"
        word = {"signatory_title": "Chief", "reason": "flood", "ratify_by_on": str(today() + timedelta(days=9))}
        active = await one.signatory.done("POST", f"{path}/activate-verbally", word)
        for party in (one, two):
            await party.legal.done("POST", f"{path}/stop-publishing", {"version_no": 1, "reason": "never"})
        hand = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
        await one.signatory.done("POST", f"{path}/sign", {**hand, "manner": "electronic"})
        found = await two.signatory.done("POST", f"{path}/confirm", {**hand, "signed_on": str(today())})
        assert found["publication"] == {"status": "proposed", "published_at": None, "outstanding": named(one, two)}
        assert not await knows(cast.stranger, found)
        await agree_to_publish(draft["id"], one, two, version_no=1)
        assert await knows(cast.stranger, found)

    async def test_who_joins_what_is_published_already_may_do_so_too(self, service: Service, cast: Cast) -> None:
        one, two, new = cast.assisting, cast.requesting, cast.neighbour
        found = await sign_agreement(service, one, two)
        path = f"{PATH}/{found['id']}"
        body = {"agency_ids": [str(new.id)], "reason": "they ask"}
        proposed = await one.legal.done("POST", f"{path}/add-parties", body)
        await all_consent([two], found, proposed)
        outside = await seen(cast.stranger, found)
        assert [each["agency"] for each in outside["parties"]] == named(one, two), "it has not signed what is published"
        by_newcomer = f"{PATH}?party_id={new.id}"
        assert (await listed(cast.stranger, f"{PATH}?party_id={one.id}"))[found["id"]]["party_count"] == 2
        assert (await listed(two, f"{PATH}?party_id={one.id}"))[found["id"]]["party_count"] == 3
        assert await listed(cast.stranger, by_newcomer) == {}
        assert list(await listed(two, by_newcomer)) == list(await listed(new, by_newcomer)) == [found["id"]]
        hits = await cast.stranger.legal.done("GET", f"{PATH}/search?q={new.name.replace(' ', '+')}&source=party")
        assert hits["items"] == []
        refusal = {"version_no": 1, "reason": "no"}
        assert_problem(await new.legal.post(f"{path}/stop-publishing", refusal), 409, "wrong_status")
        hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "manner": "electronic"}
        joined = await new.legal.done("POST", f"{path}/sign", hand)
        assert joined["publication"]["status"] == "published"
        assert action(joined, "stop_publishing")
        outside = await seen(cast.stranger, found)
        assert [each["agency"] for each in outside["parties"]] == named(one, two, new)
        assert (await listed(cast.stranger, by_newcomer))[found["id"]]["party_count"] == 3
        await new.legal.done("POST", f"{path}/stop-publishing", refusal)
        assert not await knows(cast.stranger, found)


async def listed(reader: Agency, path: str) -> dict[str, dict[str, Any]]:
    """What a list shows the reader, by id."""
    return {each["id"]: each for each in (await reader.legal.done("GET", path))["items"]}


class TestAnAmendment:
    async def _amended(self, cast: Cast, found: dict[str, Any], **more: Any) -> dict[str, Any]:
        paper = {"signed_on": str(today()), "signatory_title": "Chief", "evidence_sha256": "ab" * 32}
        dates = {"effective_on": str(today()), "notice": {"days": 30}, "reason": "by day"}
        body = {"title": "By day (demo)", "terms": {"categories": ["any"]}, "provisions": AMENDED, **dates, **paper}
        path = f"{PATH}/{found['id']}/record-amendment"
        amended: dict[str, Any] = await cast.assisting.legal.done("POST", path, {**body, **more})
        return amended

    async def test_each_text_is_published_by_the_words_to_it(self, service: Service, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two)
        amended = await self._amended(cast, found, expires_on=str(LONG_AHEAD))
        digest = amended["amendment"]["version_sha256"]
        outside = await seen(cast.stranger, found)
        assert (outside["version_no"], outside["title"]) == (1, found["title"])
        about = {"kind": "signed", "version_sha256": digest, "signatory_title": "Mayor", "evidence_sha256": "ab" * 32}
        body = {**about, "agency_id": str(two.id), "acted_on": str(today()), "reason": "a copy came"}
        await report(one, found, body)
        await fourteen_days_pass(service, found)
        found = await seen(one, found)
        assert (found["version_no"], found["publication"]["outstanding"]) == (2, named(two))
        assert found["title"] == "By day (demo)"
        assert await knows(cast.stranger, found), "by the text that was published, and stays so"
        await self._reads(cast.stranger, found, version_no=1, title=self.FIRST, others=self.NEXT)
        await self._reads(two, found, version_no=2, title=self.NEXT, others=self.FIRST)
        await agree_to_publish(found["id"], two, version_no=2)
        outside = await seen(cast.stranger, found)
        assert [each["text"] for each in outside["provisions"]] == [AMENDED[0]["text"]]
        await self._reads(cast.stranger, found, version_no=2, title=self.NEXT, others=self.FIRST)
        stop = {"version_no": 2, "reason": "counsel looks at it again"}
        await one.legal.done("POST", f"{PATH}/{found['id']}/stop-publishing", stop)
        await self._reads(cast.stranger, found, version_no=1, title=self.FIRST, others=self.NEXT)
        await two.legal.done("POST", f"{PATH}/{found['id']}/stop-publishing", {**stop, "version_no": 1})
        assert not await knows(cast.stranger, await seen(two, found)), "nothing is published any more"

    FIRST, NEXT = "Mutual aid (demo)", "By day (demo)"

    async def _reads(self, reader: Agency, found: dict[str, Any], *, version_no: int, title: str, others: str) -> None:
        """The reader is shown that text by whatever way, and meets the other one by none."""
        last_day = str(LONG_AHEAD) if title == self.NEXT else None
        its = await seen(reader, found)
        assert (its["title"], its["version_no"], its["expires_on"]) == (title, version_no, last_day)
        assert its["version_status"] == ("ended" if others == self.NEXT and its["view"] == "public" else "current")
        party = f"party_id={found['parties'][0]['agency']['id']}"
        for sort in ("title", "-ends_on"):
            row = (await listed(reader, f"{PATH}?{party}&sort={sort}&limit=1"))[found["id"]]
            assert (row["title"], row["version_no"], row["expires_on"]) == (title, version_no, last_day)
        assert found["id"] in await listed(reader, f"{PATH}?{party}&q={title[:6].replace(' ', '+')}")
        assert found["id"] not in await listed(reader, f"{PATH}?{party}&q={others[:6].replace(' ', '+')}")
        ends_by = await listed(reader, f"{PATH}?{party}&ends_from={LONG_AHEAD}")
        assert (found["id"] in ends_by) is (last_day is not None)
        for words, there in ((title, True), (others, False)):
            query = f"{PATH}/search?q={words.split(' (')[0].replace(' ', '+')}&source=title&{party}"
            hits = (await reader.legal.done("GET", query))["items"]
            assert [each["title"] for each in hits] == ([title] if there else [])
        pair = "&".join(
            f"{side}_agency_id={found['parties'][n]['agency']['id']}"
            for n, side in enumerate(("assisting", "requesting"))
        )
        (bound,) = (await reader.legal.done("GET", f"{PATH}/in-force?{pair}"))["items"]
        assert (bound["title"], bound["version_no"]) == (title, version_no)

    async def test_where_the_text_of_the_day_is_not_published_the_newest_is_shown(
        self, service: Service, cast: Cast
    ) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two)
        amended = await self._amended(cast, found, effective_on=str(today() + timedelta(days=30)))
        hand = {"version_sha256": amended["amendment"]["version_sha256"], "signatory_title": "Mayor"}
        hand |= {"signed_on": str(today()), "agrees_to_publish": True}
        await two.legal.done("POST", f"{PATH}/{found['id']}/confirm", hand)
        assert (await seen(cast.stranger, found))["version_no"] == 1
        old = {"version_no": 1, "reason": "the old text is nobody's affair"}
        await two.legal.done("POST", f"{PATH}/{found['id']}/stop-publishing", old)
        outside = await seen(cast.stranger, found)
        assert (outside["version_no"], [each["text"] for each in outside["provisions"]]) == (2, [AMENDED[0]["text"]])
        for words, versions in (("another+by+day", [2]), ("another", [2])):
            hits = (await cast.stranger.legal.done("GET", f"{PATH}/search?q={words}&party_id={one.id}"))["items"]
            assert [each["version_no"] for each in hits] == versions
        assert (await seen(two, found))["version_no"] == 1


class TestADocument:
    async def test_it_is_proposed_by_who_files_it_and_published_once_each_party_agreed(
        self, service: Service, cast: Cast
    ) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two)
        word = f"published{uuid4().hex[:8]}"
        filed = await file_document(one.legal, found["id"], word, sensitivity="public", title=f"T{word}")
        assert filed["publication"] == {"status": "proposed", "published_at": None, "outstanding": named(two)}
        document = f"/v1/documents/{filed['id']}"

        async def shown() -> bool:
            reader = cast.stranger.legal
            listed = (await reader.done("GET", f"{PATH}/{found['id']}/documents"))["items"]
            hits = (await reader.done("GET", f"{PATH}/search?q={word}"))["items"]
            archive = (await reader.get(f"{PATH}/{found['id']}/public-file.zip")).content
            ways = {
                "get": (await reader.get(document)).status_code == 200,
                "content": (await reader.get(f"{document}/content")).status_code == 200,
                "history": (await reader.get(f"{document}/history")).status_code == 200,
                "list": [each["id"] for each in listed] == [filed["id"]],
                "search": bool(hits),
                "public file": word.encode() in archive,
            }
            assert len({*ways.values()}) == 1, ways
            return ways["get"]

        assert not await shown()
        waiting = (await two.legal.done("GET", f"{PATH}?waiting_for_me=true"))["items"]
        assert [each["id"] for each in waiting] == [found["id"]]
        assert action(await seen(two, found), "agree_to_publish")
        etag = (await two.legal.get(document)).headers["etag"]
        await agree_to_publish(found["id"], two, document_id=filed["id"])
        assert (await two.legal.get(document)).headers["etag"] != etag
        assert (await two.legal.done("GET", f"{PATH}?waiting_for_me=true"))["items"] == []
        assert await shown()
        told = (await two.legal.done("GET", f"{PATH}/{found['id']}/history"))["items"]
        assert told[0]["data"] == {"document_id": filed["id"]}
        stop = {"document_id": filed["id"], "reason": "a name is in it"}
        await one.legal.done("POST", f"{PATH}/{found['id']}/stop-publishing", stop)
        assert not await shown()

    async def test_a_hash_that_is_not_shown_any_more_finds_nothing(self, service: Service, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two)
        filed = await file_document(one.legal, found["id"], "Some words.", sensitivity="public")
        await agree_to_publish(found["id"], two, document_id=filed["id"])
        path = f"{PATH}/{found['id']}/documents"
        of_hash = f"{path}?sha256={filed['sha256']}"
        assert len((await cast.stranger.legal.done("GET", of_hash))["items"]) == 1
        await one.legal.done("POST", f"/v1/documents/{filed['id']}/withdraw", {"reason": "a mistake"})
        (outside,) = (await cast.stranger.legal.done("GET", path))["items"]
        assert (outside["id"], outside["sha256"]) == (filed["id"], None)
        assert (await cast.stranger.legal.done("GET", of_hash))["items"] == [], "as of any other hash"
        assert len((await two.legal.done("GET", of_hash))["items"]) == 1

    async def test_whoever_files_it_without_the_right_to_sign_only_proposes_it(
        self, service: Service, cast: Cast
    ) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two)
        for filer in (one.machine, service.operator):
            filed = await file_document(filer, found["id"], sensitivity="public")
            assert filed["publication"]["outstanding"] == named(one, two)

    async def test_of_a_draft_its_parties_are_asked_once_it_is_executed(self, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        draft = await one.legal.done("POST", PATH, agreement_body(one, two))
        filed = await file_document(one.legal, draft["id"], sensitivity="public")
        assert filed["publication"] == {"status": "proposed", "published_at": None, "outstanding": []}
        word = {"signatory_title": "Chief", "reason": "flood", "ratify_by_on": str(today())}
        await one.signatory.done("POST", f"{PATH}/{draft['id']}/activate-verbally", word)
        again = await two.legal.done("GET", f"/v1/documents/{filed['id']}")
        assert again["publication"]["outstanding"] == named(two)

    async def test_withdrawn_before_it_was_published_it_waits_for_nobody(self, service: Service, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two)
        filed = await file_document(one.legal, found["id"], sensitivity="public")
        withdrawn = await one.legal.done("POST", f"/v1/documents/{filed['id']}/withdraw", {"reason": "the wrong one"})
        assert withdrawn["publication"] is None
        response = await two.legal.post(f"{PATH}/{found['id']}/agree-to-publish", {"document_id": filed["id"]})
        assert_problem(response, 422, "nothing_to_publish")
        assert (await two.legal.done("GET", f"{PATH}?waiting_for_me=true"))["items"] == []

    async def test_one_that_only_the_parties_read_is_never_published(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        filed = await file_document(cast.assisting.legal, found["id"])
        assert filed["publication"] is None
        body = {"document_id": filed["id"]}
        response = await cast.requesting.legal.post(f"{PATH}/{found['id']}/agree-to-publish", body)
        assert_problem(response, 422, "nothing_to_publish")


@pytest.mark.parametrize("verb", ["agree-to-publish", "stop-publishing"])
async def test_the_litany(service: Service, cast: Cast, verb: str) -> None:
    one, two = cast.assisting, cast.requesting
    found = await record_agreement(one, two)
    path = f"{PATH}/{found['id']}/{verb}"
    body = {"version_no": 1, **({"reason": "no"} if verb == "stop-publishing" else {})}
    assert_problem(await service.anonymous.post(path, body), 401, "unauthenticated")
    assert_problem(await cast.stranger.legal.post(path, body), 404, "not_found")
    for reader in (two.coordinator, two.machine, service.operator):
        assert_problem(await reader.post(path, body), 403, "forbidden")
    assert_problem(await two.legal.post(path, {**body, "version_no": "one"}), 400)
    for unclear in ({**body, "version_no": None}, {**body, "document_id": str(uuid4())}):
        assert_problem(await two.legal.post(path, unclear), 422, "publication_unnamed")
    assert_problem(await two.legal.post(path, {**body, "version_no": 2}), 422, "nothing_to_publish")
    assert_problem(await two.legal.send("POST", path, json=body, headers={"if-match": '"99-x"'}), 412, "stale_version")
    key = {"idempotency-key": str(uuid4())}
    answers = [await two.legal.send("POST", path, json=body, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert_problem(await two.legal.post(path, body), 409, "wrong_status")
