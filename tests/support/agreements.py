"""Agreements for tests, made through the API: drafted, or recorded and confirmed by every party."""

from datetime import date, datetime, time
from itertools import count
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from registry.agreements.instruments.commands.holding import follow_by_itself
from registry.agreements.instruments.commands.recording import confirm
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.schemas.given import Confirmation
from registry.agreements.instruments.tables import agreement
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from tests.support.cast import Agency, inside
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
    """The party's own confirmation as it was given on the day of its hand, so that it binds nobody backwards.

    `shown` is its evidence, where that is another than the paper on record: then it is given now, and those agree to
    its day to whom that is put.
    """
    if shown:
        return await _agreed_to(await confirm_alone(recorded, party, signed_on, **shown), party)
    then = datetime.combine(date.fromisoformat(str(signed_on)), time(12), ZoneInfo(recorded["time_zone"]))
    if then > utc_now() or then.date() == utc_now().astimezone(then.tzinfo).date():
        return await confirm_alone(recorded, party, signed_on)
    word = Confirmation(
        version_sha256=recorded["version_sha256"],
        signatory_title="Sheriff",
        signed_on=then.date(),
        agrees_to_publish=True,
    )
    async with unit_of_work(party.service.database) as write:
        lawyer = inside(party.id, Role.LEGAL, now=then)
        await confirm(write, lawyer, UUID(recorded["id"]), word, None)
        await follow_by_itself(write, UUID(recorded["id"]), utc_now(), utc_now())
        await write.run(agreement.update().where(agreement.c.id == UUID(recorded["id"])).values(updated_at=utc_now()))
        seen = await get_agreement(write, lawyer.principal, UUID(recorded["id"]), utc_now())
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(seen))
    return found


async def _agreed_to(confirmed: dict[str, Any], party: Agency) -> dict[str, Any]:
    """The agreement after all to whom the day of the party's hand is put have agreed to it."""
    path = f"/v1/agreements/{confirmed['id']}"
    asked = [
        (proposal["id"], Agency(service=party.service, id=UUID(each["id"]), name=each["name"]))
        for proposal in confirmed["proposals"]
        if proposal["kind"] == "earlier_day" and proposal["proposed_by"]["id"] == str(party.id)
        for each in proposal["outstanding"]
    ]
    for proposal_id, other in asked:
        await other.legal.done("POST", f"{path}/proposals/{proposal_id}/consent")
    seen: dict[str, Any] = await party.legal.done("GET", path) if asked else confirmed
    return seen


async def confirm_alone(
    recorded: dict[str, Any], party: Agency, signed_on: date | str = LONG_AGO, **shown: str
) -> dict[str, Any]:
    """The party's own confirmation as it gives it now, of which the others have said nothing."""
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
