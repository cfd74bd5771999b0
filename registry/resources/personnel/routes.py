"""Operations on personnel records."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.schemas import HistoryQuery
from registry.resources.personnel.commands import credentialing, disclosing, naming, recording, status_changes
from registry.resources.personnel.queries import counting, getting, listing
from registry.resources.personnel.rules import PersonnelAction
from registry.resources.personnel.schemas import (
    NEW_CREDENTIAL_EXAMPLE,
    NEW_RECORD_EXAMPLE,
    CredentialCheck,
    NewCredential,
    NewPersonnelRecord,
    PersonnelAvailability,
    PersonnelAvailabilityQuery,
    PersonnelChange,
    PersonnelName,
    PersonnelPage,
    PersonnelQuery,
    PersonnelRecord,
    PersonnelRecordPatch,
)
from registry.resources.personnel.searching import (
    CapabilityCountPage,
    CapabilityDisclosure,
    CapabilityDisclosurePatch,
    CapabilityQuery,
)

_MISFITS = (
    "capability_repeated",
    "days_reversed",
    "level_not_on_scale",
    "personnel_tag_taken",
    "tag_without_letters",
    "task_book_open",
    "unknown_capability",
    "unknown_position",
    "window_reversed",
    "window_too_long",
)


def _answer(found: PersonnelRecord, *, created: bool = False) -> Answer[PersonnelRecord]:
    derived = [found.allowed_actions, [each.status for each in found.credentials]]
    return Answer(
        found,
        etag=entity_tag(found.version, *derived),
        location=f"/v1/personnel/{found.id}" if created else None,
        restricted=True,
    )


@operation(
    "get",
    "/personnel",
    permission=Action.PERSONNEL_READ,
    query=PersonnelQuery,
    problems=("level_not_on_scale", "level_without_capability", "tag_without_letters", "unknown_capability"),
)
async def list_personnel(
    read: Supplied[Read], filters: Supplied[PersonnelQuery], caller: Supplied[Caller]
) -> Answer[PersonnelPage]:
    """List your own agency's people, by tag, status, capability and level."""
    return Answer(await listing.list_records(read, caller, filters), restricted=True)


@operation(
    "post",
    "/personnel",
    permission=Action.PERSONNEL_CREATE,
    problems=_MISFITS,
    example=NEW_RECORD_EXAMPLE,
    etag=True,
)
async def create_personnel_record(
    data: JSONBody[NewPersonnelRecord], write: Supplied[Write], caller: Supplied[Caller]
) -> Answer[PersonnelRecord]:
    """Enter one of your own agency's people."""
    return _answer(await recording.create_record(write, caller, data), created=True)


@operation("get", "/personnel/{personnel_id:uuid}", permission=Action.PERSONNEL_READ, etag=True)
async def get_personnel_record(
    personnel_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[PersonnelRecord]:
    """Read the record of one of your own agency's people."""
    return _answer(await getting.get_record(read, caller, personnel_id))


@operation(
    "patch",
    "/personnel/{personnel_id:uuid}",
    permission=Action.PERSONNEL_UPDATE,
    problems=tuple(sorted((*_MISFITS, "personnel_separated"))),
    example={"rank": "Lieutenant", "conditions": [{"kind": "light_duty", "from_on": "2026-07-01"}]},
    etag=True,
)
async def update_personnel_record(
    personnel_id: FromPath[UUID],
    data: JSONBody[PersonnelRecordPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[PersonnelRecord]:
    """Correct a record: who somebody is, what they can do, and when they can be sent."""
    return _answer(await recording.update_record(write, caller, personnel_id, data, if_match))


@operation(
    "post",
    "/personnel/{personnel_id:uuid}/place-on-leave",
    permission=Action.PERSONNEL_UPDATE,
    status=200,
    problems=("wrong_status",),
    example={"reason": "Until further notice (demo)."},
    etag=True,
)
async def place_personnel_on_leave(
    personnel_id: FromPath[UUID],
    data: JSONBody[PersonnelChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[PersonnelRecord]:
    """Say that somebody is on leave, and cannot be sent."""
    action = PersonnelAction.PLACE_ON_LEAVE
    return _answer(await status_changes.change_status(write, caller, personnel_id, action, data.reason, if_match))


@operation(
    "post",
    "/personnel/{personnel_id:uuid}/return-to-duty",
    permission=Action.PERSONNEL_UPDATE,
    status=200,
    problems=("wrong_status",),
    example={"reason": "Back on duty (demo)."},
    etag=True,
)
async def return_personnel_to_duty(
    personnel_id: FromPath[UUID],
    data: JSONBody[PersonnelChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[PersonnelRecord]:
    """Say that somebody is back from leave."""
    action = PersonnelAction.RETURN_TO_DUTY
    return _answer(await status_changes.change_status(write, caller, personnel_id, action, data.reason, if_match))


@operation(
    "post",
    "/personnel/{personnel_id:uuid}/separate",
    permission=Action.PERSONNEL_UPDATE,
    status=200,
    problems=("personnel_committed", "wrong_status"),
    example={"reason": "Left the agency (demo)."},
    etag=True,
)
async def separate_personnel(
    personnel_id: FromPath[UUID],
    data: JSONBody[PersonnelChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[PersonnelRecord]:
    """Say that somebody has left the agency for good; station, hours, absences and conditions are deleted."""
    action = PersonnelAction.SEPARATE
    return _answer(await status_changes.change_status(write, caller, personnel_id, action, data.reason, if_match))


@operation(
    "post",
    "/personnel/{personnel_id:uuid}/add-credential",
    permission=Action.PERSONNEL_UPDATE,
    status=200,
    problems=("days_reversed", "personnel_separated", "too_many_credentials", "unknown_capability"),
    example=NEW_CREDENTIAL_EXAMPLE,
    etag=True,
)
async def add_personnel_credential(
    personnel_id: FromPath[UUID],
    data: JSONBody[NewCredential],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[PersonnelRecord]:
    """Add a licence, certificate or registration, which is unverified until somebody verifies it."""
    return _answer(await credentialing.add_credential(write, caller, personnel_id, data, if_match))


@operation(
    "post",
    "/personnel/{personnel_id:uuid}/credentials/{credential_id:uuid}/verify",
    permission=Action.PERSONNEL_VERIFY,
    status=200,
    problems=("credential_revoked", "personnel_separated"),
    example={"method": "asked_issuer"},
    etag=True,
)
async def verify_personnel_credential(
    personnel_id: FromPath[UUID],
    credential_id: FromPath[UUID],
    data: JSONBody[CredentialCheck],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[PersonnelRecord]:
    """Say that you checked a credential with its issuer."""
    return _answer(
        await credentialing.verify_credential(write, caller, personnel_id, credential_id, data.method, if_match)
    )


@operation(
    "post",
    "/personnel/{personnel_id:uuid}/credentials/{credential_id:uuid}/revoke",
    permission=Action.PERSONNEL_UPDATE,
    status=200,
    problems=("credential_revoked", "personnel_separated"),
    example={"reason": "Lapsed with the issuer (demo)."},
    etag=True,
)
async def revoke_personnel_credential(
    personnel_id: FromPath[UUID],
    credential_id: FromPath[UUID],
    data: JSONBody[PersonnelChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[PersonnelRecord]:
    """Say that a credential is no good any more, or was entered by mistake."""
    return _answer(
        await credentialing.revoke_credential(write, caller, personnel_id, credential_id, data.reason, if_match)
    )


@operation(
    "get",
    "/personnel/{personnel_id:uuid}/availability",
    permission=Action.PERSONNEL_READ,
    query=PersonnelAvailabilityQuery,
    problems=("window_too_long",),
)
async def get_personnel_availability(
    personnel_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[PersonnelAvailabilityQuery],
    caller: Supplied[Caller],
) -> Answer[PersonnelAvailability]:
    """See whether one of your own people can be sent throughout a window, and what stands against it."""
    return Answer(await getting.get_availability(read, caller, personnel_id, filters), restricted=True)


@operation(
    "get",
    "/personnel/{personnel_id:uuid}/name",
    permission=Action.PERSONNEL_NAME,
    problems=("reading_not_recorded",),
    own_transactions=True,
)
async def get_personnel_name(
    personnel_id: FromPath[UUID],
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    caller: Supplied[Caller],
) -> Answer[PersonnelName]:
    """Read who is committed to your agency; the reading is recorded for both agencies before the answer."""
    return Answer(await naming.read_name(read, own_transaction, caller, personnel_id), restricted=True)


@operation("get", "/personnel/{personnel_id:uuid}/history", permission=Action.PERSONNEL_READ, query=HistoryQuery)
async def list_personnel_history(
    personnel_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to the record of one of your own agency's people."""
    await getting.record_row(read, caller, personnel_id)
    return Answer(await history(read, caller.principal, "personnel_record", personnel_id, filters))


@operation(
    "get",
    "/capabilities",
    permission=Action.CAPABILITIES_READ,
    query=CapabilityQuery,
    problems=(
        "incomplete_place",
        "incomplete_window",
        "level_not_on_scale",
        "unknown_capability",
        "window_too_long",
    ),
)
async def list_capabilities(
    read: Supplied[Read], filters: Supplied[CapabilityQuery], caller: Supplied[Caller]
) -> Answer[CapabilityCountPage]:
    """Ask who has somebody for it, how many and how far: by capability, level, place and window.

    Your own people are counted exactly, as of now. Other agencies' are numbers that each publishes once a day, in
    bands: nothing else of a question changes them, and no single person can be found by asking twice.
    """
    return Answer(await counting.list_capabilities(read, caller, filters))


def _rules_answer(found: CapabilityDisclosure) -> Answer[CapabilityDisclosure]:
    return Answer(found, etag=entity_tag(found.version, found.released_on, found.allowed_actions))


@operation("get", "/capability-disclosure", permission=Action.PERSONNEL_READ, etag=True)
async def get_capability_disclosure(read: Supplied[Read], caller: Supplied[Caller]) -> Answer[CapabilityDisclosure]:
    """Read what other agencies may learn of what your people can do."""
    return _rules_answer(await counting.get_disclosure(read, caller))


@operation(
    "patch",
    "/capability-disclosure",
    permission=Action.PERSONNEL_DISCLOSE,
    problems=("threshold_not_offered",),
    example={"sharing": "network", "threshold": 6},
    etag=True,
)
async def update_capability_disclosure(
    data: JSONBody[CapabilityDisclosurePatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[CapabilityDisclosure]:
    """Set who may ask for your agency's numbers, below how many there is none, and what is said then."""
    return _rules_answer(await disclosing.update_disclosure(write, caller, data, if_match))


router = Router(
    path="/v1",
    route_handlers=[
        list_personnel,
        create_personnel_record,
        get_personnel_record,
        update_personnel_record,
        place_personnel_on_leave,
        return_personnel_to_duty,
        separate_personnel,
        add_personnel_credential,
        verify_personnel_credential,
        revoke_personnel_credential,
        get_personnel_availability,
        get_personnel_name,
        list_personnel_history,
        list_capabilities,
        get_capability_disclosure,
        update_capability_disclosure,
    ],
)
