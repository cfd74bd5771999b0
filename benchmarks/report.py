"""Medians over rounds; ratios to a yardstick are taken within a round, where the machine's drift cancels."""

from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from benchmarks.load import Measurement


class Line(Struct, kw_only=True, frozen=True):
    """One operation of one target. `ratios`, by yardstick: median over rounds of this rate to that one."""

    operation: str
    target: str
    rate: float
    p50_ms: float
    p99_ms: float
    client_busy: float
    wrong: int
    ratios: dict[str, float]


def summarise(measurements: Sequence[Measurement], yardsticks: Sequence[str]) -> list[Line]:
    """A line per operation and target, in the order they were measured."""
    by_lane: dict[tuple[str, str], list[Measurement]] = {}
    for one in measurements:
        by_lane.setdefault((one.operation, one.target), []).append(one)
    lines = []
    for (operation, target), rounds in by_lane.items():
        ratios = {}
        for yardstick in yardsticks:
            rates = {one.round: one.rate for one in by_lane.get((operation, yardstick), [])}
            shared = [one.rate / rates[one.round] for one in rounds if one.round in rates]
            if shared:
                ratios[yardstick] = median(shared)
        lines.append(
            Line(
                operation=operation,
                target=target,
                rate=median(one.rate for one in rounds),
                p50_ms=median(one.p50_ms for one in rounds),
                p99_ms=median(one.p99_ms for one in rounds),
                client_busy=median(one.client_busy for one in rounds),
                wrong=sum(one.wrong for one in rounds),
                ratios=ratios,
            )
        )
    return lines


def table(lines: Sequence[Line], yardsticks: Sequence[str]) -> str:
    """The lines as a Markdown table, grouped by operation."""
    heads = [
        "operation",
        "target",
        "req/s",
        "p50 ms",
        "p99 ms",
        "client busy",
        "wrong",
        *(f"x {y}" for y in yardsticks),
    ]
    operations = list(dict.fromkeys(line.operation for line in lines))
    cells = [
        [
            line.operation,
            line.target,
            f"{line.rate:,.0f}",
            f"{line.p50_ms:.2f}",
            f"{line.p99_ms:.2f}",
            f"{line.client_busy:.0%}",
            str(line.wrong),
            *(f"{line.ratios[y]:.2f}" if y in line.ratios else "" for y in yardsticks),
        ]
        for line in sorted(lines, key=lambda line: operations.index(line.operation))
    ]
    return markdown([heads, *cells])


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up; the first row is its head."""
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )
