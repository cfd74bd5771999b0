"""The things that the matrix is about, made through the API, and a well-formed request for each operation."""

import re
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import msgspec
from msgspec import Struct

from registry.agreements.duties.schemas import NEW_DUTY_EXAMPLE
from registry.agreements.insurance.schemas import NEW_CERTIFICATE_EXAMPLE
from registry.directory.taxonomy.schemas import NEW_CATEGORY_EXAMPLE
from registry.outcomes.objectives.schemas import NEW_OBJECTIVE_EXAMPLE
from registry.platform.access.development import development_token
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.kernel.time import utc_now
from registry.platform.webhooks.schemas import WEBHOOK_EXAMPLE
from registry.resources.certificates.schemas import NEW_ASSET_CERTIFICATE_EXAMPLE
from registry.resources.minimums.schemas import NEW_RESERVE_MINIMUM_EXAMPLE
from registry.resources.personnel.schemas import NEW_CREDENTIAL_EXAMPLE
from registry.resources.rates.schemas import NEW_RATE_EXAMPLE
from registry.sharing.policy.schemas.sets import NEW_POLICY_SET_EXAMPLE
from tests.platform.access.matrix import ROLE, Who
from tests.support.agreements import agreement_body, sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import LONG_AHEAD, SERVICE_SCOPES, Agency, Cast, make_agency, today
from tests.support.consent import agree_to_publish
from tests.support.documents import PLAIN, file_document, file_paper, file_with_loan
from tests.support.engagements import hold_engagement, plan_action
from tests.support.imports import MAPPING, csv_of, unit_row, uploaded
from tests.support.ledger import signed_ledger
from tests.support.loans import CONDITION, REASON, Partners, make_loan
from tests.support.packages import make_package, reserve_whole
from tests.support.past_loans import take_one_over
from tests.support.personnel import commit_to, enter_person, speaks
from tests.support.policy import make_decision
from tests.support.requests import line_for, make_request, sourced, submitted
from tests.support.service import Caller, Service

# A word that no other test writes: those of one process share a service.
_days = count(1)
CANARY = "oriolecanary"


class Scene(Struct, kw_only=True, frozen=True):
    """Three agencies and what lies between two of them; `things` are ids by the matrix's names."""

    service: Service
    owner: Agency
    partner: Agency
    stranger: Agency
    suspended: Agency
    things: dict[str, str]
    bodies: dict[str, Any]
    paths: dict[str, tuple[str, str]]
    callers: dict[Who, Caller] = {}

    def caller(self, who: Who) -> Caller:
        """The matrix's caller, with one token for the whole test."""
        if who not in self.callers:
            self.callers[who] = self._caller(who)
        return self.callers[who]

    def _caller(self, who: Who) -> Caller:
        if who.side == "operator":
            return self.service.operator
        agency: Agency = getattr(self, who.side)
        role = ROLE[who.role]
        return agency.as_(role, scope=SERVICE_SCOPES if role is Role.SERVICE else "*")

    def agency_of(self, who: Who) -> str:
        """The id of the agency that the caller acts for."""
        return str(OPERATOR_AGENCY_ID if who.side == "operator" else getattr(self, who.side).id)

    def outsider(self, kind: str) -> Caller:
        """Somebody who may do nothing."""
        everything: list[Role] = [role for role in Role if role is not Role.REGISTRY_ADMIN]
        match kind:
            case "anonymous":
                return self.service.anonymous
            case "expired":
                then = utc_now() - timedelta(hours=2)
                token = development_token(
                    self.service.settings,
                    agency_id=self.owner.id,
                    roles=everything,
                    subject="late",
                    now=then,
                    life_seconds=60,
                )
                return Caller(self.service, token)
            case "suspended":
                return self.suspended.as_(*everything)
            case "without a scope":
                return self.owner.as_(*everything, scope="nothing:read agencies loan:*")
            case _:
                return self.owner.as_()

    def absent(self, thing: str) -> str:
        """An id of nothing, in the place of the thing's."""
        return "/".join([*self.things[thing].split("/")[:-1], str(uuid4())])

    def request(self, operation: str, thing_id: str | None) -> tuple[str, str, dict[str, Any]]:
        """Method, path and options of a well-formed request for the operation."""
        method, template = self.paths[operation]
        path = (
            template.replace("{version_no}", "1")
            .replace("{category_code}", thing_id or "k9")  # those that agencies add are things
            .replace("{checklist_code}", "general")
            .replace("{metric_key}", "line_fill_rate")
            .replace("{standard_clause_code}", "liability.own_acts")
            .replace("{template_code}", "k9")
        )
        if "{" in path:
            assert thing_id is not None
            ids = iter(thing_id.split("/"))  # a part of a thing is named with the thing
            path = re.sub(r"\{\w+\}", lambda _: next(ids, str(uuid4())), path)
        path += QUERIES.get(operation, "").format(
            owner=self.owner.id, partner=self.partner.id, public=self.things["public_agreement"]
        )
        if method == "GET":
            return method, path, {}
        if method == "DELETE":
            return method, path, {"headers": {"if-match": "*"}}
        if operation in ("file_document", "file_asset_document", "file_loan_document"):
            return method, path, {"content": b"Filed by the matrix.", "headers": {"content-type": PLAIN}}
        if operation == "create_import":
            return method, path, {"content": csv_of(unit_row("M-1")), "headers": {"content-type": "text/csv"}}
        body = self.body(operation, thing_id)
        headers = {"if-match": "*"} if method == "PATCH" else {}
        if operation == "approve_request":  # whoever approves names what was read; here, each version that there may be
            headers = {"if-match": ", ".join(f'"{version}-00000000"' for version in range(1, 30))}
        return method, path, {"json": body, "headers": headers}

    def body(self, operation: str, thing_id: str | None) -> Any:
        """The body: the contract's own example, unless it must name a thing of the scene."""
        match operation:
            case "create_loan":
                return {"decision_id": thing_id}
            case "evaluate_policy":
                return {**self.bodies[operation], "asset_id": thing_id}
            case "create_request":
                return {**self.bodies[operation], "lines": [line_for({"id": thing_id})]}
            case "create_agreement":
                return agreement_body(self.owner, self.partner, number=f"M-{uuid4().hex[:12]}")
            case "draft_agreement_from_template":
                parties = [str(self.owner.id), str(self.partner.id)]
                return {**self.bodies[operation], "parties": parties, "number": f"M-{uuid4().hex[:12]}"}
            case "record_agreement":
                paper = {"signed_on": "2025-01-01", "signatory_title": "Chief", "evidence_sha256": "ab" * 32}
                return {**agreement_body(self.owner, self.partner, number=f"M-{uuid4().hex[:12]}"), **paper}
            case "create_agency":
                return {"name": "Made by the matrix", "kind": "city", "level": "local"}
            case "create_rate":
                return {**self.bodies[operation], "cost_code": f"M-{uuid4().hex[:12]}"}
            case "create_reserve_minimum":
                day = str(today() + timedelta(days=next(_days)))
                return {**self.bodies[operation], "category": "aircraft", "effective_on": day}
            case "create_import_mapping" | "update_import_mapping":
                return {**self.bodies[operation], "name": f"M-{uuid4().hex[:12]}"}
            case "run_import":
                return {"mapping": dict(MAPPING)}
            case "create_asset":
                return {**self.bodies[operation], "tag": f"M-{uuid4().hex[:12]}"}
            case "create_package":
                members = [{"asset_id": self.things[name]} for name in ("shared_asset", "network_asset")]
                return {**self.bodies[operation], "name": f"Team {uuid4().hex}", "members": members}
            case "reserve_package":
                return {"decision_ids": [self.things["decision"]]}
            case "record_asset_certificate":
                return {**self.bodies[operation], "handler_id": self.things["personnel_record"]}
            case "create_personnel_record":
                return {**self.bodies[operation], "tag": f"M-{uuid4().hex[:12]}"}
            case "dispatch_loan" | "return_loan":
                return CONDITION
            case "recall_loan":
                return {**REASON, "by": (utc_now() + timedelta(hours=2)).isoformat()}
            case "request_loan_extension":
                return {**REASON, "planned_end_at": (utc_now() + timedelta(hours=20)).isoformat()}
            case "submit_agreement" | "send_agreement_for_signature":
                return {"version_no": 1}
            case "submit_request" | "ask_request_line_again":
                return {}
            case "add_agreement_reviewer":
                return {"agency_id": str(self.partner.id), "department": f"Desk {uuid4().hex[:12]}"}
            case "create_agreement_comment":
                return {"version_no": 1, "provision": "1", "audience": "parties", "text": "From when on?"}
        return self.bodies[operation]


QUERIES = {
    "get_agreement_comparison": "?other_agreement_id={public}",
    "get_agreement_comparison_page": "?other_agreement_id={public}",
    "get_agreement_redline": "?from_version_no=1&to_version_no=1",
    "get_agreement_redline_page": "?from_version_no=1&to_version_no=1",
    "list_agreements_in_force": "?requesting_agency_id={partner}&assisting_agency_id={owner}",
    "search_agreements": "?q=mutual",
    "search_places": "?q=Duluth",
    "search_resources": "?q=drug+dog",
    "get_ledger_consistency": "?from=1",
    "get_place_at": "?latitude=44.98&longitude=-93.27",
    "create_import": "?kind=assets",
    "file_document": "?kind=other",
    "file_asset_document": "?kind=other",
    "file_loan_document": "?kind=other&occasion=use",
    "list_capabilities": "?capability=language.hmn",
    "get_personnel_availability": "?from=2030-01-01T00:00:00Z&to=2030-01-02T00:00:00Z",
    "get_package_availability": "?from=2030-01-01T00:00:00Z&to=2030-01-02T00:00:00Z",
    "get_asset_availability": "?from=2030-01-01T00:00:00Z&to=2030-01-02T00:00:00Z",
}


def _contract(service: Service) -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
    document = service.contract.document
    bodies: dict[str, Any] = {}
    paths: dict[str, tuple[str, str]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = operation["operationId"]
            paths[name] = (method.upper(), path)
            content = operation.get("requestBody", {}).get("content", {})
            bodies[name] = next((media.get("example", {}) for media in content.values()), {})
    return bodies, paths


async def make_scene(service: Service, cast: Cast) -> Scene:
    """Set everything up once; each text that may not get out holds the canary."""
    owner, partner, stranger = cast.assisting, cast.requesting, cast.stranger
    spare, suspended = await make_agency(service, "Spare"), await make_agency(service, "Suspended")
    await service.operator.done("POST", f"/v1/agencies/{suspended.id}/suspend", {"reason": "keys lost"})
    tag = (await owner.admin.get(f"/v1/agencies/{owner.id}")).headers["etag"]
    contact = {"email": f"{CANARY}@pd.example"}
    await owner.admin.done("PATCH", f"/v1/agencies/{owner.id}", contact, if_match=tag)

    secret: list[dict[str, Any]] = [
        {"number": "1", "heading": "purpose", "text": f"For the parties: {CANARY}."},
        {
            "number": "9",
            "heading": "communications",
            "text": f"Restricted: {CANARY}.",
            "sensitivity": "restricted",
            "exemption": "have counsel review",
        },
    ]
    titled: dict[str, Any] = {"title": f"Mutual aid {CANARY} (demo)", "provisions": secret}
    agreement = await sign_agreement(service, owner, partner, effective_on="2020-01-01", provisions=secret)
    public = await sign_agreement(
        service,
        owner,
        partner,
        provisions=[{"number": "0", "heading": "purpose", "text": "Open.", "sensitivity": "public"}, *secret],
    )
    draft = await owner.legal.done("POST", "/v1/agreements", agreement_body(owner, partner, **titled))
    in_review = await owner.legal.done("POST", "/v1/agreements", agreement_body(owner, partner, **titled))
    await owner.legal.done("POST", f"/v1/agreements/{in_review['id']}/submit", {})

    asked_about = await sign_agreement(service, owner, partner, provisions=secret)
    letter = {
        "agency_id": str(partner.id),
        "kind": "gave_notice",
        "acted_on": str(today()),
        "evidence_sha256": "ab" * 32,
    }
    about = f"/v1/agreements/{asked_about['id']}"
    told = await owner.legal.done("POST", f"{about}/report-act", {**letter, "reason": CANARY})
    proposed = await owner.legal.done("POST", f"{about}/terminate", {"reason": CANARY})

    reviewed = f"/v1/agreements/{in_review['id']}"
    department = {"agency_id": str(partner.id), "department": "County attorney"}
    review = await owner.legal.done("POST", f"{reviewed}/add-reviewer", department)
    said = {"version_no": 1, "provision": "1", "text": f"A remark: {CANARY}."}
    comment = await partner.legal.done("POST", f"{reviewed}/comments", {**said, "audience": "parties"})
    own_comment = await owner.legal.done("POST", f"{reviewed}/comments", {**said, "audience": "agency"})
    office = {"office": "Sheriff", "basis": "election", "citation": f"Of {CANARY}", "effective_on": "2020-01-01"}
    authority = await owner.admin.done("POST", f"/v1/agencies/{owner.id}/signing-authorities", office)
    certificate = await owner.admin.done(
        "POST", f"/v1/agencies/{owner.id}/insurance", {**NEW_CERTIFICATE_EXAMPLE, "policy_number": CANARY}
    )
    await owner.as_(Role.COORDINATOR, subject="somebody").done("GET", "/v1/me")
    await service.edge.app.state.sightings.store()
    seen = (await owner.admin.done("GET", "/v1/principals"))["items"]
    principal = next(each for each in seen if each["subject"] == "somebody")
    issuer = await service.operator.done("POST", "/v1/issuers", {"issuer": f"https://{uuid4().hex}.example"})
    await service.operator.done("POST", f"/v1/issuers/{issuer['id']}/attach-agency", {"agency_id": str(owner.id)})
    left = {"kind": "person", "issuer": issuer["issuer"], "value": "leaver", "reason": "Left (demo)."}
    revocation = await owner.admin.done("POST", "/v1/revocations", left)
    lost = {**left, "value": "lost", "agency_id": str(owner.id)}
    refused = await service.operator.done("POST", "/v1/revocations", lost)
    proposer = service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="proposer")
    found = {"reason": "Found again (demo)."}  # the operator's words, which its other administrators read
    proposed_act = await proposer.done("POST", f"/v1/revocations/{refused['id']}/lift", found)
    program = {"name": "Dispatch (demo)", "scopes": ["assets:read"]}
    client = await owner.admin.done("POST", "/v1/clients", program)
    webhook = await owner.admin.done("POST", "/v1/webhooks", {**WEBHOOK_EXAMPLE, "name": f"Program {CANARY}"})
    spare_webhook = await owner.admin.done("POST", "/v1/webhooks", WEBHOOK_EXAMPLE)
    delivery = await owner.admin.done("POST", f"/v1/webhooks/{webhook['id']}/test")
    feed = await owner.legal.done("POST", "/v1/calendar-feeds", {"label": f"Calendar {CANARY}"})
    filing = {**NEW_DUTY_EXAMPLE, "title": f"File it {CANARY}"}
    duty = await owner.legal.done("POST", f"/v1/agreements/{agreement['id']}/duties", filing)
    held = {"reviewed_on": "2026-01-31", "outcome": "keep"}
    looked = await owner.legal.done("POST", f"/v1/agreements/{agreement['id']}/complete-review", held)
    law: dict[str, Any] = {"sensitivity": "restricted", "exemption": "have counsel review"}
    documents = {
        "draft_document": await file_document(owner.legal, draft["id"], CANARY),
        "document": await file_document(owner.legal, agreement["id"], CANARY, title=CANARY),
        "partners_document": await file_document(partner.legal, agreement["id"], CANARY, filename=CANARY),
        "restricted_document": await file_document(owner.legal, public["id"], CANARY, title=CANARY, **law),
        "spare_document": await file_document(owner.legal, public["id"], "Spare.", sensitivity="public"),
        "proposed_document": await file_document(owner.legal, public["id"], f"New. {CANARY}", sensitivity="public"),
        "public_document": await file_document(owner.legal, public["id"], "Open.", sensitivity="public"),
    }
    for name in ("spare_document", "public_document"):
        await agree_to_publish(public["id"], partner, document_id=documents[name]["id"])

    bodies, paths = _contract(service)
    partners = Partners(assisting=owner, requesting=partner, stranger=stranger, agreement=agreement)
    named: dict[str, Any] = {"name": f"Dog team {CANARY}"}
    assets = {
        f"{name}_asset": await make_asset(owner, sharing=sharing, **(named if name != "network" else {}))
        for name, sharing in (("private", "private"), ("shared", "agreement"), ("network", "network"))
    }
    grouped = [await make_asset(owner, sharing="network") for _ in range(2)]
    packages = {
        f"{name}_package": await make_package(owner, *grouped, sharing=sharing, name=f"{name} team {word}")
        for name, sharing, word in (
            ("private", "private", CANARY),
            ("shared", "agreement", CANARY),
            ("network", "network", "for all"),
        )
    }
    packages["hidden_package"] = await make_package(
        owner, grouped[0], assets["private_asset"], sharing="network", name=f"Hidden team {CANARY}"
    )
    rate = await owner.admin.done("POST", "/v1/rates", {**NEW_RATE_EXAMPLE, "equipment": CANARY})
    kept = {**NEW_RESERVE_MINIMUM_EXAMPLE, "category": "aircraft", "reason": CANARY}
    minimum = await owner.coordinator.done("POST", "/v1/reserve-minimums", kept)
    policy_set = await owner.legal.done("POST", "/v1/policy-sets", {**NEW_POLICY_SET_EXAMPLE, "title": CANARY})
    await owner.legal.done("POST", f"/v1/policy-sets/{policy_set['id']}/validate")
    preview = await owner.legal.done("POST", f"/v1/policy-sets/{policy_set['id']}/previews", {})
    papers = {
        name: f"{paper['asset_id']}/{paper['id']}"
        for name, paper in (
            ("asset_document", await file_paper(owner.coordinator, assets["shared_asset"]["id"], title=CANARY)),
            ("shared_asset_document", await file_paper(owner.coordinator, assets["shared_asset"]["id"], shared="true")),
        )
    }
    own_category = await owner.admin.done("POST", "/v1/categories", NEW_CATEGORY_EXAMPLE)
    table = await uploaded(owner.admin, csv_of(unit_row(CANARY)))
    spare_table = await uploaded(owner.admin, csv_of(unit_row(CANARY)))
    mapping = {"kind": "assets", "name": CANARY, "mapping": dict(MAPPING)}
    kept_mapping = await owner.admin.done("POST", "/v1/import-mappings", mapping)
    decided = await make_asset(owner, **named)
    maintained = await make_asset(owner, **named)
    taken = await owner.coordinator.done(
        "POST", f"/v1/assets/{maintained['id']}/calendar-feeds", {"label": f"Dispatch {CANARY}"}
    )
    planned = await owner.coordinator.done(
        "POST",
        f"/v1/assets/{maintained['id']}/unavailability",
        {"kind": "maintenance", "window": {"start": utc_now().isoformat()}, "reason": f"Out for {CANARY}."},
    )
    licence = {**NEW_CREDENTIAL_EXAMPLE, "title": f"Licence {CANARY}", "number": CANARY}
    people = [
        await enter_person(owner, speaks("hmn", "3"), display_name=f"Somebody {CANARY}", credentials=[licence])
        for _ in range(3)
    ]
    await commit_to(service, people[2], partner)
    handled = {**NEW_ASSET_CERTIFICATE_EXAMPLE, "number": CANARY, "handler_id": people[0]["id"]}
    certified = await owner.admin.done("POST", f"/v1/assets/{maintained['id']}/certificates", handled)
    decision = await make_decision(partner, decided)
    asked: dict[str, Any] = {"summary": f"Search for {CANARY}."}
    asked_line = await submitted(partner, await make_asset(owner, **named), **asked)
    needed = await sourced(partner, [owner], **asked)
    offered = await sourced(partner, [owner], **asked)
    path = f"/v1/requests/{offered['id']}/lines/{offered['lines'][1]['id']}/offer"
    condition = {"asset_id": (await make_asset(owner, **named))["id"], "condition": f"For {CANARY}."}
    await owner.coordinator.done("POST", path, condition)
    exercise = await hold_engagement(
        owner, partner, title=f"Search {CANARY}", summary=f"Of {CANARY}.", agreement_id=agreement["id"]
    )
    improvement = await plan_action(owner, partner, exercise, title=f"Channel {CANARY}")
    goal = {**NEW_OBJECTIVE_EXAMPLE, "title": f"Hours {CANARY}", "due_on": str(LONG_AHEAD)}
    objective = await owner.legal.done("POST", f"/v1/agreements/{agreement['id']}/objectives", goal)
    outcome_review = await owner.legal.done("POST", f"/v1/agreements/{agreement['id']}/outcome-reviews")
    return Scene(
        service=service,
        owner=owner,
        partner=partner,
        stranger=stranger,
        suspended=suspended,
        things={
            "agency": str(owner.id),
            "contact": str(owner.id),
            "spare_agency": str(spare.id),
            "rate": rate["id"],
            "reserve_minimum": minimum["id"],
            "policy_set": policy_set["id"],
            "policy_preview": preview["id"],
            **papers,
            "own_category": own_category["code"],
            "import": table["id"],
            "spare_import": spare_table["id"],
            "import_mapping": kept_mapping["id"],
            "agreement": agreement["id"],
            "public_agreement": public["id"],
            "draft_agreement": draft["id"],
            "agreement_in_review": in_review["id"],
            "reported_act": f"{asked_about['id']}/{told['reported_acts'][0]['id']}",
            "proposal": f"{asked_about['id']}/{proposed['proposals'][0]['id']}",
            "review": f"{in_review['id']}/{review['id']}",
            "comment": f"{in_review['id']}/{comment['id']}",
            "own_comment": f"{in_review['id']}/{own_comment['id']}",
            "signing_authority": f"{owner.id}/{authority['id']}",
            "certificate": f"{owner.id}/{certificate['id']}",
            "duty": f"{agreement['id']}/{duty['id']}",
            "periodic_review": f"{agreement['id']}/{looked['id']}",
            "calendar_feed": feed["id"],
            "issuer": issuer["id"],
            "revocation": revocation["id"],
            "client": client["id"],
            "webhook": webhook["id"],
            "spare_webhook": spare_webhook["id"],
            "webhook_delivery": f"{webhook['id']}/{delivery['id']}",
            "principal": principal["id"],
            "operator_act": proposed_act["operator_act_id"],
            **{name: made["id"] for name, made in assets.items()},
            **{name: made["id"] for name, made in packages.items()},
            **{name: made["id"] for name, made in documents.items()},
            "asset_calendar_feed": f"{maintained['id']}/{taken['id']}",
            "asset_certificate": f"{maintained['id']}/{certified['id']}",
            "unavailability": f"{maintained['id']}/{planned['unavailability']['id']}",
            "personnel_record": people[0]["id"],
            "personnel_credential": f"{people[1]['id']}/{people[1]['credentials'][0]['id']}",
            "committed_person": people[2]["id"],
            "decision": str(decision.id),
            "request_line": f"{asked_line['id']}/{asked_line['lines'][0]['id']}",
            "needed_line": f"{needed['id']}/{needed['lines'][0]['id']}",
            "asked_line": f"{needed['id']}/{needed['lines'][1]['id']}",
            "offered_line": f"{offered['id']}/{offered['lines'][1]['id']}",
            "draft_request": (await make_request(partner, assets["shared_asset"], **asked))["id"],
            "request": (await submitted(partner, await make_asset(owner, **named), **asked))["id"],
            "package_reservation": (await reserve_whole(partners, packages["shared_package"]))["id"],
            "reserved_loan": (lent := await make_loan(partners, "reserved"))["id"],
            "obligation": next(each["id"] for each in lent["obligations"] if each["owed_by"] == "assisting"),
            "engagement": exercise["id"],
            "objective": objective["id"],
            "outcome_review": outcome_review["id"],
            "corrective_action": improvement["id"],
            "past_loan": (await take_one_over(owner, partner, Item=f"Camera {CANARY}", Remarks=CANARY))["id"],
            "loan_on_scene": (await make_loan(partners, "on_scene"))["id"],
            "closed_loan": (await make_loan(partners, "closed"))["id"],
            "ledger_event": await _sealed_event(owner, partners.agreement["id"]),
            "loan_document": "/".join(
                (lent["id"], (await file_with_loan(owner.coordinator, lent["id"], title=CANARY))["id"])
            ),
        },
        bodies=bodies,
        paths=paths,
    )


async def _sealed_event(owner: Agency, agreement_id: str) -> str:
    """An event that concerns both parties, in a signed checkpoint."""
    history = await owner.auditor.done("GET", f"/v1/agreements/{agreement_id}/history?limit=1&sort=version")
    await signed_ledger(owner.service)
    return str(history["items"][0]["id"])


def comparable(body: bytes) -> dict[str, Any]:
    """A problem without what differs from request to request."""
    problem: dict[str, Any] = msgspec.json.decode(body)
    return {name: value for name, value in problem.items() if name not in ("trace_id", "instance")}
