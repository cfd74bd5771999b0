"""Drafts: entered, and edited until they are submitted."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, Relation, permit
from registry.access.principals import Caller
from registry.agreements.commands.content import (
    bounds,
    check_content,
    search_text,
    write_coverage,
    write_parties,
    write_provisions,
)
from registry.agreements.commands.holding import changed, parties_of, permitted
from registry.agreements.queries import get_agreement
from registry.agreements.rules import Sensitivity, Stage
from registry.agreements.schemas import Agreement, AgreementPatch, NewAgreement, NewProvision
from registry.agreements.tables import agreement, agreement_version, provision
from registry.agreements.terms import Terms
from registry.database.handles import Read, Write
from registry.kernel.errors import WrongState
from registry.kernel.ids import new_id
from registry.kernel.versions import Expected, check_version
from registry.ledger.commands import changes, record

_INSERT = agreement.insert()
_INSERT_VERSION = agreement_version.insert()
_PROVISIONS = (
    sa.select(provision)
    .where(provision.c.version_id == sa.bindparam("version_id", type_=provision.c.version_id.type))
    .order_by(provision.c.ordinal)
)
_DATES = ("effective_on", "expires_on", "time_zone", "notice_days")


async def create_agreement(write: Write, caller: Caller, new: NewAgreement) -> Agreement:
    """Enter a draft in the custody of the caller's agency.

    Raises RuleBroken with every fault of its content, Conflict for a number that the agency uses already.
    """
    permit(caller.principal, Action.AGREEMENTS_CREATE, ["custodian"])
    await write.once()
    agreement_id, _ = await enter(write, caller, caller.agency_id, new)
    await record(
        write,
        caller,
        "agreement.created",
        subject=("agreement", agreement_id, 1),
        agencies=[caller.agency_id],
        agreement_id=agreement_id,
        data={"number": new.number, "title": new.title, "kind": new.kind},
    )
    return await get_agreement(write, caller.principal, agreement_id, caller.now)


def custody(caller: Caller, custodian_id: UUID) -> list[Relation]:
    """How the caller stands to an agreement that is yet to be entered."""
    return ["custodian"] if custodian_id == caller.agency_id else []


async def enter(write: Write, caller: Caller, custodian_id: UUID, new: NewAgreement) -> tuple[UUID, UUID]:
    """Write a draft and its first version, checked; their ids."""
    await check_content(
        write, custodian_id=custodian_id, parties=new.parties, terms=new.terms, provisions=new.provisions
    )
    agreement_id, version_id = new_id(), new_id()
    await write.run(
        _INSERT,
        {
            "id": agreement_id,
            "number": new.number,
            "title": new.title,
            "kind": new.kind,
            "custodian_id": custodian_id,
            "stage": Stage.DRAFT,
            "time_zone": new.time_zone,
            "effective_on": new.effective_on,
            "expires_on": new.expires_on,
            "notice_days": new.notice_days,
            **bounds(new.effective_on, new.expires_on, new.time_zone, new.notice_days),
            "search_text": search_text(new.number, new.title),
            "is_shared": False,
            "is_public": False,
            "current_version": 1,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    await write.run(
        _INSERT_VERSION,
        {
            "id": version_id,
            "agreement_id": agreement_id,
            "no": 1,
            "title": new.title,
            "terms": new.terms,
            "created_at": caller.now,
        },
    )
    await write_parties(write, agreement_id, new.parties)
    await write_provisions(write, version_id, new.provisions)
    await write_coverage(write, version_id, new.terms)
    return agreement_id, version_id


async def update_agreement(
    write: Write, caller: Caller, agreement_id: UUID, patch: AgreementPatch, expected: Expected
) -> Agreement:
    """Edit a draft.

    Raises StaleVersion, PreconditionMissing, WrongState once it is submitted, RuleBroken with every fault.
    """
    row = await permitted(write, caller, agreement_id, Action.AGREEMENTS_UPDATE)
    check_version(expected, row.version, required=True)
    if row.stage != Stage.DRAFT:
        raise WrongState(f"Only a draft can be edited, and the agreement is {row.stage}. Send it back first.")
    await edit_draft(write, caller, row, patch)
    return await get_agreement(write, caller.principal, agreement_id, caller.now)


async def edit_draft(write: Write, caller: Caller, row: Row[Any], patch: AgreementPatch) -> None:
    """Make a draft, held and judged editable, what the patch says. Raises RuleBroken with every fault."""
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    before = {name: row._mapping[name] for name in given if name not in ("parties", "terms", "provisions")}
    parties = await parties_of(write, row.id)
    terms = msgspec.json.decode(row.terms, type=Terms)
    provisions = await draft_provisions(write, row.version_id)
    before |= {"parties": parties, "terms": terms, "provisions": provisions}
    differing = {name: value for name, value in given.items() if before[name] != value}
    if not differing:
        return
    parties = differing.get("parties", parties)
    terms = differing.get("terms", terms)
    provisions = differing.get("provisions", provisions)
    await check_content(write, custodian_id=row.custodian_id, parties=parties, terms=terms, provisions=provisions)
    columns = {name: value for name, value in differing.items() if name in agreement.c}
    dates = [columns.get(name, row._mapping[name]) for name in _DATES]
    columns |= bounds(*dates)
    columns["search_text"] = search_text(columns.get("number", row.number), columns.get("title", row.title))
    await write.run(
        agreement_version.update()
        .where(agreement_version.c.id == row.version_id)
        .values(title=columns.get("title", row.title), terms=terms)
    )
    if "parties" in differing:
        await write_parties(write, row.id, parties)
    if "provisions" in differing:
        await write_provisions(write, row.version_id, provisions)
    if "terms" in differing:
        await write_coverage(write, row.version_id, terms)
    await changed(write, caller, row, "updated", _told(before, differing), **columns)


async def draft_provisions(read: Read, version_id: UUID) -> list[NewProvision]:
    """A version's provisions as they were given."""
    rows = await read.all(_PROVISIONS, {"version_id": version_id})
    return [
        NewProvision(
            number=row.number,
            heading=row.heading,
            text=row.text,
            sensitivity=Sensitivity(row.sensitivity),
            exemption=row.exemption,
        )
        for row in rows
    ]


def _told(before: dict[str, object], differing: dict[str, object]) -> dict[str, object]:
    """What the ledger says: dates and names from → to; of texts only that they changed, for versions hold them."""
    plain: dict[str, object] = {}
    for name, value in differing.items():
        if name in ("terms", "provisions"):
            plain[name] = {"changed": True}
        else:
            plain |= changes({name: _plain(before[name])}, {name: _plain(value)})
    return plain


def _plain(value: object) -> object:
    return [str(item) for item in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
