"""Commands on token issuers. They hold within a second, in every process."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.queries import agency_row
from registry.directory.agencies.tables import agency
from registry.directory.issuers.queries import (
    administering_issuers,
    administering_role,
    attached_to,
    get_issuer,
    is_used,
    issuer_row,
    setting_of,
    with_attached,
)
from registry.directory.issuers.rules import checked, issuer_id, patched, why_not_deleted, with_checked_keys
from registry.directory.issuers.schemas import AgencyAttachment, NewTokenIssuer, TokenIssuer, TokenIssuerPatch
from registry.directory.issuers.tables import issuer_agency, token_issuer
from registry.platform.access.acting import why_refused
from registry.platform.access.key_sets import parse_key_set
from registry.platform.access.known import active_with
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller
from registry.platform.database.handles import Write
from registry.platform.issuers import EVERY_AGENCY, Description, Issuer, described
from registry.platform.kernel.errors import Conflict, NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import changes, record
from registry.platform.ledger.event_types import EventType
from registry.platform.settings import Settings

_ID = token_issuer.c.id.type
_INSERT = token_issuer.insert()
_LOCK = sa.select(token_issuer.c.id).where(token_issuer.c.id == sa.bindparam("id", type_=_ID)).with_for_update()
_LOCK_ALL = sa.select(token_issuer.c.id).order_by(token_issuer.c.id).with_for_update()
_UPDATE = token_issuer.update().where(token_issuer.c.id == sa.bindparam("its_id", type_=_ID))
_ATTACH = issuer_agency.insert()
_DETACH = issuer_agency.delete().where(
    issuer_agency.c.issuer_id == sa.bindparam("its_id", type_=_ID),
    issuer_agency.c.agency_id == sa.bindparam("its_agency", type_=_ID),
    issuer_agency.c.claim_value == sa.bindparam("its_value"),
)
_DETACH_ALL = issuer_agency.delete().where(issuer_agency.c.issuer_id == sa.bindparam("its_id", type_=_ID))
Administrators: TypeAlias = frozenset[tuple[str, str]]
"""Issuer and subject of each."""
# Each who may take the last ones away waits here for the others, and inserts that refer to the agency do not.
_TURN = (
    sa.select(agency.c.id)
    .where(agency.c.id == sa.bindparam("id", type_=agency.c.id.type))
    .with_for_update(key_share=True)
)
_OF_DESCRIPTION = frozenset(Description.__struct_fields__) - {"issuer"}


async def create_issuer(
    write: Write, caller: Caller, in_settings: Sequence[Issuer], new: NewTokenIssuer, *, itself: str
) -> TokenIssuer:
    """Accept the tokens of an issuer. Raises Conflict for one that is known, RuleBroken for an unusable description.

    The registry itself (`itself`, its public address) is known: it is the issuer of its service clients.
    """
    permit(caller.principal, Action.ISSUERS_MANAGE, [])
    await write.once()
    id_ = issuer_id(new.issuer)
    await write.value(_LOCK, {"id": id_})
    description = with_checked_keys(msgspec.convert(msgspec.to_builtins(_without_reach(new)), Description))
    _check_keys(_reaching(checked(description), every_agency=new.every_agency))
    before = await issuer_row(write, id_)
    is_known = before is not None and before.description is not None
    if new.issuer == itself or setting_of(in_settings, id_) is not None or is_known:
        raise Conflict("That issuer is known already: change it, or attach agencies to it.", "issuer_taken")
    version = 1 if before is None else before.version + 1
    if before is None:
        await _insert(write, caller, id_, new.issuer, description, every_agency=new.every_agency)
    else:  # it was deleted, or the settings described it: its history goes on
        values = {"description": description, "every_agency": new.every_agency, "enabled": True, "version": version}
        await write.run(_UPDATE.values(**values, updated_at=caller.now), {"its_id": id_})
    data = {"issuer": new.issuer, "every_agency": new.every_agency, "preset": new.preset}
    _record(write, caller, EventType.ISSUER_CREATED, id_, version, [], data)
    return await get_issuer(write, in_settings, id_)


async def update_issuer(
    write: Write,
    caller: Caller,
    settings: Settings,
    id_: UUID,
    patch: TokenIssuerPatch,
    expected: Expected,
    *,
    may_lock_out: bool,
) -> TokenIssuer:
    """Change how an issuer's tokens are read, or whether they are accepted.

    Unless the caller `may_lock_out`, somebody must be left who can administer the registry. Raises NotFound,
    StaleVersion, WrongStatus for one that the settings describe, RuleBroken for what is unusable, Conflict.
    """
    in_settings = settings.issuers
    before_it = None if may_lock_out else await _administered(write, caller, settings)
    row = await _locked(write, in_settings, id_)
    permit(caller.principal, Action.ISSUERS_MANAGE, [])
    if row is None or setting_of(in_settings, id_) is not None:
        raise WrongStatus("That issuer is described in the operator's settings: change it there.", "issuer_in_settings")
    check_version(expected, row.version, required=True)
    given = msgspec.to_builtins(patch)
    before = msgspec.json.decode(row.description, type=Description)
    after = patched(before, {name: value for name, value in given.items() if name in _OF_DESCRIPTION})
    after = with_checked_keys(after) if given.get("keys") else after
    plain = {"enabled": row.enabled, "every_agency": row.every_agency}
    attached = await attached_to(write, id_)
    _check_keys(issuer := checked(after))
    if given.keys() & {"claims", "preset", "every_agency"}:  # who is off already can be disabled all the same
        reaching = _reaching(issuer, every_agency=bool(given.get("every_agency", row.every_agency)))
        _check_told_apart(with_attached(reaching, attached))
    described_before = msgspec.to_builtins(before)
    changed = changes(
        {**described_before, **plain},
        {
            **dict.fromkeys(described_before),
            **msgspec.to_builtins(after),
            **plain,
            **{name: given[name] for name in plain if name in given},
        },
    )
    if changed:
        values = {name: given[name] for name in plain if name in given}
        await write.run(
            _UPDATE.values(**values, description=after, version=row.version + 1, updated_at=caller.now), {"its_id": id_}
        )
        agencies = [each.agency_id for each in attached]
        _record(
            write, caller, EventType.ISSUER_UPDATED, id_, row.version + 1, agencies, {"issuer": row.issuer, **changed}
        )
        await _check_administered(write, caller, settings, before_it)
    return await get_issuer(write, in_settings, id_)


async def delete_issuer(
    write: Write, caller: Caller, in_settings: Sequence[Issuer], id_: UUID, expected: Expected
) -> None:
    """Delete an issuer that was entered by mistake. Has no effect when it is deleted already.

    Raises NotFound, StaleVersion, WrongStatus for one of the settings or one that is enabled, and Conflict once
    somebody was seen with a token of it, or was refused: the record of what people did names it.
    """
    await write.value(_LOCK, {"id": id_})
    row = await issuer_row(write, id_)
    permit(caller.principal, Action.ISSUERS_MANAGE, [])
    if setting_of(in_settings, id_) is not None:
        raise WrongStatus("That issuer is described in the operator's settings: change it there.", "issuer_in_settings")
    if row is None:
        raise NotFound("issuer")
    if row.description is None:
        return
    check_version(expected, row.version, required=True)
    if withheld := why_not_deleted(enabled=row.enabled, used=await is_used(write, id_)):
        raise Conflict(withheld, "issuer_in_use")
    attached = await attached_to(write, id_)
    await write.run(_DETACH_ALL, {"its_id": id_})
    values = {"description": None, "every_agency": False, "version": row.version + 1, "updated_at": caller.now}
    await write.run(_UPDATE.values(**values), {"its_id": id_})
    agencies = [each.agency_id for each in attached]
    _record(write, caller, EventType.ISSUER_DELETED, id_, row.version + 1, agencies, {"issuer": row.issuer})


async def attach_agency(
    write: Write,
    caller: Caller,
    in_settings: Sequence[Issuer],
    id_: UUID,
    ask: AgencyAttachment,
    expected: Expected = None,
) -> TokenIssuer:
    """Let an issuer speak for an agency. Has no effect when it does so already.

    Raises NotFound, StaleVersion, RuleBroken for an unknown agency, Conflict for a value that names another agency,
    and for a second agency where the tokens do not name theirs.
    """
    row = await _locked(write, in_settings, id_)
    permit(caller.principal, Action.ISSUERS_MANAGE, [])
    await write.once()
    check_version(expected, 0 if row is None else row.version)
    try:
        await agency_row(write, ask.agency_id)
    except NotFound as unknown:
        raise unknown.named_at("/agency_id") from None
    setting, attached = setting_of(in_settings, id_), await attached_to(write, id_)
    value = ask.claim_value or ""
    named = {each.claim_value: each.agency_id for each in attached}
    named |= {} if setting is None else {each: UUID(agency) for each, agency in setting.values.items()}
    if value and named.get(value, ask.agency_id) != ask.agency_id:
        raise Conflict("That value names another agency in this issuer's tokens.", "claim_value_taken")
    if any((each.agency_id, each.claim_value) == (ask.agency_id, value) for each in attached):
        return await get_issuer(write, in_settings, id_)
    before = setting or described(
        msgspec.json.decode(row.description, type=Description),  # type: ignore[union-attr]  # one of them is there
        (EVERY_AGENCY,) if row is not None and row.every_agency else (),
    )
    after = with_attached(before, [*attached, _Attached(ask.agency_id, value)])
    if len(after.agencies) > 1:
        _check_told_apart(after)
    if row is None:
        assert setting is not None
        await _insert(write, caller, id_, setting.issuer, None)
    await write.run(
        _ATTACH, {"issuer_id": id_, "agency_id": ask.agency_id, "claim_value": value, "attached_at": caller.now}
    )
    await _changed(write, caller, EventType.ISSUER_AGENCY_ATTACHED, id_, ask, 1 if row is None else row.version)
    return await get_issuer(write, in_settings, id_)


async def detach_agency(
    write: Write,
    caller: Caller,
    settings: Settings,
    id_: UUID,
    ask: AgencyAttachment,
    expected: Expected = None,
    *,
    may_lock_out: bool,
) -> TokenIssuer:
    """Refuse an issuer's tokens for an agency from now on. Has no effect when they are refused already.

    What the settings attach stays: the agency as such, and a value by which they name it. Raises NotFound,
    StaleVersion, WrongStatus for what the settings attach, and Conflict where nobody is left who can administer the
    registry, unless the caller `may_lock_out`.
    """
    in_settings = settings.issuers
    before = None if may_lock_out else await _administered(write, caller, settings)
    row = await _locked(write, in_settings, id_)
    permit(caller.principal, Action.ISSUERS_MANAGE, [])
    await write.once()
    check_version(expected, 0 if row is None else row.version)
    setting = setting_of(in_settings, id_)
    if setting is not None and str(ask.agency_id) in setting.agencies:
        here = [(str(each.agency_id), each.claim_value or None) for each in await attached_to(write, id_)]
        pair = (str(ask.agency_id), ask.claim_value)
        if pair not in here or pair in _attached_by(setting):
            raise WrongStatus("The operator's settings attach that agency to the issuer.", "issuer_in_settings")
    asked = {"its_id": id_, "its_agency": ask.agency_id, "its_value": ask.claim_value or ""}
    if row is not None and await write.run(_DETACH, asked):
        await _changed(write, caller, EventType.ISSUER_AGENCY_DETACHED, id_, ask, row.version)
        await _check_administered(write, caller, settings, before)
    return await get_issuer(write, in_settings, id_)


def _attached_by(setting: Issuer) -> set[tuple[str, str | None]]:
    """The agencies of the settings, each with the value that names it, and as such where none does."""
    by_value = {(agency, value) for value, agency in setting.values.items()}
    named = {agency for agency, _ in by_value}
    return {*by_value, *((agency, None) for agency in setting.agencies if agency not in named)}


async def _locked(write: Write, in_settings: Sequence[Issuer], id_: UUID) -> Row[Any] | None:
    """The locked row; None for an issuer of the settings that has none yet. Raises NotFound."""
    await write.value(_LOCK, {"id": id_})
    row = await issuer_row(write, id_)
    if (row is None or row.description is None) and setting_of(in_settings, id_) is None:
        raise NotFound("issuer")
    return row


async def _insert(
    write: Write,
    caller: Caller,
    id_: UUID,
    issuer: str,
    description: Description | None,
    *,
    every_agency: bool = False,
) -> None:
    values = {
        "id": id_,
        "issuer": issuer,
        "description": description,
        "every_agency": every_agency,
        "enabled": True,
        "version": 1,
        "created_at": caller.now,
        "updated_at": caller.now,
    }
    await write.run(_INSERT, values)


async def _changed(
    write: Write, caller: Caller, event: EventType, id_: UUID, ask: AgencyAttachment, version: int
) -> None:
    await write.run(_UPDATE, {"its_id": id_, "version": version + 1, "updated_at": caller.now})
    row = await issuer_row(write, id_)
    assert row is not None
    data = {"issuer": row.issuer, "agency_id": str(ask.agency_id), "claim_value": ask.claim_value}
    _record(write, caller, event, id_, version + 1, [ask.agency_id], data)


def _record(
    write: Write,
    caller: Caller,
    event: EventType,
    id_: UUID,
    version: int,
    agencies: list[UUID],
    data: dict[str, object],
) -> None:
    """Those for whom the issuer speaks read of it in their history."""
    record(write, caller, event, subject=("issuer", id_, version), agencies=agencies, data=data)


def _without_reach(new: NewTokenIssuer) -> dict[str, object]:
    return {name: value for name, value in msgspec.to_builtins(new).items() if name != "every_agency"}


class _Attached(NamedTuple):
    agency_id: UUID
    claim_value: str


def _reaching(issuer: Issuer, *, every_agency: bool) -> Issuer:
    """The issuer with its reach. Raises RuleBroken for every agency where the tokens do not name theirs."""
    if not every_agency:
        return issuer
    reaching = msgspec.structs.replace(issuer, agencies=(EVERY_AGENCY,))
    if reaching.cannot_tell_agencies:
        raise RuleBroken(
            "With `agency_by: only` its tokens name no agency, so it cannot speak for every agency: attach the one, or "
            "set `agency_by` to `id`, `ori` or `value`.",
            "issuer_unusable",
        )
    return reaching


def _check_told_apart(issuer: Issuer) -> None:
    """Raises Conflict for several agencies where the tokens do not name theirs: none of them would be accepted."""
    if issuer.cannot_tell_agencies:
        raise Conflict(
            "With `agency_by: only` its tokens name no agency, so it speaks for one alone; with a second, all of them "
            "would be refused. Set `agency_by` of its claim map to `value` or `ori`, attach each agency with its "
            "`claim_value` (`--value`) where it is `value`, and detach what is too many.",
            "issuer_for_one_agency",
        )


async def administrators(
    write: Write, caller: Caller, settings: Settings, agency_id: UUID = OPERATOR_AGENCY_ID
) -> Administrators:
    """Those who could sign in now to administer the agency. Until the transaction ends, no other changes it.

    They are who has signed in, and the caller. Whether an issuer will still give somebody the role is not known here.
    """
    await write.value(_TURN, {"id": agency_id})
    issuers, role = await administering_issuers(write, settings, agency_id), administering_role(agency_id)
    known = await active_with(write, agency_id, role, caller.now, settings.principal_idle_days)
    who = caller.principal
    itself = (who.issuer, who.subject)
    if who.agency_id == agency_id and role in who.roles and itself not in known:  # its sighting may be stored later
        its = {"agency_id": who.agency_id, "issuer": who.issuer, "subject": who.subject, "jti": who.token_id}
        if await why_refused(write, its, caller.now, settings.principal_idle_days) is None:
            known |= {itself}
    return frozenset(each for each in known if each[0] in issuers)


async def refusable_administrators(
    write: Write, caller: Caller, settings: Settings, agency_id: UUID
) -> Administrators | None:
    """Those of whom one must be left when the caller refuses somebody of the agency; None where nobody need be.

    The operator may refuse an agency's last administrator, and lifts it again; nobody stands above the operator.
    """
    if caller.agency_id == OPERATOR_AGENCY_ID != agency_id:
        return None
    return await administrators(write, caller, settings, agency_id)


async def check_administrator_left(
    write: Write,
    caller: Caller,
    settings: Settings,
    before: Administrators | None,
    agency_id: UUID = OPERATOR_AGENCY_ID,
) -> None:
    """Raises Conflict when the change took the agency's last administrators away, of those who were there `before`."""
    if not before or await administrators(write, caller, settings, agency_id):
        return
    if agency_id != OPERATOR_AGENCY_ID:
        raise Conflict(
            "Nobody would be left who is known to be able to administer your agency. Have another of its "
            "administrators sign in first, or ask the registry's operator to refuse this one.",
            "last_administrator",
        )
    raise Conflict(
        "Nobody would be left who is known to be able to administer the registry. Have another administrator sign "
        "in first, or do this on the machine: `registry revoke … --last-administrator`, or `registry issuer`.",
        "last_administrator",
    )


class _Administered(NamedTuple):
    spoken_for: bool
    by: Administrators


async def _administered(write: Write, caller: Caller, settings: Settings) -> _Administered:
    """Whether a token can be one of an administrator now, and who is known to be one.

    All issuers are locked for it, in one order: two who each switch one off must not both find the other's.
    """
    await write.all(_LOCK_ALL)
    spoken_for = bool(await administering_issuers(write, settings))
    return _Administered(spoken_for, await administrators(write, caller, settings))


async def _check_administered(write: Write, caller: Caller, settings: Settings, before: _Administered | None) -> None:
    """Raises Conflict when the registry could be administered before the change and cannot be after it."""
    if before is None:
        return
    if before.spoken_for and not await administering_issuers(write, settings):
        raise Conflict(
            "No other issuer that is enabled speaks for the operator's agency and names its administrators: nobody "
            "could administer the registry. Let another do so first, or do this on the machine with `registry issuer`.",
            "last_issuer_of_operator",
        )
    await check_administrator_left(write, caller, settings, before.by)


def _check_keys(issuer: Issuer) -> None:
    if issuer.keys is not None and not (found := parse_key_set(issuer.keys, issuer.algorithms)).keys:
        why = "; ".join(each.reason for each in found.skipped[:3]) or "there are none"
        raise RuleBroken(f"None of its keys can be used: {why}.", "issuer_unusable")
