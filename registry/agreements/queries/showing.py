"""One agreement as a caller may see it at an instant: by its side, its role and the sensitivity of each provision."""

from datetime import date, datetime
from typing import Any, Literal, TypeAlias, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.principals import Principal, Role
from registry.agencies.tables import agency
from registry.agreements.in_force import Renewal, last_day, term_ends
from registry.agreements.queries.actions import allowed_actions
from registry.agreements.queries.authorities import signatures_rest_on
from registry.agreements.queries.in_force import end_of
from registry.agreements.queries.texts import dates_of, executed_texts, force_of, notice_windows_of, suspensions_of
from registry.agreements.queries.visibility import is_party, shared_with, visible_to
from registry.agreements.queries.waiting import Waiting, waiting_for
from registry.agreements.rules import Sensitivity, Stage, derived_status, last_notice_day
from registry.agreements.schemas import (
    Agreement,
    AgreementParty,
    AgreementStatus,
    Amendment,
    PartySignature,
    Provision,
    SuspensionPeriod,
)
from registry.agreements.schemas.signing import SignatoryAuthority
from registry.agreements.tables import (
    agreement,
    agreement_amendment,
    agreement_party,
    agreement_party_window,
    agreement_signature,
    agreement_text_window,
    agreement_version,
    agreement_version_dates,
    provision,
)
from registry.agreements.terms import Terms
from registry.database.handles import Read
from registry.kernel.errors import NotFound

Moment: TypeAlias = Literal["current", "now", "past"]

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_VERSION = sa.bindparam("version_id", type_=agreement_version.c.id.type)
_AT = sa.bindparam("at", type_=agreement.c.starts_at.type)
_window, _text = agreement_party_window, agreement_text_window

_text_then = (
    sa.select(_text.c.version_id)
    .where(_text.c.agreement_id == agreement.c.id, _text.c.starts_at <= _AT, _text.c.ends_at > _AT)
    .correlate(agreement)
    .scalar_subquery()
)
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
_shared = shared_with()
_amending = agreement_version.alias("amending")
_amending_dates = agreement_version_dates.alias("amending_dates")


def _row_statement(*, administrator: bool, moment: Moment, anybody: bool = False) -> sa.Select[Any]:
    """The agreement with the version that is its text at the instant, and the amendment that is on its way.

    `current`, for commands, takes the draft or the newest executed version whatever the instant. Of the `past`, where
    nothing was executed, it is the last draft written by then. Those who are not parties only ever see what was
    executed.
    """
    version: sa.ColumnElement[Any] = _current
    if moment == "now":
        version = sa.func.coalesce(_text_then, _current)
    elif moment == "past":
        version = sa.case(
            (_shared, sa.func.coalesce(_text_then, _latest_then, _first)),
            else_=sa.func.coalesce(_text_then, _current),
        )
    # What the administrator attests it must be able to see, in the public view.
    seen = sa.or_(visible_to(), agreement.c.executed_at.is_not(None)) if administrator else visible_to()
    if anybody:
        seen = sa.true()
    dates = agreement_version_dates
    return (
        sa.select(
            agreement,
            _shared.label("shared"),
            is_party().label("is_party"),
            agreement_version.c.id.label("version_id"),
            agreement_version.c.no.label("version_no"),
            agreement_version.c.title.label("version_title"),
            agreement_version.c.terms,
            agreement_version.c.sha256,
            *(
                dates.c[name].label(f"its_{name}")
                for name in (
                    *("kind", "effective_on", "expires_on", "ends_at", "notice_days"),
                    *("auto_renew_months", "auto_renew_times"),
                )
            ),
            agreement_amendment.c.id.label("amendment_id"),
            agreement_amendment.c.stage.label("amendment_stage"),
            _amending.c.id.label("amendment_version_id"),
            _amending.c.no.label("amendment_no"),
            _amending.c.title.label("amendment_title"),
            _amending.c.terms.label("amendment_terms"),
            _amending.c.sha256.label("amendment_sha256"),
            _amending_dates.c.kind.label("amendment_kind"),
            _amending_dates.c.effective_on.label("amendment_effective_on"),
        )
        .select_from(
            agreement.join(agreement_version, agreement_version.c.id == version)
            .join(dates, dates.c.version_id == agreement_version.c.id)
            .outerjoin(
                agreement_amendment,
                sa.and_(
                    agreement_amendment.c.agreement_id == agreement.c.id, agreement_amendment.c.closed_at.is_(None)
                ),
            )
            .outerjoin(_amending, _amending.c.id == agreement_amendment.c.version_id)
            .outerjoin(_amending_dates, _amending_dates.c.version_id == _amending.c.id)
        )
        .where(agreement.c.id == _ID, seen)
    )


_MOMENTS: tuple[Moment, ...] = ("current", "now", "past")
_ROW = {
    (administrator, moment): _row_statement(administrator=administrator, moment=moment)
    for administrator in (False, True)
    for moment in _MOMENTS
}
_ROW_WHOEVER_ASKS = _row_statement(administrator=False, moment="current", anybody=True)

_PROVISIONS = sa.select(provision).where(provision.c.version_id == _VERSION).order_by(provision.c.ordinal)
_PARTIES = (
    sa.select(
        agreement_party.c.agency_id,
        agency.c.name,
        agreement_party.c.joined_at,
        agreement_party.c.withdrawal_notice_on,
        agreement_party.c.notice_kind,
        agreement_party.c.leaves_at,
        agreement_party.c.verbally_at,
        agreement_party.c.approval_required,
        _window.c.bound_until,
        agreement_signature.c.manner,
        agreement_signature.c.signatory_title,
        agreement_signature.c.signed_on,
        agreement_signature.c.evidence_sha256,
        agreement_signature.c.recorded_at,
    )
    .join(agency, agency.c.id == agreement_party.c.agency_id)
    .outerjoin(
        _window,
        sa.and_(
            _window.c.agreement_id == agreement_party.c.agreement_id,
            _window.c.agency_id == agreement_party.c.agency_id,
            _window.c.starts_at <= _AT,
            _window.c.ends_at > _AT,
        ),
    )
    .outerjoin(
        agreement_signature,
        sa.and_(
            agreement_signature.c.version_id == _VERSION,
            agreement_signature.c.agency_id == agreement_party.c.agency_id,
        ),
    )
    .where(agreement_party.c.agreement_id == _ID)
    .order_by(agreement_party.c.ordinal)
)


async def agreement_row(read: Read, principal: Principal, agreement_id: UUID) -> Row[Any]:
    """The agreement's row with the text that commands work on: the draft, or the newest executed version.

    Raises NotFound where the caller may not know of the agreement.
    """
    return await _row(read, principal, agreement_id, "current")


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
    return await _row(read, principal, agreement_id, "now" if as_of is None else "past", as_of or now)


async def _row(
    read: Read, principal: Principal, agreement_id: UUID, moment: Moment, at: datetime | None = None
) -> Row[Any]:
    parameters: dict[str, object] = {"id": agreement_id, "viewer": principal.agency_id}
    if at is not None:
        parameters["at"] = at
    row = await read.first(_ROW[Role.REGISTRY_ADMIN in principal.roles, moment], parameters)
    if row is None:
        raise NotFound("agreement")
    return row


def may_read_restricted(principal: Principal) -> bool:
    """Whether the caller's role reaches restricted text, where its agency is a party or the custodian."""
    return bool(principal.roles & {Role.LEGAL, Role.AUDITOR})


async def get_agreement(
    read: Read,
    principal: Principal,
    agreement_id: UUID,
    now: datetime,
    *,
    as_of: datetime | None = None,
    reveal: bool = False,
) -> Agreement:
    """One agreement as the caller may see it, at `as_of` or now; restricted text only with `reveal`.

    What may be done is said of now alone.
    Whoever reveals records the reading first: the answers to changes do not, since they are kept to be repeated.
    Raises NotFound.
    """
    at = as_of or now
    row = await agreement_row_at(read, principal, agreement_id, as_of, now)
    whole = bool(row.shared)
    parties = await read.all(_PARTIES, {"id": agreement_id, "version_id": row.version_id, "at": at})
    suspensions = await suspensions_of(read, agreement_id)
    provisions = await provisions_of(
        read, row.version_id, whole=whole, restricted=reveal and may_read_restricted(principal)
    )
    terms = msgspec.json.decode(row.terms, type=Terms)
    stage = Stage(row.stage)
    status = derived_status(
        stage,
        dates_of(row, await executed_texts(read, agreement_id), suspensions),
        at,
        force=await force_of(read, agreement_id),
        notice=await notice_windows_of(read, agreement_id),
    )
    ends_on = _term_ends_on(row, at)
    waiting = Waiting()
    if whole and as_of is None:
        waiting = await waiting_for(read, principal.agency_id, *_on_its_way(row), now)
    authorities = await signatures_rest_on(read, row.version_id) if whole else {}
    return Agreement(
        id=row.id,
        number=row.number,
        title=row.version_title,
        kind=row.kind,
        custodian_id=row.custodian_id,
        stage=stage,
        status=cast(AgreementStatus, status.value),
        as_of=at,
        view="party" if whole else "public",
        time_zone=row.time_zone,
        effective_on=row.effective_on,
        expires_on=row.its_expires_on,
        auto_renew_months=row.its_auto_renew_months,
        auto_renew_times=row.its_auto_renew_times,
        term_ends_on=ends_on,
        starts_at=row.starts_at,
        ends_at=row.its_ends_at,
        notice_days=row.its_notice_days,
        last_notice_on=last_notice_day(ends_on, row.its_notice_days) if ends_on else None,
        review_every_months=row.review_every_months,
        executed_at=row.executed_at,
        ratify_by=row.ratify_by,
        terminated_at=row.terminated_at,
        superseded_by=row.superseded_by if whole else None,
        custody_offered_to=row.custody_offered_to if whole else None,
        suspensions=[SuspensionPeriod(start=s.start, end=s.end) for s in suspensions],
        version_no=row.version_no,
        version_kind=row.its_kind,
        version_effective_on=row.its_effective_on,
        version_sha256=row.sha256 if whole else None,
        amendment=_amendment(principal, row) if whole else None,
        categories=terms.categories,
        terms=terms if whole else None,
        provisions=provisions,
        parties=[_party(party, authorities.get(party.agency_id), whole=whole) for party in parties],
        signing=waiting.signing,
        allowed_actions=waiting.held_back(allowed_actions(principal, row, parties, now)) if as_of is None else [],
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _term_ends_on(row: Row[Any], at: datetime) -> date | None:
    """The last day of the term that runs at `at`; of the last one when all are over."""
    if row.its_expires_on is None:
        return None
    renewal = (
        Renewal(months=row.its_auto_renew_months, times=row.its_auto_renew_times) if row.its_auto_renew_months else None
    )
    today = at.astimezone(ZoneInfo(row.time_zone)).date()
    return next(term_ends(row.its_expires_on, renewal, today), None) or last_day(row.its_expires_on, renewal)


def _on_its_way(row: Row[Any]) -> tuple[UUID, Stage]:
    """The version that review and signatures are about, and its stage: the amendment's where there is one."""
    if row.amendment_id is not None:
        return row.amendment_version_id, Stage(row.amendment_stage)
    return row.version_id, Stage(row.stage)


def _amendment(principal: Principal, row: Row[Any]) -> Amendment | None:
    """The amendment on its way; while it is a draft, its custodian's alone."""
    drafted = row.amendment_sha256 is None
    if row.amendment_id is None or (drafted and row.custodian_id != principal.agency_id):
        return None
    return Amendment(
        version_no=row.amendment_no,
        version_sha256=row.amendment_sha256,
        kind=row.amendment_kind,
        stage=row.amendment_stage,
        title=row.amendment_title,
        effective_on=row.amendment_effective_on,
    )


async def provisions_of(read: Read, version_id: UUID, *, whole: bool, restricted: bool) -> list[Provision]:
    """A version's provisions: all of them for those who see it `whole`, else the public ones.

    Restricted ones keep their place without their text unless `restricted`.
    """
    return [
        Provision(
            number=row.number,
            heading=row.heading,
            sensitivity=row.sensitivity,
            text=row.text if restricted or row.sensitivity != Sensitivity.RESTRICTED else None,
            exemption=row.exemption,
        )
        for row in await read.all(_PROVISIONS, {"version_id": version_id})
        if whole or row.sensitivity == Sensitivity.PUBLIC
    ]


def shows_restricted(provisions: list[Provision]) -> bool:
    """Whether any restricted text is in it."""
    return any(p.sensitivity == Sensitivity.RESTRICTED and p.text is not None for p in provisions)


def _party(row: Row[Any], authority: SignatoryAuthority | None, *, whole: bool) -> AgreementParty:
    signature = (
        PartySignature(
            manner=row.manner,
            signatory_title=row.signatory_title,
            signed_on=row.signed_on,
            evidence_sha256=row.evidence_sha256,
            recorded_at=row.recorded_at,
        )
        if whole and row.manner is not None
        else None
    )
    return AgreementParty(
        agency_id=row.agency_id,
        name=row.name,
        bound=row.bound_until is not None,
        bound_until=end_of(row.bound_until),
        joined_at=row.joined_at if whole else None,
        withdrawal_notice_on=row.withdrawal_notice_on if whole else None,
        notice_kind=row.notice_kind if whole else None,
        leaves_at=row.leaves_at if whole else None,
        verbally_at=row.verbally_at if whole else None,
        approval_required=bool(row.approval_required) if whole else None,
        signature=signature,
        authority=None if signature is None else authority or "not_on_record",
    )
