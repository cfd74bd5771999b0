"""The page of metrics for Prometheus: what is counted while requests are answered, and how the service does now.

What a thing is measured by belongs to that thing; here it gets its name, its unit and its labels. The names are those
that the alerts and the dashboard in `docs/operations/` use.
"""

import asyncio
import os
import platform
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from prometheus_client import GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from registry.platform.access.refusals import Reason
from registry.platform.background import Background
from registry.platform.clock import Comparison
from registry.platform.database.connect import Database
from registry.platform.database.migrate import newest_revision
from registry.platform.database.probe import WriteProbe
from registry.platform.database.sqlite_driver import sqlite_module
from registry.platform.database.trouble import Trouble, TroubleKind
from registry.platform.fan_out.publishing import FanOut
from registry.platform.files.reading import FileReader
from registry.platform.http.edge import Edge
from registry.platform.http.health import (
    CHECK_SECONDS,
    OK,
    Check,
    ClientKeys,
    IssuerHealth,
    IssuerStatus,
    find_checks,
    is_ready,
    with_failures,
)
from registry.platform.kernel.errors import DomainError
from registry.platform.ledger.sealing import Sealer
from registry.platform.ledger.streaming import End, Listeners
from registry.platform.ledger.witnessing import Witnessing, WitnessOutcome
from registry.platform.logging import log_writer
from registry.platform.mail.sending import Mailer, Outcome
from registry.platform.settings import Settings
from registry.platform.webhooks.delivering import Deliverer
from registry.platform.webhooks.sending import Outcome as Delivery

Found = TypeVar("Found")


class Disk(Struct, kw_only=True, frozen=True):
    """A place to which the service writes, and the room on its file system in bytes."""

    place: str
    free: int
    size: int


class MailWaiting(Struct, kw_only=True, frozen=True):
    """What sends mail, and how many letters wait in the database, which all processes share."""

    mailer: Mailer
    waiting: Callable[[], Awaitable[int]]


class Exposition(Collector):
    """Collects what is true at the moment of a scrape, beside what the edge counts."""

    def __init__(
        self,
        edge: Edge,
        settings: Settings,
        *,
        version: str,
        database: Database,
        probe: WriteProbe,
        trouble: Trouble,
        background: Background,
        keep_up: Callable[[], Awaitable[None]],
        issuers: Callable[[], Sequence[IssuerHealth]],
        administering: Callable[[], int],
        client_keys: ClientKeys,
        others: Mapping[str, Check],
        clock: Callable[[], Comparison],
        reader: FileReader,
        mail: MailWaiting,
        sealer: Sealer,
        witnessing: Witnessing,
        deliverer: Deliverer,
        fan_out: FanOut,
        listeners: Listeners,
    ) -> None:
        self._edge = edge
        self._settings = settings
        self._database = database
        self._probe = probe
        self._trouble = trouble
        self._background = background
        self._keep_up = keep_up
        self._issuers = issuers
        self._administering = administering
        self._client_keys = client_keys
        self._others = others
        self._clock = clock
        self._reader = reader
        self._mail = mail
        self._sealer = sealer
        self._witnessing = witnessing
        self._deliverer = deliverer
        self._fan_out = fan_out
        self._fan_out_behind = 0
        self._listeners = listeners
        self._letters_waiting = 0
        self._deliveries_waiting = 0
        self._unsealed_seconds = 0.0
        self._build = {
            "version": version,
            "schema": str(newest_revision()),
            "python": platform.python_version(),
            "database": database.dialect,
            "sqlite": str(sqlite_module().sqlite_version) if database.dialect == "sqlite" else "",
        }
        self._file = Path(str(make_url(settings.database_url).database)) if database.dialect == "sqlite" else None
        places = {"data": settings.data_dir, "temporary": Path(tempfile.gettempdir())}
        self._places = places | ({"database": self._file.parent} if self._file is not None else {})
        self._checks: Mapping[str, str] = {}
        self._disks: Sequence[Disk] = ()
        self._sizes: Mapping[str, int] = {}
        registry = edge.metrics.registry
        registry.register(self)
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)

    async def page(self) -> bytes:
        """The whole page. Also tries, at most every five seconds, whether a change can be stored."""
        await self._keep_up()
        lags, issuers = self._background.lags(), self._issuers()
        self._edge.metrics.expect_tokens((each.issuer for each in issuers), Reason)  # others may be trusted by now
        self._checks, _ = await find_checks(self._database, self._probe, lags, issuers, self._others)
        self._letters_waiting = await self._ask(self._mail.waiting, self._letters_waiting)
        self._deliveries_waiting = await self._ask(self._deliverer.waiting, self._deliveries_waiting)
        self._fan_out_behind = await self._ask(self._fan_out.behind, self._fan_out_behind)
        self._unsealed_seconds = await self._ask(self._sealer.unsealed_seconds, self._unsealed_seconds)
        self._disks, self._sizes = await asyncio.to_thread(self._look)
        return generate_latest(self._edge.metrics.registry)

    async def _ask(self, question: Callable[[], Awaitable[Found]], before: Found) -> Found:
        """What it answers; the answer of before while the database gives none, which is a check of its own."""
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await question()
        except (DomainError, DBAPIError, TimeoutError):
            return before

    def _look(self) -> tuple[Sequence[Disk], Mapping[str, int]]:
        disks = []
        for place, path in self._places.items():
            if path.exists():
                found = os.statvfs(path)
                free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
                disks.append(Disk(place=place, free=free, size=size))
        files = {"database": self._file, "wal": Path(f"{self._file}-wal")} if self._file is not None else {}
        return disks, {name: path.stat().st_size for name, path in files.items() if path.exists()}

    def collect(self) -> Iterator[Metric]:
        """Every metric that is read off the service, with its value now."""
        yield InfoMetricFamily("registry_build", "What runs, and the schema that it needs.", value=self._build)
        yield from self._of_readiness()
        yield from self._of_requests()
        yield from self._of_the_database()
        yield from self._of_background_work()
        yield from self._of_issuers()
        yield from self._of_the_reader()
        yield from self._of_mail()
        yield from self._of_webhooks()
        yield from self._of_the_fan_out()
        yield from self._of_the_ledger()
        yield from self._of_disks()

    def _of_readiness(self) -> Iterator[Metric]:
        ready = bool(self._checks) and is_ready(self._checks)
        yield _gauge("registry_ready", "1 when the service is ready, as /health/ready tells.", int(ready))
        checks = GaugeMetricFamily(
            "registry_check_ok",
            "1 for each check of readiness that is well; 0 for a background task whose last run failed, too.",
            labels=["check"],
        )
        for name, found in with_failures(self._checks, self._background.failures()).items():
            checks.add_metric([name], int(found == OK))
        yield checks
        ahead = GaugeMetricFamily(
            "registry_clock_ahead_seconds",
            "By how much this machine's time is ahead of others; below 0 behind. Of the ledger, only how far behind.",
            labels=["of"],
        )
        clock = self._clock()
        ahead.add_metric(["ledger"], min(0.0, clock.ledger or 0.0))
        for whose, known in (("database", clock.database), ("issuers", clock.nearest_issuer)):
            if known is not None:
                ahead.add_metric([whose], known)
        yield ahead
        yield CounterMetricFamily(
            "registry_log_lines_lost", "Lines of the log that could not be written.", value=log_writer().lost
        )

    def _of_requests(self) -> Iterator[Metric]:
        reading = self._edge.reading
        yield _gauge(
            "registry_requests_in_flight_limit",
            "How many requests may be worked on at once (REGISTRY_MAX_IN_FLIGHT).",
            self._settings.max_in_flight,
        )
        bodies = self._edge.bodies
        yield _gauge("registry_bodies_awaited", "Requests whose bodies are still on their way.", bodies.awaited)
        yield _gauge(
            "registry_bodies_awaited_bytes", "What has arrived of bodies that are not whole yet.", bodies.bytes
        )
        yield _gauge("registry_admission_limit", "How many reads are admitted at once, as measured.", reading.limit)
        yield _gauge("registry_admission_running", "Reads that were admitted and are being answered.", reading.running)
        yield _gauge("registry_admission_waiting", "Reads that wait to be admitted.", reading.waiting)

    def _of_the_database(self) -> Iterator[Metric]:
        limit = GaugeMetricFamily(
            "registry_database_connections_limit", "Connections that there may be, each way.", labels=["way"]
        )
        in_use = GaugeMetricFamily(
            "registry_database_connections_in_use", "Connections in use, each way.", labels=["way"]
        )
        waiting = GaugeMetricFamily("registry_database_waiting", "Who wait for a connection, each way.", labels=["way"])
        most = GaugeMetricFamily(
            "registry_database_waiting_limit", "How many may wait, where that is limited.", labels=["way"]
        )
        waited = CounterMetricFamily(
            "registry_database_waited_seconds", "Time waited for a connection, in all.", labels=["way"]
        )
        refused = CounterMetricFamily(
            "registry_database_waits_refused",
            "Waits that were in vain, by the code of the problem.",
            labels=["way", "code"],
        )
        for pressure in self._database.pressure():
            way = [pressure.way]
            limit.add_metric(way, pressure.most)
            in_use.add_metric(way, pressure.in_use)
            waiting.add_metric(way, pressure.waiting)
            if pressure.waiting_most is not None:
                most.add_metric(way, pressure.waiting_most)
            waited.add_metric(way, pressure.waited_seconds)
            for code, times in pressure.refused.items():
                refused.add_metric([*way, code], times)
        yield from (limit, in_use, waiting, most, waited, refused)
        troubles = CounterMetricFamily(
            "registry_database_troubles", "Statements that the database failed, by what was wrong.", labels=["kind"]
        )
        for kind in TroubleKind:
            troubles.add_metric([kind.value], self._trouble.times[kind])
        yield troubles
        yield _gauge(
            "registry_database_damaged",
            "1 once stored pages could not be read, until the service is started again.",
            int(self._trouble.damage is not None),
        )

    def _of_background_work(self) -> Iterator[Metric]:
        interval = GaugeMetricFamily("registry_task_interval_seconds", "Time between two runs.", labels=["task"])
        since = GaugeMetricFamily(
            "registry_task_since_success_seconds", "Time since a run last succeeded.", labels=["task"]
        )
        late = GaugeMetricFamily(
            "registry_task_late_seconds",
            "Time by which a success is overdue; 0 within five intervals.",
            labels=["task"],
        )
        took = GaugeMetricFamily("registry_task_last_run_seconds", "How long the last run took.", labels=["task"])
        runs = CounterMetricFamily("registry_task_runs", "Runs of background tasks.", labels=["task", "outcome"])
        for task in self._background.states():
            interval.add_metric([task.name], task.interval_seconds)
            since.add_metric([task.name], task.since_success_seconds)
            late.add_metric([task.name], task.late_seconds)
            took.add_metric([task.name], task.last_run_seconds)
            runs.add_metric([task.name, "done"], task.done)
            runs.add_metric([task.name, "failed"], task.failed)
        yield from (interval, since, late, took, runs)

    def _of_issuers(self) -> Iterator[Metric]:
        well = GaugeMetricFamily(
            "registry_issuer_ok", "1 for each token issuer whose keys are known and fresh.", labels=["issuer"]
        )
        keys = GaugeMetricFamily("registry_issuer_keys", "Keys of a token issuer that can be used.", labels=["issuer"])
        skipped = GaugeMetricFamily(
            "registry_issuer_keys_skipped", "Keys of a token issuer that are not used.", labels=["issuer"]
        )
        age = GaugeMetricFamily(
            "registry_issuer_keys_age_seconds",
            "Time since a token issuer's keys were last fetched; not there for keys in the settings.",
            labels=["issuer"],
        )
        for issuer in self._issuers():
            name = [issuer.issuer]
            well.add_metric(name, int(issuer.status is IssuerStatus.OK))
            keys.add_metric(name, issuer.keys)
            skipped.add_metric(name, len(issuer.skipped_keys))
            if issuer.keys_age_seconds is not None:
                age.add_metric(name, issuer.keys_age_seconds)
        yield from (well, keys, skipped, age)
        yield _gauge(
            "registry_administering_issuers",
            "Token issuers with usable keys whose tokens can be an administrator's of the registry.",
            self._administering(),
        )
        found = self._client_keys()
        sets = GaugeMetricFamily(
            "registry_client_key_sets",
            "Key sets that service clients publish and that were needed in the last hour, by how they stand.",
            labels=["status"],
        )
        for status in IssuerStatus:
            sets.add_metric([status.value], getattr(found, status.value))
        yield sets

    def _of_the_reader(self) -> Iterator[Metric]:
        places = self._reader.places
        yield _gauge("registry_file_reader_limit", "Uploaded files that are read at once.", places.most)
        yield _gauge("registry_file_reader_in_use", "Uploaded files that are being read.", places.in_use)
        yield _gauge("registry_file_reader_waiting", "Uploaded files that wait to be read.", places.waiting)

    def _of_mail(self) -> Iterator[Metric]:
        tries = CounterMetricFamily(
            "registry_mail_tries", "Letters that were to be sent, by what came of the try.", labels=["outcome"]
        )
        for outcome in Outcome:
            tries.add_metric([outcome.value], self._mail.mailer.tried[outcome])
        yield tries
        yield _gauge("registry_mail_letters_waiting", "Letters that are not sent yet.", self._letters_waiting)

    def _of_webhooks(self) -> Iterator[Metric]:
        tries = CounterMetricFamily(
            "registry_webhook_tries", "Messages that were to be delivered, by what came of the try.", labels=["outcome"]
        )
        for outcome in Delivery:
            tries.add_metric([outcome.value], self._deliverer.sender.tried[outcome])
        yield tries
        yield _gauge(
            "registry_webhook_deliveries_waiting",
            "Messages that wait to be delivered, or to be tried again.",
            self._deliveries_waiting,
        )

    def _of_the_fan_out(self) -> Iterator[Metric]:
        yield CounterMetricFamily(
            "registry_fan_out_published",
            "Events that the operator's stream has acknowledged to this process.",
            value=self._fan_out.published,
        )
        yield _gauge(
            "registry_fan_out_behind_events", "Events for everybody that are not published yet.", self._fan_out_behind
        )

    def _of_the_ledger(self) -> Iterator[Metric]:
        state = self._sealer.state
        yield _gauge("registry_ledger_events", "Sealed events of the ledger, as last seen.", state.tree_size)
        yield _gauge(
            "registry_ledger_signed_events", "Of those, the ones in a signed checkpoint.", state.checkpoint_size
        )
        yield _gauge(
            "registry_ledger_unsealed_seconds",
            "How long the oldest event that is not sealed has waited; 0 where none waits.",
            self._unsealed_seconds,
        )
        yield CounterMetricFamily("registry_ledger_sealed", "Events that this process has sealed.", value=state.sealed)
        yield CounterMetricFamily(
            "registry_ledger_checkpoints", "Checkpoints that this process has signed.", value=state.checkpoints
        )
        yield _gauge(
            "registry_ledger_witnessed_events",
            "Events in the largest checkpoint that each witness has signed; 0 without witnesses.",
            min((each.signed for each in self._witnessing.states.values()), default=0),
        )
        asked = CounterMetricFamily(
            "registry_witness_tries", "Questions to witnesses, by what came of them.", labels=["outcome"]
        )
        for outcome in WitnessOutcome:
            asked.add_metric([outcome.value], self._witnessing.tried[outcome])
        yield asked
        yield _gauge("registry_event_streams", "Streams of events that are open.", self._listeners.open)
        ended = CounterMetricFamily("registry_event_streams_ended", "Streams that ended, by why.", labels=["reason"])
        for why in End:
            ended.add_metric([why.value], self._listeners.ended[why])
        yield ended

    def _of_disks(self) -> Iterator[Metric]:
        free = GaugeMetricFamily(
            "registry_disk_free_bytes", "Room that the service may use where it writes.", labels=["place"]
        )
        size = GaugeMetricFamily("registry_disk_size_bytes", "Size of the file system there.", labels=["place"])
        for disk in self._disks:
            free.add_metric([disk.place], disk.free)
            size.add_metric([disk.place], disk.size)
        yield from (free, size)
        sizes = GaugeMetricFamily(
            "registry_database_file_bytes", "Size of SQLite's database file, and of its log (WAL).", labels=["file"]
        )
        for name, bytes_ in self._sizes.items():
            sizes.add_metric([name], bytes_)
        yield sizes


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)
