"""A party's own word on what is marked public: that it is shown to others than the parties, or is no longer."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.being_bound import check_bound
from registry.agreements.instruments.commands.holding import finished, held
from registry.agreements.instruments.commands.settling.published import ask, say
from registry.agreements.instruments.consent_tables import agreement_publication, agreement_publication_consent
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.rules import NOTHING_TO_PUBLISH
from registry.agreements.instruments.schemas.consenting import AgreeingToPublish, StoppingToPublish
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import agreement, agreement_version
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_publication, _consent = agreement_publication, agreement_publication_consent
_PUBLICATION = (
    sa.select(_publication.c.id, _consent.c.agency_id, _consent.c.agrees)
    .outerjoin(agreement_version, agreement_version.c.id == _publication.c.version_id)
    .outerjoin(
        _consent,
        sa.and_(
            _consent.c.publication_id == _publication.c.id,
            _consent.c.agency_id == sa.bindparam("agency_id", type_=_consent.c.agency_id.type),
        ),
    )
    .where(_publication.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type))
)
_OF_VERSION = _PUBLICATION.where(agreement_version.c.no == sa.bindparam("no", type_=sa.Integer))
_OF_DOCUMENT = _PUBLICATION.where(
    _publication.c.document_id == sa.bindparam("document_id", type_=_publication.c.id.type)
)


async def agree_to_publish(
    write: Write, caller: Caller, agreement_id: UUID, word: AgreeingToPublish, expected: Expected
) -> Agreement:
    """Agree, for the own agency, that a version or a document is published; it is once each party has agreed.

    Raises RuleBroken for what is not marked public, WrongStatus where nothing awaits the agency's word.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    found = await _named(write, caller, row, word)
    if found.agency_id is None or found.agrees:
        raise WrongStatus(NOTHING_TO_PUBLISH)
    await say(write, found.id, caller.agency_id, agrees=True, said_at=caller.now)
    await finished(
        write, caller, row, EventType.AGREEMENT_AGREED_TO_PUBLISH, {**_about(caller, word), "note": word.note}
    )
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def stop_publishing(
    write: Write, caller: Caller, agreement_id: UUID, word: StoppingToPublish, expected: Expected
) -> Agreement:
    """Take the own agency's word back, or refuse it: from then on the thing is shown to the parties alone.

    Raises RuleBroken for what is not marked public, WrongStatus where the agency said so already or is not bound.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    found = await _named(write, caller, row, word)
    if found.agrees is False:
        raise WrongStatus("Your agency has said so already.")
    if found.agency_id is None:  # it became a party to what was published before
        await check_bound(write, row.id, caller.agency_id, caller.now)
        await ask(write, found.id, [caller.agency_id])
    await say(write, found.id, caller.agency_id, agrees=False, said_at=caller.now)
    await finished(
        write, caller, row, EventType.AGREEMENT_PUBLISHING_STOPPED, {**_about(caller, word), "reason": word.reason}
    )
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def _named(write: Write, caller: Caller, row: Row[Any], word: AgreeingToPublish | StoppingToPublish) -> Row[Any]:
    """The publication that is meant, with the own agency's word so far. Raises RuleBroken."""
    if (word.version_no is None) == (word.document_id is None):
        raise RuleBroken("Name the version or the document that it is about, one of them.", "publication_unnamed")
    about = {"id": row.id, "agency_id": caller.agency_id}
    if word.document_id is None:
        found = await write.first(_OF_VERSION, {**about, "no": word.version_no})
    else:
        found = await write.first(_OF_DOCUMENT, {**about, "document_id": word.document_id})
    if found is None:
        raise RuleBroken.at(
            "Nothing of that is to be published: a version is once it is executed with a provision marked public, a "
            "document where it was filed as public and is not withdrawn.",
            "nothing_to_publish",
            pointer="/version_no" if word.document_id is None else "/document_id",
        )
    return found


def _about(caller: Caller, word: AgreeingToPublish | StoppingToPublish) -> dict[str, object]:
    thing: dict[str, object] = {"version_no": word.version_no}
    if word.document_id is not None:
        thing = {"document_id": str(word.document_id)}
    return {"agency_id": str(caller.agency_id), **thing}
