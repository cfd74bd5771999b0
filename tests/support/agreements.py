"""Agreements for tests, made through the API: drafted, or recorded and confirmed by every party."""

from datetime import date
from itertools import count
from typing import Any

from tests.support.cast import Agency
from tests.support.service import Service

_numbers = count(1)
EVIDENCE = "ab" * 32
LONG_AGO = date(2025, 1, 1)
UNLIMITED = {
    "purposes": ["any"],
    "least_priority": "routine",
    "max_duration_hours": "no_limit",
    "notice_hours": 0,
    "cost_ceiling": "no_limit",
    "max_quantity": "no_limit",
    "approval_required": False,
    "insurance_required": False,
}
"""Terms that say of everything that could limit a loan that it does not; left out, they would not say."""
PROVISIONS = [
    {"number": "1", "heading": "purpose", "text": "The parties help one another.", "sensitivity": "public"},
    {"number": "4.2", "heading": "equipment", "text": "Equipment is returned as it was received."},
]


def agreement_body(
    *parties: Agency,
    terms: dict[str, Any] | None = None,
    provisions: list[dict[str, Any]] | None = None,
    effective_on: date | str = LONG_AGO,
    expires_on: date | str | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """The body of a draft among the parties that covers everything, without limit or end, unless told otherwise.

    A party may suspend its own participation at once.
    """
    return {
        "number": f"MA-{next(_numbers)}",
        "title": "Mutual aid (demo)",
        "kind": "mutual_aid",
        "parties": [str(party.id) for party in parties],
        "time_zone": "America/Chicago",
        "effective_on": str(effective_on),
        "expires_on": None if expires_on is None else str(expires_on),
        "notice": {"days": 30},
        "terms": {"categories": ["any"], "suspension": "at_once", **UNLIMITED, **(terms or {})},
        "provisions": PROVISIONS if provisions is None else provisions,
        **fields,
    }


async def record_agreement(*parties: Agency, signed_on: date | str = LONG_AGO, **fields: Any) -> dict[str, Any]:
    """A paper agreement that the first party recorded: it binds that one alone."""
    paper = {"signed_on": str(signed_on), "signatory_title": "Chief", "evidence_sha256": EVIDENCE}
    body = {**agreement_body(*parties, **fields), **paper}
    recorded: dict[str, Any] = await parties[0].legal.done("POST", "/v1/agreements/record", body)
    return recorded


async def confirm_agreement(
    recorded: dict[str, Any], party: Agency, signed_on: date | str = LONG_AGO, **shown: str
) -> dict[str, Any]:
    """The party's own confirmation; `shown` is its evidence, where that is another than the paper on record."""
    hand = {
        "version_sha256": recorded["version_sha256"],
        "signatory_title": "Sheriff",
        "signed_on": str(signed_on),
        "agrees_to_publish": True,
        **shown,
    }
    confirmed: dict[str, Any] = await party.legal.done("POST", f"/v1/agreements/{recorded['id']}/confirm", hand)
    return confirmed


async def sign_agreement(
    service: Service,
    *parties: Agency,
    terms: dict[str, Any] | None = None,
    provisions: list[dict[str, Any]] | None = None,
    effective_on: date | str | None = None,
    expires_on: date | str | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """An agreement that every party is bound by, in force now; the first party is its custodian.

    `terms` are added to ones that cover everything; `fields` are further members of the body.
    """
    found = await record_agreement(
        *parties,
        terms=terms,
        provisions=provisions,
        effective_on=effective_on or LONG_AGO,
        expires_on=expires_on,
        **fields,
    )
    for party in parties[1:]:
        found = await confirm_agreement(found, party)
    return found
