"""Examines a policy set that nobody has examined yet in a process of its own, which may be killed at any moment."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import structlog

from registry.platform.files.confined import ConfinedProcess
from registry.platform.files.turns import Turns
from registry.sharing.policy.analysing import Recorded
from registry.sharing.policy.child import Examined, ToExamine
from registry.sharing.policy.examining import AskedOf, Examination, KnownWords, PolicySetText
from registry.sharing.policy.locating import PolicyFault

EXAMINING_SECONDS: Final = 20
MOST_OUTPUT: Final = 16 * 2**20
MAIN: Final = """
import sys
sys.path.insert(0, sys.argv[1])
from registry.sharing.policy.child import main
main(sys.argv[2], sys.argv[3], int(sys.argv[4]))
"""
_found = msgspec.json.Decoder(Examined)
_log = structlog.get_logger("registry.sharing.policy")


class ConfinedExaminer:
    """Examines sets beside the policies in a folder: two at a time, and of one agency one at a time.

    `on` are the codes of the policies that this installation turned on; `main` is what the process runs.
    """

    def __init__(
        self, folder: Path, on: Collection[str], *, seconds: int = EXAMINING_SECONDS, main: str = MAIN
    ) -> None:
        self._arguments = [str(folder.resolve()), ",".join(sorted(on)), str(seconds)]
        self._seconds = seconds
        self._main = main
        self._turns = Turns(2, of="policy set", code="busy")

    async def examine(
        self, agency: UUID, given: PolicySetText, known: KnownWords, decisions: tuple[Recorded, ...] = ()
    ) -> Examination:
        """Everything that is wrong with a set of the agency; that it took too much is a fault as well.

        It is analysed over these `decisions` about what the agency was asked for. Raises Busy when its turn does not
        come.
        """
        asked = ToExamine(
            given=given,
            asked=AskedOf(owner=agency, decisions=decisions),
            categories=frozenset(known.categories),
            purposes=frozenset(known.purposes),
        )
        async with self._turns.turn(agency):
            return await asyncio.to_thread(self._examine, asked)

    def _examine(self, asked: ToExamine) -> Examination:
        with ConfinedProcess(self._main, *self._arguments, seconds=self._seconds) as process:
            process.send(msgspec.json.encode(asked))
            output = process.read(MOST_OUTPUT)
        try:
            return _found.decode(output).examination
        except msgspec.DecodeError:
            _log.warning("a policy set was not examined to its end", ended_with=process.ended_with)
        detail = "it could not be examined with the time and memory that a policy set may take: make it simpler"
        fault = PolicyFault(source="cedar", policy_id=None, line=None, column=None, text=None, detail=detail)
        return Examination(faults=(fault,), policies=0, cases=0)
