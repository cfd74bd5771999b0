"""The caller as a frozen value, built once from the token, and the circumstances of the one request."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class Role(StrEnum):
    """What a person or service is trusted with inside its agency."""

    COORDINATOR = "coordinator"
    APPROVER = "approver"
    LEGAL = "legal"
    AUDITOR = "auditor"
    AGENCY_ADMIN = "agency_admin"
    REGISTRY_ADMIN = "registry_admin"
    SERVICE = "service"


class Principal(Struct, kw_only=True, frozen=True):
    """Who is calling: subject, agency, roles and scopes, as the token's issuer vouches for them."""

    subject: str
    agency_id: UUID
    roles: frozenset[Role]
    scopes: frozenset[str]
    token_id: str
    issuer: str


class Caller(Struct, kw_only=True, frozen=True):
    """A principal in the course of one request. `now` was read once, and nothing below reads the clock."""

    principal: Principal
    now: datetime
    request_id: str
    source_address: str | None = None

    @property
    def agency_id(self) -> UUID:
        """The agency the caller acts for."""
        return self.principal.agency_id


OPERATOR_AGENCY_ID = UUID("01900000-0000-7000-8000-000000000001")
"""The registry's own operator, present from the first migration, so that its administrators have an agency."""
