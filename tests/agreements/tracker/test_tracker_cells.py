"""What a tracker's cells mean: dates and numbers as people write them, and nothing guessed."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from registry.agreements.tracker.cells import (
    CellRefused,
    plain,
    read_date,
    read_flag,
    read_last_day,
    read_list,
    read_money,
    read_text,
    read_whole,
    read_word,
    read_words,
    straightened,
)
from registry.platform.bulk.sheets import Formula


def refused(reader: Callable[..., object], value: Any, dates: str = "iso") -> CellRefused:
    with pytest.raises(CellRefused) as caught:
        reader(value, dates)
    return caught.value


@pytest.mark.parametrize("value", ["2025-05-08", "  2025-05-08\u00a0", datetime(2025, 5, 8)])  # noqa: DTZ001
def test_a_day_is_iso_text_or_a_date_cell(value: Any) -> None:
    assert read_date(value, "iso") == date(2025, 5, 8)


@pytest.mark.parametrize("text", ["05/082025", "7/72025", "May 8, 2025", "2025-5-8", "20250508", "2025-02-30", "??"])
def test_what_is_no_date_is_refused_with_its_words(text: str) -> None:
    found = refused(read_date, text)
    assert found.code == "not_a_date"
    assert f"“{text}”" in found.detail
    assert "YYYY-MM-DD" in found.detail
    assert refused(read_date, text, "us").code == "not_a_date"


def test_month_day_year_is_read_only_where_the_tracker_is_said_to_write_it() -> None:
    assert refused(read_date, "5/8/2025").code == "date_ambiguous"
    assert read_date("5/8/2025", "us") == date(2025, 5, 8)
    assert read_date("12/31/2025", "us") == date(2025, 12, 31)
    assert refused(read_date, "31/12/2025", "us").code == "not_a_date"


def test_a_day_that_no_calendar_has_is_none_in_any_order_and_not_ambiguous() -> None:
    for text in (
        "2/29/2027",
        "13/13/2026",
        "0/1/2026",
        "31.04.2026",
        "4/31/2026",
        "31/4/2026",
        "2-30-27",
        "2026/02/29",
    ):
        for dates in ("iso", "us"):
            found = refused(read_date, text, dates)
            assert (found.code, "no day of the calendar" in found.detail) == ("not_a_date", True), text
    assert refused(read_date, "2/29/2028").code == "date_ambiguous"
    assert read_date("2/29/2028", "us") == date(2028, 2, 29)
    only = refused(read_date, "30/4/2026")
    assert "only if the day comes first" in only.detail, "of which there is no other reading to choose from"
    for month_first in ("12/31/2099", "2/29/2096", "1/13/2099"):
        told = refused(read_date, month_first).detail
        assert "only if the month comes first" in told, "31 is no month"
        assert "or day/month" not in told
    assert "no day of the calendar" not in refused(read_date, "30.04.2026").detail


def test_a_term_says_that_it_has_no_end_and_that_is_not_a_blank_cell() -> None:
    for text in (
        "no end",
        "No  End",
        "perpetual",
        "Indefinite",
        "EVERGREEN",
        "open-ended",
        "does not expire",
        "Ongoing",
        "None",
    ):
        assert read_last_day(text, "iso") is None
    assert read_last_day("2027-02-28", "iso") == date(2027, 2, 28)
    for text in ("unknown", "see text", "2/29/2027"):
        assert refused(read_last_day, text).code == "not_a_date"
    assert refused(read_date, "none").code == "not_a_date", "only a term can be without end"


@pytest.mark.parametrize("text", ["5025-07-07", "0025-07-07", "1949-12-31", "2101-01-01"])
def test_a_year_that_cannot_be_meant_is_refused(text: str) -> None:
    assert refused(read_date, text).code == "year_out_of_range"
    month_first = f"{text[5:7]}/{text[8:]}/{text[:4]}"
    assert refused(read_date, month_first, "us").code == "year_out_of_range"


@pytest.mark.parametrize("text", ["5/8/25", "05-08-25", "8.5.25"])
def test_a_year_of_two_digits_is_refused(text: str) -> None:
    for dates in ("iso", "us"):
        assert refused(read_date, text, dates).code == "year_of_two_digits"


def test_a_serial_number_and_a_time_of_day_are_no_days() -> None:
    assert "format the cell as a date" in refused(read_date, 45785).detail
    assert "time of day" in refused(read_date, datetime(2025, 5, 8, 14)).detail  # noqa: DTZ001


def test_text_is_trimmed_composed_and_its_blanks_single() -> None:
    assert read_text("\u00a0 Mutual   aid \t", "iso") == "Mutual aid"
    assert read_text("Cafe\u0301", "iso") == "Caf\u00e9"
    assert read_text(90.0, "iso") == "90"
    assert straightened("Sheriff\u2019s  Office") == "Sheriff's Office"


def test_a_formula_and_an_error_of_the_spreadsheet_are_no_values() -> None:
    assert refused(read_text, Formula()).code == "formula"
    for error in ("#N/A", "#REF!", "#ref!"):
        assert refused(read_text, error).code == "spreadsheet_error"
    assert refused(read_text, "x" * 4001).code == "cell_too_long"


def test_words_of_a_list_are_folded() -> None:
    assert read_word(" Mutual Aid ", "iso") == "mutual_aid"
    assert read_words("K9; vehicle.command_post, Lab", "iso") == ["k9", "vehicle.command_post", "lab"]
    assert read_list(" MN0990000 ;; Lakeside Police Department (demo);", "iso") == [
        "MN0990000",
        "Lakeside Police Department (demo)",
    ]


def test_numbers_flags_and_amounts() -> None:
    assert [read_whole(value, "iso") for value in (90, 90.0, "90")] == [90, 90, 90]
    assert refused(read_whole, "90 days").code == "not_a_whole_number"
    assert refused(read_whole, 1.5).code == "not_a_whole_number"
    assert [read_flag(value, "iso") for value in ("Yes", "x", True, "NO", False, 0)] == [True] * 3 + [False] * 3
    assert refused(read_flag, "maybe").code == "not_yes_or_no"
    for value, amount in (("$1,250", "1250.00"), (1250.5, "1250.50"), ("0", "0.00"), (68, "68.00")):
        assert read_money(value, "iso") == {"amount": amount, "currency": "USD"}
    for wrong in ("-5", "12.345", "1,25", "ten"):
        assert refused(read_money, wrong).code == "not_an_amount"


def test_a_blank_cell_is_blank_however_it_is_blank() -> None:
    assert [plain(value) for value in (None, "", " \u00a0 ")] == ["", "", ""]
