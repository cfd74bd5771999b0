"""How long a decision takes: one, a denial with its near misses, and a page of 50 previews, as policy sets
grow.

    python -m benchmarks.decision

The shipped policies make up the smallest set; the larger ones add agencies' own policies, spread over 20
owners and nine category buckets, of which a decision meets one owner's and three buckets. Figures are
medians in milliseconds over interleaved rounds.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec

from registry.policy.cedar import PolicySet, load_policy_set
from registry.policy.facts import Facts
from registry.policy.rules import decide, decide_page
from registry.policy.testing import id_of, read_cases

POLICIES = Path(__file__).parents[1] / "policies"
SIZES = (0, 200, 2000)
OWNERS = 20
BUCKETS = ("any", "k9", "k9.narcotics", "k9.explosives", "lab", "vehicle", "aircraft", "team", "equipment")
PAGE = 50
ROUNDS = 40


def agency_policy(number: int) -> str:
    """A plausible bar of an agency's own, in the bucket that its number falls into."""
    bucket = BUCKETS[number // OWNERS % len(BUCKETS)]
    return f"""
    @id("own_rule_{number}") @title("Own rule {number}") @reason("The agency keeps a reserve at home.")
    forbid (principal, action == Action::"borrow", resource in Category::"{bucket}")
    when {{ context.lent_out_units > {100 + number} && context.ask.priority != "emergency" }};
    """


def grown(policies: PolicySet, total: int) -> PolicySet:
    """`policies` and as many agency policies as make up `total`."""
    added = range(max(total - len(policies.policies), 0))
    owners = [id_of("maple_county"), *(UUID(int=number) for number in range(1, OWNERS))]
    texts = {owner: "".join(map(agency_policy, added[at::OWNERS])) for at, owner in enumerate(owners)}
    return policies.with_agency_layers({owner: text for owner, text in texts.items() if text})


def page_of(facts: Facts) -> list[Facts]:
    """Fifty assets of one owner and category, as a page of candidates for one ask."""
    page = []
    for number in range(PAGE):
        asset = msgspec.structs.replace(facts.asset, id=UUID(int=number), type_level=1 + number % 4)
        ask = msgspec.structs.replace(facts.ask, estimated_cost_minor=10_000 + number, distance_km=number)
        page.append(msgspec.structs.replace(facts, asset=asset, ask=ask))
    return page


def milliseconds(run: Callable[[], object], repeat: int) -> float:
    begun = time.perf_counter()
    for _ in range(repeat):
        run()
    return (time.perf_counter() - begun) / repeat * 1000


def measure(sets: Sequence[PolicySet], cases: dict[str, Facts]) -> None:
    permitted, denied = cases["permitted"], cases["denied"]
    page = page_of(permitted)
    samples: list[dict[str, list[float]]] = [{"one": [], "denied": [], "page": []} for _ in sets]
    for _ in range(ROUNDS):
        for policies, sample in zip(sets, samples, strict=True):
            sample["one"].append(milliseconds(partial(decide, permitted, policies), 20))
            sample["denied"].append(milliseconds(partial(decide, denied, policies), 20))
            sample["page"].append(milliseconds(partial(decide_page, page, policies), 1))
    print(f"{'policies':>8} {'can apply':>9} {'one':>8} {'denied':>8} {'page of 50':>10} {'growth':>7}")
    first = statistics.median(samples[0]["one"])
    for policies, sample in zip(sets, samples, strict=True):
        states = (permitted.requesting.state, permitted.assisting.state)
        selection = policies.select(states, permitted.asset.agency_id, permitted.asset.category_path)
        one, deny, whole = (statistics.median(sample[name]) for name in ("one", "denied", "page"))
        print(
            f"{len(policies.policies):>8} {len(selection.policies):>9} {one:>8.3f} {deny:>8.3f} "
            f"{whole:>10.2f} {one / first:>6.1f}x"
        )


def main() -> None:
    shipped = load_policy_set(POLICIES)
    named = {case.name: facts for _, case, facts in read_cases(POLICIES)}
    cases = {
        "permitted": named["an ordinary loan under an agreement in force is permitted"],
        "denied": named["a loan longer than the maximum is barred"],
    }
    measure([grown(shipped, total) for total in SIZES], cases)


if __name__ == "__main__":
    main()
