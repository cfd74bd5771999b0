"""The cast: fresh agencies for each test, so that tests commit for real and never meet each other.

`assisting` owns what is lent, `requesting` asks for it, `neighbour` is party to another agreement, `stranger` to none.
"""

from itertools import count
from uuid import UUID

from msgspec import Struct

from registry.access.principals import Role
from tests.support.service import Caller, Service

_numbers = count(1)
SERVICE_SCOPES = (
    "agencies:* taxonomy:* agreements:* documents:* assets:* requests:* decisions:* loans:* metrics:* ledger:*"
)


class Agency(Struct, kw_only=True, frozen=True):
    """An agency and the people who act for it."""

    service: Service
    id: UUID
    name: str

    def as_(self, *roles: Role, subject: str | None = None, scope: str = "*") -> Caller:
        """A caller of this agency."""
        return self.service.caller(self.id, *roles, subject=subject, scope=scope)

    @property
    def coordinator(self) -> Caller:
        """Asks, and does the agency's half of hand-overs."""
        return self.as_(Role.COORDINATOR)

    @property
    def approver(self) -> Caller:
        """The commander."""
        return self.as_(Role.APPROVER)

    @property
    def legal(self) -> Caller:
        """Records and signs agreements."""
        return self.as_(Role.LEGAL)

    @property
    def admin(self) -> Caller:
        """Keeps the agency's own assets and record."""
        return self.as_(Role.AGENCY_ADMIN)

    @property
    def auditor(self) -> Caller:
        """Reads, and writes nothing."""
        return self.as_(Role.AUDITOR)

    @property
    def machine(self) -> Caller:
        """A service with every scope a service may have."""
        return self.as_(Role.SERVICE, scope=SERVICE_SCOPES)


class Cast(Struct, kw_only=True, frozen=True):
    """Four agencies that know nothing of each other yet."""

    assisting: Agency
    requesting: Agency
    neighbour: Agency
    stranger: Agency


async def make_agency(service: Service, name: str = "Agency", state: str = "MN", *, active: bool = True) -> Agency:
    """A fresh agency in the middle of Minnesota."""
    unique = f"{name} {next(_numbers)}"
    body = {
        "name": unique,
        "kind": "city",
        "level": "local",
        "state": state,
        "location": {"latitude": 44.98, "longitude": -93.27},
        "time_zone": "America/Chicago",
    }
    made = await service.operator.done("POST", "/v1/agencies", body)
    if active:
        await service.operator.done("POST", f"/v1/agencies/{made['id']}/activate", {"reason": "joined"})
    return Agency(service=service, id=UUID(made["id"]), name=unique)


async def make_cast(service: Service) -> Cast:
    """The four agencies."""
    return Cast(
        assisting=await make_agency(service, "Assisting"),
        requesting=await make_agency(service, "Requesting"),
        neighbour=await make_agency(service, "Neighbour"),
        stranger=await make_agency(service, "Stranger"),
    )
