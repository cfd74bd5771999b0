"""What is not due yet is in no denominator: of a metric, of the scorecard and of the totals alike."""

from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from registry.outcomes.metrics.queries.answers import get_metric
from registry.outcomes.metrics.queries.scores import get_metrics
from registry.outcomes.metrics.queries.totals import get_totals
from registry.outcomes.metrics.schemas.answers import MetricMeasure, MetricQuery
from registry.outcomes.metrics.schemas.scores import MetricsQuery, ShareMeasure
from registry.outcomes.metrics.schemas.totals import MetricTotalsQuery
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.sharing.loans.commands import handing_over
from registry.sharing.loans.tables import loan
from tests.outcomes.metrics.history import GOOD, Partnership, at, make_partnership
from tests.outcomes.metrics.test_daily_sums import differing, follow
from tests.support.cast import Cast
from tests.support.policy import acting_for

KEYS = ("on_time_return", "obligation_compliance", "recall_compliance")


def _part(measure: MetricMeasure | ShareMeasure) -> tuple[float, float | None]:
    return measure.numerator, measure.denominator


async def in_totals(pair: Partnership, when: str, key: str = "on_time_return") -> tuple[float, float | None]:
    """Numerator and denominator in the totals as asked for then, up to a day that is still to come."""
    caller = acting_for(pair.assisting, Role.AUDITOR, now=at(when))
    query = MetricTotalsQuery(from_=date(2025, 3, 1), to=date(2025, 12, 31))
    found = await get_totals(pair.assisting.service.database.read(), caller, query)
    (measure,) = (each.measure for each in found.metrics if each.key == key)
    return _part(measure)


async def in_all_three(pair: Partnership, when: str) -> tuple[float, float | None]:
    """Numerator and denominator of returns on time, which metric, scorecard and totals must give alike; and the metric
    and the totals of the other things with a deadline."""
    caller, read = acting_for(pair.assisting, Role.AUDITOR, now=at(when)), pair.assisting.service.database.read()
    window = MetricQuery(from_=at("03-01T00"), to=at("04-01T00"))
    metric = {key: _part((await get_metric(read, caller, {}, key, window)).groups[0].measure) for key in KEYS}
    for key in KEYS:
        assert await in_totals(pair, when, key) == metric[key], key
    card = await get_metrics(read, caller, MetricsQuery(from_=at("03-01T00"), to=at("04-01T00")))
    assert _part(card.groups[0].scores.on_time_return) == metric["on_time_return"]
    return metric["on_time_return"]


async def test_metric_scorecard_and_totals_count_the_same_of_what_is_due(cast: Cast) -> None:
    pair = await make_partnership(cast)
    service = pair.assisting.service
    # Back an hour before it was due; back two hours late; due on the 12th and still out.
    stories: list[tuple[dict[str, Any], str, str | None]] = [
        (pair.narcotics, "03-10", "03-10T17"),
        (pair.explosives, "03-11", "03-11T20"),
    ]
    stories += [(pair.command_post, "03-12", None)]
    # Out as well on the 20th, and due at six in the evening.
    stories += [(pair.narcotics, "03-20", None), (pair.explosives, "03-20", None)]
    for asset, day, back in stories:
        asked = await pair.ask(f"{day}T08", asset, f"{day}T10", hours=8)
        await pair.lend(asked, reserved=f"{day}T09", left=f"{day}T09", arrived=f"{day}T10", back=back)
    await follow(service)
    assert await in_all_three(pair, "03-20T12") == (1, 3), "two are not due yet"

    last = await service.database.read().value(
        sa.select(loan.c.id).where(loan.c.assisting_agency_id == pair.assisting.id).order_by(loan.c.id.desc()).limit(1)
    )
    async with unit_of_work(service.database) as write:
        helper = acting_for(pair.assisting, Role.COORDINATOR, now=at("03-20T13"))
        await handing_over.confirm_return(write, helper, UUID(str(last)), GOOD)
    await follow(service)
    assert await in_all_three(pair, "03-20T14") == (2, 4), "one is back before it was due"
    assert await in_all_three(pair, "03-20T20") == (2, 5), "and the other is overdue"
    assert await differing(service) == 0
