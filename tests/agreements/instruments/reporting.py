"""What one party reports of another, for tests of it: made, answered, and seen on a day to come."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.kernel.time import day_starts_at
from tests.agreements.instruments.test_in_force import CHICAGO
from tests.support.agreements import EVIDENCE
from tests.support.cast import Agency
from tests.support.consent import proof
from tests.support.policy import acting_for
from tests.support.service import Caller, Service

PATH = "/v1/agreements"
NOON = datetime.fromisoformat("2026-03-01T12:00:00Z")
DAY = timedelta(days=1)


def letter(party: Agency, on: date, **more: Any) -> dict[str, Any]:
    """A report of a notice that came by post."""
    said = {"agency_id": str(party.id), "kind": "gave_notice", "acted_on": str(on)}
    return {**said, "evidence_sha256": EVIDENCE, "reason": "registered letter", **more}


async def report(by: Agency, found: dict[str, Any], body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The agreement after the report, and the address of the report; its evidence is put on file before."""
    body = {**body, "evidence_sha256": await proof(by, found)}
    seen = await by.legal.done("POST", f"{PATH}/{found['id']}/report-act", body)
    return seen, f"{PATH}/{found['id']}/reported-acts/{seen['reported_acts'][-1]['id']}"


async def report_offered(by: Agency, found: dict[str, Any]) -> bool:
    """Whether the party is offered to report what another did."""
    seen = await by.legal.done("GET", f"{PATH}/{found['id']}")
    (offered,) = (each for each in seen["allowed_actions"] if each["action"] == "report_act")
    allowed: bool = offered["allowed"]
    return allowed


async def seen_at(service: Service, agency: Agency, found: dict[str, Any], now: datetime) -> Agreement:
    """The agreement as the agency will see it then, if nobody does anything until then."""
    return await get_agreement(
        service.database.read(), acting_for(agency, Role.LEGAL).principal, UUID(found["id"]), now
    )


async def give(party: Agency, found: dict[str, Any], on: date, **more: Any) -> dict[str, Any]:
    """The agreement after the party's own notice of that day, on paper."""
    body = {"notice_on": str(on), "reason": "the council declined", "evidence_sha256": EVIDENCE, **more}
    given: dict[str, Any] = await party.legal.done("POST", f"{PATH}/{found['id']}/give-notice", body)
    return given


async def answer(party: Agency, found: dict[str, Any], said: dict[str, Any], verb: str) -> dict[str, Any]:
    """The agreement after the party's answer to what is reported of it."""
    (its,) = (
        each
        for each in said["reported_acts"]
        if each["agency"]["id"] == str(party.id) and each["status"] not in ("replaced", "taken_back")
    )
    path = f"{PATH}/{found['id']}/reported-acts/{its['id']}/{verb}"
    body = {"reason": "it never came"} if verb == "contest" else {}
    answered: dict[str, Any] = await party.legal.done("POST", path, body)
    return answered


def shown_instant(at: datetime) -> str:
    """The instant as answers write it."""
    return at.isoformat().replace("+00:00", "Z")


def runs_out(on: date, days: int) -> str:
    """When a notice of that day has run out, as answers write it."""
    return shown_instant(day_starts_at(on + (days + 1) * DAY, ZoneInfo(CHICAGO)))


def second_operator(service: Service) -> Caller:
    return service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="second-operator")
