"""How a policy set is answered."""

from registry.platform.http.answers import Answer, entity_tag
from registry.sharing.policy.schemas.sets import AgencyPolicySet


def answer(found: AgencyPolicySet, *, created: bool = False) -> Answer[AgencyPolicySet]:
    """The set with its ETag; a new one with its location."""
    return Answer(
        found,
        etag=entity_tag(found.version, found.allowed_actions),
        location=f"/v1/policy-sets/{found.id}" if created else None,
    )
