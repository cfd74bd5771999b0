"""What the service does beside requests: its recurring tasks with their intervals, and how their sums are recorded.

The tasks of all rooms meet here, as their routers do in `app.py`.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from registry.agreements.documents.commands import Files, sweep
from registry.agreements.instruments.commands.holding import settle_all_due
from registry.directory.clients.commands.signing import forget_what_is_over
from registry.outcomes.metrics.commands import follow_all
from registry.platform.access.denials import Denial, Denials
from registry.platform.access.keys import LOOK_SECONDS
from registry.platform.access.known import record_sightings
from registry.platform.access.principals import REGISTRY, Caller
from registry.platform.access.rates import FailedAttempts, RateLimits
from registry.platform.access.sightings import Sighting, Sightings, StoreSightings
from registry.platform.access.sign_ins import RecordSignIns, RefusedSignIns, SignInSums
from registry.platform.access.tokens import TokenVerifier
from registry.platform.background import Task
from registry.platform.bulk.commands import remove_old
from registry.platform.database.connect import Database, unit_of_work
from registry.platform.fan_out.publishing import TASK as FAN_OUT
from registry.platform.fan_out.publishing import FanOut
from registry.platform.http.idempotency import prune
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import format_instant, utc_now
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.sealing import Sealer
from registry.platform.ledger.streaming import Listeners
from registry.platform.ledger.witnessing import TASK as WITNESSES
from registry.platform.ledger.witnessing import Witnessing
from registry.platform.webhooks.delivering import TASK as WEBHOOKS
from registry.platform.webhooks.delivering import Deliverer, remove_old_deliveries
from registry.resources.assets.commands.spelling import remove_unused_words
from registry.resources.personnel.commands.releasing import release_all_due
from registry.sharing.notices.commands.telling import TASK as NOTICES
from registry.sharing.notices.commands.telling import Teller, remove_what_is_over
from registry.sharing.obligations.commands import record_breaches
from registry.sharing.policy.asking import QuestionsAsked, QuestionSums
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.previewing import remove_old_previews
from registry.sharing.policy.commands.recording import note_kept
from registry.sharing.requests.commands.expiring import ask_next_all_due, expire_all_due
from registry.sharing.requests.commands.suspending import settle_offers_all_due

PRUNE_SECONDS = 300.0
SWEEP_SECONDS = 3600.0
SETTLE_SECONDS = 300.0
POLICIES_SECONDS = 60.0
DENIALS_SECONDS = 15.0
RATES_SECONDS, RATES_LATE_SECONDS = 1.0, 60.0
EXPIRE_SECONDS = 60.0
RELEASE_SECONDS = 600.0
SIGHTINGS_SECONDS = 15.0
NOTICES_SECONDS = 20.0
WEBHOOKS_SECONDS, WEBHOOKS_LATE_SECONDS = 0.5, 60.0
WITNESSES_SECONDS, WITNESSES_LATE_SECONDS = 5.0, 120.0
FAN_OUT_SECONDS = 1.0
METRICS_SECONDS, METRICS_LATE_SECONDS = 5.0, 300.0
SEAL_SECONDS, SEAL_LATE_SECONDS = 0.1, 60.0


def recurring_tasks(
    database: Database,
    *,
    verifier: TokenVerifier,
    sealer: Sealer,
    witnessing: Witnessing,
    listeners: Listeners,
    teller: Teller,
    deliverer: Deliverer,
    fan_out: FanOut,
    files: Files,
    policies: PolicySet,
    denials: Denials,
    sign_ins: SignInSums,
    questions: QuestionSums,
    sightings: Sightings,
    counts: Sequence[RateLimits | FailedAttempts],
) -> list[Task]:
    """All tasks of the service. `counts` are those that its processes share; none where it is alone."""
    return [
        Task(name="seal", interval_seconds=SEAL_SECONDS, run=sealer.run, late_after_seconds=SEAL_LATE_SECONDS),
        Task(name="listeners", interval_seconds=SEAL_SECONDS, run=listeners.look, late_after_seconds=SEAL_LATE_SECONDS),
        Task(
            name=WITNESSES,
            interval_seconds=WITNESSES_SECONDS,
            run=witnessing.run,
            late_after_seconds=WITNESSES_LATE_SECONDS,
        ),
        Task(name="denials", interval_seconds=DENIALS_SECONDS, run=_summer(denials)),
        Task(name="sign_ins", interval_seconds=DENIALS_SECONDS, run=_summer(sign_ins)),
        Task(name="questions", interval_seconds=DENIALS_SECONDS, run=_summer(questions)),
        Task(name="sightings", interval_seconds=SIGHTINGS_SECONDS, run=sightings.store),
        *([_rates(database, counts)] if counts else []),
        Task(name="keys", interval_seconds=LOOK_SECONDS, run=verifier.refresh),
        Task(name="prune", interval_seconds=PRUNE_SECONDS, run=_pruner(database), when_due=True),
        Task(name="policies", interval_seconds=POLICIES_SECONDS, run=_policies_noter(database, policies)),
        Task(name="settle", interval_seconds=SETTLE_SECONDS, run=_settler(database), when_due=True),
        Task(name="capabilities", interval_seconds=RELEASE_SECONDS, run=_releaser(database), when_due=True),
        Task(name="expire", interval_seconds=EXPIRE_SECONDS, run=_expirer(database, policies), when_due=True),
        Task(
            name=WEBHOOKS,
            interval_seconds=WEBHOOKS_SECONDS,
            run=deliverer.run,
            when_due=True,
            late_after_seconds=WEBHOOKS_LATE_SECONDS,
        ),
        Task(
            name=FAN_OUT,
            interval_seconds=FAN_OUT_SECONDS,
            run=fan_out.run,
            when_due=True,
            late_after_seconds=WEBHOOKS_LATE_SECONDS,
        ),
        Task(name=NOTICES, interval_seconds=NOTICES_SECONDS, run=teller.run, when_due=True),
        Task(
            name="metrics",
            interval_seconds=METRICS_SECONDS,
            run=_follower(database),
            late_after_seconds=METRICS_LATE_SECONDS,
        ),
        Task(name="sweep", interval_seconds=SWEEP_SECONDS, run=_sweeper(database, files), when_due=True),
    ]


def _pruner(database: Database) -> Any:
    async def run() -> None:
        while True:
            async with unit_of_work(database) as write:
                removed = (
                    await prune(write, utc_now())
                    or await remove_old(write, utc_now())
                    or await remove_old_previews(write, utc_now())
                    or await remove_what_is_over(write, utc_now())
                    or await remove_old_deliveries(write, utc_now())
                )
                if not removed:
                    await forget_what_is_over(write, utc_now())
                    return

    return run


def _policies_noter(database: Database, policies: PolicySet) -> Any:
    async def run() -> None:
        await note_kept(database.read(), policies)

    return run


def _settler(database: Database) -> Any:
    async def run() -> None:
        await settle_all_due(database, utc_now())

    return run


def _expirer(database: Database, policies: PolicySet) -> Any:
    async def run() -> None:
        now, work = utc_now(), partial(unit_of_work, database)
        await expire_all_due(database.read(), work, now)
        await ask_next_all_due(database.read(), work, now)
        await settle_offers_all_due(database.read(), work, policies, now)
        await record_breaches(database.read(), work, now)

    return run


def _releaser(database: Database) -> Any:
    async def run() -> None:
        await release_all_due(database.read(), partial(unit_of_work, database), utc_now())

    return run


def _follower(database: Database) -> Any:
    async def run() -> None:
        await follow_all(database.read(), partial(unit_of_work, database))

    return run


def _sweeper(database: Database, files: Files) -> Any:
    async def run() -> None:
        await sweep(database.read(), partial(unit_of_work, database), files.store, utc_now())
        await remove_unused_words(database.read(), partial(unit_of_work, database), utc_now())

    return run


def denial_recorder(database: Database) -> Any:
    """Records refusals, each in a transaction of its own, since the request's was rolled back."""

    async def run(denial: Denial) -> None:
        async with unit_of_work(database) as write:
            record(
                write,
                denial.caller,
                EventType.ACCESS_DENIED,
                subject=("denial", new_id(), 0),
                agencies=[],
                data={
                    "operation": denial.operation,
                    "path": denial.path,
                    "reason": denial.reason,
                    "count": denial.count,
                },
                outcome="denied",
            )

    return run


def sign_in_recorder(database: Database) -> RecordSignIns:
    """Records refused sign-ins. Nobody is known to have tried, so each stands as the operator's own."""

    async def run(refused: RefusedSignIns) -> None:
        async with unit_of_work(database) as write:
            record(
                write,
                Caller(principal=REGISTRY, now=utc_now(), trace_id=new_id().hex),
                EventType.ACCESS_SIGN_IN_REFUSED,
                subject=("sign_in", new_id(), 0),
                agencies=[] if refused.agency_id is None else [refused.agency_id],
                data={
                    "issuer": refused.issuer,
                    "reason": refused.reason,
                    "count": refused.count,
                    "from": format_instant(refused.start),
                    "to": format_instant(refused.end),
                },
                outcome="denied",
            )

    return run


def question_recorder(database: Database) -> Any:
    """Records what-ifs. They are read requests, which store nothing themselves."""

    async def run(asked: QuestionsAsked) -> None:
        async with unit_of_work(database) as write:
            record(
                write,
                asked.caller,
                EventType.POLICY_QUESTION_ASKED,
                subject=("policy_question", new_id(), 0),
                agencies=[],
                data={"from": format_instant(asked.minute), "count": asked.count, "assets": asked.assets},
            )

    return run


def sightings_store(database: Database) -> StoreSightings:
    """Stores when people were last seen."""

    async def run(sightings: Sequence[Sighting]) -> None:
        async with unit_of_work(database) as write:
            await record_sightings(write, sightings)

    return run


def _summer(sums: Denials | SignInSums | QuestionSums) -> Any:
    async def run() -> None:
        await sums.record_sums(utc_now())

    return run


def _rates(database: Database, counts: Sequence[RateLimits | FailedAttempts]) -> Task:
    # Until counts are shared again each process counts for itself: that is no reason to take it out at once.
    return Task(
        name="rates",
        interval_seconds=RATES_SECONDS,
        run=_sharer(database, counts),
        late_after_seconds=RATES_LATE_SECONDS,
    )


def _sharer(database: Database, counts: Sequence[RateLimits | FailedAttempts]) -> Any:
    async def run() -> None:
        for each in counts:
            await each.share(partial(unit_of_work, database), utc_now())

    return run
