"""Two agreements that differ only in restricted text are one and the same to whoever may not read it.

The two are staged alike among fresh agencies, and say opposite things in their restricted provisions, the terms these
say, comments on them and restricted documents. Then each reader that the text is withheld from asks every reading
operation of the contract that takes an agreement about the one and the other: ids, names, instants and digests apart,
the answers are equal. A new operation joins by itself, and a parameter that nothing is staged for fails the test.
"""

import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import product
from typing import Any
from zipfile import ZipFile, is_zipfile

import httpx
import pytest
from msgspec import Struct
from pypdf import PdfReader

from registry.platform.access.principals import Role
from tests.support.agreements import EVIDENCE, confirm_agreement, sign_agreement
from tests.support.cast import LONG_AHEAD, Agency, Cast, make_cast, today
from tests.support.documents import PDF, file_document, make_pdf, send_file
from tests.support.length import at_length
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agreements"
LAW = {"sensitivity": "restricted", "exemption": "Security information (example; have counsel review)"}
OPEN = [
    {"number": "1", "heading": "purpose", "text": "The parties help one another."},
    {"number": "2", "heading": "equipment", "text": "Equipment is returned as it was received."},
]


class Secret(Struct, kw_only=True, frozen=True):
    """What one of the two says where the other says something else."""

    clauses: dict[str, str]
    terms: dict[str, Any]
    said: str
    pages: tuple[str, ...]

    def provisions(self, after: str) -> list[dict[str, Any]]:
        """The open provisions, and the restricted ones under their headings."""
        own = [
            {"number": str(n), "heading": heading, "text": f"{text} {after}", **LAW}
            for n, (heading, text) in enumerate(self.clauses.items(), 3)
        ]
        return [*OPEN, *own]

    @property
    def said_by(self) -> dict[str, Any]:
        """The terms, each with the restricted provision that says it."""
        of_headings = {heading: str(n) for n, heading in enumerate(self.clauses, 3)}
        named = {"liability": "liability", "command": "command_and_control"}
        clauses = {name: of_headings[named.get(name, "resource_allocation")] for name in self.terms}
        return {**self.terms, "clauses": clauses}


ONE = Secret(
    clauses={
        "liability": "Each party shall bear its own liability for the acts of its employees.",
        "insurance": "Each party shall maintain liability insurance of one million dollars.",
        "command_and_control": "The requesting agency shall command all personnel.",
        "resource_allocation": "No loan shall exceed 24 hours.",
        "dispute": "Disputes shall be mediated by the chiefs within 30 days.",
        "general": "The radio channel is 7.",
    },
    terms={"liability": "respective", "command": "requesting", "max_duration_hours": 24},
    said="We bear our own.",
    pages=("The keys (demo).",),
)
OTHER = Secret(
    clauses={
        "liability": "There is no rule on liability: it has not been agreed.",
        "insurance": "No insurance is required of anybody, and either party may go without for as long as it likes.",
        "command_and_control": "Command has not been agreed.",
        "resource_allocation": "No loan shall exceed 900 hours.",
        "dispute": "No procedure for disputes is agreed.",
        "general": "Nothing else is agreed, of costs, training, credentials or records.",
    },
    terms={"liability": "sending", "command": "assisting", "max_duration_hours": 900},
    said="They bear it all, whatever anybody did and however long ago it was.",
    pages=("The keys (demo).", "And much more of it (demo).", "And more (demo)."),
)


class World(Struct, kw_only=True, frozen=True):
    """One of the two, with what it consists of by the names of parameters."""

    cast: Cast
    things: dict[str, list[str]]

    def caller(self, side: str, role: Role) -> Caller:
        """Somebody of one of its agencies."""
        agency: Agency = getattr(self.cast, side)
        return agency.machine if role is Role.SERVICE else agency.as_(role)


async def staged(service: Service, secret: Secret) -> World:
    """An agreement of two versions with a third agency let in, and an open one of the same parties beside it."""
    cast = await make_cast(service)
    one, two, new = cast.assisting, cast.requesting, cast.neighbour
    whole = {"number": "MA-ALIKE", "title": "Alike (demo)", "kind": "mutual_aid"}
    made = await sign_agreement(
        service, one, two, provisions=secret.provisions("First."), terms=secret.said_by, **whole
    )
    path = f"{PATH}/{made['id']}"
    paper = {"signed_on": str(today()), "signatory_title": "Chief", "evidence_sha256": EVIDENCE}
    text = {"terms": {"categories": ["any"], "suspension": "at_once", **secret.said_by}, "title": "Alike (demo)"}
    later = {"provisions": secret.provisions("Second."), "effective_on": str(today()), "reason": "goes on"}
    amended = await one.legal.done("POST", f"{path}/record-amendment", {**text, **later, **paper, "expires_on": None})
    digest = amended["amendment"]["version_sha256"]
    await confirm_agreement({**made, "version_sha256": digest}, two, today())
    offered = await one.legal.done(
        "POST", f"{path}/add-parties", {"agency_ids": [str(new.id)], "reason": "asked to join"}
    )
    await two.legal.done("POST", f"{path}/proposals/{offered['proposals'][0]['id']}/consent")
    open_terms = {"liability": "split", "command": "unified", "max_duration_hours": 48}
    beside = await sign_agreement(service, one, two, terms=open_terms, number="MA-BESIDE", provisions=OPEN)
    things = {"agreement_id": [made["id"]], "other_agreement_id": [beside["id"]], "version_no": ["1", "2"]}
    remark = {"version_no": 2, "provision": "3", "audience": "parties", "text": secret.said}
    things["comment_id"] = [(await two.legal.done("POST", f"{path}/comments", remark))["id"]]
    duty = {"title": "File it", "citation": "Code 1", "due_on": str(LONG_AHEAD)}
    things["duty_id"] = [(await one.legal.done("POST", f"{path}/duties", duty))["id"]]
    review = {"reviewed_on": str(today()), "outcome": "keep", "note": "Kept."}
    things["periodic_review_id"] = [(await one.legal.done("POST", f"{path}/complete-review", review))["id"]]
    sent = await send_file(
        one.legal, made["id"], make_pdf(*secret.pages), PDF, kind="exhibit", title=secret.said[:60], **LAW
    )
    filed = await file_document(one.legal, made["id"], "Open to the parties.")
    things["document_id"] = [sent.json()["id"], filed["id"]]
    things["metric_key"] = list(OF_TEXTS)
    return World(cast=cast, things=things)


@pytest.fixture(scope="module")
async def worlds(service: Service) -> tuple[World, World]:
    return await staged(service, ONE), await staged(service, OTHER)


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A part of the contract, or what it refers to."""
    found = document if "$ref" in part else part
    for name in part.get("$ref", "#").split("/")[1:]:
        found = found[name]
    return found


OF_TEXTS = ("agreement_in_force_rate", "renewal_risk", "review_compliance", "obligation_compliance", "line_fill_rate")
"""Metrics of what a text says, and one of what is done under it: the others are worked out alike."""
FIXED = {
    "ids": "agreement_id",
    "from_version_no": "version_no",
    "to_version_no": "version_no",
    "other_version_no": "version_no",
}
WORDS = {
    "q": ["liability", "agreed", "channel 7", "insur*"],
    "provision": ["3"],
    "checklist": ["general", "fl_23_1225", "mt_44_11_305", "cjis_ca_3"],
    "category": ["k9"],
    "limit": ["1"],
    "time_zone": ["America/Chicago"],
    "from": ["2026-01-01T00:00:00Z"],
    "to": ["2026-06-01T00:00:00Z"],
    "open": ["true"],
    "sha256": [EVIDENCE],
}
AGENCIES = ("party_id", "partner_id", "custodian_id", "agency_id", "requesting_agency_id", "assisting_agency_id")


def values_of(document: dict[str, Any], world: World, parameter: dict[str, Any]) -> list[str]:
    """What a parameter is asked with: what is staged, words that one of the two says, two of an enumeration."""
    name, schema = parameter["name"], parameter["schema"]
    if (kind := FIXED.get(name, name)) in world.things:
        return world.things[kind]
    if name in WORDS:
        return WORDS[name]
    if name in AGENCIES:
        side = world.cast.assisting if name in ("assisting_agency_id", "custodian_id") else world.cast.requesting
        return [str(side.id)]
    schema = next((each for each in schema.get("anyOf", []) if each.get("type") != "null"), schema)
    schema = resolved(document, schema.get("items", schema))
    if schema.get("type") == "boolean":
        return ["true", "false"]
    moments = {"date": "2026-06-01", "date-time": "2026-06-01T00:00:00Z"}
    moment = moments.get(schema.get("format", ""))
    found: list[str] = schema.get("enum", [])[:2] or [moment] * (moment is not None)
    return found


def reading_paths(document: dict[str, Any], world: World) -> Iterator[str]:
    """Every GET that takes an agreement, or what belongs to one, and with each of its filters in turn."""
    for template, item in document["paths"].items():
        parameters = [resolved(document, each) for each in item.get("get", {}).get("parameters", [])]
        inner = [each for each in parameters if each["in"] == "path"]
        asked = [each for each in parameters if each["in"] == "query" and each["name"] != "cursor"]
        names = {each["name"] for each in parameters}
        if "get" not in item or not (
            template.startswith(PATH) or names & {"agreement_id", "document_id", "other_agreement_id"}
        ):
            continue
        if template.startswith("/v1/events"):
            continue  # of each event it tells less than the history, which is asked
        if "review_id" in names:
            continue  # only a text under review has one, and this one is executed
        about = {each["name"]: each for each in asked if each.get("required") or each["name"] == "agreement_id"}
        filters = [each for each in asked if each["name"] not in about]
        for ids in product(*(world.things[each["name"]] for each in inner)):
            path = template
            for parameter, value in zip(inner, ids, strict=True):
                path = path.replace(f"{{{parameter['name']}}}", value)
            needed = "&".join(f"{name}={values_of(document, world, its)[0]}" for name, its in about.items())
            yield f"{path}?{needed}"
            for parameter in filters:
                for value in values_of(document, world, parameter):
                    yield f"{path}?" + "&".join(filter(None, [needed, f"{parameter['name']}={value}"]))


READERS = [
    ("requesting", Role.COORDINATOR),  # a party's, and not cleared
    ("neighbour", Role.LEGAL),  # cleared, of an agency that was let in and is not bound
    ("requesting", Role.SERVICE),
    ("assisting", Role.COORDINATOR),  # the custodian's
]
APART = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<digest>"),
    (re.compile(r"\b[0-9a-f]{40} [0-9a-f]{24}\b"), "<digest>"),  # in a column of the printed index
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<instant>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"), "<minute>"),
    (re.compile(r"\b[0-9a-f]{16}…"), "<digest>"),
    (re.compile(r'"next_cursor":"[^"]+"'), "<cursor>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<trace>"),
    (re.compile(r'("path": "index.pdf",[^}]*?"size_bytes": )\d+'), r"\1<size>"),
)


def alike(world: World, text: str) -> str:
    """A text without what any two agreements differ in."""
    for name in ("assisting", "requesting", "neighbour", "stranger"):
        text = text.replace(getattr(world.cast, name).name, f"<{name}>")
    for pattern, word in APART:
        text = pattern.sub(word, text)
    return text


def told(world: World, response: httpx.Response) -> tuple[int, dict[str, str]]:
    """What an answer says, file by file where it is an archive; of a printed file its words."""
    if is_zipfile(BytesIO(response.content)):
        with ZipFile(BytesIO(response.content)) as archive:
            files = {name: _words(name, archive.read(name)) for name in archive.namelist()}
    else:
        files = {"": response.text}
    return response.status_code, {alike(world, name): alike(world, text) for name, text in files.items()}


def _words(name: str, content: bytes) -> str:
    if not name.endswith(".pdf"):
        return content.decode()
    # Where a line is broken hangs on how wide an agency's name is.
    return " ".join(word for page in PdfReader(BytesIO(content)).pages for word in page.extract_text().split())


async def differing(
    service: Service, worlds: tuple[World, World], readers: Sequence[Caller], *, only: slice = slice(None)
) -> list[str]:
    """The paths of which the two readers are told different things, each with where it begins."""
    document = service.contract.document
    paths = list(zip(*(reading_paths(document, world) for world in worlds), strict=True))
    assert len(paths) > 150, "or the walk leaves something out"
    found = []
    for pair in paths[only]:
        (status, one), (other_status, other) = [
            told(world, await reader.get(path)) for world, reader, path in zip(worlds, readers, pair, strict=True)
        ]
        unlike = [name for name in {*one, *other} if one.get(name) != other.get(name)]
        if status != other_status or unlike:
            where = [_first_difference(one.get(name, ""), other.get(name, "")) for name in unlike]
            found.append(f"{pair[0]} → {status}, {other_status}: {[*zip(unlike, where, strict=True)]}")
    return found


def _first_difference(one: str, other: str) -> tuple[str, str]:
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[max(0, at - 80) : at + 80], other[max(0, at - 80) : at + 80]


@pytest.mark.parametrize(("side", "role"), READERS)
async def test_nobody_is_told_what_a_withheld_text_says(
    service: Service, worlds: tuple[World, World], side: str, role: Role
) -> None:
    """A small run asks each path as every second of them."""
    every = at_length(2, 1, 1)
    only = slice(READERS.index((side, role)) % every, None, every)
    found = await differing(service, worlds, [world.caller(side, role) for world in worlds], only=only)
    assert not found, "\n".join(found[:8])


async def test_who_may_read_it_is_told(service: Service, worlds: tuple[World, World]) -> None:
    """Or the test above could not fail."""
    found = await differing(service, worlds, [world.caller("requesting", Role.LEGAL) for world in worlds])
    for name in ("completeness", "contradictions", "redline", "comments", "documents", "file.zip", "search"):
        assert any(f"/{name}" in each.partition(" ")[0] for each in found), name
