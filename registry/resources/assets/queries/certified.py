"""Queries about the certificates of an asset, as each agency may see them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Rows
from registry.platform.http.paging import asked_window
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound, RuleBroken
from registry.platform.kernel.time import (
    EARLIEST,
    LAST_DAY,
    LATEST,
    Window,
    civil_day,
    day_ends_at,
    day_starts_at,
    on_calendar,
)
from registry.resources.assets.certifying import CertifiedToLend, certified_to_lend, first_day, lapses_at
from registry.resources.assets.queries.columns import decoded
from registry.resources.assets.queries.facts import AssetRow, visible_asset
from registry.resources.assets.queries.visibility import relations
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.schemas.availability import CertifiedInWindow
from registry.resources.assets.schemas.words import Certification
from registry.resources.assets.tables import asset
from registry.resources.certificates.queries import certificates_of, certificates_with, of_category, valid_rows
from registry.resources.certificates.rules import certificate_status, coverage, void_because
from registry.resources.certificates.schemas import AssetCertificate, AssetCertificateList, AssetCertificateQuery

_TICK = timedelta(microseconds=1)
_FEW = (10, 50, 100)
"""For so many assets there is a statement that is built once; for fewer, an id is asked for again."""
_CERTIFICATES = certificates_with(asset.join(agency, agency.c.id == asset.c.agency_id), asset.c.id).add_columns(
    asset.c.id.label("of"), agency.c.time_zone
)
_CERTIFICATES_OF_SEVERAL = _CERTIFICATES.where(
    asset.c.id.in_(sa.bindparam("ids", type_=asset.c.id.type, expanding=True))
)


@cache
def _certificates_of(many: int) -> tuple[sa.Select[Any], list[str]]:
    """The statement for so many assets, and the names of its parameters."""
    names = [f"its{n:03}" for n in range(many)]
    ids = [sa.bindparam(name, type_=asset.c.id.type) for name in names]
    return _CERTIFICATES.where(asset.c.id.in_(ids)), names


class HeldCertification(Struct, kw_only=True, frozen=True):
    """A certification or certificate that holds when a window begins."""

    code: str
    expires_on: date | None
    expires_at: datetime | None

    @property
    def lapses_at(self) -> datetime | None:
        """The first instant at which it is no longer valid."""
        return lapses_at(self.expires_on, self.expires_at)


class OnRecord(Protocol):
    """What an asset's own record says of it."""

    @property
    def category(self) -> str:
        """Its category."""

    @property
    def certifications(self) -> Sequence[Certification]:
        """The certifications that its owner states."""

    @property
    def service_status(self) -> str:
        """Whether it is in service."""


def held_at_start(
    its: OnRecord, certificates: Sequence[Row[Any]], time_zone: str | None, window: Window
) -> list[HeldCertification]:
    """What an asset is certified by when a window begins: its certificates, else what its record says.

    The last valid day of a certification ends in the assisting agency's time zone, where it is known.
    """
    if certificates:
        return [
            HeldCertification(
                code=each.discipline,
                expires_on=each.expires_on,
                expires_at=None if each.expires_on is None else each.valid_until_at,
            )
            for each in valid_rows(of_category(certificates, its.category), its.service_status)
            if each.valid_from_at <= window.start
        ]
    zone = ZoneInfo(time_zone) if time_zone else None
    first = civil_day(window.start, time_zone or "UTC")
    return [
        HeldCertification(
            code=stated.code,
            expires_on=stated.expires_on,
            expires_at=day_starts_at(stated.expires_on + timedelta(days=1), zone)
            if stated.expires_on and zone
            else None,
        )
        for stated in its.certifications
        if (first_day(stated) or first) <= first
    ]


async def list_certificates(
    read: Read, caller: Caller, asset_id: UUID, query: AssetCertificateQuery
) -> AssetCertificateList:
    """The certificates of an asset, as they stand for a window or now. Raises NotFound, RuleBroken."""
    found = await visible_asset(read, caller.principal, asset_id, caller.now)
    window = _window(caller, query)
    rows = await certificates_of(read, asset_id)
    return AssetCertificateList(window=window, items=[as_certificate(row, caller, found, window) for row in rows])


async def get_certificate(read: Read, caller: Caller, asset_id: UUID, certificate_id: UUID) -> AssetCertificate:
    """One certificate of an asset, as it stands now. Raises NotFound."""
    found = await visible_asset(read, caller.principal, asset_id, caller.now)
    return as_certificate(await certificate_row(read, asset_id, certificate_id), caller, found, at_present(caller))


async def certificate_row(read: Read, asset_id: UUID, certificate_id: UUID) -> Row[Any]:
    """The row of `certificates_of`. Raises NotFound."""
    found = next((row for row in await certificates_of(read, asset_id) if row.id == certificate_id), None)
    if found is None:
        raise NotFound("certificate")
    return found


def at_present(caller: Caller) -> Window:
    """The moment of the request, as a window."""
    return Window(start=caller.now, end=caller.now + _TICK)


def as_certificate(row: Row[Any], caller: Caller, its: AssetRow | Row[Any], window: Window) -> AssetCertificate:
    """The representation of a row of `certificates_of`, of the asset `its`, for a window, as the caller may see it.

    Others than the owner learn neither who the handler is nor whether somebody left.
    """
    own = its.agency_id == caller.agency_id
    void = void_because(
        ended=row.ended_at is not None, handler_status=row.handler_status, service_status=its.service_status
    )
    offered: list[AllowedAction] = []
    if refusal(caller.principal, Action.ASSETS_UPDATE, relations(caller.principal, its.agency_id)) is None:
        retired = "The asset is retired." if its.service_status == ServiceStatus.RETIRED else None
        offered.append(offer("end", withheld="It was ended already." if row.ended_at is not None else retired))
    return AssetCertificate(
        id=row.id,
        asset_id=row.asset_id,
        discipline=row.discipline,
        issuer=row.issuer,
        number=row.number if own else None,
        handler_id=row.handler_id if own else None,
        standard=row.standard,
        methods=msgspec.json.decode(row.methods, type=list[str]),
        issued_on=row.issued_on,
        expires_on=row.expires_on,
        status=certificate_status(row.valid_from_at, row.valid_until_at, window, void),
        void_because=void if own else None,
        ended_at=row.ended_at if own else None,
        ended_reason=row.ended_reason if own else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
        allowed_actions=offered,
        version=row.version,
    )


async def certified_in(read: Read, its: AssetRow, window: Window) -> list[CertifiedInWindow]:
    """What the asset is certified for in a window or a part of it, by its record and its certificates."""
    rows = await certificates_of(read, its.id) if its.has_certificates else ()
    return certified_by(its, rows, its.time_zone, window)


def certified_by(
    its: OnRecord, rows: Sequence[Row[Any]], time_zone: str | None, window: Window
) -> list[CertifiedInWindow]:
    """The same, where the asset's certificates are read already. Days are those where its agency is."""
    zone = time_zone or "UTC"
    found: list[CertifiedInWindow] = []
    for each in its.certifications:
        begins = first_day(each)
        starts = EARLIEST if begins is None or not on_calendar(begins) else day_starts_at(begins, ZoneInfo(zone))
        ends = LATEST if each.expires_on is None else day_ends_at(each.expires_on, zone)
        holds = coverage(starts, ends, window)
        if holds is not None:
            found.append(
                CertifiedInWindow(
                    recorded_as="certification",
                    code=each.code,
                    issuer=each.issuer,
                    effective_on=begins,
                    expires_on=each.expires_on,
                    holds=holds,
                )
            )
    for row in valid_rows(rows, its.service_status):
        holds = coverage(row.valid_from_at, row.valid_until_at, window)
        if holds is not None:
            found.append(
                CertifiedInWindow(
                    recorded_as="certificate",
                    code=row.discipline,
                    issuer=row.issuer,
                    effective_on=row.issued_on,
                    expires_on=row.expires_on,
                    holds=holds,
                )
            )
    return sorted(found, key=lambda each: (each.expires_on or LAST_DAY, each.code, each.recorded_as))


async def certified_among(
    read: Read, rows: Sequence[Row[Any]], window: Window
) -> dict[UUID, tuple[CertifiedToLend, list[CertifiedInWindow]]]:
    """How those assets of a page stand in a window that need a certification or have one, and by what.

    Their certificates are read in one statement.
    """
    if not rows:
        return {}
    theirs: dict[UUID, list[Row[Any]]] = {}
    for each in await _asked(read, [row.id for row in rows]):
        theirs.setdefault(each.of, []).append(each)
    found = {}
    for row in rows:
        held = theirs.get(row.id)
        if held is None:
            continue
        zone, certificates = held[0].time_zone, [each for each in held if each.id is not None]
        its = _Recorded(row.category, decoded(row.certifications, tuple[Certification, ...]), row.service_status)
        standing = certified_to_lend(
            held_at_start(its, certificates, zone, window), required=bool(row.certification_required), until=window.end
        )
        found[row.id] = (standing, certified_by(its, certificates, zone, window))
    return found


async def _asked(read: Read, ids: Sequence[UUID]) -> Rows:
    many = next((most for most in _FEW if len(ids) <= most), None)
    if many is None:
        return await read.all_slowly(_CERTIFICATES_OF_SEVERAL, {"ids": [*ids]})
    statement, names = _certificates_of(many)
    return await read.fast(statement, dict(zip(names, [*ids, *[ids[-1]] * (many - len(ids))], strict=True)))


class _Recorded(Struct, frozen=True):
    category: str
    certifications: tuple[Certification, ...]
    service_status: str


def _window(caller: Caller, query: AssetCertificateQuery) -> Window:
    if query.from_ is None and query.to is None:
        return at_present(caller)
    if query.from_ is None or query.to is None:
        raise RuleBroken.at(
            "A window needs both `from` and `to`.", "incomplete_window", "give both ends of the window", parameter="to"
        )
    return asked_window(query.from_, query.to, "from", "to")
