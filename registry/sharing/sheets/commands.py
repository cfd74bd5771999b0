"""Making a sheet: it is gathered for its reader, and the readings of names are recorded before it is answered."""

from uuid import UUID

from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import NotFound
from registry.resources.personnel.commands.naming import read_name
from registry.resources.personnel.schemas import PersonnelName
from registry.sharing.loans.queries.getting import get_loan
from registry.sharing.loans.schemas.shown import Loan
from registry.sharing.sheets import queries
from registry.sharing.sheets.qr import qr_code
from registry.sharing.sheets.rules import NAMES_NOT_ASKED, NAMES_NOT_READ, NAMES_OVER, Gathered, sheet_of
from registry.sharing.sheets.schemas import LoanSheet


async def make_sheet(
    read: Read,
    own_transaction: OwnTransaction,
    caller: Caller,
    loan_id: UUID,
    address: str,
    *,
    crew_names: bool,
) -> LoanSheet:
    """The sheet of a loan, for the reader; `address` is where the loan is.

    Names of people are on it where they are asked for and may be read, and that is recorded first. Raises NotFound,
    Busy where a reading cannot be recorded.
    """
    loan = queries.decoded(await get_loan(read, caller.principal, loan_id, caller.now), Loan)
    own = loan.assisting_agency.id == caller.agency_id
    return sheet_of(
        Gathered(
            loan=loan,
            address=address,
            code=qr_code(address),
            time_zone=await queries.time_zone(read, loan),
            oris=await queries.oris(read, loan),
            asset=await queries.asset_of(read, caller, loan),
            own=own,
            place=await queries.place_of(read, loan),
            members=await queries.members_of(read, caller, loan),
            version=await queries.version_of(read, caller, loan),
            names=await _names(read, own_transaction, caller, loan, own=own) if crew_names else NAMES_NOT_ASKED,
            now=caller.now,
        )
    )


async def _names(
    read: Read, own_transaction: OwnTransaction, caller: Caller, loan: Loan, *, own: bool
) -> str | list[PersonnelName]:
    """The names of who goes along, each reading recorded; why they are withheld where they are."""
    if refusal(caller.principal, Action.PERSONNEL_NAME, ["own" if own else "requesting"]) is not None:
        return NAMES_NOT_READ
    people = [*([] if loan.handler_id is None else [loan.handler_id]), *loan.personnel_ids]
    try:
        return [await read_name(read, own_transaction, caller, each) for each in people]
    except NotFound:
        return NAMES_OVER
