"""Files are read in turns by agency: many files of one do not hold up another's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest

from registry.agreements.documents.commands import Files
from registry.platform.files.kinds import PLAIN
from registry.platform.files.turns import MOST_WAITING, Turns
from registry.platform.kernel.errors import Busy
from tests.support.agreements import sign_agreement
from tests.support.cast import Cast
from tests.support.documents import file_document, send_file
from tests.support.service import Service

HEAVY, LIGHT, THIRD = (UUID(int=number) for number in (1, 2, 3))


class Desk:
    """Files of agencies at the turns of one reader; each is read until the test ends it."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.began: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def bring(self, agency: UUID, *names: str) -> None:
        """Files arrive, one after the other."""
        for name in names:
            self._ends[name] = asyncio.Event()
            self._tasks.append(asyncio.create_task(self._read(agency, name)))
            await settled()

    async def _read(self, agency: UUID, name: str) -> None:
        async with self.turns.turn(agency):
            self.began.append(name)
            await self._ends[name].wait()

    async def end(self, name: str) -> None:
        """That file has been read."""
        assert name in self.began
        self._ends[name].set()
        await settled()

    async def all_done(self) -> None:
        await asyncio.gather(*self._tasks)


async def settled() -> None:
    """Everything that can go on has gone on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_turns_go_round_by_agency_and_not_by_arrival() -> None:
    desk = Desk(Turns(1))
    await desk.bring(HEAVY, "heavy 1", "heavy 2", "heavy 3", "heavy 4")
    await desk.bring(LIGHT, "light 1", "light 2")
    await desk.bring(THIRD, "third 1")
    order = ["heavy 1", "light 1", "third 1", "heavy 2", "light 2", "heavy 3", "heavy 4"]
    for name in order:
        await desk.end(name)
    await desk.all_done()
    assert desk.began == order


async def test_one_agency_never_has_all_places() -> None:
    desk = Desk(Turns(2))
    await desk.bring(HEAVY, "heavy 1", "heavy 2", "heavy 3", "heavy 4")
    assert desk.began == ["heavy 1"]
    await desk.bring(LIGHT, "light 1")
    assert desk.began == ["heavy 1", "light 1"], "it had not to wait for any of the four"
    await desk.bring(LIGHT, "light 2")
    await desk.end("light 1")
    assert desk.began == ["heavy 1", "light 1", "light 2"]
    for name in ("light 2", "heavy 1", "heavy 2", "heavy 3", "heavy 4"):
        await desk.end(name)
    await desk.all_done()


async def test_too_many_files_of_one_agency_are_refused_and_another_agencys_are_not() -> None:
    desk = Desk(Turns(1, retry_after=7))
    await desk.bring(HEAVY, *(f"heavy {number}" for number in range(MOST_WAITING + 1)))
    with pytest.raises(Busy) as refused:
        async with desk.turns.turn(HEAVY):
            pytest.fail("its turn cannot have come")
    assert (refused.value.code, refused.value.retry_after) == ("reader_busy", 7)
    await desk.bring(LIGHT, "light")
    for name in ("heavy 0", "light", *(f"heavy {number}" for number in range(1, MOST_WAITING + 1))):
        await desk.end(name)
    await desk.all_done()


async def test_who_waits_too_long_is_refused_and_takes_nobodys_turn() -> None:
    turns = Turns(1, patience=0)
    async with turns.turn(HEAVY):
        with pytest.raises(Busy, match="take long"):
            async with turns.turn(LIGHT):
                pytest.fail("its turn cannot have come")
        assert turns.waiting(LIGHT) == 0
    async with turns.turn(LIGHT):
        pass


@pytest.mark.parametrize("at_the_moment_of_its_turn", [False, True])
async def test_who_goes_away_passes_the_turn_on(at_the_moment_of_its_turn: bool) -> None:
    desk = Desk(Turns(1))
    await desk.bring(HEAVY, "first")
    gone = asyncio.create_task(desk._read(LIGHT, "gone"))
    await settled()
    await desk.bring(THIRD, "last")
    if at_the_moment_of_its_turn:
        desk._ends["first"].set()
        await until(lambda: not desk.turns.waiting(LIGHT))
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    if not at_the_moment_of_its_turn:
        await desk.end("first")
    await settled()
    await desk.end("last")
    await desk.all_done()
    assert desk.began == ["first", "last"]


async def test_in_a_crowd_every_file_is_read_once_within_the_bounds() -> None:
    """A hundred rounds of arrivals, refusals and departures of six agencies at three places."""
    turns = Turns(3)
    inside: list[UUID] = []
    counted = {"read": 0, "refused": 0}

    async def read(agency: UUID, steps: int) -> None:
        try:
            async with turns.turn(agency):
                inside.append(agency)
                try:
                    assert len(inside) <= 3
                    assert inside.count(agency) == 1
                    for _ in range(steps):
                        await asyncio.sleep(0)
                finally:
                    inside.remove(agency)
                counted["read"] += 1
        except Busy:
            counted["refused"] += 1

    tasks = []
    for number in range(600):
        task = asyncio.create_task(read(UUID(int=number % 6), number % 7))
        tasks.append(task)
        if number % 11 == 0:
            asyncio.get_running_loop().call_soon(task.cancel)
        if number % 3 == 0:
            await asyncio.sleep(0)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert inside == []
    gone = [each for each in ended if isinstance(each, asyncio.CancelledError)]
    assert [each for each in ended if each is not None and each not in gone] == []
    assert sum(counted.values()) + len(gone) == 600
    assert min(counted["read"], counted["refused"], len(gone)) > 0
    for number in range(6):
        async with turns.turn(UUID(int=number)):
            pass


@pytest.mark.one_database
async def test_an_agency_with_many_files_waits_and_another_does_not(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    files: Files = service.edge.app.state.files
    heavy, light = cast.assisting, cast.requesting
    waiting = []
    async with files.reader.turns.turn(heavy.id):  # one of its files is being read, and takes long
        for number in range(MOST_WAITING):
            waiting.append(asyncio.create_task(file_document(heavy.legal, made["id"], f"File {number} (demo).")))
            await until(lambda: files.reader.turns.waiting(heavy.id) == len(waiting))
        refused = await send_file(heavy.legal, made["id"], b"One too many (demo).", PLAIN)
        assert (refused.status_code, refused.json()["code"]) == (503, "reader_busy")
        assert int(refused.headers["retry-after"]) > 0
        await file_document(light.legal, made["id"], "Another agency's (demo).", kind="evidence")
        assert not any(task.done() for task in waiting)
    assert len({filed["id"] for filed in await asyncio.gather(*waiting)}) == MOST_WAITING


@pytest.mark.one_database
async def test_an_agency_that_sends_slowly_holds_up_itself_and_nobody_else(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    files: Files = service.edge.app.state.files
    heavy, light = cast.assisting, cast.requesting
    arrive, begun = asyncio.Event(), list[int]()

    async def slowly(number: int) -> AsyncIterator[bytes]:
        begun.append(number)
        yield b"The first words "
        await arrive.wait()
        yield f"and the last ones of file {number} (demo).".encode()

    coming = []
    for number in range(MOST_WAITING):
        coming.append(asyncio.create_task(send_file(heavy.legal, made["id"], slowly(number), PLAIN)))
        await until(lambda: len(begun) == len(coming))
    incoming = files.store.incoming
    await until(lambda: len(list(incoming.glob("*.part"))) == MOST_WAITING)
    refused = await send_file(heavy.legal, made["id"], slowly(MOST_WAITING), PLAIN)
    assert (refused.status_code, refused.json()["code"]) == (503, "reader_busy")
    assert int(refused.headers["retry-after"]) > 0
    assert len(list(incoming.glob("*.part"))) == MOST_WAITING, "nothing of it is stored"
    await file_document(light.legal, made["id"], "Another agency's, meanwhile (demo).", kind="evidence")
    arrive.set()
    assert {answer.status_code for answer in await asyncio.gather(*coming)} == {201}
    await file_document(heavy.legal, made["id"], "All have arrived (demo).")


@pytest.mark.one_database
async def test_a_file_that_breaks_off_or_is_refused_is_on_its_way_no_more(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)

    async def breaking() -> AsyncIterator[bytes]:
        yield b"The first words "
        raise ConnectionError("the line is cut")

    for _ in range(MOST_WAITING):
        assert (await send_file(cast.assisting.legal, made["id"], breaking(), PLAIN)).status_code >= 500
        assert (await send_file(cast.assisting.legal, made["id"], b"", PLAIN)).status_code == 422
    await file_document(cast.assisting.legal, made["id"], "There is room (demo).")


async def until(has_come: Callable[[], bool]) -> None:
    while not has_come():  # noqa: ASYNC110  # what comes about in the reader sets no event
        await asyncio.sleep(0)
