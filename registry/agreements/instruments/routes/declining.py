"""Declining to sign, or to join, for the own agency."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import declining
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.given import Declining
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/decline-to-sign",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.DECLINING,
    etag=True,
    problems=(
        "already_declined",
        "other_version",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def decline_to_sign_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[Declining],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Decline to sign the text that is out for signature; the reason reaches every party.

    Nobody else signs it meanwhile. Its custodian sends it back for another wording or withdraws it, or your agency
    signs after all.
    """
    return agreement_answer(await declining.decline_to_sign(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/decline-to-join",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.DECLINING,
    etag=True,
    problems=(
        "already_declined",
        "other_version",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def decline_to_join_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[Declining],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Decline to be bound by an executed agreement that your agency has not signed; the reason reaches every party.

    It binds the others as before. Your agency may still join it later, by its own signature.
    """
    return agreement_answer(await declining.decline_to_join(write, caller, agreement_id, data, if_match))


handlers = [decline_to_sign_agreement, decline_to_join_agreement]
