"""By which authority an office binds its agency to a text."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.authority import FiledPaper, Signature, day_given, sufficient
from registry.agreements.instruments.queries.authorities import authorities_of_office
from registry.agreements.instruments.queries.evidence import filed_papers
from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.signing_tables import signing_authority
from registry.agreements.instruments.tables import agreement, agreement_version
from registry.agreements.instruments.terms import Terms
from registry.platform.database.handles import Read
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.text import folded_key

_ANY = (
    sa.select(signing_authority.c.id)
    .where(signing_authority.c.agency_id == sa.bindparam("agency_id", type_=signing_authority.c.agency_id.type))
    .limit(1)
)
_TEXT = (
    sa.select(agreement.c.kind, agreement_version.c.terms)
    .join(agreement, agreement.c.id == agreement_version.c.agreement_id)
    .where(agreement_version.c.id == sa.bindparam("version_id", type_=agreement_version.c.id.type))
)


async def authority_for(
    read: Read,
    version_id: UUID,
    agency_id: UUID,
    signatory_title: str,
    signed_on: date,
    given_on: date | None = None,
    *,
    is_confirmed: bool = False,
) -> UUID | None:
    """By which authority the office binds its agency to the version; None where the agency keeps no register.

    Raises RuleBroken where it keeps one and the office held none that reaches the text, on either day.
    """
    if not await _has_authorities(read, agency_id):
        return None
    text = await read.first(_TEXT, {"version_id": version_id})
    assert text is not None
    signature = Signature(
        kind=AgreementKind(text.kind),
        signed_on=signed_on,
        given_on=given_on,
        is_confirmed=is_confirmed,
        amount=msgspec.json.decode(text.terms, type=Terms).cost_ceiling,
    )
    return await _sufficient_authority(read, agency_id, signatory_title, signature)


async def may_sign_on(read: Read, version_id: UUID, agency_id: UUID, signatory_title: str, day: date) -> bool:
    """Whether the office may sign the version on that day; any may where the agency keeps no register."""
    try:
        await authority_for(read, version_id, agency_id, signatory_title, day)
    except RuleBroken:
        return False
    return True


async def check_authority(read: Read, agency_id: UUID, signatory_title: str, signature: Signature) -> None:
    """Raises RuleBroken where the agency has authorities on record and the office may not give this signature."""
    if await _has_authorities(read, agency_id):
        await _sufficient_authority(read, agency_id, signatory_title, signature)


async def _has_authorities(read: Read, agency_id: UUID) -> bool:
    return await read.value(_ANY, {"agency_id": agency_id}) is not None


async def _sufficient_authority(read: Read, agency_id: UUID, signatory_title: str, signature: Signature) -> UUID:
    """The authority that the office signs by.

    Raises RuleBroken, with the nearest reason, where it held none on that day that reaches the text.
    """
    found = await authorities_of_office(read, agency_id, folded_key(signatory_title))
    authority_id, _ = found[sufficient([chain for _, chain in found], signature)]
    return authority_id


async def also_needed_on(
    read: Read, agreement_id: UUID, version_id: UUID | None, agency_id: UUID, sha256: str | None, today: Today
) -> date | None:
    """On which day an office's authority must hold beside that of a hand on paper: see `authority.day_given`.

    One rule for whoever's word it is that the paper was signed, recorded or confirmed: `sha256` is that of what shows
    it; `version_id` the text that was signed, None for a word, which no paper bears. `today` is the party's.
    """
    papers: Sequence[FiledPaper] = ()
    if version_id is not None and sha256 is not None:
        papers = await filed_papers(read, agreement_id, sha256, agency_id)
    return day_given(papers, version_id, agency_id, today.agency_zone, today.at_agency)


async def check_confirmed(read: Read, row: Row[Any], report: Row[Any], today: Today) -> None:
    """Raises RuleBroken where the office that is said to have signed, or given its word, may not have its party say so.

    Unless another filed a signed copy of that version, its authority must hold on the day of
    `authority.day_given` too. `today` is the party's.
    """
    given_on = await also_needed_on(read, row.id, report.version_id, report.agency_id, report.evidence_sha256, today)
    signature = (report.signatory_title, report.acted_on, given_on)
    await authority_for(read, report.version_id or row.version_id, report.agency_id, *signature, is_confirmed=True)
