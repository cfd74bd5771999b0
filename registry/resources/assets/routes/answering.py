"""How an asset is answered."""

from typing import TypeVar

from registry.platform.http.answers import Answer, entity_tag
from registry.resources.assets.schemas.shown import Asset

Shown = TypeVar("Shown", bound=Asset)


def answer(found: Shown, *, created: bool = False) -> Answer[Shown]:
    """The answer with an asset; where it was made, with its address."""
    return Answer(
        found,
        etag=entity_tag(
            found.version,
            found.service_status,
            found.allowed_actions,
            [each.status for each in found.certification_statuses],
            found.identifiers,
            [each.name for each in found.packages],
        ),
        location=f"/v1/assets/{found.id}" if created else None,
    )
