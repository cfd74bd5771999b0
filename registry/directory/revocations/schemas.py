"""Revocations in the API."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.access.principals import RevocationKind
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Reason
from registry.platform.kernel.time import Instant

Visible = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=300,
        pattern=r"\A[!-~]+\Z",
        extra={"form": "1 to 300 visible ASCII characters without blanks"},
    ),
]


class Revocation(Struct, kw_only=True, frozen=True):
    """A token, or a person or service, that an agency's tokens are refused for."""

    id: UUID
    kind: RevocationKind
    issuer: Annotated[str, Meta(description="Who issued the token, or knows the person.")]
    value: Annotated[str, Meta(description="The token's id, or the person's subject, as `GET /v1/me` tells both.")]
    agency: AgencyReference
    reason: str
    revoked_at: Instant
    lifted_at: Annotated[Instant | None, Meta(description="When it was lifted; null while it holds.")]
    placed_by: Annotated[
        Literal["agency", "operator"],
        Meta(description="Who refused it: the agency itself, or the registry's operator, who then lifts it alone."),
    ]
    seen: Annotated[
        bool | None,
        Meta(
            description="Whether the person or service has used the registry for the agency, which is known within a"
            " minute; where not, compare the letters. Null for a token."
        ),
    ]
    allowed_actions: list[AllowedAction]
    version: int


class RevocationPage(Struct, kw_only=True, frozen=True):
    """A page of revocations."""

    items: list[Revocation]
    next_cursor: str | None


class NewRevocation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A token, or a person or service, to refuse from now on."""

    kind: RevocationKind
    issuer: Annotated[Visible, Meta(description="Who issued the token, or knows the person: its `iss`.")]
    value: Annotated[Visible, Meta(description="The token's id, or the person's subject.")]
    agency_id: Annotated[UUID | None, Meta(description="For which agency; your own unless you are the operator.")] = (
        None
    )
    reason: Reason


REVOCATION_EXAMPLE = {
    "kind": "person",
    "issuer": "https://login.county.example/realms/county",
    "value": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
    "reason": "Left the office on Friday (demo).",
}
LIFTED_EXAMPLE = {"reason": "Is back (demo)."}


class Lifting(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a revocation is lifted."""

    reason: Reason
