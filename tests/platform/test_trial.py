"""What is tried now and then, and asked for by several at once."""

import asyncio
from pathlib import Path

import httpx
import pytest

from registry.platform.database import probe as database_probe
from registry.platform.files import probe as document_probe
from registry.platform.settings import load
from registry.platform.trial import Trial
from tests.support.server import environment, in_process


class Store:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.tried = 0
        self.let_go = asyncio.Event()
        self.answer = "ok"

    async def probe(self) -> str:
        """What a trial finds."""
        self.tried += 1
        await self.let_go.wait()
        return self.answer


async def test_all_who_ask_while_it_is_tried_get_what_is_found() -> None:
    store = Store()
    store.answer = "nothing can be stored"
    trial = Trial(store.probe, every=60.0, patience=5.0)
    asking = [asyncio.create_task(trial.ask()) for _ in range(5)]
    await asyncio.sleep(0)
    store.let_go.set()
    assert await asyncio.gather(*asking) == ["nothing can be stored"] * 5
    assert (store.tried, await trial.ask(), store.tried) == (1, "nothing can be stored", 1)


async def test_who_goes_away_leaves_it_to_the_others() -> None:
    store = Store()
    trial = Trial(store.probe, every=0.0, patience=5.0)
    gone, waiting = asyncio.create_task(trial.ask()), asyncio.create_task(trial.ask())
    await asyncio.sleep(0)
    gone.cancel()
    store.let_go.set()
    assert (await waiting, store.tried) == ("ok", 1)


async def test_nobody_waits_longer_than_the_patience_and_it_is_known_for_how_long_it_runs() -> None:
    store = Store()
    store.answer = "full"
    trial = Trial(store.probe, every=0.0, patience=0.01)
    assert [await trial.ask(), await trial.ask(), store.tried] == ["ok", "ok", 1], "as the last time"
    assert trial.running_seconds > 0
    store.let_go.set()
    assert (await trial.ask(), trial.running_seconds) == ("full", 0.0)
    store.let_go.clear()
    assert await trial.ask() == "full"
    await trial.close(give_up=True)
    assert trial.running_seconds == 0


async def test_readiness_and_metrics_asked_for_at_the_same_moment_both_answer(
    private_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two who come only now and then, so that each time it is tried anew."""
    monkeypatch.setattr(database_probe, "PROBE_SECONDS", 0.0)
    monkeypatch.setattr(document_probe, "PROBE_SECONDS", 0.0)
    async with in_process(load(environment(private_url, tmp_path))) as service:
        pages = ["/health/ready", "/metrics", "/health/ready", "/metrics"]
        for _ in range(5):
            answers = await asyncio.gather(*(service.anonymous.get(page) for page in pages))
            assert [each.status_code for each in answers] == [httpx.codes.OK] * len(pages)
