"""Every operation × role × relation × state, and everybody who may do nothing; ids in paths and in bodies."""

from collections.abc import Sequence
from uuid import uuid4

import httpx
import pytest

from registry.app import create_app
from registry.platform.settings import load
from tests.platform.access.matrix import (
    EACH_ROLE,
    GRANTS,
    HIDDEN,
    IDS_IN_QUERIES,
    OPERATIONS,
    OUTSIDERS,
    THINGS,
    WHO,
    Cell,
    cells,
    matrix_size,
)
from tests.platform.access.scene import CANARY, Scene, comparable, make_scene
from tests.support.cast import make_cast
from tests.support.requests import line_for
from tests.support.service import Service

pytestmark = [
    pytest.mark.second_long,
    pytest.mark.xdist_group("matrix"),  # one worker asks what is refused, once for each database
]

CELLS = list(cells())


@pytest.fixture(scope="module")
async def scene(service: Service) -> Scene:
    return await make_scene(service, await make_cast(service))


@pytest.fixture(scope="module")
async def refused(scene: Scene) -> dict[Cell, httpx.Response]:
    """What each is answered who may not do a thing, or not know of it. Asked once, because it changes nothing."""
    return {cell: await ask(scene, cell) for cell in CELLS if cell.verdict != "allowed"}


async def test_every_operation_of_the_contract_has_its_row_and_every_row_its_operation(service: Service) -> None:
    offered = {
        operation["operationId"]: operation.get("x-permission")
        for item in service.contract.document["paths"].values()
        for operation in item.values()
    }
    assert offered.keys() == OPERATIONS.keys(), "each operation has a row in tests/platform/access/matrix.py"
    assert offered == {name: row.permission for name, row in OPERATIONS.items()}
    print(
        f"authorisation matrix: {matrix_size()} cells over {len(OPERATIONS)} operations"
    )  # its size is a figure to quote


def test_every_thing_of_the_scene_is_tried() -> None:
    assert {thing for row in OPERATIONS.values() for thing in row.on} == THINGS.keys()
    assert {cell.verdict for cell in CELLS} == {"allowed", "forbidden", "hidden"}


async def ask(scene: Scene, cell: Cell, thing_id: str | None = None) -> httpx.Response:
    given = thing_id or (scene.things[cell.thing] if cell.thing else None)
    method, path, options = scene.request(cell.operation, given)
    return await scene.caller(cell.who).send(method, path, **options)


def judged(cell: Cell, response: httpx.Response) -> str | None:
    """What is wrong with the answer; None when it is right."""
    status = response.status_code
    if cell.verdict == "allowed":
        # The state may not allow it, but the permission did: a conflict or a broken rule comes after, and so does that
        # the same person did the act before it.
        right = status < 300 or (
            response.request.method != "GET" and (status in (409, 412, 422) or "separation_of_duties" in response.text)
        )
    elif cell.verdict == "forbidden":
        right = status == 403
    else:
        right = status == HIDDEN[OPERATIONS[cell.operation].in_body]
    return None if right else f"{cell} should be {cell.verdict}, was {status}: {response.text[:160]}"


async def wrong_cells(scene: Scene, chosen: Sequence[Cell]) -> list[str]:
    return [fault for cell in chosen if (fault := judged(cell, await ask(scene, cell)))]


async def test_nobody_does_what_the_table_does_not_allow(refused: dict[Cell, httpx.Response]) -> None:
    assert [fault for cell, answer in refused.items() if (fault := judged(cell, answer))] == []


async def test_what_is_hidden_looks_like_what_does_not_exist(scene: Scene, refused: dict[Cell, httpx.Response]) -> None:
    faults = []
    for cell, hidden in refused.items():
        if cell.verdict == "hidden":
            assert cell.thing is not None
            nothing = await ask(scene, cell, scene.absent(cell.thing))
            if hidden.status_code != nothing.status_code or comparable(hidden.content) != comparable(nothing.content):
                faults.append(f"{cell}: {hidden.text} is not {nothing.text}")
            if set(hidden.headers) != set(nothing.headers):
                faults.append(f"{cell}: other headers")
    assert not faults


async def test_what_does_not_exist_is_not_found_by_anybody_with_the_role(scene: Scene) -> None:
    faults = []
    for name, row in OPERATIONS.items():
        for who in EACH_ROLE if row.on else ():
            assert row.permission is not None
            with_role = any(who.role in roles for roles in GRANTS[row.permission])
            expected = HIDDEN[row.in_body] if with_role else 403
            cell = Cell(operation=name, who=who, thing=row.on[0], verdict="hidden")
            status = (await ask(scene, cell, str(uuid4()))).status_code
            if status != expected:
                faults.append(f"{cell}, which does not exist: {status} instead of {expected}")
    assert not faults


@pytest.mark.parametrize("kind", OUTSIDERS)
async def test_whoever_may_do_nothing_may_do_nothing(scene: Scene, kind: str) -> None:
    expected = 403 if kind.startswith(("without", "suspended")) else 401
    faults = []
    for name, row in OPERATIONS.items():
        if row.permission is None:
            continue
        method, path, options = scene.request(name, scene.things[row.on[0]] if row.on else None)
        response = await scene.outsider(kind).send(method, path, **options)
        if response.status_code != expected:
            faults.append(f"{kind}: {name} was {response.status_code}")
    assert not faults


@pytest.mark.parametrize(("operation", "parameter", "thing"), IDS_IN_QUERIES)
async def test_an_id_in_a_query_tells_a_stranger_nothing(
    scene: Scene, operation: str, parameter: str, thing: str
) -> None:
    """Ids from the query are where checks are forgotten: the answer is the same as for an id of nothing."""
    _, path = scene.paths[operation]
    for who in WHO:
        if who.side == "stranger":
            caller = scene.caller(who)
            foreign = await caller.get(f"{path}?{parameter}={scene.things[thing]}")
            nothing = await caller.get(f"{path}?{parameter}={uuid4()}")
            assert foreign.status_code == nothing.status_code
            assert without_time(foreign) == without_time(nothing)


def without_time(response: httpx.Response) -> object:
    """The answer without its id and the instants of asking."""
    if not response.headers["content-type"].endswith("json"):
        return response.text
    document = response.json()
    dropped = ("trace_id", "instance", "as_of", "window")
    document = {name: value for name, value in document.items() if name not in dropped}
    for group in document.get("groups", ()):
        group.pop("window", None)
        group.pop("previous_window", None)
    return document


async def test_an_id_in_an_edit_is_checked_like_one_in_a_creation(scene: Scene) -> None:
    who = next(who for who in WHO if (who.side, who.role) == ("partner", "C"))
    answers = []
    for asset_id in (scene.things["private_asset"], str(uuid4())):
        method, path, options = scene.request("update_request", scene.things["draft_request"])
        options["json"] = {"lines": [line_for({"id": asset_id})]}
        answers.append(await scene.caller(who).send(method, path, **options))
    assert [answer.status_code for answer in answers] == [422, 422]
    assert comparable(answers[0].content) == comparable(answers[1].content)


async def test_no_answer_to_a_stranger_holds_another_agencys_words(
    scene: Scene, refused: dict[Cell, httpx.Response]
) -> None:
    """Every text that is the two partners' own holds a canary, and so does the tag of each answer to nobody else."""
    leaks = []
    for cell in CELLS:
        if cell.who.side == "stranger" or (cell.who.side == "operator" and cell.thing != "contact"):
            response = refused[cell] if cell in refused else await ask(scene, cell)
            whole = response.text + str(response.headers)
            foreign: tuple[str, ...] = (
                scene.things["decision"],
                scene.things["draft_request"],
                scene.things["reserved_loan"],
            )
            if cell.operation == "list_audit_events":
                foreign = ()  # it tells what its own people tried, by the path that they gave
            if CANARY in whole or (cell.thing is None and any(thing in whole for thing in foreign)):
                leaks.append(str(cell))
    assert not leaks


async def test_history_is_cut_to_what_is_public_or_concerns_the_reader(scene: Scene) -> None:
    for cell in CELLS:
        if cell.operation.endswith("_history") and cell.verdict == "allowed":
            response = await ask(scene, cell)
            own = scene.agency_of(cell.who)
            for event in response.json()["items"]:
                assert event["audience"] != "agencies" or own in event["agency_ids"], cell
                assert not event["restricted"] or cell.who.role == "U", cell


async def test_everybody_does_what_the_table_allows(scene: Scene) -> None:
    """Last, because it changes things: reading first, then everything else."""
    allowed = [cell for cell in CELLS if cell.verdict == "allowed"]
    reading = [cell for cell in allowed if scene.paths[cell.operation][0] == "GET"]
    assert not await wrong_cells(scene, reading)
    writing = [cell for cell in allowed if cell not in reading]
    writing.sort(key=lambda cell: cell.who.side == "owner")  # who may send a text back into hiding comes last
    assert not await wrong_cells(scene, writing)


def test_the_matrix_is_as_large_as_it_says(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert matrix_size() > 1_000
    folder = tmp_path_factory.mktemp("app")
    assert create_app(load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(folder)})).app.routes
