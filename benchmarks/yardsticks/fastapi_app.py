"""The alternative a good engineer would write in a week: FastAPI, SQLAlchemy 2 ORM (async) and pydantic.

Nothing is tuned and nothing is spoilt: pool defaults, a session per request, ORM entities turned into answers
by `response_model`, a bearer token verified by PyJWT at each request, an audit row beside each change, WAL on
SQLite (whose default `synchronous=FULL` stays), the index its list needs.

Environment: `BENCH_DATABASE_URL`, `BENCH_ASSETS` (rows to seed), `BENCH_PUBLIC_KEY` (PEM of the ES256 key).
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import ColumnElement, event, func, or_, select, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from benchmarks.yardsticks.schema import Asset, AuditEntry, Loan, create_and_seed

AUDIENCE = "yardstick"


class AssetIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    category: str = Field(min_length=1, max_length=40)
    name: str = Field(min_length=1, max_length=200)
    description: str = Field(default="", max_length=2000)
    tag: str = Field(min_length=1, max_length=60)
    type_level: int = Field(ge=1, le=4)
    capacity: int = Field(default=1, ge=1, le=100_000)
    sharing: Literal["private", "agreement", "network"] = "network"
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    hourly_rate_minor: int = Field(ge=0, le=10**12)
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")


class AssetOut(AssetIn):
    model_config = ConfigDict(extra="ignore", from_attributes=True)

    id: UUID
    agency_id: UUID
    service_state: str
    version: int
    created_at: datetime
    updated_at: datetime


class AssetPage(BaseModel):
    items: list[AssetOut]
    next_cursor: UUID | None


class LoanIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    asset_id: UUID
    quantity: int = Field(default=1, ge=1, le=100_000)
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    purpose: str = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "LoanIn":
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be after starts_at")
        return self


class LoanOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    asset_id: UUID
    requesting_agency_id: UUID
    quantity: int
    starts_at: datetime
    ends_at: datetime
    purpose: str
    status: str
    version: int
    created_at: datetime


class Caller(BaseModel):
    subject: str
    agency_id: UUID


def _use_wal(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connect and seed before the first request is accepted."""
    engine = create_async_engine(os.environ["BENCH_DATABASE_URL"])
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _use_wal)
    await create_and_seed(engine, int(os.environ.get("BENCH_ASSETS", "100000")))
    app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    key = load_pem_public_key(os.environ["BENCH_PUBLIC_KEY"].encode())
    if not isinstance(key, EllipticCurvePublicKey):
        raise TypeError("BENCH_PUBLIC_KEY must be an elliptic-curve key")
    app.state.key = key
    yield
    await engine.dispose()


app = FastAPI(title="Asset sharing yardstick", lifespan=lifespan)
bearer = HTTPBearer()


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as session:
        yield session


async def authenticate(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]
) -> Caller:
    try:
        claims = jwt.decode(
            credentials.credentials,
            request.app.state.key,
            algorithms=["ES256"],
            audience=AUDIENCE,
            options={"require": ["exp", "sub", "agency"]},
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from error
    return Caller(subject=claims["sub"], agency_id=claims["agency"])


Session = Annotated[AsyncSession, Depends(open_session)]
Authenticated = Annotated[Caller, Depends(authenticate)]


def visible_to(caller: Caller) -> ColumnElement[bool]:
    return or_(Asset.agency_id == caller.agency_id, Asset.sharing != "private")


@app.get("/v1/assets/{asset_id}", response_model=AssetOut)
async def get_asset(asset_id: UUID, caller: Authenticated, session: Session) -> Asset:
    asset = await session.scalar(select(Asset).where(Asset.id == asset_id, visible_to(caller)))
    if asset is None:
        raise HTTPException(404, "No such asset.")
    return asset


@app.get("/v1/assets", response_model=AssetPage)
async def list_assets(
    caller: Authenticated,
    session: Session,
    category: str | None = None,
    service_state: str | None = None,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, object]:
    query = select(Asset).where(visible_to(caller)).order_by(Asset.id).limit(limit + 1)
    if category is not None:
        query = query.where(Asset.category == category)
    if service_state is not None:
        query = query.where(Asset.service_state == service_state)
    if cursor is not None:
        query = query.where(Asset.id > cursor)
    found = (await session.scalars(query)).all()
    items = found[:limit]
    return {"items": items, "next_cursor": items[-1].id if len(found) > limit else None}


@app.post("/v1/assets", status_code=201, response_model=AssetOut)
async def create_asset(body: AssetIn, caller: Authenticated, session: Session, response: Response) -> Asset:
    asset = Asset(agency_id=caller.agency_id, **body.model_dump())
    session.add(asset)
    await session.flush()
    session.add(
        AuditEntry(
            actor=caller.subject,
            action="asset.created",
            subject_id=asset.id,
            data=body.model_dump(mode="json"),
        )
    )
    await session.commit()
    response.headers["Location"] = f"/v1/assets/{asset.id}"
    return asset


@app.post("/v1/loans", status_code=201, response_model=LoanOut)
async def create_loan(body: LoanIn, caller: Authenticated, session: Session, response: Response) -> Loan:
    if session.get_bind().dialect.name == "sqlite":
        # SQLite has no row locks and FOR UPDATE is left out: the write lock, taken before the check, serves.
        await session.execute(text("BEGIN IMMEDIATE"))
    asset = await session.scalar(select(Asset).where(Asset.id == body.asset_id, visible_to(caller)).with_for_update())
    if asset is None:
        raise HTTPException(404, "No such asset.")
    starts_at, ends_at = body.starts_at.astimezone(UTC), body.ends_at.astimezone(UTC)
    promised = await session.scalar(
        select(func.coalesce(func.sum(Loan.quantity), 0)).where(
            Loan.asset_id == asset.id,
            Loan.status.not_in(("cancelled", "returned")),
            Loan.starts_at < ends_at,
            Loan.ends_at > starts_at,
        )
    )
    if (promised or 0) + body.quantity > asset.capacity:
        raise HTTPException(409, "The asset is promised to another agency in this window.")
    loan = Loan(
        asset_id=asset.id,
        requesting_agency_id=caller.agency_id,
        quantity=body.quantity,
        starts_at=starts_at,
        ends_at=ends_at,
        purpose=body.purpose,
    )
    session.add(loan)
    await session.flush()
    session.add(
        AuditEntry(actor=caller.subject, action="loan.created", subject_id=loan.id, data=body.model_dump(mode="json"))
    )
    await session.commit()
    response.headers["Location"] = f"/v1/loans/{loan.id}"
    return loan
