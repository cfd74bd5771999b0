"""What a request and its lines offer works, what they withhold is refused: in each status, for each side and role."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import pytest

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from registry.sharing.requests.commands import asking
from registry.sharing.requests.commands.expiring import ask_next_all_due
from registry.sharing.requests.commands.sourcing import source_request_line
from registry.sharing.requests.commands.suspending import settle_offers_all_due
from registry.sharing.requests.rules import REFUSED, LineStatus, RequestStatus
from registry.sharing.requests.schemas.given import LineSourcing, NewRequest
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import CONDITION, reserve_then, under_way
from tests.support.policy import acting_for, policies_of, window_of
from tests.support.requests import act, line_for, make_request, need_line, submitted
from tests.support.service import Caller

pytestmark = pytest.mark.second_later

WHY = {"reason": "as told on the telephone (demo)"}
NO = {**WHY, "reason_code": "not_available"}
TERMS = {"max_duration_hours": 72, "approval_over_hours": 48}
NOW, PERMITTED, APPROVAL, DENIED = 8, 8, 60, 100
Found = dict[str, Any]


class Scene(msgspec.Struct, frozen=True):
    """A cast with an agreement under which the hours asked for decide what is permitted, approved and denied."""

    cast: Cast

    async def asked(self, *hours: int, submit: bool = True, over: bool = False) -> Found:
        """A request with a line of so many hours for each, that began an hour ago; `over`: and ended since."""
        lines = [
            line_for(
                await make_asset(self.cast.assisting),
                window=window_of(start_in_hours=-400, hours=each) if over else under_way(hours=each),
            )
            for each in hours
        ]
        if not over or not submit:
            made = await make_request(self.cast.requesting, {}, lines=lines)
            return await act(self.cast.requesting.coordinator, made, "submit", {}) if submit else made
        return await self._asked_before(lines)

    async def _asked_before(self, lines: list[Found]) -> Found:
        then = acting_for(self.cast.requesting, Role.COORDINATOR, now=utc_now() - timedelta(hours=500))
        new = msgspec.convert({"purpose": "mutual_aid", "summary": "x", "lines": lines}, NewRequest)
        async with unit_of_work(self.cast.requesting.service.database) as write:
            made = await asking.create_request(write, then, new)
        async with unit_of_work(self.cast.requesting.service.database) as write:
            await asking.submit_request(write, then, policies_of(self.cast.requesting.service), made.id)
        return await self.seen({"id": str(made.id)})

    async def seen(self, found: Found) -> Found:
        """The request as who asks sees it now."""
        request: Found = await self.cast.requesting.coordinator.done("GET", f"/v1/requests/{found['id']}")
        return request

    async def lend(self, found: Found, number: int = 0, *steps: str) -> Found:
        """The request once the line is lent, and these steps of the owner taken."""
        owner = self.cast.assisting.coordinator
        body = {"decision_id": found["lines"][number]["decision"]["id"]}
        loan = await owner.done("POST", "/v1/loans", body)
        for step in steps:
            bodies = {"dispatch": CONDITION, "return": CONDITION, "cancel": WHY}
            await owner.done("POST", f"/v1/loans/{loan['id']}/{step}", bodies.get(step, {}))
        return await self.seen(found)

    async def of_line(self, caller: Caller, found: Found, verb: str, body: object = None, number: int = 0) -> Found:
        """The request after this verb of the line."""
        path = f"/v1/requests/{found['id']}/lines/{found['lines'][number]['id']}/{verb}"
        request: Found = await caller.done("POST", path, WHY if body is None else body)
        return request

    async def revised(self, found: Found) -> Found:
        """The request with another priority, so that what no loan answers is to be decided anew."""
        caller, path = self.cast.requesting.coordinator, f"/v1/requests/{found['id']}"
        etag = (await caller.get(path)).headers["etag"]
        edited: Found = await caller.done("PATCH", path, {"priority": "urgent"}, if_match=etag)
        return edited

    async def needed(self, *owners: Agency, quantity: int = 1, late: bool = False) -> Found:
        """A request for so many teams, asked of these agencies one by one; `late`: they should have answered before."""
        made = await submitted(self.cast.requesting, {}, lines=[need_line(window=under_way(), quantity=quantity)])
        if owners:
            tiers = [[each.id] for each in owners]
            then = acting_for(self.cast.requesting, Role.COORDINATOR, now=utc_now() - timedelta(hours=2 * late))
            async with unit_of_work(self.cast.requesting.service.database) as write:
                request_id, line_id = UUID(made["id"]), UUID(made["lines"][0]["id"])
                await source_request_line(write, then, request_id, line_id, LineSourcing(tiers=tiers))
        return await self.seen(made)

    async def offered(self, owner: Agency, found: Found, **fields: object) -> Found:
        """The request once the agency has offered one of its teams."""
        (line,) = (await owner.coordinator.done("GET", f"/v1/requests/{found['id']}"))["lines"]
        body = {"asset_id": (await make_asset(owner))["id"], **fields}
        await owner.coordinator.done("POST", f"/v1/requests/{found['id']}/lines/{line['id']}/offer", body)
        return await self.seen(found)

    async def suspended(self) -> Found:
        """A request for which a team was offered on a condition that its owner has taken out of service since."""
        owner, service = self.cast.assisting, self.cast.assisting.service
        found = await self.offered(owner, await self.needed(owner), condition="By noon (demo).")
        path = f"/v1/assets/{found['lines'][1]['asset_id']}/take-out-of-service"
        await owner.coordinator.done("POST", path, WHY)
        work = partial(unit_of_work, service.database)
        await settle_offers_all_due(service.database.read(), work, policies_of(service), utc_now())
        return await self.seen(found)

    async def filled(self, quantity: int) -> Found:
        """A request for so many teams, of which one is lent."""
        found = await self.needed(self.cast.assisting, quantity=quantity)
        return await self.lend(await self.offered(self.cast.assisting, found), 1)

    async def filled_by_another(self) -> Found:
        """One offered on a condition, and as many as were needed by another agency."""
        neighbour, both = self.cast.neighbour, (self.cast.assisting, self.cast.neighbour)
        await sign_agreement(neighbour.service, neighbour, self.cast.requesting)
        found = await self.needed(*both, late=True)
        await ask_next_all_due(
            neighbour.service.database.read(), partial(unit_of_work, neighbour.service.database), utc_now()
        )
        found = await self.offered(self.cast.assisting, found, condition="By noon (demo).")
        return await self.offered(neighbour, found)


async def changed(scene: Scene) -> Found:
    """Permitted, and the asset was changed since."""
    found = await scene.asked(PERMITTED)
    path, owner = f"/v1/assets/{found['lines'][0]['asset_id']}", scene.cast.assisting.admin
    etag = (await owner.get(path)).headers["etag"]
    await owner.done("PATCH", path, {"description": "Another dog (demo)."}, if_match=etag)
    return await scene.seen(found)


async def shared_no_more(scene: Scene) -> Found:
    """Permitted, and its owner shares the asset no more."""
    found = await scene.asked(PERMITTED)
    path = f"/v1/assets/{found['lines'][0]['asset_id']}"
    await scene.cast.assisting.admin.done("PATCH", path, {"sharing": "private"}, if_match="*")
    return await scene.seen(found)


async def covered_no_more(scene: Scene) -> Found:
    """Permitted, and the only agreement that covers it is suspended since."""
    owner, asker = scene.cast.assisting, scene.cast.requesting
    seen = await asker.coordinator.get(f"/v1/assets/{(await make_asset(owner))['id']}")
    if seen.status_code == 404:  # it is made once more
        await sign_agreement(owner.service, owner, asker, terms=TERMS)
    found = await scene.asked(PERMITTED)
    path = f"/v1/agreements/{found['lines'][0]['decision']['agreement']['id']}/suspend"
    await owner.legal.done("POST", path, WHY)
    return await scene.seen(found)


async def some_lost(scene: Scene) -> Found:
    """Two were lent, and one of them is lost while they are away."""
    window = under_way(hours=PERMITTED)
    radios = await make_asset(scene.cast.assisting, category="communications.radio_cache", capacity=2)
    found = await submitted(scene.cast.requesting, {}, lines=[line_for(radios, quantity=2, window=window)])
    found = await scene.lend(found, 0, "dispatch")
    loan = found["lines"][0]["loan"]["id"]
    await scene.cast.assisting.coordinator.done("POST", f"/v1/loans/{loan}/report-lost", {**WHY, "quantity": 1})
    return await scene.seen(found)


async def not_handed_over(scene: Scene) -> Found:
    """Reserved as its time began, and reported as not handed over."""
    found, window = await scene.asked(PERMITTED), under_way()
    loan = await reserve_then(scene.cast.assisting, UUID(found["lines"][0]["decision"]["id"]), window.start)
    await scene.cast.requesting.coordinator.done("POST", f"/v1/loans/{loan['id']}/report-no-show", WHY)
    return await scene.seen(found)


async def edited(scene: Scene, made: Found) -> Found:
    """Its first line changed, and not submitted again."""
    path = f"/v1/requests/{made['id']}/lines/{made['lines'][0]['id']}"
    window = msgspec.to_builtins(under_way(hours=PERMITTED + 1))
    done: Found = await scene.cast.requesting.coordinator.done("PATCH", path, {"window": window}, if_match="*")
    return done


async def edited_and_dropped(scene: Scene) -> Found:
    """Declined, changed, and the change given up: it is declined."""
    found = await edited(scene, await declined(scene))
    return await scene.of_line(scene.cast.requesting.coordinator, found, "withdraw", WHY, 1)


async def approved(scene: Scene) -> Found:
    """Approved by the owner's commander."""
    return await act(scene.cast.assisting.approver, await scene.asked(APPROVAL), "approve")


async def rejected(scene: Scene) -> Found:
    """Rejected by the owner's commander."""
    return await act(scene.cast.assisting.approver, await scene.asked(APPROVAL), "reject")


async def declined(scene: Scene) -> Found:
    """Declined by the owner."""
    return await scene.of_line(scene.cast.assisting.coordinator, await scene.asked(PERMITTED), "decline", NO)


async def mended(scene: Scene) -> Found:
    """Denied, with a draft in its place."""
    return await scene.revised(await scene.asked(DENIED))


async def half(scene: Scene, *rest: int) -> Found:
    """Its first line lent, the others as they are."""
    return await scene.lend(await scene.asked(PERMITTED, *rest))


async def half_declined(scene: Scene) -> Found:
    """One line lent, of another the loan cancelled by its owner."""
    return await scene.lend(await half(scene, PERMITTED), 1, "cancel")


async def back_and_declined(scene: Scene) -> Found:
    """One line lent and closed, the other declined."""
    found = await scene.of_line(scene.cast.assisting.coordinator, await scene.asked(8, 8), "decline", NO, 1)
    return await scene.lend(found, 0, "dispatch", "return", "close")


async def back_and_done_without(scene: Scene) -> Found:
    """The same, and who asked does without what was declined."""
    return await scene.of_line(scene.cast.requesting.coordinator, await back_and_declined(scene), "withdraw", WHY, 1)


async def withdrawn(scene: Scene) -> Found:
    """Withdrawn as a whole."""
    return await act(scene.cast.requesting.coordinator, await scene.asked(PERMITTED, DENIED), "withdraw")


async def closed(scene: Scene) -> Found:
    """Closed by hand with one line lent and one denied."""
    commander = scene.cast.requesting.as_(Role.APPROVER, subject="commander")
    return await act(commander, await half(scene, DENIED, PERMITTED), "close-manually")


async def closed_and_cancelled(scene: Scene) -> Found:
    """Closed by hand, then the loan cancelled by who asked for it, and its asset changed."""
    found = await closed(scene)
    loan = found["lines"][0]["loan"]["id"]
    await scene.cast.requesting.coordinator.done("POST", f"/v1/loans/{loan}/cancel", WHY)
    path, owner = f"/v1/assets/{found['lines'][0]['asset_id']}", scene.cast.assisting.admin
    await owner.done("PATCH", path, {"description": "Another dog (demo)."}, if_match="*")
    return await scene.seen(found)


async def closed_and_given_up(scene: Scene) -> Found:
    """Closed by hand, then the loan cancelled by its owner."""
    found = await closed(scene)
    loan = found["lines"][0]["loan"]["id"]
    await scene.cast.assisting.coordinator.done("POST", f"/v1/loans/{loan}/cancel", WHY)
    return await scene.seen(found)


STATES: Mapping[str, tuple[str, str, Callable[[Scene], Awaitable[Found]]]] = {
    "drafted": ("draft", "draft", lambda scene: scene.asked(PERMITTED, submit=False)),
    "drafted for a time that is over": ("draft", "draft", lambda scene: scene.asked(8, submit=False, over=True)),
    "revised": ("submitted", "draft", lambda scene: _after(scene.asked(PERMITTED), scene.revised)),
    "denied": ("denied", "denied", lambda scene: scene.asked(DENIED)),
    "denied and mended": ("submitted", "denied draft", mended),
    "denied beside permitted": ("permitted", "denied permitted", lambda scene: scene.asked(DENIED, PERMITTED)),
    "needing approval": ("needs_approval", "needs_approval", lambda scene: scene.asked(APPROVAL)),
    "approved": ("approved", "approved", approved),
    "permitted": ("permitted", "permitted", lambda scene: scene.asked(PERMITTED)),
    "permitted, and changed": ("permitted", "permitted", changed),
    "permitted, and shared no more": ("permitted", "permitted", shared_no_more),
    "permitted, and covered no more": ("permitted", "permitted", covered_no_more),
    "permitted, and edited": (
        "submitted",
        "withdrawn draft",
        lambda scene: _after(scene.asked(PERMITTED), lambda it: edited(scene, it)),
    ),
    "declined, and edited": (
        "submitted",
        "declined draft",
        lambda scene: _after(declined(scene), lambda it: edited(scene, it)),
    ),
    "declined, and an edit dropped": ("declined", "declined withdrawn", edited_and_dropped),
    "lent, and some lost": ("partially_filled", "partially_filled", some_lost),
    "not handed over": ("permitted", "permitted", not_handed_over),
    "rejected": ("rejected", "rejected", rejected),
    "declined": ("declined", "declined", declined),
    "given up": ("declined", "declined", lambda scene: _after(scene.asked(8), lambda it: scene.lend(it, 0, "cancel"))),
    "lent in part": ("partially_filled", "reserved permitted", lambda scene: half(scene, PERMITTED)),
    "lent in part, the rest refused": ("partially_filled", "reserved denied", lambda scene: half(scene, DENIED)),
    "lent in part, the rest given up": ("partially_filled", "reserved declined", half_declined),
    "lent in part, the rest revised": (
        "partially_filled",
        "reserved denied draft draft",
        lambda scene: _after(half(scene, DENIED, PERMITTED), scene.revised),
    ),
    "lent": ("filled", "reserved", half),
    "needed": ("open", "open", lambda scene: scene.needed()),
    "asked": ("open", "open asked queued", lambda scene: scene.needed(scene.cast.assisting, scene.cast.neighbour)),
    "suspended": ("open", "open suspended", lambda scene: scene.suspended()),
    "unanswered": ("open", "open unanswered", lambda scene: scene.needed(scene.cast.assisting, late=True)),
    "offered on a condition": (
        "open",
        "open offered",
        lambda scene: _after(
            scene.needed(scene.cast.assisting),
            lambda it: scene.offered(scene.cast.assisting, it, condition="By noon (demo)."),
        ),
    ),
    "offered": (
        "permitted",
        "open permitted",
        lambda scene: _after(scene.needed(scene.cast.assisting), lambda it: scene.offered(scene.cast.assisting, it)),
    ),
    "offered on a condition, and filled by another": (
        "permitted",
        "open offered permitted",
        lambda scene: scene.filled_by_another(),
    ),
    "a need filled in part": ("partially_filled", "partially_filled reserved", lambda scene: scene.filled(2)),
    "a need filled": ("filled", "filled reserved", lambda scene: scene.filled(1)),
    "back": (
        "completed",
        "filled",
        lambda scene: _after(scene.asked(8), lambda it: scene.lend(it, 0, "dispatch", "return", "close")),
    ),
    "back, the rest refused": (
        "partially_filled",
        "filled denied",
        lambda scene: _after(scene.asked(8, DENIED), lambda it: scene.lend(it, 0, "dispatch", "return", "close")),
    ),
    "back, the rest declined": ("partially_filled", "filled declined", back_and_declined),
    "back, the rest given up": ("completed", "filled withdrawn", back_and_done_without),
    "withdrawn": ("withdrawn", "withdrawn denied", withdrawn),
    "over": ("expired", "expired", lambda scene: scene.asked(PERMITTED, over=True)),
    "over, and denied": ("denied", "denied", lambda scene: scene.asked(DENIED, over=True)),
    "closed by hand": ("closed_manually", "filled denied withdrawn", closed),
    "closed, then the loan cancelled": ("closed_manually", "withdrawn denied withdrawn", closed_and_cancelled),
    "closed, then given up": ("closed_manually", "declined denied withdrawn", closed_and_given_up),
}


async def _after(made: Awaitable[Found], then: Callable[[Found], Awaitable[Found]]) -> Found:
    return await then(await made)


def test_every_status_of_a_request_and_of_a_line_is_walked() -> None:
    assert {status for status, _, _ in STATES.values()} == set(RequestStatus)
    assert {line for _, lines, _ in STATES.values() for line in lines.split()} == set(LineStatus)


ROLES = (Role.COORDINATOR, Role.APPROVER, Role.AUDITOR, Role.LEGAL)
SIDES = ("requesting", "assisting")


def caller_of(agency: Agency, role: Role) -> Caller:
    """Somebody with that role who did not ask."""
    return agency.as_(role, subject=f"{role.value}-who-did-not-ask")


async def perform(scene: Scene, caller: Caller, found: Found, action: str, line: Found | None, version: str) -> Any:
    """What the action is answered with."""
    path = f"/v1/requests/{found['id']}" + (f"/lines/{line['id']}" if line else "")
    if action == "update":
        body: object = {"note": "at gate B (demo)"} if line else {"summary": "Other words (demo)."}
        return await caller.patch(path, body, if_match=version)
    if action == "create_loan":
        assert line is not None
        return await caller.post("/v1/loans", {"decision_id": line["decision"]["id"]})
    first = found["lines"][0]
    team = await make_asset(scene.cast.assisting) if action == "offer" else {"id": None}
    bodies: Mapping[str, object] = {
        "source": {"tiers": [[str(scene.cast.stranger.id)]]},
        "offer": {"asset_id": team["id"]},
        "accept_offer": {"offer_version": (line or {}).get("offer_version") or 1},
        "submit": {},
        "ask_again": {},
        "decline": NO,
        "accept_changed_assets": {"lines": [{"line_no": 1, "asset_version": first["asset_version"] or 1}]},
    }
    return await caller.post(f"{path}/{action.replace('_', '-')}", bodies.get(action, WHY))


def offers(seen: Found) -> list[tuple[int | None, Found]]:
    """What the request offers and withholds, and what each of its lines, by their place."""
    of_lines: list[tuple[int | None, Found]] = [
        (place, each) for place, line in enumerate(seen["lines"]) for each in line["allowed_actions"]
    ]
    return [*((None, each) for each in seen["allowed_actions"]), *of_lines]


@pytest.mark.second_later
@pytest.mark.parametrize("name", STATES)
async def test_what_is_offered_works_and_what_is_withheld_is_refused(cast: Cast, name: str) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=TERMS)
    scene, (status, lines, make) = Scene(cast), STATES[name]
    used = await make(scene)
    assert (used["status"], " ".join(line["status"] for line in used["lines"])) == (status, lines)
    refused = [line for line in used["lines"] if line["status"] in REFUSED and line["replaced_by_line_no"] is None]
    assert used["refused_line_count"] == len(refused), "what the status leaves out, the count says"
    for side in SIDES:
        agency = cast.requesting if side == "requesting" else cast.assisting
        for role in ROLES:
            caller = caller_of(agency, role)
            response = await caller.get(f"/v1/requests/{used['id']}")
            if response.status_code == 404:
                assert side == "assisting"
                assert status == "draft" or name == "needed", "nobody is asked yet"
                continue
            for place, offer in offers(response.json()):
                where = f"{name}: {offer['action']} of {place} for {side} {role}"
                found = await make(scene) if offer["allowed"] else used
                mine = await caller.get(f"/v1/requests/{found['id']}")
                line = None if place is None else mine.json()["lines"][place]
                answer = await perform(scene, caller, mine.json(), offer["action"], line, mine.headers["etag"])
                if offer["allowed"]:
                    assert answer.is_success, f"{where}: {answer.text}"
                else:
                    assert answer.status_code in (403, 409, 422), f"{where}: {answer.status_code}"
                    if line is not None:
                        assert answer.json()["detail"] == offer["reason"], where


@pytest.mark.parametrize("name", STATES)
async def test_there_is_a_way_on_from_everything_but_the_end(cast: Cast, name: str) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=TERMS)
    status, _, make = STATES[name]
    found = await make(Scene(cast))
    seen = await caller_of(cast.requesting, Role.COORDINATOR).done("GET", f"/v1/requests/{found['id']}")
    final = {"completed", "withdrawn", "expired", "closed_manually"}
    assert (status in final) == (not any(offer["allowed"] for _, offer in offers(seen)))
