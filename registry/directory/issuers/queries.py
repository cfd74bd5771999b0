"""Queries about token issuers: for administrators, and for the verification of tokens."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Row

from registry.directory.agencies.queries import references
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.issuers.rules import issuer_id, why_not_deleted
from registry.directory.issuers.schemas import AttachedAgency, Me, MyPermission, TokenIssuer, TokenIssuerList
from registry.directory.issuers.tables import issuer_agency, token_issuer
from registry.platform.access.permissions import PERMISSIONS, Action, in_scope
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Principal, Role
from registry.platform.access.tables import principal, revocation
from registry.platform.database.handles import Read
from registry.platform.issuers import DEVELOPMENT_ISSUER, EVERY_AGENCY, Description, Issuer, described
from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import NotFound
from registry.platform.settings import Settings

_log = structlog.get_logger("registry.platform.access")
_ID = sa.bindparam("id", type_=token_issuer.c.id.type)
_ALL = sa.select(token_issuer).order_by(token_issuer.c.issuer)
_ONE = sa.select(token_issuer).where(token_issuer.c.id == _ID)
_ATTACHED = sa.select(issuer_agency).order_by(issuer_agency.c.agency_id, issuer_agency.c.claim_value)
_ATTACHED_TO = _ATTACHED.where(issuer_agency.c.issuer_id == _ID)
_REVISION = sa.select(token_issuer.c.id, token_issuer.c.version).order_by(token_issuer.c.id)
_USED = sa.select(token_issuer.c.id).where(
    sa.exists().where(principal.c.issuer == token_issuer.c.issuer)
    | sa.exists().where(revocation.c.issuer == token_issuer.c.issuer)
)
_IS_USED = _USED.where(token_issuer.c.id == _ID)


async def issuer_row(read: Read, id_: UUID) -> Row[Any] | None:
    """The row of an issuer; None where there is none, as of one in the settings to which nothing is attached."""
    return await read.first(_ONE, {"id": id_})


async def is_used(read: Read, id_: UUID) -> bool:
    """Whether somebody was seen with a token of the issuer, or a token or person of it was refused."""
    return await read.value(_IS_USED, {"id": id_}) is not None


async def attached_to(read: Read, id_: UUID) -> Sequence[Row[Any]]:
    """The agencies that are attached to an issuer, beside those of the settings."""
    return await read.all(_ATTACHED_TO, {"id": id_})


async def list_issuers(read: Read, in_settings: Sequence[Issuer]) -> TokenIssuerList:
    """All issuers, those of the settings included."""
    rows = {row.id: row for row in await read.all(_ALL)}
    attached = _by_issuer(await read.all(_ATTACHED))
    settings = {issuer_id(each.issuer): each for each in in_settings}
    used = {row.id for row in await read.all(_USED)}
    found = [
        await _as_issuer(read, id_, settings.get(id_), rows.get(id_), attached.get(id_, ()), used=id_ in used)
        for id_ in {**settings, **rows}
        if id_ in settings or rows[id_].description is not None
    ]
    return TokenIssuerList(items=sorted(found, key=lambda each: each.issuer))


async def get_issuer(read: Read, in_settings: Sequence[Issuer], id_: UUID) -> TokenIssuer:
    """One issuer. Raises NotFound."""
    row, setting = await issuer_row(read, id_), setting_of(in_settings, id_)
    if setting is None and (row is None or row.description is None):
        raise NotFound("issuer")
    used = await is_used(read, id_)
    return await _as_issuer(read, id_, setting, row, await attached_to(read, id_), used=used)


def setting_of(in_settings: Sequence[Issuer], id_: UUID) -> Issuer | None:
    """The issuer of the settings with that id."""
    return next((each for each in in_settings if issuer_id(each.issuer) == id_), None)


async def _as_issuer(
    read: Read,
    id_: UUID,
    setting: Issuer | None,
    row: Row[Any] | None,
    attached: Sequence[Row[Any]],
    *,
    used: bool,
) -> TokenIssuer:
    pairs = [(each.agency_id, each.claim_value or None) for each in attached]
    if setting is not None:
        values = {(UUID(agency), value) for value, agency in setting.values.items()}
        valued = {agency for agency, _ in values}
        pairs += values
        pairs += [(UUID(each), None) for each in setting.agencies if each != EVERY_AGENCY and UUID(each) not in valued]
    names = await references(read, (agency for agency, _ in pairs))
    listed = [
        AttachedAgency(agency=names.get(agency, AgencyReference(id=agency, name="")), claim_value=value)
        for agency, value in dict.fromkeys(pairs)
    ]
    described_here = row is not None and setting is None
    theirs = None if described_here else "It is described in the operator's settings."
    return TokenIssuer(
        id=id_,
        issuer=setting.issuer if setting is not None else row.issuer,  # type: ignore[union-attr]  # one of them is there
        source="registry" if described_here else "settings",
        enabled=setting is not None or bool(row and row.enabled),
        every_agency=EVERY_AGENCY in setting.agencies if setting is not None else bool(row and row.every_agency),
        description=msgspec.json.decode(row.description, type=Description) if row and described_here else None,
        agencies=sorted(listed, key=lambda each: (each.agency.name, each.claim_value or "")),
        version=row.version if row is not None else 0,
        created_at=row.created_at if row and described_here else None,
        updated_at=row.updated_at if row and described_here else None,
        allowed_actions=[
            offer("update", withheld=theirs),
            offer("attach_agency"),
            offer("detach_agency", withheld=None if attached else "No agency is attached to it here."),
            offer("delete", withheld=theirs or why_not_deleted(enabled=bool(row and row.enabled), used=used)),
        ],
    )


async def get_me(read: Read, principal: Principal) -> Me:
    """Who the caller is to the registry, and what its token allows."""
    named = await references(read, [principal.agency_id])
    by_role = {
        action: sorted({each for role in principal.roles for each in PERMISSIONS[action].get(role, ())})
        for action in Action
    }
    allowed = [action for action in Action if by_role[action] and in_scope(principal, action)]
    return Me(
        issuer=principal.issuer,
        subject=principal.subject,
        name=principal.name,
        agency=named[principal.agency_id],
        roles=sorted(principal.roles),
        scopes=sorted(principal.scopes),
        token_id=principal.token_id,
        acr=list(principal.acr),
        amr=list(principal.amr),
        auth_time=principal.auth_time,
        attributes=dict(principal.attributes),
        step_up=principal.step_up,
        permissions=[MyPermission(permission=action, relations=list(by_role[action])) for action in allowed],
        withheld_by_scope=[action for action in Action if by_role[action] and action not in allowed],
    )


def _by_issuer(rows: Sequence[Row[Any]]) -> Mapping[UUID, Sequence[Row[Any]]]:
    found: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.issuer_id, []).append(row)
    return found


async def trusted_issuers(
    read: Read, in_settings: Sequence[Issuer], known: object
) -> tuple[object, Sequence[Issuer]] | None:
    """The issuers whose tokens are accepted now, with what tells a later state from this one; None if it is `known`."""
    revision = [(row.id, row.version) for row in await read.all(_REVISION)]
    if revision == known:
        return None
    attached = _by_issuer(await read.all(_ATTACHED))
    settings = {issuer_id(each.issuer): each for each in in_settings}
    found = [with_attached(each, attached.get(id_, ())) for id_, each in settings.items()]
    for row in await read.all(_ALL):
        if row.id not in settings and row.description is not None and row.enabled:
            agencies = (EVERY_AGENCY,) if row.every_agency else ()
            try:
                issuer = described(msgspec.json.decode(row.description, type=Description), agencies)
            except ValueError as error:  # of an earlier version; it must not keep out the others
                _log.error("issuer not trusted", issuer=row.issuer, error=str(error))
            else:
                found.append(with_attached(issuer, attached.get(row.id, ())))
    return revision, found


async def in_both_places(read: Read, in_settings: Sequence[Issuer]) -> list[str]:
    """The names of issuers that the settings describe and the database as well: the settings' description counts."""
    named = {issuer_id(each.issuer) for each in in_settings}
    return [row.issuer for row in await read.all(_ALL) if row.id in named and row.description is not None]


async def known_issuers(read: Read, settings: Settings) -> list[str]:
    """The names of all issuers, whether they are enabled or not, with the registry's own."""
    listed = (await list_issuers(read, settings.issuers)).items
    own = [settings.public_url] if settings.public_url else []
    return [*(each.issuer for each in listed), *own, *([DEVELOPMENT_ISSUER] if settings.demo else [])]


async def speaks_for(read: Read, settings: Settings, issuer: str, agency_id: UUID) -> bool:
    """Whether an issuer is one for that agency, be it enabled or not. The registry's own speaks for all."""
    found = {each.issuer: each for each in (await list_issuers(read, settings.issuers)).items}.get(issuer)
    return found is None or found.every_agency or any(each.agency.id == agency_id for each in found.agencies)


def administering_role(agency_id: UUID) -> Role:
    """The role of whoever administers the agency; the operator's administer the registry."""
    return Role.REGISTRY_ADMIN if agency_id == OPERATOR_AGENCY_ID else Role.AGENCY_ADMIN


async def administering_issuers(read: Read, settings: Settings, agency_id: UUID = OPERATOR_AGENCY_ID) -> frozenset[str]:
    """The names of the issuers of which a token can be one of an administrator of the agency now."""
    role = administering_role(agency_id)
    _, trusted = await trusted_issuers(read, settings.issuers, None) or (None, ())
    found = [each.issuer for each in trusted if each.speaks_for(agency_id) and each.names(role)]
    return frozenset([*found, *([DEVELOPMENT_ISSUER] if settings.demo else [])])


def with_attached(issuer: Issuer, attached: Sequence[Any]) -> Issuer:
    """The issuer with the agencies of its rows, or of what is to become one."""
    if not attached:
        return issuer
    values = {row.claim_value: str(row.agency_id) for row in attached if row.claim_value}
    agencies = dict.fromkeys([*issuer.agencies, *(str(row.agency_id) for row in attached)])
    return msgspec.structs.replace(issuer, agencies=tuple(agencies), values={**issuer.values, **values})
