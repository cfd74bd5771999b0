"""The sheet as a page that stands alone: no script, nothing from elsewhere, readable by ear, printed in black."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from registry.agreements.redline.markup import section, table
from registry.agreements.redline.style import STYLE
from registry.platform.http.answers import style_policy
from registry.sharing.sheets.schemas import LoanSheet

SHEET_STYLE: Final = f"""{STYLE}
.code{{display:block;width:9rem;forced-color-adjust:none}}
.code svg{{display:block;width:100%}}
td:empty{{height:2.2em;min-width:5em}}
@media print{{
:root{{color-scheme:light;--ink:#000000;--paper:#ffffff;--quiet:#000000;--rule:#000000;--link:#000000;
--ins:#000000;--ins-paper:#ffffff;--del:#000000;--del-paper:#ffffff;--mark-ink:#000000;--mark-paper:#ffffff}}
body{{max-width:none;padding:0;font-size:10pt}}
.scroll{{overflow:visible}}
h2{{margin-top:1.2em}}
h2,caption{{break-after:avoid}}
tr,.code{{break-inside:avoid}}
}}
"""
POLICY: Final = style_policy(SHEET_STYLE)
_IN_PAGE = POLICY.partition("; frame-ancestors")[0]  # which only a header may say
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1><bdi>{title}</bdi></h1>
<div class="code" role="img" aria-label="QR code of the address of this loan, which stands under it">{code}</div>
<p><code>{address}</code></p>
</header>
<main>
{main}
</main>
</body>
</html>
"""
SIDES_HEAD: Final = ("Side", "Agency", "ORI", "Office and telephone (by pen)")
CREW_HEAD: Final = ("Office", "How many", "Provided by")
ACCESSORIES_HEAD: Final = ("What", "How many", "Handed over", "Returned")
TERMS_HEAD: Final = ("Term", "What the agreement says", "Clause")
OBLIGATIONS_HEAD: Final = ("What", "Owed by", "When", "Rests on", "Status")
_BOTH_ENDS: Final = ("Sent out, by its owner", "Received", "Sent back", "Back, by its owner")
REPORT_HEAD: Final = ("Report", *_BOTH_ENDS)
READINGS_HEAD: Final = ("Reading", *_BOTH_ENDS)
DOCUMENTS_HEAD: Final = ("What", "Of", "Filed by", "When", "SHA-256")
SIGNATURES_HEAD: Final = ("For", "Name", "Title", "Date", "Time", "Signature")
WITHHELD_HEAD: Final = ("What", "Why")
NO_DOCUMENTS: Final = "None is on file."
NO_CREW: Final = "None is on record."
NO_OBLIGATIONS: Final = "None."
NO_CONDITION: Final = "It was offered on no condition of its own."
NOTHING_WITHHELD: Final = "Nothing."


def times_of(sheet: LoanSheet) -> str:
    """In which zone the times are, in a sentence."""
    return f"All times are in the zone of the agreement, {sheet.time_zone}, with their distance from UTC."


def sheet_page(sheet: LoanSheet) -> str:
    """The whole page."""
    agreed = _listed(sheet.agreement_lines) + (_table("terms", "Terms", TERMS_HEAD, sheet.term_rows) or "")
    condition = sheet.condition_of_offer
    obliged = _table("obligations", "Obligations of either side", OBLIGATIONS_HEAD, sheet.obligation_rows)
    said = NO_CONDITION if condition is None else f"It was offered on the condition: {condition}"
    sections = [
        ("loan", "The loan", _listed(sheet.loan_lines)),
        ("sides", "From whom to whom", _table("sides", "The two agencies", SIDES_HEAD, sheet.side_rows)),
        ("asset", "What is lent", _listed(sheet.asset_lines)),
        ("crew", "Who goes along", _table("crew", "Crew, by office", CREW_HEAD, sheet.crew_rows) or _said(NO_CREW)),
        (
            "accessories",
            "Accessories",
            _table("accessories", "Accessories, to be listed by pen", ACCESSORIES_HEAD, sheet.accessory_rows),
        ),
        ("times", "When and where", _said(times_of(sheet)) + _listed(sheet.time_lines)),
        ("agreement", "The agreement", agreed),
        ("conditions", "Conditions and obligations", _said(said) + (obliged or _said(NO_OBLIGATIONS))),
        ("report", "Condition", _table("report", "Condition report", REPORT_HEAD, sheet.report_rows)),
        ("readings", "Readings", _table("readings", "Meter readings", READINGS_HEAD, sheet.reading_rows)),
        (
            "documents",
            "Pictures and papers",
            _table("documents", "On file with the loan", DOCUMENTS_HEAD, sheet.document_rows) or _said(NO_DOCUMENTS),
        ),
        (
            "signatures",
            "Signatures",
            _table("signatures", "Signatures at both ends", SIGNATURES_HEAD, sheet.signature_rows),
        ),
        (
            "withheld",
            "What is withheld",
            _table("withheld", "What is withheld, and why", WITHHELD_HEAD, sheet.withheld_rows)
            or _said(NOTHING_WITHHELD),
        ),
        ("notes", "Notes", "".join(_said(each) for each in sheet.notes)),
    ]
    return _PAGE.format(
        policy=escape(_IN_PAGE),
        title=escape(sheet.title),
        style=SHEET_STYLE,
        code=sheet.code,  # drawn by ourselves: nothing in it is anybody's input
        address=escape(sheet.address),
        main="\n".join(section(*each) for each in sections),
    )


def _said(words: str) -> str:
    return f"<p><bdi>{escape(words)}</bdi></p>"


def _listed(lines: Iterable[tuple[str, str]]) -> str:
    items = "\n".join(f"<li><bdi>{escape(name)}: {escape(value)}</bdi></li>" for name, value in lines)
    return f"<ul>\n{items}\n</ul>"


def _table(name: str, caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table; nothing where it has no rows. A cell for the pen is empty."""
    if not rows:
        return ""
    cells = [[f"<bdi>{escape(cell)}</bdi>" if cell else "" for cell in row] for row in rows]
    return table(name, caption, head, cells)


def printed_sheet(sheet: LoanSheet) -> dict[str, object]:
    """What the template of the PDF shows: the same as the page."""
    condition = sheet.condition_of_offer
    return {
        "title": sheet.title,
        "address": sheet.address,
        "code": sheet.code,
        "loan": sheet.loan_lines,
        "asset": sheet.asset_lines,
        "times": [("Zone", times_of(sheet)), *sheet.time_lines],
        "agreement": sheet.agreement_lines,
        "said": NO_CONDITION if condition is None else f"It was offered on the condition: {condition}",
        "notes": sheet.notes,
        "tables": {
            "sides": [SIDES_HEAD, *sheet.side_rows],
            "crew": [CREW_HEAD, *sheet.crew_rows],
            "accessories": [ACCESSORIES_HEAD, *sheet.accessory_rows],
            "terms": [TERMS_HEAD, *sheet.term_rows],
            "obligations": [OBLIGATIONS_HEAD, *sheet.obligation_rows],
            "report": [REPORT_HEAD, *sheet.report_rows],
            "readings": [READINGS_HEAD, *sheet.reading_rows],
            "documents": [DOCUMENTS_HEAD, *sheet.document_rows],
            "signatures": [SIGNATURES_HEAD, *sheet.signature_rows],
            "withheld": [WITHHELD_HEAD, *sheet.withheld_rows],
        },
        "none": {
            "crew": NO_CREW,
            "terms": "",
            "obligations": NO_OBLIGATIONS,
            "documents": NO_DOCUMENTS,
            "withheld": NOTHING_WITHHELD,
        },
    }
