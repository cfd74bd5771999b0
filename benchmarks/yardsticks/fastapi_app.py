"""The alternative a good engineer would write in a week: FastAPI, SQLAlchemy 2 ORM (async) and pydantic.

Nothing is tuned and nothing is spoilt: pool defaults, a session per request, ORM entities turned into answers
by `response_model`, a bearer token verified by PyJWT at each request, an audit row beside each change, WAL on
SQLite (whose default `synchronous=FULL` stays), the index its list needs.

Environment: `BENCH_DATABASE_URL`, `BENCH_ASSETS` (rows to seed), `BENCH_PUBLIC_KEY` (PEM of the ES256 key).
"""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Literal, cast
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from sqlalchemy import ColumnElement, event, func, or_, select, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import aliased
from sqlalchemy.pool import ConnectionPoolEntry

from benchmarks.yardsticks.rules import Facts, Ground, Terms, decide
from benchmarks.yardsticks.schema import (
    Agency,
    Agreement,
    AgreementParty,
    Approval,
    Asset,
    AuditEntry,
    Decision,
    IdempotencyRecord,
    Loan,
    create_and_seed,
    utc_now,
)

AUDIENCE = "yardstick"
_FACTS = TypeAdapter(Facts)


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
    service_status: str
    version: int
    created_at: datetime
    updated_at: datetime


class AssetPage(BaseModel):
    items: list[AssetOut]
    next_cursor: UUID | None


class LoanIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    decision_id: UUID
    quantity: int | None = Field(default=None, ge=1, le=100_000)


class LoanOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    asset_id: UUID
    asset_snapshot: dict[str, object]
    requesting_agency_id: UUID
    assisting_agency_id: UUID
    agreement_id: UUID
    decision_id: UUID
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
    service_status: str | None = None,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, object]:
    query = select(Asset).where(visible_to(caller)).order_by(Asset.id).limit(limit + 1)
    if category is not None:
        query = query.where(Asset.category == category)
    if service_status is not None:
        query = query.where(Asset.service_status == service_status)
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


Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)]


async def claim(
    session: AsyncSession, caller: Caller, operation: str, key: str | None, body: BaseModel
) -> IdempotencyRecord | None:
    """The request's hold on its key; a second request waits here, and is told to ask for what the first one made."""
    if key is None:
        return None
    fingerprint = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    record = IdempotencyRecord(agency_id=caller.agency_id, operation=operation, key=key, fingerprint=fingerprint)
    session.add(record)
    try:
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(409, "This Idempotency-Key was used before.") from error
    return record


async def gather(session: AsyncSession, asked: Decision, asset: Asset, now: datetime) -> Facts:
    """What the rules depend on."""
    sides = (asked.requesting_agency_id, asked.assisting_agency_id)
    agencies = {one.id: one for one in await session.scalars(select(Agency).where(Agency.id.in_(sides)))}
    lent_out = await session.scalar(
        select(func.coalesce(func.sum(Loan.quantity), 0))
        .join(Asset, Asset.id == Loan.asset_id)
        .where(Asset.agency_id == asset.agency_id, Asset.category == asset.category, Loan.status == "out")
    )
    theirs, ours = aliased(AgreementParty), aliased(AgreementParty)
    bound = await session.execute(
        select(Agreement, theirs, ours)
        .join(theirs, theirs.agreement_id == Agreement.id)
        .join(ours, ours.agreement_id == Agreement.id)
        .where(theirs.agency_id == sides[0], theirs.binds_from <= now, theirs.binds_until > now)
        .where(ours.agency_id == sides[1], ours.binds_from <= now, ours.binds_until > now)
        .order_by(Agreement.id)
    )
    return Facts(
        now=now,
        starts_at=in_utc(asked.starts_at),
        ends_at=in_utc(asked.ends_at),
        purpose=asked.purpose,
        priority=asked.priority,
        quantity=asked.quantity,
        requesting_agency_id=str(asked.requesting_agency_id),
        requesting_status=agencies[sides[0]].status,
        assisting_agency_id=str(asked.assisting_agency_id),
        assisting_status=agencies[sides[1]].status,
        asset_agency_id=str(asset.agency_id),
        category=asset.category,
        service_status=asset.service_status,
        sharing=asset.sharing,
        capacity=asset.capacity,
        hourly_rate_minor=asset.hourly_rate_minor,
        lent_out=lent_out or 0,
        grounds=tuple(
            Ground(
                id=str(agreement.id),
                assists=our.assists,
                binds_until=min(in_utc(their.binds_until), in_utc(our.binds_until)),
                terms=cast(Terms, agreement.terms),
            )
            for agreement, their, our in bound
        ),
    )


def in_utc(stored: datetime) -> datetime:
    """SQLite gives instants back without their zone."""
    return stored if stored.tzinfo else stored.replace(tzinfo=UTC)


@app.post("/v1/loans", status_code=201, response_model=LoanOut)
async def create_loan(
    body: LoanIn, caller: Authenticated, session: Session, response: Response, key: Key = None
) -> LoanOut:
    """Reserve an asset on a decision, which is made again first: the facts are read, and the rules applied, anew."""
    if session.get_bind().dialect.name == "sqlite":
        # SQLite has no row locks and FOR UPDATE is left out: the write lock, taken before the check, serves.
        await session.execute(text("BEGIN IMMEDIATE"))
    now = utc_now()
    asked = await session.get(Decision, body.decision_id)
    if asked is None or caller.agency_id != asked.assisting_agency_id:
        raise HTTPException(404, "No such decision.")
    record = await claim(session, caller, "create_loan", key, body)
    asset = await session.scalar(select(Asset).where(Asset.id == asked.asset_id).with_for_update())
    assert asset is not None
    used = select(Loan.id).where(Loan.asked_decision_id == asked.id, Loan.status.not_in(("cancelled", "no_show")))
    if await session.scalar(used) is not None:
        raise HTTPException(409, "A loan was made under this decision already.")
    quantity = body.quantity or asked.quantity
    if quantity > asked.quantity:
        raise HTTPException(422, "More than was decided on.")
    facts = await gather(session, asked, asset, now)
    found = decide(facts)
    answers = (await session.scalars(select(Approval).where(Approval.decision_id == asked.id))).all()
    if any(answer.verdict == "rejected" for answer in answers):
        raise HTTPException(409, "An approver has rejected this.")
    if found.outcome == "denied" or found.agreement_id is None:
        raise HTTPException(409, f"This is denied: {', '.join(found.reasons)}.")
    if found.outcome == "needs_approval" and not answers:
        raise HTTPException(409, "This lacks an approval.")
    promised = await session.scalar(
        select(func.coalesce(func.sum(Loan.quantity), 0)).where(
            Loan.asset_id == asset.id,
            Loan.status.not_in(("cancelled", "no_show", "returned")),
            Loan.starts_at < asked.ends_at,
            Loan.ends_at > asked.starts_at,
        )
    )
    if (promised or 0) + quantity > asset.capacity:
        raise HTTPException(409, "The asset is promised to another agency in this window.")
    decision = Decision(
        previous_id=asked.id,
        asset_id=asset.id,
        requesting_agency_id=asked.requesting_agency_id,
        assisting_agency_id=asked.assisting_agency_id,
        agreement_id=UUID(found.agreement_id),
        outcome=found.outcome,
        purpose=asked.purpose,
        priority=asked.priority,
        quantity=asked.quantity,
        starts_at=asked.starts_at,
        ends_at=asked.ends_at,
        facts=_FACTS.dump_python(facts, mode="json"),
        reasons=list(found.reasons),
    )
    session.add(decision)
    await session.flush()
    loan = Loan(
        asset_id=asset.id,
        asset_snapshot=AssetOut.model_validate(asset).model_dump(mode="json"),
        requesting_agency_id=asked.requesting_agency_id,
        assisting_agency_id=asked.assisting_agency_id,
        agreement_id=UUID(found.agreement_id),
        asked_decision_id=asked.id,
        decision_id=decision.id,
        quantity=quantity,
        starts_at=asked.starts_at,
        ends_at=asked.ends_at,
        purpose=asked.purpose,
    )
    session.add(loan)
    await session.flush()
    session.add_all(
        [
            AuditEntry(
                actor=caller.subject,
                action="decision.made",
                subject_id=decision.id,
                data={"outcome": found.outcome, "reasons": list(found.reasons), "asset_id": str(asset.id)},
            ),
            AuditEntry(
                actor=caller.subject,
                action="loan.reserved",
                subject_id=loan.id,
                data={"asset_id": str(asset.id), "quantity": quantity, "decision_id": str(decision.id)},
            ),
        ]
    )
    answer = LoanOut.model_validate(loan)
    if record is not None:
        record.status, record.body = 201, answer.model_dump_json()
    await session.commit()
    response.headers["Location"] = f"/v1/loans/{loan.id}"
    return answer
