"""Queries about certificates, and the criteria by which assets are found by them."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read, Rows
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.time import Window
from registry.resources.allocations.people import person_held_in
from registry.resources.certificates.rules import void_because
from registry.resources.certificates.tables import asset_certificate
from registry.resources.personnel.rules import PersonnelStatus
from registry.resources.personnel.tables import personnel_record

_ASSET_ID = sa.bindparam("asset_id", type_=asset_certificate.c.asset_id.type)
_CERTIFICATES = (
    sa.select(*asset_certificate.c, personnel_record.c.status.label("handler_status"))
    .select_from(asset_certificate.outerjoin(personnel_record, personnel_record.c.id == asset_certificate.c.handler_id))
    .order_by(asset_certificate.c.id.desc())
)
_OF_ASSET = _CERTIFICATES.where(asset_certificate.c.asset_id == _ASSET_ID)
_OF_SEVERAL = _CERTIFICATES.where(
    asset_certificate.c.asset_id.in_(sa.bindparam("asset_ids", type_=asset_certificate.c.asset_id.type, expanding=True))
)
_INSTANT = asset_certificate.c.valid_from_at.type


_DISCIPLINES = sa.select(asset_certificate.c.discipline).where(
    asset_certificate.c.asset_id == _ASSET_ID, asset_certificate.c.ended_at.is_(None)
)


async def check_certificates_fit(read: Read, asset_id: UUID, category_path: Collection[str]) -> None:
    """Raises Conflict `certificates_in_the_way` where the asset has certificates that no asset of the category has.

    Those that have ended are history, and stay.
    """
    rows = await read.all(_DISCIPLINES, {"asset_id": asset_id})
    if any(row.discipline.partition(".")[0] not in category_path for row in rows):
        raise Conflict(
            "An asset of that category has no such certificates as this one: end them first.", "certificates_in_the_way"
        )


async def certificates_of(read: Read, asset_id: UUID) -> Rows:
    """Every certificate of an asset, ended ones too, the newest first; with where its handler stands."""
    return await read.all(_OF_ASSET, {"asset_id": asset_id})


async def certificates_of_several(read: Read, asset_ids: Collection[UUID]) -> dict[UUID, list[Row[Any]]]:
    """As `certificates_of`, of several assets in one statement, by their ids."""
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await read.all(_OF_SEVERAL, {"asset_ids": sorted(asset_ids)}):
        found.setdefault(row.asset_id, []).append(row)
    return found


def goes_with(rows: Sequence[Row[Any]], category: str, window: Window) -> dict[UUID, bool]:
    """Who goes with an asset of the category, of which these are all certificates, and whether each is on duty.

    The same as `teams_in` tells of one asset.
    """
    teams = [
        row
        for row in of_category(rows, category)
        if row.handler_id is not None and row.ended_at is None and row.handler_status != PersonnelStatus.SEPARATED
    ]
    hold = [row for row in teams if row.valid_from_at <= window.start and row.valid_until_at >= window.end]
    return {row.handler_id: row.handler_status == PersonnelStatus.ACTIVE for row in hold or teams}


def certificates_with(others: sa.FromClause, asset_id: sa.Column[UUID]) -> sa.Select[Any]:
    """The rows of `certificates_of` beside those of `others`, of which each is there at least once; then without."""
    return sa.select(*asset_certificate.c, personnel_record.c.status.label("handler_status")).select_from(
        others.outerjoin(asset_certificate, asset_certificate.c.asset_id == asset_id).outerjoin(
            personnel_record, personnel_record.c.id == asset_certificate.c.handler_id
        )
    )


def has_certificates(asset_id: sa.Column[UUID]) -> sa.ColumnElement[bool]:
    """A criterion: certificates of the asset are on record, whatever has become of them."""
    found = sa.select(sa.literal(1)).where(asset_certificate.c.asset_id == asset_id)
    return found.correlate(asset_id.table).exists()


def certified(asset_id: sa.Column[UUID]) -> sa.ColumnElement[bool]:
    """A criterion: a certificate in one of `disciplines` holds on the days of `certified_from` and `certified_to`.

    Whether the asset is in service is for the statement to ask.
    """
    held = asset_certificate.outerjoin(personnel_record, personnel_record.c.id == asset_certificate.c.handler_id)
    found = (
        sa.select(sa.literal(1))
        .select_from(held)
        .where(
            asset_certificate.c.asset_id == asset_id,
            asset_certificate.c.discipline.in_(sa.bindparam("disciplines", type_=sa.Text, expanding=True)),
            asset_certificate.c.ended_at.is_(None),
            sa.or_(
                asset_certificate.c.handler_id.is_(None), personnel_record.c.status != PersonnelStatus.SEPARATED.value
            ),
            _holds(asset_certificate, "certified_from", "certified_to"),
        )
    )
    return found.correlate(asset_id.table).exists()


def handler_free(asset_id: sa.Column[UUID], category: sa.Column[str]) -> sa.ColumnElement[bool]:
    """A criterion: one of those who would go with the asset for [`start`, `end`) is on duty and free, or it has none.

    The same as `teams_in` tells of one asset.
    """
    teams = _Teams(asset_id, category)
    somebody = teams.found.where(teams.goes(), teams.on_duty, ~person_held_in(teams.handler.c.id))
    return sa.or_(
        ~teams.found.correlate(asset_id.table).exists(),
        somebody.correlate(asset_id.table).exists(),
    )


class _Teams:
    """The handlers who make a team with an asset, as rows: their certificate is neither ended nor void.

    Those of the asset's own discipline; all of them where none of it is on record, as for a dual-purpose team.
    """

    def __init__(self, asset_id: sa.ColumnElement[UUID], category: sa.ColumnElement[str]) -> None:
        self.of, self.outer = (asset_id, category), getattr(asset_id, "table", None)
        self.held, self.handler, own = asset_certificate.alias(), personnel_record.alias(), asset_certificate.alias()
        any_own = sa.select(sa.literal(1)).where(own.c.asset_id == asset_id, own.c.discipline == category)
        self.on_duty = self.handler.c.status == PersonnelStatus.ACTIVE.value
        self.found = (
            sa.select(sa.literal(1))
            .select_from(self.held.join(self.handler, self.handler.c.id == self.held.c.handler_id))
            .where(
                self.held.c.asset_id == asset_id,
                self.held.c.ended_at.is_(None),
                self.handler.c.status != PersonnelStatus.SEPARATED.value,
                sa.or_(self.held.c.discipline == category, ~any_own.correlate(self.outer).exists()),
            )
        )

    def goes(self) -> sa.ColumnElement[bool]:
        """A criterion: the certificate holds for [`start`, `end`), or nobody's does.

        Whether one that does not hold suffices is for policy to say.
        """
        others = _Teams(*self.of)
        one_holds = others.found.where(_holds(others.held, "start", "end"))
        return sa.or_(_holds(self.held, "start", "end"), ~one_holds.correlate(self.outer).exists())


def _holds(held: sa.FromClause, first: str, last: str) -> sa.ColumnElement[bool]:
    """A criterion: by its days the certificate holds at both instants, which are bind parameters of these names."""
    return sa.and_(
        held.c.valid_from_at <= sa.bindparam(first, type_=_INSTANT),
        held.c.valid_until_at >= sa.bindparam(last, type_=_INSTANT),
    )


def _teams_of_one() -> sa.Select[Any]:
    teams = _Teams(_ASSET_ID, sa.bindparam("category", type_=sa.Text))
    columns = (teams.held.c.handler_id, teams.on_duty.label("on_duty"), teams.goes().label("goes"))
    return teams.found.with_only_columns(*columns).distinct().order_by(teams.held.c.handler_id)


_TEAMS_OF_ONE = _teams_of_one()


async def teams_in(read: Read, asset_id: UUID, category: str, window: Window) -> Rows:
    """Who makes a team with the asset: `handler_id`, whether `on_duty`, and whether he or she `goes` in the window.

    Those go whose certificate holds for the window; where nobody's does, all. Who has several certificates with the
    asset may have a row of either kind.
    """
    values = {"asset_id": asset_id, "category": category, "start": window.start, "end": window.end}
    return await read.all(_TEAMS_OF_ONE, values)


def of_category(rows: Sequence[Row[Any]], category: str) -> list[Row[Any]]:
    """The certificates that count for what an asset of the category is lent for.

    Those of its own discipline; all of them where there is none of it, as for a dual-purpose team.
    """
    own = [row for row in rows if row.discipline == category]
    return own or list(rows)


def valid_rows(rows: Sequence[Row[Any]], service_status: str) -> list[Row[Any]]:
    """The certificates that are not void."""
    return [
        row
        for row in rows
        if void_because(
            ended=row.ended_at is not None, handler_status=row.handler_status, service_status=service_status
        )
        is None
    ]
