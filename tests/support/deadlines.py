"""Deadlines for tests: agreements with the columns that they are derived from, and what the list says of one."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from registry.agreements.instruments.tables import agreement, agreement_party
from registry.platform.database.connect import unit_of_work
from tests.support.cast import Agency, today
from tests.support.service import Service


def days_ahead(days: int) -> date:
    """A civil day from today on; of tests that count in days, none needs to know the zone."""
    return today() + timedelta(days=days)


async def settle(service: Service, found: dict[str, Any], **columns: object) -> None:
    """Set columns of the agreement from which deadlines are derived, such as renewal, cycle or ratification."""
    async with unit_of_work(service.database) as write:
        await write.run(agreement.update().where(agreement.c.id == UUID(found["id"])).values(**columns))


async def settle_party(service: Service, found: dict[str, Any], party: Agency, **columns: object) -> None:
    """As `settle`, for a party."""
    async with unit_of_work(service.database) as write:
        await write.run(
            agreement_party.update()
            .where(agreement_party.c.agreement_id == UUID(found["id"]), agreement_party.c.agency_id == party.id)
            .values(**columns)
        )


async def deadlines_of(reader: Agency, **filters: object) -> list[dict[str, Any]]:
    """Every deadline that the agency's legal staff is shown, page after page."""
    items: list[dict[str, Any]] = []
    query = urlencode(filters, doseq=True)
    path: str | None = f"/v1/deadlines?{query}"
    while path is not None:
        response = await reader.legal.get(path)
        assert response.status_code == 200, response.text
        page = response.json()
        items += page["items"]
        cursor = page["next_cursor"]
        path = None if cursor is None else f"/v1/deadlines?{query}&cursor={cursor}"
    return items


async def by_kind(reader: Agency, found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The agreement's deadlines by kind; the soonest of each."""
    items = await deadlines_of(reader, agreement_id=found["id"])
    return {item["kind"]: item for item in reversed(items)}
