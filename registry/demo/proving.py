"""The step in which the ledger is proved: an event under a signed checkpoint, and a copy that is tampered with."""

import asyncio
import base64
import tempfile
import time
from pathlib import Path
from typing import Any

from registry.demo.stage import Person, Stage
from registry.platform.database.snapshot import copy_sqlite, in_snapshot
from registry.platform.database.sqlite_driver import sqlite_module
from registry.platform.ledger.merkle import is_consistent, leaf_hash, root_by_inclusion
from registry.platform.ledger.notes import parse_checkpoint, parse_key, parse_note, verified_by
from registry.platform.ledger.verifying import verify_ledger

_PATIENCE_SECONDS = 30


def prove(stage: Stage, auditor: Person, event_id: str) -> None:
    """Have an event proved, verify the proof with the public key alone, and find what is changed in a copy."""
    proof = _signed(auditor, f"/v1/ledger/events/{event_id}/proof")
    keys = [parse_key(each["verifier_key"]) for each in auditor.get("/v1/ledger/keys")["keys"]]
    note = parse_note(proof["checkpoint"]["note"])
    checkpoint = parse_checkpoint(note)
    stage.expect(verified_by(note, keys), "the checkpoint is signed by the registry's key")
    path = [base64.b64decode(each) for each in proof["hashes"]]
    leaf = leaf_hash(proof["public_part"].encode())
    stage.expect(
        root_by_inclusion(leaf, proof["seq"], checkpoint.size, path) == checkpoint.root,
        "the event's bytes lead to the signed root",
    )
    earlier = max(1, checkpoint.size // 2)
    growth = auditor.get("/v1/ledger/consistency", **{"from": earlier, "to": checkpoint.size})
    before, after = (base64.b64decode(growth[name]) for name in ("from_root_hash", "to_root_hash"))
    hashes = [base64.b64decode(each) for each in growth["hashes"]]
    stage.expect(
        after == checkpoint.root and is_consistent(earlier, checkpoint.size, before, after, hashes),
        "the ledger was only added to",
    )
    stage.say(f"One event among {checkpoint.size:,} is proved by {len(path)} hashes and one signature.")
    if stage.database_url.startswith("sqlite:"):
        fault = _tampered(stage.database_url, event_id)
        stage.expect("was edited" in fault, "an edit in a copy of the database is found")
        stage.say(f"In a copy of the database somebody edits it, and `registry ledger verify` says: {fault}.")


def _signed(auditor: Person, path: str) -> Any:
    """The proof, once a checkpoint holds the event: that takes some seconds."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not (newest := auditor.get("/v1/ledger/checkpoints", limit=1)["items"]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert newest, "no checkpoint was signed"
    return auditor.get(path)


def _tampered(url: str, event_id: str) -> str:
    """What is found in a copy in which the event's bytes are others."""
    with tempfile.TemporaryDirectory(prefix="registry-") as folder:
        copy = Path(folder) / "copy.db"
        copy_sqlite(url, copy)
        connection = sqlite_module().connect(copy, isolation_level=None)
        try:
            connection.execute("DROP TRIGGER ledger_event_no_update")
            connection.execute(
                "UPDATE ledger_event SET canonical = CAST(replace(CAST(canonical AS TEXT), 'recorded', 'redacted') "
                "AS BLOB) WHERE id = ?",
                (bytes.fromhex(event_id.replace("-", "")),),
            )
        finally:
            connection.close()
        found = asyncio.run(in_snapshot(f"sqlite:///{copy}", verify_ledger))
    return found.faults[0] if found.faults else "nothing"
