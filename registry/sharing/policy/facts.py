"""The complete input of one policy evaluation, and its canonical bytes.

Everything on which a decision may depend is included, even `now`, so that a stored input gives the same decision years
later. Money is in minor units, distances in whole kilometres, durations in whole hours. There are no floats, because
two machines may print a float differently, which would change the digest.
"""

import hashlib
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from registry.platform.kernel.canonical import canonical, canonical_digest
from registry.resources.assets.certifying import first_to_lapse, lapses_at

ActionAt = Literal["request", "approve", "reserve", "extend", "dispatch", "what_if"]
Priority = Literal["routine", "urgent", "emergency"]
ServiceStatus = Literal["in_service", "out_of_service", "retired"]
Sharing = Literal["private", "agreement", "network"]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def begun_hours(start: datetime, end: datetime) -> int:
    """How many hours are begun between two instants."""
    return -((start - end) // HOUR)


class _Fact(Struct, frozen=True, forbid_unknown_fields=True):
    """Base class of facts.

    Unknown fields are refused, so that replaying facts with a field removed later fails visibly.
    """


class OtherWindow(_Fact, kw_only=True, frozen=True):
    """What else the requesting agency asked for of the asset, or has or had of it, that adjoins what is asked for now.

    It is a loan, or the line of a request that has led to none so far; of neither where it was asked for outside one.
    """

    start: datetime
    end: datetime
    quantity: int
    loan_id: UUID | None = None
    request_id: UUID | None = None
    line_no: int | None = None

    def __post_init__(self) -> None:
        _require_utc(self.start, self.end)


class Ask(_Fact, kw_only=True, frozen=True):
    """What is requested. `estimated_cost_minor` is computed by the registry, never taken from the requester.

    `joined` are the windows that count as one with this one, for limits and approvals, and `joined_cost_minor` is what
    these cost. `quantity` is of this ask alone; policies read `whole_quantity`.
    """

    start: datetime
    end: datetime
    purpose: str
    priority: Priority
    quantity: int = 1
    estimated_cost_minor: int | None = None
    currency: str = "USD"
    distance_km: int | None = None
    joined: tuple[OtherWindow, ...] = ()
    joined_cost_minor: int = 0

    def __post_init__(self) -> None:
        _require_utc(self.start, self.end)

    @property
    def duration_hours(self) -> int:
        """The length in hours, with what is joined, rounded up: 72 h 30 min exceeds a limit of 72."""
        return -(-self.lasting // HOUR)

    @property
    def lasting(self) -> timedelta:
        """The length with what is joined, as it is."""
        start = min([self.start, *(each.start for each in self.joined)])
        return max([self.end, *(each.end for each in self.joined)]) - start

    @property
    def overlapping(self) -> tuple[OtherWindow, ...]:
        """What is joined and is had at the same time as this, for some of it at least."""
        return tuple(each for each in self.joined if each.start < self.end and self.start < each.end)

    @property
    def whole_quantity(self) -> int:
        """The most at one instant of the window, with what overlaps it; what follows one after another is not added."""
        beside = self.overlapping
        instants = [self.start, *(each.start for each in beside if each.start > self.start)]
        return self.quantity + max(
            sum(each.quantity for each in beside if each.start <= at < each.end) for at in instants
        )

    @property
    def whole_cost_minor(self) -> int | None:
        """What it costs with what is joined; None where that is not known."""
        return None if self.estimated_cost_minor is None else self.estimated_cost_minor + self.joined_cost_minor

    def notice_hours(self, now: datetime) -> int:
        """Full hours between `now` and the start; negative once the window has begun."""
        return (self.start - now) // HOUR


class PrincipalFacts(_Fact, kw_only=True, frozen=True):
    """The acting principal; `sub` tells whether two asks are one person's (`Principal.person`)."""

    sub: str
    agency_id: UUID
    roles: tuple[str, ...] = ()


class AgencyFacts(_Fact, kw_only=True, frozen=True):
    """One of the two agencies. `state` is the postal code; None for a federal agency or where it is unknown."""

    id: UUID
    state: str | None = None
    kind: str
    status: str


class CertificationFacts(_Fact, kw_only=True, frozen=True):
    """A certification of the asset.

    `expires_on` is the last valid day, `expires_at` the instant at which that day ends in the issuer's time zone; None
    in both means that it does not expire.
    """

    code: str
    expires_on: date | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        _require_utc(self.expires_at)

    @property
    def lapses_at(self) -> datetime | None:
        """The first instant at which the certification is no longer valid."""
        return lapses_at(self.expires_on, self.expires_at)


class AssetFacts(_Fact, kw_only=True, frozen=True):
    """The requested asset. `category_path` runs from the category through its ancestors to `any`.

    `described` is a short form of what the requesting agency relies on (`assets.rules.described`): no policy reads it,
    but an approval is of that asset and of no other.
    """

    id: UUID
    agency_id: UUID
    category: str
    category_path: tuple[str, ...]
    type_level: int | None = None
    service_status: ServiceStatus
    sharing: Sharing
    capacity: int = 1
    funding: tuple[str, ...] = ()
    crew_required: bool = False
    certifications: tuple[CertificationFacts, ...] = ()
    certification_required: bool = False
    hourly_cost_minor: int | None = None
    described: dict[str, str] = msgspec.field(default_factory=dict)

    def first_to_lapse(self) -> CertificationFacts | None:
        """The certification that determines how long the asset is certified; None when there is none on file."""
        return first_to_lapse(self.certifications)


class TermFacts(_Fact, kw_only=True, frozen=True):
    """An agreement's machine-readable terms for these two agencies.

    None means that the agreement sets no such limit, no purposes that it bars none; where that is so because it does
    not say, the term's name is in `unstated`. `requesting_insurance_current` None means that no certificate is on file.
    """

    purposes: tuple[str, ...] = ()
    unstated: tuple[str, ...] = ()
    least_priority: Priority = "routine"
    max_duration_hours: int | None = None
    notice_hours: int | None = None
    cost_ceiling_minor: int | None = None
    max_quantity: int | None = None
    approval_required: bool = False
    approval_over_hours: int | None = None
    insurance_required: bool = False
    requesting_insurance_current: bool | None = None
    reimbursement_model: str = "silent"
    free_hours: int | None = None
    claim_window_days: int | None = None
    liability: str = "silent"
    command: str = "silent"
    sop_control: str = "silent"
    pay_control: str = "silent"
    recall_notice_hours: int | None = None


class TextFromFacts(_Fact, kw_only=True, frozen=True):
    """A version of an agreement that binds the two agencies from an instant on."""

    version_no: int
    starts_at: datetime

    def __post_init__(self) -> None:
        _require_utc(self.starts_at)


SideOfLoan = Literal["requesting", "assisting"]


class AgreementFacts(_Fact, kw_only=True, frozen=True):
    """An agreement under which the loan may be permitted.

    The version, with all that it says, is the one that binds both when what is asked for begins; `texts` are those that
    bind them one after another from `now` until it is over, where that is more than one.
    `in_force` is at `now`; `covers_direction` says that under it the assisting agency assists the requesting one;
    `covers_until` is when the first party's window ends, None when both are without end; `clauses` maps a term's name
    to the number of the provision that states it; `restricted` are the terms whose provision not everybody may read;
    `contradicted` are those whose provision says otherwise in its text, with its words, or null where it is restricted,
    and left out where there is none.
    `review_due_on` is the day by which the agreement is to be reviewed, and `review_due_at` the end of that day where
    the agreement says what time it is; None in both where no review is asked for. `time_zone` is the agreement's: no
    policy reads it, the reasons tell its boundaries by it. `unsigned_by`: which of the two it names as a party and has
    not signed it; left out where both have.
    """

    id: UUID
    number: str
    title: str
    kind: str
    version_id: UUID
    version_no: int
    in_force: bool
    covers_category: bool
    covers_direction: bool = True
    covers_until: datetime | None = None
    effective_at: datetime
    terms: TermFacts
    clauses: dict[str, str] = msgspec.field(default_factory=dict)
    restricted: tuple[str, ...] = ()
    contradicted: dict[str, str | None] | UnsetType = UNSET
    review_due_on: date | None = None
    review_due_at: datetime | None = None
    texts: tuple[TextFromFacts, ...] = ()
    time_zone: str | None = None
    unsigned_by: tuple[SideOfLoan, ...] | UnsetType = UNSET

    def __post_init__(self) -> None:
        _require_utc(self.covers_until, self.effective_at, self.review_due_at)

    def days_past_review(self, now: datetime) -> int | None:
        """Whole days since the review was due; negative before, 0 on the first day after it."""
        return None if self.review_due_at is None else (now - self.review_due_at) // DAY


class Facts(_Fact, kw_only=True, frozen=True):
    """All facts for one decision.

    `salt` is drawn at random for each ask: by the digest alone nobody can guess a restricted term or the owner's stock.
    `owned_quantity` is how many of the asset's own category the assisting agency has in service, lent or not, and
    `lent_out_quantity` how many of them are out, beside what the ask's whole quantity counts; both as far as the agency
    that acts sees them.
    """

    now: datetime
    action_at: ActionAt
    ask: Ask
    principal: PrincipalFacts
    requesting: AgencyFacts
    assisting: AgencyFacts
    asset: AssetFacts
    agreements: tuple[AgreementFacts, ...] = ()
    lent_out_quantity: int = 0
    owned_quantity: int | None = None
    salt: str = ""

    def __post_init__(self) -> None:
        _require_utc(self.now)


_DECODER = msgspec.json.Decoder(Facts)
_encode = msgspec.json.Encoder(order="sorted").encode
# An integer that a float could not hold exactly has as many digits at least; a salt may have them as well.
_LONG_NUMBER = b"0" * 16
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")


def _require_utc(*instants: datetime | None) -> None:
    """Raises ValueError for an instant not in UTC: equal facts with different offsets would have different digests."""
    for instant in instants:
        if instant is not None and instant.utcoffset() != timedelta(0):
            raise ValueError("an instant among the facts must be in UTC")


def facts_bytes(facts: Facts) -> bytes:
    """Canonical JSON, with lists sorted whose order has no meaning. Raises TypeError for a number that it cannot hold.

    No fact is a float, by their types; so that most facts need not be looked through for one.
    """
    terms_sorted = (
        msgspec.structs.replace(
            a,
            terms=msgspec.structs.replace(
                a.terms,
                purposes=tuple(sorted(set(a.terms.purposes))),
                unstated=tuple(sorted(set(a.terms.unstated))),
            ),
        )
        for a in facts.agreements
    )
    asset = facts.asset
    ordered = msgspec.structs.replace(
        facts,
        principal=msgspec.structs.replace(facts.principal, roles=tuple(sorted(set(facts.principal.roles)))),
        asset=msgspec.structs.replace(
            asset,
            funding=tuple(sorted(set(asset.funding))),
            certifications=tuple(sorted(asset.certifications, key=_encode)),
        ),
        agreements=tuple(sorted(terms_sorted, key=lambda a: (a.id.int, a.version_no))),
    )
    encoded = _encode(ordered)
    # Not by a regular expression, which begins anew at each digit of each id: a tenth of a decision.
    is_plain = encoded.isascii() and _LONG_NUMBER not in encoded.translate(_DIGITS_ALIKE)
    return encoded if is_plain else canonical(ordered)


def facts_digest(facts: Facts) -> str:
    """SHA-256, in hex, of the canonical bytes."""
    return hashlib.sha256(facts_bytes(facts)).hexdigest()


def decode_facts(data: bytes) -> Facts:
    """The inverse of `facts_bytes`. Raises msgspec.ValidationError for anything that is not facts."""
    return _DECODER.decode(data)


def ask_digest(facts: Facts) -> str:
    """SHA-256, in hex, of only what was asked and between whom.

    While it is unchanged, an approval carries over to later decisions, even if other facts (the time, the agreements,
    the asset's status) have changed.
    """
    ask = facts.ask
    asked = {
        "asset": facts.asset.id,
        "quantity": ask.quantity,
        "start": ask.start,
        "end": ask.end,
        "purpose": ask.purpose,
        "priority": ask.priority,
        "distance_km": ask.distance_km,
        "requesting": facts.requesting.id,
        "assisting": facts.assisting.id,
        # The place stays out: a vehicle that moves a little is the same, and how far it is, is asked already.
        "described": {name: form for name, form in facts.asset.described.items() if name != "location"},
    }
    return canonical_digest(asked)
