"""What shows a signature on paper: that on record, or the party's own evidence."""

from datetime import date
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.commands.open_text import (
    OpenText,
)
from registry.agreements.instruments.consent import UNANSWERED
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.agreements.instruments.queries.evidence import evidence_told
from registry.agreements.instruments.rules import check_evidence
from registry.agreements.instruments.schemas.given import (
    Confirmation,
    Signing,
)
from registry.agreements.instruments.tables import (
    agreement_party,
    agreement_signature,
    agreement_version,
)
from registry.platform.database.handles import Write
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken

_RECORDED = (
    sa.select(agreement_party.c.agency_id)
    .join(agreement_version, agreement_version.c.agreement_id == agreement_party.c.agreement_id)
    .where(
        agreement_version.c.id == sa.bindparam("version_id", type_=agreement_version.c.id.type),
        agreement_version.c.is_recorded,
        sa.or_(agreement_version.c.evidence_sha256.is_not(None), agreement_version.c.evidence_location.is_not(None)),
        agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
        agreement_party.c.in_text,
    )
)
_SIGNED_ON = agreement_signature.c.signed_on.type
_FIRST_HANDS = (
    sa.select(sa.func.min(agreement_signature.c.signed_on, type_=_SIGNED_ON)).where(
        agreement_signature.c.version_id == sa.bindparam("version_id", type_=agreement_signature.c.version_id.type),
        agreement_signature.c.agency_id != sa.bindparam("agency_id", type_=agreement_signature.c.agency_id.type),
    ),
    sa.select(sa.func.min(agreement_reported_act.c.acted_on, type_=_SIGNED_ON)).where(
        agreement_reported_act.c.version_id == sa.bindparam("version_id", type_=agreement_signature.c.version_id.type),
        agreement_reported_act.c.status.in_(UNANSWERED),
    ),
)


async def check_shown(
    write: Write, text: OpenText, agency_id: UUID, paper: Signing | Confirmation, signed_on: date, today: Today
) -> None:
    """Let a signature of a day that is over be entered only with what shows it: by it others were bound before today.

    Of a first agreement that was recorded the paper on record shows the hands of all whom its text names, on the day of
    the first that is on record, and later: an earlier day needs its own evidence. Raises RuleBroken.
    """
    needed = today.is_over(signed_on) and not await shown_on_record(write, text, agency_id, signed_on)
    check_evidence(paper.evidence_sha256, paper.evidence_location, needed=needed)


async def shown_on_record(write: Write, text: OpenText, agency_id: UUID, signed_on: date) -> bool:
    """Whether the paper on record shows the hand of that day: of a first agreement that was recorded, see above.

    Who recorded it, and who has confirmed it, has said by that that all signed it whom it names.
    """
    its = {"version_id": text.version_id, "agency_id": agency_id}
    if text.kind != "original" or await write.value(_RECORDED, its) is None:
        return False
    hands = [day for statement in _FIRST_HANDS if (day := await write.value(statement, its)) is not None]
    return not hands or min(hands) <= signed_on


async def check_named(write: Write, agreement_id: UUID, agency_id: UUID, paper: Signing | Confirmation) -> None:
    """Let a party show its own hand only by a document on file that it can read; raises RuleBroken for another hash.

    It binds the party at once and back to its day. Other acts are recorded with what is said to show them, and that
    this is not on file.
    """
    named = paper.evidence_sha256, paper.evidence_location
    if (await evidence_told(write, agreement_id, agency_id, *named)).get("evidence_on_file") is False:
        raise RuleBroken.at(
            "No document of that SHA-256 is on file with the agreement that your agency can read: file it first, or "
            "say in evidence_location where the original is kept.",
            "evidence_not_on_file",
            "not the hash of a document on file",
            pointer="/evidence_sha256",
        )
