"""Principals in the API."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.principals.rules import PrincipalStatus
from registry.platform.access.principals import Role
from registry.platform.http.paging import SORT, Page
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Reason
from registry.platform.kernel.time import Instant


class KnownPrincipal(Struct, kw_only=True, frozen=True):
    """A person or service that has used the registry for an agency, as the last token that was noted described it."""

    id: UUID
    issuer: Annotated[str, Meta(description="Who vouches for it.")]
    subject: Annotated[str, Meta(description="Who it is, among those of the issuer.")]
    agency: AgencyReference
    name: Annotated[
        str | None,
        Meta(
            description="What people call it, for administrators of its own agency alone; null where its issuer does"
            " not have names kept, where the token named none, and where it was purged."
        ),
    ]
    attributes: Annotated[
        dict[str, str],
        Meta(
            description="The attributes of its issuer's claim map that the token had, for administrators of its own"
            " agency alone."
        ),
    ]
    roles: Annotated[list[Role], Meta(description="The roles of the token with which it was last noted.")]
    status: PrincipalStatus
    suspended_for: Annotated[str | None, Meta(description="Why it is suspended; null unless it is.")]
    suspended_by: Annotated[
        Literal["agency", "operator"] | None,
        Meta(
            description="Who suspended it: its agency, or the operator, who then restores it alone; null unless it is."
        ),
    ]
    first_seen_at: Annotated[Instant, Meta(description="When it first used the registry.")]
    last_seen_at: Annotated[
        Instant, Meta(description="When it was last noted, which happens at most every five minutes.")
    ]
    restored_at: Annotated[Instant | None, Meta(description="When it was last restored; null if it never was.")]
    name_purged_at: Annotated[
        Instant | None, Meta(description="When its name was purged, and is no longer kept; null if it was not.")
    ]
    allowed_actions: list[AllowedAction]
    version: int


class KnownPrincipalPage(Struct, kw_only=True, frozen=True):
    """A page of principals."""

    items: list[KnownPrincipal]
    next_cursor: str | None


class PrincipalQuery(Page, kw_only=True, frozen=True):
    """The requested page of principals: filters and order."""

    agency_id: Annotated[UUID | None, Meta(description="Those of this agency.")] = None
    status: Annotated[tuple[PrincipalStatus, ...], Meta(max_length=3, description="Any of these.")] = ()
    sort: Annotated[Literal["-created_at", "created_at", "-last_seen_at", "last_seen_at"], SORT] = "-created_at"


class PrincipalReason(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why something is done about a person or service."""

    reason: Reason


SUSPENSION_EXAMPLE = {"reason": "Lost the telephone that signs in (demo)."}
RESTORING_EXAMPLE = {"reason": "Is back from leave (demo)."}
PURGE_EXAMPLE = {"reason": "Left the office, and asked for it (demo)."}
