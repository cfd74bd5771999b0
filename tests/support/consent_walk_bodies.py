"""What is sent to each operation that changes something, for a walk of who may do what to whom."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from msgspec import Struct

from registry.platform.access.principals import OPERATOR_AGENCY_ID
from tests.support.agreements import EVIDENCE, agreement_body
from tests.support.cast import Agency, Cast, today
from tests.support.places import ROOT
from tests.support.service import Service

PATH = "/v1/agreements"

PILLAR = {room.name for room in (ROOT / "registry" / "agreements").iterdir() if room.is_dir()}

DAY = timedelta(days=1)

NOTICE_DAYS = 30

TEXT = [
    {"number": "1", "heading": "purpose", "text": "The parties help one another.", "sensitivity": "public"},
    {"number": "2", "heading": "equipment", "text": "Equipment is returned."},
    {
        "number": "3",
        "heading": "communications",
        "text": "Keys.",
        "sensitivity": "restricted",
        "exemption": "have counsel review",
    },
]


class Walk(Struct, kw_only=True):
    """One agreement as it stands, with the agencies around it."""

    service: Service
    cast: Cast
    parties: list[Agency]
    found: dict[str, Any]
    successors: list[str] = []
    documents: list[dict[str, Any]] = []
    made: list[str] = []
    evidence: str = EVIDENCE

    def others(self, actor: UUID) -> list[Agency]:
        """The parties whose affairs the actor has no say in."""
        return [party for party in self.parties if party.id != actor]

    def about(self, actor: UUID) -> Agency:
        """Another party, of whom the actor might say something."""
        return self.others(actor)[0]

    async def refresh(self) -> None:
        """Read the agreement again, as its first party sees it."""
        path = f"{PATH}/{self.found['id']}"
        self.found = await self.parties[0].legal.done("GET", path)
        self.documents = (await self.parties[0].legal.done("GET", f"{path}/documents"))["items"]


Body: TypeAlias = Callable[[Walk, UUID], Any]


def _paper(walk: Walk, actor: UUID) -> dict[str, Any]:
    digest = (walk.found["amendment"] or {}).get("version_sha256") or walk.found["version_sha256"] or "0" * 64
    return {"version_sha256": digest, "signatory_title": "Chief", "signed_on": str(today())}


def _declining(walk: Walk, actor: UUID) -> dict[str, Any]:
    return {"version_sha256": _paper(walk, actor)["version_sha256"], "reason": "walked"}


def wider_text() -> dict[str, Any]:
    """An amendment that is signed on paper already, and opens the text to whoever comes."""
    terms = {"categories": ["any"], "open_to_accession": True}
    hand = {"signed_on": str(today()), "signatory_title": "Chief", "evidence_sha256": EVIDENCE}
    dates = {"effective_on": str(today()), "notice": {"days": 30}}
    return {"title": "Wider (demo)", "terms": terms, "provisions": TEXT, "reason": "wider", **hand, **dates}


def _recorded(walk: Walk, actor: UUID) -> dict[str, Any]:
    paper = {"signed_on": "2025-01-01", "signatory_title": "Chief", "evidence_sha256": EVIDENCE}
    custodian = {"custodian_id": str(walk.parties[1].id)} if actor == OPERATOR_AGENCY_ID else {}
    return {**agreement_body(*walk.parties), **paper, **custodian}


def _of(**body: Any) -> Body:
    return lambda walk, actor: body


def _why(**body: Any) -> Body:
    return lambda walk, actor: {"reason": "walked", **body}


def _reports(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    """Everything that may be said of another party; each is tried."""
    digest = walk.found["version_sha256"] or "0" * 64
    proposal = walk.found["proposals"][-1]["id"] if walk.found["proposals"] else str(uuid4())
    said = {"agency_id": str(walk.about(actor).id), "evidence_sha256": walk.evidence, "reason": "walked"}
    hand = {"version_sha256": digest, "signatory_title": "Chief"}
    long_ago = str(today() - 90 * DAY)
    return [
        {**said, "kind": "signed", "acted_on": str(today()), **hand},
        {**said, "kind": "agreed_verbally", "acted_on": str(today()), **hand},
        {**said, "kind": "gave_notice", "acted_on": long_ago},
        {**said, "kind": "withdrew", "acted_on": long_ago},
        {**said, "kind": "consented", "acted_on": str(today()), "proposal_id": proposal},
        {**said, "kind": "was_notified", "acted_on": str(today()), "proposal_id": proposal},
    ]


def _notices(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    on_paper = {"reason": "walked", "evidence_sha256": walk.evidence}
    days = [today(), today() - 20 * DAY, date(2025, 3, 1)]
    return [{"notice_on": str(day), **on_paper} for day in (days if actor.int % 2 else reversed(days))]


def _endings(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    past = {"acted_on": "2025-03-01", "evidence_sha256": walk.evidence, "effective_on": "2025-04-01"}
    return [{"reason": "walked"}, {"reason": "walked", "ground": "right_to_end"}, {"reason": "walked", **past}]


def supersessions(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    """By itself, and by agreements that it shares parties with, some of which all or some have signed."""
    past = {"effective_on": "2025-03-01", "evidence_sha256": walk.evidence}
    bodies = [{"by_agreement_id": its, "reason": "walked"} for its in (walk.found["id"], *walk.successors)]
    return [each for body in bodies for each in ({**body, **past}, body)]


def _words(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    """Of everything that is marked public, each text and the documents."""
    documents = [{"document_id": each["id"]} for each in walk.documents]
    newest = max(walk.found["version_no"], *(each["version_no"] for each in walk.found["amendments"]), 1)
    return [{"reason": "walked", **each} for each in (*({"version_no": no + 1} for no in range(newest)), *documents)]


def _agreements_to_publish(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name != "reason"} for each in _words(walk, actor)]


def _suspensions(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    """Now, and through days that are over, as all are said to have agreed on paper."""
    past = {"acted_on": "2025-03-01", "evidence_sha256": walk.evidence}
    bodies = [{"kind": kind, "reason": "walked"} for kind in ("suspension", "reinstatement")]
    return [*({**body, **past} for body in bodies), {**bodies[0], **past, "ends_on": "2025-04-01"}, *bodies]


def _confirmations(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    """Of a signature of long ago, and of today."""
    shown = {"signed_on": "2025-02-01", "evidence_sha256": walk.evidence}
    return [{**_paper(walk, actor), **shown}, _paper(walk, actor)]


def _papers(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    """An amendment of today, and one that came long before."""
    return [{**wider_text(), "effective_on": "2025-02-01", "signed_on": "2025-02-01"}, wider_text()]


def _of_text(**fields: Any) -> Body:
    """Something done to the text on its way, which it names."""

    def made(walk: Walk, actor: UUID) -> dict[str, Any]:
        return {**fields, "version_no": (walk.found["amendment"] or walk.found)["version_no"]}

    return made


def word_given() -> dict[str, Any]:
    return {"signatory_title": "Chief", "reason": "walked", "ratify_by_on": str(today())}


def _amendments(walk: Walk, actor: UUID) -> dict[str, Any]:
    return {"effective_on": str(today() + DAY), "reason": "walked"}


# What is sent to each operation; several bodies are tried one after the other. EXAMPLE is the contract's own.
EXAMPLE = "example"

BODIES: Mapping[str, Body | str] = {
    "create_agreement": lambda walk, actor: agreement_body(*walk.parties),
    "record_agreement": _recorded,
    "update_agreement": lambda walk, actor: {"title": "Other (demo)", "parties": [str(p.id) for p in walk.parties]},
    "submit_agreement": _of_text(),
    "send_back_agreement": _of_text(reason="walked"),
    "approve_agreement": _of_text(),
    "send_agreement_for_signature": _of_text(),
    "withdraw_agreement": _of_text(reason="walked"),
    "sign_agreement": lambda walk, actor: {**_paper(walk, actor), "manner": "wet"},
    "confirm_agreement": _confirmations,
    "decline_to_sign_agreement": _declining,
    "decline_to_join_agreement": _declining,
    "amend_agreement": _amendments,
    "record_agreement_amendment": _papers,
    "activate_agreement_verbally": lambda walk, actor: {**word_given(), "version_no": walk.found["version_no"]},
    "agree_verbally": lambda walk, actor: {k: v for k, v in _paper(walk, actor).items() if k != "signed_on"},
    "give_agreement_notice": _notices,
    "record_agreement_receipt": lambda walk, actor: {
        "agency_id": str(walk.about(actor).id),
        "received_on": str(today()),
    },
    "correct_agreement_receipt": lambda walk, actor: {
        "agency_id": str(walk.about(actor).id),
        "received_on": str(today()),
        "reason": "walked",
    },
    "rescind_agreement_notice": _why(),
    "suspend_agreement": _why(),
    "reinstate_agreement": _why(),
    "propose_agreement_suspension": _suspensions,
    "terminate_agreement": _endings,
    "supersede_agreement": supersessions,
    "add_agreement_parties": lambda walk, actor: {"agency_ids": [str(walk.cast.stranger.id)], "reason": "walked"},
    "consent_to_agreement_proposal": _of(),
    "take_back_agreement_proposal": _why(),
    "report_agreement_act": _reports,
    "second_reported_act": _of(),
    "confirm_reported_act": _of(),
    "contest_reported_act": _why(),
    "take_back_reported_act": _why(),
    "set_agreement_approval_rule": lambda walk, actor: [
        {"required": r, "effective_on": None, "citation": "City code (demo)", "reason": "walked"} for r in (True, False)
    ],
    "record_agreement_approval": _of(
        version_no=1, body="Council", approved_on=str(date(2025, 3, 1)), expires_on=str(date(2025, 9, 1))
    ),
    "offer_agreement_custody": lambda walk, actor: {"agency_id": str(walk.about(actor).id), "reason": "walked"},
    "accept_agreement_custody": _why(),
    "decline_agreement_custody": _why(),
    # What stands in the query.
    "file_document": lambda walk, actor: [{"kind": "other"}, {"kind": "other", "sensitivity": "public"}],
    "agree_to_publish_agreement": _agreements_to_publish,
    "stop_publishing_agreement": _words,
    # What says nothing of who is bound by what; it is walked nonetheless.
    **dict.fromkeys(
        (
            *("add_agreement_reviewer", "approve_agreement_review", "request_agreement_changes"),
            *("release_agreement_reviewer", "create_agreement_comment", "update_agreement_comment"),
            *("resolve_agreement_comment", "reopen_agreement_comment", "complete_agreement_review"),
            *("set_agreement_retention", "place_agreement_hold", "lift_agreement_hold", "create_agreement_duty"),
            *(
                "fulfil_agreement_duty",
                "waive_agreement_duty",
                "acknowledge_agreement_duty",
                "withdraw_document",
                "create_agency_insurance",
            ),
            *("create_signing_authority", "delegate_signing_authority", "revoke_signing_authority"),
            *("retire_agency_insurance", "create_calendar_feed", "revoke_calendar_feed", "import_agreements"),
            "import_agreements_with_csv_report",
            "draft_agreement_from_template",
        ),
        EXAMPLE,
    ),
}


def unsafe(service: Service) -> dict[str, tuple[str, str, Any]]:
    """The pillar's operations that change something: method, path and the contract's example of a body."""
    found: dict[str, tuple[str, str, Any]] = {}
    for path, item in service.contract.document["paths"].items():
        for method, operation in item.items():
            if method != "get" and PILLAR & set(operation["tags"]):
                content = operation.get("requestBody", {}).get("content", {})
                example: Any = next((media.get("example", {}) for media in content.values()), {})
                found[operation["operationId"]] = (method.upper(), path, example)
    return found
