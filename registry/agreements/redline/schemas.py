"""A redline on the wire: what differs between two versions of an agreement, and nothing of what does not."""

from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.redline.words import TextRun
from registry.agreements.rules import Sensitivity
from registry.agreements.schemas import AgreementVersionSummary

VersionNo = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Value = Annotated[Any, Meta(description="As it stands in that version; null where it is not there.")]
ChangeKind = Literal["changed", "inserted", "deleted", "moved", "renumbered"]
Aspect = Literal["place", "number", "heading", "sensitivity", "exemption", "text"]


class RedlineQuery(Struct, kw_only=True, frozen=True):
    """Which two versions; a later one may be compared with an earlier one."""

    from_version: Annotated[VersionNo, Meta(description="The one before `to_version` if absent.")] | None = None
    to_version: Annotated[VersionNo, Meta(description="The newest you may read if absent.")] | None = None


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
    to: AgreementVersionSummary
    particulars: list[ParticularChange]
    terms: list[TermChange]
    provisions: list[ProvisionChange]
    unchanged_provisions: int
