"""Checkpoints and proofs over HTTP: what they prove, and to whom an event is no secret."""

import base64
import hashlib
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from registry.directory.agencies.schemas import NEW_AGENCY_EXAMPLE
from registry.platform.access.principals import Role
from registry.platform.kernel.errors import RuleBroken
from registry.platform.ledger.merkle import is_consistent, leaf_hash, root_by_inclusion
from registry.platform.ledger.notes import parse_checkpoint, parse_key, parse_note, verified_by
from registry.platform.ledger.proof_schemas import LedgerConsistencyQuery
from registry.platform.ledger.proving import prove_consistency
from registry.platform.settings import load
from tests.support.cast import Cast
from tests.support.ledger import Ledger, literal, signed_ledger, tamper
from tests.support.loans import make_partners
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process
from tests.support.service import Service


def raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


async def an_event(cast: Cast) -> str:
    """One of the two partners' agreement."""
    partners = await make_partners(cast)
    path = f"/v1/agreements/{partners.agreement['id']}/history?limit=1"
    history = await cast.assisting.auditor.done("GET", path)
    return f"/v1/ledger/events/{history['items'][0]['id']}/proof"


async def test_an_event_is_proved_to_both_sides_by_the_same_bytes(service: Service, cast: Cast) -> None:
    path = await an_event(cast)
    size = await signed_ledger(service)
    proofs = [await side.auditor.done("GET", path) for side in (cast.assisting, cast.requesting)]
    for proof in proofs:
        public = proof["public_part"].encode()
        assert raw(proof["leaf_hash"]) == leaf_hash(public)
        root = root_by_inclusion(leaf_hash(public), proof["seq"], proof["tree_size"], [*map(raw, proof["hashes"])])
        assert root == raw(proof["root_hash"])
        checkpoint = parse_checkpoint(note := parse_note(proof["checkpoint"]["note"]))
        assert (checkpoint.size, checkpoint.root) == (proof["tree_size"], root)
        assert checkpoint.size >= size
        keys = await cast.stranger.coordinator.done("GET", "/v1/ledger/keys")
        assert verified_by(note, [parse_key(each["verifier_key"]) for each in keys["keys"]])
        assert proof["event_id"] in proof["public_part"]
    assert proofs[0]["public_part"] == proofs[1]["public_part"]


async def test_who_acted_is_proved_to_the_own_auditor_alone(service: Service, cast: Cast) -> None:
    path = await an_event(cast)
    await signed_ledger(service)
    own = msgspec.json.decode((await cast.assisting.auditor.done("GET", path))["public_part"])["actor"]["agency_id"]
    for side in (cast.assisting, cast.requesting):
        for role in (Role.AUDITOR, Role.AGENCY_ADMIN):
            response = await side.as_(role).get(path)
            found = response.json()
            if str(side.id) == own:
                private = found["private_part"]
                said = msgspec.json.decode(found["public_part"])["private_sha256"]
                assert hashlib.sha256(private.encode()).hexdigest() == said
                assert response.headers["cache-control"] == "no-store"
            else:
                assert found["private_part"] is None


async def test_a_stranger_learns_nothing_of_an_event(service: Service, cast: Cast) -> None:
    path = await an_event(cast)
    await signed_ledger(service)
    nothing = await cast.stranger.auditor.get(f"/v1/ledger/events/{uuid4()}/proof")
    for query in ("", "?tree_size=1", "?tree_size=999999999"):
        hidden = await cast.stranger.auditor.get(path + query)
        assert_problem(hidden, 404, "not_found")
        assert hidden.json()["detail"] == nothing.json()["detail"]
    assert_problem(await service.anonymous.get(path), 401, "unauthenticated")
    assert_problem(await cast.assisting.as_(Role.COORDINATOR, scope="loans:*").get(path), 403, "forbidden")
    assert_problem(await cast.assisting.auditor.get(f"{path}?tree_size=none"), 400, "invalid_parameter")


async def test_a_proof_is_had_for_any_later_tree_and_for_no_other(service: Service, cast: Cast) -> None:
    path = await an_event(cast)
    size = await signed_ledger(service)
    seq = (await cast.assisting.auditor.done("GET", path))["seq"]
    for tree_size in {seq + 1, (seq + 1 + size) // 2, size}:
        proof = await cast.assisting.auditor.done("GET", f"{path}?tree_size={tree_size}")
        hashes = [*map(raw, proof["hashes"])]
        assert root_by_inclusion(raw(proof["leaf_hash"]), seq, tree_size, hashes) == raw(proof["root_hash"])
    for tree_size in (max(seq, 1), size + 1_000_000):
        refused = await cast.assisting.auditor.get(f"{path}?tree_size={tree_size}")
        assert_problem(refused, 422, "no_such_tree")


async def test_what_is_sealed_and_not_signed_yet_is_counted_by_nobody(ledger: Ledger) -> None:
    await ledger.record(2)
    await ledger.seal()
    await ledger.record(1)
    await ledger.another_sealer(every_seconds=1_000_000.0).run()
    signed, sealed = (await ledger.checkpoints())[-1].tree_size, len(await ledger.sealed())
    assert signed < sealed
    read = ledger.database.read()
    assert (await prove_consistency(read, LedgerConsistencyQuery(from_=1, to=signed))).to_tree_size == signed
    with pytest.raises(RuleBroken, match=f"no {sealed} signed events"):
        await prove_consistency(read, LedgerConsistencyQuery(from_=1, to=sealed))


async def test_what_auditors_look_through_is_proved_to_who_may_look_through_it(service: Service, cast: Cast) -> None:
    partners = await make_partners(cast)
    exported = await cast.assisting.legal.get(f"/v1/agreements/{partners.agreement['id']}/file.zip")
    assert exported.status_code == 200
    listed = await cast.assisting.auditor.done("GET", "/v1/audit-events?type=agreement.file_exported&limit=1")
    path = f"/v1/ledger/events/{listed['items'][0]['id']}/proof"
    await signed_ledger(service)
    for role in (Role.AUDITOR, Role.AGENCY_ADMIN):
        await cast.assisting.as_(role).done("GET", path)
    for role in (Role.COORDINATOR, Role.APPROVER, Role.LEGAL):
        assert_problem(await cast.assisting.as_(role).get(path), 403, "forbidden")


async def test_the_ledger_is_proved_to_have_only_grown(service: Service, cast: Cast) -> None:
    before = await signed_ledger(service)
    await an_event(cast)
    after = await signed_ledger(service)
    assert after > before
    reader = cast.stranger.coordinator
    newest = await reader.done("GET", "/v1/ledger/checkpoint")
    for earlier in {1, before, newest["tree_size"]}:
        proof = await reader.done("GET", f"/v1/ledger/consistency?from={earlier}&to={newest['tree_size']}")
        assert proof["to_root_hash"] == newest["root_hash"]
        old, new = raw(proof["from_root_hash"]), raw(proof["to_root_hash"])
        assert is_consistent(earlier, newest["tree_size"], old, new, [*map(raw, proof["hashes"])])
    assert (await reader.done("GET", "/v1/ledger/consistency?from=1"))["to_tree_size"] >= newest["tree_size"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "missing_parameter"),
        ("?from=0", 400, "invalid_parameter"),
        ("?from=2&to=1", 422, "range_reversed"),
        ("?from=1&to=999999999", 422, "no_such_tree"),
        ("?from=999999999", 422, "no_such_tree"),
        ("?from=1&to=2&at=3", 400, "unknown_parameter"),
    ],
)
async def test_no_consistency_is_proved_of_trees_that_are_none(
    service: Service, cast: Cast, query: str, status: int, code: str
) -> None:
    await signed_ledger(service)
    assert_problem(await cast.assisting.auditor.get(f"/v1/ledger/consistency{query}"), status, code)


async def test_the_newest_checkpoint_is_the_note_itself_for_whoever_asks_for_text(service: Service, cast: Cast) -> None:
    size = await signed_ledger(service)
    response = await cast.stranger.coordinator.send("GET", "/v1/ledger/checkpoint", headers={"accept": "text/plain"})
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert parse_checkpoint(parse_note(response.text)).size >= size
    listed = await cast.stranger.coordinator.done("GET", "/v1/ledger/checkpoints?limit=2")
    sizes = [each["tree_size"] for each in listed["items"]]
    assert sizes == sorted(sizes, reverse=True)
    for each in listed["items"]:
        checkpoint = parse_checkpoint(parse_note(each["note"]))
        assert (checkpoint.size, checkpoint.root) == (each["tree_size"], raw(each["root_hash"]))


async def test_before_anything_is_signed_that_is_said(private_url: str, tmp_path: Any) -> None:
    async with in_process(load(environment(private_url, tmp_path))) as service:
        service.edge.app.state.sealer.every_seconds = service.edge.app.state.sealer.every_events = 10**9
        operator = service.operator
        assert_problem(await operator.get("/v1/ledger/checkpoint"), 409, "not_signed_yet")
        assert_problem(await operator.get("/v1/ledger/consistency?from=1"), 409, "not_signed_yet")
        assert (await operator.done("GET", "/v1/ledger/keys"))["keys"] == []
        made = await operator.done("POST", "/v1/agencies", NEW_AGENCY_EXAMPLE)
        history = await operator.done("GET", f"/v1/agencies/{made['id']}/history")
        path = f"/v1/ledger/events/{history['items'][0]['id']}/proof"
        assert_problem(await operator.get(path), 409, "not_signed_yet")
        await signed_ledger(service)
        assert (await operator.done("GET", path))["checkpoint"] is not None


ZEROS = bytes(32)


@pytest.mark.second_later
@pytest.mark.parametrize(
    ("statement", "hurt"),
    [
        ("UPDATE ledger_leaf SET leaf_hash = {zeros} WHERE seq = 0", {"event"}),
        ("DELETE FROM ledger_leaf WHERE seq = 0", {"event", "growth"}),
        ("UPDATE ledger_leaf SET root_hash = {zeros} WHERE seq = {last}", {"event", "growth"}),
        ("DELETE FROM ledger_leaf WHERE seq = {last}", {"growth"}),
        ("UPDATE ledger_checkpoint SET root_hash = {zeros} WHERE tree_size = {last} + 1", {"event"}),
        ("UPDATE ledger_event SET canonical = {zeros} WHERE id = {event}", {"event"}),
    ],
)
async def test_of_a_ledger_that_was_changed_nothing_is_proved_and_that_is_said(
    private_url: str, tmp_path: Any, statement: str, hurt: set[str]
) -> None:
    async with in_process(load(environment(private_url, tmp_path))) as service:
        operator = service.operator
        await operator.done("POST", "/v1/agencies", {"name": "The one before", "kind": "city", "level": "local"})
        made = await operator.done("POST", "/v1/agencies", NEW_AGENCY_EXAMPLE)
        history = await operator.done("GET", f"/v1/agencies/{made['id']}/history")
        event = history["items"][0]["id"]
        await signed_ledger(service)
        proof = await operator.done("GET", f"/v1/ledger/events/{event}/proof")
        assert proof["seq"] > 0
        size = proof["tree_size"]
        paths = {"event": f"/v1/ledger/events/{event}/proof", "growth": f"/v1/ledger/consistency?from=1&to={size}"}
        given = {"zeros": literal(private_url, ZEROS), "event": literal(private_url, UUID(event)), "last": size - 1}
        await tamper(private_url, statement.format(**given))
        for what in hurt:
            response = await operator.get(paths[what])
            assert_problem(response, 503, "ledger_changed")
            assert "registry ledger verify" in response.json()["detail"]
            assert response.headers["retry-after"] == "600"
