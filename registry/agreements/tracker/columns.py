"""The columns of a tracker, taken from what an agreement consists of, and the headers under which people keep them.

A field that the agreement or its terms gain later has its column at once, as long as one cell can say it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct, inspect

from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.schemas.given import RecordedAgreement
from registry.agreements.instruments.terms import Reimbursement, Terms
from registry.agreements.tracker import cells
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.bulk.sheets import Table, letter
from registry.platform.kernel.money import Money

Path = tuple[str, ...]


class Column(Struct, kw_only=True, frozen=True):
    """A column: where its value belongs in the agreement, how a cell of it is read, and whether one may be blank."""

    name: str
    path: Path
    reader: cells.Reader
    required: bool = False


def _columns() -> Iterator[Column]:
    yield from _of(RecordedAgreement, ())
    yield from _of(Terms, ("terms",))
    for column in _of(Reimbursement, ("terms", "reimbursement")):
        yield Column(name="reimbursement", path=column.path, reader=column.reader) if column.name == "model" else column


def _of(struct: type[Struct], above: Path) -> Iterator[Column]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        if field.name in NOT_TAKEN:
            continue
        reader = PARTIES if field.name == "parties" else READ_BY_THE_IMPORT.get(field.name) or _reader(field.type)
        if reader is not None:
            required = field.required and field.name not in MAY_BE_SAID_ONCE | OF_A_SIGNATURE
            yield Column(name=field.name, path=(*above, field.name), reader=reader, required=required)


def _reader(kind: inspect.Type) -> cells.Reader | None:
    """How a cell says a value of that type; None where no single cell can."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        found = [_reader(each) for each in kind.types if not isinstance(each, inspect.NoneType)]
        return found[0] if len(found) == 1 else _limit_reader(kind)
    if isinstance(kind, inspect.StructType):
        return _STRUCTS.get(kind.cls)
    if isinstance(kind, inspect.CollectionType):
        return cells.read_words if _reader(kind.item_type) is cells.read_text else None
    return next((reader for of, reader in _READERS if isinstance(kind, of)), None)


def _limit_reader(kind: inspect.UnionType) -> cells.Reader | None:
    """How a cell says a limit, or that there is none; None where it is another union."""
    words = [each for each in kind.types if isinstance(each, inspect.LiteralType)]
    others = [each for each in kind.types if not isinstance(each, inspect.NoneType | inspect.LiteralType)]
    reader = _reader(others[0]) if len(others) == 1 else None
    says_none = [each.values for each in words] == [("no_limit",)]
    return None if reader is None or not says_none else cells.or_no_limit(reader)


_READERS: Final[Sequence[tuple[type[inspect.Type], cells.Reader]]] = (
    (inspect.BoolType, cells.read_flag),
    (inspect.IntType, cells.read_whole),
    (inspect.DateType, cells.read_date),
    (inspect.EnumType, cells.read_word),
    (inspect.LiteralType, cells.read_word),
    (inspect.StrType, cells.read_text),
)
_STRUCTS: Final[dict[type, cells.Reader]] = {Money: cells.read_money, Notice: cells.read_period}
PARTIES: Final[cells.Reader] = cells.read_list
READ_BY_THE_IMPORT: Final[dict[str, cells.Reader]] = {
    "custodian_id": cells.read_text,
    "expires_on": cells.read_last_day,
    "auto_renew_times": cells.read_times,
}
MAY_BE_SAID_ONCE: Final = frozenset({"time_zone", "custodian_id", "terms"})
"""What may be the same for the whole file and is then said once, or what is no column itself."""

OF_A_SIGNATURE: Final = frozenset({"signed_on", "signatory_title", "evidence_sha256"})
"""What only an agreement that is signed already says."""

NOT_TAKEN: Final = {
    "evidence_location": "what is entered for others rests on the paper itself: give its SHA-256 in evidence_sha256",
    "notes": "remarks stay in the tracker: they may name persons, and the registry's record is for ever",
}

WIDEST: Final = {
    "purposes": "not for which purposes, so none is barred",
    "least_priority": "not from which priority on, so none is barred",
    "max_duration_hours": "not how long a loan may last, so no length is barred",
    "cost_ceiling": "not what a loan may cost, so no cost is barred",
    "max_quantity": "not how many are lent at a time, so no quantity is barred",
    "expires_on": "the row does not say when it ends, or that it never does",
}
"""What a blank cell of a column leaves unsaid, where silence bars nothing: an agreement may say less on paper."""

STATUS: Final = Column(name="status", path=("status",), reader=cells.read_word)
ENDED_ON: Final = Column(name="ended_on", path=("ended_on",), reader=cells.read_date)
FILES: Final = Column(name="files", path=("files",), reader=cells.read_list)
BESIDE_THE_AGREEMENT: Final = frozenset({"custodian", "ended_on", "files"})
"""Columns that say something about the agreement and are no part of what is signed."""

COLUMNS: Final = {
    ("custodian" if column.name == "custodian_id" else column.name): column
    for column in (*_columns(), STATUS, ENDED_ON, FILES)
}
BY_PATH: Final = {column.path: name for name, column in COLUMNS.items()}

_ALIASES: Final = {
    "number": "agreement_number agreement_no agreement_# no no. # mou_number contract_number file_number id",
    "title": "agreement_title agreement_name agreement name subject",
    "kind": "agreement_type type instrument type_of_agreement",
    "parties": "agencies party participating_agencies signatories members",
    "custodian": "custodian_agency custodian_ori custodian_id owner lead_agency",
    "status": "stage state_of_agreement",
    "signed_on": "signed date_signed signature_date signed_date executed executed_on execution_date date_executed",
    "signatory_title": "signatory title_of_signatory signatory_office signed_by_title",
    "evidence_sha256": "evidence sha256 document_sha256 document_hash",
    "effective_on": "effective effective_date date_effective start_date begins starts",
    "expires_on": "expires expiration expiration_date expiry expiry_date end_date date_expires ends",
    "ended_on": "ended terminated_on termination_date date_terminated superseded_on completed_on closed_on last_day",
    "notice": "notice_days notice_period notice_period_days notice_period_(days) termination_notice_days",
    "auto_renew_months": "auto_renewal auto-renewal auto_renewal_months automatic_renewal renews_for_months",
    "time_zone": "timezone zone tz",
    "categories": "category resources resource_categories covers",
    "purposes": "purpose",
    "max_duration_hours": "maximum_duration_hours longest_loan_hours",
    "reimbursement": "reimbursement_model cost_sharing",
    "liability": "liability_bearer",
    "files": "file file_name file_names filename filenames document_file document_name",
    "notes": "note comments comment remarks",
}
_MEANT: Final = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}
_REQUIRED: Final = (*(name for name, column in COLUMNS.items() if column.required), "custodian")


def meant_by(header: str) -> str:
    """The column that a header means; the header itself, folded, where it means none."""
    folded = re.sub(r"[\s_]+", "_", cells.straightened(header).strip().lower()).strip("_:*")
    return _MEANT.get(folded, folded)


def is_known(header: str) -> bool:
    """Whether the header means a column."""
    return meant_by(header) in COLUMNS


class Headers(Struct, kw_only=True, frozen=True):
    """Which column stands where, and the headers that nobody reads."""

    at: dict[str, int]
    unread: list[str]


def read_headers(table: Table, given: frozenset[str]) -> Headers:
    """Where each column stands; `given` names those said once for the file.

    Raises ImportFormatError for a column that is there twice or is needed and absent.
    """
    at: dict[str, int] = {}
    unread: list[str] = []
    for index, header in enumerate(table.headers):
        name = meant_by(header)
        if name not in COLUMNS:
            unread += [header] if header else []
        elif name in at:
            first, second = (f"{letter(place)} ({table.headers[place]})" for place in (at[name], index))
            raise ImportFormatError(f"{table.file}: the columns {first} and {second} both mean {name}.")
        else:
            at[name] = index
    if missing := [name for name in _REQUIRED if name not in at and name not in given]:
        raise ImportFormatError(f"{table.file} lacks the columns {', '.join(missing)}.")
    return Headers(at=at, unread=unread)


def column_of(pointer: str) -> str | None:
    """The column that a fault of the agreement is about, by its JSON pointer."""
    return _within(part for part in pointer.split("/") if part and not part.isdigit())


def _within(parts: Iterable[str]) -> str | None:
    path = tuple(parts)
    return next((BY_PATH[path[:n]] for n in range(len(path), 0, -1) if path[:n] in BY_PATH), None)


def nested(values: dict[str, object]) -> dict[str, object]:
    """Values by column as the agreement's own nesting."""
    found: dict[str, object] = {}
    for name, value in values.items():
        *above, last = COLUMNS[name].path
        inner = found
        for part in above:
            inner = inner.setdefault(part, {})  # type: ignore[assignment]  # an object at every step but the last
        inner[last] = value
    return found
