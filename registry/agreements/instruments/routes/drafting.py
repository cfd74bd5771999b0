"""Drafting an agreement: entered and edited by its custodian."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import drafting
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.given import AgreementPatch, NewAgreement
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements",
    permission=Action.AGREEMENTS_CREATE,
    problems=(
        "agreement_faulty",
        "exemption_missing",
        "expires_too_early",
        "not_a_party",
        "number_taken",
        "provision_number_taken",
        "renewal_contradictory",
        "repeats_restricted",
        "unknown_agency",
        "unknown_provision",
        "unknown_time_zone",
        "version_taken",
    ),
    example=examples.NEW_AGREEMENT,
    etag=True,
)
async def create_agreement(
    data: JSONBody[NewAgreement], write: Supplied[Write], caller: Supplied[Caller]
) -> Answer[Agreement]:
    """Draft an agreement, in your agency's custody."""
    return agreement_answer(await drafting.create_agreement(write, caller, data), created=True)


@operation(
    "patch",
    "/agreements/{agreement_id:uuid}",
    permission=Action.AGREEMENTS_UPDATE,
    problems=(
        "agreement_faulty",
        "exemption_missing",
        "expires_too_early",
        "not_a_party",
        "not_amendable",
        "number_taken",
        "provision_number_taken",
        "renewal_contradictory",
        "repeats_restricted",
        "unknown_agency",
        "unknown_provision",
        "unknown_time_zone",
        "wrong_status",
    ),
    example={"expires_on": "2029-12-31"},
    etag=True,
)
async def update_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Edit a draft, or the draft of an amendment."""
    return agreement_answer(await drafting.update_agreement(write, caller, agreement_id, data, if_match))


handlers = [create_agreement, update_agreement]
