"""Further parties, and agreement by word of mouth."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import joining
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.given import NewParties, NewVerbalActivation, VerbalConsent
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/add-parties",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.NEW_PARTIES,
    etag=True,
    problems=(
        "parties_faulty",
        "proposal_open",
        "repeats_restricted",
        "unknown_agency",
        "wrong_status",
    ),
)
async def add_agreement_parties(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewParties],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Propose that further agencies may sign an executed agreement, and so join it.

    Once each party that is bound has consented, or at once where a text that binds your agency is open to accession,
    they see it and may sign; each is bound once it has, and not before it was let in. Who came by a text's clause signs
    that text, and no other before all have consented: add it anew to ask them. Until then it reads of the texts those
    that it may sign, signed or is bound by. However it came, it reads nothing that was made before it was named while
    a party was there that has not agreed to it; so a party that is named and not bound yet is not asked, and what it
    filed is kept from the newcomer.
    """
    return agreement_answer(await joining.add_parties(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/activate-verbally",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.VERBAL,
    etag=True,
    problems=(
        "deadline_out_of_reach",
        "no_provisions",
        "no_signing_authority",
        "other_version",
        "repeats_restricted",
        "separation_of_duties",
        "signing_declined",
        "wrong_status",
    ),
)
async def activate_agreement_verbally(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewVerbalActivation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    ledger_key: Supplied[bytes],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Set an agreement in motion by word of mouth, for the agency that keeps it.

    Its text is frozen as it stands. It binds each party that gives its word, until the deadline for signing; what is
    not ratified by then lapses for that party. Who wrote a text that nobody else of your agency approved, or gave its
    word to, does not ratify it: another person's signature does. Have counsel review.
    """
    return agreement_answer(await joining.activate_verbally(write, caller, ledger_key, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/agree-verbally",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.CONSENT,
    etag=True,
    problems=("no_signing_authority", "other_version", "separation_of_duties", "wrong_status"),
)
async def agree_verbally(
    agreement_id: FromPath[UUID],
    data: JSONBody[VerbalConsent],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Give your agency's word to an agreement that was set in motion by word of mouth; sign it before the deadline."""
    return agreement_answer(await joining.agree_verbally(write, caller, agreement_id, data, if_match))


handlers = [add_agreement_parties, activate_agreement_verbally, agree_verbally]
