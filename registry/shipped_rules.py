"""The rules of law that the registry ships, of every kind: which are on, and the page that tells of each."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from msgspec import Struct

from registry.agreements.checks.lists import CHECKLISTS, LAWS
from registry.agreements.deadlines.retention import retention_rules
from registry.agreements.duties.rules import duty_rules
from registry.agreements.law.rules import Law
from registry.agreements.law.switch import turn_on
from registry.agreements.tracker.profiles import load_profile, shipped_profiles
from registry.directory.taxonomy.funding import funding_section
from registry.platform.settings import Settings, SettingsError
from registry.sharing.policy.cedar import PolicySet, check_digests, load_policy_set

KINDS = {
    "checklist": "Checklists",
    "duty": "Filing duties",
    "retention": "Retention schedules",
    "policy": "Request policies",
    "profile": "Profiles of published lists",
}


class ShippedRule(Struct, kw_only=True, frozen=True):
    """A rule of law, of whichever kind."""

    kind: str
    code: str
    title: str
    law: Law

    @property
    def on(self) -> bool:
        """Whether it is on by default."""
        return self.law.source == "primary"


def policies_and_rules(settings: Settings) -> PolicySet:
    """The request policies. The rules that the installation turns on are on from now on, whatever their kind.

    Raises PolicySetError, also for a file that is missing or altered by its digest, and SettingsError for a rule that
    does not exist or is on anyway.
    """
    check_digests(settings.policies_dir)  # first: it names the file that was lost, and not what lacks it
    policies = load_policy_set(settings.policies_dir, on=settings.rules_on)
    off = sorted(rule.code for rule in shipped_rules(policies) if not rule.on)
    if unknown := sorted(set(settings.rules_on) - set(off)):
        raise SettingsError(f"REGISTRY_RULES_ON: “{unknown[0]}” is no rule that is off. Those are: {', '.join(off)}.")
    turn_on(settings.rules_on)
    return policies


def shipped_rules(policies: PolicySet) -> list[ShippedRule]:
    """Every rule of law, by kind and code; raises ValueError for a code that two of them have."""
    found = [
        *(ShippedRule(kind="checklist", code=code, title=CHECKLISTS[code].name, law=law) for code, law in LAWS.items()),
        *(ShippedRule(kind="duty", code=rule.code, title=rule.title, law=rule.law) for rule in duty_rules()),
        *(
            ShippedRule(kind="retention", code=rule.code, title=f"{rule.years} years", law=rule.law)
            for rule in retention_rules()
        ),
        *(
            ShippedRule(kind="policy", code=code, title=policies.titles[code], law=law)
            for code, law in policies.laws.items()
        ),
        *_of_profiles(),
    ]
    if len({rule.code for rule in found}) != len(found):
        raise ValueError("two rules have one code")
    order = list(KINDS)
    return sorted(found, key=lambda rule: (order.index(rule.kind), rule.law.state or "", rule.code))


def _of_profiles() -> Iterator[ShippedRule]:
    for name in shipped_profiles():
        profile = load_profile(name)
        if profile.law is not None:
            yield ShippedRule(kind="profile", code=name, title=profile.about, law=profile.law)


def law_page(rules: Iterable[ShippedRule]) -> str:
    """The page that tells of each rule what it says, what was made of it and what was left out."""
    rules = list(rules)
    lines = [*_HEAD, *_counts(rules)]
    for kind, group in groupby(rules, key=lambda rule: rule.kind):
        lines += ["", f"## {KINDS[kind]}"]
        for rule in group:
            lines += ["", *_told(rule)]
    lines += funding_section()
    return "\n".join(lines) + "\n"


_HEAD = (
    "# The law in the registry",
    "",
    "**Have counsel review.** Nothing here is legal advice: statutes are amended, and each rule is a pattern to test",
    "against. What is said of each rule stands in its own file, and this page is written from those files",
    "(`registry law --write docs/law.md`).",
    "",
    "Every rule says to which agreements, agencies, resources and purposes it applies, and one function decides that",
    "for all of them (`registry/agreements/law/rules.py`). Every rule brings a matter that it must touch and one that",
    "it must leave alone, and the service does not start with a rule that does otherwise. A decision cites the law of",
    "the states of its two sides alone, and federal law.",
    "",
    "A rule whose own wording was read (`primary`) is on. One that is known only from what others say of it, or from a",
    "text too old to show what is in force (`secondary`), is off; an installation turns it on by its code in",
    "`REGISTRY_RULES_ON`, and its citation then says on what it rests.",
    "",
)


def _counts(rules: list[ShippedRule]) -> Iterator[str]:
    on = [rule for rule in rules if rule.on]
    packs = sorted({rule.law.state for rule in on if rule.kind == "policy" and rule.law.state})
    filing = sum(rule.kind == "duty" for rule in on)
    kept = sum(rule.kind == "retention" for rule in on)
    lists, profiles = (sum(rule.kind == kind for rule in on) for kind in ("checklist", "profile"))
    federal = sum(rule.kind == "policy" and rule.law.state is None for rule in on)
    yield f"Of {len(rules)} rules {len(on)} are on by default: policies of {len(packs)} states ({', '.join(packs)}),"
    yield f"{filing} filing duties, {kept} retention schedules, {lists} checklists, {federal} policies of federal law,"
    yield f"and {profiles} profile of a published list."


def _told(rule: ShippedRule) -> Iterator[str]:
    law = rule.law
    yield f"### `{rule.code}`"
    yield ""
    stands = "On" if rule.on else "Off by default"
    yield f"{rule.title}. {law.citation}. {stands}; {law.source} source, checked on {law.checked_on}."
    yield ""
    yield f"- Read: {law.checked_against}"
    yield f"- Says: {law.says}"
    yield f"- Made of it: {law.made_of_it}"
    yield f"- Left out: {law.left_out}"
