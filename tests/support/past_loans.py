"""Past loans for tests, taken over from a table as an agency's old list has them."""

from typing import Any

from tests.support.cast import Agency
from tests.support.imports import csv_of, run, uploaded

HEADERS = (
    *("No", "Lending agency", "Loaned to", "Unit", "Item", "Type", "Date out", "Date returned", "Hours"),
    *("Qty", "MOU", "Disposition", "Condition", "Remarks"),
)


def row(lender: Agency | str, borrower: Agency | str, number: str = "23-1", **cells: str) -> list[str]:
    """A row of an old list; `cells` by header say what is different."""
    named = [each if isinstance(each, str) else each.name for each in (lender, borrower)]
    said = dict.fromkeys(HEADERS, "") | {"No": number, "Lending agency": named[0], "Loaned to": named[1]}
    said |= {"Item": "Thermal camera", "Date out": "2023-07-04 08:00", "Date returned": "2023-07-05 18:30"}
    return [*(said | {name.replace("_", " "): value for name, value in cells.items()}).values()]


async def taken(agency: Agency, *rows: list[str], **how: Any) -> dict[str, Any]:
    """The import of these rows with the mapping that is suggested, to its end."""
    found = await uploaded(agency.coordinator, csv_of(*rows, headers=HEADERS), "loans")
    return await run(agency.coordinator, found, mapping=found["suggested_mapping"], **how)


async def take_one_over(lender: Agency, borrower: Agency, **cells: str) -> dict[str, Any]:
    """A past loan that the lender took over, as the lender sees it."""
    found = await taken(lender, row(lender, borrower, **cells))
    assert found["counts"]["created"] == 1, found
    (kept,) = (await lender.coordinator.done("GET", f"/v1/past-loans?partner_id={borrower.id}&limit=1"))["items"]
    made: dict[str, Any] = kept
    return made
