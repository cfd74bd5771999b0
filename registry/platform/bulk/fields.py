"""What a kind of import takes: its fields, and the protocol that `app.py` wires for each kind.

The platform knows how files are read, columns mapped, rows run and reported; which rows there can be, and what entering
one means, is the room's that implements `Importer`. It enters rows through its own commands.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.faults import find_faults
from registry.platform.http.requests import loose_values
from registry.platform.kernel.errors import Fault

Wanted = TypeVar("Wanted", bound=Struct)


class FieldKind(StrEnum):
    """How a cell is read."""

    TEXT = "text"
    WHOLE = "whole"
    DECIMAL = "decimal"
    MONEY = "money"
    FLAG = "flag"
    CHOICE = "choice"
    CODE = "code"
    CODES = "codes"
    DAY = "day"
    RECORDS = "records"
    OBJECT = "object"


class RowOutcome(StrEnum):
    """What became of a row; in a dry run, what would."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class ImportField(Struct, kw_only=True, frozen=True):
    """A field that a column can fill. A dot in its name leads into an object: `location.latitude`.

    `synonyms` are other headers people use; `words` other values, folded, each with the value it stands for; `measures`
    what numbers can be in, each with its size in the field's own, which is the first.
    """

    name: str
    kind: FieldKind
    description: str
    required: bool = False
    synonyms: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    words: Mapping[str, str] = {}
    measures: Mapping[str, str] = {}


class RowRemark(Struct, kw_only=True, frozen=True):
    """Something to be known about a row that was taken: which field, and what."""

    code: str
    detail: str
    field: str | None = None


class Entered(Struct, kw_only=True, frozen=True):
    """What became of a row that was taken."""

    outcome: RowOutcome
    id: UUID
    remarks: Sequence[RowRemark] = ()


class RowRefused(Exception):  # named like the domain's other errors
    """The row cannot be taken. Each fault's pointer leads to a field: `/location/latitude`."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults[0].detail)
        self.faults = tuple(faults)


class Importer(Protocol):
    """One kind of import."""

    kind: str
    fields: Sequence[ImportField]
    key: tuple[str, ...]
    """The fields that together identify a thing of the agency's own."""
    open_fields: Mapping[str, str]
    """Prefixes under which any column can go, such as `attributes.`, each with its description."""

    def may_import(self, caller: Caller) -> None:
        """Raises Forbidden unless the caller may enter things of this kind."""
        ...

    def may_read(self, caller: Caller) -> None:
        """Raises Forbidden unless the caller may see the cells of such tables, in suggestions and in reports."""
        ...

    async def vocabulary(self, read: Read, caller: Caller) -> Mapping[str, Mapping[str, str]]:
        """For fields whose values are codes: the code of each folded word that people of the agency write instead.

        Under an open prefix: which field below it a header stands for.
        """
        ...

    def key_of(self, values: Mapping[str, Any]) -> str:
        """The natural key of a row in its normal form; two rows with the same are about the same thing."""
        ...

    async def known(self, read: Read, caller: Caller) -> Mapping[str, UUID]:
        """All things of this kind that the agency has already, by their natural keys."""
        ...

    async def named(self, read: Read, caller: Caller, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, UUID]:
        """Other things that rows of one batch name, by what they call them; read in one statement for all of them."""
        ...

    async def enter(
        self,
        write: Write,
        caller: Caller,
        found: UUID | None,
        values: Mapping[str, Any],
        named: Mapping[str, UUID],
    ) -> Entered:
        """Enter a new thing, or correct the one that was found; `named` is what `named` found for the row's batch.

        A field that is not among `values` is left as it is. Raises RowRefused, and what the room's commands raise.
        """
        ...


def field_of(importer: Importer, name: str) -> ImportField | None:
    """The field of that name; of an open prefix a field of text."""
    for each in importer.fields:
        if each.name == name:
            return each
    for prefix, description in importer.open_fields.items():
        if name.startswith(prefix) and len(name) > len(prefix):
            return ImportField(name=name, kind=FieldKind.TEXT, description=description)
    return None


class Importers(Struct, kw_only=True, frozen=True):
    """The kinds of imports that the application has, by name."""

    by_kind: Mapping[str, Importer]

    def of(self, kind: str) -> Importer | None:
        """The importer of that kind."""
        return self.by_kind.get(kind)


def nested(values: Mapping[str, object]) -> dict[str, Any]:
    """The values as the object that a request would have: `location.latitude` within `location`."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        place = found
        *parents, last = name.split(".", 1) if name.count(".") else [name]
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = {**place.get(last, {}), **value} if isinstance(value, dict) else value
    return found


def as_struct(values: Mapping[str, Any], kind: type[Wanted]) -> Wanted:
    """The values as the struct that a request would have. Raises RowRefused with everything that does not fit."""
    found = nested(values)
    try:
        wanted = msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        faults = list(find_faults(found, kind))
        raise RowRefused(faults or [Fault(code="invalid_body", detail=str(error), pointer="")]) from None
    if far := [fault for fault in loose_values(wanted, "") if fault.code == "date_out_of_range"]:
        raise RowRefused(far)
    return wanted
