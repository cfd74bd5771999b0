"""The totals as a page that stands alone and as a table: no script, nothing from elsewhere, legible in black and white.

Each figure stands in a table; the chart of the shares beside it says nothing that the table does not.
"""

import csv
import io
from collections.abc import Sequence
from html import escape
from typing import Final

from registry.agreements.redline.markup import section, table
from registry.agreements.redline.style import STYLE
from registry.outcomes.metrics.defining import FEW, MetricKind, MetricUnit
from registry.outcomes.metrics.definitions import DEFINITIONS
from registry.outcomes.metrics.schemas.totals import MetricTotal, MetricTotals
from registry.platform.http.answers import style_policy

_STYLE: Final = f"""{STYLE}
figure{{margin:1rem 0}}
figure svg{{display:block;width:100%;height:auto;fill:var(--ink);stroke:var(--ink)}}
svg text{{stroke:none;font:13px system-ui,sans-serif}}
@media print{{
:root{{color-scheme:light;--ink:#000000;--paper:#ffffff;--quiet:#000000;--rule:#000000;--link:#000000}}
body{{max-width:none;padding:0;font-size:10pt}}
.scroll{{overflow:visible}}
tr,figure{{break-inside:avoid}}
}}
"""
POLICY: Final = style_policy(_STYLE)
_IN_PAGE: Final = POLICY.partition("; frame-ancestors")[0]  # which only a header may say
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
<h1>{title}</h1>
<p>{days}</p>
</header>
<main>
{main}
</main>
</body>
</html>
"""
_TITLE: Final = "Scorecard of shared resources"
_HEAD: Final = ("Metric", "Value", "95 % interval", "Counted", "Of", "Observations")
_CSV_HEAD: Final = (
    *("key", "name", "counted_in", "value", "low", "high", "p90", "numerator", "denominator", "n", "few", "from", "to"),
)
_ROW, _LEFT, _WIDTH, _RIGHT = 28, 230, 400, 90
_CHART: Final = """<figure>
<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="chart-title chart-description">
<title id="chart-title">Shares with their 95 % intervals</title>
<desc id="chart-description">{description}</desc>
{bars}
</svg>
<figcaption>A bar is the share, the line across its end the interval. The table has the same figures.</figcaption>
</figure>"""
_ABOUT: Final = (
    f"Every figure stands beside what it was counted from. Where there are fewer than {FEW} observations the value is "
    "marked with an asterisk: do not build on it. “–” is where there was nothing to count, which is not the same as 0. "
    "What each metric counts, by which clock and without what, is told by the registry under GET /v1/metrics."
)


def report_page(totals: MetricTotals, *, of_agreement: bool) -> str:
    """The whole page; `of_agreement` where it is about one agreement alone."""
    shares = [each for each in totals.metrics if DEFINITIONS[each.key].kind is MetricKind.SHARE]
    others = [each for each in totals.metrics if DEFINITIONS[each.key].kind is not MetricKind.SHARE]
    parts = [
        (escape(each.name), escape(part.code), _number(part.amount))
        for each in totals.metrics
        for part in each.measure.parts
    ]
    main = [
        f"<p>{escape(_ABOUT)}</p>",
        section(
            "shares", "Shares", _chart(shares) + table("shares", "Shares", _HEAD, (_cells(each) for each in shares))
        ),
        section(
            "others",
            "Times, counts and sums",
            table("others", "Other metrics", _HEAD, (_cells(each) for each in others)),
        ),
        *(
            [
                section(
                    "parts", "Further figures", table("parts", "Further figures", ("Metric", "What", "How much"), parts)
                )
            ]
            if parts
            else []
        ),
    ]
    return _PAGE.format(
        policy=_IN_PAGE, title=_TITLE, style=_STYLE, days=escape(_days(totals, of_agreement)), main="\n".join(main)
    )


def report_csv(totals: MetricTotals) -> str:
    """A row for each metric. It holds the registry's own words and numbers alone."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(_CSV_HEAD)
    for each in totals.metrics:
        measure = each.measure
        p90 = None if measure.p90 is None else measure.p90.value
        rows.writerow(
            [
                *(each.key, each.name, DEFINITIONS[each.key].unit.value, measure.value, measure.low, measure.high, p90),
                *(measure.numerator, measure.denominator, measure.n, measure.few, totals.from_, totals.to),
            ]
        )
    return written.getvalue()


def _days(totals: MetricTotals, of_agreement: bool) -> str:
    first = "From the beginning" if totals.from_ is None else f"From {totals.from_.isoformat()}"
    under = " Under one agreement alone." if of_agreement else ""
    return f"{first} to {totals.to.isoformat()}, both included, in days of UTC.{under}"


def _cells(total: MetricTotal) -> Sequence[str]:
    measure, share = total.measure, DEFINITIONS[total.key].unit is MetricUnit.SHARE
    interval = "–"
    if measure.low is not None or measure.high is not None:
        interval = f"{_value(measure.low, share)} to {_value(measure.high, share)}"
    value = _value(measure.value, share)
    if measure.p90 is not None and measure.p90.value is not None:
        value = f"{value} (nine of ten within {_value(measure.p90.value, share)})"
    return (
        escape(f"{total.name}, {_UNITS[DEFINITIONS[total.key].unit]}"),
        value + ("*" if measure.few and measure.value is not None else ""),
        interval,
        _number(measure.numerator),
        "–" if measure.denominator is None else _number(measure.denominator),
        str(measure.n),
    )


_UNITS: Final = {
    MetricUnit.SHARE: "in %",
    MetricUnit.HOURS: "in hours",
    MetricUnit.DAYS: "in days",
    MetricUnit.INCIDENTS: "incidents",
}


def _value(value: float | None, share: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if share else _number(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def _chart(shares: Sequence[MetricTotal]) -> str:
    counted = [each for each in shares if each.measure.value is not None]
    if not counted:
        return "<p>There was nothing to count.</p>"
    bars = "\n".join(_bar(place, each) for place, each in enumerate(counted))
    told = "; ".join(f"{each.name} {_value(each.measure.value, share=True)}" for each in counted)
    return _CHART.format(
        width=_LEFT + _WIDTH + _RIGHT, height=_ROW * len(counted), description=escape(f"{told}."), bars=bars
    )


def _bar(place: int, total: MetricTotal) -> str:
    measure, top = total.measure, place * _ROW
    assert measure.value is not None
    assert measure.low is not None
    assert measure.high is not None
    end, low, high = (_LEFT + _WIDTH * each for each in (measure.value, measure.low, measure.high))
    middle = top + _ROW / 2
    return (
        f'<text x="{_LEFT - 8}" y="{middle + 5}" text-anchor="end">{escape(total.name)}</text>'
        f'<rect x="{_LEFT}" y="{top + 6}" width="{end - _LEFT:.1f}" height="{_ROW - 12}" fill-opacity="0.25"/>'
        f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 5}v10M{high:.1f} {middle - 5}v10" fill="none"/>'
        f'<text x="{_LEFT + _WIDTH + 8}" y="{middle + 5}">{_value(measure.value, share=True)}</text>'
    )
