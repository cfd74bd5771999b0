"""The agency's own layer of a decision: which set is active is read with the facts, its text once for its digest."""

from uuid import UUID

import sqlalchemy as sa

from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Damaged
from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.cedar import PolicySet, agency_digest
from registry.sharing.policy.lifecycle import PolicySetStatus
from registry.sharing.policy.tables import policy_set

_TEXT = (
    sa.select(policy_set.c.text)
    .where(
        policy_set.c.agency_id == sa.bindparam("agency_id", type_=policy_set.c.agency_id.type),
        policy_set.c.digest == sa.bindparam("digest", type_=sa.Text),
    )
    .limit(1)
)

_ALL_ACTIVE = (
    sa.select(policy_set.c.agency_id, policy_set.c.digest, policy_set.c.text)
    .where(
        policy_set.c.status == PolicySetStatus.ACTIVE.value,
        policy_set.c.agency_id > sa.bindparam("after", type_=policy_set.c.agency_id.type),
    )
    .order_by(policy_set.c.agency_id)
    .limit(100)
)
_ACTIVE = sa.select(policy_set.c.digest).where(
    policy_set.c.agency_id == sa.bindparam("agency_id", type_=policy_set.c.agency_id.type),
    policy_set.c.status == PolicySetStatus.ACTIVE.value,
)


def active_digest(agency_id: sa.ColumnElement[UUID]) -> sa.ScalarSelect[str]:
    """The digest of the active set of the agency in that column; null where it has none."""
    return (
        sa.select(policy_set.c.digest)
        .where(policy_set.c.agency_id == agency_id, policy_set.c.status == PolicySetStatus.ACTIVE.value)
        .correlate(agency_id.table)
        .scalar_subquery()
    )


async def policies_beside(read: Read, policies: PolicySet, agency_id: UUID, digest: str | None) -> PolicySet:
    """The policies to ask about what that agency is asked for, with its own layer of that digest.

    The text is read and parsed when this process meets the digest first. Raises Damaged for one that is not what was
    activated, or that these policies' words cannot read: without it, less would be asked than the agency asks.
    """
    if digest is None:
        return policies
    known = policies.beside(agency_id, digest)
    if known is not None:
        return known
    text = await read.value(_TEXT, {"agency_id": agency_id, "digest": digest})
    if text is None or agency_digest(text) != digest:
        raise Damaged(f"The text of the policy set {digest} is missing or altered; nothing is decided without it.")
    try:
        return policies.with_agency(agency_id, text)
    except PolicySetError as fault:
        raise Damaged(f"The policy set {digest} cannot be read by this release: {fault.detail}") from None


async def policies_of_today(read: Read, policies: PolicySet, agency_id: UUID) -> PolicySet:
    """The policies to ask now about what that agency is asked for."""
    return await policies_beside(read, policies, agency_id, await read.value(_ACTIVE, {"agency_id": agency_id}))


async def altered_layers(read: Read) -> list[str]:
    """The digests of active sets whose text is not what was activated; a hundred are read at a time."""
    found: list[str] = []
    after = UUID(int=0)
    while rows := await read.all_slowly(_ALL_ACTIVE, {"after": after}):
        found += [row.digest for row in rows if agency_digest(row.text) != row.digest]
        after = rows[-1].agency_id
    return found
