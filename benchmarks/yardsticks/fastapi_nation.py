"""The national question as a good engineer would answer it in a day: FastAPI, the SQLAlchemy ORM and pydantic.

On the service's own tables, with their indexes; a box around the point before the distance, as one does. Environment:
`BENCH_DATABASE_URL`, `BENCH_PUBLIC_KEY` (PEM of the ES256 key).
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from math import cos, radians
from typing import Annotated, Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import aliased, registry

from registry.agreements.instruments.tables import agreement_coverage, agreement_party_window
from registry.directory.taxonomy.tables import category_closure
from registry.platform.kernel.geo import EARTH_KM
from registry.resources.allocations.tables import allocation
from registry.resources.assets.tables import asset

AUDIENCE = "yardstick"
KM_PER_DEGREE = 111.19


class Asset:
    """An asset, with how far it is from the point of the question."""

    distance_km: float = 0.0


class Window:
    """When a version of an agreement binds a party."""


class Coverage:
    """A category that a version covers."""


class Under:
    """A category and one above it."""


class Allocation:
    """What of an asset is held when."""


_mapped: Any = registry()
for _entity, _table in (
    (Asset, asset),
    (Window, agreement_party_window),
    (Coverage, agreement_coverage),
    (Under, category_closure),
    (Allocation, allocation),
):
    _mapped.map_imperatively(_entity, _table)
_asset: Any = Asset
_held: Any = Allocation


class AssetOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    agency_id: UUID
    category: str
    name: str
    tag: str
    type_level: int | None
    capacity: int
    sharing: str
    service_status: str
    latitude: float | None
    longitude: float | None
    mobilisation_minutes: int | None
    version: int
    updated_at: datetime
    distance_km: float


class AssetPage(BaseModel):
    items: list[AssetOut]
    more: bool


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connect before the first request is accepted."""
    engine = create_async_engine(os.environ["BENCH_DATABASE_URL"])
    app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    app.state.key = load_pem_public_key(os.environ["BENCH_PUBLIC_KEY"].encode())
    yield
    await engine.dispose()


app = FastAPI(title="National question yardstick", lifespan=lifespan)
bearer = HTTPBearer()


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as session:
        yield session


async def authenticate(request: Request, credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> UUID:
    try:
        claims = jwt.decode(credentials.credentials, request.app.state.key, algorithms=["ES256"], audience=AUDIENCE)
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from error
    return UUID(claims["agency"])


def distance(latitude: float, longitude: float) -> ColumnElement[float]:
    north = func.power(func.sin(func.radians(_asset.latitude - latitude) / 2), 2)
    east = func.power(func.sin(func.radians(_asset.longitude - longitude) / 2), 2)
    around = cos(radians(latitude)) * func.cos(func.radians(_asset.latitude))
    found: ColumnElement[float] = 2 * EARTH_KM * func.asin(func.sqrt(north + around * east))
    return found


@app.get("/v1/assets", response_model=AssetPage)
async def list_assets(
    viewer: Annotated[UUID, Depends(authenticate)],
    session: Annotated[AsyncSession, Depends(open_session)],
    category: str,
    type_at_least: int,
    latitude: float,
    longitude: float,
    within_km: float,
    available_from: datetime,
    available_to: datetime,
    lendable: bool,
    limit: int = 50,
) -> dict[str, object]:
    now, away = datetime.now(UTC), distance(latitude, longitude)
    up, aside = within_km / KM_PER_DEGREE, within_km / KM_PER_DEGREE / cos(radians(min(abs(latitude) + 1, 89)))
    mine: Any = aliased(Window)
    theirs: Any = aliased(Window)
    coverage: Any = Coverage
    under: Any = Under
    covered = (
        select(mine.agreement_id)
        .join(theirs, theirs.agreement_id == mine.agreement_id)
        .join(coverage, coverage.version_id == theirs.version_id)
        .join(under, under.ancestor == coverage.category)
        .where(
            *(mine.agency_id == viewer, mine.starts_at <= now, mine.ends_at > now, mine.requests),
            *(theirs.agency_id == _asset.agency_id, theirs.starts_at <= now, theirs.ends_at > now, theirs.assists),
            *(theirs.agency_id != viewer, under.descendant == _asset.category),
        )
        .exists()
    )
    overlapping = (_held.free_at > available_from) | ((_held.status == "out") & (_held.ends_at <= now))
    taken = (
        select(func.coalesce(func.sum(_held.quantity), 0))
        .where(
            *(_held.asset_id == _asset.id, _held.status.in_(("held", "out"))),
            *(_held.blocks_from_at < available_to, overlapping),
        )
        .scalar_subquery()
    )
    query = (
        select(Asset, away.label("away"))
        .where(
            *(_asset.category == category, _asset.type_level <= type_at_least, _asset.service_status == "in_service"),
            *(_asset.sharing != "private", _asset.latitude.between(latitude - up, latitude + up)),
            *(_asset.longitude.between(longitude - aside, longitude + aside), away <= within_km),
            *(covered, taken < _asset.capacity),
        )
        .order_by(away, _asset.n)
        .limit(limit + 1)
    )
    rows = (await session.execute(query)).all()
    for each, km in rows:
        each.distance_km = round(km, 1)
    return {"items": [each for each, _ in rows[:limit]], "more": len(rows) > limit}
