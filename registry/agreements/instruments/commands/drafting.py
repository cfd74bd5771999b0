"""Drafts: entered, and edited until they are submitted."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.content import (
    SAID_OF_TERM,
    Term,
    check_content,
    rewrite_term,
    write_coverage,
    write_parties,
    write_provisions,
    write_term,
)
from registry.agreements.instruments.commands.holding import changed, parties_of, permitted
from registry.agreements.instruments.commands.indexing import index_title
from registry.agreements.instruments.commands.open_text import OpenText, open_text, written_as
from registry.agreements.instruments.commands.repeating import declassified
from registry.agreements.instruments.commands.settling.unasked import rewrite_unasked
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.rules import Sensitivity, Stage, edit_barred, refuse
from registry.agreements.instruments.schemas.given import AgreementPatch, NewAgreement, NewProvision
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import agreement, agreement_version, agreement_version_dates, provision
from registry.platform.access.acts import keep_act
from registry.platform.access.permissions import Action, Relation, permit
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Fault, RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import filing_key, folded
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import changes, record
from registry.platform.ledger.event_types import EventType

_INSERT = agreement.insert()
_INSERT_VERSION = agreement_version.insert()
_PROVISIONS = (
    sa.select(provision)
    .where(provision.c.version_id == sa.bindparam("version_id", type_=provision.c.version_id.type))
    .order_by(provision.c.ordinal)
)
_TERM = sa.select(*(agreement_version_dates.c[name] for name in Term.__struct_fields__)).where(
    agreement_version_dates.c.version_id == sa.bindparam("version_id", type_=agreement_version_dates.c.version_id.type)
)
_OF_THE_WHOLE = ("review_every_months",)
_NOT_AMENDABLE = ("number", "kind", "parties", "time_zone")


async def create_agreement(write: Write, caller: Caller, new: NewAgreement) -> Agreement:
    """Enter a draft in the custody of the caller's agency.

    Raises RuleBroken with every fault of its content, Conflict for a number that the agency uses already.
    """
    permit(caller.principal, Action.AGREEMENTS_CREATE, ["custodian"])
    await write.once()
    return await draft(write, caller, new)


async def draft(write: Write, caller: Caller, new: NewAgreement) -> Agreement:
    """Enter a draft as `create_agreement` does, for a command that has asked already whether the caller may."""
    agreement_id, _, declassifies = await enter(write, caller, caller.agency_id, new)
    keep_act(write, caller, Act.DRAFT, agreement_id)
    record(
        write,
        caller,
        EventType.AGREEMENT_CREATED,
        subject=("agreement", agreement_id, 1),
        agencies=[caller.agency_id],
        agreement_id=agreement_id,
        data={"number": new.number, "title": new.title, "kind": new.kind, **declassifies},
    )
    return await get_agreement(write, caller.principal, agreement_id, caller.now)


def custody(caller: Caller, custodian_id: UUID) -> list[Relation]:
    """How the caller stands to an agreement that is yet to be entered."""
    return ["custodian"] if custodian_id == caller.agency_id else []


async def enter(
    write: Write, caller: Caller, custodian_id: UUID, new: NewAgreement
) -> tuple[UUID, UUID, dict[str, object]]:
    """Write a draft and its first version, checked; their ids, and what is told of restricted wording repeated."""
    await check_content(
        write,
        custodian_id=custodian_id,
        parties=new.parties,
        terms=new.terms,
        notice=new.notice,
        provisions=new.provisions,
        expires_on=new.expires_on,
        auto_renew_months=new.auto_renew_months,
        auto_renew_times=new.auto_renew_times,
    )
    agreement_id, version_id = new_id(), new_id()
    declassifies = await declassified(write, caller, agreement_id, None, new.provisions, [], new.declassify_reason)
    term = Term.starting(**{name: getattr(new, name) for name in SAID_OF_TERM})
    await write.run(
        _INSERT,
        {
            "id": agreement_id,
            "number": new.number,
            "number_key": filing_key(new.number),
            "title": new.title,
            "kind": new.kind,
            "custodian_id": custodian_id,
            "stage": Stage.DRAFT,
            "time_zone": new.time_zone,
            "effective_on": new.effective_on,
            "expires_on": new.expires_on,
            "notice": new.notice,
            "auto_renew_months": new.auto_renew_months,
            "auto_renew_times": new.auto_renew_times,
            "renewal_day": term.renewal_day,
            "review_every_months": new.review_every_months,
            **term.bounds(new.time_zone),
            **term.ends(new.time_zone),
            "search_text": folded(new.number, new.title),
            "is_shared": False,
            "is_public": False,
            "current_version": 1,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
            "shared_updated_at": caller.now,
            "public_updated_at": caller.now,
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
    await write_term(write, version_id, "original", term, new.time_zone)
    await write_parties(write, agreement_id, new.parties, caller.agency_id, caller.now)
    await write_provisions(write, version_id, new.provisions)
    await write_coverage(write, version_id, new.terms)
    await index_title(write, agreement_id, new.number, new.title)
    return agreement_id, version_id, declassifies


async def update_agreement(
    write: Write, caller: Caller, agreement_id: UUID, patch: AgreementPatch, expected: Expected
) -> Agreement:
    """Edit a draft, or the draft of an amendment.

    Raises StaleVersion, PreconditionMissing, WrongStatus once it is submitted, RuleBroken with every fault.
    """
    row = await permitted(write, caller, agreement_id, Action.AGREEMENTS_UPDATE)
    check_version(expected, row.version, required=True)
    text = open_text(row)
    refuse(edit_barred(text.stage))
    await edit_draft(write, caller, row, text, patch)
    return await get_agreement(write, caller.principal, agreement_id, caller.now)


async def edit_draft(write: Write, caller: Caller, row: Row[Any], text: OpenText, patch: AgreementPatch) -> None:
    """Make a draft, held and judged editable, what the patch says. Raises RuleBroken with every fault."""
    fields = (f for f in patch.__struct_fields__ if f != "declassify_reason")
    given = {f: getattr(patch, f) for f in fields if getattr(patch, f) is not msgspec.UNSET}
    if text.amendment_id is not None:
        _refuse_unamendable(given)
    found = await write.first(_TERM, {"version_id": text.version_id})
    assert found is not None
    before: dict[str, Any] = {
        name: getattr(row, name) for name in (*_NOT_AMENDABLE, *_OF_THE_WHOLE) if name != "parties"
    }
    before |= {**found._mapping, "title": text.title, "terms": text.terms, "notice": read_notice(found.notice)}
    before |= {"parties": await parties_of(write, row.id)}
    before["provisions"] = await draft_provisions(write, text.version_id)
    differing = {name: value for name, value in given.items() if before[name] != value}
    if not differing:
        return
    after = before | differing
    await check_content(
        write,
        custodian_id=row.custodian_id,
        parties=after["parties"],
        terms=after["terms"],
        notice=after["notice"],
        provisions=after["provisions"],
        expires_on=after["expires_on"],
        auto_renew_months=after["auto_renew_months"],
        auto_renew_times=after["auto_renew_times"],
    )
    term = Term.starting(**{name: after[name] for name in SAID_OF_TERM})
    if text.amendment_id is not None:
        term = term.going_on(before)
    await rewrite_term(write, text.version_id, term, after["time_zone"])
    await write.run(
        agreement_version.update()
        .where(agreement_version.c.id == text.version_id)
        .values(title=after["title"], terms=after["terms"])
    )
    if "parties" in differing:
        await write_parties(write, row.id, after["parties"], caller.agency_id, caller.now)
        await rewrite_unasked(write, row.id, caller.now)
    declassifies: dict[str, object] = {}
    if "provisions" in differing:
        declassifies = await declassified(
            *(write, caller, row.id, text.version_id, after["provisions"], before["provisions"]),
            patch.declassify_reason,
        )
        await write_provisions(write, text.version_id, after["provisions"])
    if "terms" in differing:
        await write_coverage(write, text.version_id, after["terms"])
    columns: dict[str, Any] = {name: value for name, value in differing.items() if name in _OF_THE_WHOLE}
    if text.amendment_id is None:
        columns = {name: value for name, value in differing.items() if name in agreement.c}
        columns |= {**term.bounds(after["time_zone"]), **term.ends(after["time_zone"]), "renewal_day": term.renewal_day}
        columns["number_key"] = filing_key(after["number"])
        columns["search_text"] = folded(after["number"], after["title"])
        await index_title(write, row.id, after["number"], after["title"])
    keep_act(write, caller, Act.DRAFT, written_as(row, text))
    told = {**_told(before, differing), **declassifies}
    await changed(write, caller, row, EventType.AGREEMENT_UPDATED, told, private=True, **columns)


def _refuse_unamendable(given: Mapping[str, object]) -> None:
    faults = [
        Fault(pointer=f"/{name}", code="not_amendable", detail="an amendment does not change it")
        for name in _NOT_AMENDABLE
        if name in given
    ]
    if faults:
        raise RuleBroken(
            "An amendment changes the text, its terms and its dates; parties join and leave by their own acts.",
            "not_amendable",
            faults=faults,
        )


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


def _told(before: Mapping[str, Any], differing: Mapping[str, Any]) -> dict[str, object]:
    """What the ledger says: dates and names from → to; of text and terms which changed, for versions hold them."""
    plain: dict[str, object] = {}
    for name, value in differing.items():
        if name == "terms":
            plain[name] = {"changed": _changed(structs.asdict(before[name]), structs.asdict(value))}
        elif name == "provisions":
            old, new = ({each.number: each for each in provisions} for provisions in (before[name], value))
            plain[name] = {"changed": _changed(old, new)}
        else:
            plain |= changes({name: _plain(before[name])}, {name: _plain(value)})
    return plain


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """What is added, left out or different, by name; empty where only the order is."""
    return [
        name for name in dict.fromkeys([*old, *new]) if (name in old, old.get(name)) != (name in new, new.get(name))
    ]


def _plain(value: object) -> object:
    return [str(item) for item in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
