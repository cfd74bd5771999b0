"""What witnesses sign under a checkpoint (C2SP tlog-cosignature): kept once it is verified, and served with it."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound
from registry.platform.ledger.notes import (
    COSIGNATURE,
    TIME_BYTES,
    NoteError,
    VerifierKey,
    parse_checkpoint,
    parse_note,
    verified_by,
)
from registry.platform.ledger.tables import ledger_checkpoint, ledger_cosignature

_NOTE = sa.select(ledger_checkpoint.c.note).where(
    ledger_checkpoint.c.tree_size == sa.bindparam("tree_size", type_=sa.BigInteger)
)
_INSERT = {
    "sqlite": sqlite.insert(ledger_cosignature).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(ledger_cosignature).on_conflict_do_nothing(),
}


async def add_cosignature(write: Write, text: str, witness: VerifierKey, now: datetime) -> int:
    """Keep a witness's line under a checkpoint of ours; the checkpoint's size. Repeating it changes nothing.

    Raises NoteError for what is no checkpoint or not signed by the witness, and NotFound for a checkpoint that the
    registry has not signed.
    """
    if witness.kind != COSIGNATURE:
        raise NoteError("the key is not one of a witness")
    note = parse_note(text)
    size = parse_checkpoint(note).size
    kept = await write.value(_NOTE, {"tree_size": size})
    if kept is None or parse_note(kept).text != note.text:
        raise NotFound("ledger_checkpoint")
    if not verified_by(note, [witness]):
        raise NoteError(f"it is not signed by {witness.name}")
    line = next(each for each in note.signatures if (each.name, each.key_id) == (witness.name, witness.key_id))
    if not 0 < int.from_bytes(line.signed[:TIME_BYTES]) < 2**63:
        raise NoteError(f"{witness.name} does not say when it signed")
    row = {"tree_size": size, "verifier_key": str(witness), "line": str(line), "added_at": now}
    await write.run(_INSERT[write.dialect], row)
    return size
