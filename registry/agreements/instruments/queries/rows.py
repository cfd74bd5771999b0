"""An agreement's row with the text that is asked for: for commands the newest, for readers that of an instant."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent_tables import (
    agreement_proposal,
    agreement_publication,
    agreement_reported_act,
)
from registry.agreements.instruments.in_force import text_at
from registry.agreements.instruments.pending import Without
from registry.agreements.instruments.queries.in_force import is_superseded, text_shown_at, text_shown_to_others_at
from registry.agreements.instruments.queries.pending import without_pending
from registry.agreements.instruments.queries.texts import placed, stretches
from registry.agreements.instruments.queries.visibility import (
    administers,
    as_shown,
    closed_to,
    gone_by,
    known_to,
    reads_restricted,
    shared_with,
    signed_by,
    takes_part,
    turned_down,
    visible_to,
)
from registry.agreements.instruments.signing_tables import (
    agreement_declined,
)
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_approval,
    agreement_evidence,
    agreement_party,
    agreement_signature,
    agreement_unasked,
    agreement_version,
    agreement_version_dates,
)
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read, Rows
from registry.platform.kernel.errors import NotFound

Moment: TypeAlias = Literal["current", "now", "past", "of_version"]
_AS_SHOWN = ("version", "updated_at")
_ID = sa.bindparam("id", type_=agreement.c.id.type)
_AT = sa.bindparam("at", type_=agreement.c.starts_at.type)
_text_then = text_shown_at(_AT)
_its = agreement_version.alias("its")
_its_dates = agreement_version_dates.alias("its_dates")
_of_its = sa.select(_its.c.id).where(_its.c.agreement_id == agreement.c.id).correlate(agreement)
_latest_then = (
    _of_its.join(_its_dates, _its_dates.c.version_id == _its.c.id)
    .where(_its.c.created_at <= _AT, _its_dates.c.kind == "original")
    .order_by(_its.c.no.desc())
    .limit(1)
    .scalar_subquery()
)
_first = _of_its.where(_its.c.no == 1).scalar_subquery()
_current = _of_its.where(_its.c.no == agreement.c.current_version).scalar_subquery()
_last_signed = (
    _of_its.join(agreement_signature, agreement_signature.c.version_id == _its.c.id)
    .where(agreement_signature.c.agency_id == sa.bindparam("viewer", type_=agreement.c.id.type))
    .order_by(_its.c.no.desc())
    .limit(1)
    .scalar_subquery()
)
_shared = shared_with()
_signed = signed_by()
_any_declined = (
    sa.select(sa.literal(1)).where(agreement_declined.c.agreement_id == agreement.c.id).correlate(agreement).exists()
)
_any_approved = (
    sa.select(sa.literal(1)).where(agreement_approval.c.agreement_id == agreement.c.id).correlate(agreement).exists()
)
_any_reported = (
    sa.select(sa.literal(1))
    .where(agreement_reported_act.c.agreement_id == agreement.c.id)
    .correlate(agreement)
    .exists()
)
_any_proposed = (
    sa.select(sa.literal(1)).where(agreement_proposal.c.agreement_id == agreement.c.id).correlate(agreement).exists()
)
_publication = agreement_publication.alias("its_publication")
_of_publications = (
    sa.select(sa.literal(1)).where(agreement_publication.c.agreement_id == agreement.c.id).correlate(agreement)
)
_any_publication = _of_publications.exists()
_any_unpublished = _of_publications.where(agreement_publication.c.published_at.is_(None)).exists()
_any_filed = (
    sa.select(sa.literal(1)).where(agreement_evidence.c.agreement_id == agreement.c.id).correlate(agreement).exists()
)
# Of several that are open the one that is being written, else the paper that was recorded first.
_open = agreement_amendment.alias("open_amendment")
_of_open = sa.select(_open.c.id).where(_open.c.agreement_id == agreement.c.id, _open.c.closed_at.is_(None))
_on_its_way = _of_open.order_by(_open.c.is_paper, _open.c.id).limit(1).correlate(agreement).scalar_subquery()
_its_hand = (
    sa.select(sa.literal(1))
    .where(
        agreement_signature.c.version_id == _open.c.version_id,
        agreement_signature.c.agency_id == sa.bindparam("viewer", type_=agreement.c.id.type),
    )
    .correlate(_open)
)
_left_before = (
    sa.select(sa.literal(1))
    .select_from(
        agreement_party.join(agreement_version_dates, agreement_version_dates.c.version_id == _open.c.version_id)
    )
    .where(
        agreement_party.c.agreement_id == _open.c.agreement_id,
        agreement_party.c.agency_id == sa.bindparam("viewer", type_=agreement.c.id.type),
        gone_by(agreement_party, agreement_version_dates.c.starts_at),
    )
    .correlate(_open)
)
_begins_after_end = (
    sa.select(sa.literal(1))
    .where(
        agreement_version_dates.c.version_id == _open.c.version_id,
        agreement_version_dates.c.starts_at >= agreement.c.terminated_at,
    )
    .correlate(_open, agreement)
)
_paper_to_confirm = (
    _of_open.where(_open.c.is_paper, ~_its_hand.exists(), ~_left_before.exists(), ~_begins_after_end.exists())
    .correlate(agreement)
    .exists()
)
_its_no = (
    sa.select(sa.literal(1))
    .where(
        agreement_declined.c.version_id == _open.c.version_id,
        agreement_declined.c.agency_id == sa.bindparam("viewer", type_=agreement.c.id.type),
    )
    .correlate(_open)
)
_paper_to_decline = (
    _of_open.where(_open.c.is_paper, ~_its_hand.exists(), ~_its_no.exists()).correlate(agreement).exists()
)
paper_awaited = (
    _of_open.where(
        _open.c.is_paper, ~_its_hand.exists(), ~_its_no.exists(), ~_left_before.exists(), ~_begins_after_end.exists()
    )
    .correlate(agreement)
    .exists()
)
"""Agreements of which another filed a change on paper that waits for the hand of `viewer`, who has not declined it."""
_amending = agreement_version.alias("amending")
_amending_dates = agreement_version_dates.alias("amending_dates")


def version_shown(*, administrator: bool, moment: Moment) -> sa.ColumnElement[Any]:
    """The id of the version with which an agreement is shown to `viewer`, of the instant in the bind `at`."""
    if moment == "of_version":
        return sa.bindparam("of_version", type_=agreement.c.id.type)
    if moment == "current":
        return _current
    now = sa.func.coalesce(_text_then, _current)
    drafted = sa.func.coalesce(_latest_then, _first)
    then = now if moment == "now" else sa.case((agreement.c.executed_at.is_not(None), now), else_=drafted)
    return sa.case(
        (_shared, then), (_signed, _last_signed), else_=now if administrator else text_shown_to_others_at(_AT)
    )


def _row_statement(*, administrator: bool, moment: Moment, anybody: bool = False) -> sa.Select[Any]:
    """The agreement with the version that is its text at the instant, and the amendment that is on its way.

    Where none holds then it is the last that did, or before all the first to come. `current`, for commands, takes the
    draft or the newest executed version whatever the instant. Of the `past`, where nothing was executed, it is the last
    draft written by then. With `of_version` it is the one that is named.
    Those who are not parties only ever see what was published, the newest where the text of the
    instant is not, or the last version that they signed; `version` and `updated_at` are those of what is shown, and
    `ledger_version` counts whatever happens: events are numbered by it.
    """
    version = version_shown(administrator=administrator, moment=moment)
    own = anybody or administrator
    seen = sa.true() if anybody else sa.or_(visible_to(administrator=administrator), _signed)
    dates = agreement_version_dates
    return (
        sa.select(
            *(column for column in agreement.c if column.name not in _AS_SHOWN),
            *(as_shown(name, administrator=own).label(name) for name in _AS_SHOWN),
            agreement.c.version.label("ledger_version"),
            _shared.label("shared"),
            _signed.label("signed"),
            is_superseded().label("superseded"),
            _any_declined.label("any_declined"),
            _any_approved.label("any_approved"),
            _any_reported.label("any_reported"),
            _any_proposed.label("any_proposed"),
            _any_publication.label("any_publication"),
            _any_unpublished.label("any_unpublished"),
            _publication.c.published_at,
            _any_filed.label("any_filed"),
            takes_part().label("is_party"),
            turned_down().label("is_invited"),
            closed_to().label("closed_to_it"),
            sa.exists()
            .where(
                agreement_unasked.c.agreement_id == agreement.c.id,
                agreement_unasked.c.newcomer_id == sa.bindparam("viewer", type_=agreement.c.id.type),
            )
            .label("kept_from_it"),
            reads_restricted().label("reached"),
            agreement_version.c.id.label("version_id"),
            agreement_version.c.no.label("version_no"),
            agreement_version.c.title.label("version_title"),
            agreement_version.c.terms,
            agreement_version.c.sha256,
            agreement_version.c.evidence_sha256.label("its_evidence_sha256"),
            agreement_version.c.evidence_location.label("its_evidence_location"),
            *(
                dates.c[name].label(f"its_{name}")
                for name in (
                    *("kind", "effective_on", "expires_on", "starts_at", "ends_at", "notice"),
                    *("auto_renew_months", "auto_renew_times", "renewal_day"),
                )
            ),
            _paper_to_confirm.label("paper_to_confirm"),
            _paper_to_decline.label("paper_to_decline"),
            agreement_amendment.c.id.label("amendment_id"),
            agreement_amendment.c.stage.label("amendment_stage"),
            agreement_amendment.c.is_paper.label("amendment_is_paper"),
            _amending.c.id.label("amendment_version_id"),
            _amending.c.no.label("amendment_no"),
            _amending.c.title.label("amendment_title"),
            _amending.c.terms.label("amendment_terms"),
            _amending.c.sha256.label("amendment_sha256"),
            _amending_dates.c.kind.label("amendment_kind"),
            _amending_dates.c.effective_on.label("amendment_effective_on"),
            _amending_dates.c.expires_on.label("amendment_expires_on"),
        )
        .select_from(
            agreement.join(agreement_version, agreement_version.c.id == version)
            .join(dates, dates.c.version_id == agreement_version.c.id)
            .outerjoin(
                agreement_amendment,
                agreement_amendment.c.id == _on_its_way,
            )
            .outerjoin(_publication, _publication.c.id == agreement_version.c.id)
            .outerjoin(_amending, _amending.c.id == agreement_amendment.c.version_id)
            .outerjoin(_amending_dates, _amending_dates.c.version_id == _amending.c.id)
        )
        .where(agreement.c.id == _ID, seen)
    )


_MOMENTS: tuple[Moment, ...] = ("current", "now", "past", "of_version")
_ROW = {
    (administrator, moment): _row_statement(administrator=administrator, moment=moment)
    for administrator in (False, True)
    for moment in _MOMENTS
}
_stretch = stretches()
_STRETCH = (
    _stretch.c.kind.label("stretch"),
    _stretch.c.no.label("stretch_no"),
    _stretch.c.starts_at.label("stretch_starts_at"),
    _stretch.c.ends_at.label("stretch_ends_at"),
    _stretch.c.executed_at.label("stretch_executed_at"),
    _stretch.c.first_hand_at.label("stretch_first_hand_at"),
)
_custodian, _offered_to = agency.alias("custodian"), agency.alias("offered_to")
_successor = agreement.alias("successor")
_NAMES = (
    _custodian.c.name.label("custodian_name"),
    _offered_to.c.name.label("custody_offered_to_name"),
    _successor.c.id.label("successor_id"),
    _successor.c.number.label("successor_number"),
)
SHOWN = {
    (administrator, moment): statement.add_columns(*_STRETCH, *_NAMES)
    .join(_custodian, _custodian.c.id == agreement.c.custodian_id)
    .outerjoin(_offered_to, _offered_to.c.id == agreement.c.custody_offered_to_id)
    .outerjoin(
        _successor,
        sa.and_(_successor.c.id == agreement.c.superseded_by_id, known_to(administrator=administrator, of=_successor)),
    )
    .outerjoin(_stretch, sa.true())
    .order_by(_stretch.c.no, _stretch.c.starts_at)
    for (administrator, moment), statement in _ROW.items()
}
_ROW_WHOEVER_ASKS = _row_statement(administrator=False, moment="current", anybody=True)


async def agreement_row(read: Read, principal: Principal, agreement_id: UUID) -> Row[Any]:
    """The agreement's row with the text that commands work on: the draft, or the newest executed version.

    Raises NotFound where the caller may not know of the agreement.
    """
    return (await shown_rows(read, _ROW, principal, agreement_id, "current"))[0]


async def row_whoever_asks(read: Read, principal: Principal, agreement_id: UUID) -> Row[Any]:
    """As `agreement_row`, for what is done in the custodian's place by who may not see its draft. Raises NotFound."""
    row = await read.first(_ROW_WHOEVER_ASKS, {"id": agreement_id, "viewer": principal.agency_id})
    if row is None:
        raise NotFound("agreement")
    return row


async def agreement_row_at(
    read: Read, principal: Principal, agreement_id: UUID, as_of: datetime | None, now: datetime
) -> Row[Any]:
    """The agreement's row with the text that holds now or, of the past, held at `as_of`. Raises NotFound as above."""
    moment: Moment = "now" if as_of is None else "past"
    return (await shown_rows(read, _ROW, principal, agreement_id, moment, as_of or now, now))[0]


async def shown_rows(
    read: Read,
    statements: Mapping[tuple[bool, Moment], sa.Select[Any]],
    principal: Principal,
    agreement_id: UUID,
    moment: Moment,
    at: datetime | None = None,
    now: datetime | None = None,
) -> Rows:
    """The agreement's row, once for each of its stretches where the statements ask for these. Raises NotFound.

    Of a day after `now` the text is the one by what the parties did: see `Without`.
    """
    parameters: dict[str, object] = {"id": agreement_id, "viewer": principal.agency_id}
    if at is not None:
        parameters |= {"at": at, "now": now or at}
    rows = await read.fast(statements[administers(principal), moment], parameters)
    if not rows:
        raise NotFound("agreement")
    if now is None or at is None or at <= now or not rows[0].any_reported or not rows[0].shared:
        return rows
    without = await without_pending(read, agreement_id, now)
    if without is None or (version_id := text_without(without, at)) in (None, rows[0].version_id):
        return rows
    return await read.fast(statements[administers(principal), "of_version"], {**parameters, "of_version": version_id})


def text_without(without: Without, at: datetime) -> UUID | None:
    """The version that is the text then without the reports that have not taken effect."""
    window, _ = text_at(placed(without.held, [each.no for each in without.texts]), at)
    return None if window is None else without.texts[window.text].version_id
