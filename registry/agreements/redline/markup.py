"""Sections and tables of pages that are read by ear as well as by eye."""

from collections.abc import Iterable, Sequence
from html import escape

_SECTION = """<section aria-labelledby="{name}">
<h2 id="{name}">{title}</h2>
{body}
</section>"""
_TABLE = """<div class="scroll" role="region" aria-labelledby="{name}-table" tabindex="0">
<table>
<caption id="{name}-table">{caption}</caption>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>"""


def section(name: str, title: str, body: str) -> str:
    """A section under a heading; `body` is finished HTML."""
    return _SECTION.format(name=name, title=title, body=body)


def table(name: str, caption: str, head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
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
