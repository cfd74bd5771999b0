"""How a token issuer is described: where its keys are, what its access tokens look like, and what their claims mean.

A description says what differs from a preset; `described` fills in the rest. Paths name claims: `sub`; `a.b` for a
member of a claim that is an object (unless a claim has that whole name); `uid|sub` for the first that is there. A path
with braces is a template: `{tid}:{oid}`.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from registry.platform.kernel.text import NAME_PATTERN, PROSE_PATTERN

Algorithm: TypeAlias = Literal["ES256", "ES384", "EdDSA", "RS256", "PS256"]
RoleName: TypeAlias = Literal[
    "coordinator", "approver", "legal", "auditor", "agency_admin", "registry_admin", "service"
]
ALGORITHMS: tuple[Algorithm, ...] = ("ES256", "ES384", "EdDSA", "RS256", "PS256")
# The attributes of a person that the FBI's CJIS Security Policy lists for the management of accounts, AC-2(d)(3).
ATTRIBUTES = (
    "federation_id",
    "identity_provider_id",
    "unique_subject_id",
    "employer_name",
    "employer_ori",
    "employer_category",
    "employer_state",
    "sworn_law_enforcement_officer",
    "public_safety_officer",
    "intelligence_analyst",
    "ncic_certified",
    "ndex_privilege",
    "pcii_certified",
    "cfr28_certified",
    "identity_assurance_level",
    "authenticator_assurance_level",
    "federation_assurance_level",
)
AttributeName: TypeAlias = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=rf"\A(?:{'|'.join(ATTRIBUTES)})\Z",
        extra={"form": f"one of {', '.join(ATTRIBUTES)}"},
    ),
]
EVERY_AGENCY = "*"
DEVELOPMENT_ISSUER = "urn:registry:development"
LONGEST_LIFE_SECONDS = 86_400
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Path: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN)]
Address: TypeAlias = Annotated[str, Meta(min_length=1, max_length=500, pattern=NAME_PATTERN)]
Seconds: TypeAlias = Annotated[int, Meta(ge=60, le=LONGEST_LIFE_SECONDS)]
Scopes: TypeAlias = Annotated[str, Meta(max_length=500, pattern=PROSE_PATTERN)]
MaxAge: TypeAlias = Annotated[int, Meta(ge=60, le=LONGEST_LIFE_SECONDS)]
AcrValue: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=r"\A[!#-\[\]-~]+\Z",  # it stands between quotes in a header, with others behind a blank
        extra={"form": "visible ASCII characters without quotes, backslashes and blanks"},
    ),
]
KeySetDocument: TypeAlias = dict[Annotated[str, Meta(max_length=40, pattern=PROSE_PATTERN)], Any]
ClaimName: TypeAlias = Annotated[str, Meta(max_length=200, pattern=PROSE_PATTERN)]
OptionalPath: TypeAlias = Annotated[str, Meta(max_length=200, pattern=PROSE_PATTERN)]
TokenType: TypeAlias = Annotated[str, Meta(max_length=60, pattern=PROSE_PATTERN, examples=["at+jwt"])]


class Preset(StrEnum):
    """What the access tokens of common identity providers look like."""

    RFC9068 = "rfc9068"
    KEYCLOAK = "keycloak"
    ENTRA = "entra"
    OKTA = "okta"


class AgencyBy(StrEnum):
    """How a token names the agency of its bearer."""

    ID = "id"
    ORI = "ori"
    VALUE = "value"
    ONLY = "only"


class ClaimMap(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where an issuer's tokens say what; null is as the preset has it."""

    subject: Annotated[Path | None, Meta(description="The claim that names the person or service, for good.")] = None
    agency: Annotated[Path | None, Meta(description="The claim that names the agency.")] = None
    agency_by: AgencyBy | None = None
    roles: Annotated[Path | None, Meta(description="The claim that lists the roles.")] = None
    role_names: Annotated[
        dict[ClaimName, RoleName] | None,
        Meta(description="Roles by the issuer's names for them; where it is given, no other name counts."),
    ] = None
    scope: Annotated[
        Annotated[list[Path], Meta(max_length=5)] | None,
        Meta(description="The claims that hold scopes, as text or as a list."),
    ] = None
    scope_default: Annotated[
        Scopes | None, Meta(description="The scopes of a token that names none of the registry's.")
    ] = None
    token_id: Annotated[
        OptionalPath | None, Meta(description="The claim that names the token; empty for a digest of the token.")
    ] = None
    name: Annotated[Path | None, Meta(description="The claim with the person's name; it may be missing.")] = None
    acr: Annotated[Path | None, Meta(description="The claim with the way in which the person signed in.")] = None
    amr: Annotated[Path | None, Meta(description="The claim that lists the means of the sign-in.")] = None
    auth_time: Annotated[Path | None, Meta(description="The claim with the second in which the person signed in.")] = (
        None
    )
    attributes: Annotated[
        dict[AttributeName, Path] | None,
        Meta(description="The claims with attributes that are shown to the own agency; any may be missing."),
    ] = None
    require: Annotated[
        dict[Path, ClaimName] | None,
        Meta(description="Claims that must have a value, `*` standing for any: what tells access tokens from others."),
    ] = None


class StepUp(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What acts that bind an agency need of the sign-in (RFC 9470): how recent it is, in which way it was done."""

    max_age_seconds: Annotated[MaxAge | None, Meta(description="How long ago the person may have signed in.")] = None
    acr_values: Annotated[
        tuple[AcrValue, ...], Meta(max_length=10, description="Ways to sign in, as `acr` names them; one is needed.")
    ] = ()


class Description(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A token issuer, as far as it differs from its preset.

    Its keys come from `jwks_uri`, from `keys`, or by discovery: from the address that the document
    `/.well-known/openid-configuration` below the issuer names. With neither, they are discovered.
    """

    issuer: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=300,
            pattern=r"\A[!-~]+\Z",
            extra={"form": "1 to 300 visible ASCII characters without blanks"},
            description="The issuer, exactly as its tokens name it in `iss`.",
            examples=["https://login.county.example/realms/county"],
        ),
    ]
    preset: Preset = Preset.RFC9068
    discovery: Annotated[bool, Meta(description="Whether its keys are found by OpenID Connect Discovery.")] = False
    jwks_uri: Annotated[Address | None, Meta(description="Where its keys are published.")] = None
    keys: Annotated[KeySetDocument | None, Meta(description="Its public keys, as a JSON Web Key Set.")] = None
    audiences: Annotated[
        Annotated[list[Address], Meta(min_length=1, max_length=10)] | None,
        Meta(description="Values of `aud` that name this registry; null for that of the settings."),
    ] = None
    types: Annotated[
        Annotated[list[TokenType], Meta(min_length=1, max_length=5)] | None,
        Meta(description="Values of the header's `typ`, without regard to case; empty for none."),
    ] = None
    algorithms: Annotated[
        Annotated[list[Algorithm], Meta(min_length=1, max_length=5)] | None, Meta(description="What it signs with.")
    ] = None
    longest_life_seconds: Annotated[Seconds | None, Meta(description="How long a token of it may be valid.")] = None
    keep_names: Annotated[
        bool, Meta(description="Whether people's names are kept, for the administrators of their own agency.")
    ] = False
    step_up: Annotated[
        StepUp | None, Meta(description="What acts that bind an agency need of the sign-in; null for nothing more.")
    ] = None
    claims: ClaimMap = ClaimMap()


class Claims(Struct, kw_only=True, frozen=True):
    """Where an issuer's tokens say what; see `ClaimMap`. An empty `token_id` means the digest of the token."""

    subject: str = "sub"
    agency: str = "agency"
    agency_by: AgencyBy = AgencyBy.ID
    roles: str = "roles"
    role_names: Mapping[str, RoleName] | None = None
    scope: tuple[str, ...] = ("scope", "scp")
    scope_default: str = ""
    token_id: str = "jti"  # noqa: S105  # the name of a claim
    name: str = "name"
    acr: str = "acr"
    amr: str = "amr"
    auth_time: str = "auth_time"
    attributes: Mapping[str, str] = {}
    require: Mapping[str, str] = {}


class Issuer(Struct, kw_only=True, frozen=True):
    """A token issuer, complete: the tokens of RFC 9068 unless something else is said.

    `agencies` are the ids of those that it may speak for, or `*` for any; `values` the agencies by the value of the
    agency claim that names them.
    """

    issuer: str
    agencies: tuple[str, ...] = ()
    values: Mapping[str, str] = {}
    keys: Mapping[str, Any] | None = None
    jwks_uri: str | None = None
    audiences: tuple[str, ...] = ()
    types: tuple[str, ...] = ("at+jwt",)
    algorithms: tuple[str, ...] = ALGORITHMS
    longest_life_seconds: int = 3600
    keep_names: bool = False
    step_up: StepUp | None = None
    claims: Claims = Claims()
    is_own: bool = False  # the registry itself, which issues tokens to service clients

    @property
    def cannot_tell_agencies(self) -> bool:
        """Whether its tokens need not name their agency, and it speaks for more than one: all of them are refused."""
        return self.claims.agency_by is AgencyBy.ONLY and (EVERY_AGENCY in self.agencies or len(self.agencies) > 1)

    def speaks_for(self, agency_id: UUID) -> bool:
        """Whether a token of it can be one of that agency."""
        return not self.cannot_tell_agencies and bool({EVERY_AGENCY, str(agency_id)} & set(self.agencies))

    def names(self, role: str) -> bool:
        """Whether a token of it can give that role."""
        return self.claims.role_names is None or role in self.claims.role_names.values()


# Sources: Keycloak's Server Administration Guide and tokens of its version 26; Microsoft's “Access token claims
# reference” for v2.0; Okta's “Access token payload”. docs/identity.md says how to set each up.
_PRESETS: Mapping[Preset, Issuer] = {
    Preset.RFC9068: Issuer(issuer=""),
    Preset.KEYCLOAK: Issuer(
        issuer="",
        types=("jwt", "at+jwt"),
        claims=Claims(
            agency_by=AgencyBy.ONLY, roles="realm_access.roles", scope_default="*", require={"typ": "Bearer"}
        ),
    ),
    Preset.ENTRA: Issuer(
        issuer="",
        types=("jwt",),
        algorithms=("RS256",),
        longest_life_seconds=5400,  # 60 to 90 minutes, by chance
        claims=Claims(
            subject="oid",
            agency_by=AgencyBy.ONLY,
            scope=("scp", "roles"),  # an application has app roles only
            scope_default="*",
            token_id="uti",  # noqa: S106  # the name of a claim
            acr="acrs|acr",
            require={"azp": "*"},  # an ID token has none
        ),
    ),
    Preset.OKTA: Issuer(
        issuer="",
        types=("",),
        algorithms=("RS256",),
        claims=Claims(
            subject="uid|sub",  # `sub` is a login that may be given to somebody else; a service has no `uid`
            agency_by=AgencyBy.ONLY,
            roles="groups",
            scope=("scp",),
            scope_default="*",
            require={"cid": "*"},  # an ID token has none
        ),
    ),
}


def described(given: Description, agencies: tuple[str, ...] = (), values: Mapping[str, str] | None = None) -> Issuer:
    """The complete issuer. Raises ValueError with a sentence for what is contradictory or unsafe."""
    if sum((given.discovery, given.jwks_uri is not None, given.keys is not None)) > 1:
        raise ValueError(f"give “{given.issuer}” one of discovery, jwks_uri and keys")
    if given.keys is not None and not isinstance(given.keys.get("keys"), list):
        raise ValueError(f"the keys of “{given.issuer}” are a JSON Web Key Set")
    if given.issuer == DEVELOPMENT_ISSUER:
        raise ValueError(f"“{given.issuer}” is the registry's own issuer of demo mode")
    if given.jwks_uri is not None and not is_secure(given.jwks_uri):
        raise ValueError(f"the jwks_uri of “{given.issuer}” must be https")
    if given.jwks_uri is None and given.keys is None and not is_secure(given.issuer):
        raise ValueError(f"the keys of “{given.issuer}” can be discovered only where it is an https address")
    if given.step_up is not None and given.step_up == StepUp():
        raise ValueError(f"the step_up of “{given.issuer}” asks for nothing: give max_age_seconds, acr_values, or both")
    preset = _PRESETS[given.preset]
    claims = {name: value for name, value in msgspec.structs.asdict(given.claims).items() if value is not None}
    if "scope" in claims:
        claims["scope"] = tuple(claims["scope"])
    for name in ("subject", "agency", "token_id"):
        if "{" in (rest := TEMPLATE.sub("", claims.get(name, ""))) or "}" in rest:
            raise ValueError(f"“{claims[name]}” is not a template: a path stands in each pair of braces")
    plain = ("roles", "name", "acr", "amr", "auth_time")
    for path in (
        *(claims.get(name, "") for name in plain),
        *claims.get("scope", ()),
        *claims.get("require", ()),
        *claims.get("attributes", {}).values(),
    ):
        if "{" in path or "}" in path:
            raise ValueError(f"“{path}” is not a path: a template stands for subject, agency and token_id alone")
    changed: dict[str, Any] = {
        "audiences": given.audiences,
        "types": None if given.types is None else [each.lower() for each in given.types],
        "algorithms": given.algorithms,
    }
    return msgspec.structs.replace(
        preset,
        issuer=given.issuer,
        agencies=agencies,
        values=values or {},
        keys=given.keys,
        jwks_uri=given.jwks_uri,
        keep_names=given.keep_names,
        step_up=given.step_up,
        longest_life_seconds=given.longest_life_seconds or preset.longest_life_seconds,
        claims=msgspec.structs.replace(preset.claims, **claims),
        **{name: tuple(value) for name, value in changed.items() if value is not None},
    )


TEMPLATE = re.compile(r"\{([^{}]*[^{}\s][^{}]*)\}")


def is_secure(url: str) -> bool:
    """Whether what is fetched there can be trusted: https, or http on this machine itself."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK))


def agency_ids(given: Mapping[str, str] | tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The agencies of the settings, as ids and by claim value. Raises ValueError for what is no id of an agency."""
    listed = tuple(given.values()) if isinstance(given, Mapping) else given
    ids = tuple(dict.fromkeys(each if each == EVERY_AGENCY else _agency_id(each) for each in listed))
    if isinstance(given, Mapping):
        if EVERY_AGENCY in ids:
            raise ValueError("a claim's value names one agency, not all")
        return ids, {value: _agency_id(agency) for value, agency in given.items()}
    return ids, {}


def _agency_id(given: str) -> str:
    try:
        return str(UUID(given))
    except ValueError:
        raise ValueError(f"“{given[:60]}” is no id of an agency, and not {EVERY_AGENCY}") from None
