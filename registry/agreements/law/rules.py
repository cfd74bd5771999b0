"""A rule of law as data, and the one place that says whether it applies.

Checklists, duties, retention schedules, request policies and profiles each say in their own files what a rule asks for;
to what it applies, where it is written and how that was checked is said alike by all of them, as a `Law`, and no other
code compares a state, a kind or a category with one. Each rule brings matters that it must touch and matters that it
must leave alone, and a file in which one of them comes out otherwise is refused. None of it is legal advice: have
counsel review.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from registry.agreements.instruments.rules import AgreementKind
from registry.directory.agencies.rules import LEVEL_OF, AgencyKind, AgencyLevel
from registry.directory.taxonomy.seed import load_categories, load_headings, load_purposes
from registry.platform.kernel.text import NAME_PATTERN, Code

State = Annotated[str, Meta(min_length=2, max_length=2, pattern=r"\A[A-Z]{2}\Z", examples=["FL"])]
LawText = Annotated[str, Meta(min_length=1, max_length=800, pattern=NAME_PATTERN)]
Source = Annotated[
    Literal["primary", "secondary"],
    Meta(
        description="`primary`: its own wording was read, in the official publication or a copy of it. `secondary`: "
        "what others say of it, or a text so old that it does not show what is in force; such a rule is off unless the "
        "installation turns it on."
    ),
]
Beyond = Literal["other_state", "federal"]
Side = Literal["requesting", "assisting", "custodian"]

REVIEW: Final = "have counsel review"
# Words and signs by which a text names law. Rather a sentence too many is for counsel than one too few.
_NAMES_LAW: Final = re.compile(
    r"§|\b(?:section|sec\.|chapter|ch\.)\s*\d"
    r"|\b(?:Gen|Rev|Comp|Ann|Stat|Admin|Const)\."
    r"|\bU\.?\s?S\.?\s?C\b|\bC\.?\s?F\.?\s?R\b|\bP(?:ub)?\.\s?L\."
    r"|\b[A-Z]{2,5}\s\d+[./-]\d|\b[A-Z](?:\.[A-Z])+\.\s\d"
    r"|\bLESO\b|\bEquitable Sharing\b"  # programmes whose terms bind like law
    r"|\bCode\b|\b[A-Z]\w*\.?\s(?:Act|Compact)\b"
    r"|\b(?i:statut\w+|ordinances?|constitution\w*|laws?\b(?!\s+enforcement))"
)
_LEVELS: Final[Mapping[str, AgencyLevel]] = {kind.value: level for kind, level in LEVEL_OF.items()}
_VOCABULARY: Final[Mapping[str, frozenset[str]]] = {
    "headings": frozenset(heading.code for heading in load_headings()),
    "categories": frozenset(category.code for category in load_categories()),
    "purposes": frozenset(purpose.code for purpose in load_purposes()),
}


def names_law(text: str) -> bool:
    """Whether it names a statute, a code, an ordinance or the law itself, so that counsel should review it."""
    return _NAMES_LAW.search(text) is not None


class Party(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An agency as far as law asks about it. `count` is how many such parties there are; `side` its part in a loan."""

    state: State | None = None
    kind: str | None = None
    side: Side | None = None
    count: int = 1


class Matter(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a rule may be about: an agreement, or a loan that is asked for under one.

    `purposes` are those that an agreement names, or the one of a loan; `categories` a resource's, with its ancestors.
    `why` is for the matters that stand in a rule's file.
    """

    why: LawText | None = None
    instrument: AgreementKind | None = None
    headings: frozenset[str] = frozenset()
    parties: tuple[Party, ...] = ()
    categories: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()


class PartyTest(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which agencies are meant: all conditions hold, an empty one always does."""

    states: Annotated[tuple[State, ...], Meta(max_length=60)] = ()
    kinds: Annotated[tuple[AgencyKind, ...], Meta(max_length=20)] = ()
    levels: Annotated[tuple[AgencyLevel, ...], Meta(max_length=10)] = ()
    least: Annotated[int, Meta(ge=1, le=100, description="How many such agencies there are at least.")] = 1

    def fits(self, party: Party) -> bool:
        """Whether the agency is one of those meant; what is not known of it is not satisfied."""
        return (
            (not self.states or party.state in self.states)
            and (not self.kinds or party.kind in self.kinds)
            and (not self.levels or _LEVELS.get(party.kind or "") in self.levels)
        )


class AppliesTo(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """To what a rule applies: all conditions hold, an empty one always does."""

    instruments: Annotated[
        tuple[AgreementKind, ...], Meta(max_length=20, description="Kinds of agreement; empty for any.")
    ] = ()
    headings: Annotated[
        tuple[Code, ...], Meta(max_length=20, description="A provision under one of them serves in place of the kind.")
    ] = ()
    parties: Annotated[PartyTest | None, Meta(description="Agencies that take part, on whichever side.")] = None
    requesting: Annotated[PartyTest | None, Meta(description="The agency that asks.")] = None
    assisting: Annotated[PartyTest | None, Meta(description="The agency that is asked.")] = None
    custodian: Annotated[PartyTest | None, Meta(description="The agency that keeps the agreement's file.")] = None
    across: Annotated[
        tuple[Beyond, ...],
        Meta(
            max_length=2,
            description="At least one party is beyond the states named: of another state or none that is known, or "
            "federal. Empty: it does not matter.",
        ),
    ] = ()
    categories: Annotated[
        tuple[Code, ...], Meta(max_length=40, description="Categories of the resource, with all below them.")
    ] = ()
    purposes: Annotated[
        tuple[Code, ...], Meta(max_length=40, description="Purposes of a loan, or that an agreement names.")
    ] = ()

    @property
    def states(self) -> frozenset[str]:
        """Every state that some condition names."""
        tests = (self.parties, self.requesting, self.assisting, self.custodian)
        return frozenset(state for test in tests if test is not None for state in test.states)


class Law(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What every rule of law says of itself.

    `state` is whose law it is: None for federal law, a policy, a contract's own form or good practice. The citation
    names the subsection, unless the source has none to name (`whole_section`). `says`, `made_of_it` and `left_out` are
    what the documentation tells of it.
    """

    state: State | None
    citation: LawText
    whole_section: bool = False
    source: Source
    checked_on: date
    checked_against: LawText
    applies_to: AppliesTo
    touches: Annotated[tuple[Matter, ...], Meta(min_length=1)]
    leaves: Annotated[tuple[Matter, ...], Meta(min_length=1)]
    says: LawText
    made_of_it: LawText
    left_out: LawText

    @property
    def cited(self) -> str:
        """The citation as it is shown wherever the rule is: with what it rests on, and the call for counsel."""
        doubt = "" if self.source == "primary" else "; known from a secondary source only"
        return f"{self.citation}{doubt}; {REVIEW}"


def applies(to: AppliesTo, matter: Matter) -> bool:
    """Whether a rule that applies so touches the matter. What the matter does not say satisfies no condition."""
    return (
        _instrument_fits(to, matter)
        and (not to.categories or not matter.categories.isdisjoint(to.categories))
        and (not to.purposes or not matter.purposes.isdisjoint(to.purposes))
        and _parties_fit(to, matter)
    )


def _instrument_fits(to: AppliesTo, matter: Matter) -> bool:
    if not to.instruments and not to.headings:
        return True
    return matter.instrument in to.instruments or not matter.headings.isdisjoint(to.headings)


def _parties_fit(to: AppliesTo, matter: Matter) -> bool:
    for test, side in (
        (to.parties, None),
        (to.requesting, "requesting"),
        (to.assisting, "assisting"),
        (to.custodian, "custodian"),
    ):
        if test is not None:
            asked = (party for party in matter.parties if side is None or party.side == side)
            if sum(party.count for party in asked if test.fits(party)) < test.least:
                return False
    return not to.across or _goes_beyond(to, matter.parties)


def _goes_beyond(to: AppliesTo, parties: Collection[Party]) -> bool:
    own = to.states
    for party in parties:
        federal = _LEVELS.get(party.kind or "") is AgencyLevel.FEDERAL
        if ("federal" in to.across and federal) or (
            "other_state" in to.across and not federal and party.state not in own
        ):
            return True
    return False


def faults(code: str, law: Law) -> Iterator[str]:
    """What is wrong with a rule's law, in words that name the rule; nothing for one that may be loaded."""
    if "(" not in law.citation and not law.whole_section:
        yield f"{code}: the citation names no subsection; say whole_section where there is none"
    if REVIEW in law.citation:
        yield f"{code}: “{REVIEW}” is added to every citation; leave it out"
    if law.applies_to.states != frozenset(filter(None, [law.state])):
        yield f"{code}: a law of {law.state or 'no state'} applies by parties of that state, and of no other"
    for place, known in _VOCABULARY.items():
        yield from (
            f"{code}: {place}: {value!r} is none" for value in getattr(law.applies_to, place) if value not in known
        )
    for matter in law.touches:
        if not applies(law.applies_to, matter):
            yield f"{code}: must apply, and does not: {matter.why}"
    for matter in law.leaves:
        if applies(law.applies_to, matter):
            yield f"{code}: must not apply, and does: {matter.why}"
    if any(matter.why is None for matter in (*law.touches, *law.leaves)):
        yield f"{code}: a matter without “why”"
    for name in ("says", "made_of_it", "left_out", "checked_against"):
        if not getattr(law, name).endswith("."):
            yield f"{code}: {name} is a sentence, and ends with a full stop"


def checked_laws(laws: Mapping[str, Law]) -> None:
    """Raises ValueError that names every fault of these rules, by their codes."""
    if found := [fault for code, law in laws.items() for fault in faults(code, law)]:
        raise ValueError("; ".join(found))
