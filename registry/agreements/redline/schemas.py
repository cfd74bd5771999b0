"""A redline on the wire: what differs between two versions of an agreement, and nothing of what does not."""

from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.clauses.schemas import TemplateOrigin
from registry.agreements.instruments.rules import AgreementKind, Sensitivity
from registry.agreements.instruments.schemas.shown import AgreementVersionSummary, TermsWithheld
from registry.agreements.redline.words import TextRun
from registry.platform.kernel.time import CivilDate

VersionNo = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Value = Annotated[Any, Meta(description="As it stands in that version; null where it is not there.")]
ChangeKind = Literal["changed", "inserted", "deleted", "moved", "renumbered"]
Aspect = Literal["place", "number", "heading", "sensitivity", "exemption", "text"]


class FromBasis(StrEnum):
    """Why that version is the one compared with."""

    NAMED = "named"
    IN_FORCE_BEFORE = "in_force_before"
    ENTERED_BEFORE = "entered_before"


class RedlineQuery(Struct, kw_only=True, frozen=True):
    """Which two versions; a later one may be compared with an earlier one."""

    from_version_no: (
        Annotated[
            VersionNo,
            Meta(
                description="If absent, the one in force before `to_version_no` takes effect, by days and not by "
                "numbers; where none was, the one entered before it. `from_basis` says which."
            ),
        ]
        | None
    ) = None
    to_version_no: Annotated[VersionNo, Meta(description="The newest you may read if absent.")] | None = None


class ParticularChange(Struct, kw_only=True, frozen=True, rename={"from_": "from"}):
    """Something that stands beside the text and differs."""

    pointer: Annotated[str, Meta(examples=["/title"])]
    from_: Value
    to: Value


class TermChange(Struct, kw_only=True, frozen=True, rename={"from_": "from"}):
    """A term that differs; of one that has members, as reimbursement has, each member that does."""

    pointer: Annotated[
        str, Meta(description="Where it stands in the version.", examples=["/terms/reimbursement/free_hours"])
    ]
    kind: Annotated[
        Literal["added", "removed", "changed"],
        Meta(description="`added`: the old version said nothing about it; `removed`: the new one does not."),
    ]
    from_: Value
    to: Value
    members_added: Annotated[list[Any], Meta(description="Of a list.")]
    members_removed: Annotated[list[Any], Meta(description="Of a list.")]
    from_clause: Annotated[str | None, Meta(description="Number of the provision that said it.")]
    to_clause: Annotated[str | None, Meta(description="Number of the provision that says it.")]


class ProvisionSide(Struct, kw_only=True, frozen=True):
    """A provision in one of the two versions, without its text."""

    number: str
    heading: str
    sensitivity: Sensitivity
    exemption: str | None


class ProvisionChange(Struct, kw_only=True, frozen=True, rename={"from_": "from"}):
    """A provision that differs."""

    kind: Annotated[
        ChangeKind,
        Meta(
            description="`renumbered`: another number in the same order; `moved`: another place among the others. "
            "Either may be reworded too."
        ),
    ]
    from_: Annotated[ProvisionSide | None, Meta(description="Null where it is inserted.")]
    to: Annotated[ProvisionSide | None, Meta(description="Null where it is deleted.")]
    differs: Annotated[
        list[Aspect],
        Meta(
            description="What differs between the two sides. Where one side of the text is withheld from you, whether "
            "it differs is not told."
        ),
    ]
    runs: Annotated[
        list[TextRun] | None,
        Meta(
            description="The text: equal and deleted runs make up the old one, equal and inserted ones the new one. "
            "Null where either side is withheld from you."
        ),
    ]


class Redline(Struct, kw_only=True, frozen=True, rename={"from_": "from"}):
    """What differs between two versions of an agreement; provisions in the order of the newer text."""

    agreement_id: UUID
    number: str
    from_: AgreementVersionSummary
    from_basis: Annotated[FromBasis, Meta(description="Why it is compared with that one.")]
    to: AgreementVersionSummary
    particulars: list[ParticularChange]
    terms: list[TermChange]
    terms_withheld: TermsWithheld
    provisions: list[ProvisionChange]
    unchanged_provisions: int
    withheld_provisions: Annotated[int, Meta(description="Not compared, since one side's text is withheld from you.")]


class ComparisonQuery(Struct, kw_only=True, frozen=True):
    """Which other agreement, and which version of each; the text that holds now if absent."""

    other_agreement_id: UUID
    version_no: Annotated[VersionNo, Meta(description="Of the agreement in the path.")] | None = None
    other_version_no: Annotated[VersionNo, Meta(description="Of the other agreement.")] | None = None


class ComparedText(Struct, kw_only=True, frozen=True):
    """One side of a comparison of two agreements, as far as the caller may read it."""

    agreement_id: UUID
    number: str
    version_no: int
    title: str
    kind: AgreementKind
    view: Annotated[Literal["party", "public"], Meta(description="`public`: only the public provisions, and no terms.")]
    effective_on: CivilDate


class AgreementComparison(Struct, kw_only=True, frozen=True, rename={"from_": "from"}):
    """What differs between two agreements, each cut to what the caller may read of it.

    A provision is `deleted` where only the first agreement has it, and `inserted` where only the other one has.
    """

    from_: ComparedText
    to: ComparedText
    particulars: list[ParticularChange]
    terms: Annotated[list[TermChange] | None, Meta(description="Null where you may not read the terms of both.")]
    terms_withheld: TermsWithheld
    provisions: list[ProvisionChange]
    same_provisions: Annotated[int, Meta(description="How many provisions say the same, under whatever number.")]
    withheld_provisions: Annotated[
        int, Meta(description="How many pairs of provisions are not compared, since a text is withheld from you.")
    ]


class DeviationQuery(Struct, kw_only=True, frozen=True):
    """Of which version."""

    version_no: Annotated[VersionNo, Meta(description="The newest you may read if absent.")] | None = None


class ComparedClause(Struct, kw_only=True, frozen=True):
    """The standard clause that a provision is compared with."""

    code: str
    version: int
    origin: Annotated[
        Literal["drafted_from", "nearest"],
        Meta(description="How it was found."),
    ]
    newer_version: Annotated[
        int | None, Meta(description="The version that the registry offers now, where that is another one.")
    ]


class Deviation(Struct, kw_only=True, frozen=True):
    """How a provision stands to the standard clause."""

    kind: Annotated[
        Literal["unchanged", "changed", "own_text", "left_out", "withheld"],
        Meta(description="How the provision stands to it."),
    ]
    provision: Annotated[ProvisionSide | None, Meta(description="Null where it is left out.")]
    standard_clause: Annotated[ComparedClause | None, Meta(description="Null for own text.")]
    runs: Annotated[
        list[TextRun] | None,
        Meta(
            description="Where it is changed or left out: equal and deleted runs make up the standard clause, equal "
            "and inserted ones the provision. What the clause leaves open and this text does not say stays a "
            "placeholder."
        ),
    ]


class AgreementDeviations(Struct, kw_only=True, frozen=True):
    """A version of an agreement beside the standard clauses: every provision, in order. No legal advice."""

    agreement_id: UUID
    number: str
    version: AgreementVersionSummary
    template: Annotated[
        TemplateOrigin | None, Meta(description="The template that it was drafted from; null for none.")
    ]
    deviations: list[Deviation]
