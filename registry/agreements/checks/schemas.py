"""Checklists and what they find, and contradictions between agreements: on the wire, and in the shipped files."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.remarks import Remark
from registry.agreements.instruments.wording import Pattern
from registry.agreements.law.rules import AppliesTo, LawText, Source, State
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.text import NAME_PATTERN, Code, Name
from registry.platform.kernel.time import CivilDate, Instant

Sentence = Annotated[str, Meta(min_length=1, max_length=600, pattern=NAME_PATTERN)]
VersionNo = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Severity = Annotated[
    Literal["required", "recommended"],
    Meta(description="`required`: the source demands it; `recommended`: agreements of this kind usually have it."),
]
DateName = Literal["expires_on", "auto_renew_months", "review_every_months"]
ItemStatus = Annotated[
    Literal["found", "weak", "missing", "denied", "withheld", "for_counsel"],
    Meta(
        description="`weak`: something speaks of it, but not so that one may rely on it (see `reasons`). "
        "`denied`: a clause says that there is no such thing, or that it is left open. "
        "`withheld`: nothing that you may read speaks of it, and a provision withheld from you may. "
        "`for_counsel`: no rule can tell; a person must."
    ),
]
FewWords = Annotated[list[Annotated[str, Meta(min_length=1, max_length=40)]], Meta(max_length=200)]
Patterns = Annotated[list[Pattern], Meta(max_length=60)]


class Marks(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a matter is recognised by in words; several items may share it."""

    says: Annotated[Patterns, Meta(description="Any of these says it, wherever it stands.")] = []
    words: Annotated[Patterns, Meta(description="Any of these says it under a heading of the item.")] = []
    touches: Annotated[Patterns, Meta(description="Any of these only touches it.")] = []
    unless: Annotated[
        Patterns, Meta(description="A sentence with one of these speaks of something else and does not say it.")
    ] = []
    topic: Annotated[
        Patterns, Meta(description="What it is about: a sentence that settles nothing about it denies it.")
    ] = []
    apart: Annotated[
        Patterns, Meta(description="The topic within one of these is another matter's, and is not denied by it.")
    ] = []
    denies: Annotated[Patterns, Meta(description="Any of these denies it.")] = []
    partly: Annotated[
        Patterns,
        Meta(description="A sentence with one of these denies a part alone, and nothing of what is said elsewhere."),
    ] = []


class Absence(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The words in which an agreement says that something is not settled."""

    having: FewWords
    nothing: FewWords
    settling: FewWords
    rules: FewWords
    left_open: Patterns
    not_agreed: Annotated[
        Patterns,
        Meta(
            description="One of these leaves its clause open, unless the sentence provides for that case: a word of "
            "`conditions` stands shortly before it and one of `then` after it."
        ),
    ]
    conditions: FewWords
    then: FewWords
    cases: Annotated[
        Patterns,
        Meta(description="What is not settled in one of these is a case that the text provides for, and no silence."),
    ]
    limits: Annotated[FewWords, Meta(description="After a denial, that it is one for a time or a case alone.")]
    unlimited: Annotated[FewWords, Meta(description="After it, that this time is all there is: “during its term”.")]
    put_off: Annotated[
        Patterns,
        Meta(
            description="A clause with one of these leaves the matter to somebody's later word, unless “by” or “as” "
            "follows and says whose or what."
        ),
    ]
    elsewhere: Annotated[Patterns, Meta(description="A sentence with one of these leaves the matter to another text.")]


class ChecklistItem(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One thing that an agreement is to say, and how it is recognised; without any of these, only a person can tell."""

    id: Code
    title: Name
    asks: Sentence
    citation: Sentence
    severity: Severity
    requires_clause: Annotated[
        bool, Meta(description="Whether the source asks that the text itself say it: a term alone is then nothing.")
    ] = False
    headings: Annotated[
        list[Code], Meta(max_length=12, description="Headings of its own: one without its words is weak.")
    ] = []
    also_under: Annotated[
        list[Code], Meta(max_length=12, description="Headings under which its words count as much.")
    ] = []
    terms: Annotated[list[Code], Meta(max_length=12, description="Terms that touch it, if set; no more.")] = []
    dates: Annotated[list[DateName], Meta(max_length=4, description="Dates that touch it, if set; no more.")] = []
    marks: Marks = Marks()


class Checklist(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a statute, a policy or good practice wants an agreement to say. Data, not legal advice."""

    code: Annotated[Code, Meta(examples=["fl_23_1225"])]
    name: Name
    jurisdiction: Annotated[State | None, Meta(description="The state whose law it is; null for none.")]
    citation: LawText
    applies_to: AppliesTo
    source: Source
    checked_on: Annotated[CivilDate, Meta(description="The day on which its items were checked.")]
    checked_against: Annotated[LawText, Meta(description="What was read then.")]
    counsel: Annotated[Sentence, Meta(description="What it cannot tell: have counsel review.")]
    items: Annotated[list[ChecklistItem], Meta(min_length=1, max_length=60)]


class ChecklistSummary(Struct, kw_only=True, frozen=True):
    """A checklist in the list."""

    code: str
    name: str
    jurisdiction: str | None
    citation: str
    applies_to: AppliesTo
    source: Source
    item_count: int


class ChecklistList(Struct, kw_only=True, frozen=True):
    """The checklists that the registry ships; all of them, never a page."""

    items: list[ChecklistSummary]


class Passage(Struct, kw_only=True, frozen=True):
    """A few words of a provision, to find the place by."""

    provision: str
    text: str


class Weakness(Struct, kw_only=True, frozen=True):
    """Why an item is not found, or not well enough, or what is to be minded though it is."""

    code: Literal[
        "heading_without_words",
        "words_without_heading",
        "touched",
        "left_elsewhere",
        "said_and_denied",
        "denied",
        "term_alone",
        "term_silent",
        "says_otherwise",
        "may_say_otherwise",
        "not_said",
        "withheld",
    ]
    detail: str


class Sureness(Struct, kw_only=True, frozen=True):
    """How often “found” was right, and how often it was missed, on texts that people read first."""

    texts: Annotated[int, Meta(description="How many texts it was tried on; 0 where it was not measured.")]
    templates: Annotated[int, Meta(description="How many different texts they are: copies of one are much alike.")]
    precision: Annotated[float | None, Meta(description="Share of what was read as found that was; null if nothing.")]
    recall: Annotated[float | None, Meta(description="Share of what was said that was read as found; null if nothing.")]
    detail: str


class ItemFinding(Struct, kw_only=True, frozen=True):
    """What the text and the terms say about one item."""

    id: str
    title: str
    asks: str
    citation: str
    severity: Severity
    status: ItemStatus
    provisions: Annotated[list[str], Meta(description="Numbers of the provisions that speak of it.")]
    terms: Annotated[list[str], Meta(description="Terms and dates that say it.")]
    passages: Annotated[
        list[Passage], Meta(description="From the first three of them; never from a restricted provision.")
    ]
    reasons: list[Weakness]
    how_sure: Annotated[Sureness, Meta(description="On the texts with which the item's words were chosen.")]


class FindingCounts(Struct, kw_only=True, frozen=True):
    """How many items have each status."""

    found: int = 0
    weak: int = 0
    missing: int = 0
    denied: int = 0
    withheld: int = 0
    for_counsel: int = 0


class ChecklistFindings(Struct, kw_only=True, frozen=True):
    """One checklist, held against one version of an agreement."""

    code: str
    name: str
    jurisdiction: str | None
    citation: str
    counsel: str
    required: FindingCounts
    recommended: FindingCounts
    how_sure: Annotated[Sureness, Meta(description="All its items on texts that nobody looked at before.")]
    items: list[ItemFinding]


class AgreementCompleteness(Struct, kw_only=True, frozen=True):
    """What a version says and leaves unsaid. Words are recognised, not understood: have counsel review."""

    agreement_id: UUID
    version_no: int
    version_sha256: Annotated[str | None, Meta(description="Null while the text is not frozen.")]
    provisions_withheld: Annotated[
        int,
        Meta(description="How many provisions are withheld from you: nothing here follows from what they say."),
    ]
    checklists: list[ChecklistFindings]
    remarks: Annotated[
        list[Remark],
        Meta(
            description="Where a clause that is not restricted writes another figure than the term it says, and "
            "whether the paper from which the version was recorded is not on file."
        ),
    ]


class CompletenessQuery(Struct, kw_only=True, frozen=True):
    """Which version is checked, and against what."""

    checklist: (
        Annotated[Code, Meta(description="One checklist, whether it applies or not; else all that apply.")] | None
    ) = None
    version_no: (
        Annotated[VersionNo, Meta(description="The draft, or the version that is the text today, if absent.")] | None
    ) = None


class TermPlace(Struct, kw_only=True, frozen=True):
    """Where one of two agreements says what is compared."""

    pointer: Annotated[str, Meta(description="JSON pointer in that version's terms.", examples=["/liability"])]
    value: Annotated[str, Meta(description="What it says there, in words; “not said” where it says nothing.")]
    provision: Annotated[str | None, Meta(description="Number of the provision that says it, where one is named.")]


class Contradiction(Struct, kw_only=True, frozen=True):
    """A term that two agreements between the same parties say differently."""

    term: str
    severity: Annotated[
        Literal["contradicts", "differs"],
        Meta(description="`contradicts`: both cannot hold for one loan. `differs`: who meets the stricter meets both."),
    ]
    stricter: Annotated[
        Literal["this", "other"] | None, Meta(description="Which of the two asks for more; null where neither does.")
    ]
    this: TermPlace
    other: TermPlace
    detail: str


class ComparedAgreement(Struct, kw_only=True, frozen=True):
    """Another agreement that binds some of the same parties for some of the same, and what the two say differently."""

    agreement_id: UUID
    number: str
    title: str
    version_no: int
    version_sha256: str | None
    bound_together_from: Annotated[Instant, Meta(description="From when on both can bind the same two parties.")]
    parties_in_common: Annotated[int, Meta(description="How many parties of this one the other then binds.")]
    categories: Annotated[list[str], Meta(description="What both cover.")]
    terms_withheld: Annotated[
        list[str],
        Meta(
            description="Terms that a provision of either says whose text is withheld from you: whether the two "
            "contradict each other in them is not said."
        ),
    ]
    contradictions: Annotated[
        list[Contradiction], Meta(description="Empty where the two agree in all that is not withheld.")
    ]


class AgreementContradictionPage(Struct, kw_only=True, frozen=True):
    """The agreements that the one in question was compared with."""

    agreement_id: UUID
    version_no: int
    as_of: Instant
    items: list[ComparedAgreement]
    next_cursor: str | None


class ContradictionQuery(NewestFirst, kw_only=True, frozen=True):
    """From when on it is asked, and of which text."""

    as_of: Annotated[Instant, Meta(description="What binds then or later; now if absent.")] | None = None
    version_no: (
        Annotated[VersionNo, Meta(description="As if it were the text, such as an amendment; else the text then.")]
        | None
    ) = None
