"""Tables and seed rows of the FastAPI yardstick: ordinary SQLAlchemy 2 declarative entities."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import JSON, DateTime, ForeignKey, Index, String, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

CATEGORIES = (
    "air_support", "armored_vehicle", "bomb_team", "boat", "command_post", "crime_lab", "crisis_negotiation",
    "digital_forensics", "dive_team", "drone", "interpreter", "k9_explosives", "k9_narcotics", "k9_tracking",
    "light_tower", "message_board", "patrol_vehicle", "radio_cache", "search_team", "tactical_team",
)  # fmt: skip
AGENCIES = tuple(uuid5(UUID(int=0), f"agency-{n}") for n in range(200))
CHUNK = 5_000


def utc_now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy's documented form


class Asset(Base):
    """What can be lent, as wide as the service's own row."""

    __tablename__ = "asset"
    __table_args__ = (Index("ix_asset_category_state_id", "category", "service_state", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    agency_id: Mapped[UUID] = mapped_column(index=True)
    category: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(2000))
    tag: Mapped[str] = mapped_column(String(60))
    type_level: Mapped[int]
    capacity: Mapped[int] = mapped_column(default=1)
    sharing: Mapped[str] = mapped_column(String(16), default="network")
    service_state: Mapped[str] = mapped_column(String(16), default="in_service")
    latitude: Mapped[float]
    longitude: Mapped[float]
    hourly_rate_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3), default="USD")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Loan(Base):
    """Units of one asset promised to another agency for a half-open window."""

    __tablename__ = "loan"
    __table_args__ = (Index("ix_loan_asset_window", "asset_id", "starts_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id"))
    requesting_agency_id: Mapped[UUID] = mapped_column(index=True)
    quantity: Mapped[int] = mapped_column(default=1)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    purpose: Mapped[str] = mapped_column(String(500))
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
            "service_state": chance.choices(("in_service", "out_of_service", "retired"), (90, 8, 2))[0],
            "latitude": round(chance.uniform(25.0, 48.0), 6),
            "longitude": round(chance.uniform(-124.0, -68.0), 6),
            "hourly_rate_minor": chance.randrange(2_500, 90_000, 25),
            "currency": "USD",
            "version": 1,
            "created_at": at,
            "updated_at": at,
        }


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
        await connection.exec_driver_sql("ANALYZE")
