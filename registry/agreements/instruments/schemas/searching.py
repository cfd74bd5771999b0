"""The search of agreements' texts on the wire."""

from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.rules import AgreementKind, Sensitivity
from registry.agreements.instruments.schemas.words import AgreementStatus
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import Page
from registry.platform.http.searching import Words
from registry.platform.kernel.excerpts import HitRange
from registry.platform.kernel.text import Code

Source: TypeAlias = Literal["title", "party", "provision", "document"]


RELEVANCE: Final = "relevance"


class AgreementSearchQuery(Page, kw_only=True, frozen=True):
    """What is looked for, and in which agreements."""

    q: Annotated[
        Words,
        Meta(
            description="Words to find, all of them in one passage, each in whatever form (“recall” finds “recalls”); "
            "words in quotation marks stand one behind another; a trailing * finds beginnings.",
            examples=['"ninety days" notice'],
        ),
    ]
    source: Annotated[tuple[Source, ...], Meta(description="Only hits in any of these.")] = ()
    party_id: Annotated[UUID, Meta(description="Only agreements that name the agency.")] | None = None
    kind: Annotated[tuple[AgreementKind, ...], Meta(description="Any of these.")] = ()
    status: Annotated[tuple[AgreementStatus, ...], Meta(description="Any of these, now.")] = ()
    category: Annotated[Code, Meta(description="Agreements that cover it, by it or one above.")] | None = None
    sort: Annotated[
        Literal["-created_at", "created_at", "relevance"],
        Meta(description="The order of the passages: by when their agreement was recorded, or by what they are about."),
    ] = "-created_at"


class DocumentReference(Struct, kw_only=True, frozen=True):
    """A document, and what it is called: its title, else the name of its file."""

    id: UUID
    name: str | None


class AgreementHit(Struct, kw_only=True, frozen=True):
    """A passage in which every word was found, and the agreement that it belongs to.

    A passage is a title, a provision, a party's name with counties and state, a document's title, or what stands on
    one page of it (of a long one, or of a document without pages, some 8,000 characters). Provisions are of any version
    that the caller may read: `version_no` says which.
    """

    agreement_id: UUID
    number: str
    title: Annotated[str, Meta(description="Of the agreement as it is shown now, by whatever version was found.")]
    kind: AgreementKind
    status: AgreementStatus
    source: Source
    version_no: Annotated[int | None, Meta(description="The version that the provision is in.")]
    provision: Annotated[str | None, Meta(description="Number of the provision.")]
    heading: Annotated[str | None, Meta(description="Heading code of the provision.")]
    agency: Annotated[AgencyReference | None, Meta(description="The party that was found.")]
    document: Annotated[DocumentReference | None, Meta(description="The document that was found.")]
    page: Annotated[int | None, Meta(description="Page of the document, where it has pages.")]
    sensitivity: Sensitivity
    passage: Annotated[str, Meta(description="Some 200 characters of it, around the words.")]
    hits: Annotated[list[HitRange], Meta(description="Where in `passage` the words stand, in characters.")]


class AgreementHitPage(Struct, kw_only=True, frozen=True):
    """Passages, agreement by agreement in the order asked for; of one, its title, parties, provisions and documents."""

    items: list[AgreementHit]
    next_cursor: str | None
