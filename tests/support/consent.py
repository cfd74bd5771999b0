"""What several parties do together to an agreement, through the API."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from registry.agreements.instruments.commands import ending
from registry.agreements.instruments.queries.partners import agreements_in_force
from registry.agreements.instruments.schemas.asked import InForceQuery
from registry.agreements.instruments.schemas.given import WithdrawalNotice
from registry.agreements.instruments.schemas.partners import AgreementInForce
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import civil_day, utc_now
from tests.support.cast import ZONE, Agency
from tests.support.documents import file_document
from tests.support.policy import acting_for
from tests.support.service import Service

PATH = "/v1/agreements"


async def propose_end(one: Agency, agreement: dict[str, Any], on: date | None = None) -> dict[str, Any]:
    """A party's proposal to end the agreement by mutual consent."""
    body = {"ground": "mutual_consent", "reason": "over", **({} if on is None else {"effective_on": str(on)})}
    found: dict[str, Any] = await one.legal.done("POST", f"{PATH}/{agreement['id']}/terminate", body)
    return found


async def consent(one: Agency, agreement: dict[str, Any], proposal: dict[str, Any]) -> dict[str, Any]:
    """A party's own consent."""
    path = f"{PATH}/{agreement['id']}/proposals/{proposal['id']}/consent"
    found: dict[str, Any] = await one.legal.done("POST", path)
    return found


async def all_consent(parties: Sequence[Agency], agreement: dict[str, Any], proposed: dict[str, Any]) -> dict[str, Any]:
    """Each party's consent to what was proposed last; the agreement afterwards."""
    found = proposed
    for party in parties:
        found = await consent(party, agreement, proposed["proposals"][-1])
    return found


async def end_agreement(agreement: dict[str, Any], *parties: Agency, on: date | None = None) -> dict[str, Any]:
    """The end of the agreement by the consent of each of its parties, the first of which proposes it."""
    return await all_consent(parties[1:], agreement, await propose_end(parties[0], agreement, on))


async def agree_to_publish(agreement_id: str, *parties: Agency, **thing: Any) -> None:
    """Each of the parties' word that a version (`version_no`) or a document (`document_id`) is shown to all."""
    for party in parties:
        await party.legal.done("POST", f"{PATH}/{agreement_id}/agree-to-publish", thing)


def named(*agencies: Agency) -> list[dict[str, str]]:
    """The agencies as answers refer to them."""
    return [{"id": str(each.id), "name": each.name} for each in agencies]


async def proof(one: Agency, agreement: dict[str, Any], **about: Any) -> str:
    """The hash of a document that the party has put on file, which shows what it is about to report."""
    filed = await file_document(one.legal, agreement["id"], f"What came by post (demo): {uuid4()}", **about)
    digest: str = filed["sha256"]
    return digest


async def in_force_once(service: Service, one: Agency, other: Agency, now: datetime) -> list[AgreementInForce]:
    """What the one will hear then to be in force between the two, if nobody does anything until then."""
    query = InForceQuery(requesting_agency_id=one.id, assisting_agency_id=other.id)
    asking = acting_for(one, Role.COORDINATOR).principal
    return (await agreements_in_force(service.database.read(), asking, query, now)).items


async def left_long_ago(service: Service, party: Agency, found: dict[str, Any]) -> None:
    """The party gave a notice that has run out by now."""
    then = utc_now() - timedelta(days=40)
    notice = WithdrawalNotice(notice_on=civil_day(then, ZONE), reason="the council declined")
    async with unit_of_work(service.database) as write:
        leaver = acting_for(party, Role.LEGAL, now=then)
        await ending.give_notice(write, leaver, UUID(found["id"]), notice, None)


async def agree_to_days(agreement: dict[str, Any], *parties: Agency) -> dict[str, Any]:
    """Each party agrees that what another entered late counts from its own day, where that is put to it."""
    seen: dict[str, Any] = await parties[0].legal.done("GET", f"{PATH}/{agreement['id']}")
    found = agreement
    for proposal in seen["proposals"]:
        outstanding = [each["id"] for each in proposal["outstanding"] if proposal["kind"] == "earlier_day"]
        for party in parties:
            if str(party.id) in outstanding:
                found = await consent(party, agreement, proposal)
    return found
