"""Of what was decided, how much an agency committed itself to."""

from registry.outcomes.metrics.defining import (
    Count,
    Definition,
    MetricDirection,
    MetricKind,
    MetricSource,
    MetricUnit,
    Span,
)
from registry.outcomes.metrics.facts import LineFact
from registry.sharing.requests.rules import LineStatus


def _count(line: LineFact, span: Span) -> Count | None:
    if line.status is LineStatus.UNANSWERED:
        return Count(at=line.submitted_at, denominator=1, parts=(("unanswered", 1),))
    if not line.is_wanted or line.decided_at is None:
        return None
    parts = tuple((code, 1.0) for code in sorted(set(line.reasons))) if line.is_refused else ()
    committed = line.reserved_at is not None and not line.is_refused
    return Count(at=line.submitted_at, numerator=committed, denominator=1, parts=parts)


DEFINITION = Definition(
    key="commit_rate",
    name="Commit rate",
    numerator="Lines for which something was reserved.",
    denominator="Lines decided, and lines that nobody answered in time.",
    clock="When the line was asked.",
    exclusions="Lines that were withdrawn before any decision or answer was due.",
    parts="Lines refused by reason, and `unanswered`.",
    source=MetricSource.LINES,
    unit=MetricUnit.SHARE,
    direction=MetricDirection.HIGHER,
    kind=MetricKind.SHARE,
    basis="EDXL-RM 1.0: ResponseType Accept and Decline with ReasonCode.",
    of_one=_count,
)
