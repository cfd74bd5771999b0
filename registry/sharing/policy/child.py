"""The process that examines one policy set of an agency, confined as the reader of documents is.

Cedar's parser calls itself and may end its process, and what a set's cases take is known when they have run. It is
started with an empty environment and all that it is to examine as its standard input. What is needed is imported, and
the shipped policies are read, before anything is given up.
"""

import os
import sys
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from registry.platform.files.confinement import confine, limit
from registry.sharing.policy.cedar import load_policy_set
from registry.sharing.policy.examining import AskedOf, Examination, Examiner, KnownWords, PolicySetText
from registry.sharing.policy.testing import read_cast


class ToExamine(Struct, kw_only=True, frozen=True):
    """What is written to the process."""

    given: PolicySetText
    asked: AskedOf | None
    categories: frozenset[str]
    purposes: frozenset[str]


class Examined(Struct, kw_only=True, frozen=True):
    """What it writes when it has come to its end."""

    what: Literal["examined"] = "examined"
    examination: Examination


_asked = msgspec.json.Decoder(ToExamine)


def main(folder: str, on: str, seconds: int) -> None:
    """Examine what standard input says beside the policies in that folder; `on` names those turned on, by commas."""
    root = Path(folder)
    examiner = Examiner(load_policy_set(root, on=[code for code in on.split(",") if code]), read_cast(root))
    limit(seconds)
    with os.fdopen(0, "rb") as source:
        confine()
        asked = _asked.decode(source.read())
        known = KnownWords(categories=asked.categories, purposes=asked.purposes)
        found = Examined(examination=examiner.examine(asked.given, known, asked.asked))
        sys.stdout.buffer.write(msgspec.json.encode(found))
        sys.stdout.buffer.flush()
