"""Filing and publication duties: listed, entered, acknowledged, fulfilled, waived."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.agreements.duties import commands, queries
from registry.agreements.duties.schemas import (
    FULFILMENT_EXAMPLE,
    NEW_DUTY_EXAMPLE,
    WAIVER_EXAMPLE,
    Duty,
    DutyPage,
    Fulfilment,
    NewDuty,
    Waiver,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.versions import Expected

_PATH = "/agreements/{agreement_id:uuid}/duties"


def _answer(found: Duty, *, created: bool = False) -> Answer[Duty]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.overdue, found.allowed_actions),
        location=f"/v1/agreements/{found.agreement_id}/duties/{found.id}" if created else None,
    )


@operation(
    "get",
    _PATH,
    permission=Action.AGREEMENTS_READ,
    query=NewestFirst,
)
async def list_agreement_duties(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[NewestFirst],
    caller: Supplied[Caller],
) -> Answer[DutyPage]:
    """List what is to be done with a signed agreement, for its parties.

    Duties of statutes arise by themselves once the agreement is executed, from the kinds of agreement and the states of
    the parties; others are entered by hand. Have counsel review them.
    """
    return Answer(await queries.list_duties(read, caller.principal, agreement_id, filters, caller.now))


@operation(
    "post",
    _PATH,
    permission=Action.AGREEMENTS_FILE,
    example=NEW_DUTY_EXAMPLE,
    etag=True,
    problems=(
        "due_in_past",
        "duty_without_clause",
        "not_a_party",
        "repeats_restricted",
        "unknown_provision",
        "wrong_status",
    ),
)
async def create_agreement_duty(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewDuty],
    write: Supplied[Write],
    caller: Supplied[Caller],
) -> Answer[Duty]:
    """Enter a duty by hand: your agency's own or, as the custodian, what the text has another party do.

    Another party's needs the `clause` of a version that binds it, and no day that is over. The words are yours, so it
    is `proposed`, stands among the `reported_acts` (`owes_duty`), and binds that party once it confirms it or has not
    contested it for 14 days. Who was let in and has not signed enters none.
    """
    return _answer(await commands.enter_duty(write, caller, agreement_id, data), created=True)


@operation("get", _PATH + "/{duty_id:uuid}", permission=Action.AGREEMENTS_READ, etag=True)
async def get_agreement_duty(
    agreement_id: FromPath[UUID], duty_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[Duty]:
    """Read one duty, for a party of the agreement."""
    return _answer(await queries.get_duty(read, caller.principal, agreement_id, duty_id, caller.now))


@operation(
    "post",
    _PATH + "/{duty_id:uuid}/fulfil",
    permission=Action.AGREEMENTS_FILE,
    status=200,
    example=FULFILMENT_EXAMPLE,
    etag=True,
    problems=("already_reported", "evidence_twice", "not_then", "proof_missing", "wrong_status"),
)
async def fulfil_agreement_duty(
    agreement_id: FromPath[UUID],
    duty_id: FromPath[UUID],
    data: JSONBody[Fulfilment],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Duty]:
    """Record that a duty was done, with its proof.

    Of another agency's duty the custodian reports it: it counts once that agency confirms it, or has not contested it
    for 14 days, and stands among the agreement's `reported_acts` until then.
    """
    return _answer(await commands.fulfil_duty(write, caller, agreement_id, duty_id, data, if_match))


@operation(
    "post",
    _PATH + "/{duty_id:uuid}/acknowledge",
    permission=Action.AGREEMENTS_FILE,
    status=200,
    etag=True,
    problems=("wrong_status",),
)
async def acknowledge_agreement_duty(
    agreement_id: FromPath[UUID],
    duty_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Duty]:
    """Record that a duty of your agency's which stands under a `condition` applies, and is still to do.

    Its day is the law's from then on, so that it may be overdue. Where it does not apply, waive it.
    """
    return _answer(await commands.acknowledge_duty(write, caller, agreement_id, duty_id, if_match))


@operation(
    "post",
    _PATH + "/{duty_id:uuid}/waive",
    permission=Action.AGREEMENTS_FILE,
    status=200,
    example=WAIVER_EXAMPLE,
    etag=True,
    problems=(
        "repeats_restricted",
        "wrong_status",
    ),
)
async def waive_agreement_duty(
    agreement_id: FromPath[UUID],
    duty_id: FromPath[UUID],
    data: JSONBody[Waiver],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Duty]:
    """Record that a duty of your agency's need not be done, and why."""
    return _answer(await commands.waive_duty(write, caller, agreement_id, duty_id, data, if_match))


router = Router(
    path="/v1",
    route_handlers=[
        list_agreement_duties,
        create_agreement_duty,
        get_agreement_duty,
        acknowledge_agreement_duty,
        fulfil_agreement_duty,
        waive_agreement_duty,
    ],
)
