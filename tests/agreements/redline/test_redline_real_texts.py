"""The redline on signed memoranda: what it finds between two revisions of a form is what reading both finds.

Each of the three forms was revised in February and March 2025. The texts are scans, so that a comparison also meets
misread words, page footers inside sentences, and lines broken elsewhere.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest

from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.redline.comparing import provision_changes
from registry.agreements.redline.matching import ComparedProvision, partners
from registry.agreements.redline.schemas import ProvisionChange
from registry.agreements.redline.words import BUDGET, Budget, runs
from tests.agreements.redline.test_redline import revised
from tests.support.cast import Cast
from tests.support.places import REAL_DATA, present

REAL = REAL_DATA / "agreements" / "moa_texts"
YORK_2020 = "SOUTH_CAROLINA__York_County_Sheriff_s_Office__JEM.txt"
GRAYSON_2025 = "KENTUCKY__Grayson_County_Detention_Center__JEM.txt"
HOLMES_2019 = "FLORIDA__Holmes_County_Sheriff_s_Office__WSO.txt"
WASHINGTON_2025 = "FLORIDA__Washington_County_Sheriff_s_Office__WSO.txt"
TASK_FORCE = {
    "02/12/2025": "FLORIDA__Lafayette_County_Sheriff_s_Office__TFM.txt",
    "02/14/2025": "IDAHO__Owyhee_County_Sheriff_s_Office__TFM.txt",
    "03/07/2025": "FLORIDA__Havana_Police_Department__TFM.txt",
}
ROMAN = "I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX".split()
# A word of the clause's title and a code of the provision headings.
HEADINGS = dict(
    pair.split("=")
    for pair in (
        "PURPOSE=purpose AUTHORITY=authority POLICY=scope RESPONSIBILITIES=scope FUNCTIONS=powers "
        "NOMINATION=credentialing TRAINING=training CERTIFICATION=credentialing COSTS=reimbursement "
        "SUPERVISION=command_and_control LIABILITY=liability RIGHTS=civil_rights REPORTING=reporting "
        "COMPLAINT=civil_rights COMMUNICATION=review OUTREACH=joint_operations RELEASE=media EFFECTIVE=term "
        "MODIFICATION=renewal"
    ).split()
)
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # page breaks and the like, which the registry refuses


@pytest.fixture(autouse=True)
def _texts() -> None:
    present(REAL)


def provisions(name: str) -> list[dict[str, str]]:
    """The clauses of a memorandum in their order; what stands before the first has the number 0.

    A letter or a roman number begins a clause where it is the next in order: “I.” follows H as well as nothing. The
    clause of contacts, which may name persons, is left out.
    """
    found: list[dict[str, str]] = [{"number": "0", "heading": "parties", "text": ""}]
    roman, letter = "", ""
    for line in CONTROLS.sub("", (REAL / name).read_text()).splitlines(keepends=True):
        begins = re.match(r"([IVX]+|[A-Z])\.(\s|$)", line)
        following_letter = chr(ord(letter) + 1) if letter else "A"
        following_roman = ROMAN[ROMAN.index(roman) + 1] if roman else "I"
        if begins and roman and begins[1] == following_letter:
            letter = begins[1]
            found.append({"number": f"{roman}.{letter}", "heading": "", "text": ""})
        elif begins and begins[1] == following_roman:
            roman, letter = begins[1], ""
            found.append({"number": roman, "heading": "", "text": ""})
        found[-1]["text"] += line
    for each in found[1:]:
        title = each["text"][:60]
        each["heading"] = next((code for word, code in HEADINGS.items() if word in title), "definitions")
    return [each for each in found if "POINTS OF CONTACT" not in each["text"][:60]]


def clauses(name: str) -> list[ComparedProvision]:
    return [
        ComparedProvision(
            **each, sensitivity=Sensitivity.PUBLIC, exemption=None, digest=sha256(each["text"].encode()).digest()
        )
        for each in provisions(name)
    ]


def compared(old: str, new: str) -> list[ProvisionChange]:
    """The changes between two texts, once both can be read again from them."""
    before, after = clauses(old), clauses(new)
    changes = list(provision_changes(before, after, partners(before, after)))
    for change in changes:
        assert change.runs is not None
        for side, theirs, without in ((change.from_, before, "insert"), (change.to, after, "delete")):
            text = next((each.text for each in theirs if side is not None and each.number == side.number), "")
            assert "".join(run.text for run in change.runs if run.kind != without) == text
    return changes


def other_than_changed(changes: Sequence[ProvisionChange]) -> list[tuple[str, str | None, str | None]]:
    return [
        (each.kind, each.from_.number if each.from_ else None, each.to.number if each.to else None)
        for each in changes
        if each.kind != "changed"
    ]


def said(changes: Sequence[ProvisionChange], kind: str) -> str:
    """All that was deleted, or inserted, with one blank between words."""
    pieces = [run.text for each in changes for run in each.runs or () if run.kind == kind]
    return " ".join(" ".join(pieces).split())


async def test_the_revision_of_the_jail_form_drops_a_clause_and_renumbers_the_next(cast: Cast) -> None:
    """Of 2020 against 02/15/2025, over HTTP: no more community outreach, but a review every three years."""
    old, new = provisions(YORK_2020), provisions(GRAYSON_2025)
    assert (len(old), len(new)) == (21, 20)
    path = await revised(cast.assisting, cast.requesting, first=old, second=new)
    found: Any = await cast.requesting.coordinator.done("GET", f"{path}/redline")
    by_number = {each["from"]["number"]: each for each in found["provisions"]}
    assert {number: each["kind"] for number, each in by_number.items() if each["kind"] != "changed"} == {
        "V.C": "deleted",
        "V.D": "renumbered",
    }
    assert by_number["V.D"]["to"]["number"] == "V.C"
    assert len(by_number) + found["unchanged_provisions"] == len(old)

    def marked(number: str, kind: str) -> list[str]:
        runs = [run for run in by_number[number]["runs"] if run["kind"] == kind and not run["text"].isspace()]
        return [" ".join(run["text"].split()) for run in runs]

    (gone,) = marked("V.C", "delete")
    assert gone.startswith("C. COMMUNITY OUTREACH The LEA, in coordination with the local ICE Field Office")
    assert (marked("V.D", "delete"), marked("V.D", "insert")) == (["D"], ["C"])
    assert marked("VIII", "insert")[0] == (
        "ICE reserves the right to conduct an internal review of this MOA every three years."
    )
    assert marked("IV.B", "delete")[:1] + marked("IV.B", "insert")[:1] == ["and their", "within their respective"]
    assert (marked("IV.C", "delete"), marked("IV.C", "insert")) == (["70 percent"], ["70-percent"])
    assert (marked("IV.F", "delete")[-1], marked("IV.F", "insert")[-1]) == ("utilized", "followed")
    inserted = " ".join(word for number in by_number for word in marked(number, "insert"))
    assert inserted.count("Revised 02/15/2025") == 6


def test_the_revision_of_the_warrant_form_drops_the_same_clause() -> None:
    changes = compared(HOLMES_2019, WASHINGTON_2025)
    assert other_than_changed(changes) == [("deleted", "V.C", None), ("renumbered", "V.D", "V.C")]
    assert said(changes, "insert").count("Revised 02/15/2025") == 6


@pytest.mark.parametrize(("old", "new"), [("02/12/2025", "02/14/2025"), ("02/14/2025", "03/07/2025")])
def test_the_revisions_of_the_task_force_form_differ_in_their_footers(old: str, new: str) -> None:
    """Word for word the same nineteen clauses otherwise, but for names, typography and misread letters."""
    changes = compared(TASK_FORCE[old], TASK_FORCE[new])
    assert other_than_changed(changes) == []
    assert said(changes, "delete").count(old) == 8
    assert said(changes, "insert").count(new) == 8
    equal = sum(len(run.text) for each in changes for run in each.runs or () if run.kind == "equal")
    assert equal > 0.9 * sum(len(each.text or "") for each in clauses(TASK_FORCE[new]) if each.number != "0")


@pytest.mark.parametrize("form", ["TFM", "WSO", "JEM"])
def test_any_two_texts_of_a_form_are_matched_clause_by_clause_and_can_be_read_again(form: str) -> None:
    texts = sorted(path.name for path in REAL.glob(f"*__{form}.txt"))
    assert len(texts) == 12
    for one, other in pairwise(texts):
        before, after = clauses(one), clauses(other)
        found = partners(before, after)
        compared(one, other)
        both = {each.number for each in before} & {each.number for each in after}
        kept = {before[i].number for i, j in found.items() if before[i].number == after[j].number}
        assert len(kept) >= len(both) - 2, f"{one} against {other}"


def test_a_whole_memorandum_as_one_text_costs_next_to_nothing() -> None:
    budget = Budget()
    old, new = ((REAL / TASK_FORCE[revision]).read_text() for revision in ("02/12/2025", "03/07/2025"))
    assert len(runs(old, new, budget)) > 100
    assert BUDGET - budget.left < 1_000
