"""The shipped duties that tests speak of, and the duties of an agreement."""

from typing import Any

from registry.agreements.duties.rules import duty_rules
from tests.support.cast import Agency

RULES = {rule.code: rule for rule in duty_rules()}
FLORIDA, WASHINGTON = RULES["fl_252_40_copy_to_division"], RULES["wa_39_34_040_record_or_list"]
MONTANA = RULES["mt_44_11_309_attorney_general"]
PROOF = {"fulfilled_on": "2025-06-01", "recording_number": "20250601-7"}
WHY = {"reason": "Counsel: it does not reach us."}


def path_of(found: dict[str, Any]) -> str:
    """Where the duties of that agreement are."""
    return f"/v1/agreements/{found['id']}/duties"


async def duties_of(reader: Agency, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Its duties as the reader's legal staff sees them, the first entered first."""
    page: dict[str, Any] = await reader.legal.done("GET", f"{path_of(found)}?sort=created_at")
    items: list[dict[str, Any]] = page["items"]
    return items
