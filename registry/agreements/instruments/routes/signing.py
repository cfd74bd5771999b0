"""Signing, for the own agency."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import signing
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.given import Signing
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/sign",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.SIGNING,
    etag=True,
    problems=(
        "already_signed",
        "evidence_missing",
        "evidence_not_on_file",
        "evidence_twice",
        "no_signing_authority",
        "not_your_turn",
        "other_version",
        "separation_of_duties",
        "signature_day",
        "signed_before_text",
        "signed_in_future",
        "signing_declined",
        "wrong_status",
    ),
)
async def sign_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[Signing],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Sign for your agency; with the last party's signature the agreement is executed.

    A signature on paper to what others are bound by already counts from its earlier day once they agree to that, as one
    that is confirmed. To sign a text that says that others may join it shows those who came by that nothing that was
    made before: that opens with your agency's `add-parties`, or its consent to a proposal of that.
    """
    return agreement_answer(await signing.sign(write, caller, agreement_id, data, if_match))


handlers = [sign_agreement]
