"""Redlines, comparisons and deviations as pages that stand alone: no script, nothing from elsewhere.

They are readable without colour and by ear.

Whatever comes from an agreement is escaped where it enters the page. Each run of the text is isolated from its
neighbours' direction, and so is each value: control characters in one cannot reorder another.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from msgspec import Struct

from registry.agreements.instruments.schemas.shown import AgreementVersionSummary
from registry.agreements.redline.markup import section, table
from registry.agreements.redline.schemas import (
    AgreementComparison,
    AgreementDeviations,
    ComparedText,
    Deviation,
    FromBasis,
    ParticularChange,
    ProvisionChange,
    ProvisionSide,
    Redline,
    TermChange,
)
from registry.agreements.redline.style import STYLE
from registry.agreements.redline.words import TextRun
from registry.platform.http.answers import style_policy

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
_ARTICLE = """<article aria-labelledby="{name}">
<h3 id="{name}">{title} <span class="kind">{kind}</span></h3>
{body}
</article>"""


class _Sides(Struct, kw_only=True, frozen=True):
    """What the two sides are called, in plain words; `versions` where they are two texts of one agreement."""

    before: str
    after: str
    versions: bool = True

    @property
    def heads(self) -> tuple[str, str]:
        """As heads of columns."""
        return self.before[0].upper() + self.before[1:], self.after[0].upper() + self.after[1:]


_BASIS: Mapping[FromBasis, Sequence[str]] = {
    FromBasis.IN_FORCE_BEFORE: ("Version to compare with: the one in force before this one takes effect.",),
    FromBasis.ENTERED_BEFORE: ("Version to compare with: the one entered before; none was in force before.",),
}


def page(redline: Redline) -> str:
    """The whole page of a redline."""
    sides = _Sides(before=f"version {redline.from_.version_no}", after=f"version {redline.to.version_no}")
    articles = _named(redline.provisions)
    counts = f"{redline.unchanged_provisions} unchanged"
    if redline.withheld_provisions:
        counts += f", {redline.withheld_provisions} not compared since they are withheld"
    return _PAGE.format(
        title=f"Redline of {escape(redline.number)}: {sides.before} to {sides.after}",
        heading=f"Redline of {_isolated(redline.number)}: {sides.before} to {sides.after}",
        style=STYLE,
        versions="\n".join(
            [
                *(_version(side, each) for side, each in (("From", redline.from_), ("To", redline.to))),
                *(f"<p>{words}</p>" for words in _BASIS.get(redline.from_basis, ())),
            ]
        ),
        contents=_contents(articles),
        main="\n".join(
            [
                _particulars(redline.particulars, sides),
                _terms(redline.terms, sides),
                _provisions(counts, articles, sides),
            ]
        ),
        footer="Made by the registry from the stored versions. What was signed is what was agreed, not this page.",
    )


def comparison_page(found: AgreementComparison) -> str:
    """The whole page of a comparison of two agreements."""
    sides = _Sides(before=_called(found.from_), after=_called(found.to), versions=False)
    articles = _named(found.provisions)
    counts = f"{found.same_provisions} the same, {found.withheld_provisions} not compared since they are withheld"
    return _PAGE.format(
        title=f"Comparison of {escape(found.from_.number)} and {escape(found.to.number)}",
        heading=f"Comparison of {_isolated(found.from_.number)} and {_isolated(found.to.number)}",
        style=STYLE,
        versions="\n".join(_text_of(side, each) for side, each in (("From", found.from_), ("To", found.to))),
        contents=_contents(articles),
        main="\n".join(
            [
                _particulars(found.particulars, sides),
                _terms(found.terms, sides),
                _provisions(counts, articles, sides),
            ]
        ),
        footer="Made by the registry from the stored versions. What was signed is what was agreed, not this page.",
    )


_DEVIATES = {
    "unchanged": "as the standard clause",
    "changed": "changed",
    "own_text": "own text",
    "left_out": "left out",
    "withheld": "withheld",
}


def deviations_page(found: AgreementDeviations) -> str:
    """The whole page of a version beside the standard clauses; what is as the clause has it is in the table alone."""
    named = [(f"provision-{index}", each) for index, each in enumerate(found.deviations, 1)]
    told = [(name, each) for name, each in named if each.kind in ("changed", "left_out")]
    title = f"version {found.version.version_no} and the standard clauses"
    links = "\n".join(
        f'<li><a href="#{name}">{_of_provision(each)}</a>, {_DEVIATES[each.kind]}</li>' for name, each in told
    )
    contents = f'<nav aria-label="Provisions that deviate">\n<ul>\n{links}\n</ul>\n</nav>\n' if told else ""
    rows = [(_of_provision(each), _DEVIATES[each.kind], *_standard(each)) for _, each in named]
    template = ""
    if found.template is not None:
        template = (
            f"<p>Drafted from the template {_isolated(found.template.code)}, version {found.template.version}.</p>"
        )
    articles = "\n".join(
        _ARTICLE.format(
            name=name,
            title=_of_provision(each),
            kind=_DEVIATES[each.kind],
            body=f'<p class="text" dir="auto">{"".join(map(_run, each.runs or ()))}</p>',
        )
        for name, each in told
    )
    head = ("Provision", "Deviation", "Standard clause", "How it was found", "Offered now")
    return _PAGE.format(
        title=f"Deviations of {escape(found.number)}: {title}",
        heading=f"Deviations of {_isolated(found.number)}: {title}",
        style=STYLE,
        versions=_version("Of", found.version) + template,
        contents=contents,
        main="\n".join(
            [
                section("summary", "Every provision", table("summary", "Provisions and standard clauses", head, rows)),
                section("provisions", "What deviates", articles or "<p>Nothing whose text is compared.</p>"),
            ]
        ),
        footer="A deviation is no fault, and a standard clause is no legal advice: have counsel review.",
    )


def _of_provision(deviation: Deviation) -> str:
    if deviation.provision is not None:
        return f"{escape(deviation.provision.number)} {_heading(deviation.provision)}"
    assert deviation.standard_clause is not None
    return f"Clause {escape(deviation.standard_clause.code)}"


def _standard(deviation: Deviation) -> tuple[str, str, str]:
    clause = deviation.standard_clause
    if clause is None:
        return "none", "none resembles it", "none"
    found = "drafted from it" if clause.origin == "drafted_from" else "the nearest under its heading"
    newer = "the same" if clause.newer_version is None else f"version {clause.newer_version}"
    return f"{escape(clause.code)}, version {clause.version}", found, newer


def _called(text: ComparedText) -> str:
    return f"agreement {text.number}, version {text.version_no}"


def _text_of(side: str, text: ComparedText) -> str:
    cut = ", of which you see what is public" if text.view == "public" else ""
    number, title = _isolated(text.number), _isolated(text.title)
    return f"<p>{side} agreement {number}, “{title}”, version {text.version_no}{cut}.</p>"


def _named(changes: Sequence[ProvisionChange]) -> list[tuple[str, ProvisionChange]]:
    return [(f"provision-{index}", change) for index, change in enumerate(changes, 1)]


def _version(side: str, version: AgreementVersionSummary) -> str:
    said = f"{side} version {version.version_no}, “{_isolated(version.title)}”, "
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


def _particulars(changes: Sequence[ParticularChange], sides: _Sides) -> str:
    if not changes:
        return section("particulars", "Particulars", f"<p>{_unchanged(sides)}.</p>")
    rows = [(_words(each.pointer), _replaced("del", each.from_), _replaced("ins", each.to)) for each in changes]
    body = table("particulars", "Changed particulars", ("Particular", *sides.heads), rows)
    return section("particulars", "Particulars", body)


def _terms(changes: Sequence[TermChange] | None, sides: _Sides) -> str:
    if changes is None:
        return section("terms", "Terms", "<p>The terms of one of them are withheld from you.</p>")
    if not changes:
        return section("terms", "Terms", f"<p>{_unchanged(sides)}.</p>")
    rows = [
        (_words(each.pointer.removeprefix("/terms")), each.kind, *_values(each), _clauses(each, sides))
        for each in changes
    ]
    body = table("terms", "Changed terms", ("Term", "Change", *sides.heads, "Provision"), rows)
    return section("terms", "Terms", body)


def _unchanged(sides: _Sides) -> str:
    return "Unchanged" if sides.versions else "The same"


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


def _clauses(change: TermChange, sides: _Sides) -> str:
    before, after = change.from_clause, change.to_clause
    if before == after:
        return _value(after)
    return f"{_value(before)}, {'now' if sides.versions else 'there'} {_value(after)}"


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


def _provisions(counts: str, articles: Sequence[tuple[str, ProvisionChange]], sides: _Sides) -> str:
    count = f"<p>{len(articles)} {'differs' if len(articles) == 1 else 'differ'}, {counts}.</p>"
    return section("provisions", "Provisions", "\n".join([count, *(_article(*each, sides) for each in articles)]))


def _name(change: ProvisionChange) -> str:
    side = change.to or change.from_
    assert side is not None
    return f"{escape(side.number)} {_heading(side)}"


def _heading(side: ProvisionSide) -> str:
    return escape(side.heading.replace("_", " ").capitalize())


def _article(name: str, change: ProvisionChange, sides: _Sides) -> str:
    notes = "".join(f"<li>{note}</li>" for note in _notes(change, sides))
    body = f'<ul class="note">{notes}</ul>\n' if notes else ""
    if change.runs is None:
        text = '<p class="note">The text is withheld from you.</p>'
    else:
        text = f'<p class="text" dir="auto">{"".join(map(_run, change.runs))}</p>'
    return _ARTICLE.format(name=name, title=_name(change), kind=change.kind, body=body + text)


def _notes(change: ProvisionChange, sides: _Sides) -> Iterable[str]:
    before, after = change.from_, change.to
    if before is None or after is None:
        return
    if "place" in change.differs:
        yield f"It stands in another place than in {escape(sides.before)}."
    if "number" in change.differs:
        yield f"Its number was {escape(before.number)}."
    if "heading" in change.differs:
        yield f"Its heading was {_heading(before)}."
    if "sensitivity" in change.differs:
        was, now = ("was", "is") if sides.versions else ("is", "there it is")
        yield f"Its sensitivity {was} {before.sensitivity} and {now} {after.sensitivity}."
    if "exemption" in change.differs:
        was, now = ("was", "It is") if sides.versions else ("is", "There it is")
        yield f"Its exemption {was}: {_value(before.exemption)}. {now}: {_value(after.exemption)}."
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
