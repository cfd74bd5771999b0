"""A story in which every operation is used once with success: what the contract's examples are recorded from.

The clock stands still between requests, and ids and secrets are replaced in the order in which they appear, so that
playing the story again writes the same examples.
"""

import asyncio
import json
import logging
import re
from base64 import b64encode
from datetime import UTC, datetime, time, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode
from uuid import UUID
from zipfile import ZipFile

import sqlalchemy as sa
import structlog
import time_machine
from litestar.handlers import HTTPRouteHandler
from msgspec.structs import replace

from registry.outcomes.metrics.commands import follow_all
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.http.openapi_components import EXAMPLES_FROM
from registry.platform.kernel.time import utc_now
from registry.platform.mail.signing import MailKey
from registry.platform.mail.tables import mail_recipient
from registry.platform.settings import load
from registry.platform.webhooks.delivering import Deliverer
from registry.platform.webhooks.tables import webhook_delivery
from registry.resources.personnel.commands.releasing import release_all_due
from registry.sharing.requests.commands import lines
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency
from tests.support.databases import copy_sqlite, sqlite_template
from tests.support.feed import sealed
from tests.support.ledger import signed_ledger
from tests.support.mail_server import mail_server, sending_by
from tests.support.personnel import enter_person
from tests.support.places import ROOT
from tests.support.server import environment, in_process
from tests.support.service import Caller, Service

BEGINS = datetime.combine(EXAMPLES_FROM, time(15), UTC)
DAY = timedelta(days=1)
PLACE = {"latitude": 44.98, "longitude": -93.27}
EVIDENCE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
DIVE_TEAM = (
    ("vessel.dive_boat", "Dive boat", 1),
    ("vehicle.transport", "Dive van", 1),
    ("equipment", "Diver's kit", 4),
)
RATE = {"amount": "40.00", "currency": "USD"}
WRONG = {"reason": "Entered by mistake (demo)."}


class Story:
    """The recorder: who does what, and what was asked and answered the first time it succeeded."""

    def __init__(self, service: Service, clock: time_machine.Traveller) -> None:
        self.service = service
        self.clock = clock
        self.kept: dict[str, dict[str, Any]] = {}
        self.problems: dict[str, dict[str, Any]] = {}
        self.accepted: dict[str, Any] = {}
        self.from_template = ""
        self._paths = {
            op["operationId"]: (method.upper(), path, op)
            for path, item in service.contract.document["paths"].items()
            for method, op in item.items()
        }
        handlers = [h for route in service.edge.app.routes for h in getattr(route, "route_handlers", ())]
        self.written: dict[str, Any] = {
            str(h.operation_id): h.opt.get("example") for h in handlers if isinstance(h, HTTPRouteHandler)
        }

    async def do(self, who: Caller, operation: str, *ids: str, body: Any = None, **query: Any) -> Any:
        """Do it, with the example that is written beside the operation unless `body` says otherwise; the answer."""
        method, path, declared = self._paths[operation]
        for given in ids:
            path = re.sub(r"\{\w+\}", str(given), path, count=1)
        if query:
            path += "?" + urlencode({name.rstrip("_"): value for name, value in query.items()})
        options: dict[str, Any] = {}
        takes = declared.get("requestBody", {}).get("content", {})
        sent = self.written[operation] if body is None else body
        if "application/x-www-form-urlencoded" in takes:
            options = {"data": sent}
        elif takes and isinstance(sent, str):
            options = {"content": sent.encode(), "headers": {"content-type": next(iter(takes))}}
        elif takes:
            options["json"] = sent or {}
        if method in ("PATCH", "DELETE"):
            options["headers"] = {"if-match": "*"}
        elif operation == "approve_request":  # it names what was read
            options["headers"] = {"if-match": (await who.get(path.removesuffix("/approve"))).headers["etag"]}
        self.clock.shift(timedelta(seconds=7))
        # A background task stores who was seen, and what a report says hangs on it: the story does not race that task.
        await self.service.edge.app.state.sightings.store()
        response = await who.send(method, path, **options)
        assert response.is_success, f"{operation}: {response.status_code} {response.text}"
        media = response.headers.get("content-type", "").partition(";")[0]
        if media.endswith("spreadsheetml.sheet"):
            answer = "The bytes of a workbook with one sheet, Assets."
        elif not media:
            answer = None
        elif media == "application/pdf":
            answer = "The bytes of a PDF."
        elif media == "application/zip":
            # The PDF is there where its engine is installed, and the example is the same everywhere.
            names = [name for name in ZipFile(BytesIO(response.content)).namelist() if not name.endswith(".pdf")]
            answer = f"The bytes of a ZIP with {', '.join(names)}."
        elif media == "text/html":
            # A code is drawn from an id, which is another one in each run.
            answer = re.sub(r"<svg.*?</svg>", "<svg></svg>", response.text, flags=re.DOTALL)
        else:
            answer = response.json() if media.endswith("json") and "nd" not in media else response.text
        if operation not in self.kept:
            self.kept[operation] = {**({"body": sent or {}} if takes else {}), "answer": answer}
        return answer

    async def refused(self, who: Caller, method: str, path: str, **options: Any) -> None:
        """A request that is refused: the first of its status is kept."""
        self.clock.shift(timedelta(seconds=7))
        response = await who.send(method, path, **options)
        assert response.status_code >= 400, response.text
        self.problems.setdefault(str(response.status_code), response.json())

    def operations(self) -> set[str]:
        """Every operation that there is."""
        return set(self._paths)

    def later(self, **by: float) -> None:
        """Let time pass."""
        self.clock.shift(timedelta(**by))


async def play(story: Story) -> None:
    """Everything, in an order in which it works."""
    operator = story.service.operator
    sheriff, police, state = [await _agency(story, name) for name in ("Northfork Sheriff", "Lakeside", "State Lab")]
    await _ledger(story, sheriff)
    await _directory(story, operator, sheriff, police)
    await _papers_of_agencies(story, sheriff, police)
    agreement = await _signed(story, sheriff, police)
    await _review(story, sheriff, police)
    await _recorded(story, operator, sheriff, police, state)
    await _kept(story, sheriff, police, agreement)
    await _read(story, sheriff, police, agreement)
    asset = await _assets(story, sheriff)
    await _packages(story, sheriff, police)
    await _rates(story, sheriff, asset)
    await _minimums(story, sheriff)
    await _policies(story, sheriff)
    await _papers_of(story, sheriff, asset)
    await _imports(story, sheriff)
    await _personnel(story, sheriff, police)
    await _requests(story, sheriff, police, asset)
    await _sourced(story, sheriff, police, asset)
    await _loans(story, sheriff, police, asset)
    await _engagements(story, sheriff, police, agreement)
    await _objectives(story, sheriff, police, agreement)
    await _outcome_review(story, sheriff, police, agreement)
    await _outcomes(story, police, agreement)
    await _problems(story, sheriff, police, asset)
    await _endings(story, sheriff, police, state, agreement)
    await _under_a_condition(story)
    await story.do(sheriff.legal, "get_agreement_timeline", agreement)
    await story.do(sheriff.legal, "get_agreement_file", agreement)
    await story.do(sheriff.legal, "get_agreement_public_file", agreement)
    await story.do(story.service.anonymous, "get_reading_readiness")


async def _agency(story: Story, name: str, state: str = "MN") -> Agency:
    body = {**story.written["create_agency"], "name": f"{name} (demo)", "state": state}
    oris = {"Northfork Sheriff": ["MN0990000"], "Lakeside": ["MN0980000"]}.get(name, [])
    made = await story.do(story.service.operator, "create_agency", body={**body, "oris": oris})
    await story.do(story.service.operator, "activate_agency", made["id"])
    return Agency(service=story.service, id=made["id"], name=body["name"])


async def _under_a_condition(story: Story) -> None:
    """An agreement that brings a duty only if it is made under one act, which its agency says that it is."""
    told = [await _agency(story, name, state) for name, state in (("Elk", "WA"), ("Fen", "MN"))]
    home, other = [replace(each, id=UUID(str(each.id))) for each in told]
    signed = await sign_agreement(story.service, home, other, kind="mutual_aid", number="MA-ELK-FEN")
    listed = await home.legal.done("GET", f"/v1/agreements/{signed['id']}/duties")
    await story.do(home.legal, "acknowledge_agreement_duty", signed["id"], listed["items"][0]["id"])


async def _ledger(story: Story, sheriff: Agency) -> None:
    """While little was recorded, and always the same; nothing is signed beside the story."""
    state = story.service.edge.app.state
    for _ in range(1_000):  # the first run of each task may record something
        if all(each.done for each in state.background.states()):
            break
        await asyncio.sleep(0.01)
    size = await signed_ledger(story.service)
    await sealed(story.service)  # so that the stream's first place is the same each time
    began = utc_now()
    await story.do(sheriff.auditor, "get_ledger_checkpoint")
    await story.do(sheriff.auditor, "list_ledger_checkpoints", limit=1)
    await story.do(sheriff.auditor, "get_ledger_keys")
    await story.do(sheriff.auditor, "get_events", limit=2)
    await story.do(sheriff.auditor, "stream_events")
    await story.do(sheriff.auditor, "get_ledger_consistency", from_=2, to=size)
    seen = await story.do(sheriff.auditor, "list_agency_history", str(sheriff.id), limit=2, sort="version")
    await story.do(sheriff.auditor, "get_ledger_event_proof", seen["items"][0]["id"], tree_size=size)
    story.later(seconds=(began - utc_now()).total_seconds())  # nothing was changed, so no example is another one


async def _clients(story: Story, sheriff: Agency) -> None:
    """A program is registered, gets a token, gets another secret, and is disabled."""
    anybody = story.service.anonymous
    client = await story.do(sheriff.admin, "create_client")
    await story.do(anybody, "get_authorization_server")
    await story.do(anybody, "get_token_keys")
    form = {"grant_type": "client_credentials", "client_id": client["id"], "client_secret": client["secret"]}
    await story.do(anybody, "create_token", body={**form, "scope": "assets:read"})
    keep_until = f"{BEGINS + 7 * DAY:%Y-%m-%dT%H:%M:%SZ}"
    await story.do(sheriff.admin, "rotate_client", client["id"], body={"keep_until": keep_until})
    await story.do(sheriff.admin, "list_clients", limit=2)
    await story.do(sheriff.admin, "get_client", client["id"])
    await story.do(sheriff.admin, "disable_client", client["id"])


async def _webhooks(story: Story, sheriff: Agency) -> None:
    """Events are sent to a program, whose answer the story makes up: nothing is sent from it."""
    made = await story.do(sheriff.admin, "create_webhook")
    webhook = made["id"]
    await story.do(sheriff.admin, "update_webhook", webhook)
    await story.do(
        sheriff.admin, "rotate_webhook", webhook, body={"keep_until": f"{BEGINS + 7 * DAY:%Y-%m-%dT%H:%M:%SZ}"}
    )
    await story.do(sheriff.admin, "disable_webhook", webhook)
    await story.do(sheriff.admin, "enable_webhook", webhook)
    tested = await story.do(sheriff.admin, "test_webhook", webhook)
    answered = {"status": "delivered", "attempts": 1, "http_status": 204, "took_ms": 41}
    async with unit_of_work(story.service.database) as write:
        await write.run(webhook_delivery.update().values(**answered, last_tried_at=utc_now(), ended_at=utc_now()))
        await write.run(webhook_delivery.update().values(kind="missed", type="webhook.missed", told={}))
    await story.do(sheriff.admin, "get_webhook_delivery", webhook, tested["id"])
    await story.do(sheriff.admin, "list_webhook_deliveries", webhook, limit=2)
    await story.do(sheriff.admin, "redeliver_webhook_delivery", webhook, tested["id"])
    await story.do(sheriff.admin, "get_webhook", webhook)
    await story.do(sheriff.admin, "list_webhooks", limit=2)
    await story.do(sheriff.admin, "delete_webhook", webhook)


async def _operator_acts(story: Story, operator: Caller) -> None:
    """What the operator refused is accepted again once a second administrator approves."""
    second = story.service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="second-operator")
    refused = await story.do(operator, "create_revocation")
    for decision in ("approve_operator_act", "reject_operator_act"):
        why = {"reason": "The right person was found (demo)."}
        proposed = await operator.done("POST", f"/v1/revocations/{refused['id']}/lift", why)
        story.accepted = story.accepted or proposed
        await story.do(second, "get_operator_act", proposed["operator_act_id"])
        await story.do(second, decision, proposed["operator_act_id"])
        await story.do(operator, "create_revocation")
    await story.do(second, "list_operator_acts", limit=2)


async def _directory(story: Story, operator: Caller, sheriff: Agency, police: Agency) -> None:
    await story.do(story.service.anonymous, "get_liveness")
    await story.service.edge.app.state.sealer.run()  # the story's clock would let the last event wait for seconds
    await story.do(story.service.anonymous, "get_readiness")
    await story.do(police.coordinator, "list_agencies", state="MN", limit=2)
    await story.do(police.coordinator, "get_agency", str(sheriff.id))
    await story.do(sheriff.admin, "update_agency", str(sheriff.id))
    await story.do(sheriff.admin, "relax_separation_of_duties", str(sheriff.id))
    await story.do(sheriff.admin, "restore_separation_of_duties", str(sheriff.id))
    await story.do(sheriff.legal, "require_own_word", str(sheriff.id))
    await story.do(sheriff.legal, "let_silence_count", str(sheriff.id))
    await story.do(sheriff.admin, "list_agency_history", str(sheriff.id))
    await story.do(operator, "import_agencies")
    await story.do(sheriff.as_(Role.COORDINATOR, scope="assets:read loans:*"), "get_me")
    issuer = await story.do(operator, "create_issuer")
    await story.do(operator, "attach_agency_to_issuer", issuer["id"], body={"agency_id": str(sheriff.id)})
    await story.do(operator, "list_issuers")
    await story.do(operator, "get_issuer", issuer["id"])
    await story.do(operator, "update_issuer", issuer["id"])
    mistyped = await operator.done("POST", "/v1/issuers", {"issuer": "https://login.conuty.example/realms/county"})
    await operator.done("PATCH", f"/v1/issuers/{mistyped['id']}", {"enabled": False}, if_match="*")
    await story.do(operator, "delete_issuer", mistyped["id"])
    revocation = await story.do(sheriff.admin, "create_revocation")
    await story.do(sheriff.admin, "list_revocations", limit=2)
    await story.do(sheriff.admin, "get_revocation", revocation["id"])
    await story.do(sheriff.admin, "lift_revocation", revocation["id"])
    await story.do(operator, "detach_agency_from_issuer", issuer["id"], body={"agency_id": str(sheriff.id)})
    attach = {"agency_id": str(OPERATOR_AGENCY_ID)}
    await operator.done("POST", f"/v1/issuers/{issuer['id']}/attach-agency", attach)
    await _operator_acts(story, operator)
    await story.service.edge.app.state.sightings.store()
    seen = await story.do(sheriff.admin, "list_principals", limit=2)
    principal = seen["items"][0]["id"]
    await story.do(sheriff.admin, "get_principal", principal)
    await story.do(operator, "suspend_principal", principal)
    await story.do(operator, "restore_principal", principal)
    await story.do(sheriff.admin, "purge_principal_name", principal)
    await story.do(sheriff.admin, "list_principal_history", principal, limit=2)
    story.later(minutes=2)
    await story.service.edge.app.state.sign_ins.record_sums()
    await story.do(sheriff.auditor, "list_audit_events", limit=2)
    await _clients(story, sheriff)
    await _webhooks(story, sheriff)
    await story.do(operator, "suspend_agency", str(police.id))
    await story.do(operator, "reinstate_agency", str(police.id))
    await story.do(police.coordinator, "list_categories", q="narcotics")
    await story.do(police.coordinator, "get_category", "k9.narcotics")
    own = (await story.do(sheriff.admin, "create_category"))["code"]
    await story.do(sheriff.admin, "update_category", own)
    await story.do(sheriff.admin, "retire_category", own)
    await story.do(sheriff.auditor, "list_category_history", own, limit=2)
    await story.do(police.coordinator, "list_purposes", limit=2)
    await story.do(police.coordinator, "list_funding_sources")
    await story.do(police.coordinator, "list_provision_headings", limit=2)
    await story.do(police.coordinator, "search_places", q="Duluth", limit=2)
    await story.do(police.coordinator, "get_place_at", latitude=44.98, longitude=-93.27)
    await story.do(police.coordinator, "list_capability_types", q="hmong", limit=2)


async def _papers_of_agencies(story: Story, sheriff: Agency, police: Agency) -> None:
    own = str(sheriff.id)
    authority = await story.do(sheriff.admin, "create_signing_authority", own)
    await story.do(sheriff.admin, "delegate_signing_authority", own, authority["id"])
    await story.do(sheriff.admin, "list_signing_authorities", own)
    await story.do(sheriff.legal, "get_signing_authority", own, authority["id"])
    await story.do(sheriff.admin, "revoke_signing_authority", own, authority["id"])
    for agency, title in ((sheriff, "Sheriff"), (police, "Chief of Police")):
        office = {
            "office": title,
            "basis": "election",
            "citation": "Of the county (demo)",
            "effective_on": "2020-01-01",
        }
        await story.do(agency.admin, "create_signing_authority", str(agency.id), body=office)
    certificate = await story.do(sheriff.admin, "create_agency_insurance", own)
    await story.do(sheriff.admin, "get_agency_insurance", own, certificate["id"])
    await story.do(sheriff.admin, "list_agency_insurance", own)
    await story.do(sheriff.admin, "retire_agency_insurance", own, certificate["id"])


def _text(story: Story, *parties: Agency, **changes: Any) -> dict[str, Any]:
    written = story.written["create_agreement"]
    purposes = [*written["terms"]["purposes"], "narcotics_investigation"]
    terms = {**written["terms"], "purposes": purposes, "approval_over_hours": 24}
    return {**written, "parties": [str(party.id) for party in parties], "terms": terms, **changes}


async def _signed(story: Story, sheriff: Agency, police: Agency) -> str:
    lawyer, partner = sheriff.legal, police.legal
    drafted = await story.do(lawyer, "create_agreement", body=_text(story, sheriff, police))
    one = drafted["id"]
    await story.do(lawyer, "update_agreement", one)
    reviewer = [{"agency_id": str(police.id), "department": "County attorney", "required": True}]
    submission = {**story.written["submit_agreement"], "reviewers": reviewer}
    await story.do(lawyer, "submit_agreement", one, body=submission)
    asked = {**story.written["add_agreement_reviewer"], "agency_id": str(police.id)}
    added = await story.do(lawyer, "add_agreement_reviewer", one, body=asked)
    rounds = await story.do(lawyer, "list_agreement_review_rounds", one)
    first = rounds["items"][-1]["reviews"][0]["id"]
    await story.do(lawyer, "get_agreement_review", one, added["id"])
    await story.do(lawyer, "release_agreement_reviewer", one, added["id"])
    await story.do(partner, "request_agreement_changes", one, first)
    await story.do(partner, "approve_agreement_review", one, first)
    comment = await story.do(partner, "create_agreement_comment", one)
    await story.do(partner, "update_agreement_comment", one, comment["id"])
    await story.do(partner, "get_agreement_comment", one, comment["id"])
    await story.do(lawyer, "list_agreement_comments", one)
    await story.do(partner, "resolve_agreement_comment", one, comment["id"])
    await story.do(partner, "reopen_agreement_comment", one, comment["id"])
    await story.do(sheriff.counsel, "approve_agreement", one)
    order = {**story.written["send_agreement_for_signature"], "sequence": [str(police.id), str(sheriff.id)]}
    out = await story.do(lawyer, "send_agreement_for_signature", one, body=order)
    for party, title in ((police.signatory, "Chief of Police"), (sheriff.signatory, "Sheriff")):
        hand = {
            "version_sha256": out["version_sha256"],
            "signatory_title": title,
            "manner": "electronic",
        }
        await story.do(party, "sign_agreement", one, body=hand)
    return str(one)


async def _review(story: Story, sheriff: Agency, police: Agency) -> None:
    lawyer = sheriff.legal
    parties = [str(sheriff.id), str(police.id)]
    from_template = {**story.written["draft_agreement_from_template"], "parties": parties}
    await story.do(lawyer, "list_templates")
    await story.do(lawyer, "get_template", "k9")
    await story.do(lawyer, "list_standard_clauses", heading="reimbursement")
    await story.do(lawyer, "get_standard_clause", "liability.own_acts")
    story.from_template = (await story.do(lawyer, "draft_agreement_from_template", body=from_template))["id"]
    two = (await story.do(lawyer, "create_agreement", body=_text(story, sheriff, police, number="MA-2026-015")))["id"]
    await story.do(lawyer, "submit_agreement", two, body={"version_no": 1})
    await story.do(lawyer, "send_back_agreement", two)
    await story.do(lawyer, "withdraw_agreement", two, body={"version_no": 2, "reason": "Not needed any more (demo)."})
    three = _text(story, sheriff, police, number="MA-2026-016", effective_on="2026-07-04")
    spoken = (await story.do(lawyer, "create_agreement", body=three))["id"]
    active = await story.do(lawyer, "activate_agreement_verbally", spoken)
    hand = {"version_sha256": active["version_sha256"], "signatory_title": "Chief of Police"}
    await story.do(police.legal, "agree_verbally", spoken, body=hand)


async def _recorded(story: Story, operator: Caller, sheriff: Agency, police: Agency, state: Agency) -> None:
    lawyer, partner = sheriff.legal, police.legal
    paper = {"signed_on": "2025-12-15", "signatory_title": "Sheriff", "evidence_sha256": EVIDENCE}
    text = _text(story, sheriff, police, number="MA-2025-001", effective_on="2026-01-01")
    recorded = await story.do(lawyer, "record_agreement", body={**text, **paper})
    one = recorded["id"]
    hand = {
        "version_sha256": recorded["version_sha256"],
        "signatory_title": "Chief of Police",
        "signed_on": "2025-12-15",
    }
    said = await story.do(partner, "confirm_agreement", one, body=hand)
    await lawyer.done("POST", f"/v1/agreements/{one}/proposals/{said['proposals'][0]['id']}/consent")
    await story.do(partner, "stop_publishing_agreement", one)
    await story.do(partner, "agree_to_publish_agreement", one)
    offered = await story.do(lawyer, "add_agreement_parties", one, body={**WRONG, "agency_ids": [str(state.id)]})
    await story.do(partner, "consent_to_agreement_proposal", one, offered["proposals"][-1]["id"])
    await _reported(story, operator, one, police)
    stop = await story.do(lawyer, "propose_agreement_suspension", one)
    await story.do(lawyer, "take_back_agreement_proposal", one, stop["proposals"][-1]["id"])
    no = {**story.written["decline_to_join_agreement"], "version_sha256": recorded["version_sha256"]}
    await story.do(state.legal, "decline_to_join_agreement", one, body=no)
    await _declined(story, sheriff, police)
    await _received(story, sheriff, police)
    await story.do(lawyer, "suspend_agreement", one)
    await story.do(lawyer, "reinstate_agreement", one)
    await story.do(partner, "set_agreement_approval_rule", one)
    await story.do(partner, "record_agreement_approval", one)
    await story.do(
        partner, "give_agreement_notice", one, body={"notice_on": "2026-07-04", "reason": "Not renewed (demo)."}
    )
    await story.do(partner, "rescind_agreement_notice", one)
    offer = {**story.written["offer_agreement_custody"], "agency_id": str(police.id)}
    await story.do(lawyer, "offer_agreement_custody", one, body=offer)
    await story.do(partner, "decline_agreement_custody", one)
    await story.do(lawyer, "offer_agreement_custody", one, body=offer)
    await story.do(partner, "accept_agreement_custody", one)
    drafted = await story.do(partner, "amend_agreement", one)
    await story.do(partner, "get_amendment_impact", one, drafted["amendment"]["version_no"])
    named = {"version_no": drafted["amendment"]["version_no"], "reason": "To be recorded from the paper (demo)."}
    await story.do(partner, "withdraw_agreement", one, body=named)
    await story.do(partner, "record_agreement_amendment", one)


async def _declined(story: Story, sheriff: Agency, police: Agency) -> None:
    text = _text(story, sheriff, police, number="MA-2026-017")
    one = (await story.do(sheriff.legal, "create_agreement", body=text))["id"]
    await story.do(sheriff.legal, "submit_agreement", one, body={"version_no": 1})
    await story.do(sheriff.counsel, "approve_agreement", one)
    out = await story.do(sheriff.legal, "send_agreement_for_signature", one, body={"version_no": 1})
    no = {**story.written["decline_to_sign_agreement"], "version_sha256": out["version_sha256"]}
    await story.do(police.legal, "decline_to_sign_agreement", one, body=no)


async def _received(story: Story, sheriff: Agency, police: Agency) -> None:
    """A notice that counts from the day on which the other party received it."""
    by_receipt = {"days": 30, "counted_from": "receipt", "manners": ["registered_mail"]}
    text = _text(story, sheriff, police, number="MA-2025-003", effective_on="2026-01-01", notice=by_receipt)
    paper = {"signed_on": "2025-12-15", "signatory_title": "Sheriff", "evidence_sha256": EVIDENCE}
    recorded = await story.do(sheriff.legal, "record_agreement", body={**text, **paper})
    hand = {"version_sha256": recorded["version_sha256"], "signatory_title": "Chief of Police"}
    one = recorded["id"]
    await story.do(police.legal, "confirm_agreement", one, body={**hand, "signed_on": "2025-12-15"})
    given = {"notice_on": "2026-07-01", "reason": "Not renewed (demo)."}
    await story.do(police.legal, "give_agreement_notice", one, body=given)
    came = {**story.written["record_agreement_receipt"], "agency_id": str(police.id), "received_on": "2026-07-03"}
    await story.do(sheriff.legal, "record_agreement_receipt", one, body=came)
    corrected = {**story.written["correct_agreement_receipt"], "agency_id": str(police.id), "received_on": "2026-07-02"}
    await story.do(sheriff.legal, "correct_agreement_receipt", one, body=corrected)


async def _reported(story: Story, operator: Caller, one: str, police: Agency) -> None:
    """A letter that the operator reports and the party contests, and again, as it confirms and takes back."""
    filed = await story.do(operator, "file_document", one, kind="evidence", title="A letter (demo)")
    letter = {**story.written["report_agreement_act"], "agency_id": str(police.id), "acted_on": "2026-07-01"}
    filed_letter = {**letter, "evidence_sha256": filed["sha256"]}
    said = await story.do(operator, "report_agreement_act", one, body=filed_letter)
    report = said["reported_acts"][-1]["id"]
    other = story.service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="second-operator")
    await story.do(other, "second_reported_act", one, report)
    await story.do(police.legal, "contest_reported_act", one, report)
    await story.do(operator, "take_back_reported_act", one, report)
    said = await story.do(operator, "report_agreement_act", one, body=filed_letter)
    report = said["reported_acts"][-1]["id"]
    await story.do(other, "second_reported_act", one, report)
    await story.do(police.legal, "confirm_reported_act", one, report)
    await story.do(police.legal, "rescind_agreement_notice", one)


async def _kept(story: Story, sheriff: Agency, police: Agency, agreement: str) -> None:
    lawyer = sheriff.legal
    filed = await story.do(lawyer, "file_document", agreement, kind="signed_copy", title="Signed copy (demo)")
    await story.do(lawyer, "get_document", filed["id"])
    await story.do(lawyer, "list_agreement_documents", agreement)
    await story.do(lawyer, "get_document_content", filed["id"])
    await story.do(lawyer, "list_document_history", filed["id"])
    duty = await story.do(lawyer, "create_agreement_duty", agreement)
    await story.do(lawyer, "get_agreement_duty", agreement, duty["id"])
    done = {"fulfilled_on": "2026-07-04", "recording_number": "20260704-0042 (demo)"}
    await story.do(lawyer, "fulfil_agreement_duty", agreement, duty["id"], body=done)
    other = await story.do(lawyer, "create_agreement_duty", agreement)
    await story.do(lawyer, "waive_agreement_duty", agreement, other["id"])
    await story.do(lawyer, "list_agreement_duties", agreement)
    reviewed = {"reviewed_on": "2026-07-04", "outcome": "keep"}
    review = await story.do(lawyer, "complete_agreement_review", agreement, body=reviewed)
    await story.do(lawyer, "list_agreement_periodic_reviews", agreement)
    await story.do(lawyer, "get_agreement_periodic_review", agreement, review["id"])
    await story.do(lawyer, "set_agreement_retention", agreement)
    held = await story.do(lawyer, "place_agreement_hold", agreement)
    lifting = {**story.written["lift_agreement_hold"], "hold_id": held["holds"][0]["id"]}
    await story.do(lawyer, "lift_agreement_hold", agreement, body=lifting)
    await story.do(lawyer, "get_agreement_retention", agreement)
    await story.do(lawyer, "list_deadlines", agreement_id=agreement)
    feed = await story.do(lawyer, "create_calendar_feed")
    await story.do(lawyer, "list_calendar_feeds")
    await story.do(lawyer, "get_calendar_feed", feed["feed"]["id"] if "feed" in feed else feed["id"])
    address = next(value for value in feed.values() if isinstance(value, str) and value.endswith(".ics"))
    await story.do(story.service.anonymous, "get_calendar", address.rpartition("/")[2])
    await story.do(lawyer, "revoke_calendar_feed", feed["feed"]["id"] if "feed" in feed else feed["id"])
    await story.do(lawyer, "withdraw_document", filed["id"])


async def _read(story: Story, sheriff: Agency, police: Agency, agreement: str) -> None:
    lawyer = sheriff.legal
    await story.do(lawyer, "list_agreements", q="mutual", limit=2)
    await story.do(lawyer, "search_agreements", q="emergencies", limit=2)
    await story.do(lawyer, "get_agreement", agreement)
    await story.do(lawyer, "list_agreement_versions", agreement)
    await story.do(lawyer, "get_agreement_version", agreement, "1")
    both = {"requesting_agency_id": str(police.id), "assisting_agency_id": str(sheriff.id)}
    await story.do(lawyer, "list_agreements_in_force", **both)
    await story.do(lawyer, "get_agreement_redline", agreement, from_version_no=1, to_version_no=1)
    await story.do(lawyer, "get_agreement_redline_page", agreement, from_version_no=1, to_version_no=1)
    await story.do(lawyer, "get_agreement_comparison", agreement, other_agreement_id=story.from_template)
    await story.do(lawyer, "get_agreement_comparison_page", agreement, other_agreement_id=story.from_template)
    await story.do(lawyer, "get_agreement_deviations", story.from_template)
    await story.do(lawyer, "get_agreement_deviations_page", story.from_template)
    await story.do(lawyer, "list_checklists")
    await story.do(lawyer, "get_checklist", "general")
    await story.do(lawyer, "get_agreement_completeness", agreement)
    await story.do(lawyer, "list_agreement_contradictions", agreement)
    await story.do(police.coordinator, "get_agency_contact", str(sheriff.id))
    await story.do(lawyer, "list_agreement_history", agreement, limit=2)
    await story.do(story.service.operator, "import_agreements")
    await story.do(story.service.operator, "import_agreements_with_csv_report")


async def _assets(story: Story, sheriff: Agency) -> str:
    keeper = sheriff.admin
    asset = (await story.do(keeper, "create_asset"))["id"]
    await story.do(keeper, "update_asset", asset)
    await story.do(sheriff.coordinator, "move_asset", asset)
    await story.do(keeper, "take_asset_out_of_service", asset)
    await story.do(keeper, "return_asset_to_service", asset)
    feed = await story.do(sheriff.coordinator, "create_asset_calendar_feed", asset)
    await story.do(sheriff.coordinator, "list_asset_calendar_feeds", asset)
    await story.do(sheriff.coordinator, "get_asset_calendar_feed", asset, feed["id"])
    await story.do(story.service.anonymous, "get_asset_calendar", feed["address"].rpartition("/")[2])
    await story.do(sheriff.coordinator, "revoke_asset_calendar_feed", asset, feed["id"])
    planned = await story.do(sheriff.coordinator, "plan_asset_unavailability", asset)
    await story.do(keeper, "list_asset_unavailability", asset)
    await story.do(keeper, "get_asset_unavailability", asset, planned["unavailability"]["id"])
    await story.do(keeper, "end_asset_unavailability", asset, planned["unavailability"]["id"])
    await story.do(keeper, "get_asset", asset)
    await story.do(keeper, "list_asset_history", asset, limit=2)
    spare = await story.do(keeper, "create_asset", body={"category": "k9", "name": "Old team (demo)", "tag": "K9-01"})
    handler = await enter_person(sheriff)
    certificate = {**story.written["record_asset_certificate"], "handler_id": handler["id"]}
    certified = await story.do(keeper, "record_asset_certificate", spare["id"], body=certificate)
    await story.do(sheriff.coordinator, "list_asset_certificates", spare["id"])
    await story.do(sheriff.coordinator, "get_asset_certificate", spare["id"], certified["id"])
    await story.do(keeper, "end_asset_certificate", spare["id"], certified["id"])
    await story.do(keeper, "retire_asset", spare["id"])
    return str(asset)


async def _packages(story: Story, sheriff: Agency, police: Agency) -> None:
    """A dive team, from its boat to its divers' kit."""
    keeper = sheriff.coordinator
    text = _text(story, sheriff, police, number="MA-2026-091", effective_on="2026-01-01")
    text["terms"] = {**text["terms"], "categories": ["vessel", "vehicle", "equipment"]}
    signed = {"signed_on": "2025-12-15", "signatory_title": "Sheriff", "evidence_sha256": EVIDENCE}
    paper = await sheriff.legal.done("POST", "/v1/agreements/record", {**text, **signed})
    hand = {"version_sha256": paper["version_sha256"], "signatory_title": "Chief of Police", "signed_on": "2025-12-15"}
    await police.legal.done("POST", f"/v1/agreements/{paper['id']}/confirm", hand)
    team = []
    for number, (category, name, capacity) in enumerate(DIVE_TEAM, 1):
        body = {"category": category, "name": f"{name} (demo)", "tag": f"DIVE-{number}", "capacity": capacity}
        team.append((await sheriff.admin.done("POST", "/v1/assets", {**body, "hourly_rate": RATE}))["id"])
    members = [{"asset_id": one, "quantity": each[2]} for one, each in zip(team, DIVE_TEAM, strict=True)]
    new = {**story.written["create_package"], "members": members}
    made = (await story.do(keeper, "create_package", body=new))["id"]
    await story.do(keeper, "update_package", made)
    window = {"from_": "2026-07-04T18:00:00Z", "to": "2026-07-04T23:00:00Z"}
    free = {"available_from": window["from_"], "available_to": window["to"]}
    await story.do(police.coordinator, "list_packages", q="dive team", limit=2, **free)
    await story.do(police.coordinator, "get_package", made)
    await story.do(police.coordinator, "get_package_availability", made, **window)
    await story.do(keeper, "list_package_history", made, limit=2)
    written = story.written["create_request"]
    asked = {"start": window["from_"], "end": window["to"]}
    lines = [{"asset_id": each["asset_id"], "quantity": each["quantity"], "window": asked} for each in members]
    request = await story.do(police.coordinator, "create_request", body={**written, "lines": lines})
    decided = (await story.do(police.coordinator, "submit_request", request["id"]))["lines"]
    whole = {"decision_ids": [line["decision"]["id"] for line in decided]}
    reservation = (await story.do(keeper, "reserve_package", made, body=whole))["id"]
    await story.do(police.coordinator, "get_package_reservation", reservation)
    await story.do(police.coordinator, "cancel_package_reservation", reservation)
    await story.do(keeper, "retire_package", made)


async def _rates(story: Story, sheriff: Agency, asset: str) -> None:
    """The agency's schedule, and a rate of one asset."""
    keeper = sheriff.admin
    rate = (await story.do(keeper, "create_rate"))["id"]
    await story.do(keeper, "create_rate", body={**story.written["create_rate"], "asset_id": asset})
    await story.do(keeper, "get_rate", rate)
    await story.do(keeper, "update_rate", rate)
    await story.do(keeper, "list_rates", limit=1)
    await story.do(keeper, "list_asset_rates", asset)


async def _papers_of(story: Story, sheriff: Agency, asset: str) -> None:
    """A paper of the asset, shared and withdrawn."""
    keeper = sheriff.coordinator
    filed = await story.do(keeper, "file_asset_document", asset, kind="inspection", title="Inspection (demo)")
    await story.do(keeper, "update_asset_document", asset, filed["id"])
    await story.do(keeper, "list_asset_documents", asset, limit=1)
    await story.do(keeper, "get_asset_document", asset, filed["id"])
    await story.do(keeper, "get_asset_document_content", asset, filed["id"])
    await story.do(keeper, "withdraw_asset_document", asset, filed["id"])


async def _minimums(story: Story, sheriff: Agency) -> None:
    """How many stay at home."""
    keeper = sheriff.coordinator
    body = {**story.written["create_reserve_minimum"], "category": "aircraft"}
    minimum = (await story.do(keeper, "create_reserve_minimum", body=body))["id"]
    await story.do(keeper, "get_reserve_minimum", minimum)
    await story.do(keeper, "update_reserve_minimum", minimum)
    await story.do(keeper, "list_reserve_minimums", limit=1)
    await story.do(keeper, "withdraw_reserve_minimum", minimum)


async def _policies(story: Story, sheriff: Agency) -> None:
    """Rules of one's own, drafted by one person and activated by another."""
    drafted = (await story.do(sheriff.legal, "create_policy_set"))["id"]
    await story.do(sheriff.legal, "validate_policy_set", drafted)
    preview = (await story.do(sheriff.admin, "start_policy_preview", drafted, body={"days": 30, "wait_seconds": 30}))[
        "id"
    ]
    await story.do(sheriff.admin, "get_policy_preview", preview)
    await story.do(sheriff.admin, "list_changed_decisions", preview)
    await story.do(sheriff.admin, "list_policy_previews", limit=1)
    async with story.service.edge.app.state.preview_runner.turn:  # it has to wait until it is cancelled
        another = (await story.do(sheriff.admin, "start_policy_preview", drafted))["id"]
        await story.do(sheriff.admin, "cancel_policy_preview", another)
    await story.do(sheriff.admin, "activate_policy_set", drafted)
    await story.do(sheriff.admin, "get_policy_set", drafted)
    await story.do(sheriff.admin, "list_policy_sets", limit=1)
    await story.do(sheriff.admin, "retire_policy_set", drafted)


async def _imports(story: Story, sheriff: Agency) -> None:
    """A fleet list is taken in, checked and written; its mapping is kept."""
    keeper = sheriff.admin
    table = (await story.do(keeper, "create_import", kind="assets", filename="fleet.csv"))["id"]
    await story.do(keeper, "run_import", table, body={**story.written["run_import"], "wait_seconds": 30})
    await story.do(keeper, "get_import", table)
    await story.do(keeper, "list_imports", limit=1)
    await story.do(keeper, "list_import_rows", table, limit=2)
    await story.do(keeper, "get_import_report", table)
    await story.do(keeper, "delete_import", table)
    for kind in ("ndjson", "csv", "geojson", "xlsx"):
        await story.do(keeper, f"export_assets_as_{kind}", category="k9", agency_id=str(sheriff.id))
    kept = (await story.do(keeper, "create_import_mapping"))["id"]
    await story.do(keeper, "get_import_mapping", kept)
    await story.do(keeper, "list_import_mappings", limit=1)
    await story.do(keeper, "update_import_mapping", kept)


async def _past_loans(story: Story, sheriff: Agency, police: Agency) -> None:
    """An old list is taken over, and what it says is contested and withdrawn."""
    head = "Number,Lender,Borrower,Item,Type,From,To,Hours,Disposition,Condition,Remarks"
    when = "2023-07-04 08:00,2023-07-05 18:30,8"
    old = f"23-118,{sheriff.name},{police.name},Thermal camera,equipment,{when},Returned,good,(demo)"
    keeper, other = sheriff.coordinator, police.coordinator
    table = await story.do(keeper, "create_import", body=f"{head}\n{old}\n", kind="loans", filename="loans.csv")
    how = {"mapping": table["suggested_mapping"], "dry_run": False, "wait_seconds": 30}
    await story.do(keeper, "run_import", table["id"], body=how)
    past = (await story.do(other, "list_past_loans", limit=1))["items"][0]["id"]
    await story.do(other, "export_past_loans_as_csv", side="requesting")
    await story.do(other, "contest_past_loan", past)
    await story.do(keeper, "get_past_loan", past)
    await story.do(other, "withdraw_past_loan_contest", past)
    await story.do(keeper, "withdraw_past_loan", past)
    await story.do(keeper, "list_past_loan_history", past, limit=2)


async def _personnel(story: Story, sheriff: Agency, police: Agency) -> None:
    keeper = sheriff.coordinator
    one = (await story.do(keeper, "create_personnel_record"))["id"]
    await story.do(keeper, "update_personnel_record", one)
    licensed = await story.do(keeper, "add_personnel_credential", one)
    credential = licensed["credentials"][-1]["id"]
    await story.do(keeper, "verify_personnel_credential", one, credential)
    await story.do(keeper, "revoke_personnel_credential", one, credential)
    await story.do(keeper, "place_personnel_on_leave", one)
    await story.do(keeper, "return_personnel_to_duty", one)
    await story.do(keeper, "get_personnel_record", one)
    await story.do(keeper, "get_personnel_name", one)
    await story.do(keeper, "list_personnel", capability="language", limit=2)
    window = {"from_": "2026-07-06T14:00:00Z", "to": "2026-07-06T20:00:00Z"}
    await story.do(keeper, "get_personnel_availability", one, **window)
    await story.do(keeper, "list_personnel_history", one, limit=2)
    await story.do(sheriff.admin, "get_capability_disclosure")
    await story.do(sheriff.admin, "update_capability_disclosure")
    tomorrow = BEGINS + 2 * DAY
    await release_all_due(story.service.database.read(), partial(unit_of_work, story.service.database), tomorrow)
    asked = {"available_from": window["from_"], "available_to": window["to"]}
    speaker = {"capability": "language.hmn", "level_at_least": "3", "tested": "true"}
    await story.do(police.coordinator, "list_capabilities", **speaker, **PLACE, within_km=100, **asked)
    await story.do(keeper, "separate_personnel", one)


async def _asked(story: Story, asking: Caller, asset: str, *, hours: int = 5) -> dict[str, Any]:
    start = datetime(2026, 7, 4, 18, tzinfo=UTC)
    window = {"start": _instant(start), "end": _instant(start + timedelta(hours=hours))}
    written = story.written["create_request"]
    lines = [{**written["lines"][0], "asset_id": asset, "window": window}]
    made: dict[str, Any] = await story.do(asking, "create_request", body={**written, "lines": lines})
    return made


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


async def _requests(story: Story, sheriff: Agency, police: Agency, asset: str) -> None:
    asking, owner, commander = police.coordinator, sheriff.coordinator, sheriff.approver
    window = {"from_": "2026-07-04T18:00:00Z", "to": "2026-07-04T23:00:00Z"}
    found = {"available_from": window["from_"], "available_to": window["to"]}
    await story.do(asking, "list_assets", category="k9", **PLACE, within_km=80, lendable="true", **found)
    await story.do(asking, "search_resources", q="narcotics K9 near Minneapolis, July 4 2026 1pm-6pm")
    await story.do(asking, "get_asset_availability", asset, **window)
    question = {**story.written["evaluate_policy"], "asset_id": asset}
    await story.do(asking, "evaluate_policy", body=question)

    first = await _asked(story, asking, asset)
    await story.do(asking, "update_request", first["id"])
    await story.do(asking, "submit_request", first["id"])
    await story.do(asking, "list_requests", limit=2)
    await story.do(asking, "export_requests_as_csv", side="requesting")
    await story.do(asking, "get_request", first["id"])
    await story.do(asking, "list_request_history", first["id"], limit=2)
    changed = await story.do(
        sheriff.admin, "update_asset", asset, body={"description": "Two dogs, one handler (demo)."}
    )
    lines = {"lines": [{"line_no": 1, "asset_version": changed["version"]}]}
    accepted = await story.do(asking, "accept_changed_assets", first["id"], body=lines)
    decision = accepted["lines"][0]["decision"]["id"]
    await story.do(asking, "get_decision", decision)
    await story.do(asking, "list_decisions", limit=2)
    await story.do(asking, "replay_decision", decision)
    loan = (await story.do(owner, "create_loan", body={"decision_id": decision}))["id"]
    await story.do(
        owner, "cancel_loan", loan, body={"reason": "The dog is lame (demo).", "reason_code": "not_available"}
    )
    gone = await _asked(story, asking, asset)
    line = (await story.do(asking, "submit_request", gone["id"]))["lines"][0]["id"]
    await story.do(owner, "decline_request_line", gone["id"], line)
    line = (await story.do(asking, "ask_request_line_again", gone["id"], line))["lines"][-1]["id"]
    line = (await story.do(asking, "update_request_line", gone["id"], line))["lines"][-1]["id"]
    await story.do(asking, "withdraw_request", gone["id"])
    one = await _asked(story, asking, asset)
    await story.do(asking, "withdraw_request_line", one["id"], one["lines"][0]["id"])
    for verb in ("approve_request", "reject_request"):
        long = await _asked(story, asking, asset, hours=30)
        await story.do(asking, "submit_request", long["id"])
        await story.do(commander, verb, long["id"])
        if verb == "approve_request":
            await story.do(police.approver, "close_request_manually", long["id"])


async def _sourced(story: Story, sheriff: Agency, police: Agency, asset: str) -> None:
    """What is needed of whichever agency: asked of one, offered on a condition, which is accepted once, and refused."""
    asking, owner = police.coordinator, sheriff.coordinator
    for answer in ("accept_request_line_offer", "refuse_request_line_offer"):
        written = story.written["create_request"]
        line = {name: value for name, value in written["lines"][0].items() if name != "asset_id"}
        line["need"] = {"kind": "category", "category": "k9", "type_at_least": 2}
        made = await story.do(asking, "create_request", body={**written, "lines": [line]})
        needed = (await story.do(asking, "submit_request", made["id"]))["lines"][0]["id"]
        await story.do(asking, "list_request_line_candidates", made["id"], needed, limit=2)
        body = {**story.written["source_request_line"], "tiers": [[str(sheriff.id)]]}
        asked = (await story.do(asking, "source_request_line", made["id"], needed, body=body))["lines"][-1]["id"]
        given = {**story.written["offer_for_request_line"], "asset_id": asset}
        offered = (await story.do(owner, "offer_for_request_line", made["id"], asked, body=given))["lines"][-1]
        accepts = answer == "accept_request_line_offer"
        body = {"offer_version": offered["offer_version"]} if accepts else story.written[answer]
        await story.do(asking, answer, made["id"], asked, body=body)
        await story.do(asking, "withdraw_request", made["id"])


async def _loans(story: Story, sheriff: Agency, police: Agency, asset: str) -> None:
    story.later(hours=4)  # the evening for which it was asked has begun
    asking, owner = police.coordinator, sheriff.coordinator

    async def reserved() -> str:
        made = await _asked(story, asking, asset, hours=12)
        line = (await story.do(asking, "submit_request", made["id"]))["lines"][0]
        return str((await story.do(owner, "create_loan", body={"decision_id": line["decision"]["id"]}))["id"])

    async def owed_on(loan: str) -> str:
        return str((await story.do(asking, "list_obligations", loan_id=loan, owed="true", limit=1))["items"][0]["id"])

    missed = await reserved()
    await story.do(asking, "waive_obligation", await owed_on(missed))
    story.later(minutes=31)  # nobody is missed within half an hour of the reservation
    asking, owner = police.coordinator, sheriff.coordinator
    await story.do(owner, "report_loan_no_show", missed)
    await story.do(asking, "contest_loan_no_show", missed)
    await story.do(owner, "withdraw_loan_no_show", missed)
    await story.do(asking, "cancel_loan", missed)  # which is reserved again
    loan = await reserved()
    changed = await story.do(sheriff.admin, "update_asset", asset, body={"attributes": {"alert": "passive"}})
    await story.do(asking, "accept_changed_asset", loan, body={"asset_version": changed["version"]})
    await story.do(owner, "dispatch_loan", loan)
    left_at = (await story.do(asking, "receive_loan", loan))["dispatched_at"]
    contest = story.written["contest_loan_time"]
    for answer, agency in (("withdraw_loan_time_contest", owner), ("accept_loan_time", asking)):
        await story.do(owner, "contest_loan_time", loan, body={**contest, "occurred_at": left_at})
        await story.do(agency, answer, loan)
    until = {"planned_end_at": "2026-07-05T12:00:00Z", "reason": "The search goes on (demo)."}
    await story.do(asking, "request_loan_extension", loan, body=until)
    await story.do(owner, "decline_loan_extension", loan)
    longer = (await story.do(asking, "request_loan_extension", loan, body=until))["extensions"][-1]["id"]
    acceptance = {**story.written["accept_loan_extension"], "extension_id": longer}
    await story.do(owner, "accept_loan_extension", loan, body=acceptance)
    await story.do(owner, "recall_loan", loan)
    await story.do(owner, "withdraw_loan_recall", loan)
    filed = await story.do(asking, "file_loan_document", loan, kind="photo", occasion="return", title="Door (demo)")
    condition = {**story.written["start_loan_return"]["condition"], "document_ids": [filed["id"]]}
    await story.do(asking, "start_loan_return", loan, body={"condition": condition})
    await story.do(owner, "return_loan", loan)
    wrong = await story.do(asking, "file_loan_document", loan, kind="other", occasion="use", title="Wrong (demo)")
    await story.do(owner, "list_loan_documents", loan, limit=1)
    await story.do(owner, "get_loan_document", loan, filed["id"])
    await story.do(owner, "get_loan_document_content", loan, filed["id"])
    await story.do(asking, "withdraw_loan_document", loan, wrong["id"])
    await story.do(owner, "close_loan", loan)
    await story.do(owner, "report_loan_damage", loan)
    await story.do(asking, "contest_loan_damage", loan)
    await story.do(owner, "withdraw_loan_damage", loan)
    bent = (await story.do(owner, "list_asset_unavailability", asset))["items"][0]
    await story.do(owner, "assess_asset_damage", asset, bent["id"], body={"assessment": "fit", "reason": "Fit (demo)."})
    scratched = await reserved()
    report = await owed_on(scratched)
    await story.do(owner, "dispatch_loan", scratched)
    await story.do(owner, "fulfil_obligation", report)
    await story.do(asking, "contest_obligation", report)
    await story.do(asking, "accept_obligation", report)
    await story.do(asking, "get_obligation", report)
    await story.do(asking, "get_obligation_counts", owed="true")
    await story.do(asking, "list_obligation_history", report)
    await story.do(owner, "return_loan", scratched, body={**story.written["return_loan"], "grade": "damaged"})
    damage = (await story.do(owner, "list_asset_unavailability", asset))["items"][0]
    await story.do(owner, "assess_asset_damage", asset, damage["id"])
    await _counted(story, sheriff, police)
    lost = await reserved()
    await story.do(owner, "dispatch_loan", lost)
    await story.do(owner, "report_loan_lost", lost)
    await story.do(asking, "report_loan_found", lost)
    await story.do(owner, "report_loan_lost", lost)
    await story.do(asking, "get_loan", loan)
    await _past_loans(story, sheriff, police)
    await story.do(asking, "get_loan_sheet_page", loan)
    await story.do(asking, "get_loan_sheet_pdf", loan)
    await story.do(asking, "list_loans", limit=2)
    await story.do(asking, "export_loans_as_csv", side="requesting")
    await story.do(owner, "list_inbox", limit=2)
    await story.do(owner, "get_inbox_counts", waiting_on="agency")
    await _notices(story, owner)
    await story.do(asking, "list_loan_history", loan, limit=2)


async def _counted(story: Story, sheriff: Agency, police: Agency) -> None:
    """Three are sent and two arrive: the third comes later, was miscounted, and has never left."""
    asking, owner = police.coordinator, sheriff.coordinator
    lamps = {"category": "equipment", "name": "Lamps (demo)", "tag": "LAMP-1", "capacity": 3}
    asset = (await story.do(sheriff.admin, "create_asset", body=lamps))["id"]
    window = {"start": "2026-07-04T18:00:00Z", "end": "2026-07-05T06:00:00Z"}
    lines = [{"asset_id": asset, "quantity": 3, "window": window}]
    made = await story.do(asking, "create_request", body={**story.written["create_request"], "lines": lines})
    line = (await story.do(asking, "submit_request", made["id"]))["lines"][0]
    loan = (await story.do(owner, "create_loan", body={"decision_id": line["decision"]["id"]}))["id"]
    await story.do(owner, "dispatch_loan", loan)
    await story.do(asking, "receive_loan", loan, body={"quantity": 2})
    await story.do(asking, "correct_loan_count", loan)
    await story.do(asking, "correct_loan_count", loan, body={"quantity": 2})
    await story.do(owner, "accept_loan_count", loan)


async def _notices(story: Story, person: Caller) -> None:
    """A person chooses to be told, gives an address, confirms it by what was written there, and ends it by the link."""
    await story.do(person, "get_notifications")
    await story.do(person, "update_notifications")
    await story.do(person, "give_notification_address")
    (row,) = await story.service.database.read().all(sa.select(mail_recipient))
    key: MailKey = story.service.edge.app.state.mail_key
    code = {"code": key.code(row.code_letter_id, row.asked_address)}
    await story.do(person, "confirm_notification_address", body=code)
    story.kept["confirm_notification_address"]["body"] = story.written["confirm_notification_address"]
    link = key.stop_token(row.id, row.asked_address)
    await story.do(story.service.anonymous, "get_stop_page", link)
    await story.do(story.service.anonymous, "stop_notifications", link)
    await story.do(person, "forget_notification_address")


async def _engagements(story: Story, sheriff: Agency, police: Agency, agreement: str) -> None:
    """An exercise that is cancelled, one that is held and improved upon, a training, and a town hall for everybody."""
    host, guest, written = sheriff.coordinator, police.coordinator, story.written["create_engagement"]
    invited = {"agency_ids": [str(police.id)]}
    off = (await story.do(host, "create_engagement", body={**written, "agreement_id": agreement}))["id"]
    await story.do(host, "invite_to_engagement", off, body=invited)
    await story.do(host, "update_engagement", off)
    await story.do(guest, "decline_engagement_invitation", off)
    await story.do(guest, "accept_engagement_invitation", off)
    await story.do(host, "cancel_engagement", off)
    past = {"starts_at": "2026-07-03T14:00:00Z", "ends_at": "2026-07-03T18:00:00Z", **invited}
    held = (await story.do(host, "create_engagement", body={**written, **past, "agreement_id": agreement}))["id"]
    await story.do(guest, "accept_engagement_invitation", held)
    await story.do(host, "complete_engagement", held)
    await story.do(host, "evaluate_engagement", held)
    body = {**story.written["plan_corrective_action"], "owner_agency_id": str(police.id)}
    action = (await story.do(host, "plan_corrective_action", held, body=body))["id"]
    await story.do(guest, "complete_corrective_action", action)
    await story.do(host, "reopen_corrective_action", action)
    await story.do(guest, "complete_corrective_action", action)
    await story.do(host, "close_corrective_action", action)
    await story.do(guest, "get_corrective_action", action)
    await story.do(guest, "list_corrective_actions", engagement_id=held)
    await story.do(guest, "list_corrective_action_history", action, limit=2)
    await story.do(guest, "get_engagement", held)
    await story.do(guest, "list_engagement_history", held, limit=2)
    plain = {name: value for name, value in written.items() if name not in ("exercise_type", "objectives")}
    training = {**plain, **past, "kind": "cross_training", "title": "Boats in current (demo)"}
    taught = (await story.do(host, "create_engagement", body=training))["id"]
    await story.do(host, "complete_engagement", taught)
    person = {**story.written["credit_engagement_training"]["people"][0]}
    person["personnel_id"] = (await enter_person(sheriff))["id"]
    body = {**story.written["credit_engagement_training"], "people": [person]}
    await story.do(host, "credit_engagement_training", taught, body=body)
    await story.do(host, "create_engagement", body={**plain, "kind": "town_hall", "public": True})
    await story.do(guest, "list_engagements", limit=2)
    await story.do(story.service.anonymous, "list_public_engagements", limit=2)
    feed = await story.do(sheriff.legal, "create_calendar_feed")
    name = feed["address"].rpartition("/")[2]
    await story.do(story.service.anonymous, "get_engagement_calendar", name)
    await story.do(sheriff.legal, "revoke_calendar_feed", feed["id"])


async def _objectives(story: Story, sheriff: Agency, police: Agency, agreement: str) -> None:
    """What an agreement is to achieve: measured, corrected, contested; and one that is given up."""
    first, second = sheriff.coordinator, police.coordinator
    one = (await story.do(first, "create_agreement_objective", agreement))["id"]
    wrong = (await story.do(first, "measure_objective", one))["measurements"][0]["id"]
    body = {**story.written["correct_objective_measurement"], "measurement_id": wrong}
    right = (await story.do(first, "correct_objective_measurement", one, body=body))["measurements"][1]["id"]
    body = {**story.written["contest_objective_measurement"], "measurement_id": right}
    await story.do(second, "contest_objective_measurement", one, body=body)
    await story.do(second, "withdraw_objective_contest", one, body={"measurement_id": right})
    await story.do(second, "get_objective", one)
    await story.do(second, "list_agreement_objectives", agreement, limit=1)
    await story.do(second, "get_agreement_attainment", agreement)
    await story.do(second, "list_objective_history", one, limit=2)
    await story.do(first, "withdraw_objective", one)


async def _outcome_review(story: Story, sheriff: Agency, police: Agency, agreement: str) -> None:
    """A review that freezes the scorecard, in which both parties decide, and what follows."""
    opened = (await story.do(sheriff.legal, "create_agreement_outcome_review", agreement))["id"]
    await story.do(sheriff.legal, "decide_in_outcome_review", opened)
    await story.do(police.approver, "decide_in_outcome_review", opened)
    await story.do(sheriff.legal, "complete_outcome_review", opened)
    await story.do(police.auditor, "get_outcome_review", opened)
    await story.do(police.auditor, "list_agreement_outcome_reviews", agreement, limit=1)
    await story.do(police.auditor, "get_agreement_review_compliance", agreement)
    await story.do(police.auditor, "list_outcome_review_history", opened, limit=2)


async def _outcomes(story: Story, police: Agency, agreement: str) -> None:
    await sealed(story.service)
    database = story.service.edge.app.state.database
    await follow_all(database.read(), partial(unit_of_work, database))  # so that the totals hold all that is sealed
    await story.do(police.auditor, "get_scorecard", from_="2026-07-01T00:00:00Z", to="2026-08-01T00:00:00Z")
    await story.do(police.auditor, "list_metrics", limit=3)
    await story.do(police.auditor, "get_scorecard_totals", from_="2026-07-01", to="2026-07-31")
    await story.do(police.auditor, "get_scorecard_page", from_="2026-07-01", to="2026-07-31")
    await story.do(police.auditor, "get_scorecard_table", from_="2026-07-01", to="2026-07-31")
    days = {"from_": "2026-07-01T00:00:00Z", "to": "2026-08-01T00:00:00Z"}
    await story.do(police.auditor, "get_metric", "line_fill_rate", **days)
    await story.do(police.auditor, "get_agreement_scorecard", agreement, **days)


async def _problems(story: Story, sheriff: Agency, police: Agency, asset: str) -> None:
    """One of each status that a caller may bring about."""
    keeper, path = sheriff.admin, f"/v1/assets/{asset}"
    nowhere = "/v1/assets/01900000-0000-7000-8000-000000000000"
    json_ = {"content-type": "application/json"}
    await story.refused(keeper, "POST", "/v1/assets", content=b'{"colour": "red"}', headers=json_)
    await story.refused(story.service.anonymous, "GET", path)
    await story.refused(police.coordinator, "POST", f"{path}/retire", json=WRONG)
    await story.refused(keeper, "GET", nowhere)
    await story.refused(keeper, "POST", "/v1/assets", json=story.written["create_asset"])
    await story.refused(keeper, "PATCH", path, json={"type_level": 2}, headers={"if-match": '"1-00000000"'})
    await story.refused(keeper, "POST", "/v1/assets", content=b" " * 2_000_000, headers=json_)
    await story.refused(keeper, "POST", "/v1/assets", content=b"x", headers={"content-type": "text/csv"})
    await story.refused(keeper, "POST", "/v1/assets", json={"category": "unicorn", "name": "One (demo)", "tag": "U-1"})
    await story.refused(keeper, "PATCH", path, json={"type_level": 2})


async def _endings(story: Story, sheriff: Agency, police: Agency, state: Agency, agreement: str) -> None:
    paper = {"signed_on": "2025-12-15", "signatory_title": "Sheriff", "evidence_sha256": EVIDENCE}
    text = _text(story, sheriff, police, number="MA-2026-090", effective_on="2026-01-01")
    heir = await story.do(sheriff.legal, "record_agreement", body={**text, **paper})
    hand = {"version_sha256": heir["version_sha256"], "signatory_title": "Chief of Police", "signed_on": "2025-12-15"}
    await story.do(police.legal, "confirm_agreement", heir["id"], body=hand)
    over = {"by_agreement_id": heir["id"], "reason": "Replaced by the regional compact (demo)."}
    await story.do(sheriff.legal, "supersede_agreement", agreement, body=over)
    ended = await story.do(sheriff.legal, "terminate_agreement", heir["id"])
    await story.do(police.legal, "consent_to_agreement_proposal", heir["id"], ended["proposals"][-1]["id"])
    await story.do(story.service.operator, "dissolve_agency", str(state.id))


EXAMPLES = ROOT / "registry" / "platform" / "http" / "examples.json"


async def record(database_url: str, folder: Path) -> bytes:
    """Play the story on a database of its own, and write what was asked and answered."""
    with (
        mail_server() as (_, port),
        time_machine.travel(BEGINS, tick=False) as clock,
        patch.object(Deliverer, "is_on", new=False),
        patch.object(lines, "DRAW", Random(1)),  # else the numbers of lines would differ from run to run
    ):
        sends = sending_by(
            port, REGISTRY_PUBLIC_URL="http://127.0.0.1:8000", REGISTRY_SECOND_OPERATOR_FOR="lift_revocation"
        )
        settings = load(environment(database_url, folder, **sends))
        async with in_process(settings) as service:
            service.edge.app.state.webhooks = "on"
            service.edge.app.state.sealer.every_seconds = service.edge.app.state.sealer.every_events = 10**9
            story = Story(service, clock)
            await play(story)
    left_out = story.operations() - story.kept.keys()
    assert not left_out, f"let the story use {', '.join(sorted(left_out))}"
    written = {
        "operations": dict(sorted(story.kept.items())),
        "problems": dict(sorted(story.problems.items())),
        "accepted": story.accepted,
    }
    return _stable(json.dumps(written, indent=1, ensure_ascii=False) + "\n").encode()


_RANDOM = re.compile(
    r"(?P<id>(?<![0-9a-f-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)"
    r"|(?P<hash>\b[0-9a-f]{64}\b)"
    r"|(?P<beginning>\b[0-9a-f]{16}(?=…))"
    r"|(?P<trace>\b[0-9a-f]{32}\b)"
    r"|(?P<domain>(?<=@)[0-9a-f]{6}\b)"
    r"|(?P<owner>(?<=own-)[0-9a-f]{12}\b)"
    r'|(?P<cursor>(?<="next_cursor": ")[A-Za-z0-9_=-]+)'
    r'|(?P<place>(?:(?<="place": ")|(?<="next_after": ")|(?<=\\nid: ))[A-Za-z0-9_-]{22}\b)'
    r"|(?P<secret>(?<=calendars/)[A-Za-z0-9_-]{43}(?=\.ics)|(?<=rcs_)[A-Za-z0-9_-]{43}"
    r"|(?<=whsec_)[A-Za-z0-9+/]{43}(?==))"
    r"|(?P<link>(?<=notifications/stop/)[A-Za-z0-9_-]{64})"
    r'|(?P<coordinate>(?<="[xy]": ")[A-Za-z0-9_-]{43})'
    r"|(?P<signature>(?<= )[A-Za-z0-9+/]{91}=)"
    r"|(?P<root>(?:(?<=\\n)|(?<![A-Za-z0-9+/]))[A-Za-z0-9+/]{43}=)"
    r"|(?P<key>\b[0-9a-f]{8}\+[A-Za-z0-9+/]{44}(?![A-Za-z0-9+/=]))"
    r"|(?P<token>\bey[A-Za-z0-9_-]+\.ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)"
)


def _stable(text: str) -> str:
    """The text with everything that differs from run to run replaced, in the order in which it appears."""
    names: dict[str, str] = {str(OPERATOR_AGENCY_ID): str(OPERATOR_AGENCY_ID), EVIDENCE: EVIDENCE}
    counted: dict[str, int] = {}

    def replaced(match: re.Match[str]) -> str:
        kind, found = str(match.lastgroup), match[0]
        if found not in names:
            number = counted[kind] = counted.get(kind, 0) + 1
            names[found] = {
                "id": f"01900000-0000-7000-8000-{number:012x}",
                "hash": f"{number:064x}",
                "beginning": f"{number:016x}",
                "trace": f"{number:032x}",
                "domain": f"agency-{number}.example",
                "owner": f"{number:012x}",
                "cursor": f"example-{number}",
                "place": f"example-{number}".ljust(22, "x"),
                "secret": f"example-{number}".ljust(43, "x"),
                "link": f"example-{number}".ljust(64, "x"),
                "coordinate": f"example-{number}".ljust(43, "x"),
                "signature": b64encode(number.to_bytes(68)).decode(),
                "root": b64encode(number.to_bytes(32)).decode(),
                "key": f"{number:08x}+{b64encode(bytes([1]) + number.to_bytes(32)).decode()}",
                "token": f"eyExample.eyExample.example-{number}",
            }[kind]
        return names[found]

    return _RANDOM.sub(replaced, text)


def main() -> None:
    """Record the examples anew: `python -m tests.contract.story`."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with TemporaryDirectory() as name, sqlite_template(Path(name)) as template:
        folder = Path(name)
        EXAMPLES.write_bytes(asyncio.run(record(copy_sqlite(template, folder / "story.db"), folder / "data")))


if __name__ == "__main__":
    main()
