"""One agreement as a caller may see it at an instant: by its side, its role and the sensitivity of each provision."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.principals import Principal, Role
from registry.agencies.tables import agency
from registry.agreements.in_force import AgreementDates, Interval
from registry.agreements.queries.actions import allowed_actions
from registry.agreements.queries.authorities import signatures_rest_on
from registry.agreements.queries.in_force import end_of
from registry.agreements.queries.visibility import is_party, shared_with, visible_to
from registry.agreements.queries.waiting import Waiting, waiting_for
from registry.agreements.rules import Sensitivity, Stage, derived_status, last_notice_day
from registry.agreements.schemas import (
    Agreement,
    AgreementParty,
    AgreementStatus,
    PartySignature,
    Provision,
    SuspensionPeriod,
)
from registry.agreements.signing_schemas import SignatoryAuthority
from registry.agreements.tables import (
    agreement,
    agreement_party,
    agreement_party_window,
    agreement_signature,
    agreement_suspension,
    agreement_version,
    provision,
)
from registry.agreements.terms import Terms
from registry.database.handles import Read
from registry.kernel.errors import NotFound

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_VERSION = sa.bindparam("version_id", type_=agreement_version.c.id.type)
_AT = sa.bindparam("at", type_=agreement.c.starts_at.type)
_window = agreement_party_window

_bound_version = (
    sa.select(_window.c.version_id)
    .where(_window.c.agreement_id == agreement.c.id, _window.c.starts_at <= _AT, _window.c.ends_at > _AT)
    .correlate(agreement)
    .limit(1)
    .scalar_subquery()
)
_its = agreement_version.alias("its")
_of_its = sa.select(_its.c.id).where(_its.c.agreement_id == agreement.c.id).correlate(agreement)
_latest_then = _of_its.where(_its.c.created_at <= _AT).order_by(_its.c.no.desc()).limit(1).scalar_subquery()
_first = _of_its.where(_its.c.no == 1).scalar_subquery()
_current = _of_its.where(_its.c.no == agreement.c.current_version).scalar_subquery()
_shared = shared_with()


def _row_statement(*, administrator: bool, past: bool) -> sa.Select[Any]:
    """The agreement with its current version; of the `past`, with the version that held at the instant.

    That is the one by which a party was bound, else the last one written by then. Those who are not parties only ever
    see what was executed.
    """
    version: sa.ColumnElement[Any] = _current
    if past:
        version = sa.case(
            (_shared, sa.func.coalesce(_bound_version, _latest_then, _first)),
            else_=sa.func.coalesce(_bound_version, _current),
        )
    # What the administrator attests it must be able to see, in the public view.
    seen = sa.or_(visible_to(), agreement.c.executed_at.is_not(None)) if administrator else visible_to()
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
        )
        .select_from(agreement.join(agreement_version, agreement_version.c.id == version))
        .where(agreement.c.id == _ID, seen)
    )


_ROW = {
    (administrator, past): _row_statement(administrator=administrator, past=past)
    for administrator in (False, True)
    for past in (False, True)
}

_PROVISIONS = sa.select(provision).where(provision.c.version_id == _VERSION).order_by(provision.c.ordinal)
_SUSPENSIONS = (
    sa.select(agreement_suspension.c.starts_at, agreement_suspension.c.ends_at)
    .where(agreement_suspension.c.agreement_id == _ID)
    .order_by(agreement_suspension.c.starts_at)
)
_PARTIES = (
    sa.select(
        agreement_party.c.agency_id,
        agency.c.name,
        agreement_party.c.joined_at,
        agreement_party.c.withdrawal_notice_on,
        _window.c.ends_at.label("bound_until"),
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


async def agreement_row(
    read: Read, principal: Principal, agreement_id: UUID, as_of: datetime | None = None
) -> Row[Any]:
    """The agreement's row with its current version, or the one that held at `as_of`.

    Raises NotFound where the caller may not know of the agreement.
    """
    statement = _ROW[Role.REGISTRY_ADMIN in principal.roles, as_of is not None]
    parameters: dict[str, object] = {"id": agreement_id, "viewer": principal.agency_id}
    row = await read.first(statement, parameters if as_of is None else {**parameters, "at": as_of})
    if row is None:
        raise NotFound("agreement")
    return row


async def suspensions_of(read: Read, agreement_id: UUID) -> tuple[Interval, ...]:
    """The agreement's suspensions, in order."""
    rows = await read.all(_SUSPENSIONS, {"id": agreement_id})
    return tuple(Interval(start=row.starts_at, end=end_of(row.ends_at)) for row in rows)


def dates_of(row: Row[Any], suspensions: tuple[Interval, ...]) -> AgreementDates:
    """The dates that all parties share."""
    return AgreementDates(
        executed_at=row.executed_at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        ended_at=row.terminated_at,
        suspensions=suspensions,
    )


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
    row = await agreement_row(read, principal, agreement_id, as_of)
    parties = await read.all(_PARTIES, {"id": agreement_id, "version_id": row.version_id, "at": at})
    suspensions = await suspensions_of(read, agreement_id)
    provisions = await provisions_of(
        read, row.version_id, whole=bool(row.shared), restricted=reveal and may_read_restricted(principal)
    )
    terms = msgspec.json.decode(row.terms, type=Terms)
    stage = Stage(row.stage)
    current = bool(row.shared) and as_of is None
    waiting = await waiting_for(read, principal.agency_id, row.version_id, stage) if current else Waiting()
    authorities = await signatures_rest_on(read, row.version_id) if row.shared else {}
    status = derived_status(stage, dates_of(row, suspensions), at, notice_opens_at=row.notice_opens_at)
    return Agreement(
        id=row.id,
        number=row.number,
        title=row.version_title,
        kind=row.kind,
        custodian_id=row.custodian_id,
        stage=stage,
        status=cast(AgreementStatus, status.value),
        as_of=at,
        view="party" if row.shared else "public",
        time_zone=row.time_zone,
        effective_on=row.effective_on,
        expires_on=row.expires_on,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        notice_days=row.notice_days,
        last_notice_on=last_notice_day(row.expires_on, row.notice_days) if row.expires_on else None,
        executed_at=row.executed_at,
        terminated_at=row.terminated_at,
        suspensions=[SuspensionPeriod(start=s.start, end=s.end) for s in suspensions],
        version_no=row.version_no,
        version_sha256=row.sha256 if row.shared else None,
        categories=terms.categories,
        terms=terms if row.shared else None,
        provisions=provisions,
        parties=[_party(party, authorities.get(party.agency_id), whole=bool(row.shared)) for party in parties],
        signing=waiting.signing,
        allowed_actions=waiting.held_back(allowed_actions(principal, row, parties, now)) if as_of is None else [],
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
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
        signature=signature,
        authority=None if signature is None else authority or "not_on_record",
    )
