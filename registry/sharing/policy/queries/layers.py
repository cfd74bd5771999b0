"""The agency's own layer of a decision: which set is active is read with the facts, its text once for its digest."""

from functools import lru_cache
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Damaged
from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.cedar import PolicySet, agency_digest, parse_policy_set
from registry.sharing.policy.decisions import Decision, PolicySource, attributed, own_policies_spoke
from registry.sharing.policy.lifecycle import PolicySetStatus
from registry.sharing.policy.tables import policy_set, shipped_policy_set

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

_SHIPPED = sa.select(shipped_policy_set.c.texts).where(
    shipped_policy_set.c.digest == sa.bindparam("digest", type_=sa.Text)
)
_count = policy_set.alias("earlier")
_SOURCE = (
    sa.select(
        policy_set.c.id,
        policy_set.c.activated_at,
        agency.c.name,
        sa.select(sa.func.count())
        .where(_count.c.agency_id == policy_set.c.agency_id, _count.c.activated_at <= policy_set.c.activated_at)
        .correlate(policy_set)
        .scalar_subquery()
        .label("version_no"),
    )
    .join(agency, agency.c.id == policy_set.c.agency_id)
    .where(
        policy_set.c.agency_id == sa.bindparam("agency_id", type_=policy_set.c.agency_id.type),
        policy_set.c.digest == sa.bindparam("digest", type_=sa.Text),
        policy_set.c.activated_at.is_not(None),
    )
    .order_by(policy_set.c.activated_at.desc())
    .limit(1)
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


async def shipped_policies(read: Read, policies: PolicySet, digest: str) -> PolicySet | None:
    """The shipped policies of that digest: these, or those of another release that decided here.

    None where they are not kept, or this release cannot read them any more. Raises Damaged for texts that are not what
    decided.
    """
    if digest == policies.digest:
        return policies
    texts = await read.value(_SHIPPED, {"digest": digest})
    if texts is None:
        return None
    try:
        found = _parsed(bytes(texts))
    except PolicySetError:
        return None
    if found.digest != digest:
        raise Damaged(f"The shipped policies {digest} that are kept are not those that decided.")
    return found


@lru_cache(maxsize=2)
def _parsed(texts: bytes) -> PolicySet:
    return parse_policy_set(msgspec.json.decode(texts, type=dict[str, str]))


async def digest_of_today(read: Read, agency_id: UUID) -> str | None:
    """The digest of the agency's own set that is active now; None where it has none."""
    found: str | None = await read.value(_ACTIVE, {"agency_id": agency_id})
    return found


async def policies_of_today(read: Read, policies: PolicySet, agency_id: UUID) -> PolicySet:
    """The policies to ask now about what that agency is asked for."""
    return await policies_beside(read, policies, agency_id, await digest_of_today(read, agency_id))


async def with_source(read: Read, decision: Decision, agency_id: UUID) -> Decision:
    """The decision, in which each policy of the owner's own says whose it is and in which set it stands.

    So who is barred by one need not ask: what it says is in the reason, and whose it is beside it.
    """
    if not own_policies_spoke(decision):
        return decision
    digest = decision.policy_set.layers["agency"]
    row = await read.first(_SOURCE, {"agency_id": agency_id, "digest": digest})
    assert row is not None, "a set decides once it was activated"
    source = PolicySource(
        agency=AgencyReference(id=agency_id, name=row.name),
        policy_set_id=row.id,
        version_no=row.version_no,
        digest=digest,
        activated_at=row.activated_at,
    )
    return attributed(decision, source)


async def altered_layers(read: Read) -> list[str]:
    """The digests of active sets whose text is not what was activated; a hundred are read at a time."""
    found: list[str] = []
    after = UUID(int=0)
    while rows := await read.all_slowly(_ALL_ACTIVE, {"after": after}):
        found += [row.digest for row in rows if agency_digest(row.text) != row.digest]
        after = rows[-1].agency_id
    return found
