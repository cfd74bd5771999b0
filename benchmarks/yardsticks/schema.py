"""Tables and seed rows of the FastAPI yardstick: ordinary SQLAlchemy 2 declarative entities."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import JSON, DateTime, ForeignKey, Index, String, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

from benchmarks.requests import loan_window

CATEGORIES = (
    "air_support", "armored_vehicle", "bomb_team", "boat", "command_post", "crime_lab", "crisis_negotiation",
    "digital_forensics", "dive_team", "drone", "interpreter", "k9_explosives", "k9_narcotics", "k9_tracking",
    "light_tower", "message_board", "patrol_vehicle", "radio_cache", "search_team", "tactical_team",
)  # fmt: skip
AGENCIES = tuple(uuid5(UUID(int=0), f"agency-{n}") for n in range(200))
CHUNK = 5_000
OWN_ASSETS = 400
DECISIONS = 19_000
"""A loan takes one, and each round begins 3,000 further on (250,000 modulo this): enough for six of them."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy's documented form


class Asset(Base):
    """What can be lent, as wide as the service's own row."""

    __tablename__ = "asset"
    __table_args__ = (Index("ix_asset_category_state_id", "category", "service_status", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    agency_id: Mapped[UUID] = mapped_column(index=True)
    category: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(2000))
    tag: Mapped[str] = mapped_column(String(60))
    type_level: Mapped[int]
    capacity: Mapped[int] = mapped_column(default=1)
    sharing: Mapped[str] = mapped_column(String(16), default="network")
    service_status: Mapped[str] = mapped_column(String(16), default="in_service")
    latitude: Mapped[float]
    longitude: Mapped[float]
    hourly_rate_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3), default="USD")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Agency(Base):
    """Who lends and borrows."""

    __tablename__ = "agency"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(2))
    status: Mapped[str] = mapped_column(String(16), default="active")


class Agreement(Base):
    """The ground of loans; its terms are read by the rules."""

    __tablename__ = "agreement"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    number: Mapped[str] = mapped_column(String(60))
    terms: Mapped[dict[str, object]] = mapped_column(JSON)


class AgreementParty(Base):
    """From when until when an agency is bound, and what for."""

    __tablename__ = "agreement_party"

    agreement_id: Mapped[UUID] = mapped_column(ForeignKey("agreement.id"), primary_key=True)
    agency_id: Mapped[UUID] = mapped_column(ForeignKey("agency.id"), primary_key=True, index=True)
    assists: Mapped[bool] = mapped_column(default=True)
    binds_from: Mapped[datetime]
    binds_until: Mapped[datetime]


class Decision(Base):
    """What the rules said of an ask, with the facts they saw; made again when a loan is reserved on it."""

    __tablename__ = "decision"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    previous_id: Mapped[UUID | None] = mapped_column(ForeignKey("decision.id"), index=True)
    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id"))
    requesting_agency_id: Mapped[UUID] = mapped_column(index=True)
    assisting_agency_id: Mapped[UUID] = mapped_column(index=True)
    agreement_id: Mapped[UUID | None] = mapped_column(ForeignKey("agreement.id"))
    outcome: Mapped[str] = mapped_column(String(16))
    purpose: Mapped[str] = mapped_column(String(40))
    priority: Mapped[str] = mapped_column(String(16))
    quantity: Mapped[int] = mapped_column(default=1)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    facts: Mapped[dict[str, object]] = mapped_column(JSON)
    reasons: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Approval(Base):
    """An answer given to a decision that needs one."""

    __tablename__ = "approval"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    decision_id: Mapped[UUID] = mapped_column(ForeignKey("decision.id"), index=True)
    verdict: Mapped[str] = mapped_column(String(16))
    given_by: Mapped[str] = mapped_column(String(100))
    given_at: Mapped[datetime] = mapped_column(default=utc_now)


class Loan(Base):
    """A quantity of one asset promised to another agency for a half-open window."""

    __tablename__ = "loan"
    __table_args__ = (Index("ix_loan_asset_window", "asset_id", "starts_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id"))
    asset_snapshot: Mapped[dict[str, object]] = mapped_column(JSON)
    requesting_agency_id: Mapped[UUID] = mapped_column(index=True)
    assisting_agency_id: Mapped[UUID] = mapped_column(index=True)
    agreement_id: Mapped[UUID] = mapped_column(ForeignKey("agreement.id"))
    asked_decision_id: Mapped[UUID] = mapped_column(ForeignKey("decision.id"), index=True)
    decision_id: Mapped[UUID] = mapped_column(ForeignKey("decision.id"))
    quantity: Mapped[int] = mapped_column(default=1)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    purpose: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(16), default="reserved")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class AuditEntry(Base):
    """Who did what to which row: the plain audit table, written in the same transaction as the change."""

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[UUID] = mapped_column(index=True)
    data: Mapped[dict[str, object]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(default=utc_now)


class IdempotencyRecord(Base):
    """A request's key and what it was answered with, written in the same transaction as the effect."""

    __tablename__ = "idempotency_record"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    body: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


def asset_rows(count: int) -> Iterator[dict[str, object]]:
    """`count` assets, the same at every run but for their ids; nine in ten in service, one in ten private."""
    chance = random.Random(20_260)
    begun = datetime(2025, 1, 1, tzinfo=UTC)
    for n in range(count):
        category = chance.choice(CATEGORIES)
        at = begun + timedelta(seconds=n)
        yield {
            "id": uuid7(),
            "agency_id": chance.choice(AGENCIES),
            "category": category,
            "name": f"{category.replace('_', ' ').title()} unit {n}",
            "description": f"Staged at substation {n % 97}; call the watch commander before it is moved.",
            "tag": f"S-{n:08d}",
            "type_level": chance.randint(1, 4),
            "capacity": 1,
            "sharing": chance.choices(("network", "agreement", "private"), (6, 3, 1))[0],
            "service_status": chance.choices(("in_service", "out_of_service", "retired"), (90, 8, 2))[0],
            "latitude": round(chance.uniform(25.0, 48.0), 6),
            "longitude": round(chance.uniform(-124.0, -68.0), 6),
            "hourly_rate_minor": chance.randrange(2_500, 90_000, 25),
            "currency": "USD",
            "version": 1,
            "created_at": at,
            "updated_at": at,
        }


def decision_id(n: int) -> UUID:
    """The id of the n-th decision that is seeded."""
    return uuid5(UUID(int=1), f"decision-{n}")


def ground_rows(assets: Sequence[UUID]) -> Iterator[tuple[type[Base], list[dict[str, object]]]]:
    """The agencies, an agreement between the first two, and a permitted decision for each asset and free window."""
    yield Agency, [{"id": one, "name": f"Agency {n}", "state": "TX"} for n, one in enumerate(AGENCIES)]
    agreement = uuid7()
    terms = {
        "categories": ["any"],
        "purposes": [],
        "max_duration_hours": None,
        "notice_hours": None,
        "cost_ceiling_minor": None,
        "max_quantity": None,
        "approval_required": False,
        "approval_over_hours": None,
    }
    yield Agreement, [{"id": agreement, "number": "BENCH-1", "terms": terms}]
    bound = {"binds_from": utc_now() - timedelta(days=10), "binds_until": datetime(9999, 12, 31, tzinfo=UTC)}
    yield AgreementParty, [{"agreement_id": agreement, "agency_id": one, **bound} for one in AGENCIES[:2]]
    decisions = []
    for n in range(DECISIONS):
        asset, starts_at, ends_at = loan_window(n, [str(one) for one in assets])
        decisions.append(
            {
                "id": decision_id(n),
                "asset_id": UUID(asset),
                "requesting_agency_id": AGENCIES[1],
                "assisting_agency_id": AGENCIES[0],
                "agreement_id": agreement,
                "outcome": "permitted",
                "purpose": "mutual_aid",
                "priority": "routine",
                "starts_at": starts_at,
                "ends_at": ends_at,
                "facts": {},
                "reasons": ["agreement_in_force"],
            }
        )
    yield Decision, decisions


async def create_and_seed(engine: AsyncEngine, count: int) -> None:
    """Make the tables and, where there are none yet, `count` assets; then gather the planner's statistics."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        if await connection.scalar(select(func.count()).select_from(Asset)):
            return
        chunk: list[dict[str, object]] = []
        for row in asset_rows(count):
            chunk.append(row)
            if len(chunk) == CHUNK:
                await connection.execute(insert(Asset), chunk)
                chunk = []
        if chunk:
            await connection.execute(insert(Asset), chunk)
        own = (
            select(Asset.id)
            .where(Asset.agency_id == AGENCIES[0], Asset.service_status == "in_service", Asset.sharing != "private")
            .order_by(Asset.id)
            .limit(OWN_ASSETS)
        )
        for kind, rows in ground_rows((await connection.scalars(own)).all()):
            await connection.execute(insert(kind), rows)
        await connection.exec_driver_sql("ANALYZE")
