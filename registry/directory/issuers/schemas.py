"""Token issuers in the API."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.access.permissions import Relation
from registry.platform.access.principals import Role
from registry.platform.issuers import (
    AcrValue,
    Address,
    AgencyBy,
    Algorithm,
    AttributeName,
    ClaimName,
    Description,
    KeySetDocument,
    MaxAge,
    OptionalPath,
    Path,
    Preset,
    RoleName,
    Scopes,
    Seconds,
    StepUp,
    TokenType,
)
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import NAME_PATTERN
from registry.platform.kernel.time import Instant

ClaimValue = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NAME_PATTERN,
        description="What names the agency in the issuer's tokens, where its claim map says `agency_by: value`.",
        examples=["/agencies/county"],
    ),
]


class AttachedAgency(Struct, kw_only=True, frozen=True):
    """An agency that an issuer may speak for."""

    agency: AgencyReference
    claim_value: Annotated[
        str | None,
        Meta(description="What names it in the tokens; null where its id or ORI does, or nothing."),
    ]


class TokenIssuer(Struct, kw_only=True, frozen=True):
    """An issuer whose tokens are accepted."""

    id: UUID
    issuer: str
    source: Annotated[
        Literal["settings", "registry"],
        Meta(description="Where it is described: in the operator's settings, or here."),
    ]
    enabled: Annotated[bool, Meta(description="Whether its tokens are accepted now.")]
    every_agency: Annotated[bool, Meta(description="Whether it may speak for any agency, the operator included.")]
    description: Annotated[
        Description | None,
        Meta(description="How its tokens are read, beyond its preset; null for one in the settings."),
    ]
    agencies: Annotated[list[AttachedAgency], Meta(description="The agencies that it may speak for, by name.")]
    version: int
    created_at: Annotated[Instant | None, Meta(description="Null for one in the settings.")]
    updated_at: Annotated[Instant | None, Meta(description="Null for one in the settings.")]
    allowed_actions: list[AllowedAction]


class TokenIssuerList(Struct, kw_only=True, frozen=True):
    """All issuers whose tokens are accepted, by name. There are few."""

    items: list[TokenIssuer]


class NewTokenIssuer(Description, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An issuer to accept tokens of. Agencies are attached to it afterwards."""

    every_agency: Annotated[
        bool, Meta(description="Whether it may speak for any agency, the operator included: for the operator's own.")
    ] = False


class ClaimMapPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396) of a claim map: what is absent stays, null is as the preset has it."""

    subject: Path | None | UnsetType = UNSET
    agency: Path | None | UnsetType = UNSET
    agency_by: AgencyBy | None | UnsetType = UNSET
    roles: Path | None | UnsetType = UNSET
    role_names: Annotated[
        dict[ClaimName, RoleName | None] | None | UnsetType,
        Meta(description="A name with null is removed; an empty object removes all, so that no name counts."),
    ] = UNSET
    scope: Annotated[
        Annotated[list[Path], Meta(max_length=5)] | None | UnsetType,
        Meta(description="The claims that hold scopes, as text or as a list."),
    ] = UNSET
    scope_default: Annotated[
        Scopes | None | UnsetType, Meta(description="The scopes of a token that names none of the registry's.")
    ] = UNSET
    token_id: OptionalPath | None | UnsetType = UNSET
    name: Path | None | UnsetType = UNSET
    acr: Path | None | UnsetType = UNSET
    amr: Path | None | UnsetType = UNSET
    auth_time: Path | None | UnsetType = UNSET
    attributes: Annotated[
        dict[AttributeName, Path | None] | None | UnsetType,
        Meta(description="An attribute with null is removed; an empty object removes all."),
    ] = UNSET
    require: Annotated[
        dict[Path, ClaimName | None] | None | UnsetType,
        Meta(description="A claim with null is removed; an empty object removes all, so that nothing is required."),
    ] = UNSET


class StepUpPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396) of what acts that bind need of the sign-in: what is absent stays, null removes."""

    max_age_seconds: MaxAge | None | UnsetType = UNSET
    acr_values: Annotated[list[AcrValue], Meta(max_length=10)] | None | UnsetType = UNSET


class TokenIssuerPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is absent stays, null is as the preset has it."""

    preset: Preset | UnsetType = UNSET
    discovery: bool | UnsetType = UNSET
    jwks_uri: Address | None | UnsetType = UNSET
    keys: KeySetDocument | None | UnsetType = UNSET
    audiences: Annotated[list[Address], Meta(min_length=1, max_length=10)] | None | UnsetType = UNSET
    types: Annotated[list[TokenType], Meta(min_length=1, max_length=5)] | None | UnsetType = UNSET
    algorithms: Annotated[list[Algorithm], Meta(min_length=1, max_length=5)] | None | UnsetType = UNSET
    longest_life_seconds: Seconds | None | UnsetType = UNSET
    keep_names: bool | UnsetType = UNSET
    step_up: StepUpPatch | None | UnsetType = UNSET
    claims: ClaimMapPatch | None | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    every_agency: bool | UnsetType = UNSET


class AgencyAttachment(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An agency to attach to an issuer, or to detach from it."""

    agency_id: UUID
    claim_value: ClaimValue | None = None


class MyPermission(Struct, kw_only=True, frozen=True):
    """An action that the caller may do, on things to which its agency has one of the relations."""

    permission: Annotated[str, Meta(max_length=40, description="The action.", examples=["loans:read"])]
    relations: Annotated[
        list[Relation],
        Meta(description="To what: the action is allowed where the agency has one of these relations to the thing."),
    ]


class Me(Struct, kw_only=True, frozen=True):
    """Who the bearer of the token is to the registry, and what the token allows."""

    issuer: str
    subject: Annotated[str, Meta(description="Who it is, among those of the issuer.")]
    name: Annotated[
        str | None, Meta(description="As the token says it; it is kept only where the issuer has names kept.")
    ]
    agency: AgencyReference
    roles: Annotated[list[Role], Meta(description="The roles that the registry knows among those of the token.")]
    scopes: Annotated[list[str], Meta(description="The token's scopes, those of others included.")]
    token_id: Annotated[str, Meta(description="The id of the token, by which it can be revoked.")]
    acr: Annotated[list[str], Meta(description="The way in which the person signed in, if the token says it.")]
    amr: Annotated[list[str], Meta(description="The means of the sign-in, if the token says them.")]
    auth_time: Annotated[Instant | None, Meta(description="When the person signed in, if the token says it.")]
    attributes: Annotated[
        dict[str, str], Meta(description="The attributes of the claim map that the token has, by their names.")
    ]
    step_up: Annotated[
        StepUp | None, Meta(description="What acts that bind need of the sign-in; null for nothing more.")
    ]
    permissions: Annotated[list[MyPermission], Meta(description="What roles and scopes allow together.")]
    withheld_by_scope: Annotated[list[str], Meta(description="What the roles would allow, and the scopes do not.")]


ISSUER_EXAMPLE = {
    "issuer": "https://login.county.example/realms/county",
    "preset": "keycloak",
    "claims": {"role_names": {"registry-coordinator": "coordinator", "registry-legal": "legal"}},
}
