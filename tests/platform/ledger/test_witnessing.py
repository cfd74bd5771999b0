"""Checkpoints are sent to witnesses, which sign only what extends what they have signed; and what they sign is kept."""

import time
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from msgspec import Struct

from registry.platform.database.snapshot import in_snapshot
from registry.platform.ledger import witnessing
from registry.platform.ledger.notes import parse_note, verified_by
from registry.platform.ledger.proving import newest_checkpoint
from registry.platform.ledger.signing import known_keys, rotate_key
from registry.platform.ledger.tables import ledger_cosignature
from registry.platform.ledger.verifying import verify_ledger
from registry.platform.ledger.witnessing import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    OK,
    UNWELL_SECONDS,
    Witnessing,
    WitnessOutcome,
    WitnessState,
    witnesses_of,
)
from registry.platform.settings import SettingsError, load
from tests.support.ledger import ORIGIN, Ledger
from tests.support.logs import logged_by
from tests.support.witness import Witness, serving

pytestmark = pytest.mark.second_later


class Witnessed(Struct, kw_only=True):
    """A ledger, a witness that knows it, and what has the one signed by the other."""

    ledger: Ledger
    witness: Witness
    url: str
    witnessing: Witnessing

    @property
    def state(self) -> WitnessState:
        """How it stands with the witness."""
        return self.witnessing.states[self.witness.name]

    async def ask(self, count: int = 1) -> None:
        """Record, sign a checkpoint, and ask, without waiting for the end of a pause."""
        await self.ledger.record(count)
        await self.ledger.seal()
        self.state.quiet_until = 0.0
        await self.witnessing.run()

    async def signed(self) -> list[int]:
        """The sizes of the checkpoints that bear the witness's line."""
        rows = await self.ledger.database.read().all(
            sa.select(ledger_cosignature.c.tree_size).order_by(ledger_cosignature.c.tree_size)
        )
        return [row.tree_size for row in rows]

    def another(self, **more: object) -> Witnessing:
        """As another process has it."""
        named = [(self.witness.verifier_key, self.url)]
        return Witnessing(
            self.ledger.database.read,
            self.ledger.work,
            witnesses_of(named),
            lambda: self.ledger.now,
            **more,  # type: ignore[arg-type]  # its own keywords
        )


@pytest.fixture
async def witnessed(ledger: Ledger) -> AsyncIterator[Witnessed]:
    await ledger.record(5)
    await ledger.seal()
    witness = Witness()
    witness.know(str((await known_keys(ledger.database.read()))[0].verifier))
    with serving(witness) as url:
        found = Witnessed(ledger=ledger, witness=witness, url=url, witnessing=None)  # type: ignore[arg-type]  # next
        found.witnessing = found.another()
        yield found


async def test_each_new_checkpoint_is_signed_and_served_with_the_line(witnessed: Witnessed, private_url: str) -> None:
    await witnessed.witnessing.run()
    for count in (1, 2, 300, 5):
        await witnessed.ask(count)
    sizes = [row.tree_size for row in await witnessed.ledger.checkpoints()]
    assert await witnessed.signed() == sizes
    assert witnessed.witness.trees[ORIGIN][0] == sizes[-1]
    note = parse_note((await newest_checkpoint(witnessed.ledger.database.read())).note)
    (witness,) = witnesses_of([(witnessed.witness.verifier_key, witnessed.url)])
    assert verified_by(note, [witness.key]) == [witness.key]
    assert (await in_snapshot(private_url, verify_ledger)).faults == []
    assert witnessed.witnessing.tried == {WitnessOutcome.SIGNED: len(sizes)}
    assert await witnessed.witnessing.check() == OK


async def test_nothing_is_asked_while_nothing_is_new(witnessed: Witnessed) -> None:
    for _ in range(3):
        await witnessed.witnessing.run()
    assert len(witnessed.witness.asked) == 1
    first = witnessed.witness.asked[0]
    assert first.startswith("old 0\n\n" + ORIGIN)
    await witnessed.ask()
    assert witnessed.witness.asked[1].startswith("old 5\n")


async def test_a_witness_that_has_signed_another_tree_says_which_and_is_asked_again(witnessed: Witnessed) -> None:
    await witnessed.witnessing.run()
    async with witnessed.ledger.work() as write:  # as in a copy of the database from before
        for dialect, gone in (("sqlite", "DROP TRIGGER ledger_cosignature_no_delete"), ("postgresql", None)):
            if write.dialect == dialect and gone:
                await write.run(sa.text(gone))
        if write.dialect == "postgresql":
            await write.run(sa.text("ALTER TABLE ledger_cosignature DISABLE TRIGGER ALL"))
        await write.run(ledger_cosignature.delete())
    witnessed.witnessing = witnessed.another()
    witnessed.ledger.now = witnessed.ledger.now.replace(year=2100)  # the first one's lease is over
    await witnessed.ask(3)
    assert witnessed.witnessing.tried == {WitnessOutcome.BEHIND: 1, WitnessOutcome.SIGNED: 1}
    assert len(await witnessed.signed()) == 1


async def test_a_rewritten_ledger_is_signed_by_no_witness_and_that_is_said(witnessed: Witnessed) -> None:
    """It has signed another tree of the same size; and then one of a larger size than there is."""
    size = (await witnessed.ledger.checkpoints())[-1].tree_size
    for tree, words in (
        ((size, bytes(32)), "only added to"),
        ((size + 50, bytes(32)), f"a tree of {size + 50} events"),
    ):
        witnessed.witness.trees[ORIGIN] = tree
        witnessed.state.quiet_until, witnessed.state.contradicts = 0.0, False
        with logged_by(witnessing) as logs:
            await witnessed.witnessing.run()
        assert words in await witnessed.witnessing.check()
        assert "contradicts the ledger" in await witnessed.witnessing.check()
        assert [(each["event"], each["log_level"]) for each in logs] == [("a witness contradicts the ledger", "error")]
    assert await witnessed.signed() == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, "text/plain", "\n"), "does not know this ledger"),
        ((403, "text/plain", "\n"), "does not know the key"),
        ((400, "text/plain", "\n"), "malformed"),
        ((302, "text/plain", "\n"), "it answered 302"),
        ((500, "text/plain", "\n"), "it answered 500"),
        ((409, "text/plain", "3\n"), "not with the size"),
        ((409, "text/x.tlog.size", "03\n"), "not with the size"),
        ((409, "text/x.tlog.size", "3"), "not with the size"),
        ((200, "text/plain", "nonsense\n"), "not its signature"),
        ((200, "text/plain", ""), "not its signature"),
        ((200, "text/plain", "\N{EM DASH} witness.example/w1 AAAAAAAAAAAAAAAA\n"), "not its signature"),
        ((200, "text/plain", "x" * 20_000), "too long"),
    ],
)
async def test_whatever_else_is_answered_keeps_nothing_and_is_asked_again_later(
    witnessed: Witnessed, answer: tuple[int, str, str], words: str
) -> None:
    witnessed.witness.answer = answer
    with logged_by(witnessing) as logs:
        await witnessed.witnessing.run()
    assert await witnessed.signed() == []
    assert words in witnessed.state.trouble
    assert [(each["event"], each["log_level"]) for each in logs] == [("a witness does not sign", "warning")]
    asked = len(witnessed.witness.asked)
    await witnessed.witnessing.run()
    assert len(witnessed.witness.asked) == asked, "not before its pause is over"
    witnessed.witness.answer = None
    with logged_by(witnessing) as logs:
        await witnessed.ask()
    assert [each["event"] for each in logs] == ["a witness signs again"]
    assert len(await witnessed.signed()) == 1
    assert (witnessed.state.trouble, witnessed.state.failures) == ("", 0)


async def test_pauses_grow_and_an_alarm_is_raised_after_an_hour(witnessed: Witnessed) -> None:
    witnessed.witness.answer = (500, "text/plain", "\n")
    pauses = []
    for _ in range(12):
        await witnessed.ask()
        pauses.append(witnessed.state.quiet_until - time.monotonic())
    assert FIRST_PAUSE * 0.7 < pauses[0] <= FIRST_PAUSE
    assert pauses[2] > 2 * pauses[0]
    assert LONGEST_PAUSE * 0.7 < pauses[-1] <= LONGEST_PAUSE
    assert await witnessed.witnessing.check() == OK
    assert witnessed.state.failing_from is not None
    witnessed.state.failing_from -= UNWELL_SECONDS
    assert "has signed nothing for 60 minutes: it answered 500" in await witnessed.witnessing.check()


async def test_a_signature_of_no_time_or_of_another_key_is_not_kept(witnessed: Witnessed) -> None:
    witnessed.witness.seconds = 0
    await witnessed.witnessing.run()
    assert "does not say when it signed" in witnessed.state.trouble
    text = parse_note((await witnessed.ledger.checkpoints())[-1].note).text
    witnessed.witness.answer = (200, "text/plain", Witness().line(text))
    await witnessed.ask()
    assert "not its signature" in witnessed.state.trouble
    other = Witness("another.example")
    witnessed.witness.answer = None
    witnessed.witness.seconds = 1_700_000_000
    await witnessed.ledger.record()
    await witnessed.ledger.seal()
    text = parse_note((await witnessed.ledger.checkpoints())[-1].note).text
    witnessed.witness.answer = (200, "text/plain", other.line(text) + witnessed.witness.line(text))
    witnessed.state.quiet_until = 0.0
    await witnessed.witnessing.run()
    assert len(await witnessed.signed()) == 1, "lines of keys that are not known are passed over"


async def test_a_witness_that_is_away_holds_up_nobody(ledger: Ledger) -> None:
    await ledger.record(2)
    await ledger.seal()
    here, away = Witness(), Witness("away.example")
    here.know(str((await known_keys(ledger.database.read()))[0].verifier))
    with serving(here) as url:
        named = [(here.verifier_key, url), (away.verifier_key, "http://127.0.0.1:9/")]
        asking = Witnessing(ledger.database.read, ledger.work, witnesses_of(named), lambda: ledger.now)
        await asking.run()
    assert asking.tried == {WitnessOutcome.SIGNED: 1, WitnessOutcome.UNREACHABLE: 1}
    assert "there is no answer" in asking.states["away.example"].trouble
    assert asking.states[here.name].trouble == ""


async def test_a_new_key_of_the_ledger_is_signed_for_while_the_old_one_signs_beside_it(witnessed: Witnessed) -> None:
    async with witnessed.ledger.work() as write:
        await rotate_key(write, witnessed.ledger.keys, witnessed.ledger.caller(), at_once=False)
    await witnessed.ask()
    assert len(await witnessed.signed()) == 1


async def test_one_process_asks_and_a_copy_asks_nobody(witnessed: Witnessed) -> None:
    await witnessed.witnessing.run()
    await witnessed.ledger.record()
    await witnessed.ledger.seal()
    asked = len(witnessed.witness.asked)
    await witnessed.another().run()
    copy = witnessed.another(copy=True)
    await copy.run()
    assert copy.states == {}
    assert len(witnessed.witness.asked) == asked
    await witnessed.witnessing.run()
    assert len(witnessed.witness.asked) == asked + 1


async def test_nothing_is_sent_before_anything_is_signed(ledger: Ledger) -> None:
    witness = Witness()
    with serving(witness) as url:
        named = witnesses_of([(witness.verifier_key, url)])
        await Witnessing(ledger.database.read, ledger.work, named, lambda: ledger.now).run()
    assert witness.asked == []


def test_witnesses_are_named_in_the_settings() -> None:
    first, second = Witness("one.example"), Witness("two.example")
    said = f"{first.verifier_key} https://one.example/w, {second.verifier_key}  http://127.0.0.1:8080"
    named = load({"REGISTRY_DEMO": "1", "REGISTRY_WITNESSES": said}).witnesses
    assert named == ((first.verifier_key, "https://one.example/w"), (second.verifier_key, "http://127.0.0.1:8080"))
    assert [each.key.name for each in witnesses_of(named)] == ["one.example", "two.example"]
    for wrong in (first.verifier_key, f"{first.verifier_key} http://one.example", "https://one.example"):
        with pytest.raises(SettingsError, match="REGISTRY_WITNESSES"):
            load({"REGISTRY_DEMO": "1", "REGISTRY_WITNESSES": wrong})
    ledgers_own = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    for listed, words in (
        ([("nonsense", "https://one.example")], "nonsense"),
        ([(ledgers_own, "https://one.example")], "the key of a ledger"),
        ([named[0], named[0]], "twice"),
    ):
        with pytest.raises(SettingsError, match=words):
            witnesses_of(listed)
