"""In which order a text is signed: laid down when it goes out, and held against each signature."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.declining import declined_by, round_stopped
from registry.agreements.instruments.queries.signing import ids_of, others_first, signing_of
from registry.agreements.instruments.reviews import checked_due
from registry.agreements.instruments.schemas.signing import AgreementForSignature
from registry.agreements.instruments.signing_sequence import SigningOrder, signing_sequence
from registry.agreements.instruments.signing_tables import agreement_signing, agreement_signing_turn
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import WrongStatus

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
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    due_on = checked_due(how.due_on, today, "/due_on")
    in_order = signing_sequence(how.order, parties, how.sequence)
    await write.run(
        _INSERT,
        {"version_id": version_id, "signing_order": how.order, "due_on": due_on, "opened_at": caller.now},
    )
    turns = [{"version_id": version_id, "agency_id": party, "turn": turn} for turn, party in enumerate(in_order)]
    if turns:  # a paper may be recorded of which all have left since
        await write.run(_INSERT_TURN, turns)
    told: dict[str, object] = {"order": how.order}
    if how.order is SigningOrder.SEQUENTIAL:
        told["sequence"] = [str(party) for party in in_order]
    return told if due_on is None else {**told, "due_on": due_on}


async def check_not_declined(write: Write, version_id: UUID, agency_id: UUID, now: datetime) -> None:
    """Raises WrongStatus where another whose signature the version needs has declined it."""
    found = await signing_of(write, version_id, now)
    if found is not None:
        no = await declined_by(write, version_id=version_id)
        if (stopped := round_stopped(no, ids_of(found.outstanding), agency_id)) is not None:
            raise WrongStatus(stopped, "signing_declined")


async def in_turn(write: Write, version_id: UUID, agency_id: UUID, now: datetime) -> None:
    """Let the agency sign the version now.

    Raises WrongStatus, naming whose turn it is, when others come first, and saying why, when one of them declined.
    """
    await check_not_declined(write, version_id, agency_id, now)
    found = await signing_of(write, version_id, now)
    if found is not None and (before := others_first(found, agency_id)) is not None:
        raise WrongStatus(before, "not_your_turn", extra={"next": found.next})
