"""Who may sign for an agency: offices, what they may sign and until when, and what they delegate.

Mutual-aid law lets the chief executive officer of a local government act, or whom that officer delegates (New York
General Municipal Law § 209-m is the pattern; have counsel review). An office's power is a chain: its own link first,
then that of the office which delegated it, and so on to the one that a law or a resolution names. It holds on a day
when every link holds on that day, so that revoking one link takes the power from all that rest on it.
"""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.terms import NoLimit
from registry.platform.kernel.errors import Fault, RuleBroken, WrongStatus
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import civil_day

_FILE_IT = (
    "It held one on the day of the signature: once another party has filed the signed copy of that very version, as "
    "`signed_copy` with its `version_no`, that day counts alone. Confirm it then, and give the copy's SHA-256. What is "
    "not on record yet may be recorded before that by the other party, or by a service of your agency, which gives no "
    "hand."
)
MOST_DELEGATIONS = 3
"""How often what one office may do can be handed on."""


class Basis(StrEnum):
    """What gives an office the power to sign."""

    STATUTE = "statute"
    CHARTER = "charter"
    ORDINANCE = "ordinance"
    RESOLUTION = "resolution"
    POLICY = "policy"
    ELECTION = "election"


class AuthorityStatus(StrEnum):
    """What an authority is on a day."""

    NOT_YET_VALID = "not_yet_valid"
    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Power(Struct, kw_only=True, frozen=True):
    """One link: what an office may sign, from `effective_on` through `expires_on`, and not from `revoked_on` on."""

    office: str
    kinds: tuple[AgreementKind, ...] = ()  # empty covers every kind
    ceiling: Money | None = None
    effective_on: date
    expires_on: date | None = None
    revoked_on: date | None = None


Chain: TypeAlias = Sequence[Power]


class Signature(Struct, kw_only=True, frozen=True):
    """What is to be signed, and when. `amount` is the cost ceiling that the text names; None where it does not say.

    `given_on` is the day of the act, where that must be covered too: of a text that is signed now, on which day soever
    the paper says. What was signed on paper long ago and is only recorded rests on the authority of its own day.
    `is_confirmed`: it is a party's word that it signed a paper, which it records or confirms.
    """

    kind: AgreementKind
    signed_on: date
    given_on: date | None = None
    amount: Money | NoLimit | None = None
    is_confirmed: bool = False

    @property
    def days(self) -> tuple[date, ...]:
        """On which days the authority must hold."""
        if self.given_on is None or self.given_on == self.signed_on:
            return (self.signed_on,)
        return (self.signed_on, self.given_on)


class FiledPaper(Struct, kw_only=True, frozen=True):
    """A document on file with the agreement: what it is to it, of which version its filer named it, who, and when."""

    kind: str
    version_id: UUID | None = None
    filed_by_id: UUID
    filed_at: datetime


def vouches_for(paper: FiledPaper, version_id: UUID | None) -> bool:
    """Whether who filed the document said by it that it bears the hands to that version; None is no version.

    It says so of the one version that its filer named, and of no other: by the same bytes anybody else may mean
    another text. Of an approval, an end, a word or a day no paper speaks in this way.
    """
    return version_id is not None and paper.kind == "signed_copy" and paper.version_id == version_id


def day_given(
    papers: Sequence[FiledPaper], version_id: UUID | None, signer_id: UUID, time_zone: str, today: date
) -> date | None:
    """On which day the authority must hold beside that of a past signature; None where its own day counts alone.

    A signed copy of that very version (`vouches_for`) that another filed shows the signature. What the signer files
    for itself shows that it was given by then, and what nothing shows is as good as given today: a day that only the
    signer names may be a day of its choice.
    `time_zone` is the signer's.
    """
    copies = [paper for paper in papers if vouches_for(paper, version_id)]
    if any(paper.filed_by_id != signer_id for paper in copies):
        return None
    return min((civil_day(paper.filed_at, time_zone) for paper in copies), default=today)


def status_on(chain: Chain, day: date) -> AuthorityStatus:
    """What the authority is on `day`; the strongest statement about any link wins."""
    if any(link.revoked_on is not None and link.revoked_on <= day for link in chain):
        return AuthorityStatus.REVOKED
    if any(link.expires_on is not None and link.expires_on < day for link in chain):
        return AuthorityStatus.EXPIRED
    if any(day < link.effective_on for link in chain):
        return AuthorityStatus.NOT_YET_VALID
    return AuthorityStatus.VALID


def revoked_on(chain: Chain) -> date | None:
    """From when on the authority is revoked, by itself or by what it rests on; None while it is not."""
    return min((link.revoked_on for link in chain if link.revoked_on is not None), default=None)


def shortfalls(chain: Chain, signature: Signature) -> list[str]:
    """Why the authority does not reach the signature, each as the end of a sentence; empty when it does.

    A ceiling is held against the amount that the text names; a text that does not say commits no amount, and one that
    sets no limit commits more than any.
    """
    return [
        reason if depth == 0 else f"rests on that of “{link.office}”, which {reason}"
        for depth, link in enumerate(chain)
        for reason in _of_link(link, signature)
    ]


def _of_link(link: Power, signature: Signature) -> list[str]:
    first, last, found = min(signature.days), max(signature.days), []
    if link.revoked_on is not None and last >= link.revoked_on:
        found.append(f"was revoked on {link.revoked_on}")
    if link.expires_on is not None and last > link.expires_on:
        found.append(f"expired on {link.expires_on}")
    if first < link.effective_on:
        found.append(f"begins on {link.effective_on}")
    if link.kinds and signature.kind not in link.kinds:
        found.append(f"does not cover agreements of the kind {signature.kind}")
    if link.ceiling is not None and signature.amount is not None and _exceeds(signature.amount, link.ceiling):
        found.append(f"ends at {link.ceiling.amount} {link.ceiling.currency}")
    return found


def sufficient(chains: Sequence[Chain], signature: Signature) -> int:
    """Which of an office's authorities a signature rests on: of those that reach it, the one least delegated.

    Where it must hold on two days and none holds on both, two entries do, one for each day: an office whose authority
    was given anew held one all along. The signature rests on that of its own day then.
    Raises RuleBroken with the nearest reason where none reaches one of the days.
    """
    of_days = [_that_reach(chains, _on(signature, day)) for day in signature.days]
    if all(of_days):
        whole = [index for index in of_days[0] if all(index in reaching for reaching in of_days)]
        return min(whole or of_days[0], key=lambda index: _rank(chains[index]))
    if not chains:
        reason = "No authority of that office to sign is on the agency's record."
    else:
        day = next(day for day, reaching in zip(signature.days, of_days, strict=True) if not reaching)
        lacking = [shortfalls(chain, _on(signature, day)) for chain in chains]
        nearest = min(range(len(chains)), key=lambda index: (len(lacking[index]), _rank(chains[index])))
        reason = f"The authority of “{chains[nearest][0].office}” {lacking[nearest][0]}."
    needed = " and ".join(f"on {day}" for day in signature.days)
    way_out = f" {_FILE_IT}" if signature.is_confirmed and of_days[0] else ""
    raise RuleBroken.at(
        f"{reason} The signature needs an office that holds one {needed}.{way_out}",
        "no_signing_authority",
        reason,
        pointer="/signatory_title",
    )


def _on(signature: Signature, day: date) -> Signature:
    """The same signature as if that day alone had to be covered."""
    return replace(signature, signed_on=day, given_on=None)


def _that_reach(chains: Sequence[Chain], signature: Signature) -> list[int]:
    return [index for index, chain in enumerate(chains) if not shortfalls(chain, signature)]


def _rank(chain: Chain) -> tuple[int, int]:
    """The least delegated first, and of those the latest."""
    return len(chain), -chain[0].effective_on.toordinal()


def delegated(source: Chain, asked: Power, today: date) -> Power:
    """The power that `asked` becomes when the office at the head of `source` delegates it.

    What is left open is as far as the delegator's own power goes: kinds, ceiling and end. Raises WrongStatus where that
    power has ended, RuleBroken where it is handed on too often or is to exceed or outlive what it comes from.
    """
    status = status_on(source, today)
    if status in (AuthorityStatus.REVOKED, AuthorityStatus.EXPIRED):
        raise WrongStatus(f"What is {status} cannot be delegated.", "authority_ended")
    if len(source) > MOST_DELEGATIONS:
        raise RuleBroken(f"Authority is handed on at most {MOST_DELEGATIONS} times.", "delegated_too_often")
    own = source[0]
    given = replace(
        asked,
        kinds=asked.kinds or own.kinds,
        ceiling=asked.ceiling or own.ceiling,
        expires_on=asked.expires_on or own.expires_on,
    )
    faults = [
        Fault(pointer=pointer, code="exceeds_authority", detail=detail)
        for pointer, exceeds, detail in (
            ("/kinds", bool(own.kinds) and not {*given.kinds} <= {*own.kinds}, "a kind that the delegator cannot sign"),
            (
                "/ceiling",
                own.ceiling is not None and given.ceiling is not None and _exceeds(given.ceiling, own.ceiling),
                "more than the delegator's ceiling",
            ),
            (
                "/effective_on",
                given.effective_on < own.effective_on,
                f"before the delegator's own begins, {own.effective_on}",
            ),
            (
                "/expires_on",
                own.expires_on is not None and given.expires_on is not None and given.expires_on > own.expires_on,
                f"after the delegator's own ends, {own.expires_on}",
            ),
        )
        if exceeds
    ]
    if faults:
        raise RuleBroken("Nobody can delegate more than they hold, or for longer.", "exceeds_authority", faults=faults)
    return checked(given)


def checked(power: Power) -> Power:
    """The power itself; raises RuleBroken where it would end before it begins."""
    if power.expires_on is not None and power.expires_on < power.effective_on:
        raise RuleBroken.at(
            "An authority does not end before it begins.",
            "dates_reversed",
            "before effective_on",
            pointer="/expires_on",
        )
    return power


def _exceeds(amount: Money | NoLimit, ceiling: Money) -> bool:
    """Whether the amount is above the ceiling, or cannot be compared with it."""
    return amount == "no_limit" or amount.currency != ceiling.currency or amount.to_minor() > ceiling.to_minor()
