"""Fresh agencies for each test, so that tests can commit without affecting each other.

`assisting` owns what is lent, `requesting` asks for it, `neighbour` is party to another agreement, `stranger` to none.
"""

from datetime import date, datetime
from itertools import count
from uuid import UUID

from msgspec import Struct

from registry.agreements.instruments.commands.agency_status import follow_agency_status
from registry.directory.agencies.commands.registering import change_status, create_agency
from registry.directory.agencies.rules import AgencyAction, AgencyKind, AgencyLevel
from registry.directory.agencies.schemas import NewAgency
from registry.platform.access import principals
from registry.platform.access.known import see_agency
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Principal, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.database.handles import Write
from registry.platform.issuers import DEVELOPMENT_ISSUER
from registry.platform.kernel.geo import Location
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import civil_day, utc_now
from tests.support.service import Caller, Service

_numbers = count(1)
ZONE = "America/Chicago"
LONG_AHEAD = date(2100, 12, 31)
"""A day that no test will live to see, and that the registry can still write down."""
SERVICE_SCOPES = (
    "agencies:* taxonomy:* agreements:* documents:* assets:* packages:* imports:* personnel:* capabilities:* "
    "requests:* decisions:* loans:* obligations:* engagements:* objectives:* reviews:* inbox:* metrics:* "
    "ledger:* minimums:*"
)


def today() -> date:
    """The current day in the time zone of these agencies."""
    return civil_day(utc_now(), ZONE)


class Agency(Struct, kw_only=True, frozen=True):
    """An agency, with a caller for each of its roles."""

    service: Service
    id: UUID
    name: str

    @property
    def reference(self) -> dict[str, str]:
        """The agency as an answer names it."""
        return {"id": str(self.id), "name": self.name}

    def as_(self, *roles: Role, subject: str | None = None, scope: str = "*") -> Caller:
        """A caller of this agency with these roles."""
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
        """Drafts, records and confirms agreements."""
        return self.as_(Role.LEGAL)

    @property
    def counsel(self) -> Caller:
        """Approves what others drafted."""
        return self.as_(Role.LEGAL, subject=f"counsel@{str(self.id)[-6:]}")

    @property
    def signatory(self) -> Caller:
        """Signs what others drafted and approved."""
        return self.as_(Role.LEGAL, subject=f"signatory@{str(self.id)[-6:]}")

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
    """Four agencies without any relation to each other yet."""

    assisting: Agency
    requesting: Agency
    neighbour: Agency
    stranger: Agency


def inside(agency_id: UUID, *roles: Role, subject: str | None = None, now: datetime | None = None) -> principals.Caller:
    """A caller of the agency for commands, without HTTP; by default with the same subject as over HTTP."""
    return principals.Caller(
        principal=Principal(
            subject=subject or f"{'-'.join(roles)}@{str(agency_id)[-6:]}",
            agency_id=agency_id,
            roles=frozenset(roles),
            scopes=frozenset({"*"}),
            token_id="test",
            issuer=DEVELOPMENT_ISSUER,
        ),
        now=now or utc_now(),
        trace_id=str(new_id()),
    )


async def _enter(
    write: Write, service: Service, name: str, state: str = "MN", *, active: bool = True, seen: bool = True
) -> Agency:
    unique = f"{name} {next(_numbers)}"
    operator = inside(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="operator")
    new = NewAgency(
        name=unique,
        kind=AgencyKind.CITY,
        level=AgencyLevel.LOCAL,
        state=state,
        location=Location(latitude=44.98, longitude=-93.27),
        time_zone=ZONE,
    )
    made = await create_agency(write, operator, new)
    if active:
        await change_status(write, operator, follow_agency_status, made.id, AgencyAction.ACTIVATE, "joined")
    if seen:
        await see_agency(write, made.id, utc_now())
    return Agency(service=service, id=made.id, name=unique)


async def make_agency(
    service: Service, name: str = "Agency", state: str = "MN", *, active: bool = True, seen: bool = True
) -> Agency:
    """A fresh agency in the middle of Minnesota; unless it is `seen`, nobody of it has used the registry yet."""
    async with unit_of_work(service.database) as write:
        return await _enter(write, service, name, state, active=active, seen=seen)


async def make_cast(service: Service) -> Cast:
    """The four agencies, in one transaction, because every second test begins with them."""
    async with unit_of_work(service.database) as write:
        names = ("assisting", "requesting", "neighbour", "stranger")
        return Cast(**{name: await _enter(write, service, name.title()) for name in names})
