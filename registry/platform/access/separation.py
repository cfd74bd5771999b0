"""Separation of duties: of two acts on one thing, each is done by another person of an agency.

A person is an issuer and a subject, acting for an agency. It is on by default, and an agency may relax each pair of
acts for its own side, on record, for what is begun from then on. That nobody approves their own request is another
rule, which nobody relaxes and which holds across agencies (`sharing/policy/approvals.py`).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from registry.platform.kernel.time import format_instant


class Act(StrEnum):
    """An act that another person of the agency checks, or by which that person is checked."""

    DRAFT = "draft"  # write a text, or change it
    APPROVE = "approve"  # a text, in review or as reviewer; what was asked of the agency, or by it
    SIGN = "sign"  # bind the own agency to a text: by hand, by word, or confirming what another reported of either
    RESERVE = "reserve"  # commit an own asset to what was asked
    ACTIVATE = "activate"  # let the agency's own policies decide


class Separation(StrEnum):
    """Two acts that one person does not both do to the same thing."""

    DRAFT_APPROVE = "draft_approve"
    APPROVE_SIGN = "approve_sign"
    APPROVE_RESERVE = "approve_reserve"
    DRAFT_ACTIVATE = "draft_activate"


# Drafting and signing are no pair: a small office of two can still make an agreement, one drafting and signing what
# the other approved between the two acts.
PAIRS: Mapping[Separation, frozenset[Act]] = {
    Separation.DRAFT_APPROVE: frozenset({Act.DRAFT, Act.APPROVE}),
    Separation.APPROVE_SIGN: frozenset({Act.APPROVE, Act.SIGN}),
    Separation.APPROVE_RESERVE: frozenset({Act.APPROVE, Act.RESERVE}),
    Separation.DRAFT_ACTIVATE: frozenset({Act.DRAFT, Act.ACTIVATE}),
}

# Who signs a text that nobody else approved approves it by that too, so both pairs stand between draft and signature:
# one person alone may do it where one alone may draft, approve and sign.
UNAPPROVED_SIGNATURE = (Separation.DRAFT_APPROVE, Separation.APPROVE_SIGN)

_DID: Mapping[Act, str] = {
    Act.DRAFT: "wrote at this text",
    Act.APPROVE: "approved this",
    Act.SIGN: "signed this, or gave your agency's word to it",
    Act.RESERVE: "reserved this",
    Act.ACTIVATE: "activated this",
}
_DO: Mapping[Act, str] = {
    Act.DRAFT: "edit it",
    Act.APPROVE: "approve it",
    Act.SIGN: "sign it, or give its word to it",
    Act.RESERVE: "reserve it",
    Act.ACTIVATE: "activate it",
}


class EarlierAct(Struct, kw_only=True, frozen=True):
    """What the same person did to the same thing for the same agency, with the roles of the token then."""

    act: Act
    roles: tuple[str, ...]
    done_at: datetime


class Ruling(Struct, kw_only=True, frozen=True):
    """Whether a person may do an act after earlier ones.

    `barred_by` is the separation that forbids it with the earlier act, None where it may be done; `relaxed` are those
    that would forbid it, had the agency not relaxed them.
    """

    barred_by: tuple[Separation, EarlierAct] | None = None
    relaxed: tuple[Separation, ...] = ()


FREE = Ruling()
"""There was no earlier act of this person."""


def rule_on(
    act: Act, earlier: Iterable[EarlierAct], relaxed: Mapping[Separation, datetime], *, unchecked: Collection[Act] = ()
) -> Ruling:
    """Whether the person of these earlier acts may do the act; of several that forbid it, the latest is named.

    A pair that was `relaxed`, and when, does not hold for an earlier act from then on. One that was done while the pair
    was separated stays so: else whoever is refused could relax the rule for that one thing. `unchecked`: the acts
    of which nobody else of the agency has seen the text that is signed: after one of them its person does not sign it.
    """
    latest = sorted(earlier, key=lambda each: each.done_at, reverse=True)
    met = [(pair, each) for each in latest for pair in _between(act, each.act, unchecked)]
    strict = [(pair, each) for pair, each in met if pair not in relaxed or each.done_at < relaxed[pair]]
    return Ruling(
        barred_by=strict[0] if strict else None,
        relaxed=tuple(sorted({pair for pair, _ in met if pair in relaxed})),
    )


def _between(act: Act, earlier: Act, unchecked: Collection[Act]) -> tuple[Separation, ...]:
    """The separations that stand between two acts of one person."""
    if act is Act.SIGN and earlier in unchecked:
        return UNAPPROVED_SIGNATURE
    return tuple(pair for pair, acts in PAIRS.items() if earlier is not act and acts == {earlier, act})


def explain(act: Act, separation: Separation, earlier: EarlierAct) -> str:
    """Why the act is barred: what the person did before, in which roles and when, and what can be done about it."""
    then = f"as {' and '.join(earlier.roles)} of your agency at {format_instant(earlier.done_at)}"
    if act is Act.SIGN and earlier.act is not Act.APPROVE:  # no pair, so it is a text that nobody else approved
        first, second = UNAPPROVED_SIGNATURE
        said = f"You {_DID[earlier.act]} {then}" + (": a service wrote it" if earlier.act is Act.SIGN else "")
        return (
            f"{said}, and nobody else of your agency has approved it or given its word to it: "
            "it was set in motion by word of mouth before that. So somebody else of your agency has to sign it, or to "
            f"enter its signature on paper. Where your agency's administrator has relaxed both `{first}` and "
            f"`{second}`, on record, one person alone may do it, for what is begun after that."
        )
    return (
        f"You {_DID[earlier.act]} {then}, so somebody else of your agency has to {_DO[act]}. Your agency's "
        f"administrator can relax this separation of duties, `{separation}`, on record, for what is begun after that."
    )
