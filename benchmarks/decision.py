"""How long a decision takes: one, a denial with its near misses, and a page of 50 previews, as policy sets
grow.

    python -m benchmarks.decision

The shipped policies make up the smallest set; the larger ones add policies of 20 jurisdictions, spread over
nine category buckets, of which a decision meets one jurisdiction's and three buckets. The last row is the shipped set
with twenty policies of the owner's own beside it. Figures are medians in milliseconds of processor time over
interleaved rounds, so that what else runs on the machine counts less.
"""

import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import msgspec

from registry.sharing.policy.cedar import PolicySet, load_policy_set
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.rules import decide, decide_page
from registry.sharing.policy.testing import read_cases
from registry.sharing.policy.trial import matter_of

POLICIES = Path(__file__).parents[1] / "policies"
SIZES = (0, 200, 2000)
STATES = ("mn", *(f"{chr(97 + number)}z" for number in range(1, 20)))
BUCKETS = ("any", "k9", "k9.narcotics", "k9.explosives", "lab", "vehicle", "aircraft", "team", "equipment")
PAGE = 50
OWN = 20
ROUNDS = 40


def state_policy(number: int) -> str:
    """A plausible bar of a jurisdiction, in the bucket that its number falls into."""
    bucket = BUCKETS[number // len(STATES) % len(BUCKETS)]
    return f"""
    @id("own_rule_{number}") @title("Own rule {number}") @reason("A reserve is kept at home.")
    forbid (principal, action == Action::"borrow", resource in Category::"{bucket}")
    when {{ context.lent_out_quantity > {100 + number} && context.ask.priority != "emergency" }};
    """


def agency_policies(many: int) -> str:
    """Rules of an agency's own, each about a figure of the loan that the shipped policies do not read."""
    return "".join(
        f"""
    @id("own_limit_{number}") @title("Own limit {number}") @reason("It is not lent as far as that.")
    forbid (principal, action == Action::"borrow", resource in Category::"{BUCKETS[number % 3]}")
    when {{ context has distance_km && context.distance_km > {1000 + number} }};
    """
        for number in range(many)
    )


def grown(policies: PolicySet, total: int) -> PolicySet:
    """`policies` and as many of jurisdictions as make up `total`."""
    added = range(max(total - len(policies.policies), 0))
    with TemporaryDirectory() as scratch:
        copied = Path(shutil.copytree(POLICIES, Path(scratch) / "policies"))
        for at, state in enumerate(STATES):
            with (copied / "jurisdictions" / f"{state}.cedar").open("a") as file:
                file.write("".join(map(state_policy, added[at :: len(STATES)])))
        return load_policy_set(copied)


def page_of(facts: Facts) -> list[Facts]:
    """Fifty assets of one owner and category, as a page of candidates for one ask."""
    page = []
    for number in range(PAGE):
        asset = msgspec.structs.replace(facts.asset, id=UUID(int=number), type_level=1 + number % 4)
        ask = msgspec.structs.replace(facts.ask, estimated_cost_minor=10_000 + number, distance_km=number)
        page.append(msgspec.structs.replace(facts, asset=asset, ask=ask))
    return page


def milliseconds(run: Callable[[], object], repeat: int) -> float:
    begun = time.process_time()
    for _ in range(repeat):
        run()
    return (time.process_time() - begun) / repeat * 1000


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
        selection = policies.select(matter_of(permitted), permitted.assisting.id)
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
    own = shipped.with_agency(cases["permitted"].assisting.id, agency_policies(OWN))
    measure([*(grown(shipped, total) for total in SIZES), own], cases)


if __name__ == "__main__":
    main()
