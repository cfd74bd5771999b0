"""How a request is answered."""

from registry.platform.http.answers import Answer, entity_tag
from registry.sharing.requests.schemas.shown import ResourceRequest


def answer(found: ResourceRequest, *, created: bool = False) -> Answer[ResourceRequest]:
    derived = [
        (
            *(line.status, line.awaiting, line.decision and line.decision.id, line.loan, line.asset_changed),
            *(line.availability, line.remaining_quantity, line.answer_due_at, line.condition),
            *(line.ended, line.replaced_by_line_no, line.allowed_actions),
        )
        for line in found.lines
    ]
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, derived, found.allowed_actions),
        location=f"/v1/requests/{found.id}" if created else None,
    )
