"""The page about the metrics, made of their definitions alone."""

from collections.abc import Mapping
from typing import Final

from registry.outcomes.metrics.defining import FEW, Definition, MetricKind, MetricUnit

_OPENING: Final = f"""# Metrics

What is counted, and how: each definition of `registry/outcomes/metrics/definitions`, of which this page is made
(`registry metrics page --write docs/metrics.md`). `GET /v1/metrics` lists the same; `GET /v1/metrics/<key>` answers.

- A value stands beside its numerator, its denominator and the number of observations. It is null, not 0, where there
  was nothing to count. Under {FEW} observations the answer says so (`few`).
- Each agency is told what concerns itself: what it asked for, was asked for, lent and was lent. What others share with
  each other is never counted.
- A period is one of the time zone asked for, from the first instant of its first day. Days are civil days, weeks begin
  on Monday. What was done counts on the day on which it was done, however late it was recorded, and by today's
  knowledge: where the time of an act is corrected, it moves. `as_of` leaves out what was done after an instant.
- A change stands beside its interval, or is not given. The interval of a share is Wilson's, of the difference of two
  Newcombe's; a duration has its median and the ninth of ten with intervals that ask for no distribution; a count has
  the score interval of a Poisson mean. Hours and pieces are no independent trials: they have none.
- Nothing is predicted about people or crime, and nothing is counted by person.
"""
_KIND: Final = {
    MetricKind.SHARE: "a share",
    MetricKind.DURATION: "a duration: median and ninth of ten",
    MetricKind.COUNT: "a count",
    MetricKind.SUM: "a sum",
    MetricKind.RATIO: "a ratio of sums",
}
_UNIT: Final = {
    MetricUnit.SHARE: "from 0 to 1",
    MetricUnit.HOURS: "in hours",
    MetricUnit.DAYS: "in days of 24 hours",
    MetricUnit.INCIDENTS: "in incidents",
}


def metrics_page(definitions: Mapping[str, Definition]) -> str:
    """The page as Markdown."""
    return "\n".join([_OPENING, *(_section(definition) for definition in definitions.values())])


def _section(definition: Definition) -> str:
    lines = [
        f"## {definition.name}\n",
        f"`{definition.key}`, {_KIND[definition.kind]}, {_UNIT[definition.unit]}. {_better(definition)}\n",
        f"- **Counted:** {definition.numerator}",
        f"- **Of:** {definition.denominator}",
        f"- **Clock:** {definition.clock}",
        f"- **Left out:** {definition.exclusions}",
        *([f"- **Parts:** {definition.parts}"] if definition.parts else []),
        f"- **Counted from:** {definition.source}",
        f"- **Source:** {definition.basis}",
        *([f"- **Always null:** {definition.missing}"] if definition.missing else []),
    ]
    return "\n".join(lines) + "\n"


def _better(definition: Definition) -> str:
    words = {
        "higher": "More is better.",
        "lower": "Less is better.",
        "middle": "The nearer to its target the better.",
        "none": "The figure alone says neither good nor bad.",
    }[definition.direction]
    return words if definition.target is None else f"{words} It should be {definition.target:g}."
