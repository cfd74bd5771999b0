"""The labelled memoranda and sentences, and how often the recogniser agrees with their labels.

A third is held out: nobody who builds the recogniser looks at those texts, their labels or single results on them. So
what is printed of it are totals. To measure and to write the figures that every answer carries:

    python -m tests.agreements.checks.corpus --write
"""

import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from registry.agreements.checks.completeness import CheckedText, ReadProvision, examine
from registry.agreements.checks.lists import CHECKLISTS, RECOGNITION
from registry.agreements.checks.schemas import ItemFinding
from registry.agreements.instruments.terms import Terms
from tests.support.places import REAL_DATA

LABELS = Path(__file__).parent / "labels"
MEASURED = Path(str(sys.modules["registry"].__file__)).parent / "agreements/checks/checklists/measured.json"
DATA = REAL_DATA / "agreements"
_HELD_OUT_TEMPLATES = ("JEM",)
_HELD_OUT_TEXTS = ("pa_ord898", "wa_vswat", "fl_seminole_mutual_aid_2005")
_UNSAID = Terms(categories=["any"])


class Labelled(Struct, kw_only=True, frozen=True):
    """What a reader says of one item of one text, and what the recogniser does."""

    code: str
    item: str
    text: str
    template: str
    label: str
    doubtful: bool
    read: str


class Tally(Struct, kw_only=True):
    """How often an item was said, was read as said, and both."""

    texts: int = 0
    said: int = 0
    read: int = 0
    right: int = 0
    denied_read_as_found: int = 0
    denied_wrongly: int = 0

    @property
    def precision(self) -> float | None:
        return self.right / self.read if self.read else None

    @property
    def recall(self) -> float | None:
        return self.right / self.said if self.said else None

    def __str__(self) -> str:
        shown = [f"{value:.3f}" if value is not None else "-" for value in (self.precision, self.recall)]
        counts = f"n {self.texts}, said {self.said}, read {self.read}, right {self.right}"
        denials = f"denials read as found {self.denied_read_as_found}, denied wrongly {self.denied_wrongly}"
        return f"precision {shown[0]} recall {shown[1]} ({counts}; {denials})"


def template_of(text: str) -> str:
    """The template of a memorandum; an excerpt is its own."""
    return text.rpartition("__")[2]


def held_out(text: str) -> bool:
    """Whether the text belongs to the third that is not looked at."""
    return template_of(text) in _HELD_OUT_TEMPLATES or text.startswith(_HELD_OUT_TEXTS)


def held_out_sentence(sentence: str) -> bool:
    """Whether the sentence belongs to the third that is not looked at."""
    return int(sha256(sentence.encode()).hexdigest(), 16) % 3 == 0


def rows(pattern: str) -> Iterator[dict[str, str]]:
    """The rows of every file of labels of that name."""
    for file in sorted(LABELS.glob(pattern)):
        with file.open(encoding="utf-8", newline="") as lines:
            yield from csv.DictReader(lines)


def sections() -> dict[str, list[dict[str, str]]]:
    """The sections of each text in their order."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows("sections_*.csv"):
        found.setdefault(row["text"], []).append(row)
    return {text: sorted(those, key=lambda row: int(row["ordinal"])) for text, those in found.items()}


def document(name: str, its_sections: Sequence[Mapping[str, str]]) -> CheckedText:
    """The text cut where its sections begin, each under its heading; the numbers are the ordinals."""
    (file,) = [*DATA.glob(f"moa_texts/{name}.txt"), *DATA.glob(f"other_mou_excerpts/{name}.txt")]
    text = file.read_text("utf-8")
    if file.parent.name == "other_mou_excerpts":
        text = text.split("---\n", 1)[1]
    starts: list[int] = []
    for row in its_sections:
        words = r"\s+".join(re.escape(word) for word in row["first_words"].split())
        after = starts[-1] + 1 if starts else 0
        found = re.compile(rf"(?m)^[^\w\n]*{words}").search(text, after) or re.compile(words).search(text, after)
        if found is None:
            raise LookupError(f"{name}: section {row['ordinal']} is not in the text")
        starts.append(found.start())
    clauses = [
        ReadProvision(number=row["ordinal"], heading=row["heading"], text=text[start:end])
        for row, start, end in zip(its_sections, starts, [*starts[1:], len(text)], strict=True)
    ]
    if before := text[: starts[0]].strip():
        clauses.insert(0, ReadProvision(number="0", heading="parties", text=before))
    return CheckedText(clauses=clauses, terms=_UNSAID)


def read_texts() -> list[Labelled]:
    """Every label of a text beside what the recogniser reads in it."""
    read: dict[tuple[str, str, str], str] = {}
    for name, its_sections in sections().items():
        for found in examine(document(name, its_sections), CHECKLISTS.values(), RECOGNITION):
            read.update({(found.code, item.id, name): item.status for item in found.items})
    return [
        Labelled(
            code=row["list"],
            item=row["item"],
            text=row["text"],
            template=template_of(row["text"]),
            label=row["outcome"],
            doubtful=row["note"].startswith("doubtful:"),
            read=read[row["list"], row["item"], row["text"]],
        )
        for row in rows("outcomes_*.csv")
        if (row["list"], row["item"], row["text"]) in read
    ]


def read_sentence(code: str, item: str, sentence: str) -> ItemFinding:
    """What is read in a sentence that stands alone under the item's own heading."""
    (chosen,) = [each for each in CHECKLISTS[code].items if each.id == item]
    heading = next(iter([*chosen.headings, *chosen.also_under]), "general")
    alone = CheckedText(clauses=[ReadProvision(number="1", heading=heading, text=sentence)], terms=_UNSAID)
    (found,) = examine(alone, [CHECKLISTS[code]], RECOGNITION)
    return next(each for each in found.items if each.id == item)


def read_sentences() -> list[Labelled]:
    """Every labelled sentence beside what the recogniser reads in it."""
    return [
        Labelled(
            code=row["list"],
            item=row["item"],
            text=row["sentence"],
            template="sentence",
            label=row["outcome"],
            doubtful=False,
            read=read_sentence(row["list"], row["item"], row["sentence"]).status,
        )
        for row in rows("sentences.csv")
    ]


def tally(those: Iterable[Labelled]) -> Tally:
    """How well what is read as found agrees; what is left to counsel is not counted."""
    found = Tally()
    for each in those:
        if each.read == "for_counsel":
            continue
        found.texts += 1
        found.said += each.label == "found"
        found.read += each.read == "found"
        found.right += each.label == each.read == "found"
        found.denied_read_as_found += each.label == "denied" and each.read == "found"
        found.denied_wrongly += each.label != "denied" and each.read == "denied"
    return found


def figures(texts: Sequence[Labelled]) -> dict[str, object]:
    """What an answer says of how sure it is: each item on the texts it was built with, each list on the others."""
    seen = [each for each in texts if not held_out(each.text) and each.read != "for_counsel"]
    unseen = [each for each in texts if held_out(each.text) and each.read != "for_counsel"]
    return {
        code: {
            "held_out": _figures([each for each in unseen if each.code == code]),
            "items": {
                item: _figures([each for each in seen if (each.code, each.item) == (code, item)])
                for item in sorted({each.item for each in seen if each.code == code})
            },
        }
        for code in sorted({each.code for each in texts})
    }


def _figures(those: Sequence[Labelled]) -> dict[str, int]:
    counted = tally(those)
    return {
        "texts": len({each.text for each in those}),
        "templates": len({each.template for each in those}),
        "answers": counted.texts,
        "said": counted.said,
        "read": counted.read,
        "right": counted.right,
    }


def _report(texts: Sequence[Labelled], sentences: Sequence[Labelled]) -> Iterator[str]:
    codes = sorted({each.code for each in texts})
    yield "Open texts, item by item where they disagree about found or denied"
    for code in codes:
        for item in CHECKLISTS[code].items:
            those = [e for e in texts if (e.code, e.item) == (code, item.id) and not held_out(e.text)]
            wrong = Counter(
                (e.template, e.label, e.read)
                for e in those
                if e.label != e.read and ({"found", "denied"} & {e.label, e.read}) and e.read != "for_counsel"
            )
            for (template, label, read), times in sorted(wrong.items()):
                yield f"  {code} {item.id}: {template} {times} × {label}, read as {read}"
    for name, part in (
        ("Open", [each for each in texts if not held_out(each.text)]),
        ("Held out", [each for each in texts if held_out(each.text)]),
    ):
        sure = [each for each in part if not each.doubtful]
        for code in codes:
            yield f"{name}, {code}: {tally(e for e in part if e.code == code)}"
        for template in sorted({each.template for each in part}) if name == "Open" else ("JEM",):
            yield f"{name}, template {template}: {tally(e for e in part if e.template == template)}"
        yield f"{name}, excerpts: {tally(e for e in part if e.template not in ('WSO', 'TFM', 'JEM'))}"
        yield f"{name}, all: {tally(part)}"
        yield f"{name}, all but doubtful: {tally(sure)}"
        pairs = Counter((each.label, each.read) for each in part if each.read != "for_counsel")
        yield f"{name}, label → read: " + ", ".join(f"{a}→{b} {n}" for (a, b), n in sorted(pairs.items()))
    opened = [each for each in sentences if not held_out_sentence(each.text)]
    for each in opened:
        if each.label != each.read and each.read != "for_counsel":
            yield f"  {each.code} {each.item}: {each.label}, read as {each.read}: {each.text}"
    for name, part in (("Open", opened), ("Held out", [e for e in sentences if held_out_sentence(e.text)])):
        pairs = Counter((each.label, each.read) for each in part)
        yield f"{name} sentences, label → read: " + ", ".join(f"{a}→{b} {n}" for (a, b), n in sorted(pairs.items()))


if __name__ == "__main__":
    texts_read = read_texts()
    print("\n".join(_report(texts_read, read_sentences())))
    if "--write" in sys.argv[1:]:
        MEASURED.write_text(json.dumps(figures(texts_read), indent=1, sort_keys=True) + "\n", "utf-8")
