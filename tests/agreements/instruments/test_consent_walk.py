"""Nobody binds, unbinds, widens, shortens or publishes for another: walked, command by command.

Small agreements of two and three parties, in several states, are walked by everybody: every party's lawyer and
coordinator, a service, two of the registry's operators, a stranger. Whatever the service lets somebody do, no window
of another party (nor the version in it) may change before 14 days have passed, and then only by a report that the
party was told of, which until then changes nothing that is shown of it, or of the agreement, today or of a day to come;
and nobody else may come to see more of the text, or lose sight of what binds it. Nor may anybody get
rid of the others sooner than by its own notice, counted from today, unless each of them was told of that. What is to
come stands in the windows with its instant, so that nothing has to wait for a clock here.

The operations are those of the contract: a new one that changes something needs a row in `BODIES`.
"""

import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.instruments.commands import proposing
from registry.agreements.instruments.commands.settling import proposed, published
from registry.agreements.instruments.consent import CONTEST_PERIOD, Consenting, ReportStatus
from registry.agreements.instruments.consent_tables import (
    agreement_consent,
    agreement_proposal,
    agreement_publication,
    agreement_publication_consent,
    agreement_reported_act,
)
from registry.agreements.instruments.queries import getting
from registry.agreements.instruments.queries.in_force import OPEN_END
from registry.agreements.instruments.tables import agreement_party, agreement_party_window, agreement_signature
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.kernel.intervals import Interval, remaining
from registry.platform.kernel.time import format_instant, utc_now
from tests.support.agreements import EVIDENCE, agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, make_cast, today
from tests.support.consent import all_consent, consent, left_long_ago, proof, propose_end
from tests.support.documents import PLAIN, file_document
from tests.support.length import at_length
from tests.support.places import ROOT
from tests.support.review import hand, out_for_signature
from tests.support.service import Caller, Service

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


def _wider_text() -> dict[str, Any]:
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


def _supersessions(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    """By itself, and by agreements that it shares parties with, some of which all or some have signed."""
    past = {"effective_on": "2025-03-01", "evidence_sha256": walk.evidence}
    bodies = [{"by_agreement_id": its, "reason": "walked"} for its in (walk.found["id"], *walk.successors)]
    return [each for body in bodies for each in ({**body, **past}, body)]


def _words(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    """Of everything that is marked public, the text and a document."""
    documents = [{"document_id": each["id"]} for each in walk.documents]
    return [{"reason": "walked", **each} for each in ({"version_no": 1}, *documents)]


def _agreements_to_publish(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name != "reason"} for each in _words(walk, actor)]


def _suspensions(walk: Walk, actor: UUID) -> list[dict[str, Any]]:
    return [{"kind": kind, "reason": "walked"} for kind in ("suspension", "reinstatement")]


def _word() -> dict[str, Any]:
    return {"signatory_title": "Chief", "reason": "walked", "ratify_by_on": str(today())}


def _amendments(walk: Walk, actor: UUID) -> dict[str, Any]:
    return {"effective_on": str(today() + DAY), "reason": "walked"}


# What is sent to each operation; several bodies are tried one after the other. EXAMPLE is the contract's own.
EXAMPLE = "example"
BODIES: Mapping[str, Body | str] = {
    "create_agreement": lambda walk, actor: agreement_body(*walk.parties),
    "record_agreement": _recorded,
    "update_agreement": lambda walk, actor: {"title": "Other (demo)", "parties": [str(p.id) for p in walk.parties]},
    "submit_agreement": _of(),
    "send_back_agreement": _why(),
    "approve_agreement": _of(),
    "send_agreement_for_signature": _of(),
    "withdraw_agreement": _why(),
    "sign_agreement": lambda walk, actor: {**_paper(walk, actor), "manner": "wet"},
    "confirm_agreement": _paper,
    "decline_to_sign_agreement": _declining,
    "decline_to_join_agreement": _declining,
    "amend_agreement": _amendments,
    "record_agreement_amendment": lambda walk, actor: _wider_text(),
    "activate_agreement_verbally": lambda walk, actor: _word(),
    "agree_verbally": lambda walk, actor: {k: v for k, v in _paper(walk, actor).items() if k != "signed_on"},
    "give_agreement_notice": _notices,
    "rescind_agreement_notice": _why(),
    "suspend_agreement": _why(),
    "reinstate_agreement": _why(),
    "propose_agreement_suspension": _suspensions,
    "terminate_agreement": _endings,
    "supersede_agreement": _supersessions,
    "add_agreement_parties": lambda walk, actor: {"agency_ids": [str(walk.cast.stranger.id)], "reason": "walked"},
    "consent_to_agreement_proposal": _of(),
    "take_back_agreement_proposal": _why(),
    "report_agreement_act": _reports,
    "second_reported_act": _of(),
    "confirm_reported_act": _of(),
    "contest_reported_act": _why(),
    "take_back_reported_act": _why(),
    "set_agreement_approval_rule": lambda walk, actor: [
        {"required": r, "citation": "City code (demo)", "reason": "walked"} for r in (True, False)
    ],
    "record_agreement_approval": _of(body="Council", approved_on=str(date(2025, 3, 1)), valid_to=str(date(2025, 9, 1))),
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
            *("fulfil_agreement_duty", "waive_agreement_duty", "withdraw_document", "create_agency_insurance"),
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


async def test_every_operation_that_changes_something_is_walked(service: Service) -> None:
    assert unsafe(service).keys() == BODIES.keys(), "say in BODIES what is sent to it"


# The states. The first party keeps the agreement; the others' acts are their own.


async def _bound(service: Service, *parties: Agency) -> dict[str, Any]:
    return await sign_agreement(service, *parties, provisions=TEXT, notice={"days": NOTICE_DAYS})


async def _unconfirmed(service: Service, *parties: Agency) -> dict[str, Any]:
    return await record_agreement(*parties, provisions=TEXT, notice={"days": NOTICE_DAYS})


async def _half_confirmed(service: Service, *parties: Agency) -> dict[str, Any]:
    return await confirm_agreement(await _unconfirmed(service, *parties), parties[1])


async def _ending(service: Service, *parties: Agency) -> dict[str, Any]:
    return await propose_end(parties[0], await _bound(service, *parties))


async def _nearly_ended(service: Service, *parties: Agency) -> dict[str, Any]:
    found = await _ending(service, *parties)
    return await consent(parties[1], found, found["proposals"][0]) if len(parties) > 2 else found


async def _letter(service: Service, *parties: Agency) -> dict[str, Any]:
    found = await _bound(service, *parties)
    said = {"agency_id": str(parties[1].id), "kind": "gave_notice", "acted_on": str(today() - 90 * DAY)}
    body = {**said, "evidence_sha256": EVIDENCE, "reason": "a letter"}
    done: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{found['id']}/report-act", body)
    return done


async def _letter_on_file(service: Service, *parties: Agency) -> dict[str, Any]:
    """The days of what was reported are running: nobody has contested it."""
    found = await _bound(service, *parties)
    said = {"agency_id": str(parties[1].id), "kind": "gave_notice", "acted_on": str(today() - 90 * DAY)}
    body = {**said, "evidence_sha256": await proof(parties[0], found), "reason": "a letter"}
    done: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{found['id']}/report-act", body)
    assert {each["status"] for each in done["reported_acts"]} == {"open"}
    return done


async def _suspended(service: Service, *parties: Agency) -> dict[str, Any]:
    found = await _bound(service, *parties)
    done: dict[str, Any] = await parties[1].legal.done("POST", f"{PATH}/{found['id']}/suspend", {"reason": "inquiry"})
    return done


async def _amending(service: Service, *parties: Agency) -> dict[str, Any]:
    found = await _bound(service, *parties)
    done: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{found['id']}/record-amendment", _wider_text())
    return done


async def _filed(service: Service, *parties: Agency) -> dict[str, Any]:
    found = await _bound(service, *parties)
    await file_document(parties[0].legal, found["id"], sensitivity="public")
    return found


async def _spoken(service: Service, *parties: Agency) -> dict[str, Any]:
    body = agreement_body(*parties, provisions=TEXT, notice={"days": NOTICE_DAYS})
    found = await parties[0].legal.done("POST", PATH, body)
    path = f"{PATH}/{found['id']}/activate-verbally"
    done: dict[str, Any] = await parties[0].signatory.done("POST", path, _word())
    return done


async def _signed_and_spoken(service: Service, *parties: Agency) -> dict[str, Any]:
    """Out for signature, signed by some, and then set in motion by word of mouth."""
    found = await out_for_signature(*parties, provisions=TEXT, notice={"days": NOTICE_DAYS})
    path = f"{PATH}/{found['id']}"
    await parties[1].signatory.done("POST", f"{path}/sign", hand(found))
    done: dict[str, Any] = await parties[0].signatory.done("POST", f"{path}/activate-verbally", _word())
    return done


async def _ended_with_more_proposed(service: Service, *parties: Agency) -> dict[str, Any]:
    """Ended by all, with a suspension proposed to which one of them had not consented."""
    found = await _ending(service, *parties)
    pause = {"kind": "suspension", "reason": "a dispute"}
    await parties[0].legal.done("POST", f"{PATH}/{found['id']}/propose-suspension", pause)
    return await all_consent(parties[1:], found, found)


async def _reaching_back(service: Service, *parties: Agency) -> dict[str, Any]:
    """An end of a day on which one was bound that has left since; of three parties one more is asked."""
    found = await _bound(service, *parties)
    await left_long_ago(service, parties[-1], found)
    past = {"acted_on": "2025-03-01", "evidence_sha256": EVIDENCE, "reason": "the letters of that day"}
    done: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{found['id']}/terminate", past)
    return done


async def _successors(service: Service, cast: Cast, parties: Sequence[Agency]) -> list[str]:
    """Agreements that might take its place: signed by all, by the first two, by one of them with somebody else."""
    alone = await record_agreement(*parties)
    whole = await sign_agreement(service, *parties)
    of_two = await sign_agreement(service, *parties[:2])
    elsewhere = await sign_agreement(service, parties[0], cast.stranger)
    return [each["id"] for each in (elsewhere, alone, of_two, whole)]


STATES: Mapping[str, Callable[..., Awaitable[dict[str, Any]]]] = {
    "bound": _bound,
    "unconfirmed": _unconfirmed,
    "half confirmed": _half_confirmed,
    "its end proposed": _ending,
    "its end consented to by one more": _nearly_ended,
    "a letter reported": _letter,
    "a letter reported that is on file": _letter_on_file,
    "one part suspended": _suspended,
    "an amendment out": _amending,
    "by word of mouth": _spoken,
    "a document to be published": _filed,
    "signed by some, then activated verbally": _signed_and_spoken,
    "ended with a proposal open": _ended_with_more_proposed,
    "an end of days before one left": _reaching_back,
}


# What an agency may do for itself at once: suspend its own part, and say what its own law makes a condition. What
# another reported of it, it confirms; and a proposal of another's it consents to.
OF_ITS_OWN = (
    "suspend_agreement",
    "set_agreement_approval_rule",
    "record_agreement_approval",
    "confirm_reported_act",
)


class Facts(Struct, kw_only=True, frozen=True):
    """What is so at one moment: who is bound when and by which version, who did what, and who reads what.

    `reported` has for each party the first instant at which its silence to what is said of it would count. `shown` is
    what each party is shown of itself and of the end, now and of a day to come.
    """

    now: datetime
    windows: Mapping[UUID, Sequence[tuple[datetime, datetime, UUID]]]
    consented: Mapping[UUID, frozenset[UUID]]
    signed: Mapping[UUID, frozenset[UUID]]
    reported: Mapping[UUID, datetime]
    named: frozenset[UUID]
    agreed: frozenset[UUID]
    reads: Mapping[UUID, tuple[int, frozenset[str]]]
    published: frozenset[UUID]
    words: Mapping[UUID, frozenset[UUID]]
    shown: Mapping[UUID, tuple[Sequence[Any], Sequence[Any]]]


OF_ITSELF = ("joined_at", "verbally_at", "withdrawal_notice_on", "notice_kind", "leaves_at", "released_at", "bound")
"""`bound` comes last: one is bound to others, so what the actor does to its own being bound may show there."""


async def shown_to(party: Agency, agreement_id: UUID) -> tuple[list[Any], list[Any]]:
    """What a party is shown of itself and of the end of the agreement, now and of a day after all reports' effect."""
    itself, ends = list[Any](), list[Any]()
    for when in ("", f"?as_of={format_instant(utc_now() + 20 * DAY)}"):
        answer = await party.legal.get(f"{PATH}/{agreement_id}{when}")
        if answer.status_code == 200:
            seen = answer.json()
            own = [each for each in seen["parties"] if each["agency"]["id"] == str(party.id)]
            itself += [[each[name] for name in OF_ITSELF] for each in own]
            ends += [seen["terminated_at"], (seen["superseded_by"] or {}).get("id")]
    return itself, ends


async def facts_of(walk: Walk) -> Facts:
    """The facts, from the tables, and from what each agency's lawyer is shown."""
    read, its = walk.service.database.read(), UUID(walk.found["id"])
    windows: dict[UUID, list[tuple[datetime, datetime, UUID]]] = {}
    table = agreement_party_window
    for row in await read.all(sa.select(table).where(table.c.agreement_id == its).order_by(table.c.starts_at)):
        windows.setdefault(row.agency_id, []).append((row.starts_at, row.ends_at, row.version_id))
    consents = sa.select(agreement_consent, agreement_proposal.c.agreed_at).join(agreement_proposal)
    consented: dict[UUID, set[UUID]] = {}
    agreed = set()
    for row in await read.all(consents.where(agreement_proposal.c.agreement_id == its)):
        if row.counts_from is not None:
            consented.setdefault(row.agency_id, set()).add(row.proposal_id)
        if row.agreed_at is not None:
            agreed.add(row.proposal_id)
    signed: dict[UUID, set[UUID]] = {}
    hands = agreement_signature
    for row in await read.all(sa.select(hands).where(hands.c.agreement_id == its, hands.c.manner != "reported")):
        signed.setdefault(row.agency_id, set()).add(row.version_id)
    said = agreement_reported_act
    open_ = said.c.status == ReportStatus.OPEN
    told = sa.select(said.c.agency_id, sa.func.min(said.c.notified_at, type_=said.c.notified_at.type).label("told_at"))
    reported = await read.all(told.where(said.c.agreement_id == its, open_).group_by(said.c.agency_id))
    named = await read.all(sa.select(agreement_party.c.agency_id).where(agreement_party.c.agreement_id == its))
    reads = {}
    for agency in (*walk.parties, walk.cast.stranger):
        answer = await agency.legal.get(f"{PATH}/{its}")
        shown = answer.json().get("provisions", ()) if answer.status_code == 200 else ()
        texts = {each["number"] for each in shown if each["text"] is not None}
        if agency is walk.cast.stranger:
            filed = await agency.legal.get(f"{PATH}/{its}/documents")
            texts |= {each["id"] for each in filed.json().get("items", ())}
        reads[agency.id] = (answer.status_code, frozenset(texts))
    things = sa.select(agreement_publication).where(agreement_publication.c.agreement_id == its)
    published = {row.id for row in await read.all(things) if row.published_at is not None}
    words = {agency: set(versions) for agency, versions in signed.items()}
    said_so = sa.select(agreement_publication_consent).where(agreement_publication_consent.c.agrees.is_(sa.true()))
    for row in await read.all(said_so.where(agreement_publication_consent.c.publication_id.in_(published))):
        words.setdefault(row.agency_id, set()).add(row.publication_id)
    return Facts(
        now=utc_now(),
        windows=windows,
        consented={agency: frozenset(found) for agency, found in consented.items()},
        signed={agency: frozenset(found) for agency, found in signed.items()},
        reported={row.agency_id: row.told_at + CONTEST_PERIOD for row in reported if row.told_at is not None},
        named=frozenset(row.agency_id for row in named),
        agreed=frozenset(agreed),
        reads=reads,
        published=frozenset(published),
        words={agency: frozenset(found) for agency, found in words.items()},
        shown={party.id: await shown_to(party, its) for party in walk.parties},
    )


def until(windows: Sequence[tuple[datetime, datetime, UUID]], end: datetime) -> list[tuple[datetime, datetime, UUID]]:
    """The windows, cut off at an instant."""
    return [(start, min(stop, end), version) for start, stop, version in windows if start < end]


def _spans(windows: Sequence[tuple[datetime, datetime, UUID]]) -> list[Interval]:
    return [Interval(start=start, end=stop) for start, stop, _ in windows]


def got_rid_of_others(walk: Walk, before: Facts, after: Facts, actor: UUID) -> Iterator[str]:
    """What the actor did to shorten what binds it to those who are bound now, and neither agreed nor were told."""
    others = {party.id for party in walk.others(actor)}
    bound = {each for each in others if any(span.contains(before.now) for span in _spans(before.windows.get(each, ())))}
    for days, excused in ((14, set[UUID]()), (NOTICE_DAYS, set(after.reported) & others)):
        was = until(before.windows.get(actor, ()), before.now + days * DAY)
        now = _spans(after.windows.get(actor, ()))
        agreed = {each for each in bound if before.consented.get(each, frozenset()) & (after.agreed - before.agreed)}
        if any(remaining(span, now) for span in _spans(was)) and not bound <= (agreed | excused):
            yield f"how long the actor is bound to others, within {days} days"


def versions(windows: Sequence[tuple[datetime, datetime, UUID]]) -> set[UUID]:
    """Which texts bind in the windows."""
    return {version for _, _, version in windows}


def wrongs(walk: Walk, before: Facts, after: Facts, actor: UUID) -> Iterator[str]:
    """What was done to others, who did nothing for it themselves."""
    for party in walk.others(actor):
        its = party.id
        # What is taken back of a report may restore what its silence would have cost, from that instant on.
        soon = min(before.now + CONTEST_PERIOD, before.reported.get(its, OPEN_END))
        was, is_ = before.windows.get(its, ()), after.windows.get(its, ())
        own = before.consented.get(its, frozenset()) & (after.agreed - before.agreed)
        hand = before.signed.get(its, frozenset()) & (versions(is_) - versions(was))
        if list(was) != list(is_) and not own and not hand:
            if until(was, soon) != until(is_, soon):
                yield f"the windows of {party.name}"
            elif its not in after.reported and its not in before.reported:
                yield f"the windows of {party.name}, later on, by nothing that it was told of"
        own_window_moved = before.windows.get(actor, ()) != after.windows.get(actor, ())
        compared = -1 if own_window_moved else None
        itself = [each[:compared] for each in before.shown[its][0]] != [each[:compared] for each in after.shown[its][0]]
        ends = before.shown[its][1] != after.shown[its][1]
        # Who is not bound by it has no say in its end.
        if before.shown[its][0] and (itself or (ends and its in before.windows)) and not own and not hand:
            yield f"what is shown of {party.name}, which did nothing: {before.shown[its]}, {after.shown[its]}"
        status, texts = before.reads[its]
        if its in before.windows and status == 200 and not texts <= after.reads[its][1]:
            yield f"what {party.name} reads of the text that binds it"
    outsider = walk.cast.stranger.id
    new, gone = after.published - before.published, before.published - after.published
    if outsider not in after.named and before.reads[outsider] != after.reads[outsider] and not (new or gone):
        yield "what a stranger reads"
    for party in walk.others(actor):
        if not new <= after.words.get(party.id, frozenset()):
            yield f"what {party.name} has not published"
    if gone and actor not in {party.id for party in walk.parties}:
        yield "what the parties publish"
    if outsider in after.named - before.named and any(
        not before.consented.get(party.id) for party in walk.others(actor) if party.id in before.windows
    ):
        yield "who is let in"


async def answers(
    walk: Walk, operation: str, declared: tuple[str, str, Any], who: Caller, actor: UUID
) -> list[httpx.Response]:
    """Try the operation with each of its bodies."""
    method, template, example = declared
    made = BODIES[operation]
    bodies = example if isinstance(made, str) else made(walk, actor)
    path = template.replace("{agreement_id}", walk.found["id"])
    if "signing-authorities" not in path:  # a register that was begun would keep the other offices from signing
        path = path.replace("{agency_id}", str(actor))
    for name, kind in (("proposal_id", "proposals"), ("reported_act_id", "reported_acts")):
        things = walk.found.get(kind) or [{"id": str(uuid4())}]
        path = path.replace(f"{{{name}}}", things[-1]["id"])
    while "{" in path:
        path = path[: path.index("{")] + str(uuid4()) + path[path.index("}") + 1 :]
    found = []
    for body in bodies if isinstance(bodies, list) else [bodies]:
        where = path
        if operation == "file_document":
            options: dict[str, Any] = {"content": b"Walked.", "headers": {"content-type": PLAIN}}
            where += f"?{urlencode(body)}"
        else:
            options = {"json": body, "headers": {"if-match": "*"} if method == "PATCH" else {}}
        found.append(await who.send(method, where, **options))
    return found


async def send(walk: Walk, operation: str, declared: tuple[str, str, Any], who: Caller, actor: UUID) -> int:
    """Try the operation with each of its bodies; how many were let through."""
    let = [answer for answer in await answers(walk, operation, declared, who, actor) if answer.is_success]
    if operation in MADE_ALONE:
        walk.made += [answer.json()["id"] for answer in let]
    return len(let)


MADE_ALONE = ("create_agreement", "record_agreement")
"""Nobody but who made it has done anything for what these make: no stranger may know of it."""


async def shown_too_early(walk: Walk) -> list[str]:
    """What was made just now and a stranger knows of."""
    read = [await walk.cast.stranger.legal.get(f"{PATH}/{each}") for each in walk.made]
    walk.made.clear()
    return ["what a stranger reads of what one alone made"] * sum(answer.status_code != 404 for answer in read)


def callers(walk: Walk) -> list[tuple[UUID, Caller]]:
    """Everybody who may try, with the agency that they act for."""
    first, second = walk.parties[:2]
    operators = [walk.service.operator]
    operators.append(walk.service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="second-operator"))
    return [
        *((party.id, party.legal) for party in walk.parties),
        *((party.id, party.signatory) for party in walk.parties[:2]),
        (first.id, first.machine),
        (second.id, second.coordinator),
        (walk.cast.stranger.id, walk.cast.stranger.legal),
        *((OPERATOR_AGENCY_ID, operator) for operator in operators),
    ]


async def walk_through(
    service: Service, cast: Cast, chosen: Sequence[tuple[str, int, str, int]]
) -> tuple[int, list[str]]:
    """Try each of the choices (state, parties, operation, caller); how many were let through, and what went wrong.

    An agreement is made anew only once somebody was let through.
    """
    through, faults = 0, list[str]()
    operations, standing = unsafe(service), dict[tuple[str, int], tuple[Walk, Facts]]()
    for state, size, operation, caller in chosen:
        if (state, size) not in standing:
            parties = [cast.assisting, cast.requesting, cast.neighbour][:size]
            walk = Walk(
                service=service,
                cast=cast,
                parties=parties,
                found=await STATES[state](service, *parties),
                successors=[],
            )
            walk.evidence = await proof(parties[0], walk.found)
            await walk.refresh()
            standing[state, size] = walk, await facts_of(walk)
        walk, before = standing[state, size]
        if operation == "supersede_agreement" and not walk.successors:
            walk.successors = await _successors(service, cast, walk.parties)
        everybody = callers(walk)
        actor, who = everybody[caller % len(everybody)]
        let = await send(walk, operation, operations[operation], who, actor)
        if let or caller % 5 == 0:
            after = await facts_of(walk)
            found = [*wrongs(walk, before, after, actor), *await shown_too_early(walk)]
            if operation not in OF_ITS_OWN:
                found += got_rid_of_others(walk, before, after, actor)
            faults += [
                f"{operation} by {caller % len(everybody)} on {state} of {size} changed {each}" for each in found
            ]
        if let:
            through += 1
            del standing[state, size]
    return through, faults


def choices(service: Service, count: int) -> list[tuple[str, int, str, int]]:
    """Some of all there are, the same in each run of this length; the acts that bind come in every state."""
    draw = random.Random(7)  # which to try, no secret
    every = [
        (state, size, operation, caller)
        for state in STATES
        for size in (2, 3)
        for operation in unsafe(service)
        for caller in range(10)
    ]
    return draw.sample(every, min(count, len(every)))


@pytest.mark.grows
@pytest.mark.second_long
async def test_nobody_changes_what_binds_another_or_who_reads_it(service: Service) -> None:
    chosen = choices(service, at_length(100, 600, 100_000))
    through, faults = await walk_through(service, await make_cast(service), chosen)
    assert faults == []
    assert through > len(chosen) // 20, "or nothing was tried"
    print(f"consent: {len(chosen)} acts tried, {through} let through")  # a figure to quote


@pytest.mark.second_long
async def test_every_act_of_every_lawyer_on_what_binds_three(service: Service) -> None:
    """Whole, in the state that matters most: each operation by the lawyers of two parties and by an operator."""
    people = (0, 1, 9)
    chosen = [("bound", 3, operation, caller) for operation in unsafe(service) for caller in people]
    through, faults = await walk_through(service, await make_cast(service), chosen)
    assert faults == []
    assert through > 25


@pytest.mark.second_long
async def test_no_supersession_frees_who_says_it_of_whom_nothing_was_heard(service: Service) -> None:
    """Each successor that there may be, at once and dated back, said by either lawyer of two and of three parties."""
    cast, faults, through = await make_cast(service), list[str](), 0
    for size in (2, 3):
        parties = [cast.assisting, cast.requesting, cast.neighbour][:size]
        successors = await _successors(service, cast, parties)
        for actor in parties[:2]:
            for number in range(2 * (len(successors) + 1)):
                found = await _bound(service, *parties)
                walk = Walk(service=service, cast=cast, parties=parties, found=found, successors=successors)
                body = _supersessions(walk, actor.id)[number]
                before = await facts_of(walk)
                answer = await actor.legal.send("POST", f"{PATH}/{found['id']}/supersede", json=body)
                through += answer.is_success
                after = await facts_of(walk)
                faults += [
                    f"{body} of {size} changed {each}"
                    for each in (
                        *wrongs(walk, before, after, actor.id),
                        *got_rid_of_others(walk, before, after, actor.id),
                    )
                ]
    assert faults == []
    assert through == 20, "by the two that share the matter and that each has signed, and by the first's own"


@pytest.mark.second_long
async def test_the_walk_finds_who_frees_itself_by_a_successor(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where those who did not sign the successor are not waited for: it must be able to fail."""

    def without_waiting(not_before: datetime, asked: Sequence[Consenting]) -> datetime:
        return max([not_before, *(each.given_at for each in asked if each.given_at is not None)])

    cast = await make_cast(service)
    parties = [cast.assisting, cast.requesting, cast.neighbour]
    found, (*_, of_two, _whole) = await _bound(service, *parties), await _successors(service, cast, parties)
    walk = Walk(service=service, cast=cast, parties=parties, found=found, successors=[of_two])
    before = await facts_of(walk)
    monkeypatch.setattr(proposed, "agreed_at", without_waiting)
    path, body = f"{PATH}/{found['id']}", {"by_agreement_id": of_two, "reason": "walked"}
    said = await cast.assisting.legal.done("POST", f"{path}/supersede", body)
    its = said["reported_acts"][0]["id"]
    await cast.requesting.legal.done("POST", f"{path}/reported-acts/{its}/confirm")
    after = await facts_of(walk)
    assert list(got_rid_of_others(walk, before, after, cast.assisting.id))


@pytest.mark.second_long
async def test_the_walk_finds_who_ends_an_agreement_for_others(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same walk where outstanding consents are not waited for: it must be able to fail."""

    def without_waiting(not_before: datetime, asked: Sequence[Consenting]) -> datetime:
        return max([not_before, *(each.given_at for each in asked if each.given_at is not None)])

    monkeypatch.setattr(proposed, "agreed_at", without_waiting)
    chosen = [("bound", 3, operation, 0) for operation in ("terminate_agreement", "add_agreement_parties")]
    _, faults = await walk_through(service, await make_cast(service), chosen)
    assert any("windows" in fault for fault in faults), faults
    assert any("who is let in" in fault for fault in faults), faults


@pytest.mark.second_long
async def test_no_yes_of_those_that_are_left_takes_away_the_days_of_who_left_before(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found where those alone are asked that are bound today, and not as it is."""

    def of_today(parts: Mapping[UUID, Any], at: datetime) -> list[UUID]:
        return proposed.bound_now(parts, max(at, utc_now()))

    cast = await make_cast(service)
    chosen = [("an end of days before one left", 3, "consent_to_agreement_proposal", 1)]
    assert await walk_through(service, cast, chosen) == (1, [])
    monkeypatch.setattr(proposing, "bound_since", of_today)
    _, faults = await walk_through(service, cast, chosen)
    assert any(f"the windows of {cast.neighbour.name}" in fault for fault in faults), faults


@pytest.mark.second_long
async def test_the_walk_finds_what_is_shown_of_others_before_it_has_effect(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same walk where pending reports are shown as what they say: it must be able to fail."""

    async def nothing_is_pending(*_: object) -> None:
        return None

    monkeypatch.setattr(getting, "without_pending", nothing_is_pending)
    _, faults = await walk_through(service, await make_cast(service), [("bound", 2, "report_agreement_act", 0)])
    assert any("what is shown of" in fault for fault in faults), faults


@pytest.mark.second_long
async def test_the_walk_finds_who_publishes_for_others(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same walk where outstanding words are not waited for: it must be able to fail."""

    def without_waiting(words: Iterable[bool | None], *, before: bool) -> bool:
        return True in tuple(words) or before

    monkeypatch.setattr(published, "stays_published", without_waiting)
    chosen = [("bound", 3, operation, 0) for operation in ("file_document", "record_agreement")]
    _, faults = await walk_through(service, await make_cast(service), chosen)
    assert any("has not published" in fault for fault in faults), faults
    assert any("what one alone made" in fault for fault in faults), faults
