"""What shows an act on paper: a document that is on file, or is still to be filed, or where its original is kept."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.platform.kernel.text import NAME_PATTERN, Sha256

PaperSha256 = Annotated[
    Sha256,
    Meta(description="SHA-256 of the document that shows it, in hex. File the document itself with the agreement."),
]
EvidenceLocation = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=300,
        pattern=NAME_PATTERN,
        description="Instead of `evidence_sha256`, where there is no file of the paper: where the original is kept.",
        examples=["City clerk's vault, book 12 (demo)"],
    ),
]


class OnPaper(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What shows an act: a paper by its hash or, where there is no file of it, where it is kept; not both."""

    evidence_sha256: PaperSha256 | None = None
    evidence_location: EvidenceLocation | None = None


def has_evidence(paper: OnPaper) -> bool:
    """Whether anything shows the act."""
    return paper.evidence_sha256 is not None or paper.evidence_location is not None


def evidence_of(paper: OnPaper) -> tuple[str | None, str | None]:
    """Its hash, and its place: one of them, or none."""
    return paper.evidence_sha256, paper.evidence_location


def paper_told(paper: OnPaper) -> dict[str, object]:
    """What the ledger tells of it."""
    return {"evidence_sha256": paper.evidence_sha256, "evidence_location": paper.evidence_location}


class EvidenceDocument(Struct, kw_only=True, frozen=True):
    """The document on file that is the evidence."""

    id: UUID
    name: Annotated[str | None, Meta(description="Its title, else the name of its file.")]
    of_versions: Annotated[
        list[int],
        Meta(
            description="The versions of which it is, as those said who filed these bytes (`version_no`): it speaks "
            "for no other."
        ),
    ]


class Evidence(Struct, kw_only=True, frozen=True):
    """What shows it: a paper, known by its hash, or one of which there is no file."""

    sha256: Annotated[str | None, Meta(description="Of the paper; null where there is no file of it.")]
    on_file: Annotated[
        bool,
        Meta(
            description="Whether a document of that hash is filed with the agreement; of what your agency itself "
            "named, whether one is that it can read."
        ),
    ]
    document: Annotated[
        EvidenceDocument | None,
        Meta(description="That document, for the parties; null where it is not on file, and where it is restricted."),
    ]
    location: Annotated[str | None, Meta(description="Where the original is kept, if there is no file of it.")]
