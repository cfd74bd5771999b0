"""Custody of an agreement: offered, accepted, declined."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import entrusting
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.given import AgreementReason, CustodyOffer
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/offer-custody",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.CUSTODY,
    etag=True,
    problems=(
        "not_a_party",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def offer_agreement_custody(
    agreement_id: FromPath[UUID],
    data: JSONBody[CustodyOffer],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Offer the keeping of an agreement to another party, or take the offer back."""
    return agreement_answer(await entrusting.offer_custody(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/accept-custody",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.REASON,
    etag=True,
    problems=(
        "conflict",
        "number_taken",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def accept_agreement_custody(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Take over the keeping of an agreement that was offered to your agency."""
    return agreement_answer(
        await entrusting.answer_custody(write, caller, agreement_id, data.reason, if_match, accepted=True)
    )


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/decline-custody",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.REASON,
    etag=True,
    problems=(
        "repeats_restricted",
        "wrong_status",
    ),
)
async def decline_agreement_custody(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Decline the keeping of an agreement that was offered to your agency."""
    return agreement_answer(
        await entrusting.answer_custody(write, caller, agreement_id, data.reason, if_match, accepted=False)
    )


handlers = [offer_agreement_custody, accept_agreement_custody, decline_agreement_custody]
