"""Who sees what of an agreement: SQL criteria, each said here once.

A draft is its custodian's alone; once its text is frozen for review all parties see it; what was executed and published
by each of its parties may be seen by every agency, in the public view. The registry's administrator sees the public
view of everything that was executed, since it must be able to see what it reports. What an agency has signed it reads
for ever: the version itself, when the text was sent back or withdrawn, and nothing of what it became.
"""

from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.consent import ProposalKind
from registry.agreements.instruments.consent_tables import agreement_proposal, agreement_publication
from registry.agreements.instruments.signing_tables import agreement_declined
from registry.agreements.instruments.tables import (
    agreement,
    agreement_evidence,
    agreement_party,
    agreement_party_window,
    agreement_passage,
    agreement_signature,
    agreement_unasked,
    agreement_version,
)
from registry.platform.access.principals import Principal, Role

Who: TypeAlias = str | sa.ColumnElement[UUID]
"""The agency that a criterion is about: the bind that names it or, where many are asked about at once, a column."""


def _agency(of: Who) -> sa.ColumnElement[UUID]:
    return sa.bindparam(of, type_=agreement.c.id.type) if isinstance(of, str) else of


def _now() -> sa.ColumnElement[Any]:
    return sa.bindparam("now", type_=agreement_party.c.leaves_at.type)


def administers(principal: Principal) -> bool:
    """Whether the caller acts for the registry itself: the `administrator` of the criteria below."""
    return Role.REGISTRY_ADMIN in principal.roles


def is_party(agency_bind: Who = "viewer", of: sa.FromClause = agreement) -> sa.ColumnElement[bool]:
    """Agreements that name the agency as a party, whether bound or not."""
    return of.c.id.in_(
        sa.select(agreement_party.c.agreement_id).where(agreement_party.c.agency_id == _agency(agency_bind))
    )


def turned_down(agency_bind: str = "viewer") -> sa.ColumnElement[bool]:
    """Agreements that others let the agency sign, and that it declined to join: it may read them, and change its mind.

    What it does otherwise is no party's: it is as outside as before it was asked.
    """
    said_no = sa.select(sa.literal(1)).where(
        agreement_declined.c.agreement_id == agreement_party.c.agreement_id,
        agreement_declined.c.agency_id == agreement_party.c.agency_id,
    )
    return agreement.c.id.in_(
        sa.select(agreement_party.c.agreement_id).where(
            agreement_party.c.agency_id == _agency(agency_bind),
            agreement_party.c.joined_at.is_(None),
            ~agreement_party.c.in_text,
            said_no.correlate(agreement_party).exists(),
        )
    )


def takes_part(agency_bind: str = "viewer") -> sa.ColumnElement[bool]:
    """Agreements in which the agency has a party's say."""
    return sa.and_(is_party(agency_bind), ~turned_down(agency_bind))


def shared_with(agency_bind: Who = "viewer", of: sa.FromClause = agreement) -> sa.ColumnElement[bool]:
    """Agreements that the agency sees in full: as custodian always, as party once the text is out of draft."""
    return sa.or_(keeps(agency_bind, of), sa.and_(of.c.is_shared, is_party(agency_bind, of)))


def keeps(agency_bind: Who = "viewer", of: sa.FromClause = agreement) -> sa.ColumnElement[bool]:
    """Agreements whose file the agency keeps: what is drafted of them is its alone."""
    return of.c.custodian_id == _agency(agency_bind)


def signed_by(agency_bind: str = "viewer", of: sa.FromClause = agreement) -> sa.ColumnElement[bool]:
    """Agreements of which the agency signed some version: that one it reads for ever, whatever became of the text."""
    return of.c.id.in_(
        sa.select(agreement_signature.c.agreement_id).where(agreement_signature.c.agency_id == _agency(agency_bind))
    )


def signed_version(agency_bind: str = "viewer") -> sa.ColumnElement[bool]:
    """Versions that bear the agency's signature."""
    return agreement_version.c.id.in_(
        sa.select(agreement_signature.c.version_id).where(agreement_signature.c.agency_id == _agency(agency_bind))
    )


def in_public_view(*, administrator: bool = False, of: sa.FromClause = agreement) -> sa.ColumnElement[bool]:
    """Agreements whose public view anybody sees, or the administrator."""
    executed: sa.ColumnElement[bool] = of.c.executed_at.is_not(None)
    return executed if administrator else of.c.is_public


_OF_PARTIES = {"version": "shared_changes", "updated_at": "shared_updated_at"}
"""What the custodian's own drafts move has beside it what moves with that which the other parties read."""


def as_shown(name: str, *, administrator: bool = False) -> sa.ColumnElement[Any]:
    """That column of the agreement as it is shown: of the own text and row to parties, else of what others are shown.

    The administrator sees what is executed, published or not, and no draft.
    """
    own: sa.ColumnElement[Any] = agreement.c[name]
    of_parties = own
    if name in _OF_PARTIES:
        of_parties = agreement.c[_OF_PARTIES[name]]
        own = sa.case((keeps(), own), else_=of_parties)
    if administrator:
        return of_parties if name == "updated_at" else own  # of the lists' order, which has one index for it
    of_others = {"current_version": "public_version", "version": "public_changes"}.get(name, f"public_{name}")
    return sa.case((shared_with(), own), else_=agreement.c[of_others])


def last_day_shown(*, administrator: bool = False) -> sa.ColumnElement[Any]:
    """As `as_shown`, of `expires_on`: to a party it is told of the text that binds it the longest (`party_days`)."""
    shown = as_shown("expires_on", administrator=administrator)
    own = agreement_party.alias("own_days")

    def its(column: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
        of_viewer = sa.and_(own.c.agreement_id == agreement.c.id, own.c.agency_id == _agency("viewer"))
        return sa.select(column).where(of_viewer).correlate(agreement).scalar_subquery()

    return sa.case((its(own.c.term_version_id).is_not(None), its(own.c.expires_on)), else_=shown)


def is_published(thing_id: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Versions or documents, by their id, of which each party gave its word that what is public is shown to all."""
    its = sa.select(sa.literal(1)).where(
        agreement_publication.c.id == thing_id, agreement_publication.c.published_at.is_not(None)
    )
    return its.correlate_except(agreement_publication).exists()


def may_be_named(of: sa.FromClause = agreement_party) -> sa.ColumnElement[bool]:
    """Parties that others than the parties may hear of: not newcomers that have not signed what is published."""
    return sa.or_(of.c.in_text, of.c.joined_at.is_not(None))


def names_party(agency_bind: str, viewer: str = "viewer") -> sa.ColumnElement[bool]:
    """Agreements that name the agency as a party, as far as the viewer hears of it."""
    told = sa.select(sa.literal(1)).where(
        agreement_party.c.agreement_id == agreement.c.id,
        agreement_party.c.agency_id == _agency(agency_bind),
        may_be_named(),
    )
    return sa.and_(is_party(agency_bind), sa.or_(shared_with(viewer), told.correlate(agreement).exists()))


def visible_to(
    agency_bind: str = "viewer", *, administrator: bool = False, of: sa.FromClause = agreement
) -> sa.ColumnElement[bool]:
    """Agreements that the agency may know of at all, in full or in the public view."""
    return sa.or_(shared_with(agency_bind, of), in_public_view(administrator=administrator, of=of))


def visible_to_agency_of(row: sa.FromClause, of: sa.FromClause = agreement) -> sa.ColumnElement[bool]:
    """As `visible_to`, for the agency that a row names: to be asked of many agencies at once."""
    party = agreement_party.alias("seeing")
    named = sa.select(sa.literal(1)).where(party.c.agreement_id == of.c.id, party.c.agency_id == row.c.agency_id)
    as_party = sa.and_(of.c.is_shared, named.correlate(of, row).exists())
    return sa.or_(of.c.custodian_id == row.c.agency_id, as_party, in_public_view(of=of))


def known_to(*, administrator: bool = False, of: sa.FromClause = agreement) -> sa.ColumnElement[bool]:
    """Agreements that another one may name to `viewer`: that it sees, or of which it has signed a text."""
    return sa.or_(visible_to(administrator=administrator, of=of), signed_by(of=of))


_LEFT = ("leaves_at", "released_at")
_GONE = (*_LEFT, "lapsed_at")


def gone_by(party: sa.FromClause, at: sa.ColumnElement[Any], *, or_lapsed: bool = False) -> sa.ColumnElement[bool]:
    """Parties that had left by then: a notice had run out, or another text had released them. Never NULL, for `~`.

    `or_lapsed`: or others went on by a later text than any that they signed. `rules.has_left` and `rules.is_gone` say
    the same of a row that is read already.
    """
    columns = [party.c[name] for name in (_GONE if or_lapsed else _LEFT)]
    return sa.or_(*(sa.and_(gone.is_not(None), gone <= at) for gone in columns))


def gone_at(party: sa.FromClause, never: datetime, *, or_lapsed: bool = False) -> sa.ColumnElement[Any]:
    """From when a party is gone, as `gone_by` says; the instant `never` where it stays."""
    stays: sa.ColumnElement[Any] = sa.literal(never, type_=party.c.leaves_at.type)
    first = stays
    for name in _GONE if or_lapsed else _LEFT:
        at = sa.func.coalesce(party.c[name], stays)
        first = sa.case((at < first, at), else_=first)
    return first


def kept_from(
    party: sa.FromClause, made_at: sa.ColumnElement[Any], made_by: sa.ColumnElement[Any] | None = None
) -> sa.ColumnElement[bool]:
    """Newcomers from which is kept what was made then, since one that has not agreed to them was there or made it.

    However they came: by consent of those bound, by a text's clause, or by another draft. What was made before one was
    named, any of those who were there made for the parties of that day. What is made since waits for its maker alone
    (`made_by`: nobody in particular where that is None, or NULL): the others have agreed, and make theirs in view of
    it. Who signs a text that lets others in, while the newcomer is there, agrees to it for what it makes from then on
    (`agreed_at`): a hand to a text opens nothing that was made before, which takes its own word on the newcomer. Whom a
    later draft of a text that nobody has executed names is named to all by the text that they sign.
    """
    its = agreement_unasked.c
    before = sa.and_(made_at < party.c.named_at, its.since <= made_at, sa.or_(its.until.is_(None), its.until > made_at))
    made: sa.ColumnElement[bool] = before
    if made_by is not None:
        waits = sa.or_(its.agreed_at.is_(None), its.agreed_at > made_at)
        made = sa.or_(before, sa.and_(made_at >= party.c.named_at, ~party.c.in_text, its.agency_id == made_by, waits))
    there = sa.select(sa.literal(1)).where(
        its.agreement_id == party.c.agreement_id, its.newcomer_id == party.c.agency_id, made
    )
    return there.correlate_except(agreement_unasked).exists()


def _came_by_clause(party: sa.FromClause) -> sa.ColumnElement[bool]:
    """Newcomers that came by the clause of a text alone, and one party has not agreed to them."""
    its = sa.select(sa.literal(1)).where(
        agreement_unasked.c.agreement_id == party.c.agreement_id,
        agreement_unasked.c.newcomer_id == party.c.agency_id,
        agreement_unasked.c.by_clause,
    )
    return its.correlate_except(agreement_unasked).exists()


def reads_restricted(agency_bind: str = "viewer", of: sa.FromClause = agreement_version) -> sa.ColumnElement[bool]:
    """Versions whose restricted text reaches the agency's cleared staff: it is bound, or the text itself names it.

    Who was added to what others had executed, or keeps the file without being bound, waits until it is bound, and then
    reads what binds it and what is made from then on: an earlier text that never bound it was not written for it. Who
    has left keeps what there was by then, what it signed and what bound it, and reads nothing that was made later.
    """
    party, window, signature = (
        each.alias(f"reading_{each.name}") for each in (agreement_party, agreement_party_window, agreement_signature)
    )

    made_at = sa.func.coalesce(of.c.frozen_at, of.c.created_at)

    def its_own(its: sa.FromClause, *criteria: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        own = sa.select(sa.literal(1)).where(its.c.agency_id == _agency(agency_bind), *criteria)
        return own.correlate_except(its).exists()

    return sa.or_(
        its_own(
            party,
            party.c.agreement_id == of.c.agreement_id,
            sa.or_(party.c.joined_at <= made_at, party.c.in_text),
            ~gone_by(party, made_at),
        ),
        its_own(signature, signature.c.version_id == of.c.id),
        its_own(window, window.c.agreement_id == of.c.agreement_id, window.c.version_id == of.c.id),
    )


def reads_restricted_document(
    filed_at: sa.ColumnElement[Any], filed_by: sa.ColumnElement[Any], agency_bind: Who = "viewer"
) -> sa.ColumnElement[bool]:
    """As `reads_restricted`, of a document filed then by that agency: who filed it knew all whom it would reach.

    So it reaches who was a party by then, and who has been bound since with the consent of those (`kept_from`); nobody
    that had left.
    """
    known = sa.and_(agreement_party.c.in_text, agreement_party.c.named_at <= filed_at)
    return (
        sa.select(sa.literal(1))
        .where(
            agreement_party.c.agreement_id == agreement.c.id,
            agreement_party.c.agency_id == _agency(agency_bind),
            sa.or_(agreement_party.c.joined_at.is_not(None), known),
            ~gone_by(agreement_party, filed_at),
            ~kept_from(agreement_party, filed_at, filed_by),
        )
        .correlate_except(agreement_party)
        .exists()
    )


def reads_restricted_passage() -> sa.ColumnElement[bool]:
    """Passages whose restricted words reach the agency's cleared staff: of a version, or of a document."""
    passage = agreement_passage
    of_document = reads_restricted_document(passage.c.filed_at, filer_of_passage())
    return sa.case((passage.c.document_id.is_not(None), of_document), else_=reads_restricted())


def filer_of_passage() -> sa.ScalarSelect[Any]:
    """Of a document's passage, which agency filed the document."""
    filed = agreement_evidence.alias("filed_passage")
    return (
        sa.select(filed.c.filed_by_id)
        .where(filed.c.document_id == agreement_passage.c.document_id)
        .correlate(agreement_passage)
        .scalar_subquery()
    )


def reaches_parties(
    agreement_id: sa.ColumnElement[Any],
    made_at: sa.ColumnElement[Any],
    agency_bind: str = "viewer",
    *,
    made_by: sa.ColumnElement[Any] | None = None,
) -> sa.ColumnElement[bool]:
    """What was made then for the parties, as far as it reaches the agency: it keeps the file, or is of the audience.

    The one rule of comments, documents and holds. The audience is whom the text names and who is bound, and of who has
    left whatever was made before. So who was let in and has not signed reads the text that it may sign, and of this
    nothing until it is bound; and then nothing of what was made while one was there that was not asked, nor of what is
    `made_by` one that has not agreed to it (`kept_from`).
    """
    kept, party = agreement.alias("kept_by_it"), agreement_party.alias("of_audience")
    keeps = sa.select(sa.literal(1)).where(kept.c.id == agreement_id, kept.c.custodian_id == _agency(agency_bind))
    among = sa.select(sa.literal(1)).where(
        party.c.agreement_id == agreement_id,
        party.c.agency_id == _agency(agency_bind),
        of_audience(party, made_at, made_by),
    )
    return sa.or_(keeps.correlate_except(kept).exists(), among.correlate_except(party).exists())


def past_or_to_come(agency_bind: str = "viewer") -> sa.ColumnElement[bool]:
    """Agreements of which the agency is a party that has left at `now`, or that was let in and is not bound yet.

    What is made for the parties now does not reach it: see `reaches_parties`.
    """
    return sa.and_(is_party(agency_bind), ~reaches_parties(agreement.c.id, _now(), agency_bind))


def told_of_act(
    act: sa.FromClause,
    made_at: sa.ColumnElement[Any],
    agency_bind: str = "viewer",
    *,
    made_by: sa.ColumnElement[Any] | None = None,
) -> sa.ColumnElement[bool]:
    """Acts in rows that name the agency whose they are: its own, and what of others' reaches it.

    `made_by`: who says so, where that is not the agency whose they are.
    """
    own = act.c.agency_id == _agency(agency_bind)
    maker = act.c.agency_id if made_by is None else made_by
    return sa.or_(own, reaches_parties(act.c.agreement_id, made_at, agency_bind, made_by=maker))


def of_audience(
    party: sa.FromClause, made_at: sa.ColumnElement[Any], made_by: sa.ColumnElement[Any] | None = None
) -> sa.ColumnElement[bool]:
    """Parties for which a thing is that was made then for the parties: see `reaches_parties`."""
    named = sa.or_(party.c.joined_at.is_not(None), party.c.in_text)
    return sa.and_(named, ~gone_by(party, made_at), ~kept_from(party, made_at, made_by))


def reads_text(agency_bind: str = "viewer") -> sa.ColumnElement[bool]:
    """Versions that were written for the agency: it had not left when they were made, or signed them.

    And that are not `closed_to` it.
    """
    party = agreement_party.alias("reading_text")
    made_at = sa.func.coalesce(agreement_version.c.frozen_at, agreement_version.c.created_at)
    there = sa.select(sa.literal(1)).where(
        party.c.agreement_id == agreement_version.c.agreement_id,
        party.c.agency_id == _agency(agency_bind),
        ~gone_by(party, made_at),
    )
    return sa.and_(sa.or_(there.correlate_except(party).exists(), signed_version(agency_bind)), ~closed_to(agency_bind))


def closed_to(agency_bind: Who = "viewer", of: sa.FromClause = agreement_version) -> sa.ColumnElement[bool]:
    """Versions that a newcomer does not read: one about which a party was not asked reads what it may sign.

    That is what says that others may join it, and what is made once it is bound; and what it has signed, or is bound
    by. See `kept_from`, and `let_in.since`. Nor does who was put into a later draft read what was sent out before, and
    never named it, unless it keeps the file.
    """
    party, window, signature, kept = (
        each.alias(f"of_{each.name}")
        for each in (agreement_party, agreement_party_window, agreement_signature, agreement)
    )
    one, mine = sa.select(sa.literal(1)), _agency(agency_bind)
    signed = one.where(signature.c.version_id == of.c.id, signature.c.agency_id == mine)
    binds = one.where(window.c.version_id == of.c.id, window.c.agency_id == mine)
    keeper = one.where(kept.c.id == of.c.agreement_id, kept.c.custodian_id == mine)
    by_clause = sa.and_(
        _came_by_clause(party),
        sa.or_(party.c.joined_at.is_(None), party.c.joined_at > sa.func.coalesce(of.c.frozen_at, of.c.created_at)),
    )
    by_draft = sa.and_(party.c.in_text, party.c.named_at > of.c.frozen_at, ~keeper.correlate_except(kept).exists())
    newcomer = one.where(
        party.c.agreement_id == of.c.agreement_id, party.c.agency_id == mine, sa.or_(by_clause, by_draft)
    )
    return sa.and_(
        ~of.c.open_to_accession,
        newcomer.correlate_except(party).exists(),
        ~signed.correlate_except(signature).exists(),
        ~binds.correlate_except(window).exists(),
    )


def legible_to_parties() -> sa.ColumnElement[bool]:
    """Versions whose text every party may read that was asked: those that are frozen; see `closed_to`."""
    return agreement_version.c.frozen_at.is_not(None)


def legible_to() -> sa.ColumnElement[bool]:
    """Versions that the `viewer` may read if it sees the agreement in full: what is not frozen is the `custodian`'s.

    Both are binds; none of those that are `closed_to` it.
    """
    return sa.and_(sa.or_(legible_to_parties(), sa.bindparam("custodian", type_=sa.Boolean)), ~closed_to())


def not_left() -> sa.ColumnElement[bool]:
    """Parties whose notice, where they gave one, has not run out at `now`, and whom no other text has released."""
    return ~gone_by(agreement_party, _now())


def _not_gone() -> sa.ColumnElement[bool]:
    """As `not_left`, and not lapsed while others go on by a later text."""
    return ~gone_by(agreement_party, _now(), or_lapsed=True)


def still_bound() -> sa.ColumnElement[bool]:
    """Parties that are asked: that have joined, or will once a report takes effect, and not left at `now`.

    Who is about to leave is bound until then.
    """
    return sa.and_(agreement_party.c.joined_at.is_not(None), _not_gone())


def is_asked() -> sa.ColumnElement[bool]:
    """Parties whose consent to a proposal is waited for at `now`: those bound, and of what reaches back who was bound.

    For a party and a proposal in one statement: `still_bound`, or `consent.left_before_asked`. Of a departure also who
    has lapsed: it says something of the days before.
    """
    asked = agreement_proposal.c
    of_departure = sa.and_(asked.kind == ProposalKind.DEPARTURE, not_left())
    before = gone_by(agreement_party, asked.proposed_at, or_lapsed=True)
    loses_days = ~gone_by(agreement_party, asked.not_before, or_lapsed=True)
    return sa.and_(
        agreement_party.c.joined_at.is_not(None), sa.or_(_not_gone(), of_departure, sa.and_(before, loses_days))
    )


def bound_by_now() -> sa.ColumnElement[bool]:
    """Parties that may act as ones that are bound: that have joined by `now`, and not left."""
    return sa.and_(agreement_party.c.joined_at <= _now(), _not_gone())
