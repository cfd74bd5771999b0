"""Components that all operations of the contract share: tags of pillars and rooms, headers, parameters and problems."""

from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from registry.platform.http.catalogue import MEMBERS, PROBLEMS
from registry.platform.http.problems import MEDIA_TYPE, STATUS, render
from registry.platform.http.shapes import REF, Schema

# Pillar → what it is for; room → what its operations are about. A room's operations carry its name as their tag.
PILLARS: dict[str, tuple[str, dict[str, str]]] = {
    "directory": (
        "Directory",
        {
            "agencies": "Who takes part.",
            "clients": "Programs that get their tokens from the registry, and the endpoint that gives them.",
            "issuers": "Whose tokens are accepted, and for which agencies.",
            "revocations": "Tokens and persons that are refused.",
            "principals": "The people and services that have used the registry.",
            "operator_acts": "Acts of the registry's operator that a second operator approves.",
            "places": "What names of places mean, and which county a point lies in.",
            "taxonomy": "The words: categories with NIMS typing, purposes, provision headings.",
        },
    ),
    "agreements": (
        "Agreements",
        {
            "instruments": "What agencies agreed to, from the draft to the end, and whether it is in force.",
            "timeline": "From when until when each party was bound, and by which acts.",
            "clauses": "Standard clauses and templates, and drafts made from them.",
            "documents": "What is on file with an agreement.",
            "redline": "What differs between two versions or two agreements, and from the standard clauses.",
            "checks": "Whether a text is complete, and what it contradicts.",
            "insurance": "Certificates of insurance.",
            "duties": "What is to be done with a signed agreement: to file, to publish, to tell.",
            "deadlines": "What falls due, and when: notice, renewal, periodic review, retention and legal holds.",
            "calendars": "Deadlines as a calendar to subscribe to.",
            "dossier": "The whole file of an agreement, for a court or a records request.",
            "tracker": "Agreements in bulk, from the list that is kept today.",
        },
    ),
    "resources": (
        "Resources",
        {
            "rates": "What lending costs, from which day on.",
            "personnel": "What people can do, and when they can be sent.",
            "minimums": "How many of a category an agency keeps at home.",
            "assets": "What can be lent, and when.",
            "papers": "Pictures and papers on file with an asset.",
            "packages": "Assets that are lent together, whole or not at all.",
            "search": "What is needed, in a sentence.",
        },
    ),
    "sharing": (
        "Sharing",
        {
            "policy": "Decisions with their reasons, and what-if.",
            "requests": "What is asked for, decided, approved.",
            "loans": "What is committed, handed over and returned.",
            "past_loans": "Loans of before the registry, as one side has them in its records.",
            "inbox": "What waits for whom, from every room.",
            "notices": "How people are told by mail what newly waits for them.",
            "obligations": "What a loan obliges its sides to do, by when, and what became of it.",
            "sheets": "A loan on paper, to be signed at the hand-over and the return.",
            "impact": "What an amendment would change of requests and loans.",
        },
    ),
    "outcomes": (
        "Outcomes",
        {
            "engagements": "Exercises, training and community programmes, and the improvements that follow.",
            "metrics": "How well it works, over time.",
            "objectives": "What an agreement is to achieve, what was measured, and whether it was met.",
            "reviews": "A frozen scorecard, what changed since the last one, and what each party decides.",
        },
    ),
    "platform": (
        "Exchange",
        {
            "bulk": "Tables of things in bulk: upload, map, check, write, and the report.",
            "ledger": "Proof of what was recorded: signed checkpoints, and that an event is among what they cover.",
            "webhooks": "Programs of agencies to which events are sent, and what became of each message.",
        },
    ),
    "service": ("Service", {"service": "The service itself."}),
}
DESCRIPTION = """\
The system of record for resource sharing between law-enforcement agencies: agreements and their terms, the assets they
cover, explained decisions on requests, loans with both sides' halves, and how well each agreement works.

Send `Authorization: Bearer <token>`. Send `Idempotency-Key` with every POST: the service finishes a request whose
client has gone, and a repeat then gets the first answer. Read `ETag` and send it back as `If-Match` when you edit.
Lists are paged by `next_cursor`. Errors are problem details (RFC 9457); switch on `code`. `/problems` lists every code
with what to do about it, and each operation names its own as `x-problems`. New fields, new codes and new enum values
may appear within `/v1`: treat an unknown value as open. Statutory content is a pattern to test against; have counsel
review it.
"""
EXAMPLES_FROM = date(2026, 7, 4)
"""The day on which the examples are asked and answered."""
_TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS: dict[str, Any] = {
    "X-Request-Id": {
        "description": "The `trace_id` of this request in the logs: your `traceparent`'s, else your own, else made.",
        "required": True,
        "schema": {"type": "string"},
        "example": _TRACE,
    },
    "ETag": {
        "description": "Version of the item, a hyphen, and a digest of what follows from other things and the clock. "
        "If-None-Match compares all of it, If-Match the version alone: an edit is refused when somebody edited.",
        "required": True,
        "schema": {"type": "string"},
        "example": '"1-9f86d081"',
    },
    "Cache-Control": {
        "description": "Who may keep the answer; `no-store` for restricted text and for problems.",
        "required": True,
        "schema": {"type": "string"},
        "example": "private, no-cache",
    },
    "Content-Disposition": {
        "description": "`attachment` with the file's name (RFC 6266).",
        "required": True,
        "schema": {"type": "string"},
        "example": 'attachment; filename="agreement.pdf"',
    },
    "Location": {
        "description": "Address of the new item.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/v1/assets/01900000-0000-7000-8000-000000000001",
    },
    "Link": {
        "description": 'The next page, as `<…>; rel="next"`; absent from the last one.',
        "schema": {"type": "string"},
        "example": '</v1/assets?cursor=WyIwMTkwIl0>; rel="next"',
    },
    "As-Of-Event": {
        "description": "A place in your agency's feed (`after` of `GET /v1/events`) before which nothing happened that "
        "this page lacks. Of a list that is read page by page, keep that of the first.",
        "schema": {"type": "string"},
        "example": "k3Jv0yq8S1m4c5Hn2pXwTA",
    },
    "Idempotency-Replayed": {
        "description": "`true` when this is the answer to an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
        "example": "true",
    },
    "Retry-After": {
        "description": "Seconds to wait before trying again.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "1",
    },
    "RateLimit": {
        "description": "The limit that is nearest: requests left in this minute, and seconds until the next one "
        "(the IETF's draft of RateLimit fields).",
        "schema": {"type": "string"},
        "example": '"principal";r=5999;t=42',
    },
    "RateLimit-Policy": {
        "description": "How many requests a person or service, and its agency, may make in how many seconds.",
        "schema": {"type": "string"},
        "example": '"principal";q=6000;w=60, "agency";q=60000;w=60',
    },
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 6750).",
        "required": True,
        "schema": {"type": "string"},
        "example": 'Bearer realm="registry"',
    },
}
# Only where something is deprecated: a component that nothing refers to is a fault to linters.
DEPRECATION_HEADERS: dict[str, Any] = {
    "Deprecation": {
        "description": "Since when what was used is deprecated (RFC 9745), in seconds since 1970; its description here "
        "says what to use instead.",
        "schema": {"type": "string", "pattern": "^@[0-9]+$"},
        "example": "@1798761600",
    },
    "Sunset": {
        "description": "When it will be gone (RFC 8594).",
        "schema": {"type": "string"},
        "example": "Sat, 01 Jan 2028 00:00:00 GMT",
    },
}
PARAMETERS: dict[str, Any] = {
    "Last-Event-ID": {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "description": "The `id` that the stream sent last: it goes on behind that. Browsers send it by themselves.",
        "schema": {"type": "string"},
        "example": "k3Jv0yq8S1m4c5Hn2pXwTA",
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key with the same request has one effect and one answer, for 24 hours.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "example": "7d0a1c4e-demo",
    },
    "If-Match": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "The ETag you read, or several: the request is refused when none is of the present version. "
        "What stands behind the hyphen is not compared.",
        "schema": {"type": "string"},
        "example": '"1-9f86d081"',
    },
    "If-Match-Required": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The ETag you read, or several, so that nobody's edit is lost.",
        "schema": {"type": "string"},
        "example": '"1-9f86d081"',
    },
    "If-Match-Read": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The ETag of what you read and approve, or several. `*` names nothing, and is not accepted.",
        "schema": {"type": "string"},
        "example": '"1-9f86d081"',
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The ETag you have; the answer is 304 when it is still current.",
        "schema": {"type": "string"},
        "example": '"1-9f86d081"',
    },
}
# The name of each problem status in the contract, and its headers.
ANSWERS: dict[int, tuple[str, str, dict[str, str]]] = {
    400: ("Malformed", "The request cannot be read.", {}),
    401: ("Unauthenticated", "No token, or one that is not valid.", {"WWW-Authenticate": "WWW-Authenticate"}),
    403: ("Forbidden", "The caller may not do this.", {}),
    404: ("NotFound", "There is no such thing, or the caller may not know of it.", {}),
    406: ("NotAcceptable", "Answered in none of the media types that the caller accepts.", {}),
    408: ("TooSlow", "The body did not arrive in time.", {}),
    409: (
        "Conflict",
        "In conflict with what is there, or not possible from its status.",
        {"Retry-After": "Retry-After"},
    ),
    410: ("Gone", "It was here, and has left the database for an archive.", {}),
    412: ("Stale", "Changed since it was read.", {}),
    413: ("TooLarge", "The body is too large.", {}),
    415: ("UnsupportedMediaType", "The body is not of a media type that the operation takes.", {}),
    422: ("RuleBroken", "Well-formed, but breaks a rule.", {}),
    428: ("PreconditionRequired", "`If-Match` is missing, or names nothing (`*`) where you approve what you read.", {}),
    429: (
        "TooManyRequests",
        "More requests in this minute than the caller or its agency may make.",
        {name: name for name in ("RateLimit", "RateLimit-Policy", "Retry-After")},
    ),
    500: ("InternalError", "A fault of the service.", {}),
    503: ("Unavailable", "The service cannot take the request now.", {"Retry-After": "Retry-After"}),
}


@cache
def examples() -> dict[str, Any]:
    """The recorded request and response of every operation; `make contract` records them again."""
    found: dict[str, Any] = msgspec.json.decode((files("registry.platform.http") / "examples.json").read_bytes())
    return found


def with_members(problem: Schema) -> Schema:
    """The schema of problems with all additional members that one of them may have."""
    return {**problem, "properties": {**problem["properties"], **MEMBERS}}


def shared_responses(used: dict[int, set[str]]) -> dict[str, Any]:
    """One response for each status of a problem, with the codes that any operation may answer with."""
    responses = {}
    for status, (name, description, more) in ANSWERS.items():
        headers = {"X-Request-Id": "X-Request-Id", "Cache-Control": "Cache-Control", **more}
        media: dict[str, Any] = {"schema": {"$ref": REF.format(name="Problem")}}
        media["example"] = examples()["problems"].get(str(status)) or _rendered(status)
        responses[name] = {
            "description": description,
            "headers": references(headers),
            "content": {MEDIA_TYPE: media},
            "x-problems": sorted(used[status]),
        }
    return responses


def _rendered(status: int) -> Any:
    """An example of a problem that clients cannot cause deliberately."""
    kind = next(kind for kind, found in STATUS.items() if found == status)
    answer = render(kind(PROBLEMS[kind.code].title + "."), path="/v1/assets", trace_id=_TRACE)
    return msgspec.json.decode(answer.body)


def references(headers: dict[str, str]) -> dict[str, Any]:
    """Header → reference to the shared component that describes it."""
    return {name: {"$ref": f"#/components/headers/{component}"} for name, component in headers.items()}
