"""Service clients in the API, and the token endpoint in OAuth's own words."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.clients.rules import ClientAuthentication, ClientStatus
from registry.platform.issuers import KeySetDocument
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Name, Reason
from registry.platform.kernel.time import Instant

Scope = Annotated[
    str,
    Meta(
        max_length=60,
        pattern=r"\A[a-z_]+:[a-z_]+\Z",
        extra={"form": "a scope such as `assets:read`"},
        examples=["assets:read"],
    ),
]
ClientScopes = Annotated[
    list[Scope],
    Meta(min_length=1, max_length=40, description="What it may do; never approve, sign or administer."),
]


KeyAddress = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        pattern=r"\A[!-~]+\Z",
        extra={"form": "1 to 500 visible ASCII characters without blanks"},
        examples=["https://dispatch.county.example/keys.json"],
    ),
]
Field = Annotated[str, Meta(max_length=200)]


class ClientCredential(Struct, kw_only=True, frozen=True):
    """A secret, a set of keys, or the address of one, by which a client proves who it is."""

    id: UUID
    key_ids: Annotated[
        list[str], Meta(description="The ids of its keys; empty for a secret, and where they are published.")
    ]
    jwks_uri: Annotated[str | None, Meta(description="Where its keys are published; null for others.")]
    created_at: Instant
    expires_at: Annotated[Instant | None, Meta(description="When it is refused; null until another takes its place.")]
    last_used_at: Annotated[Instant | None, Meta(description="When it was last used, to the minute; null for never.")]


class Client(Struct, kw_only=True, frozen=True):
    """A program of an agency that gets its tokens from the registry."""

    id: Annotated[UUID, Meta(description="The OAuth `client_id`, and the `sub` of its tokens.")]
    agency: AgencyReference
    name: str
    scopes: list[str]
    authentication: ClientAuthentication
    status: ClientStatus
    secret: Annotated[
        str | None,
        Meta(description="The new secret, in the first answer alone: the registry keeps a hash. Null everywhere else."),
    ] = None
    credentials: Annotated[
        list[ClientCredential],
        Meta(description="Those that are accepted, newest first; those that ended are left out."),
    ]
    created_at: Instant
    disabled_at: Annotated[Instant | None, Meta(description="When it was disabled, for good; null while it is not.")]
    allowed_actions: list[AllowedAction]
    version: int


class ClientPage(Struct, kw_only=True, frozen=True):
    """A page of clients."""

    items: list[Client]
    next_cursor: str | None


class NewClient(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A program of your agency to be registered."""

    name: Annotated[Name, Meta(description="By which people recognise it.")]
    scopes: ClientScopes
    authentication: ClientAuthentication = ClientAuthentication.CLIENT_SECRET
    keys: Annotated[
        KeySetDocument | None,
        Meta(
            description="For `private_key_jwt`: its public keys, each with a `kid` of its own, as a JSON Web Key Set."
        ),
    ] = None
    jwks_uri: Annotated[
        KeyAddress | None,
        Meta(description="Instead of `keys`: the https address of the public internet where it publishes them."),
    ] = None


class ClientRotation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A new secret, or new keys, in the place of the present ones."""

    keep_until: Annotated[
        Instant | None,
        Meta(description="Until when the present one is accepted too, 30 days at most; null for no longer."),
    ] = None
    keys: Annotated[
        KeySetDocument | None,
        Meta(
            description="For `private_key_jwt`: the new public keys, as a JSON Web Key Set. With `keep_until` none has "
            "the `kid` of another that is kept."
        ),
    ] = None
    jwks_uri: Annotated[KeyAddress | None, Meta(description="Instead of `keys`: where it publishes them.")] = None


class ClientDisabling(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a client is disabled."""

    reason: Reason


class TokenRequest(Struct, kw_only=True, frozen=True):
    """The form of a request for a token (RFC 6749, 4.4.2). Other fields are ignored, as there is said."""

    grant_type: Annotated[Literal["client_credentials"], Meta(description="The only one.")]
    scope: Annotated[
        Annotated[str, Meta(max_length=4000)] | None,
        Meta(description="Scopes separated by blanks, of those that it holds; without it, all of them."),
    ] = None
    client_id: Annotated[Field | None, Meta(description="With `client_secret`; otherwise it may be left out.")] = None
    client_secret: Annotated[Field | None, Meta(description="The secret, unless it comes as HTTP Basic.")] = None
    client_assertion_type: Annotated[
        Field | None, Meta(description="`urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, with an assertion.")
    ] = None
    client_assertion: Annotated[
        Annotated[str, Meta(max_length=4096)] | None,
        Meta(description="The token by which a client with `private_key_jwt` says who it is (RFC 7523)."),
    ] = None


class AccessToken(Struct, kw_only=True, frozen=True):
    """A token (RFC 6749, 5.1): an `at+jwt` as RFC 9068 describes it."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # a kind, no secret
    expires_in: Annotated[int, Meta(description="For how many seconds it is valid.")]
    scope: Annotated[str, Meta(description="Its scopes, separated by blanks.")]


class AuthorizationServerMetadata(Struct, kw_only=True, frozen=True):
    """What a client needs to know of the token endpoint (RFC 8414)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    grant_types_supported: list[str]
    response_types_supported: Annotated[list[str], Meta(description="None: nobody signs in here.")]
    scopes_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]


class PublishedKey(Struct, kw_only=True, frozen=True):
    """A public key of the registry, as a JSON Web Key (RFC 7517)."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    alg: str
    use: str


class PublishedKeySet(Struct, kw_only=True, frozen=True):
    """The public keys by which the registry's own tokens can be verified; that which signs comes first."""

    keys: list[PublishedKey]


CLIENT_EXAMPLE = {"name": "Dispatch centre (demo)", "scopes": ["agencies:read", "assets:read"]}
ROTATION_EXAMPLE = {"keep_until": "2026-12-01T12:00:00Z"}
DISABLED_EXAMPLE = {"reason": "Its server was replaced (demo)."}
TOKEN_REQUEST_EXAMPLE = {"grant_type": "client_credentials", "scope": "assets:read"}
