"""Words that are somebody's own are in no answer to anybody else, whatever is asked and however it fails.

Each text is marked with a token of its own, which says who may read it. Then every reader of every agency asks every
reading operation of the contract about every thing there is, and tries every other operation on it; answers, headers,
logs and counters are searched for tokens that are not for that reader.
"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import jwt
import msgspec
import pytest
import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.instruments.commands import ending, holding
from registry.agreements.instruments.schemas.given import WithdrawalNotice
from registry.agreements.insurance.schemas import NEW_CERTIFICATE_EXAMPLE
from registry.outcomes.objectives.schemas import NEW_OBJECTIVE_EXAMPLE
from registry.platform import background
from registry.platform.access import authentication, keys, tokens
from registry.platform.access.known import record_sightings
from registry.platform.access.principals import Role
from registry.platform.access.sightings import Sighting
from registry.platform.database import trouble
from registry.platform.database.connect import unit_of_work
from registry.platform.http import edge, problems
from registry.platform.kernel.time import civil_day, utc_now
from registry.platform.ledger.tables import ledger_event
from registry.resources.certificates.schemas import NEW_ASSET_CERTIFICATE_EXAMPLE
from registry.resources.minimums.schemas import NEW_RESERVE_MINIMUM_EXAMPLE
from registry.resources.personnel.commands.releasing import release_all_due
from registry.resources.rates.schemas import NEW_RATE_EXAMPLE
from registry.sharing.policy.schemas.sets import NEW_POLICY_SET_EXAMPLE
from tests.support.agreements import EVIDENCE, agreement_body, sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import LONG_AHEAD, SERVICE_SCOPES, ZONE, Agency, Cast, inside, make_cast, today
from tests.support.consent import agree_to_publish
from tests.support.documents import file_document, file_paper, file_with_loan
from tests.support.engagements import hold_engagement, plan_action
from tests.support.feed import sealed
from tests.support.imports import MAPPING, csv_of, run, unit_row, uploaded
from tests.support.ledger import signed_ledger
from tests.support.length import at_length
from tests.support.loans import under_way
from tests.support.logs import logged_by
from tests.support.packages import decided_on, make_package
from tests.support.past_loans import take_one_over
from tests.support.personnel import enter_person, speaks
from tests.support.policy import acting_for, answer_decision
from tests.support.requests import act, line_for, make_request
from tests.support.review import sent_out
from tests.support.service import Caller, Service

pytestmark = [
    pytest.mark.second_long,
    pytest.mark.xdist_group("canary"),  # one worker makes the stage, once for each database
]

ROLES = (Role.COORDINATOR, Role.APPROVER, Role.LEGAL, Role.AUDITOR, Role.AGENCY_ADMIN, Role.SERVICE)
SIDES = ("assisting", "requesting", "neighbour", "stranger")
SUPERVISORS = {Role.AUDITOR, Role.AGENCY_ADMIN, Role.REGISTRY_ADMIN}
ADDRESS = "127.0.0.1"
"""From where every request of the tests comes."""
MANAGERS = {Role.COORDINATOR, Role.LEGAL, Role.AGENCY_ADMIN}
CLEARED = {Role.LEGAL, Role.AUDITOR}
TOKEN = re.compile(r"canary[0-9a-f]{12}")
UNCHANGED = {"x-request-id", "date"}
# Every module that logs while requests are answered.
LOGGING = (edge, problems, authentication, tokens, keys, background, trouble, holding)


class Reader(Struct, kw_only=True, frozen=True):
    """Somebody who asks. `side` is the agency's name in the cast, or `operator`, or `nobody` without a token."""

    side: str
    role: Role | None
    caller: Caller


class Stage(Struct, kw_only=True):
    """What there is: `things` are ids by the name of the path parameter, `marks` say for each token who may read it."""

    service: Service
    cast: Cast
    things: dict[str, list[str]] = {}
    marks: dict[str, Callable[[Reader], bool]] = {}
    known: dict[str, str] = {}

    def mark(self, *sides: str, roles: set[Role] | None = None) -> str:
        """A new token for these sides, for these roles alone where any are given."""
        token = f"canary{uuid4().hex[:12]}"
        self.marks[token] = lambda reader: reader.side in sides and (roles is None or reader.role in roles)
        return token

    def keep(self, kind: str, made: dict[str, Any]) -> dict[str, Any]:
        """Remember the id of what was made."""
        self.things.setdefault(kind, []).append(made["id"])
        return made

    def people(self) -> dict[str, str]:
        """What tells a person, and the side of each: subjects, and the ids of the tokens with which they come."""
        if not self.known:
            for side in SIDES:
                agency: Agency = getattr(self.cast, side)
                subjects = (*ROLES, "counsel", "signatory")
                self.known |= {f"{subject}@{str(agency.id)[-6:]}": side for subject in subjects}
            for reader in self.readers():
                if reader.caller.token is not None and reader.side in SIDES:
                    claims = jwt.decode(reader.caller.token, options={"verify_signature": False})
                    self.known[claims["jti"]] = reader.side
        return self.known

    def readers(self) -> Iterator[Reader]:
        """Everybody."""
        for side, role in product(SIDES, ROLES):
            agency: Agency = getattr(self.cast, side)
            scope = SERVICE_SCOPES if role is Role.SERVICE else "*"
            yield Reader(side=side, role=role, caller=agency.as_(role, scope=scope))
        yield Reader(side="operator", role=Role.REGISTRY_ADMIN, caller=self.service.operator)
        yield Reader(side="nobody", role=None, caller=self.service.anonymous)


def provisions(restricted: str, among_parties: str, *, public: bool = False) -> list[dict[str, Any]]:
    law = {"sensitivity": "restricted", "exemption": "have counsel review"}
    return [
        {"number": "1", "heading": "purpose", "text": "Open.", "sensitivity": "public" if public else "parties"},
        {"number": "2", "heading": "equipment", "text": f"Among us: {among_parties}."},
        {"number": "3", "heading": "communications", "text": f"Radio keys: {restricted}.", **law},
    ]


async def edit(agency: Agency, path: str, change: dict[str, Any]) -> None:
    etag = (await agency.admin.get(path)).headers["etag"]
    await agency.admin.done("PATCH", path, change, if_match=etag)


async def make_agreements(stage: Stage) -> None:
    one, two, three = stage.cast.assisting, stage.cast.requesting, stage.cast.neighbour
    for public, other, side in ((False, two, "requesting"), (True, two, "requesting"), (False, three, "neighbour")):
        secret = stage.mark("assisting", side, roles=CLEARED)
        text = provisions(secret, stage.mark("assisting", side), public=public)
        named: dict[str, Any] = {}
        if not public:  # the administrator attests by them
            named = {name: stage.mark("assisting", side, "operator") for name in ("number", "title")}
        signed = await sign_agreement(
            stage.service, one, other, provisions=text, terms={"approval_required": True}, **named
        )
        stage.keep("agreement_id", signed)
        if other is two:
            said = {
                "agency_id": str(two.id),
                "kind": "gave_notice",
                "acted_on": str(today()),
                "evidence_sha256": EVIDENCE,
            }
            letter = {**said, "reason": stage.mark("assisting", side)}
            told = await one.legal.done("POST", f"/v1/agreements/{signed['id']}/report-act", letter)
            stage.keep("reported_act_id", told["reported_acts"][0])
            ending = {"reason": stage.mark("assisting", side)}
            proposed = await one.legal.done("POST", f"/v1/agreements/{signed['id']}/terminate", ending)
            stage.keep("proposal_id", proposed["proposals"][0])
    for sides, verbs in ((("assisting",), ()), (("assisting", "neighbour"), ("submit", "approve"))):
        text = provisions(stage.mark(*sides, roles=CLEARED), stage.mark(*sides))
        named = {name: stage.mark(*sides) for name in ("number", "title")}
        made = await one.legal.done("POST", "/v1/agreements", agreement_body(one, three, provisions=text, **named))
        stage.keep("agreement_id", made)
        path = f"/v1/agreements/{made['id']}"
        for verb in verbs:
            person = one.counsel if verb == "approve" else one.legal
            await person.done("POST", f"{path}/{verb}", {"note": f"Board: {stage.mark(*sides)}"})
            if verb == "submit":
                await make_review(stage, path)
        own = {"version_no": 1, "audience": "agency", "text": f"Among ourselves: {stage.mark('assisting')}"}
        stage.keep("comment_id", await one.coordinator.done("POST", f"{path}/comments", own))


async def make_review(stage: Stage, path: str) -> None:
    """A neighbour's department that is asked and answers, and what is said of the text, of restricted text too."""
    sides = ("assisting", "neighbour")
    one, three = stage.cast.assisting, stage.cast.neighbour
    department = {"agency_id": str(three.id), "department": f"Department {stage.mark(*sides)}"}
    review = stage.keep("review_id", await one.legal.done("POST", f"{path}/add-reviewer", department))
    note = {"note": f"Fine: {stage.mark(*sides)}"}
    await three.legal.done("POST", f"{path}/reviews/{review['id']}/approve", note)
    for provision, audience, token in (
        ("2", "parties", stage.mark(*sides)),
        ("2", "agency", stage.mark("neighbour")),
        ("3", "parties", stage.mark(*sides, roles=CLEARED)),
    ):
        said = {"version_no": 1, "provision": provision, "audience": audience, "text": f"Remark: {token}"}
        stage.keep("comment_id", await three.legal.done("POST", f"{path}/comments", said))


async def make_authority(stage: Stage) -> None:
    """An office that may sign; partners hear of the office, and not on what it rests."""
    one = stage.cast.assisting
    office = {
        "office": f"Office {stage.mark('assisting', 'requesting', 'neighbour', 'operator')}",
        "basis": "charter",
        "citation": f"Section {stage.mark('assisting')}",
        "effective_on": "2020-01-01",
    }
    made = await one.admin.done("POST", f"/v1/agencies/{one.id}/signing-authorities", office)
    stage.keep("authority_id", made)


async def make_person(stage: Stage) -> None:
    """A suspended person whose name is kept, for administrators of the own agency; the rest is for the operator too.

    No reader is made of it.
    """
    agency = stage.cast.assisting
    who = msgspec.structs.replace(
        inside(agency.id, Role.COORDINATOR, subject="somebody").principal,
        name=stage.mark("assisting", roles={Role.AGENCY_ADMIN}),
        name_kept=True,
    )
    async with unit_of_work(stage.service.database) as write:
        await record_sightings(write, [Sighting(principal=who, seen_at=utc_now())])
    (found,) = [
        each
        for each in (await agency.admin.done("GET", "/v1/principals?limit=200"))["items"]
        if each["subject"] == "somebody"
    ]
    stage.keep("principal_id", found)
    why = {"reason": stage.mark("assisting", "operator", roles={Role.AGENCY_ADMIN, Role.REGISTRY_ADMIN})}
    await agency.admin.done("POST", f"/v1/principals/{found['id']}/suspend", why)


async def make_papers(stage: Stage) -> None:
    """Deadlines and what they follow from: a certificate, duties, a hold, a review, a calendar."""
    one, two = stage.cast.assisting, stage.cast.requesting
    partners = ("assisting", "requesting", "neighbour")
    insured = {**NEW_CERTIFICATE_EXAMPLE, "policy_number": stage.mark(*partners)}
    path = f"/v1/agencies/{one.id}/insurance"
    stage.keep("insurance_id", await one.admin.done("POST", path, insured))
    terms = {"insurance_required": True, "approval_required": True}
    found = await sign_agreement(
        stage.service, one, two, provisions=[], terms=terms, title=stage.mark("assisting", "requesting", "operator")
    )
    stage.keep("agreement_id", found)

    def both() -> str:
        return stage.mark("assisting", "requesting")

    path = f"/v1/agreements/{found['id']}"
    duty = {"title": both(), "citation": both(), "note": both(), "due_on": "2026-01-01"}
    stage.keep("duty_id", await one.legal.done("POST", f"{path}/duties", duty))
    waived = await one.legal.done("POST", f"{path}/duties", {**duty, "title": both()})
    await one.legal.done("POST", f"{path}/duties/{waived['id']}/waive", {"reason": both()})
    await one.legal.done("POST", f"{path}/place-hold", {"authority": both(), "reason": both()})
    await one.legal.done("POST", f"{path}/set-retention", {"years": 3, "basis": both()})
    review = {"reviewed_on": "2026-01-01", "outcome": "keep", "note": both()}
    stage.keep("periodic_review_id", await one.legal.done("POST", f"{path}/complete-review", review))
    feed = await one.legal.done("POST", "/v1/calendar-feeds", {"label": stage.mark("assisting", roles=MANAGERS)})
    stage.keep("feed_id", feed)
    name = {"issuer": f"https://{uuid4().hex}.example"}  # readiness names each issuer to everybody
    issuer = await stage.service.operator.done("POST", "/v1/issuers", name)
    attach = f"/v1/issuers/{issuer['id']}/attach-agency"
    stage.keep("issuer_id", await stage.service.operator.done("POST", attach, {"agency_id": str(one.id)}))
    why = stage.mark("assisting", "operator", roles={Role.AGENCY_ADMIN, Role.REGISTRY_ADMIN})
    left = {"kind": "person", "issuer": name["issuer"], "value": uuid4().hex, "reason": why}
    called = stage.mark("assisting", "operator", roles={Role.AGENCY_ADMIN, Role.AUDITOR, Role.REGISTRY_ADMIN})
    stage.keep("client_id", await one.admin.done("POST", "/v1/clients", {"name": called, "scopes": ["assets:read"]}))
    named = stage.mark("assisting", roles={Role.AGENCY_ADMIN, Role.AUDITOR})
    place = stage.mark("assisting", roles={Role.AGENCY_ADMIN, Role.AUDITOR})
    hook = {"name": named, "url": f"https://hooks.example/{place}", "types": ["*"], "body": "full"}
    stage.keep("webhook_id", await one.admin.done("POST", "/v1/webhooks", hook))
    stage.keep("delivery_id", await one.admin.done("POST", f"/v1/webhooks/{stage.things['webhook_id'][0]}/test"))
    stage.keep("revocation_id", await one.admin.done("POST", "/v1/revocations", left))
    theirs = {**left, "value": uuid4().hex, "agency_id": str(one.id)}
    refused = await stage.service.operator.done("POST", "/v1/revocations", theirs)
    stage.keep("revocation_id", refused)
    own = {"reason": stage.mark("operator", roles={Role.REGISTRY_ADMIN})}
    proposed = await stage.service.operator.done("POST", f"/v1/revocations/{refused['id']}/lift", own)
    stage.keep("operator_act_id", {"id": proposed["operator_act_id"]})


async def make_documents(stage: Stage) -> None:
    """One of each sensitivity with each agreement; every word of them is a token."""
    law = {"sensitivity": "restricted", "exemption": "have counsel review"}
    one = stage.cast.assisting
    for agreement_id, sides, among in zip(
        stage.things["agreement_id"][:5],
        (("requesting",), ("requesting",), ("neighbour",), (), ("neighbour",)),
        ({}, {"sensitivity": "public"}, {}, {}, {}),
        strict=True,
    ):
        sides = ("assisting", *sides)
        if among:
            sides = ("assisting", "requesting", "neighbour", "stranger", "operator")
        for more, roles in ((among, None), (law, CLEARED)):
            if more is law and among:
                sides = ("assisting", "requesting")
            words = {name: stage.mark(*sides, roles=roles) for name in ("title", "filename")}
            text = f"Filed: {stage.mark(*sides, roles=roles)}."
            filed = stage.keep("document_id", await file_document(one.legal, agreement_id, text, **words, **more))
            if more is among and among:
                await agree_to_publish(agreement_id, stage.cast.requesting, document_id=filed["id"])
    await make_proposed_document(stage)


async def make_proposed_document(stage: Stage) -> None:
    """With the published agreement, one that was filed as public: until the other party agrees it is the parties'."""
    sides = ("assisting", "requesting")
    words: dict[str, Any] = {name: stage.mark(*sides) for name in ("title", "filename")}
    text, agreement_id = f"Filed: {stage.mark(*sides)}.", stage.things["agreement_id"][1]
    filed = await file_document(stage.cast.assisting.legal, agreement_id, text, sensitivity="public", **words)
    stage.keep("document_id", filed)


async def make_revision(stage: Stage) -> None:
    """Two versions: of the restricted texts one was reworded and one is restricted no more; only redlines show both."""
    one, three = stage.cast.assisting, stage.cast.neighbour
    sides = ("assisting", "neighbour")
    first, second = (provisions(stage.mark(*sides, roles=CLEARED), stage.mark(*sides)) for _ in range(2))
    was = {**first[2], "number": "4", "text": f"Frequencies: {stage.mark(*sides, roles=CLEARED)}."}
    now = {"number": "4", "heading": "communications", "text": f"Frequencies: {stage.mark(*sides)}."}
    body = agreement_body(one, three, provisions=[*first, was], number=stage.mark(*sides), title=stage.mark(*sides))
    made = stage.keep("agreement_id", await one.legal.done("POST", "/v1/agreements", body))
    path = f"/v1/agreements/{made['id']}"
    await one.legal.done("POST", f"{path}/submit", {})
    await one.legal.done("POST", f"{path}/send-back", {"reason": f"Reworded: {stage.mark(*sides)}"})
    await one.legal.done("PATCH", path, {"provisions": [*second, now], "title": stage.mark(*sides)}, if_match="*")
    await one.legal.done("POST", f"{path}/submit", {})


async def make_departure(stage: Stage) -> None:
    """Of three parties one has left: a text, its comments and a paper that came afterwards, in part restricted."""
    one, two, gone = stage.cast.assisting, stage.cast.requesting, stage.cast.neighbour
    everyone, law = ("assisting", "requesting", "neighbour"), {"sensitivity": "restricted", "exemption": "have counsel"}
    before = provisions(stage.mark(*everyone, roles=CLEARED), stage.mark(*everyone))
    terms = {"approval_required": True}
    signed = await sign_agreement(stage.service, one, two, gone, provisions=before, terms=terms)
    made = stage.keep("agreement_id", signed)
    path, then = f"/v1/agreements/{made['id']}", utc_now() - timedelta(days=40)
    notice = WithdrawalNotice(notice_on=civil_day(then, ZONE), reason="the council declined")
    async with unit_of_work(stage.service.database) as write:
        leaver = acting_for(gone, Role.LEGAL, now=then)
        await ending.give_notice(write, leaver, UUID(made["id"]), notice, None)
    secret = stage.mark("assisting", "requesting", roles=CLEARED)
    later = {"provisions": provisions(secret, stage.mark(*everyone))}
    await one.legal.done("POST", f"{path}/amend", {"effective_on": str(today()), "reason": "without one"})
    await edit_text(one, path, later)
    sent = await sent_out(one, made["id"])
    for party in (one, two):
        digest = sent["amendment"]["version_sha256"]
        hand = {"version_sha256": digest, "signatory_title": "Chief", "manner": "electronic"}
        await party.signatory.done("POST", f"{path}/sign", hand)
    said = stage.mark("assisting", "requesting", roles=CLEARED)
    comment = {"version_no": 2, "provision": "3", "audience": "parties", "text": f"Remark: {said}"}
    stage.keep("comment_id", await one.legal.done("POST", f"{path}/comments", comment))
    words = {name: stage.mark("assisting", "requesting", roles=CLEARED) for name in ("title", "filename")}
    filed = stage.mark("assisting", "requesting", roles=CLEARED)
    stage.keep("document_id", await file_document(one.legal, made["id"], f"Filed: {filed}.", **words, **law))


async def make_audience(stage: Stage) -> None:
    """Of three parties one has left, and another was let in and has not signed: what was done since, of each kind.

    Each word of it is for the two that are bound.
    """
    one, two, gone, new = (getattr(stage.cast, side) for side in SIDES)
    terms = {"approval_required": True}  # as the others between them: requests wait for an approval
    found = stage.keep("agreement_id", await sign_agreement(stage.service, one, two, gone, terms=terms))
    path, then = f"/v1/agreements/{found['id']}", utc_now() - timedelta(days=40)
    notice = WithdrawalNotice(notice_on=civil_day(then, ZONE), reason="the council declined")
    async with unit_of_work(stage.service.database) as write:
        await ending.give_notice(write, acting_for(gone, Role.LEGAL, now=then), UUID(found["id"]), notice, None)
    let_in = {"agency_ids": [str(new.id)], "reason": "asked to join"}
    offered = await one.legal.done("POST", f"{path}/add-parties", let_in)
    await two.legal.done("POST", f"{path}/proposals/{offered['proposals'][0]['id']}/consent")

    def both() -> str:
        return stage.mark("assisting", "requesting")

    duty = {"title": both(), "citation": both(), "note": both(), "due_on": str(LONG_AHEAD)}
    stage.keep("duty_id", await one.legal.done("POST", f"{path}/duties", duty))
    waived = stage.keep("duty_id", await one.legal.done("POST", f"{path}/duties", {**duty, "title": both()}))
    await one.legal.done("POST", f"{path}/duties/{waived['id']}/waive", {"reason": both()})
    review = {"reviewed_on": str(today()), "outcome": "keep", "note": both()}
    stage.keep("periodic_review_id", await one.legal.done("POST", f"{path}/complete-review", review))
    for each in (one, two):
        await each.legal.done("POST", f"{path}/set-retention", {"years": 3, "basis": both()})
    await one.legal.done("POST", f"{path}/place-hold", {"authority": both(), "reason": both()})
    rule = {"required": False, "citation": both(), "reason": both(), "effective_on": None}
    await two.signatory.done("POST", f"{path}/set-approval-rule", rule)
    approval = {"body": f"Council {both()}", "reference": both(), "approved_on": str(today()), "version_no": 1}
    await two.signatory.done("POST", f"{path}/record-approval", approval)
    paper = await file_document(one.legal, found["id"], f"Letter: {both()}.", title=both(), filename=both())
    letter = {"kind": "gave_notice", "acted_on": str(today()), "evidence_sha256": paper["sha256"], "reason": both()}
    told = await one.legal.done("POST", f"{path}/report-act", {"agency_id": str(two.id), **letter})
    stage.keep("reported_act_id", told["reported_acts"][-1])
    end = await one.legal.done("POST", f"{path}/terminate", {"reason": both()})
    stage.keep("proposal_id", end["proposals"][-1])


async def edit_text(agency: Agency, path: str, change: dict[str, Any]) -> None:
    etag = (await agency.legal.get(path)).headers["etag"]
    await agency.legal.done("PATCH", path, change, if_match=etag)


async def make_assets(stage: Stage) -> dict[str, dict[str, Any]]:
    """A private one, one for partners, one of the neighbour's that all see, and one to be hidden once asked for."""
    one, made = stage.cast.assisting, dict[str, dict[str, Any]]()
    for name, sides in (("private", ()), ("shared", ("requesting", "neighbour")), ("hidden", ())):
        words = {field: stage.mark("assisting", *sides) for field in ("name", "description", "tag") if name != "hidden"}
        attributes = {"kennel": stage.mark("assisting", *sides)}
        sharing = "private" if name == "private" else "agreement"
        made[name] = stage.keep("asset_id", await make_asset(one, sharing=sharing, attributes=attributes, **words))
    why = {"reason": f"Ill: {stage.mark('assisting')}"}
    await one.admin.done("POST", f"/v1/assets/{made['private']['id']}/take-out-of-service", why)
    path = f"/v1/assets/{made['shared']['id']}"
    far = {"start": f"{today().year + 3}-01-01T00:00:00Z"}
    planned = {"kind": "maintenance", "window": far, "reason": f"Kept: {stage.mark('assisting')}"}
    stage.keep("unavailability_id", (await one.admin.done("POST", f"{path}/unavailability", planned))["unavailability"])
    await file_papers(stage, made["shared"]["id"], ("assisting",), shared="false")
    await file_papers(stage, made["shared"]["id"], ("assisting", "requesting", "neighbour"), shared="true")
    keepers = {*ROLES} - {Role.LEGAL}
    handler = await enter_person(one, display_name=stage.mark("assisting", roles=keepers))
    certificate = {
        **NEW_ASSET_CERTIFICATE_EXAMPLE,
        "handler_id": handler["id"],
        "expires_on": str(LONG_AHEAD),
        "number": stage.mark("assisting"),
        "issuer": stage.mark("assisting", "requesting", "neighbour"),
    }
    certified = stage.keep("asset_certificate_id", await one.admin.done("POST", f"{path}/certificates", certificate))
    ended = {"reason": f"Another handler: {stage.mark('assisting')}"}
    await one.admin.done("POST", f"{path}/certificates/{certified['id']}/end", ended)
    again = stage.keep("asset_certificate_id", await one.admin.done("POST", f"{path}/certificates", certificate))
    assert again["status"] == "current"
    label = {"label": stage.mark("assisting", roles=MANAGERS)}
    stage.keep("feed_id", await one.coordinator.done("POST", f"{path}/calendar-feeds", label))
    for members, sides in (("shared", "hidden"), ("requesting", "neighbour")), (("shared", "private"), ()):
        said: dict[str, Any] = {"name": stage.mark("assisting", *sides), "description": stage.mark("assisting", *sides)}
        stage.keep("package_id", await make_package(one, *(made[name] for name in members), **said))
    theirs = await make_asset(stage.cast.neighbour, sharing="network")
    return {**made, "theirs": stage.keep("asset_id", theirs)}


async def file_papers(stage: Stage, asset_id: str, sides: tuple[str, ...], *, shared: str) -> None:
    """A paper of an asset with a title and words, for these sides; its file's name is its owner's alone."""
    about = {"title": stage.mark(*sides), "filename": f"{stage.mark('assisting')}.txt", "shared": shared}
    words = f"Inspected: {stage.mark(*sides)}.".encode()
    stage.keep("asset_document_id", await file_paper(stage.cast.assisting.coordinator, asset_id, words, **about))


async def make_imports(stage: Stage) -> None:
    """A table that was taken in and checked, with a row that is refused; and a kept mapping."""
    one, importing = stage.cast.assisting, {Role.COORDINATOR, Role.AGENCY_ADMIN, Role.SERVICE}
    words = {name: stage.mark("assisting", roles=importing) for name in ("Title", "Type")}
    content = csv_of(unit_row(stage.mark("assisting", roles=importing), **words))
    found = stage.keep("import_id", await uploaded(one.admin, content))
    await run(one.admin, found)
    seen = ("assisting", "requesting", "neighbour")
    words = {name: stage.mark(*seen) for name in ("equipment", "source", "cost_code")}
    stage.keep("rate_id", await one.admin.done("POST", "/v1/rates", {**NEW_RATE_EXAMPLE, **words}))
    kept_home = {**NEW_RESERVE_MINIMUM_EXAMPLE, "category": "aircraft"}
    kept_home["reason"] = stage.mark("assisting", roles={*ROLES} - {Role.LEGAL})
    stage.keep("reserve_minimum_id", await one.admin.done("POST", "/v1/reserve-minimums", kept_home))
    within = {*ROLES} - {Role.SERVICE}
    rule = f'@id("own_rule") @title("Own") @reason("{stage.mark("assisting", roles=within)}") permit (principal, '
    policy = {
        "title": stage.mark("assisting", roles=within),
        "cedar": f'{rule}action == Action::"borrow", resource);',
        "tests": f"- name: {stage.mark('assisting', roles=within)}",
    }
    drafted = stage.keep("policy_set_id", await one.legal.done("POST", "/v1/policy-sets", policy))
    await one.legal.done("POST", f"/v1/policy-sets/{drafted['id']}/validate")
    tried = {**NEW_POLICY_SET_EXAMPLE, "title": stage.mark("assisting", roles=within)}
    tried = stage.keep("policy_set_id", await one.legal.done("POST", "/v1/policy-sets", tried))
    await one.legal.done("POST", f"/v1/policy-sets/{tried['id']}/validate")
    stage.keep("preview_id", await one.legal.done("POST", f"/v1/policy-sets/{tried['id']}/previews", {}))
    name = stage.mark("assisting", roles=importing)
    kept = await one.admin.done(
        "POST", "/v1/import-mappings", {"kind": "assets", "name": name, "mapping": dict(MAPPING)}
    )
    stage.keep("mapping_id", kept)


async def make_people(stage: Stage) -> None:
    """Somebody whom the own agency alone knows, and of whose agency others learn that somebody speaks Hmong."""
    one, own = stage.cast.assisting, {*ROLES} - {Role.LEGAL}

    def mark() -> str:
        return stage.mark("assisting", roles=own)

    person = await enter_person(
        one,
        {**speaks("hmn"), "tested": {"level": "3", "tested_on": "2026-02-10", "tested_by": mark()}},
        display_name=mark(),
        tag=mark(),
        rank=mark(),
        title=mark(),
        training=[{"course": mark(), "hours": 8, "completed_on": "2026-01-01"}],
        credentials=[{"title": mark(), "issuer": mark(), "number": mark()}],
    )
    stage.keep("personnel_id", person)
    stage.keep("credential_id", person["credentials"][0])
    why = {"reason": f"On leave: {mark()}"}
    await one.coordinator.done("POST", f"/v1/personnel/{person['id']}/place-on-leave", why)
    tomorrow = utc_now() + timedelta(days=2)
    database = stage.service.database
    await release_all_due(database.read(), partial(unit_of_work, database), tomorrow)


async def make_requests(stage: Stage, assets: dict[str, dict[str, Any]]) -> None:
    one, two = stage.cast.assisting, stage.cast.requesting
    own = {name: stage.mark("requesting") for name in ("summary", "incident_number")}
    note = stage.mark("requesting")
    drafted = await make_request(two, assets["hidden"], lines=[line_for(assets["hidden"], note=note)], **own)
    stage.keep("request_id", drafted)
    new_name = {"sharing": "private", "name": stage.mark("assisting"), "description": stage.mark("assisting")}
    await edit(one, f"/v1/assets/{assets['hidden']['id']}", new_name)

    all_asked = {name: stage.mark("assisting", "requesting", "neighbour") for name in ("summary", "incident_number")}
    lines = [
        line_for(assets["shared"], window=under_way(), note=stage.mark("assisting", "requesting")),
        line_for(assets["theirs"], window=under_way(), note=stage.mark("neighbour", "requesting")),
    ]
    asked = stage.keep("request_id", await make_request(two, assets["shared"], lines=lines, **all_asked))
    asked = await act(two.coordinator, asked, "submit", {})
    both = {"reason": f"Agreed: {stage.mark('assisting', 'requesting')}"}
    asked = await act(one.approver, asked, "approve", both)
    again = {name: stage.mark("assisting", "requesting") for name in ("summary", "incident_number")}
    another = stage.keep("request_id", await make_request(two, assets["shared"], **again))
    another = await act(two.coordinator, another, "submit", {})
    line = stage.keep("line_id", another["lines"][0])
    no = {"reason_code": "other", "reason": f"Not lent: {stage.mark('assisting', 'requesting')}"}
    await one.coordinator.done("POST", f"/v1/requests/{another['id']}/lines/{line['id']}/decline", no)
    for line in asked["lines"]:
        decided = await two.coordinator.done("GET", f"/v1/decisions?asset_id={line['asset_id']}")
        for decision in decided["items"]:
            stage.keep("decision_id", decision)
    await make_loan(stage, asked)
    await make_reservation(stage)


async def make_engagements(stage: Stage) -> None:
    """An exercise of two agencies, with what one is to do afterwards; what their agreement is to achieve; a review."""
    one, two = stage.cast.assisting, stage.cast.requesting
    both = ("assisting", "requesting")
    words = {"title": stage.mark(*both), "summary": stage.mark(*both), "place": stage.mark(*both)}
    held = stage.keep("engagement_id", await hold_engagement(one, two, **words))
    said = {
        "outcome": stage.mark(*both),
        "ratings": [{"objective_no": 1, "rating": "unable", "remark": stage.mark(*both)}],
    }
    await one.coordinator.done("POST", f"/v1/engagements/{held['id']}/evaluate", said)
    planned = await plan_action(one, two, held, title=stage.mark(*both), observation=stage.mark(*both))
    stage.keep("corrective_action_id", planned)
    shown = {"statement": stage.mark(*both)}
    await two.coordinator.done("POST", f"/v1/corrective-actions/{planned['id']}/complete", shown)
    agreed = f"/v1/agreements/{(await sign_agreement(stage.service, one, two, provisions=[]))['id']}"
    goal = {**NEW_OBJECTIVE_EXAMPLE, "title": stage.mark(*both), "due_on": str(LONG_AHEAD)}
    objective = stage.keep("objective_id", await one.coordinator.done("POST", f"{agreed}/objectives", goal))
    value = {"measured_on": str(today()), "value": 12, "source": stage.mark(*both)}
    await one.coordinator.done("POST", f"/v1/objectives/{objective['id']}/measure", value)
    review = stage.keep("outcome_review_id", await one.legal.done("POST", f"{agreed}/outcome-reviews"))
    why = {"outcome": "keep", "reasons": stage.mark(*both)}
    await two.legal.done("POST", f"/v1/outcome-reviews/{review['id']}/decide", why)


async def make_reservation(stage: Stage) -> None:
    """A package that is reserved whole, and then called otherwise by an owner who shares it no more."""
    one, two = stage.cast.assisting, stage.cast.requesting
    both = ("assisting", "requesting", "neighbour")
    team = [await make_asset(one, name=stage.mark(*both)) for _ in range(2)]
    package = stage.keep("package_id", await make_package(one, *team, name=stage.mark("assisting", "requesting")))
    whole = {"decision_ids": await decided_on(two, package)}
    for decision_id in whole["decision_ids"]:
        await answer_decision(one, UUID(decision_id))
    path = f"/v1/packages/{package['id']}"
    stage.keep("reservation_id", await one.coordinator.done("POST", f"{path}/reserve", whole))
    change = {"name": stage.mark("assisting"), "sharing": "private"}
    await one.coordinator.done("PATCH", path, change, if_match="*")


async def make_loan(stage: Stage, asked: dict[str, Any]) -> None:
    decision_id = next(line["decision"]["id"] for line in asked["lines"] if line["status"] == "approved")
    lent = await stage.cast.assisting.coordinator.done("POST", "/v1/loans", {"decision_id": decision_id})
    path = f"/v1/loans/{stage.keep('loan_id', lent)['id']}"

    def words() -> str:
        return f"On the loan: {stage.mark('assisting', 'requesting')}"

    item, remarks = (f"Camera {stage.mark('assisting', 'requesting')}" for _ in range(2))
    stage.keep(
        "past_loan_id", await take_one_over(stage.cast.assisting, stage.cast.requesting, Item=item, Remarks=remarks)
    )
    for sender in (stage.cast.assisting, stage.cast.requesting):
        about = {"title": stage.mark("assisting", "requesting")}
        own = "assisting" if sender is stage.cast.assisting else "requesting"
        about["filename"] = f"{stage.mark(own)}.txt"
        seen = f"Seen: {stage.mark('assisting', 'requesting')}.".encode()
        filed = await file_with_loan(sender.coordinator, lent["id"], seen, **about)
        stage.keep("loan_document_id", filed)
    owed = next(each for each in lent["obligations"] if each["owed_by"] == "requesting")
    stage.keep("obligation_id", owed)
    met = {"statement": words()}
    await stage.cast.requesting.coordinator.done("POST", f"/v1/obligations/{owed['id']}/fulfil", met)
    later = utc_now() + timedelta(hours=1)
    condition = {"grade": "good", "note": words(), "readings": {"odometer": words()}}
    for agency, verb, body in (
        (stage.cast.assisting, "dispatch", condition),
        (stage.cast.requesting, "receive", {"note": words()}),
        (stage.cast.requesting, "request-extension", {"planned_end_at": (later + timedelta(hours=9)).isoformat()}),
        (stage.cast.assisting, "decline-extension", {"reason": words()}),
        (stage.cast.assisting, "recall", {"by": later.isoformat()}),
    ):
        given = {**body, "reason": words()} if verb in ("request-extension", "recall") else body
        await agency.coordinator.done("POST", f"{path}/{verb}", given)


@pytest.fixture(scope="module")
async def stage(service: Service) -> Stage:
    cast = await make_cast(service)
    built = Stage(service=service, cast=cast)
    everybody = (cast.assisting, cast.requesting, cast.neighbour, cast.stranger)
    built.things["agency_id"] = [str(agency.id) for agency in everybody]
    built.things["category_code"] = ["k9"]
    built.things["stop_token"] = ["A" * 64]  # nobody's: this service sends no mail
    contact = built.mark("assisting", "requesting", "neighbour", "operator")
    await make_agreements(built)
    await make_papers(built)
    await make_documents(built)
    await make_revision(built)
    await make_departure(built)
    await make_audience(built)
    await edit(cast.assisting, f"/v1/agencies/{cast.assisting.id}", {"email": f"{contact}@pd.example"})
    await make_requests(built, await make_assets(built))
    await make_engagements(built)
    await make_imports(built)
    await make_authority(built)
    await make_people(built)
    await make_person(built)
    await signed_ledger(built.service)
    newest = sa.select(ledger_event.c.id).order_by(ledger_event.c.id.desc()).limit(60)
    built.things["event_id"] = [str(row.id) for row in await built.service.database.read().all(newest)]
    return built


def resolved(stage: Stage, part: dict[str, Any]) -> dict[str, Any]:
    """A part of the contract, or what it refers to."""
    found = stage.service.contract.document if "$ref" in part else part
    for name in part.get("$ref", "#").split("/")[1:]:
        found = found[name]
    return found


def values_of(stage: Stage, parameter: dict[str, Any]) -> list[str]:
    """What a parameter is asked with: every id of its kind, every word of an enumeration, every token as a word."""
    name, schema = parameter["name"], parameter["schema"]
    schema = next((each for each in schema.get("anyOf", []) if each.get("type") != "null"), schema)
    schema = resolved(stage, schema.get("items", schema))
    agencies = dict.fromkeys(("party_id", "partner_id", "custodian_id"), "agency_id")
    ids = {**agencies, "root_decision_id": "decision_id", "ids": "loan_id"}.get(name, name)
    if ids in stage.things:
        return stage.things[ids]
    for kind, found in stage.things.items():
        if ids.endswith(f"_{kind}"):
            return found
    fixed = {
        "version_no": ["1", "2"],
        "category_code": ["k9"],
        "checklist": ["general"],
        "checklist_code": ["general"],
        "standard_clause_code": ["liability.own_acts"],
        "template_code": ["k9"],
        "capability": ["language.hmn"],
        "level_at_least": ["3"],
        "limit": ["1"],
        "q": [*stage.marks][::5],
        "time_zone": ["America/Chicago"],
    }
    if schema.get("type") == "integer" and name not in fixed:
        return ["1"]
    instants = {"from": "2026-01-01T00:00:00Z", "to": "2026-06-01T00:00:00Z"}
    moment = "2026-06-01" if schema.get("format") == "date" else instants.get(name, "2026-06-01T00:00:00Z")
    return fixed.get(name) or schema.get("enum") or [moment]


def reading_paths(stage: Stage) -> Iterator[str]:
    """Every GET of the contract, about every thing, and with each of its filters in turn."""
    for template, item in stage.service.contract.document["paths"].items():
        if "get" not in item:
            continue
        parameters = [resolved(stage, each) for each in item["get"].get("parameters", [])]
        inner = [p for p in parameters if p["in"] == "path"]
        needed = [p for p in parameters if p["in"] == "query" and p.get("required")]
        asked = [p for p in parameters if p["in"] == "query" and p["name"] not in ("cursor", "after")]
        filters = [p for p in asked if not p.get("required")]
        for ids in product(*(values_of(stage, p) for p in inner)):
            path = template
            for parameter, value in zip(inner, ids, strict=True):
                path = path.replace(f"{{{parameter['name']}}}", value)
            given = "&".join(f"{p['name']}={values_of(stage, p)[0]}" for p in needed)
            yield f"{path}?{given}" if given else path
            for parameter in filters if not inner else [p for p in filters if p["name"] == "as_of"]:
                for value in values_of(stage, parameter):
                    yield f"{path}?" + "&".join(filter(None, [given, f"{parameter['name']}={value}"]))
    yield from ("/metrics", "/openapi.json", "/docs", "/problems/not_found", "/v1/nothing", "/v1/agreements/x")


def changing_requests(stage: Stage) -> Iterator[tuple[str, str, Any]]:
    """Every other operation on every thing: with nothing, with the contract's example, with others' ids in the body."""
    for template, item in stage.service.contract.document["paths"].items():
        for method, operation in item.items():
            if method == "get":
                continue
            content: dict[str, Any] = next(iter(operation.get("requestBody", {}).get("content", {}).values()), {})
            named = re.findall(r"\{(\w+)\}", template)
            for ids in product(*(stage.things[name] for name in named)):
                path = template
                for name, value in zip(named, ids, strict=True):
                    path = path.replace(f"{{{name}}}", value)
                yield method.upper(), path, {}
                yield method.upper(), path, content.get("example", {})
    for asset_id in stage.things["asset_id"]:
        ask = {"purpose": "narcotics_investigation", "summary": "x", "lines": [line_for({"id": asset_id})]}
        yield "POST", "/v1/requests", ask
        question = {**ask["lines"][0], "purpose": "narcotics_investigation"}  # type: ignore[dict-item]  # a line is a dict
        yield "POST", "/v1/policy-evaluations", question
    for decision_id in stage.things["decision_id"]:
        yield "POST", "/v1/loans", {"decision_id": decision_id}


def leaked(stage: Stage, reader: Reader, response: httpx.Response) -> set[str]:
    """Tokens in the answer, its headers included, that are not for this reader and that it did not send itself.

    So are the people of other agencies: of what these do, their office and agency are told, and no person, token or
    address. The operator's administrators know people as those who suspend them.
    """
    assert response.status_code < 500, f"{response.request.url}: {response.text}"
    found = {*TOKEN.findall(f"{response.text} {response.headers}")} - {*TOKEN.findall(str(response.request.url))}
    people = {
        who for who, side in stage.people().items() if who in response.text and reader.side not in (side, "operator")
    }
    # The contract has it in an example, a loan's sheet says where the registry itself is, and the ledger is called so.
    own = stage.cast.assisting.service.settings.public_url
    said = response.text.replace(own, "").replace(f"{urlsplit(own).netloc}/ledger", "")
    told = ADDRESS in said and response.request.url.path.startswith("/v1/")
    address = {ADDRESS} if told and reader.role not in SUPERVISORS else set()
    return {token for token in found if not stage.marks[token](reader)} | people | address


async def test_no_reading_tells_anybody_what_is_not_for_them(stage: Stage) -> None:
    """A small run asks each path as every fifth reader, from another one on each time; a medium one as every fourth."""
    every = at_length(5, 4, 1)
    leaks, seen, asked, persons = list[str](), set[str](), 0, set[str]()
    paths = list(reading_paths(stage))
    with logged_by(*LOGGING) as log:
        for at, reader in enumerate(stage.readers()):
            for path in paths[at % every :: every]:
                response = await reader.caller.get(path)
                asked += 1
                seen |= {*TOKEN.findall(response.text)}
                persons |= {who for who in (*stage.people(), ADDRESS) if who in response.text}
                leaks += [f"{reader.side} {reader.role} {path}: {token}" for token in leaked(stage, reader, response)]
    assert not leaks, leaks[:5]
    missed = {*stage.marks} - seen
    few = at_length(len(stage.marks) // 10, len(stage.marks) // 10, 0)
    assert len(missed) <= few, "each token is read by whom it is for, or the test could not fail"
    own = {who.partition("@")[0] for who in persons if "@" in who}
    assert {"legal", "coordinator", "counsel", "signatory"} <= own, "an agency's supervisors see its own people"
    assert ADDRESS in persons
    assert len(log) >= asked
    assert not TOKEN.search(str(log))
    print(f"canary: {asked} readings, {len(stage.marks)} tokens, 0 in foreign answers")


async def test_the_feed_tells_nobody_what_is_not_for_them(stage: Stage) -> None:
    """All of it, from the beginning, to everybody who hears of events."""
    leaks, heard, seen = list[str](), 0, set[str]()
    for reader in stage.readers():
        after, more = "", reader.side != "nobody"
        while more:
            response = await reader.caller.get(f"/v1/events?limit=200{after}")
            leaks += [f"{reader.side} {reader.role}: {token}" for token in leaked(stage, reader, response)]
            seen |= {*TOKEN.findall(response.text)}
            page = response.json()
            heard += len(page["items"])
            after, more = f"&after={page['next_after']}", page["more"]
    assert not leaks, leaks[:5]
    assert heard > 500
    assert seen, "or the test could not fail"


async def test_a_search_finds_no_word_that_is_not_for_the_reader(stage: Stage) -> None:
    """The answer would hold the word that was asked for, so here nothing at all may be found; who may read it does."""
    found, leaks = set[str](), list[str]()
    for reader in stage.readers():
        for token, may_read in stage.marks.items():
            response = await reader.caller.get(f"/v1/agreements/search?q={token}")
            if response.status_code == 200 and response.json()["items"]:
                found.add(token)
                leaks += [] if may_read(reader) else [f"{reader.side} {reader.role}: {token}"]
    assert not leaks, leaks[:5]
    assert len(found) > 30, "or the test could not fail"


async def test_no_refusal_and_no_change_tells_anybody_what_is_not_for_them(stage: Stage) -> None:
    """After the reading, because it changes things; whoever is let through is told no more than is theirs."""
    leaks, refused = list[str](), 0
    requests = list(changing_requests(stage))
    with logged_by(*LOGGING) as log:
        for reader in stage.readers():
            for method, path, body in requests:
                if reader.side == "operator" and "/agencies/" in path:
                    continue  # it would suspend the others
                if body == {} and reader.role is not Role.LEGAL:
                    continue  # most need a body: what is said of its absence is the same to every role
                headers = {"if-match": "*"} if method == "PATCH" else {}
                response = await reader.caller.send(method, path, json=body, headers=headers)
                refused += response.status_code >= 400
                leaks += [
                    f"{reader.side} {reader.role} {method} {path} → {response.status_code}: {token}"
                    for token in leaked(stage, reader, response)
                ]
    assert not leaks, leaks[:5]
    assert refused > len(requests)
    assert log
    assert not TOKEN.search(str(log))


async def test_what_one_agency_does_in_private_changes_no_answer_to_a_stranger(service: Service) -> None:
    cast = await make_cast(service)
    paths = [
        f"/v1/{name}?limit=200"
        for name in ("agencies", "agreements", "assets", "packages", "requests", "decisions", "loans", "personnel")
    ] + [
        "/v1/capabilities?capability=language&limit=200",
        "/v1/assets?category=k9&limit=200",
        "/v1/assets?lendable=false&limit=200",
        "/v1/scorecard?to=2026-06-01T00:00:00Z",
        "/v1/metrics/time_to_decision?to=2026-06-01T00:00:00Z&group_by=partner",
        "/v1/agreements/search?q=among&limit=200",
        "/v1/agreements/search?q=a*&limit=200",
    ]

    async def answers() -> list[tuple[bytes, dict[str, str]]]:
        found = [await cast.stranger.coordinator.get(path) for path in paths]
        return [
            (
                re.sub(rb'"as_of":"[^"]+"', b"", each.content),
                {name: value for name, value in each.headers.items() if name not in UNCHANGED | {"content-length"}},
            )
            for each in found
        ]

    await sealed(service)
    before = await answers()
    signed = await sign_agreement(service, cast.assisting, cast.requesting, provisions=provisions("a", "b"))
    await file_document(cast.requesting.legal, signed["id"], "Among us alone.")
    asset = await make_asset(cast.assisting)
    await make_package(cast.assisting, asset, await make_asset(cast.assisting, sharing="private"), sharing="network")
    await enter_person(cast.assisting, speaks("hmn", "3"))
    await act(cast.requesting.coordinator, await make_request(cast.requesting, asset), "submit", {})
    await sealed(service)
    assert await answers() == before
