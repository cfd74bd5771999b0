"""Pictures and papers of assets: filed, shared, read, replaced and withdrawn."""

import hashlib
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from registry.agreements.documents.commands import sweep
from registry.agreements.insurance.schemas import NEW_CERTIFICATE_EXAMPLE
from registry.database_tables import named_contents
from registry.platform.database.connect import unit_of_work
from registry.platform.files.kinds import JPEG, PDF, PNG
from registry.platform.kernel.time import utc_now
from registry.resources.certificates.schemas import NEW_ASSET_CERTIFICATE_EXAMPLE
from registry.resources.papers.tables import asset_document
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import LONG_AHEAD, Cast
from tests.support.documents import file_paper, make_pdf, make_word, photograph, send_paper
from tests.support.personnel import enter_person
from tests.support.problems import assert_problem

TIFF = b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"


async def test_a_photograph_is_kept_without_where_it_was_taken_and_read_by_its_own_until_it_is_shared(
    cast: Cast,
) -> None:
    owner, partner, stranger = cast.assisting, cast.requesting, cast.stranger
    await sign_agreement(owner.service, owner, partner)
    asset = await make_asset(owner)
    raw = photograph()
    about = {
        "kind": "photo",
        "title": "Left side",
        "filename": "IMG_0001.jpg",
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    filed = await file_paper(owner.coordinator, asset["id"], raw, JPEG, **about)
    path = f"/v1/assets/{asset['id']}/documents/{filed['id']}"
    assert (filed["status"], filed["shared"], filed["media_type"], filed["remarks"]) == ("filed", False, JPEG, [])
    content = await owner.auditor.get(f"{path}/content")
    assert hashlib.sha256(content.content).hexdigest() == filed["sha256"] != about["sha256"]
    assert b"44.98N" not in content.content
    assert (content.headers["content-security-policy"], content.headers["cache-control"]) == (
        "sandbox; default-src 'none'",
        "no-store",
    )
    assert content.headers["content-disposition"].startswith("attachment")
    assert (await partner.coordinator.done("GET", f"/v1/assets/{asset['id']}/documents"))["items"] == []
    for address in (path, f"{path}/content"):
        assert_problem(await partner.coordinator.get(address), 404, "not_found")
        assert_problem(await owner.service.anonymous.get(address), 401, "unauthenticated")
    shared = await owner.coordinator.done("PATCH", path, {"shared": True}, if_match="*")
    assert (shared["shared"], shared["version"]) == (True, 2)
    assert await owner.coordinator.done("PATCH", path, {"shared": True}, if_match="*") == shared
    seen = await partner.coordinator.done("GET", path)
    assert (seen["title"], seen["filename"], seen["allowed_actions"]) == ("Left side", None, [])
    got = await partner.coordinator.get(f"{path}/content")
    assert (got.content, "IMG_0001" in got.headers["content-disposition"]) == (content.content, False)
    for who in (stranger.coordinator, owner.service.operator):
        assert_problem(await who.get(path), 404, "not_found")
        assert_problem(await who.get(f"/v1/assets/{asset['id']}/documents"), 404, "not_found")
    assert_problem(await partner.coordinator.patch(path, {"shared": False}, if_match="*"), 403, "forbidden")
    assert_problem(await owner.legal.patch(path, {"shared": False}, if_match="*"), 403, "forbidden")
    assert_problem(await owner.coordinator.patch(path, {"shared": False}), 428, "precondition_required")
    assert_problem(await owner.coordinator.patch(path, {"title": ""}, if_match="*"), 400, "invalid_body")
    stale = await owner.coordinator.patch(path, {"shared": False}, if_match='"1-00000000"')
    assert_problem(stale, 412, "stale_version")
    # What is shared of an asset is seen by those alone who see the asset.
    etag = (await owner.admin.get(f"/v1/assets/{asset['id']}")).headers["etag"]
    await owner.admin.done("PATCH", f"/v1/assets/{asset['id']}", {"sharing": "private"}, if_match=etag)
    assert_problem(await partner.coordinator.get(path), 404, "not_found")


async def test_what_is_replaced_or_withdrawn_stays_on_its_own_agencys_record(cast: Cast) -> None:
    owner, partner = cast.assisting, cast.requesting
    await sign_agreement(owner.service, owner, partner)
    asset = await make_asset(owner)
    papers = f"/v1/assets/{asset['id']}/documents"
    first = await file_paper(owner.coordinator, asset["id"], make_pdf("Manual"), PDF, kind="manual", shared="true")
    second = await file_paper(
        owner.coordinator,
        asset["id"],
        make_pdf("Manual, second edition"),
        PDF,
        kind="manual",
        replaces=first["id"],
        shared="true",
    )
    assert first["remarks"] == ["metadata_kept"], "a picture alone is rid of it, and a paper is kept as it came"
    before = await owner.coordinator.done("GET", f"{papers}/{first['id']}")
    assert (before["status"], before["replaced_by_id"]) == ("replaced", second["id"])
    assert [(each["action"], each["allowed"]) for each in before["allowed_actions"]] == [
        ("update", False),
        ("withdraw", False),
    ]
    again = await send_paper(owner.coordinator, asset["id"], b"Third", replaces=first["id"])
    assert_problem(again, 409, "wrong_status")
    assert_problem(
        await send_paper(owner.coordinator, asset["id"], b"X", replaces=str(uuid4())), 422, "unknown_document"
    )
    verb = f"{papers}/{second['id']}/withdraw"
    why = {"reason": "It is of another model (demo)."}
    assert_problem(await partner.coordinator.post(verb, why), 403, "forbidden")
    assert_problem(await owner.coordinator.post(verb, {}), 400, "invalid_body")
    ended, repeated = [await owner.coordinator.post(verb, why, key="end") for _ in range(2)]
    assert (ended.json()["status"], ended.json()) == ("withdrawn", repeated.json())
    assert_problem(await owner.coordinator.post(verb, why), 409, "wrong_status")
    assert_problem(
        await owner.coordinator.patch(f"{papers}/{second['id']}", {"shared": False}, if_match="*"), 409, "wrong_status"
    )
    for paper in (first, second):
        assert_problem(await partner.coordinator.get(f"{papers}/{paper['id']}"), 404, "not_found")
        assert (await owner.coordinator.get(f"{papers}/{paper['id']}/content")).status_code == 200
    assert (await partner.coordinator.done("GET", papers))["items"] == []
    listed = await owner.coordinator.done("GET", f"{papers}?status=withdrawn&kind=manual&sha256={second['sha256']}")
    assert [each["id"] for each in listed["items"]] == [second["id"]]
    with pytest.raises(Exception, match="append_only"):
        async with unit_of_work(owner.service.database) as write:
            await write.run(asset_document.update().values(kind="other").where(asset_document.c.asset_id.is_not(None)))
    await owner.admin.done("POST", f"/v1/assets/{asset['id']}/retire", {"reason": "Sold (demo)."})
    assert_problem(await send_paper(owner.coordinator, asset["id"], b"Late."), 409, "asset_retired")


async def test_hostile_and_mistaken_files_are_refused_and_nothing_of_them_is_kept(cast: Cast) -> None:
    owner = cast.assisting
    asset = await make_asset(owner)
    macros = make_word("Hello")
    for content, media_type, about, status, code in (
        (b"", JPEG, {}, 422, "file_empty"),
        (b"<html><script>alert(1)</script>", JPEG, {}, 415, "content_mismatch"),
        (b"\x7fELF" + b"0" * 60, "application/octet-stream", {}, 415, "content_mismatch"),
        (photograph()[:200], JPEG, {}, 422, "file_damaged"),
        (photograph() + macros, JPEG, {}, 422, "file_ambiguous"),
        (photograph(), PNG, {}, 415, "content_mismatch"),
        (TIFF, "application/octet-stream", {}, 422, "file_damaged"),
        (photograph(), JPEG, {"sha256": "0" * 64}, 422, "sha256_differs"),
        (photograph(), JPEG, {"kind": "selfie"}, 400, "invalid_parameter"),
        (b"Paper", "text/plain", {"insurance_id": str(uuid4())}, 422, "evidence_of_another_kind"),
        (b"Paper", "text/plain", {"kind": "insurance", "insurance_id": str(uuid4())}, 422, "unknown_certificate"),
    ):
        refused = await send_paper(owner.coordinator, asset["id"], content, media_type, **about)
        assert_problem(refused, status, code)
    assert_problem(await send_paper(owner.legal, asset["id"], b"Paper"), 403, "forbidden")
    assert_problem(await send_paper(cast.stranger.coordinator, asset["id"], b"Paper"), 404, "not_found")
    assert (await owner.coordinator.done("GET", f"/v1/assets/{asset['id']}/documents"))["items"] == []
    first, again = [await send_paper(owner.coordinator, asset["id"], b"Once.", key="once") for _ in range(2)]
    assert (first.status_code, first.json()) == (201, again.json())


async def test_a_paper_shows_a_certificate_and_insurance_and_is_backed_up_and_never_swept(cast: Cast) -> None:
    owner = cast.assisting
    asset = await make_asset(owner)
    handler = await enter_person(owner)
    body = {**NEW_ASSET_CERTIFICATE_EXAMPLE, "handler_id": handler["id"], "expires_on": str(LONG_AHEAD)}
    certificate = await owner.admin.done("POST", f"/v1/assets/{asset['id']}/certificates", body)
    insured = await owner.legal.post(f"/v1/agencies/{owner.id}/insurance", NEW_CERTIFICATE_EXAMPLE)
    if insured.status_code == 403:
        insured = await owner.admin.post(f"/v1/agencies/{owner.id}/insurance", NEW_CERTIFICATE_EXAMPLE)
    shown: dict[str, Any] = {}
    for kind, name, its in (
        ("certificate", "asset_certificate_id", certificate["id"]),
        ("insurance", "insurance_id", insured.json()["id"]),
    ):
        unique = f"Paper of {uuid4()}.".encode()
        shown[kind] = await file_paper(owner.coordinator, asset["id"], unique, kind=kind, **{name: its})
        assert shown[kind][name] == its
    theirs = await make_asset(owner)
    other = await send_paper(
        owner.coordinator, theirs["id"], b"X", kind="certificate", asset_certificate_id=certificate["id"]
    )
    assert_problem(other, 422, "unknown_certificate")
    service, digests = owner.service, {each["sha256"] for each in shown.values()}
    named = {row.sha256 for row in await service.database.read().all(named_contents())}
    assert digests <= named
    later = utc_now() + timedelta(days=2)
    await sweep(
        service.database.read(), partial(unit_of_work, service.database), service.edge.app.state.files.store, later
    )
    for paper in shown.values():
        path = f"/v1/assets/{asset['id']}/documents/{paper['id']}/content"
        assert (await owner.coordinator.get(path)).status_code == 200
