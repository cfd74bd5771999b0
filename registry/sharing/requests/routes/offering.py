"""Operations by which an agency that is asked offers something, and who asks accepts or refuses it on a condition."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.requests.commands import offering
from registry.sharing.requests.routes.answering import answer
from registry.sharing.requests.schemas.given import OFFER_EXAMPLE, LineOffer, OfferAcceptance, RequestEnding
from registry.sharing.requests.schemas.shown import ResourceRequest


@operation(
    "post",
    "/requests/{request_id:uuid}/lines/{line_id:uuid}/offer",
    permission=Action.REQUESTS_ANSWER,
    status=200,
    problems=(
        "asset_not_free",
        "capability_not_held",
        "decision_not_satisfied",
        "more_than_needed",
        "need_not_met",
        "not_own_asset",
        "people_not_named",
        "personnel_not_free",
        "quantity_over_capacity",
        "unknown_asset",
        "unknown_personnel_record",
        "wrong_status",
    ),
    example=OFFER_EXAMPLE,
    etag=True,
)
async def offer_for_request_line(
    request_id: FromPath[UUID],
    line_id: FromPath[UUID],
    data: JSONBody[LineOffer],
    write: Supplied[Write],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Offer an asset of your agency for what it was asked for: as many as are needed, or fewer.

    Policies decide on it at once. It counts from then on, and is reserved under its decision as any other line is;
    what the need lacks is asked of the next. With a condition it counts once the requesting agency accepts it. Never
    more is taken than is needed, whatever is offered at the same time. Where people are needed, name those who go: each
    can do it on the day of the start and on that of the return, and can be sent. To offer nothing, decline the line.
    """
    return answer(await offering.offer_for_request_line(write, caller, policies, request_id, line_id, data, if_match))


@operation(
    "post",
    "/requests/{request_id:uuid}/lines/{line_id:uuid}/accept-offer",
    permission=Action.REQUESTS_ACCEPT,
    status=200,
    problems=("decision_not_satisfied", "more_than_needed", "offer_changed", "offer_suspended", "wrong_status"),
    example={"offer_version": 2},
    etag=True,
)
async def accept_request_line_offer(
    request_id: FromPath[UUID],
    line_id: FromPath[UUID],
    data: JSONBody[OfferAcceptance],
    write: Supplied[Write],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Accept what is offered on a condition, with the condition: policies decide on it, and it counts.

    The condition binds your agency, so a person accepts it and no service. Name the offer that was read: another that
    took its place is not accepted (`offer_changed`), nor what cannot be had any more.
    """
    return answer(
        await offering.accept_request_line_offer(write, caller, policies, request_id, line_id, data, if_match)
    )


@operation(
    "post",
    "/requests/{request_id:uuid}/lines/{line_id:uuid}/refuse-offer",
    permission=Action.REQUESTS_UPDATE,
    status=200,
    problems=("wrong_status",),
    example={"reason": "The search lasts until the morning (demo)."},
    etag=True,
)
async def refuse_request_line_offer(
    request_id: FromPath[UUID],
    line_id: FromPath[UUID],
    data: JSONBody[RequestEnding],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[ResourceRequest]:
    """Refuse what is offered on a condition: the agency reads why, and the next are asked."""
    return answer(await offering.refuse_request_line_offer(write, caller, request_id, line_id, data.reason, if_match))


handlers = [
    offer_for_request_line,
    accept_request_line_offer,
    refuse_request_line_offer,
]
