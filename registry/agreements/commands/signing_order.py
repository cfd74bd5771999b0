"""In which order a text is signed: laid down when it goes out, and held against each signature."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row

from registry.access.principals import Caller
from registry.agreements.queries.signing import others_first, signing_of
from registry.agreements.reviews import checked_due
from registry.agreements.schemas.signing import AgreementForSignature
from registry.agreements.signing_tables import agreement_signing, agreement_signing_turn
from registry.agreements.turns import SigningOrder, turns
from registry.database.handles import Write
from registry.kernel.errors import WrongState

_INSERT = agreement_signing.insert()
_INSERT_TURN = agreement_signing_turn.insert()


async def open_signing(
    write: Write,
    caller: Caller,
    row: Row[Any],
    version_id: UUID,
    parties: Sequence[UUID],
    how: AgreementForSignature,
) -> dict[str, object]:
    """Lay down in which order `parties` sign the version; what the ledger tells of it.

    Raises RuleBroken for a sequence that is not one of the parties, and a due day that is over.
    """
    due_on = checked_due(how.due_on, ZoneInfo(row.time_zone), caller.now, "/due_on")
    in_order = turns(how.order, parties, how.sequence)
    await write.run(
        _INSERT,
        {"version_id": version_id, "signing_order": how.order, "due_on": due_on, "opened_at": caller.now},
    )
    await write.run(
        _INSERT_TURN,
        [{"version_id": version_id, "agency_id": party, "turn": turn} for turn, party in enumerate(in_order)],
    )
    told: dict[str, object] = {"order": how.order}
    if how.order is SigningOrder.SEQUENTIAL:
        told["sequence"] = [str(party) for party in in_order]
    return told if due_on is None else {**told, "due_on": due_on}


async def in_turn(write: Write, version_id: UUID, agency_id: UUID, now: datetime) -> None:
    """Let the agency sign the version now; raises WrongState, naming whose turn it is, when others come first."""
    found = await signing_of(write, version_id, now)
    if found is not None and (before := await others_first(write, found, agency_id)) is not None:
        raise WrongState(before, "not_your_turn", extra={"next": [str(each) for each in found.next]})
