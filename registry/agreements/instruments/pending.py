"""How an agreement is without the reports that have not taken effect: those whose days are running, uncontested so far.

What they say is nobody's own act yet. It is computed with the windows, for what is shown meanwhile.
"""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from registry.agreements.instruments.consent import BINDING, LEAVING, OF_ONE, ProposalKind, ReportedKind
from registry.platform.kernel.intervals import Interval

# What is proposed for all, so that a consent to it changes what each party is bound by.
_FOR_ALL = (ProposalKind.END, ProposalKind.SUPERSESSION, ProposalKind.SUSPENSION, ProposalKind.REINSTATEMENT)


class BoundStretch(Interval, kw_only=True, frozen=True):
    """A window of one party, with the version that binds it and its roles; `bound_until` None is without end.

    `amended`: as in `agreement_party_window`.
    """

    bound_until: datetime | None
    version_id: UUID
    assists: bool
    requests: bool
    amended: int = 0


class TextWithout(Struct, kw_only=True, frozen=True):
    """An executed text, or one that is about to be; `executed_at` is None for the original."""

    version_id: UUID
    no: int
    executed_at: datetime | None
    starts_at: datetime
    ends_at: datetime | None
    first_hand_at: datetime | None = None


class TextHeld(Interval, kw_only=True, frozen=True):
    """A stretch in which the version of that number is the text."""

    no: int


class PartyWithout(Struct, kw_only=True, frozen=True):
    """A party: what it did itself, or confirmed, or what had effect otherwise; and when it is bound by that."""

    agency_id: UUID
    joined_at: datetime | None
    verbally_at: datetime | None
    withdrawal_notice_on: date | None
    notice_kind: Literal["withdrawal", "non_renewal"] | None
    leaves_at: datetime | None
    released_at: datetime | None
    bound: tuple[BoundStretch, ...] = ()


class PendingReport(Struct, kw_only=True, frozen=True):
    """A report that has effect at `takes_effect_at` unless it is contested; with the proposal that it is about."""

    id: UUID
    agency_id: UUID
    kind: ReportedKind
    takes_effect_at: datetime
    proposal_id: UUID | None = None
    proposal_kind: ProposalKind | None = None
    proposed_by_id: UUID | None = None

    def is_about(self, agency_id: UUID) -> bool:
        """Whether it is about that party's being bound: its own signature or departure, or what is for all."""
        if self.proposal_kind in OF_ONE:
            return agency_id == self.proposed_by_id
        return self.proposal_kind in _FOR_ALL or (self.agency_id == agency_id and self.kind in (*BINDING, *LEAVING))


class Without(Struct, kw_only=True, frozen=True):
    """The agreement without its pending reports; `parties` are those that these would change.

    `joined`: how many have. `agreed`: when each proposal takes effect.
    """

    reports: tuple[PendingReport, ...]
    ended_at: datetime | None
    is_superseded: bool
    has_successor: bool
    joined: int
    force: tuple[Interval, ...]
    suspensions: tuple[Interval, ...]
    notice: tuple[Interval, ...]
    texts: tuple[TextWithout, ...]
    held: tuple[TextHeld, ...]
    agreed: tuple[tuple[UUID, datetime | None], ...]
    parties: tuple[PartyWithout, ...]

    def party(self, agency_id: UUID) -> PartyWithout | None:
        """The party as it is without the reports, where they would change it."""
        return next((each for each in self.parties if each.agency_id == agency_id), None)

    def reports_on(self, agency_id: UUID) -> list[UUID]:
        """The reports that would change the party; empty where none would."""
        if self.party(agency_id) is None:
            return []
        own = [each.id for each in self.reports if each.is_about(agency_id)]
        return own or [each.id for each in self.reports]

    def agreed_at(self, proposal_id: UUID) -> datetime | None:
        """When the proposal takes effect, by what was consented to so far."""
        return dict(self.agreed).get(proposal_id)

    def report_of_consent(self, agency_id: UUID, proposal_id: UUID) -> UUID | None:
        """The report by which alone the party has agreed to a proposal; None where there is none."""
        its = (each.id for each in self.reports if (each.agency_id, each.proposal_id) == (agency_id, proposal_id))
        return next(its, None)
