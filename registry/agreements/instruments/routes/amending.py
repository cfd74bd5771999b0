"""Amendments and renewals, beside the text in force."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import amending
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.given import NewAmendment
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/amend",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.AMENDMENT,
    etag=True,
    problems=(
        "agreement_faulty",
        "amendment_open",
        "amendment_taken",
        "amends_before_start",
        "exemption_missing",
        "expires_too_early",
        "not_a_party",
        "provision_number_taken",
        "renewal_without_extension",
        "repeats_restricted",
        "unknown_agency",
        "unknown_provision",
        "version_taken",
        "wrong_status",
    ),
)
async def amend_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewAmendment],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Open an amendment or a renewal of an executed agreement.

    It begins as a draft of a new version that says what is in force; edit, submit, approve, send out and sign it with
    the same operations as a new agreement. What is in force stays so until every party that is bound has signed, and
    the new text holds from its effective day on; the past keeps its own.
    """
    return agreement_answer(await amending.amend(write, caller, agreement_id, data, if_match))


handlers = [amend_agreement]
