"""What an ask comes to by two sets of policies or on two sets of facts, and the sum of that over many. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct

from registry.sharing.policy.annotations import Policy
from registry.sharing.policy.attributes import tells_agreements_apart
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.decisions import Decision, Outcome
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.rules import decide_page
from registry.sharing.policy.trial import withheld_terms_read


class Comparison(Struct, kw_only=True, frozen=True):
    """One ask, decided twice."""

    before: Decision
    after: Decision

    @property
    def policy_ids(self) -> tuple[str, ...]:
        """The agency's own policies that spoke in one of the two and not in the other."""
        return tuple(sorted({policy_id for layer, policy_id in self._other() if layer == "agency"}))

    @property
    def all_policy_ids(self) -> tuple[str, ...]:
        """As `policy_ids`, of every layer."""
        return tuple(sorted({policy_id for _, policy_id in self._other()}))

    @property
    def differs(self) -> bool:
        """Whether outcome, reasons or what the loan brings with it are others."""
        return self.before.outcome != self.after.outcome or bool(self._other())

    def _other(self) -> frozenset[tuple[str | None, str]]:
        """The policies, by layer and id, that one of the two names and the other does not.

        Of a denial only what bars is compared: grounds and duties are not told there, so that they make no difference.
        """
        denied = "denied" in (self.before.outcome, self.after.outcome)
        return _spoken(self.before, bars_only=denied) ^ _spoken(self.after, bars_only=denied)


def _spoken(decision: Decision, *, bars_only: bool) -> frozenset[tuple[str | None, str]]:
    """The policies that the decision names, by layer and id. Approvals are among the reasons."""
    if bars_only and decision.outcome != "denied":
        return frozenset()
    # By which text it is decided is no policy: what the texts say is told by those that read it.
    reasons = [(each.layer, each.policy_id) for each in decision.reasons if each.effect != "text"]
    return frozenset((*reasons, *((each.layer, each.policy_id) for each in decision.obligations)))


def compare(before: Facts, after: Facts, policies: PolicySet) -> Comparison:
    """An ask that is decided on two sets of facts by the same policies."""
    one, other = decide_page((before, after), policies)
    return Comparison(before=one, after=other)


def compare_sets(page: Sequence[Facts], before: PolicySet, after: PolicySet) -> Iterator[Comparison]:
    """Each of the facts decided by both sets, in order."""
    for one, other in zip(decide_page(page, before), decide_page(page, after), strict=True):
        yield Comparison(before=one, after=other)


def rests_on_withheld(facts: Facts, own: Collection[Policy], policies: PolicySet) -> bool:
    """Whether what an agency's own policies make of these facts would tell of a term whose text not everybody may read.

    Whoever drafts could have one set after the other tried, and find the figure by halving. A policy that reads the
    term does that; so does one that holds under another of the agreements and not under this one, since it leaves the
    answer to this one alone. Who may read the text is not asked here: they read it there, on record. It goes by texts,
    never by a figure, so that what is left out tells nothing either.
    """
    if any(withheld_terms_read(own, agreement) for agreement in facts.agreements):
        return True
    if len(facts.agreements) < 2 or not any(tells_agreements_apart(policy.paths) for policy in own):
        return False
    return any(withheld_terms_read(policies.policies, agreement) for agreement in facts.agreements)


class ImpactSums:
    """How many decisions were looked at, and how those that came out otherwise are divided.

    A policy is counted once in each decision that it changed, so that the sum over all policies may be larger than the
    number of those decisions.
    """

    def __init__(self) -> None:
        self.examined = 0
        self.left_out = 0
        self.same = 0
        self.changes: Counter[tuple[Outcome, Outcome]] = Counter()
        self.policies: Counter[str] = Counter()

    def add(self, found: Comparison) -> None:
        """Count one that was decided by both sets."""
        self.examined += 1
        if not found.differs:
            self.same += 1
            return
        self.changes[(found.before.outcome, found.after.outcome)] += 1
        self.policies.update(found.policy_ids)

    def leave_out(self) -> None:
        """Count one that was not decided again."""
        self.examined += 1
        self.left_out += 1

    @property
    def flips(self) -> int:
        """How many came out otherwise."""
        return self.changes.total()
