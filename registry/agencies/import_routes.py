"""The import of the FBI's lists over HTTP, for what fits in a request; whole lists go in on the command line."""

import asyncio
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import BinaryIO, TypeVar

from litestar.di import NamedDependency
from litestar.params import JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agencies import importing
from registry.agencies.fbi import AgencyRecord, ImportFormatError, RowFault, join, read_cde, read_lee
from registry.agencies.schemas import AGENCY_IMPORT_EXAMPLE, AgencyImport, AgencyImportReport
from registry.database.connect import Database
from registry.database.handles import Write
from registry.http.answers import Answer
from registry.kernel.errors import Fault, RuleBroken

Rows = TypeVar("Rows")


@operation(
    "post",
    "/agency-imports",
    permission=Action.AGENCIES_CREATE,
    status=200,
    problems=(422,),
    example=AGENCY_IMPORT_EXAMPLE,
)
async def import_agencies(
    data: JSONBody[AgencyImport],
    database: NamedDependency[Database],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
) -> Answer[AgencyImportReport]:
    """Enter and correct agencies from the FBI's lists.

    Agencies are met by ORI; each bad row is refused and named, the others are taken. The same lists again change
    nothing. The rows go in 500 at a time: after a 503 the rows done so far stay, and sending all again does the rest.
    """
    records = await asyncio.to_thread(_records, data)  # a megabyte of CSV takes a while, and others are waiting
    # The import has transactions of its own. So a repeat is answered first, without holding the writer, and what
    # this request's transaction keeps is its answer.
    await write.once()
    await write.abandon()
    report = await importing.import_agencies(database, caller, records, dry_run=data.dry_run)
    await write.once()
    return Answer(report)


def _records(data: AgencyImport) -> list[AgencyRecord | RowFault]:
    lee = _read(read_lee, data.lee, "lee")
    cde = iter(()) if data.cde is None else _read(read_cde, data.cde, "cde")
    return list(join(lee, cde))


def _read(reader: Callable[[BinaryIO, str], Iterator[Rows]], text: str, name: str) -> Iterator[Rows]:
    try:
        return reader(BytesIO(text.encode()), name)
    except ImportFormatError as error:
        fault = Fault(pointer=f"/{name}", code=error.code, detail="not that list")
        raise RuleBroken(error.detail, error.code, faults=[fault]) from None
