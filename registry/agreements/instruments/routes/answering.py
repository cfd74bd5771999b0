"""An agreement on its way out, with its tag."""

from datetime import datetime

import msgspec

from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.http.answers import Answer, entity_tag


def agreement_tag(found: Agreement, at: datetime | None) -> str:
    """The tag of an agreement: of the past the instant is part of what is shown; of now it moves with every request.

    Others than the parties have a version that moves with what they are shown alone; what time changes of it is in the
    rest of the tag.
    """
    if found.view != "party":
        return entity_tag(found.version, msgspec.structs.replace(found, as_of=found.created_at), at)
    derived = (found.status, found.version_no, found.term_ends_on, found.parties, found.evidence, found.allowed_actions)
    return entity_tag(found.version, *derived, at)


def agreement_answer(found: Agreement, *, created: bool = False) -> Answer[Agreement]:
    """The agreement with its tag, which is the one that reading it gives."""
    return Answer(
        found,
        etag=agreement_tag(found, None),
        location=f"/v1/agreements/{found.id}" if created else None,
    )
