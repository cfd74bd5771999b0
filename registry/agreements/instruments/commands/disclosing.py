"""Whoever reads restricted text leaves a record, and gets no text where it cannot be made."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.kernel.errors import Busy, DomainError
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.commands import Event, record, record_many
from registry.platform.ledger.event_types import EventType


class RestrictedReading(Struct, kw_only=True, frozen=True):
    """Of which agreement restricted text is about to be shown; `data` says which text, never what it says."""

    agreement_id: UUID
    custodian_id: UUID
    data: Mapping[str, object]


async def record_reading(
    own_transaction: OwnTransaction, caller: Caller, agreement_id: UUID, custodian_id: UUID, version_no: int
) -> None:
    """Record, in a transaction of its own and before the answer, that restricted text was read. Raises Busy."""
    data = {"version_no": version_no}
    reading = RestrictedReading(agreement_id=agreement_id, custodian_id=custodian_id, data=data)
    await record_readings(own_transaction, caller, [reading])


async def record_readings(
    own_transaction: OwnTransaction,
    caller: Caller,
    readings: Sequence[RestrictedReading],
    *,
    beside: Sequence[Event] = (),
) -> None:
    """As `record_reading`, for all that one answer shows, and with it the events `beside` them. Raises Busy."""
    if not (readings or beside):
        return
    try:
        async with own_transaction() as write:
            for each in readings:
                record(
                    write,
                    caller,
                    EventType.AGREEMENT_RESTRICTED_TEXT_READ,
                    subject=("restricted_reading", new_id(), 0),
                    agencies=[each.custodian_id],
                    agreement_id=each.agreement_id,
                    data=each.data,
                    restricted=True,
                )
            record_many(write, caller, beside)
    except DomainError:
        raise
    except Exception as error:
        raise Busy(
            "The reading could not be recorded, so the text is not shown. Try again.", "reading_not_recorded"
        ) from error
