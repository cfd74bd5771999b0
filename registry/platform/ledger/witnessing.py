"""Has checkpoints signed by witnesses (C2SP tlog-witness), so that rewriting the ledger would need their keys too.

A witness keeps of each ledger the largest tree that it signed, and signs another only with the proof that it extends
that one. Each new checkpoint is sent to each witness of the settings, by one process at a time (`database.lease`); what
a witness answers is verified and kept with the checkpoint (`cosigning`). A witness that does not answer is asked again
later and later, and holds nothing up.

The addresses are the operator's own, as those of issuers and of the mail server are, and may be inside its network. So
they are asked as they stand; what webhooks need because agencies name their addresses is not needed here. No redirect
is followed, no proxy is asked, and of an answer no more is read than a few lines. See https://c2sp.org/tlog-witness.
"""

import asyncio
import random
import re
import ssl
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

import httpcore
import sqlalchemy as sa
import structlog
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read, Write
from registry.platform.database.lease import take_lease
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.cosigning import add_cosignature
from registry.platform.ledger.merkle import consistency, proof
from registry.platform.ledger.notes import COSIGNATURE, LARGEST_SIZE, NoteError, VerifierKey, base64_of, parse_key
from registry.platform.ledger.tables import ledger_checkpoint, ledger_cosignature
from registry.platform.ledger.tree import stored_for
from registry.platform.settings import SettingsError

TASK: Final = "witnesses"
LEASE: Final = timedelta(minutes=2)
ASK_SECONDS: Final = 15.0
"""For all of one question: connecting, sending, and the answer."""
CONNECT_SECONDS: Final = 5.0
LONGEST_ANSWER: Final = 16_384
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 3_600.0
"""Seconds until a witness that failed is asked again: twice as many each time, and an hour at most."""
UNWELL_SECONDS: Final = 3_600.0
"""A witness that has signed nothing for so long, although there was something to sign, is worth an alarm."""
OK: Final = "ok"
_SIZE = re.compile(r"(0|[1-9][0-9]{0,15})\n")
_CONFLICT_TYPE = "text/x.tlog.size"

UnitOfWork: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]

_NEWEST = sa.select(ledger_checkpoint).order_by(ledger_checkpoint.c.tree_size.desc()).limit(1)
_LAST_SIGNED = (
    sa.select(ledger_cosignature.c.tree_size)
    .where(ledger_cosignature.c.verifier_key == sa.bindparam("key", type_=sa.Text))
    .order_by(ledger_cosignature.c.tree_size.desc())
    .limit(1)
)
_REFUSALS = {
    400: "it takes the question for malformed",
    403: "it does not know the key that signs this ledger's checkpoints",
    404: "it does not know this ledger by its name",
    422: "it does not accept the proof that the ledger was only added to",
}
_log = structlog.get_logger("registry.platform.ledger")


class WitnessOutcome(StrEnum):
    """What came of one question."""

    SIGNED = "signed"
    BEHIND = "behind"  # it has signed another tree than was thought: 409, and it is asked again at once
    REFUSED = "refused"  # it answered otherwise
    UNREACHABLE = "unreachable"  # there was no connection, or no answer in time


class Witness(Struct, frozen=True, kw_only=True):
    """A witness of the settings: its key, and the address before `/add-checkpoint`."""

    key: VerifierKey
    url: str


class WitnessState(Struct, kw_only=True):
    """How it stands with one witness, as far as this process knows."""

    signed: int = 0
    """The size of the largest tree here that it signed."""
    known: int | None = None
    """The size of the largest tree that it says it has signed, where it said so."""
    failures: int = 0
    failing_from: float | None = None
    quiet_until: float = 0.0
    trouble: str = ""
    contradicts: bool = False
    """It has signed a tree that this ledger does not extend."""


class Answered(Struct, frozen=True, kw_only=True):
    """What a witness answered."""

    status: int
    media_type: str
    text: str


class WitnessRefusedError(Exception):
    """The witness does not sign; the message says why. `contradicts`: it has signed what is not in this ledger."""

    def __init__(self, words: str, *, contradicts: bool = False) -> None:
        super().__init__(words)
        self.contradicts = contradicts


def witnesses_of(named: Sequence[tuple[str, str]]) -> tuple[Witness, ...]:
    """The witnesses of the settings. Raises SettingsError for a key that is none of a witness."""
    found: list[Witness] = []
    for text, url in named:
        try:
            key = parse_key(text)
        except NoteError as error:
            raise SettingsError(f"REGISTRY_WITNESSES: “{text[:60]}”: {error}.") from None
        if key.kind != COSIGNATURE:
            raise SettingsError(f"REGISTRY_WITNESSES: “{text[:60]}” is the key of a ledger, and none of a witness.")
        if key in [each.key for each in found]:
            raise SettingsError(f"REGISTRY_WITNESSES names {key.name} twice.")
        found.append(Witness(key=key, url=url.rstrip("/")))
    return tuple(found)


async def last_witnessed(read: Read, witness: Witness) -> int:
    """The size of the largest tree here that the witness signed; 0 where it signed none."""
    return int(await read.value(_LAST_SIGNED, {"key": str(witness.key)}) or 0)


class Witnessing:
    """Asks the witnesses for their signatures whenever it is run, and keeps these."""

    def __init__(
        self,
        read: Callable[[], Read],
        work: UnitOfWork,
        witnesses: Sequence[Witness],
        now: Callable[[], datetime],
        *,
        copy: bool = False,
        seconds: float = ASK_SECONDS,
    ) -> None:
        """From a `copy` nothing is sent: a witness would take it for the ledger itself."""
        self._read = read
        self._work = work
        self._witnesses = () if copy else tuple(witnesses)
        self._now = now
        self._seconds = seconds
        self._context: ssl.SSLContext | None = None
        self._holder = new_id().hex
        self._held_until: datetime | None = None
        self.states = {each.key.name: WitnessState() for each in self._witnesses}
        self.tried: Counter[WitnessOutcome] = Counter()
        """How many questions of this process came to what."""

    async def run(self) -> None:
        """Ask each witness that has not signed the newest checkpoint yet, unless it failed a short while ago."""
        if not self._witnesses or (row := await self._read().first(_NEWEST)) is None:
            return
        due = [each for each in self._witnesses if await self._is_due(each, row.tree_size)]
        if due and await self._has_turn():
            await asyncio.gather(*(self._ask(each, row) for each in due))

    async def check(self) -> str:
        """`ok`, or which witness does not sign, and why."""
        for name, state in self.states.items():
            if state.contradicts:
                return f"the witness {name} contradicts the ledger: {state.trouble}"
            if state.failing_from is not None and (since := time.monotonic() - state.failing_from) > UNWELL_SECONDS:
                return f"the witness {name} has signed nothing for {since / 60:.0f} minutes: {state.trouble}"
        return OK

    async def _is_due(self, witness: Witness, size: int) -> bool:
        state = self.states[witness.key.name]
        state.signed = await last_witnessed(self._read(), witness)
        return state.signed < size and time.monotonic() >= state.quiet_until

    async def _has_turn(self) -> bool:
        """Whether this process asks; the lease is renewed when half of it is over."""
        now = self._now()
        if self._held_until is not None and now < self._held_until - LEASE / 2:
            return True
        async with self._work() as write:
            taken = await take_lease(write, TASK, self._holder, now, now + LEASE)
        self._held_until = now + LEASE if taken else None
        return taken

    async def _ask(self, witness: Witness, row: Row[Any]) -> None:
        state = self.states[witness.key.name]
        try:
            async with asyncio.timeout(self._seconds):
                await self._have_signed(witness, state, row)
        except WitnessRefusedError as error:
            self.tried[WitnessOutcome.REFUSED] += 1
            self._failed(witness, state, str(error), contradicts=error.contradicts)
        except (
            TimeoutError,
            OSError,
            httpcore.NetworkError,
            httpcore.TimeoutException,
            httpcore.ProtocolError,
        ) as error:
            self.tried[WitnessOutcome.UNREACHABLE] += 1
            self._failed(witness, state, f"there is no answer ({type(error).__name__})")
        else:
            self.tried[WitnessOutcome.SIGNED] += 1
            if state.trouble:
                _log.warning("a witness signs again", witness=witness.key.name)
            state.failures, state.failing_from, state.quiet_until = 0, None, 0.0
            state.trouble, state.contradicts = "", False
            state.signed = state.known = row.tree_size

    async def _have_signed(self, witness: Witness, state: WitnessState, row: Row[Any]) -> None:
        """Raises WitnessRefusedError unless the witness signs, and what the network raises."""
        old = state.known if state.known is not None and state.known <= row.tree_size else state.signed
        answer = await self._post(witness, await self._question(old, row))
        if answer.status == 409:
            self.tried[WitnessOutcome.BEHIND] += 1
            state.known = old = _size_in(answer)
            if old > row.tree_size:
                raise WitnessRefusedError(
                    f"it has signed a tree of {old} events, and there are {row.tree_size} in the newest checkpoint",
                    contradicts=True,
                )
            answer = await self._post(witness, await self._question(old, row))
        if answer.status != 200:
            words = _REFUSALS.get(answer.status, f"it answered {answer.status}")
            raise WitnessRefusedError(words, contradicts=answer.status == 422)
        try:
            async with self._work() as write:
                await add_cosignature(write, row.note + answer.text, witness.key, self._now())
        except NoteError as error:
            raise WitnessRefusedError(f"what it answered is not its signature: {error}") from None

    async def _question(self, old: int, row: Row[Any]) -> bytes:
        """The body: what it has signed, the proof that the newest tree extends that, and the checkpoint."""
        hashes: list[bytes] = []
        if 0 < old < row.tree_size:
            ranges = consistency(old, row.tree_size)
            try:
                hashes = proof(ranges, await stored_for(self._read(), ranges))
            except KeyError as lacking:
                raise WitnessRefusedError(f"it is not asked: the subtree {lacking} of the ledger is missing") from None
        lines = "".join(f"{base64_of(each)}\n" for each in hashes)
        return f"old {old}\n{lines}\n{row.note}".encode()

    async def _post(self, witness: Witness, body: bytes) -> Answered:
        if self._context is None:
            self._context = await asyncio.to_thread(ssl.create_default_context)
        limits = dict.fromkeys(("read", "write"), self._seconds) | dict.fromkeys(("connect", "pool"), CONNECT_SECONDS)
        async with (
            httpcore.AsyncConnectionPool(ssl_context=self._context, max_connections=1) as pool,
            pool.stream(
                "POST",
                f"{witness.url}/add-checkpoint",
                headers=[("Content-Type", "text/plain; charset=utf-8"), ("User-Agent", "registry-ledger")],
                content=body,
                extensions={"timeout": limits},
            ) as response,
        ):
            read = b""
            async for piece in response.aiter_stream():
                read += piece
                if len(read) > LONGEST_ANSWER:
                    raise WitnessRefusedError("what it answered is too long")
            headers = {name.lower(): value for name, value in response.headers}
            return Answered(
                status=response.status,
                media_type=headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower(),
                text=read.decode("utf-8", "replace"),
            )

    def _failed(self, witness: Witness, state: WitnessState, words: str, *, contradicts: bool = False) -> None:
        now = time.monotonic()
        state.failures += 1
        state.failing_from = state.failing_from or now
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(state.failures - 1, 20))
        state.quiet_until = now + pause * random.uniform(0.8, 1.0)  # noqa: S311  # so that not all ask at once
        if contradicts and not state.contradicts:
            _log.error("a witness contradicts the ledger", witness=witness.key.name, cause=words)
        elif words != state.trouble:
            _log.warning("a witness does not sign", witness=witness.key.name, cause=words)
        state.trouble, state.contradicts = words, contradicts


def _size_in(answer: Answered) -> int:
    """The size in an answer 409. Raises WitnessRefusedError for one that is none."""
    found = _SIZE.fullmatch(answer.text)
    if answer.media_type != _CONFLICT_TYPE or found is None or int(found[1]) > LARGEST_SIZE:
        raise WitnessRefusedError("it answered 409, and not with the size of the tree that it has signed")
    return int(found[1])
