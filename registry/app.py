"""Builds the application from its parts. Nothing else does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.response import Response
from sqlalchemy.exc import DBAPIError

from registry import __version__, service
from registry.agreements.calendars import routes as calendars
from registry.agreements.checks import routes as checks
from registry.agreements.clauses import routes as clauses
from registry.agreements.deadlines import routes as deadlines
from registry.agreements.documents import routes as documents
from registry.agreements.documents.commands import Files
from registry.agreements.documents.queries import documents_seen
from registry.agreements.dossier import routes as dossier
from registry.agreements.duties import routes as duties
from registry.agreements.instruments import routes as instruments
from registry.agreements.instruments.commands.agency_status import follow_agency_status
from registry.agreements.instruments.commands.own_word import follow_own_word
from registry.agreements.instruments.queries.sight import agreements_seen, comments_seen
from registry.agreements.insurance import routes as insurance
from registry.agreements.redline import routes as redline
from registry.agreements.timeline import routes as timeline
from registry.agreements.tracker import routes as tracker
from registry.database_tables import all_tables, named_contents
from registry.directory.agencies import routes as agencies
from registry.directory.agencies.commands.entering import AgencyImporter
from registry.directory.agencies.queries import agency_by_ori
from registry.directory.clients import routes as clients
from registry.directory.clients.commands.signing import (
    AuthorizationServer,
    check_service_clients,
)
from registry.directory.clients.queries import own_issuer, verifying_keys
from registry.directory.clients.rules import ClientReason
from registry.directory.issuers import routes as issuers
from registry.directory.issuers.queries import trusted_issuers
from registry.directory.operator_acts import routes as operator_acts
from registry.directory.operator_acts.commands import propose
from registry.directory.places import routes as places
from registry.directory.principals import routes as principals
from registry.directory.revocations import routes as revocations
from registry.directory.taxonomy import routes as taxonomy
from registry.outcomes.engagements import routes as engagements
from registry.outcomes.engagements.queries import waiting_actions, waiting_invitations
from registry.outcomes.metrics import routes as metrics
from registry.outcomes.metrics.defining import MetricSource
from registry.outcomes.metrics.queries.answers import FurtherFacts, MetricSources
from registry.outcomes.objectives import routes as objectives
from registry.outcomes.objectives.queries import first_objective_at, load_objectives
from registry.outcomes.reviews import routes as reviews
from registry.outcomes.reviews.queries import first_review_from, load_reviews
from registry.platform.access.acting import why_refused
from registry.platform.access.authentication import Authentication
from registry.platform.access.denials import Denials
from registry.platform.access.development import development_issuer
from registry.platform.access.fetching import Reach
from registry.platform.access.operations import PlaceNow, check_supplies
from registry.platform.access.principals import Principal
from registry.platform.access.rates import FailedAttempts, RateLimits
from registry.platform.access.second_operator import SecondOperator, checked_acts
from registry.platform.access.sightings import Sightings
from registry.platform.access.sign_ins import SignInSums
from registry.platform.access.tokens import FindByOri, FollowIssuers, TokenVerifier
from registry.platform.background import Background
from registry.platform.bulk import routes as imports
from registry.platform.bulk.commands import TableFiles
from registry.platform.bulk.fields import Importers
from registry.platform.bulk.reading import TableReader
from registry.platform.bulk.running.runner import ImportRunner
from registry.platform.clock import ClockCheck
from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.database.probe import WriteProbe
from registry.platform.database.trouble import trouble
from registry.platform.encryption import SecretKeys
from registry.platform.exposition import Exposition, MailWaiting
from registry.platform.fan_out.publishing import FanOut
from registry.platform.fan_out.stream import is_installed as is_nats_installed
from registry.platform.files.confinement import available
from registry.platform.files.opening import open_store
from registry.platform.files.probe import DocumentProbe, NamedContent
from registry.platform.files.reading import FileReader, find_recogniser
from registry.platform.http.draining import Draining
from registry.platform.http.edge import Edge
from registry.platform.http.health import CHECK_SECONDS, OK, Check
from registry.platform.http.idempotency import Replay
from registry.platform.http.openapi import Contract
from registry.platform.http.problems import on_error
from registry.platform.http.requests import StrictRequest
from registry.platform.http.routing import in_one
from registry.platform.issuers import Issuer
from registry.platform.kernel.errors import DomainError
from registry.platform.kernel.time import utc_now
from registry.platform.ledger import routes as ledger
from registry.platform.ledger.feed import Sights
from registry.platform.ledger.feeding import Feed
from registry.platform.ledger.places import Places
from registry.platform.ledger.sealing import Sealer
from registry.platform.ledger.signing import LedgerKeys
from registry.platform.ledger.streaming import Listeners, MayAct
from registry.platform.ledger.witnessing import Witnessing, witnesses_of
from registry.platform.logging import log_writer
from registry.platform.mail.sending import Mailer
from registry.platform.mail.signing import MailKey
from registry.platform.print.pdf import is_installed
from registry.platform.settings import NatsServer, Settings, SettingsError
from registry.platform.webhooks import routes as webhooks
from registry.platform.webhooks.commands import WebhookMaking
from registry.platform.webhooks.delivering import Deliverer
from registry.platform.webhooks.sending import Sender
from registry.resources.assets import routes as assets
from registry.resources.assets.commands.importing import AssetImporter
from registry.resources.assets.commands.indexing import reindex_category
from registry.resources.assets.queries.facts import assets_tagged, owns_asset
from registry.resources.minimums import routes as minimums
from registry.resources.packages import routes as packages
from registry.resources.papers import routes as papers
from registry.resources.personnel import routes as personnel
from registry.resources.personnel.commands.importing import PersonnelImporter
from registry.resources.rates import routes as rates
from registry.resources.rates.commands import RateImporter
from registry.resources.search import routes as search
from registry.sharing.impact import routes as impact
from registry.sharing.inbox import routes as inbox
from registry.sharing.inbox.queries import SOURCES
from registry.sharing.loans import routes as loans
from registry.sharing.notices import routes as notices
from registry.sharing.notices.commands.telling import Teller
from registry.sharing.obligations import routes as obligations
from registry.sharing.past_loans import routes as past_loans
from registry.sharing.past_loans.commands.importing import PastLoanImporter
from registry.sharing.policy import routes as policy
from registry.sharing.policy.apart import ConfinedExaminer
from registry.sharing.policy.asking import QuestionSums
from registry.sharing.policy.commands.previewing import PreviewRunner
from registry.sharing.requests import routes as requests
from registry.sharing.sheets import routes as sheets
from registry.shipped_rules import policies_and_rules
from registry.tasks import denial_recorder, question_recorder, recurring_tasks, sightings_store, sign_in_recorder

ROUTERS = (
    # platform
    imports.router,
    ledger.router,
    webhooks.router,
    # directory
    taxonomy.router,
    places.router,
    agencies.router,
    issuers.router,
    revocations.router,
    principals.router,
    operator_acts.router,
    clients.router,
    clients.public_router,
    # agreements
    instruments.router,
    timeline.router,
    clauses.router,
    documents.router,
    redline.router,
    checks.router,
    insurance.router,
    duties.router,
    deadlines.router,
    calendars.router,
    calendars.public_router,
    dossier.router,
    tracker.router,
    # resources
    rates.router,
    minimums.router,
    papers.router,
    assets.router,
    assets.public_router,
    personnel.router,
    packages.router,
    search.router,
    # sharing
    policy.router,
    obligations.router,
    loans.router,
    past_loans.router,
    requests.router,
    sheets.router,
    impact.router,
    inbox.router,
    notices.router,
    notices.public_router,
    # outcomes
    engagements.router,
    engagements.public_router,
    metrics.router,
    objectives.router,
    reviews.router,
)
_ASSETS = AssetImporter()
IMPORTERS = Importers(
    by_kind={
        each.kind: each
        for each in (
            _ASSETS,
            AgencyImporter(),
            PersonnelImporter(),
            RateImporter(_ASSETS.known, assets_tagged, owns_asset),
            PastLoanImporter(_ASSETS),
        )
    }
)

INBOX_SOURCES = (*SOURCES, waiting_invitations, waiting_actions)
"""What the inbox merges: the sources that it lists itself, and those of the rooms above it."""

METRIC_SOURCES: MetricSources = {
    MetricSource.OBJECTIVES: FurtherFacts(load=load_objectives, data_from=first_objective_at),
    MetricSource.REVIEWS: FurtherFacts(load=load_reviews, data_from=first_review_from),
}
"""What metrics count of the rooms above them."""

SIGHTS = Sights(
    {"agreement": agreements_seen, "agreement_comment": comments_seen, "document": documents_seen},
)
"""Who hears of which things in the feed of events, beside those whom the event concerned."""


def create_app(settings: Settings) -> Edge:
    """The whole service as one ASGI application. The database is opened by the lifespan.

    Raises PolicySetError for policies that are incomplete or invalid, so that nothing starts without a layer of them;
    SettingsError for a rule that cannot be turned on, an act that no second operator approves, an address at which no
    documents can be stored, and a fan-out without its client; and LookupError for a handler with a parameter that
    nothing supplies.
    """
    all_tables()
    database = connect(
        settings.database_url,
        queue=settings.write_queue,
        wait_seconds=settings.write_wait_seconds,
        pool=settings.database_pool,
        pooler=settings.database_pooler,
    )
    in_settings = settings.issuers + ((development_issuer(settings),) if settings.demo else ())
    server = AuthorizationServer.of(settings)
    verifier = TokenVerifier(
        in_settings,
        audience=settings.audience,
        skew_seconds=settings.clock_skew_seconds,
        find_by_ori=_ori_finder(database),
        follow=_issuer_follower(database, in_settings, server),
        own_issuer=server.issuer if server.is_on else "",
    )
    recogniser = find_recogniser() if settings.recognise_text else ""
    policies = policies_and_rules(settings)
    files = Files(store=open_store(settings), reader=FileReader(recogniser=recogniser))
    document_probe = DocumentProbe(files.store, _named_content(database))
    clock = ClockCheck(
        database,
        verifier.clocks,
        verifier.asked_all,
        skew_seconds=settings.clock_skew_seconds,
        by_database=not settings.demo,  # a demonstration is played at any hour, and its acts at times of their own
    )
    mailer, mail_key = Mailer(settings.mail, settings.public_url), MailKey(settings.ledger_key)
    teller = Teller(
        database.read,
        partial(unit_of_work, database),
        mailer,
        mail_key,
        utc_now,
        policies,
        idle_days=settings.principal_idle_days,
        sources=INBOX_SOURCES,
    )
    sealer = Sealer(
        database.read,
        partial(unit_of_work, database),
        LedgerKeys(SecretKeys(settings.secret_keys), settings.public_url),
        utc_now,
    )
    witnessing = Witnessing(
        database.read,
        partial(unit_of_work, database),
        witnesses_of(settings.witnesses),
        utc_now,
        copy=settings.copy,
    )
    event_feed = Feed(places=Places(settings.ledger_key), sights=SIGHTS)
    draining = Draining()
    listeners = Listeners(
        database.read,
        lambda: sealer.state.stored,
        event_feed,
        _may_act(database, settings.principal_idle_days),
        utc_now,
        lambda: draining.begun,
    )
    making = WebhookMaking(SecretKeys(settings.secret_keys), Reach(settings.webhook_networks))
    deliverer = Deliverer(
        database.read,
        partial(unit_of_work, database),
        Sender(making.reach),
        making.secrets,
        utc_now,
        public_url=settings.public_url,
        feed=event_feed,
        copy=settings.copy,
    )
    fan_out = FanOut(
        database.read,
        partial(unit_of_work, database),
        _checked_nats(settings.nats),
        utc_now,
        public_url=settings.public_url,
        sights=SIGHTS,
        copy=settings.copy,
    )
    others = {
        "documents": document_probe.ask,
        "service_clients": _clients_check(database, server),
        "clock": clock.ask,
        "log": _log_check,
        "ledger": _ledger_check(sealer, witnessing),
        "mail": _mail_check(teller),
        "webhooks": _webhooks_check(deliverer),
        "fan_out": fan_out.check,
    }
    denials = Denials(denial_recorder(database))
    sign_ins = SignInSums(sign_in_recorder(database))
    questions = QuestionSums(question_recorder(database))
    sightings = Sightings(sightings_store(database))
    rates = RateLimits(per_principal=settings.rate_per_principal, per_agency=settings.rate_per_agency)
    counts: list[RateLimits | FailedAttempts] = [
        *([rates] if rates.policy else []),
        *([server.failures] if server.is_on else []),
    ]
    background = Background(
        recurring_tasks(
            database,
            verifier=verifier,
            sealer=sealer,
            witnessing=witnessing,
            listeners=listeners,
            teller=teller,
            deliverer=deliverer,
            fan_out=fan_out,
            files=files,
            policies=policies,
            denials=denials,
            sign_ins=sign_ins,
            questions=questions,
            sightings=sightings,
            counts=counts if database.dialect == "postgresql" else [],
        ),
        clock.may_act,
    )
    app = Litestar(
        route_handlers=[in_one((*ROUTERS, service.router))],
        request_class=StrictRequest,
        middleware=[
            Authentication(
                database,
                verifier,
                denials=denials,
                rates=rates,
                sightings=sightings,
                sign_ins=sign_ins,
                idle_days=settings.principal_idle_days,
                max_body_bytes=settings.max_body_bytes,
                max_upload_bytes=settings.max_upload_bytes,
            )
        ],
        exception_handlers={Replay: _replay, DomainError: on_error, HTTPException: on_error, Exception: on_error},
        lifespan=[_lifespan],
        state=State(
            {
                "settings": settings,
                "database": database,
                "background": background,
                "denials": denials,
                "sightings": sightings,
                "sign_ins": sign_ins,
                "write_probe": WriteProbe(database, trouble),
                "document_probe": document_probe,
                "other_checks": others,
                "verifier": verifier,
                "sealer": sealer,
                "witnessing": witnessing,
                "authorization_server": server,
                "service_clients": "on" if server.is_on else "off",
                "client_keys": server.published.health,
                "files": files,
                "importers": IMPORTERS,
                "owns_asset": owns_asset,
                "import_runner": ImportRunner(database, idle_days=settings.principal_idle_days),
                "table_files": TableFiles(store=files.store, reader=TableReader()),
                "text_recognition": ("on" if recogniser else "not_installed") if settings.recognise_text else "off",
                "mailer": mailer,
                "mail_key": mail_key,
                "inbox_sources": INBOX_SOURCES,
                "metric_sources": METRIC_SOURCES,
                "notices": "on" if mailer.is_on else "off",
                "webhook_making": making,
                "deliverer": deliverer,
                "webhooks": "on" if deliverer.is_on else "off",
                "fan_out": fan_out,
                "events_fanned_out": "on" if fan_out.is_on else "off",
                "ledger_signing": "on" if sealer.signs else "off",
                "pdf_printing": "on" if is_installed() else "not_installed",
                "file_reading": available().value,
                "ledger_key": settings.ledger_key,
                "event_feed": event_feed,
                "event_listeners": listeners,
                "place_in_feed": _place_in_feed(event_feed, listeners),
                "category_reindexed": reindex_category,
                "agency_status_followed": follow_agency_status,
                "own_word_followed": follow_own_word,
                "policies": policies,
                "preview_runner": PreviewRunner(database),
                "policy_questions": questions,
                "policy_examiner": ConfinedExaminer(settings.policies_dir, settings.rules_on),
                "second_operator": SecondOperator(checked_acts(settings.second_operator_for), propose),
            }
        ),
        openapi_config=None,
        request_max_body_size=None,  # the outer layer counts requests
        logging_config=None,
    )
    app.state.contract = Contract(app, __version__)
    edge = Edge(app, settings, draining)
    app.state.metrics = edge.metrics
    for reason in ClientReason:  # so that each is there before its first refusal
        edge.metrics.clients_refused.labels(reason)
    app.state.draining = edge.draining
    app.state.exposition = Exposition(
        edge,
        settings,
        version=__version__,
        database=database,
        probe=app.state.write_probe,
        trouble=trouble,
        background=background,
        keep_up=verifier.keep_up,
        issuers=verifier.health,
        administering=verifier.administering,
        client_keys=server.published.health,
        others=others,
        clock=lambda: clock.found,
        reader=files.reader,
        mail=MailWaiting(mailer=mailer, waiting=teller.waiting),
        deliverer=deliverer,
        fan_out=fan_out,
        sealer=sealer,
        witnessing=witnessing,
        listeners=listeners,
    )
    check_supplies(app)
    return edge


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    background: Background = app.state.background
    background.start()
    try:
        yield
    finally:
        await background.stop()
        for sending in (app.state.deliverer, app.state.fan_out):
            with suppress(DomainError, DBAPIError):  # where the database is away, their leases end by themselves
                await sending.close()
        await app.state.import_runner.close()
        await app.state.preview_runner.close()
        await app.state.write_probe.close()
        await app.state.document_probe.close()
        try:
            await app.state.denials.record_sums()
            await app.state.sign_ins.record_sums()
            await app.state.policy_questions.record_sums()
            await app.state.sightings.store()
            with suppress(DomainError, DBAPIError):  # where it cannot be, events wait until somebody serves again
                await app.state.sealer.run()
        finally:
            await app.state.database.close()


def _replay(_request: Request[Any, Any, Any], replay: Replay) -> Response[bytes]:
    rendered = replay.rendered
    headers = {name.decode(): value.decode() for name, value in rendered.headers if name != b"content-length"}
    # The framework adds the character set of text by itself.
    media_type = headers.pop("content-type", "application/json").removesuffix("; charset=utf-8")
    return Response(rendered.body, status_code=rendered.status, headers=headers, media_type=media_type)


def _checked_nats(server: NatsServer | None) -> NatsServer | None:
    """Raises SettingsError where the client for it is not installed."""
    if server is not None and not is_nats_installed():
        raise SettingsError("REGISTRY_NATS_URL is set and its client is not installed: pip install nats-py.")
    return server


def _place_in_feed(feed: Feed, listeners: Listeners) -> PlaceNow:
    """An agency's cursor for where the feed is, for what is read after it was asked."""

    async def run(agency_id: UUID) -> str:
        return feed.places.cursor(agency_id, await listeners.place(agency_id))

    return run


def _may_act(database: Database, idle_days: int) -> MayAct:
    """Whether a bearer whose token was good may still act."""

    async def run(who: Principal, now: datetime) -> bool:
        its = {"agency_id": who.agency_id, "issuer": who.issuer, "subject": who.subject, "jti": who.token_id}
        return await why_refused(database.read(), its, now, idle_days) is None

    return run


def _named_content(database: Database) -> NamedContent:
    """Finds one content that the database names; none while it does not answer, which is a check of its own."""
    statement = named_contents().limit(1)

    async def run() -> str | None:
        try:
            found = await database.read().all(statement)
        except (DomainError, DBAPIError):
            return None
        return str(found[0][0]) if found else None

    return run


async def _log_check() -> str:
    return log_writer().check()


def _mail_check(teller: Teller) -> Check:
    """What is not told to people; well while the database does not answer, which is a check of its own."""

    async def run() -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await teller.check()
        except (DomainError, DBAPIError, TimeoutError):
            return OK

    return run


def _webhooks_check(deliverer: Deliverer) -> Check:
    """Whether what agencies have sent is sent; well while the database does not answer, which is a check of its own."""

    async def run() -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await deliverer.check()
        except (DomainError, DBAPIError, TimeoutError):
            return OK

    return run


def _ledger_check(sealer: Sealer, witnessing: Witnessing) -> Check:
    """Whether events are sealed, checkpoints signed, and witnesses sign; well while the database does not answer."""

    async def run() -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                found = await sealer.check()
                return found if found != OK else await witnessing.check()
        except (DomainError, DBAPIError, TimeoutError):
            return OK

    return run


def _clients_check(database: Database, server: AuthorizationServer) -> Check:
    """Whether service clients get tokens; well while the database does not answer, which is a check of its own."""

    async def run() -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await check_service_clients(database.read(), server)
        except (DomainError, DBAPIError, TimeoutError):
            return OK

    return run


def _issuer_follower(database: Database, in_settings: Sequence[Issuer], server: AuthorizationServer) -> FollowIssuers:
    async def run(known: object) -> tuple[object, Sequence[Issuer]] | None:
        """The issuers to trust: those of others, and the registry itself where it issues tokens to services."""
        read = database.read()
        if not server.is_on:
            return await trusted_issuers(read, in_settings, known)
        others, own = known if isinstance(known, tuple) else (None, None)
        keys = await verifying_keys(read, utc_now())
        found = await trusted_issuers(read, in_settings, others if keys == own else None)
        if found is None:
            return None
        revision, issuers = found
        itself = own_issuer(server.issuer, keys)
        return (revision, keys), [*issuers, *([itself] if itself is not None else [])]

    return run


def _ori_finder(database: Database) -> FindByOri:
    async def run(ori: str) -> UUID | None:
        return await agency_by_ori(database.read(), ori)

    return run
