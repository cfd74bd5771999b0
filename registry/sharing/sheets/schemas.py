"""What a sheet says, and how one asks for it."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct


class SheetQuery(Struct, kw_only=True, frozen=True):
    """What the sheet shows besides what it always does."""

    crew_names: Annotated[
        bool,
        Meta(
            description="Also the names of the people who go along, where you may read them: each reading is recorded, "
            "as by `GET /v1/personnel/{personnel_id}/name`. Otherwise the sheet says by their offices who goes."
        ),
    ] = False


class LoanSheet(Struct, kw_only=True, frozen=True):
    """All that the sheet says, in words, for the page and the PDF alike.

    `…_lines` are pairs of a name and a value, `…_rows` rows of a table; a cell without text is for the pen.
    """

    loan_id: UUID
    title: str
    address: str
    code: str
    time_zone: str
    loan_lines: list[tuple[str, str]]
    side_rows: list[tuple[str, ...]]
    asset_lines: list[tuple[str, str]]
    crew_rows: list[tuple[str, ...]]
    accessory_rows: list[tuple[str, ...]]
    time_lines: list[tuple[str, str]]
    agreement_lines: list[tuple[str, str]]
    term_rows: list[tuple[str, ...]]
    condition_of_offer: str | None
    obligation_rows: list[tuple[str, ...]]
    report_rows: list[tuple[str, ...]]
    reading_rows: list[tuple[str, ...]]
    document_rows: list[tuple[str, ...]]
    signature_rows: list[tuple[str, ...]]
    withheld_rows: list[tuple[str, ...]]
    notes: list[str]
