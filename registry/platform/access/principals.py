"""The authenticated principal, as a frozen value built from the token, and the caller: a principal in one request."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from msgspec import Struct

from registry.platform.issuers import StepUp


class Role(StrEnum):
    """What a person or service may do for its agency."""

    COORDINATOR = "coordinator"
    APPROVER = "approver"
    LEGAL = "legal"
    AUDITOR = "auditor"
    AGENCY_ADMIN = "agency_admin"
    REGISTRY_ADMIN = "registry_admin"
    SERVICE = "service"


class RevocationKind(StrEnum):
    """What is revoked: one token, or one person or service of an agency."""

    TOKEN = "token"  # noqa: S105  # a kind, no secret
    PERSON = "person"


class Principal(Struct, kw_only=True, frozen=True):
    """Who is calling: subject, agency, roles and scopes, as the token's issuer vouches for them.

    `name` is what people call the person, where the token says it. It is stored only with `name_kept`, which the
    issuer's description says. `acr`, `amr` and `auth_time` tell how and when the person signed in, as far as the token
    does; `step_up` what the issuer's description asks of that for acts that bind.
    `attributes` are those of the issuer's claim map that the token has. After `known_until`, in seconds since 1970, the
    token says nothing any more.
    """

    subject: str
    agency_id: UUID
    roles: frozenset[Role]
    scopes: frozenset[str]
    token_id: str
    issuer: str
    name: str | None = None
    name_kept: bool = False
    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    auth_time: datetime | None = None
    step_up: StepUp | None = None
    attributes: Mapping[str, str] = {}
    known_until: float | None = None

    @property
    def person(self) -> str:
        """One person or service: a subject of an issuer, whichever agency it acts for.

        The same subject at two issuers is two persons. A digest, since whoever sees the record of an act need not learn
        more of a person than whether two acts are the same one's.
        """
        said = msgspec.json.encode((self.issuer, self.subject))
        return hashlib.sha256(said).hexdigest()[:32]


class Caller(Struct, kw_only=True, frozen=True):
    """A principal in one request. `now` is the time of the request, read once; code below never reads the clock."""

    principal: Principal
    now: datetime
    trace_id: str
    source_address: str | None = None

    @property
    def agency_id(self) -> UUID:
        """The agency the caller acts for."""
        return self.principal.agency_id


OPERATOR_AGENCY_ID = UUID("01900000-0000-7000-8000-000000000001")
"""The registry's own operator, present from the first migration, so that its administrators have an agency."""

REGISTRY = Principal(
    subject="registry",
    agency_id=OPERATOR_AGENCY_ID,
    roles=frozenset(),
    scopes=frozenset(),
    token_id="registry",  # noqa: S106  # there is no token
    issuer="registry",
)
"""The registry itself, for what nobody asked for."""
