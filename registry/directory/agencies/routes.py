"""Operations on agencies."""

import asyncio
from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.directory.agencies import queries
from registry.directory.agencies.commands import importing, own_word, registering, separating
from registry.directory.agencies.commands.own_word import OwnWordFollowed
from registry.directory.agencies.commands.registering import StatusFollowed
from registry.directory.agencies.queries import history
from registry.directory.agencies.rules import AgencyAction
from registry.directory.agencies.schemas import (
    AGENCY_IMPORT_EXAMPLE,
    NEW_AGENCY_EXAMPLE,
    SEPARATION_EXAMPLE,
    SILENCE_EXAMPLE,
    Activation,
    Agency,
    AgencyImport,
    AgencyImportReport,
    AgencyPage,
    AgencyPatch,
    AgencyQuery,
    Dissolution,
    LedgerEventPage,
    NewAgency,
    SeparationChange,
    SilenceChange,
    StatusChange,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.connect import Database
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.schemas import HistoryQuery

_REASON = {"reason": "Entered on the sheriff's letter of 2 March (demo)."}


def _answer(found: Agency, *, created: bool = False) -> Answer[Agency]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.relaxed_separations, found.allowed_actions),
        location=f"/v1/agencies/{found.id}" if created else None,
    )


@operation(
    "get",
    "/agencies",
    permission=Action.AGENCIES_READ,
    query=AgencyQuery,
    problems=("bad_words", "incomplete_place", "search_not_supported"),
)
async def list_agencies(read: Supplied[Read], filters: Supplied[AgencyQuery]) -> Answer[AgencyPage]:
    """Search agencies by name, state, ORI or distance."""
    return Answer(await queries.list_agencies(read, filters))


@operation(
    "post",
    "/agencies",
    permission=Action.AGENCIES_CREATE,
    problems=("ori_repeated", "ori_taken", "uei_taken", "unknown_agency", "unknown_time_zone", "unlikely_place"),
    example=NEW_AGENCY_EXAMPLE,
    etag=True,
)
async def create_agency(data: JSONBody[NewAgency], write: Supplied[Write], caller: Supplied[Caller]) -> Answer[Agency]:
    """Enter an agency in the register, as listed."""
    return _answer(await registering.create_agency(write, caller, data), created=True)


@operation("get", "/agencies/{agency_id:uuid}", permission=Action.AGENCIES_READ, etag=True)
async def get_agency(agency_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]) -> Answer[Agency]:
    """Read one agency."""
    return _answer(await queries.get_agency(read, caller.principal, agency_id))


@operation(
    "patch",
    "/agencies/{agency_id:uuid}",
    permission=Action.AGENCIES_UPDATE,
    problems=("agency_dissolved", "time_zone_missing", "unknown_agency", "unknown_time_zone", "unlikely_place"),
    example={"time_zone": "America/Chicago", "phone": "+1 555 0101"},
    etag=True,
)
async def update_agency(
    agency_id: FromPath[UUID],
    data: JSONBody[AgencyPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agency]:
    """Correct an agency's record."""
    return _answer(await registering.update_agency(write, caller, agency_id, data, if_match))


@operation(
    "post",
    "/agencies/{agency_id:uuid}/activate",
    permission=Action.AGENCIES_ADMIT,
    status=200,
    problems=("time_zone_missing", "unknown_time_zone", "wrong_status"),
    example=_REASON,
    etag=True,
)
async def activate_agency(
    agency_id: FromPath[UUID],
    data: JSONBody[Activation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    agency_status_followed: Supplied[StatusFollowed],
) -> Answer[Agency]:
    """Let a listed agency take part.

    From now on what others report of it counts after 14 days without an answer, once a person of it was seen here. Tell
    it of the choice that it has: `require-own-word`, by which only its own word binds it, or takes it out of anything.
    """
    return _answer(
        await registering.change_status(
            write,
            caller,
            agency_status_followed,
            agency_id,
            AgencyAction.ACTIVATE,
            data.reason,
            if_match,
            time_zone=data.time_zone,
        )
    )


@operation(
    "post",
    "/agencies/{agency_id:uuid}/suspend",
    permission=Action.AGENCIES_ADMIT,
    status=200,
    problems=("operator_stays", "time_zone_missing", "wrong_status"),
    example={"reason": "Their token issuer is compromised (demo)."},
    etag=True,
)
async def suspend_agency(
    agency_id: FromPath[UUID],
    data: JSONBody[StatusChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    agency_status_followed: Supplied[StatusFollowed],
) -> Answer[Agency]:
    """Stop an agency from acting, within a second."""
    return _answer(
        await registering.change_status(
            write, caller, agency_status_followed, agency_id, AgencyAction.SUSPEND, data.reason, if_match
        )
    )


@operation(
    "post",
    "/agencies/{agency_id:uuid}/reinstate",
    permission=Action.AGENCIES_ADMIT,
    status=200,
    problems=("time_zone_missing", "wrong_status"),
    example={"reason": "New keys are in place (demo)."},
    etag=True,
)
async def reinstate_agency(
    agency_id: FromPath[UUID],
    data: JSONBody[StatusChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    agency_status_followed: Supplied[StatusFollowed],
) -> Answer[Agency]:
    """Let a suspended agency act again."""
    return _answer(
        await registering.change_status(
            write, caller, agency_status_followed, agency_id, AgencyAction.REINSTATE, data.reason, if_match
        )
    )


@operation(
    "post",
    "/agencies/{agency_id:uuid}/dissolve",
    permission=Action.AGENCIES_ADMIT,
    status=200,
    problems=("operator_stays", "own_successor", "time_zone_missing", "unknown_agency", "wrong_status"),
    example={"reason": "Merged into the county's office (demo)."},
    etag=True,
)
async def dissolve_agency(
    agency_id: FromPath[UUID],
    data: JSONBody[Dissolution],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    agency_status_followed: Supplied[StatusFollowed],
) -> Answer[Agency]:
    """Record that an agency has ended, and who succeeds it."""
    return _answer(
        await registering.change_status(
            write,
            caller,
            agency_status_followed,
            agency_id,
            AgencyAction.DISSOLVE,
            data.reason,
            if_match,
            data.successor_id,
        )
    )


@operation(
    "post",
    "/agencies/{agency_id:uuid}/relax-separation",
    permission=Action.AGENCIES_SEPARATE,
    status=200,
    problems=("wrong_status",),
    example=SEPARATION_EXAMPLE,
    etag=True,
)
async def relax_separation_of_duties(
    agency_id: FromPath[UUID],
    data: JSONBody[SeparationChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agency]:
    """Let one person of your agency do two acts that are separated by default.

    For your own agency alone, for what is begun from now on, and on record: each act that is possible only because of
    it says so. To what a person drafted, approved or reserved before, the other act stays somebody else's.
    """
    return _answer(await separating.relax_separation(write, caller, agency_id, data, if_match))


@operation(
    "post",
    "/agencies/{agency_id:uuid}/restore-separation",
    permission=Action.AGENCIES_SEPARATE,
    status=200,
    problems=("wrong_status",),
    example={"separation": "draft_approve", "reason": "A second lawyer has joined the office (demo)."},
    etag=True,
)
async def restore_separation_of_duties(
    agency_id: FromPath[UUID],
    data: JSONBody[SeparationChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agency]:
    """Separate the two acts again for your agency.

    Whoever did one of them while they were not separated does not do the other from now on.
    """
    return _answer(await separating.restore_separation(write, caller, agency_id, data, if_match))


@operation(
    "post",
    "/agencies/{agency_id:uuid}/require-own-word",
    permission=Action.AGENCIES_SILENCE,
    status=200,
    problems=("wrong_status",),
    example=SILENCE_EXAMPLE,
    etag=True,
)
async def require_own_word(
    agency_id: FromPath[UUID],
    data: JSONBody[SilenceChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    own_word_followed: Supplied[OwnWordFollowed],
) -> Answer[Agency]:
    """Let your agency's silence never bind it, nor take it out of anything: only its own word does.

    What others report of its signing, of its word, of its leaving, of its yes to an end, a suspension, newcomers or
    whatever else is put to all, and of what its text asks of it, stands unconfirmed (`own_word_required`) until your
    agency confirms it; so does what was reported before and may still be contested. Another's leaving, and that its
    notice came to your agency, count by silence as before: nobody is held by your agency's.
    """
    return _answer(await own_word.require_own_word(write, caller, own_word_followed, agency_id, data.reason, if_match))


@operation(
    "post",
    "/agencies/{agency_id:uuid}/let-silence-count",
    permission=Action.AGENCIES_SILENCE,
    status=200,
    problems=("wrong_status",),
    example={"reason": "The council lets its counsel answer within the 14 days (demo)."},
    etag=True,
)
async def let_silence_count(
    agency_id: FromPath[UUID],
    data: JSONBody[SilenceChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agency]:
    """Let your agency's silence count again after 14 days, on what is reported of it from now on.

    What was reported before still waits for its own word: who wants the days to run takes the report back and makes it
    again.
    """
    return _answer(await own_word.let_silence_count(write, caller, agency_id, data.reason, if_match))


@operation("get", "/agencies/{agency_id:uuid}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_agency_history(
    agency_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to an agency's record."""
    await queries.get_agency(read, caller.principal, agency_id)
    return Answer(await history(read, caller.principal, "agency", agency_id, filters))


@operation(
    "post",
    "/agency-imports",
    permission=Action.AGENCIES_CREATE,
    status=200,
    problems=("import_format",),
    example=AGENCY_IMPORT_EXAMPLE,
    own_transactions=True,
)
async def import_agencies(
    data: JSONBody[AgencyImport], database: Supplied[Database], caller: Supplied[Caller]
) -> Answer[AgencyImportReport]:
    """Import agencies from the FBI's lists.

    Agencies are met by ORI; each bad row is refused and named, the others are taken. The same lists again change
    nothing. The rows go in 500 at a time: after a 503 the rows done so far stay, and sending all again does the rest.
    """
    # A megabyte of CSV takes long to parse, which would block the event loop.
    records = await asyncio.to_thread(importing.records_of, data)
    return Answer(await importing.import_agencies(database, caller, records, dry_run=data.dry_run))


router = Router(
    path="/v1",
    route_handlers=[
        list_agencies,
        create_agency,
        get_agency,
        update_agency,
        activate_agency,
        suspend_agency,
        reinstate_agency,
        dissolve_agency,
        relax_separation_of_duties,
        restore_separation_of_duties,
        require_own_word,
        let_silence_count,
        list_agency_history,
        import_agencies,
    ],
)
