"""What an hour of an asset costs: one answer, wherever it is asked."""

from datetime import date, timedelta

from registry.platform.kernel.time import Window, utc_now
from registry.resources.assets.costing import hourly_cost_on
from registry.resources.rates.rules import HourlyRate
from tests.support.assets import make_asset
from tests.support.cast import Cast, today
from tests.support.loans import make_loan, make_partners

DAY = timedelta(days=1)
MAY = date(2026, 5, 1)


def test_the_rate_of_the_day_goes_before_the_record() -> None:
    first = HourlyRate(effective_on=MAY, expires_on=MAY + 9 * DAY, amount_minor=70_00, currency="USD")
    later = HourlyRate(effective_on=MAY + 5 * DAY, expires_on=None, amount_minor=80_00, currency="USD")
    for day, amount, place in ((-1, 55_00, "asset"), (0, 70_00, "rates"), (5, 80_00, "rates"), (99, 80_00, "rates")):
        found = hourly_cost_on([later, first], 55_00, "USD", MAY + day * DAY)
        assert found is not None
        assert (found.amount_minor, found.stated_in) == (amount, place), day
    assert hourly_cost_on([later], None, "USD", MAY) is None


async def test_the_asset_the_decision_and_the_loan_say_the_same(cast: Cast) -> None:
    partners = await make_partners(cast)
    asset = await make_asset(cast.assisting, hourly_rate={"amount": "55.00", "currency": "USD"})
    day = today()
    path = f"/v1/assets/{asset['id']}"
    assert asset["hourly_cost"] == {
        "amount": {"amount": "55.00", "currency": "USD"},
        "stated_in": "asset",
        "effective_on": None,
        "expires_on": None,
    }
    rate = {
        "basis": "hour",
        "asset_id": asset["id"],
        "amount": {"amount": "80.00", "currency": "USD"},
        "effective_on": str(day + 3 * DAY),
        "source": "Resolution 1 (demo)",
    }
    await cast.assisting.admin.done("POST", "/v1/rates", rate)
    borrower = cast.requesting.coordinator
    assert (await borrower.done("GET", path))["hourly_cost"]["stated_in"] == "asset"
    then = (await borrower.done("GET", f"{path}?as_of={day + 3 * DAY}"))["hourly_cost"]
    assert (then["amount"]["amount"], then["stated_in"], then["effective_on"]) == ("80.00", "rates", str(day + 3 * DAY))
    start = utc_now() + 6 * DAY
    window = Window(start=start, end=start + timedelta(hours=2))
    when = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{start + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"}
    asked = {"asset_id": asset["id"], "window": when, "purpose": "mutual_aid"}
    estimated = (await borrower.done("POST", "/v1/policy-evaluations", asked))["estimated_cost"]
    assert estimated == {"amount": "160.00", "currency": "USD"}
    loan = await make_loan(partners, asset=asset, window=window)
    assert loan["asset"]["hourly_rate"] == rate["amount"]
    assert loan["asset_warnings"] == []
