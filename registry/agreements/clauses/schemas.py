"""Standard clauses, templates, and what is sent to make a draft from one: on the wire, and in the shipped files."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.schemas.given import Parties
from registry.agreements.instruments.schemas.words import AgreementNumber, LastDay
from registry.directory.agencies.schemas import Zone
from registry.platform.http.searching import Words
from registry.platform.kernel.text import NAME_PATTERN, Citation, ClauseText, Code, Name
from registry.platform.kernel.time import CivilDate

Sentence = Annotated[str, Meta(min_length=1, max_length=600, pattern=NAME_PATTERN)]
Answer: TypeAlias = (
    Annotated[int, Meta(ge=0, le=1_000_000_000)]
    | Annotated[str, Meta(min_length=1, max_length=300, pattern=NAME_PATTERN)]
)
Counted = Annotated[int, Meta(ge=0, le=1_000_000)]


class Placeholder(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a standard clause leaves open."""

    name: Code
    kind: Annotated[
        Literal["given", "words", "number", "amount"],
        Meta(description="How it is answered."),
    ]
    question: Sentence
    example: Annotated[Sentence, Meta(description="An answer that fits; an example, and no advice.")]
    least: Annotated[Counted | None, Meta(description="Of a number.")] = None
    most: Annotated[Counted | None, Meta(description="Of a number.")] = None


class StandardClause(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A passage of text that the registry offers, with placeholders such as `{notice_days}`. Have counsel review."""

    code: Annotated[Code, Meta(examples=["liability.own_acts"])]
    version: Annotated[int, Meta(ge=1, le=10_000, description="Counts the changes of its text.")]
    heading: Code
    title: Name
    text: ClauseText
    terms: Annotated[
        dict[Code, Any],
        Meta(max_length=20, description="The terms that it says, with placeholders where they are open."),
    ] = {}
    particulars: Annotated[
        dict[Code, Any],
        Meta(max_length=3, description="What it says of notice, renewal and review."),
    ] = {}
    citation: Annotated[
        Citation | None, Meta(description="The law that asks for it or that it turns on; null for none.")
    ] = None
    counsel: Annotated[Sentence, Meta(description="What it cannot know: have counsel review.")] = (
        "Written for this registry, and not legal advice. Have counsel review."
    )
    questions: Annotated[list[Placeholder], Meta(max_length=40, description="What it leaves open.")] = []


class StandardClauseList(Struct, kw_only=True, frozen=True):
    """The standard clauses that the registry ships; all that fit, never a page."""

    items: list[StandardClause]


class StandardClauseQuery(Struct, kw_only=True, frozen=True):
    """Which standard clauses; all of them unless told otherwise."""

    heading: Annotated[tuple[Code, ...], Meta(max_length=50, description="Under any of these headings.")] = ()
    q: Words | None = None


class Template(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a draft of one kind begins with: standard clauses in order, default terms and questions. No legal advice."""

    code: Annotated[Code, Meta(examples=["mutual_aid"])]
    version: Annotated[int, Meta(ge=1, le=10_000, description="Counts its changes.")]
    name: Name
    description: Sentence
    kind: AgreementKind
    counsel: Annotated[Sentence, Meta(description="What it cannot know: have counsel review.")]
    categories: Annotated[list[Code], Meta(min_length=1, max_length=50)]
    purposes: Annotated[list[Code], Meta(max_length=50, description="Purposes covered; empty covers all.")]
    standard_clauses: Annotated[
        list[Code], Meta(min_length=1, max_length=100, description="Codes, in the order of the text.")
    ]
    terms: Annotated[
        dict[Code, Any],
        Meta(max_length=40, description="What its clauses say in terms; of all others the draft is silent."),
    ] = {}
    particulars: Annotated[
        dict[Code, Any], Meta(max_length=4, description="What its clauses say of notice, renewal and review.")
    ] = {}
    questions: Annotated[
        list[Placeholder], Meta(max_length=100, description="What is to be answered for a draft.")
    ] = []


class TemplateSummary(Struct, kw_only=True, frozen=True):
    """A template in the list."""

    code: str
    version: int
    name: str
    description: str
    kind: AgreementKind


class TemplateList(Struct, kw_only=True, frozen=True):
    """The templates that the registry ships; all of them, never a page."""

    items: list[TemplateSummary]


class AgreementFromTemplate(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A draft to be made from a template, in the custody of the caller's agency, which is one of the parties."""

    template: Annotated[Code, Meta(description="The template's code.", examples=["mutual_aid"])]
    number: AgreementNumber
    title: Name
    parties: Parties
    time_zone: Zone
    effective_on: CivilDate
    expires_on: LastDay | None = None
    answers: Annotated[
        dict[Code, Answer],
        Meta(max_length=100, description="For each question of the template's clauses, the answer, by its name."),
    ] = {}
    instead: Annotated[
        dict[Code, Code | None],
        Meta(
            max_length=100,
            description="For a standard clause of the template, another under the same heading; null leaves it out.",
        ),
    ] = {}
    categories: (
        Annotated[list[Code], Meta(min_length=1, max_length=200, description="In place of the template's.")] | None
    ) = None
    purposes: Annotated[list[Code], Meta(max_length=100, description="In place of the template's.")] | None = None


_PARTIES = ["01900000-0000-7000-8000-00000000a001", "01900000-0000-7000-8000-00000000a002"]
FROM_TEMPLATE_EXAMPLE: dict[str, object] = {
    "template": "k9",
    "number": "K9-2027-001",
    "title": "K9 teams of the example counties (demo)",
    "parties": _PARTIES,
    "time_zone": "America/Chicago",
    "effective_on": "2027-01-01",
    "expires_on": "2029-12-31",
    "answers": {
        "covered_incidents": "searches for missing persons and for explosives",
        "authorizing_law": "the interlocal cooperation act of the state (example; have counsel review)",
        "confirmation_hours": 24,
        "k9_certification": "a certification in the discipline asked for, issued within the last twelve months",
        "free_hours": 12,
        "claim_days": 60,
        "record_years": 5,
        "report_days": 30,
        "review_months": 12,
        "notice_days": 60,
        "governing_law": "the State of Minnesota",
    },
    "instead": {"reimbursement.none": "reimbursement.after_hours", "metrics.yearly": None},
}


class TemplateOrigin(Struct, kw_only=True, frozen=True):
    """The template that an agreement was drafted from, in the version of then."""

    code: str
    version: int


class ClauseOrigin(Struct, kw_only=True, frozen=True):
    """A standard clause as it entered a draft: its number there, and its text of then with placeholders."""

    agreement_id: UUID
    number: str
    code: str
    version: int
    heading: str
    text: str
