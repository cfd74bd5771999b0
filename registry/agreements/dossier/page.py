"""The index of a file as a page that stands alone: no script, nothing from elsewhere, readable by ear."""

from collections.abc import Iterable, Sequence
from html import escape

from registry.agreements.dossier.rules import Audience, where_kept
from registry.agreements.dossier.schemas import FileIndex
from registry.agreements.dossier.writing import end_disputed, end_is_open, end_not_known, towards_in_words
from registry.agreements.redline.markup import section, table
from registry.agreements.redline.style import STYLE
from registry.agreements.timeline.rules import ActBasis, ActStatus
from registry.agreements.timeline.schemas import Timeline, TimelineAct
from registry.platform.http.answers import style_policy

_POLICY = style_policy(STYLE).partition("; frame-ancestors")[0]  # which only a header may say
_PAGE = """<!doctype html>
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
<h1>{heading}</h1>
</header>
<main>
{main}
</main>
</body>
</html>
"""


def index_page(index: FileIndex) -> str:
    """The whole page."""
    title = index_title(index)
    sections = [
        ("agreement", "The agreement", _listed(f"{name}: {value}" for name, value in particulars(index))),
        ("bound", "Who was bound, when, to which version", _bound(index)),
        *([("receipts", RECEIPTS, _receipts(index))] if index.receipts else []),
        ("acts", "The acts, in order of their days", _acts(index)),
        ("warnings", "Warnings", _listed(index.warnings) if index.warnings else "<p>None.</p>"),
        ("parts", "Parts of this file", _parts(index)),
        ("withheld", "What is withheld", _withheld(index)),
        ("notes", "Notes", _listed(index.notes)),
    ]
    return _PAGE.format(
        policy=escape(_POLICY),
        title=escape(title),
        heading=f"<bdi>{escape(title)}</bdi>",
        style=STYLE,
        main="\n".join(section(name, head, body) for name, head, body in sections),
    )


def index_title(index: FileIndex) -> str:
    """What the index is called."""
    what = "Public file" if index.audience is Audience.PUBLIC else "File"
    return f"{what} of agreement {index.number}"


def particulars(index: FileIndex) -> list[tuple[str, str]]:
    """What the agreement is, by name and value."""
    return [
        ("Number", index.number),
        ("Title", index.title),
        ("Kind", index.kind.replace("_", " ")),
        ("Status", f"{index.status.replace('_', ' ')}, as of {index.as_of}"),
        ("Starts on", str(index.starts_on)),
        ("Ends on", index.ends),
        ("Custodian", index.custodian),
        ("Parties", "; ".join(index.parties)),
        *([("Last entry recorded at", index.recorded_until)] if index.recorded_until else []),
        ("Identifier", str(index.agreement_id)),
    ]


def withheld_rows(index: FileIndex) -> list[tuple[str, str, str]]:
    """What is withheld, the exemption cited, and why; for the page and the PDF alike."""
    rows = []
    for each in index.withheld:
        of_version = f" of version {each.version_no}" if each.version_no else ""
        what = f"{each.kind.replace('_', ' ').capitalize()} {each.number or ''}".strip()
        rows.append((f"{what}{of_version}", each.exemption or "none", each.reason))
    return rows


_BOUND_HEAD = ("Party", "Version", "First day", "Last day", "Towards", "By which acts")
RECEIPTS = "Receipts from which notices count"
_RECEIPTS_HEAD = ("Notice of", "Of", "To", "Received")
_ACTS_HEAD = ("No.", "Day", "What was done", "Counts from", "Known by", "What shows it")
_KNOWN = {
    ActBasis.OWN: "its own word",
    ActBasis.PROPOSAL: "what was put to all who were bound",
    ActBasis.REPORT: "a report",
    ActBasis.TEXT: "the text",
    ActBasis.REGISTRATION: "the register of agencies",
}


def bound_rows(index: FileIndex) -> list[tuple[str, str, str, str, str, str]]:
    """A line for each window of each party, with the acts by their numbers; for the page and the PDF alike."""
    rows = []
    timeline = index.timeline
    names = {party.agency.id: party.agency.name for party in timeline.parties}
    for party in timeline.parties:
        name = party.agency.name
        beside = [
            *(f"CONTESTED: act {each}, which changes nothing here." for each in party.contested),
            *(f"Reported and without effect so far: act {each}." for each in party.pending),
            *(said for said in (end_not_known(party), end_disputed(party)) if said),
            *(f"A receipt of its notice was corrected: act {each}." for each in party.receipts_corrected),
        ]
        if not party.windows:
            rows.append((name, "none", "never", "", "", " ".join(["It was bound to no other on any day.", *beside])))
        for each in party.windows:
            by = [
                *([f"Bound by {_numbered(each.bound_by)}."] if each.bound_by else []),
                *([f"Begins by {_numbered(each.begins_by)}."] if each.begins_by else []),
                *([f"Ends by {_numbered(each.ends_by)}."] if each.ends_by else []),
                *(["KNOWN BY REPORT ALONE, in part or whole."] if each.reported_only else []),
                *beside,
            ]
            version = "not published" if each.version_no is None else str(each.version_no)
            last_on = "no end on record" if each.last_on is None else str(each.last_on)
            if end_is_open(party, each):
                last_on = "not known: a receipt is awaited"
            towards = "; ".join(towards_in_words(each, names))
            rows.append((name, version, str(each.first_on), last_on, towards, " ".join(by) or "Not told."))
    return rows


def receipt_rows(index: FileIndex) -> list[tuple[str, str, str, str]]:
    """To whom each notice went that counts from its receipt, and how that stands; for the page and the PDF alike."""
    return [(each.giver, str(each.notice_on), each.recipient, each.stands) for each in index.receipts]


def _numbered(numbers: Sequence[int]) -> str:
    return f"act{'s' if len(numbers) > 1 else ''} {' and '.join(str(each) for each in numbers)}"


def act_rows(timeline: Timeline) -> list[tuple[str, str, str, str, str, str]]:
    """The acts in their order, with how each is known and what shows it."""
    return [
        (
            str(each.act_no),
            str(each.acted_on or ""),
            each.detail,
            str(each.counts_on or ""),
            _known(each),
            "" if each.evidence is None else where_kept(each.evidence),
        )
        for each in timeline.acts
    ]


def _known(act: TimelineAct) -> str:
    status = "" if act.status is None else f" ({act.status.replace('_', ' ')})"
    contested = "CONTESTED: " if act.status is ActStatus.CONTESTED else ""
    known = "report alone" if act.basis is ActBasis.REPORT and act.reported_only else _KNOWN[act.basis]
    return f"{contested}{known}{status}"


def _bound(index: FileIndex) -> str:
    rows = [[f"<bdi>{escape(cell)}</bdi>" for cell in row] for row in bound_rows(index)]
    return table("bound", f"Days are those in {index.timeline.time_zone}", _BOUND_HEAD, rows)


def _receipts(index: FileIndex) -> str:
    rows = [[f"<bdi>{escape(cell)}</bdi>" for cell in row] for row in receipt_rows(index)]
    return table("receipts", "Until each has come, the notice does not run out", _RECEIPTS_HEAD, rows)


def _acts(index: FileIndex) -> str:
    withheld = index.timeline.acts_withheld
    said = "" if withheld is None else f"<p>{escape(withheld)}</p>"
    rows = [[f"<bdi>{escape(cell)}</bdi>" for cell in row] for row in act_rows(index.timeline)]
    return (
        (said + table("acts", "Acts, by the numbers that the lines above name", _ACTS_HEAD, rows))
        if rows
        else said or "<p>None.</p>"
    )


def _listed(items: Iterable[str]) -> str:
    lines = "\n".join(f"<li><bdi>{escape(each)}</bdi></li>" for each in items)
    return f"<ul>\n{lines}\n</ul>"


def _parts(index: FileIndex) -> str:
    rows = [
        (
            f'<a href="{escape(each.path)}">{escape(each.path)}</a>',
            f"<bdi>{escape(each.title)}</bdi>",
            escape(each.media_type.partition(";")[0]),
            f"{each.size_bytes}",
            f"<code>{escape(each.sha256)}</code>",
        )
        for each in index.parts
    ]
    head = ("Part", "What it is", "Media type", "Bytes", "SHA-256")
    return table("parts", "Parts, in the order of the archive", head, rows)


def _withheld(index: FileIndex) -> str:
    rows = [[f"<bdi>{escape(cell)}</bdi>" for cell in row] for row in withheld_rows(index)]
    if not rows:
        return "<p>Nothing.</p>"
    return table("withheld", "What is withheld, and why", ("What", "Exemption cited", "Why"), rows)


def printed_index(index: FileIndex) -> dict[str, object]:
    """What the template of the PDF shows: the same as the page."""
    return {
        "title": index_title(index),
        "particulars": particulars(index),
        "time_zone": index.timeline.time_zone,
        "bound": bound_rows(index),
        "receipts_title": RECEIPTS,
        "receipts": receipt_rows(index),
        "acts": act_rows(index.timeline),
        "acts_withheld": index.timeline.acts_withheld,
        "warnings": index.warnings,
        "parts": [(each.path, each.title, str(each.size_bytes), each.sha256) for each in index.parts],
        "withheld": withheld_rows(index),
        "notes": index.notes,
    }
