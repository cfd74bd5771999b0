"""Whoever reads restricted text leaves a record, and gets no text where it cannot be made."""

from uuid import UUID

from registry.access.principals import Caller
from registry.database.connect import Aside
from registry.kernel.errors import Busy, DomainError
from registry.kernel.ids import new_id
from registry.ledger.commands import record


async def record_reading(aside: Aside, caller: Caller, agreement_id: UUID, custodian_id: UUID, version_no: int) -> None:
    """Record, in a transaction of its own and before the answer, that restricted text was read. Raises Busy."""
    try:
        async with aside() as write:
            await record(
                write,
                caller,
                "agreement.restricted_text_read",
                subject=("restricted_reading", new_id(), 0),
                agencies=[custodian_id],
                agreement_id=agreement_id,
                data={"version_no": version_no},
                sensitivity="restricted",
            )
    except DomainError:
        raise
    except Exception as error:
        raise Busy(
            "The reading could not be recorded, so the text is not shown. Try again.", "reading_not_recorded"
        ) from error
