"""To which agreement a file belongs, by its name alone."""

import pytest

from registry.agreements.tracker.file_names import AgreementOfFiles, FileNames, by_number_and_title, name_of

pytestmark = pytest.mark.one_database

ONE = by_number_and_title("MA-2026-014", "Mutual aid among the example counties (demo)", None)
ADDENDUM = by_number_and_title("MA-2026-014-A", "First addendum (demo)", None)
OTHER = by_number_and_title("K9-7", "K9 teams (demo)", None, ("scan0001.pdf", "Beilage Ä.docx"))
SHORT = by_number_and_title("12", "K9 teams (demo)", None)
LISTED = AgreementOfFiles(
    number="287G-MN-WSO-1",
    id=None,
    names=tuple(
        name_of("St. Mary's County Sheriff's Office", form, state)
        for form in ("WSO", "Warrant Service Officer")
        for state in ("MN", "MINNESOTA")
    ),
)
NAMES = FileNames([ONE, ADDENDUM, OTHER, SHORT, LISTED])


@pytest.mark.parametrize(
    ("file", "owners"),
    [
        ("MA-2026-014.pdf", [ONE]),
        ("ma_2026_014 signed 2026.PDF", [ONE]),
        ("Mutual Aid among the Example Counties (Demo), final.docx", [ONE]),
        ("2025/box 3/MA-2026-014.pdf", [ONE]),
        ("MA-2026-014-A.pdf", [ADDENDUM]),
        ("MA-2026-014 First addendum (demo).pdf", [ONE, ADDENDUM]),
        ("MA-2026-0145.pdf", []),
        ("MA2026014.pdf", []),
        ("scan0001.pdf", [OTHER]),
        ("SCAN0001.PDF", [OTHER]),
        ("box/scan0001.pdf", [OTHER]),
        ("Beilage A\u0308.docx", [OTHER]),
        ("scan0001.docx", []),
        ("K9-7.odt", [OTHER]),
        ("K9 teams (demo).odt", [OTHER, SHORT]),
        ("page 12 of 20.pdf", []),
        ("MINNESOTA__St_Mary_s_County_Sheriff_s_Office__WSO.txt", [LISTED]),
        ("st marys county sheriffs office wso mn.txt", []),
        ("St. Mary's County Sheriff's Office, MN, Warrant Service Officer.txt", [LISTED]),
        ("MINNESOTA__St_Mary_s_County_Sheriff_s_Office.txt", []),
        ("OHIO__St_Mary_s_County_Sheriff_s_Office__WSO.txt", []),
        ("...pdf", []),
    ],
)
def test_a_file_belongs_where_its_name_says_and_nowhere_else(file: str, owners: list[AgreementOfFiles]) -> None:
    assert NAMES.owners(file) == owners


def test_a_file_that_two_rows_name_belongs_to_neither_for_sure() -> None:
    one = by_number_and_title("MA-2026-1", None, None, ("both.pdf",))
    two = by_number_and_title("MA-2026-2", None, None, ("both.pdf", "own.pdf"))
    names = FileNames([one, two])
    assert names.owners("both.pdf") == [one, two]
    assert [(each.number, file) for each, file in names.lacking(["sub/both.pdf"])] == [("MA-2026-2", "own.pdf")]


def test_a_row_that_names_the_file_stands_over_what_the_name_bears() -> None:
    one = by_number_and_title("MA-2026-1", None, None, ("MA-2026-2.pdf",))
    names = FileNames([one, by_number_and_title("MA-2026-2", None, None)])
    assert names.owners("MA-2026-2.pdf") == [one]


def test_a_title_that_others_bear_is_told_by_the_number_beside_it() -> None:
    one, two = (by_number_and_title(number, "Mutual aid (demo)", None) for number in ("MA-2026-1", "MA-2026-2"))
    names = FileNames([one, two])
    assert names.owners("Mutual aid (demo).pdf") == [one, two]
    assert names.owners("MA-2026-2 Mutual aid (demo).pdf") == [two]
