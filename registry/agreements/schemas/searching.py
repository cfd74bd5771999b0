"""The search of agreements' texts on the wire."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.rules import AgreementKind, Sensitivity
from registry.agreements.schemas import AgreementStatus
from registry.http.paging import Page
from registry.http.searching import Words
from registry.kernel.excerpts import HitRange
from registry.kernel.text import Code

Source: TypeAlias = Literal["title", "party", "provision", "document"]


class AgreementSearchQuery(Page, kw_only=True, frozen=True):
    """What is looked for, and in which agreements."""

    q: Annotated[Words, Meta(description="Words to find in one passage, all of them; a trailing * finds beginnings.")]
    source: Annotated[Source, Meta(description="Only hits in that.")] | None = None
    party: Annotated[UUID, Meta(description="Only agreements that name the agency.")] | None = None
    kind: AgreementKind | None = None
    status: Annotated[AgreementStatus, Meta(description="Only agreements that are that now.")] | None = None
    category: Annotated[Code, Meta(description="Agreements that cover it, by it or one above.")] | None = None


class AgreementHit(Struct, kw_only=True, frozen=True):
    """A passage in which every word was found, and the agreement that it belongs to.

    In a title and a provision the words stand in its text, of a party in its name, counties or state, of a document in
    its title or on a page. Provisions are of any version that the caller may read: `version_no` says which.
    """

    agreement_id: UUID
    number: str
    title: str
    kind: AgreementKind
    status: AgreementStatus
    source: Source
    version_no: Annotated[int | None, Meta(description="The version that the provision is in.")]
    provision: Annotated[str | None, Meta(description="Number of the provision.")]
    heading: Annotated[str | None, Meta(description="Heading code of the provision.")]
    agency_id: Annotated[UUID | None, Meta(description="The party that was found.")]
    document_id: UUID | None
    page: Annotated[int | None, Meta(description="Page of the document, where it has pages.")]
    sensitivity: Sensitivity
    passage: Annotated[str, Meta(description="Some 200 characters of it, around the words.")]
    hits: Annotated[list[HitRange], Meta(description="Where in `passage` the words stand, in characters.")]


class AgreementHitPage(Struct, kw_only=True, frozen=True):
    """Passages: those of the newest agreement first; of one, its title, parties, provisions and documents."""

    items: list[AgreementHit]
    next_cursor: str | None
