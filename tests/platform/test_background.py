"""Background tasks: one that fails says so once, in words, until it succeeds again."""

import asyncio

from registry.platform import background as background_module
from registry.platform.background import Background, Task
from registry.platform.kernel.errors import Busy
from tests.support.logs import logged_by


async def test_a_task_that_fails_each_time_is_told_once_with_what_is_wrong() -> None:
    failing: list[Exception] = [Busy("The database is out of reach, or cannot store more; nothing was done.")] * 3
    failing.append(KeyError("a row"))

    async def run() -> None:
        if failing:
            raise failing.pop(0)

    background = Background([Task(name="rates", interval_seconds=0.001, run=run)])
    with logged_by(background_module) as logged:
        background.start()
        await asyncio.sleep(0)
        assert background.failures() == {"rates": "failed: The database is out of reach, or cannot store more"}
        for _ in range(500):
            if background.states()[0].done:
                break
            await asyncio.sleep(0.005)
        await background.stop()
    assert background.states()[0].failed == 4
    assert background.failures() == {}
    assert [(line["event"], line.get("error")) for line in logged] == [
        ("background task failed", "The database is out of reach, or cannot store more"),
        ("background task failed", "KeyError"),
        ("background task succeeds again", None),
    ]
