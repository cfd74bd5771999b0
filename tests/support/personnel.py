"""People for tests, entered as their agencies enter them."""

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window, utc_now
from registry.resources.allocations.people import commit_person
from registry.resources.personnel.commands.recording import lock_people
from tests.support.cast import Agency
from tests.support.service import Service

_numbers = count(1)


def tested(level: str) -> dict[str, str]:
    """The result of an examination."""
    return {"level": level, "tested_on": "2026-02-10", "tested_by": "Language board (demo)"}


def speaks(language: str, level: str | None = None, *, said: str | None = None) -> dict[str, Any]:
    """A language, tested at a level, or only said of oneself."""
    return {
        "capability": f"language.{language}",
        "self_reported_level": said,
        "tested": None if level is None else tested(level),
    }


async def enter_person(agency: Agency, *capabilities: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """One of the agency's people, who can be sent at any time; `fields` say what is different."""
    number = next(_numbers)
    body = {
        "display_name": f"Officer {number} (demo)",
        "tag": f"P-{number}",
        "capabilities": [*capabilities],
        **fields,
    }
    made: dict[str, Any] = await agency.coordinator.done("POST", "/v1/personnel", body)
    return made


async def commit_to(service: Service, person: dict[str, Any], asking: Agency) -> UUID:
    """Commit somebody to another agency for a day from now on; the loan's id."""
    loan_id, now = new_id(), utc_now()
    async with unit_of_work(service.database) as write:
        (locked,) = await lock_people(write, [UUID(person["id"])])
        await commit_person(
            write,
            locked,
            allocation_id=new_id(),
            loan_id=loan_id,
            window=Window(start=now, end=now + timedelta(days=1)),
            requesting_agency_id=asking.id,
            now=now,
        )
    return loan_id
