"""Operations on objectives of agreements and on what was measured."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.outcomes.objectives import commands, queries
from registry.outcomes.objectives.schemas import (
    CONTEST_WITHDRAWAL_EXAMPLE,
    CORRECTION_EXAMPLE,
    MEASUREMENT_CONTEST_EXAMPLE,
    NEW_MEASUREMENT_EXAMPLE,
    NEW_OBJECTIVE_EXAMPLE,
    OBJECTIVE_WITHDRAWAL_EXAMPLE,
    Attainment,
    ContestWithdrawal,
    MeasurementContest,
    MeasurementCorrection,
    NewMeasurement,
    NewObjective,
    Objective,
    ObjectivePage,
    ObjectiveQuery,
    ObjectiveWithdrawal,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.schemas import HistoryQuery

_OF_AGREEMENT = "/agreements/{agreement_id:uuid}"
_ONE = "/objectives/{objective_id:uuid}"


def _answer(found: Objective, *, created: bool = False) -> Answer[Objective]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.allowed_actions),
        location=f"/v1/objectives/{found.id}" if created else None,
    )


@operation("get", f"{_OF_AGREEMENT}/objectives", permission=Action.OBJECTIVES_READ, query=ObjectiveQuery)
async def list_agreement_objectives(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[ObjectiveQuery],
    caller: Supplied[Caller],
) -> Answer[ObjectivePage]:
    """List what an agreement is to achieve, and how that stands, for its parties."""
    return Answer(await queries.list_objectives(read, caller, agreement_id, filters))


@operation(
    "post",
    f"{_OF_AGREEMENT}/objectives",
    permission=Action.OBJECTIVES_SET,
    example=NEW_OBJECTIVE_EXAMPLE,
    etag=True,
    problems=("not_then", "target_reached", "wrong_status"),
)
async def create_agreement_objective(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewObjective],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Objective]:
    """Say what an agreement is to achieve, by when, and how that is measured.

    `If-Match` takes the ETag of the agreement, as for everything that is added to one.
    """
    return _answer(await commands.set_objective(write, caller, agreement_id, data, if_match), created=True)


@operation("get", f"{_OF_AGREEMENT}/attainment", permission=Action.OBJECTIVES_READ)
async def get_agreement_attainment(
    agreement_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[Attainment]:
    """Read how far an agreement achieves its objectives: weights met, of weights evaluated; null where none is."""
    return Answer(await queries.get_attainment(read, caller, agreement_id))


@operation("get", _ONE, permission=Action.OBJECTIVES_READ, etag=True)
async def get_objective(
    objective_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[Objective]:
    """Read one objective, with all that was measured."""
    return _answer(await queries.get_objective(read, caller, objective_id))


@operation(
    "post",
    f"{_ONE}/withdraw",
    permission=Action.OBJECTIVES_SET,
    status=200,
    example=OBJECTIVE_WITHDRAWAL_EXAMPLE,
    etag=True,
    problems=("wrong_status",),
)
async def withdraw_objective(
    objective_id: FromPath[UUID],
    data: JSONBody[ObjectiveWithdrawal],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Objective]:
    """Pursue an objective of your agency no more. It counts in no attainment from then on."""
    return _answer(await commands.withdraw_objective(write, caller, objective_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/measure",
    permission=Action.OBJECTIVES_MEASURE,
    status=200,
    example=NEW_MEASUREMENT_EXAMPLE,
    etag=True,
    problems=("not_then", "nothing_to_count", "value_computed", "value_missing", "wrong_status"),
)
async def measure_objective(
    objective_id: FromPath[UUID],
    data: JSONBody[NewMeasurement],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Objective]:
    """Enter what was measured, with its source.

    Of an objective with a metric the value is left out: the registry reads it from the scorecard of your agency, of the
    year that ends now.
    """
    return _answer(await commands.measure_objective(write, caller, objective_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/correct-measurement",
    permission=Action.OBJECTIVES_MEASURE,
    status=200,
    example=CORRECTION_EXAMPLE,
    etag=True,
    problems=("corrected_already", "not_then", "unknown_measurement", "wrong_status"),
)
async def correct_objective_measurement(
    objective_id: FromPath[UUID],
    data: JSONBody[MeasurementCorrection],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Objective]:
    """Put a right measurement in the place of a wrong one that your agency entered. Both stay on record."""
    return _answer(await commands.correct_measurement(write, caller, objective_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/contest-measurement",
    permission=Action.OBJECTIVES_CONTEST,
    status=200,
    example=MEASUREMENT_CONTEST_EXAMPLE,
    etag=True,
    problems=("unknown_measurement", "wrong_status"),
)
async def contest_objective_measurement(
    objective_id: FromPath[UUID],
    data: JSONBody[MeasurementContest],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Objective]:
    """Contest what another party measured: it counts no more until that party corrects it, or you take this back."""
    return _answer(await commands.contest_measurement(write, caller, objective_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/withdraw-contest",
    permission=Action.OBJECTIVES_CONTEST,
    status=200,
    example=CONTEST_WITHDRAWAL_EXAMPLE,
    etag=True,
    problems=("unknown_measurement", "wrong_status"),
)
async def withdraw_objective_contest(
    objective_id: FromPath[UUID],
    data: JSONBody[ContestWithdrawal],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Objective]:
    """Contest a measurement no more: it counts again."""
    return _answer(await commands.withdraw_contest(write, caller, objective_id, data, if_match))


@operation("get", f"{_ONE}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_objective_history(
    objective_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to an objective."""
    await queries.objective_row(read, caller, objective_id)
    return Answer(await history(read, caller.principal, "objective", objective_id, filters))


router = Router(
    path="/v1",
    route_handlers=[
        list_agreement_objectives,
        create_agreement_objective,
        get_agreement_attainment,
        get_objective,
        withdraw_objective,
        measure_objective,
        correct_objective_measurement,
        contest_objective_measurement,
        withdraw_objective_contest,
        list_objective_history,
    ],
)
