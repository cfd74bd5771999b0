"""Checkpoints and proofs in the API."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct, field

from registry.platform.http.paging import SORT, Page
from registry.platform.ledger.notes import LARGEST_SIZE

Hash: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9+/]{43}=\Z",
        description="A SHA-256 in base64, as in checkpoints.",
        examples=["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="],
    ),
]
TreeSize: TypeAlias = Annotated[int, Meta(ge=1, le=LARGEST_SIZE, description="How many events the tree holds.")]


class LedgerCheckpoint(Struct, kw_only=True, frozen=True):
    """What the registry signed: that its ledger held so many events, with that root.

    Keep the note. Whoever has an old one can prove that the ledger was rewritten since, should it be.
    """

    tree_size: TreeSize
    root_hash: Hash
    signed_at: Annotated[datetime, Meta(description="When it was signed, by the registry's clock.")]
    note: Annotated[
        str,
        Meta(
            description="The checkpoint as a signed note (C2SP tlog-checkpoint), with the lines of witnesses. It is "
            "the answer itself for clients that ask for `text/plain`."
        ),
    ]


class LedgerCheckpointPage(Struct, kw_only=True, frozen=True):
    """Checkpoints of the ledger, and where the next ones are."""

    items: Sequence[LedgerCheckpoint]
    next_cursor: str | None


class LedgerCheckpointQuery(Page, kw_only=True, frozen=True):
    """The requested page of checkpoints, which are in the order of their trees."""

    sort: Annotated[Literal["-created_at", "created_at"], SORT] = "-created_at"


class LedgerKey(Struct, kw_only=True, frozen=True):
    """A key by which checkpoints are verified, and the time in which it signs them."""

    verifier_key: Annotated[
        str,
        Meta(
            description="The public key as witnesses and verifiers take it (C2SP signed-note).",
            examples=["PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"],
        ),
    ]
    created_at: Annotated[datetime, Meta(description="It signs from then on.")]
    retired_at: Annotated[
        datetime | None,
        Meta(description="It signs until then, beside the key that took its place; null for the newest."),
    ]


class LedgerKeys(Struct, kw_only=True, frozen=True):
    """The ledger's keys, the newest first. Compare them with what the operator told you by another way."""

    keys: Sequence[LedgerKey]


class LedgerProofQuery(Struct, kw_only=True, frozen=True):
    """The tree for which the proof is asked."""

    tree_size: Annotated[
        Annotated[int, Meta(ge=1, le=LARGEST_SIZE)] | None,
        Meta(description="How many events the tree holds; the newest checkpoint's without it."),
    ] = None


class LedgerProof(Struct, kw_only=True, frozen=True):
    """That the ledger's tree of this size holds the event, in this place (RFC 9162, 2.1.3).

    Hash the bytes of `public_part` behind a zero byte, then what `hashes` leads to: it is the root of the checkpoint.
    """

    event_id: UUID
    seq: Annotated[int, Meta(ge=0, description="The event's place in the ledger, counted from 0 without gaps.")]
    tree_size: TreeSize
    leaf_hash: Hash
    hashes: Annotated[Sequence[Hash], Meta(description="The neighbours on the way to the root, the lowest first.")]
    root_hash: Hash
    checkpoint: Annotated[
        LedgerCheckpoint | None, Meta(description="The signed checkpoint of that size; null where none was signed.")
    ]
    public_part: Annotated[
        str | None,
        Meta(
            description="The event, as the canonical JSON (RFC 8785) that was hashed: its bytes are UTF-8. Null for "
            "one that was archived, whose bytes are in the archive."
        ),
    ]
    private_part: Annotated[
        str | None,
        Meta(
            description="The canonical JSON whose SHA-256 is `private_sha256` in the public part: who acted. For "
            "auditors and administrators of the agency that acted; null for all others."
        ),
    ]


class LedgerConsistencyQuery(Struct, kw_only=True, frozen=True):
    """The sizes of the two trees."""

    from_: Annotated[
        int, Meta(ge=1, le=LARGEST_SIZE, description="How many events the earlier tree holds.", examples=[1200])
    ] = field(name="from")
    to: Annotated[
        Annotated[int, Meta(ge=1, le=LARGEST_SIZE)] | None,
        Meta(description="How many the later one holds; the newest checkpoint's without it.", examples=[1500]),
    ] = None


class LedgerConsistency(Struct, kw_only=True, frozen=True):
    """That the later tree begins with all of the earlier one, unchanged (RFC 9162, 2.1.4)."""

    from_tree_size: TreeSize
    from_root_hash: Hash
    to_tree_size: TreeSize
    to_root_hash: Hash
    hashes: Annotated[Sequence[Hash], Meta(description="The proof, in the order of the RFC.")]
