"""The index of a file as a page that stands alone: no script, nothing from elsewhere, readable by ear."""

from collections.abc import Iterable
from html import escape

from registry.agreements.dossier.rules import Audience
from registry.agreements.dossier.schemas import FileIndex
from registry.agreements.redline.markup import section, table
from registry.agreements.redline.style import STYLE
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
        "warnings": index.warnings,
        "parts": [(each.path, each.title, str(each.size_bytes), each.sha256) for each in index.parts],
        "withheld": withheld_rows(index),
        "notes": index.notes,
    }
