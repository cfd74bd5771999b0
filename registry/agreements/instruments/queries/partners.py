"""What two agencies have in force between them, and how to reach an agency: what partners may ask."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.pending import Without
from registry.agreements.instruments.queries.disputed import contested_between, unsaid_ends
from registry.agreements.instruments.queries.in_force import (
    AgreementCandidate,
    Binds,
    as_candidate,
    binds,
    binds_without,
    pair_statement,
    shown_to_partners,
    text_shown_to_others_at,
)
from registry.agreements.instruments.queries.listing import status_now, status_told
from registry.agreements.instruments.queries.pending import all_without_pending
from registry.agreements.instruments.queries.provisions import may_read_restricted
from registry.agreements.instruments.queries.receipts import open_receipts
from registry.agreements.instruments.queries.visibility import (
    administers,
    closed_to,
    is_published,
    reads_restricted,
    shared_with,
    visible_to,
)
from registry.agreements.instruments.schemas.asked import InForceQuery
from registry.agreements.instruments.schemas.partners import (
    AgencyContact,
    AgreementInForce,
    AgreementInForceList,
)
from registry.agreements.instruments.tables import (
    agreement,
    agreement_signature,
    agreement_suspension,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.instruments.terms import Terms, roles_of, shown_without
from registry.agreements.instruments.told import BINDS
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.intervals import earliest
from registry.platform.kernel.time import checked_instant

_AT = sa.bindparam("at", type_=agreement_suspension.c.starts_at.type)


class _Did(NamedTuple):
    """From when until when somebody is a party by its own acts."""

    joined_at: datetime | None
    leaves_at: datetime | None
    released_at: datetime | None


@cache
def _in_force_statement(*, administrator: bool, of_version: bool = False, to_come: bool = False) -> sa.Select[Any]:
    """The pair's agreements that the caller (bind `reader`) may know of; `of_version`, one by a text that is named.

    `to_come`: with what each is now, and is then as far as others than its parties are told.
    """
    statement = pair_statement(of_version=of_version).add_columns(
        shared_with("reader").label("shared"),
        reads_restricted("reader").label("reached"),
        closed_to("reader").label("closed"),
        is_published(agreement_version.c.id).label("published"),
        text_shown_to_others_at().label("shown_to_others_id"),
        sa.select(agreement_version_dates.c.ends_at)
        .where(agreement_version_dates.c.version_id == agreement_version.c.id)
        .correlate(agreement_version)
        .scalar_subquery()
        .label("text_ends_at"),
        sa.select(sa.func.min(agreement_suspension.c.starts_at))
        .where(agreement_suspension.c.agreement_id == agreement.c.id, agreement_suspension.c.starts_at > _AT)
        .correlate(agreement)
        .scalar_subquery()
        .label("pauses_at"),
    )
    if to_come:
        statement = statement.add_columns(status_now().label("status_now"), status_told().label("status_told"))
    return statement.where(visible_to("reader", administrator=administrator))


async def agreements_in_force(
    read: Read, principal: Principal, query: InForceQuery, now: datetime
) -> AgreementInForceList:
    """What binds both agencies at the instant, as far as the caller may know of it."""
    at = now if query.as_of is None else checked_instant(query.as_of, "/as_of")
    administrator = administers(principal)
    asked = {
        "viewer": query.requesting_agency_id,
        "other": query.assisting_agency_id,
        "category": query.category,
        "at": at,
        "reader": principal.agency_id,
        "now": now,
        "known_by": max(at, now),
    }
    statement = _in_force_statement(administrator=administrator, to_come=at > now)
    rows: Sequence[Row[Any]] = await read.all(statement, asked)
    pending = await all_without_pending(read, [row.id for row in rows], now)
    sides = (query.requesting_agency_id, query.assisting_agency_id)
    told = await binds_without(read, pending, *sides, at)
    ahead = {row.id for row in rows if at > now and not (administrator or row.shared)}  # to others: see `told`
    today: dict[UUID, Binds | None] = {}
    if ahead:
        rows_now = await read.all(_in_force_statement(administrator=administrator), asked | {"at": now})
        today = {row.id: binds(row) for row in rows_now}
        today |= await binds_without(read, {each: pending[each] for each in ahead & pending.keys()}, *sides, now)
    sharing = {row.id for row in rows if row.shared}
    of_receipts = await open_receipts(read, sharing, sides, now)
    contested = await contested_between(read, sharing, sides)
    entered = await _entered_later(read, sharing, sides, at) if at < now else {}
    ends = await unsaid_ends(read, sharing)
    items = []
    for each in rows:
        row, without = each, pending.get(each.id)
        held = binds(row) if without is None else told[row.id]
        if row.id in ahead:
            held = _held_then(row, today.get(row.id), without, sides, now)
        if held is not None and held.version_id != row.version_id:  # of a day to come, whose text is only reported
            its = {"of_agreement": row.id, "of_version": held.version_id}
            row = (await read.all(_in_force_statement(administrator=administrator, of_version=True), asked | its))[0]
        if not (
            administrator or row.shared or row.published
        ):  # it binds them; others read the text that they are shown
            its = {"of_agreement": row.id, "of_version": row.shown_to_others_id}
            row = (await read.all(_in_force_statement(administrator=administrator, of_version=True), asked | its))[0]
        if held is None or not (query.category is None or row.covers_category):
            continue
        until = held.until
        if not (administrator or row.shared):
            if at > now and row.text_ends_at is not None and row.text_ends_at <= at:
                continue  # the text between the two has run out by then, whatever others have
            until = _until_told(row, without, sides, at)
            if until is not None and until <= at:
                continue
        candidate, shared = as_candidate(row), bool(row.shared)
        reads_text = shared and not row.closed
        withheld = _withheld(principal, row, candidate)
        reports = {} if without is None else dict.fromkeys(each for side in sides for each in without.reports_on(side))
        items.append(
            AgreementInForce(
                agreement_id=candidate.id,
                number=candidate.number,
                title=candidate.title,
                kind=candidate.kind,
                version_no=candidate.version_no,
                assists=held.assists,
                covers_until=until,
                pending_report_ids=[*reports, *ends.get(row.id, [])] if shared else [],
                contested_report_ids=contested.get(row.id, []),
                awaiting_receipt=[] if row.id not in of_receipts else of_receipts[row.id].awaiting,
                disputed_receipts=[] if row.id not in of_receipts else of_receipts[row.id].disputed,
                entered_later_at=entered.get(held.version_id),
                terms=shown_without(candidate.terms, withheld) if reads_text else None,
                terms_withheld=withheld if reads_text else [],
            )
        )
    return AgreementInForceList(items=items)


_ENTERED_LATER = (
    sa.select(
        agreement_signature.c.version_id,
        sa.func.max(agreement_signature.c.recorded_at, type_=agreement_signature.c.recorded_at.type).label("at"),
    )
    .where(
        agreement_signature.c.agreement_id.in_(sa.bindparam("ids", type_=agreement.c.id.type, expanding=True)),
        agreement_signature.c.agency_id.in_(sa.bindparam("sides", type_=agreement.c.id.type, expanding=True)),
        agreement_signature.c.recorded_at > _AT,
    )
    .group_by(agreement_signature.c.version_id)
)


async def _entered_later(
    read: Read, agreement_ids: Collection[UUID], sides: tuple[UUID, UUID], at: datetime
) -> dict[UUID, datetime]:
    """By version, when the last of the two entered its hand, where that was after the instant."""
    if not agreement_ids:
        return {}
    asked = {"ids": sorted(agreement_ids), "sides": list(sides), "at": at}
    return {row.version_id: row.at for row in await read.all(_ENTERED_LATER, asked)}


def _held_then(
    row: Row[Any], today: Binds | None, without: Without | None, sides: tuple[UUID, UUID], now: datetime
) -> Binds | None:
    """What binds the two on the day to come of the row, as far as others are told: what binds them `today`, or nothing.

    It binds all who have signed it where it begins, or goes on, on a public day between.
    """
    if row.status_told not in BINDS:
        return None
    if row.status_now in BINDS:
        return None if today is None else Binds(today.assists, None, row.version_id)
    joined = [did.joined_at for did in _did(row, without, sides)]
    if any(each is None or each > now for each in joined):
        return None
    terms = msgspec.json.decode(row.terms, type=Terms)
    requests, assists = (roles_of(terms, side)[role] for side, role in zip(sides, ("requests", "assists"), strict=True))
    return Binds(requests and assists, None, row.version_id)


def _did(row: Row[Any], without: Without | None, sides: tuple[UUID, UUID]) -> list[_Did]:
    """What the two did as parties, without what is only reported."""
    found = []
    for side, agency_id in zip(("viewer", "other"), sides, strict=True):
        its = None if without is None else without.party(agency_id)
        own = [row._mapping[f"{side}_{name}"] for name in _Did._fields]
        found.append(_Did(*own) if its is None else _Did(its.joined_at, its.leaves_at, its.released_at))
    return found


def _until_told(row: Row[Any], without: Without | None, sides: tuple[UUID, UUID], at: datetime) -> datetime | None:
    """When the first of the two stops being bound, by the text that others than the parties read, and no later one."""
    if row.text_ends_at is not None and row.text_ends_at <= at:
        return None
    ended_at, pauses = row.terminated_at, [row.pauses_at]
    if without is not None:
        ended_at, pauses = without.ended_at, [each.start for each in without.suspensions if each.start > at]
    gone = [end for did in _did(row, without, sides) for end in (did.leaves_at, did.released_at)]
    return earliest(row.text_ends_at, ended_at, *gone, *pauses)


def _withheld(principal: Principal, row: Row[Any], candidate: AgreementCandidate) -> list[str]:
    return [] if may_read_restricted(principal, row) else candidate.restricted_terms


_CONTACT = sa.select(agency.c.id, agency.c.name, agency.c.phone, agency.c.email).where(
    agency.c.id == sa.bindparam("id", type_=agency.c.id.type),
    shown_to_partners(),
)


async def get_contact(read: Read, principal: Principal, agency_id: UUID, now: datetime) -> AgencyContact:
    """How to reach an agency: for itself, for partners in force now, and for the administrator. Raises NotFound."""
    reader = {"viewer": principal.agency_id, "administrator": administers(principal)}
    row = await read.first(_CONTACT, {"id": agency_id, "at": now, **reader})
    if row is None:
        raise NotFound("contact")
    return AgencyContact(agency=AgencyReference(id=row.id, name=row.name), phone=row.phone, email=row.email)
