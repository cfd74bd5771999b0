"""Assets for tests, made as their owners make them."""

from itertools import count
from typing import Any

from tests.support.cast import LONG_AHEAD, Agency

_numbers = count(1)


async def make_asset(agency: Agency, **fields: Any) -> dict[str, Any]:
    """A narcotics K9 team of the agency, shared under agreement; `fields` say what is different."""
    number = next(_numbers)
    body = {
        "category": "k9.narcotics",
        "name": f"Narcotics team {number}",
        "tag": f"K9-{number}",
        "type_level": 2,
        "sharing": "agreement",
        "location": {"latitude": 44.98, "longitude": -93.27},
        "certifications": [{"code": "uspca_narcotics", "issued_on": "2024-01-15", "expires_on": str(LONG_AHEAD)}],
        **fields,
    }
    made: dict[str, Any] = await agency.admin.done("POST", "/v1/assets", body)
    return made
