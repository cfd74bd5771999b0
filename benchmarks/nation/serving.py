"""The national question over HTTP: this service, and FastAPI on the same database, in turns."""

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from uuid import UUID

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct
from sqlalchemy import make_url

from benchmarks.load import Lane, Measurement, Plan, run_round
from benchmarks.nation.questions import Case
from benchmarks.requests import Cycle, ask, get
from benchmarks.servers import Running, cores, free_port, pin, serve, uvicorn
from benchmarks.yardsticks.fastapi_nation import AUDIENCE
from registry.platform.access.development import development_token
from registry.platform.access.principals import Role
from registry.platform.database.connect import Database, unit_of_work
from registry.platform.kernel.time import utc_now
from registry.platform.settings import load
from registry.resources.personnel.tables import capability_disclosure

MEBIBYTE = 2**20
SERVICE, YARDSTICK = "this service", "FastAPI and ORM"


class _Item(Struct):
    id: UUID


class _Answer(Struct):
    items: list[_Item]


class Served(Struct, kw_only=True, frozen=True):
    """What was measured over HTTP: milliseconds, how many times the yardstick's rate, and the process's memory."""

    p50_ms: float
    p95_ms: float
    rate: float
    yardstick_p95_ms: float
    ratio: float
    memory_mib: float
    wrong: int
    differ: int


async def put_releases_off(database: Database) -> None:
    """As if today's release of what is published of people had been made, which is due as soon as a server starts."""
    async with unit_of_work(database) as write:
        await write.run(capability_disclosure.update().values(due_at=utc_now() + timedelta(days=30)))


def measure_served(url: str, cases: Sequence[Case], plan: Plan) -> Served:
    """Both on their core, in turns; every answer is checked, and the two are compared case by case."""
    with tempfile.TemporaryDirectory(prefix="registry-nation-") as folder, ExitStack() as stack:
        running, tokens = stack.enter_context(_service(url, Path(folder), cases))
        other, other_tokens = stack.enter_context(_yardstick(url, Path(folder), cases))
        lanes, answers = [], []
        for name, target, its in ((SERVICE, running, tokens), (YARDSTICK, other, other_tokens)):
            requests = tuple(get(case.path, its[case.viewer], '"items"') for case in cases)
            lanes.append(Lane(target=name, operation="national", base_url=target.base_url, source=Cycle(requests)))
            answers.append([_ids(ask(target.base_url, request)) for request in requests])
        if pair := cores():
            pin(0, pair[1])
        measured = [one for number in range(plan.rounds + 1) for one in run_round(plan, lanes, number) if number]
        memory = _memory(running.base_url)
    own, yardstick = ([one for one in measured if one.target == name] for name in (SERVICE, YARDSTICK))
    for complaint in {one.complaint for one in measured if one.wrong}:
        print(f"wrong answer: {complaint}", file=sys.stderr)
    return Served(
        p50_ms=median(one.p50_ms for one in own),
        p95_ms=median(one.p95_ms for one in own),
        rate=median(one.rate for one in own),
        yardstick_p95_ms=median(one.p95_ms for one in yardstick),
        ratio=_ratio(own, yardstick),
        memory_mib=memory,
        wrong=sum(one.wrong for one in measured),
        differ=sum(mine != theirs for mine, theirs in zip(*answers, strict=True)),
    )


def _ratio(own: Sequence[Measurement], its: Sequence[Measurement]) -> float:
    return median(mine.rate / theirs.rate for mine, theirs in zip(own, its, strict=True))


def _ids(body: bytes) -> list[UUID]:
    return [each.id for each in msgspec.json.decode(body, type=_Answer).items]


def _memory(base_url: str) -> float:
    page = httpx.get(f"{base_url}/metrics").raise_for_status().text
    found = re.search(r"^process_resident_memory_bytes (\S+)$", page, re.MULTILINE)
    return float(found[1]) / MEBIBYTE if found else 0.0


@contextmanager
def _service(url: str, folder: Path, cases: Sequence[Case]) -> Iterator[tuple[Running, dict[UUID, str]]]:
    environment = {
        "REGISTRY_DEMO": "1",
        "REGISTRY_DATA_DIR": str(folder),
        "REGISTRY_DATABASE_URL": url,
        "REGISTRY_LOG_LEVEL": "error",
        "REGISTRY_RATE_PER_PRINCIPAL": "0",
        "REGISTRY_RATE_PER_AGENCY": "0",
    }
    settings = load(environment)
    tokens = {
        viewer: development_token(
            settings, agency_id=viewer, roles=[Role.COORDINATOR], subject="coordinator", now=utc_now()
        )
        for viewer in {case.viewer for case in cases}
    }
    port = free_port()
    command = [str(Path(sys.executable).with_name("registry")), "serve"]
    with serve(
        command, {**environment, "HOST": "127.0.0.1", "PORT": str(port)}, port, folder / "service.log"
    ) as running:
        yield running, tokens


@contextmanager
def _yardstick(url: str, folder: Path, cases: Sequence[Case]) -> Iterator[tuple[Running, dict[UUID, str]]]:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    parts = make_url(url)
    driver = "sqlite+aiosqlite" if parts.drivername.startswith("sqlite") else "postgresql+asyncpg"
    environment = {
        "BENCH_DATABASE_URL": parts.set(drivername=driver).render_as_string(hide_password=False),
        "BENCH_PUBLIC_KEY": public,
    }
    now = utc_now()
    tokens = {
        viewer: jwt.encode(
            {"sub": "coordinator", "agency": str(viewer), "aud": AUDIENCE, "iat": now, "exp": now + timedelta(hours=1)},
            key,
            "ES256",
        )
        for viewer in {case.viewer for case in cases}
    }
    port = free_port()
    command = uvicorn("benchmarks.yardsticks.fastapi_nation:app", port, "--no-access-log")
    with serve(command, environment, port, folder / "yardstick.log") as running:
        yield running, tokens
