"""The redline as a page that stands alone: no script, nothing from elsewhere, readable without colour and by ear.

Whatever comes from an agreement is escaped where it enters the page. Each run of the text is isolated from its
neighbours' direction, and so is each value: control characters in one cannot reorder another.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from registry.agreements.redline.schemas import ProvisionChange, ProvisionSide, Redline, TermChange
from registry.agreements.redline.style import STYLE
from registry.agreements.redline.words import TextRun
from registry.agreements.schemas import AgreementVersionSummary
from registry.http.answers import style_policy

POLICY = style_policy(STYLE)
"""The page's Content-Security-Policy: its own style sheet and nothing else."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#changes">Skip to the changes</a>
<header>
<h1>{heading}</h1>
{versions}
<p class="note">Inserted text is underlined and deleted text is struck through; both are also announced as such.</p>
</header>
{contents}<main id="changes" tabindex="-1">
{main}
</main>
<footer>
<p>{footer}</p>
</footer>
</body>
</html>
"""
_SECTION = """<section aria-labelledby="{name}">
<h2 id="{name}">{title}</h2>
{body}
</section>"""
_ARTICLE = """<article aria-labelledby="{name}">
<h3 id="{name}">{title} <span class="kind">{kind}</span></h3>
{body}
</article>"""
_TABLE = """<div class="scroll" role="region" aria-labelledby="{name}-table" tabindex="0">
<table>
<caption id="{name}-table">{caption}</caption>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>"""


def page(redline: Redline) -> str:
    """The whole page."""
    versions = f"version {redline.from_.no} to version {redline.to.no}"
    articles = [(f"provision-{index}", change) for index, change in enumerate(redline.provisions, 1)]
    return _PAGE.format(
        title=f"Redline of {escape(redline.number)}: {versions}",
        heading=f"Redline of {_isolated(redline.number)}: {versions}",
        style=STYLE,
        versions="\n".join(_version(side, each) for side, each in (("From", redline.from_), ("To", redline.to))),
        contents=_contents(articles),
        main="\n".join([_particulars(redline), _terms(redline), _provisions(redline, articles)]),
        footer="Made by the registry from the stored versions. The frozen versions are what was agreed, not this page.",
    )


def _version(side: str, version: AgreementVersionSummary) -> str:
    said = f"{side} version {version.no}, “{_isolated(version.title)}”, "
    if version.frozen_at is None or version.sha256 is None:
        return f"<p>{said}a draft that may still change.</p>"
    frozen = f"{version.frozen_at:%Y-%m-%d %H:%M} UTC"
    return f"<p>{said}frozen {frozen}, SHA-256 <code>{escape(version.sha256[:16])}…</code></p>"


def _isolated(text: str) -> str:
    return f"<bdi>{escape(text)}</bdi>"


def _contents(articles: Sequence[tuple[str, ProvisionChange]]) -> str:
    if not articles:
        return ""
    links = "\n".join(f'<li><a href="#{name}">{_name(change)}</a>, {change.kind}</li>' for name, change in articles)
    return f'<nav aria-label="Provisions that differ">\n<ul>\n{links}\n</ul>\n</nav>\n'


def _section(name: str, title: str, body: str) -> str:
    return _SECTION.format(name=name, title=title, body=body)


def _table(name: str, caption: str, head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """`rows` are cells of finished HTML, the first of each its head."""
    return _TABLE.format(
        name=name,
        caption=caption,
        head="".join(f'<th scope="col">{escape(each)}</th>' for each in head),
        rows="\n".join(
            f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>"
            for first, *rest in rows
        ),
    )


def _particulars(redline: Redline) -> str:
    if not redline.particulars:
        return _section("particulars", "Particulars", "<p>Unchanged.</p>")
    head = ("Particular", f"Version {redline.from_.no}", f"Version {redline.to.no}")
    rows = [
        (_words(each.pointer), _replaced("del", each.from_), _replaced("ins", each.to)) for each in redline.particulars
    ]
    return _section("particulars", "Particulars", _table("particulars", "Changed particulars", head, rows))


def _terms(redline: Redline) -> str:
    if not redline.terms:
        return _section("terms", "Terms", "<p>Unchanged.</p>")
    head = ("Term", "Change", f"Version {redline.from_.no}", f"Version {redline.to.no}", "Provision")
    rows = [
        (_words(each.pointer.removeprefix("/terms")), each.kind, *_values(each), _clauses(each))
        for each in redline.terms
    ]
    return _section("terms", "Terms", _table("terms", "Changed terms", head, rows))


def _values(change: TermChange) -> tuple[str, str]:
    if not (change.members_added or change.members_removed):
        return _replaced("del", change.from_), _replaced("ins", change.to)
    return tuple(  # type: ignore[return-value]  # there are two of them
        "<br>".join(_replaced(kind, each) if each in changed else _value(each) for each in members) or "none"
        for kind, members, changed in (
            ("del", change.from_, change.members_removed),
            ("ins", change.to, change.members_added),
        )
    )


def _clauses(change: TermChange) -> str:
    before, after = change.from_clause, change.to_clause
    if before == after:
        return _value(after)
    return f"{_value(before)}, now {_value(after)}"


def _words(pointer: str) -> str:
    """A place in the version as words."""
    return escape(", ".join(part.replace("_", " ") for part in pointer.split("/") if part))


def _value(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict) and value.keys() == {"amount", "currency"}:
        return escape(f"{value['amount']} {value['currency']}")
    if isinstance(value, dict):
        return ", ".join(f"{_words(name)}: {_value(member)}" for name, member in value.items())
    if isinstance(value, list):
        return ", ".join(map(_value, value)) or "none"
    return _isolated(str(value))


def _replaced(kind: str, value: Any) -> str:
    return _value(value) if value is None else _marked(kind, _value(value))


def _provisions(redline: Redline, articles: Sequence[tuple[str, ProvisionChange]]) -> str:
    same = redline.unchanged_provisions
    count = f"<p>{len(articles)} {'differs' if len(articles) == 1 else 'differ'}, {same} unchanged.</p>"
    return _section("provisions", "Provisions", "\n".join([count, *(_article(*each, redline) for each in articles)]))


def _name(change: ProvisionChange) -> str:
    side = change.to or change.from_
    assert side is not None
    return f"{escape(side.number)} {_heading(side)}"


def _heading(side: ProvisionSide) -> str:
    return escape(side.heading.replace("_", " ").capitalize())


def _article(name: str, change: ProvisionChange, redline: Redline) -> str:
    notes = "".join(f"<li>{note}</li>" for note in _notes(change, redline))
    body = f'<ul class="note">{notes}</ul>\n' if notes else ""
    if change.runs is None:
        text = '<p class="note">The text is withheld from you.</p>'
    else:
        text = f'<p class="text" dir="auto">{"".join(map(_run, change.runs))}</p>'
    return _ARTICLE.format(name=name, title=_name(change), kind=change.kind, body=body + text)


def _notes(change: ProvisionChange, redline: Redline) -> Iterable[str]:
    before, after = change.from_, change.to
    if before is None or after is None:
        return
    if "place" in change.differs:
        yield f"It stands in another place than in version {redline.from_.no}."
    if "number" in change.differs:
        yield f"Its number was {escape(before.number)}."
    if "heading" in change.differs:
        yield f"Its heading was {_heading(before)}."
    if "sensitivity" in change.differs:
        yield f"Its sensitivity was {before.sensitivity} and is {after.sensitivity}."
    if "exemption" in change.differs:
        yield f"Its exemption was: {_value(before.exemption)}. It is: {_value(after.exemption)}."
    if change.runs is None:
        yield from ["Its text differs."] if "text" in change.differs else []
        return
    marked = [run for run in change.runs if run.kind != "equal"]
    if not marked:
        yield "Its text is the same."
    elif all(map(_is_blank, marked)):
        yield "Its words are the same; only line breaks or spaces differ."
    elif any(map(_is_blank, marked)):
        yield "Some line breaks or spaces differ too; they are not marked."


def _is_blank(run: TextRun) -> bool:
    return run.kind != "equal" and run.text.isspace()


def _run(run: TextRun) -> str:
    """A run of the text. Text that was only set in other lines would be all marks, so blank space is shown as it is."""
    if _is_blank(run):
        return f"<span>{run.text}</span>" if run.kind == "insert" else ""
    if run.kind == "equal":
        return f"<span>{escape(run.text)}</span>"
    return _marked("ins" if run.kind == "insert" else "del", escape(run.text))


def _marked(kind: str, inner: str) -> str:
    """An insertion or deletion that is announced as one."""
    word = "inserted" if kind == "ins" else "deleted"
    return (
        f'<{kind}><span class="unseen"> [{word}: </span>{inner}'
        f'<span class="unseen"> end of {word} text] </span></{kind}>'
    )
