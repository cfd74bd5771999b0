"""The acts that separation of duties is about: kept as they are done, and looked up before the next one.

Which acts one person may not do alone is the rule in `separation`; here are its facts.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller, Principal, Role
from registry.platform.access.separation import FREE, Act, EarlierAct, Ruling, Separation, explain, rule_on
from registry.platform.access.tables import relaxed_separation, separated_act
from registry.platform.database.handles import Read, Rows, Write
from registry.platform.kernel.errors import Forbidden, WrongStatus
from registry.platform.kernel.ids import new_id

_AGENCY = sa.bindparam("agency_id", type_=separated_act.c.agency_id.type)
_THING = separated_act.c.thing_id.type
_EARLIER = (
    sa.select(
        separated_act.c.act,
        separated_act.c.roles,
        separated_act.c.done_at,
        relaxed_separation.c.separation,
        relaxed_separation.c.relaxed_at,
    )
    .outerjoin(relaxed_separation, relaxed_separation.c.agency_id == separated_act.c.agency_id)
    .where(
        separated_act.c.thing_id.in_([sa.bindparam("thing", type_=_THING), sa.bindparam("other", type_=_THING)]),
        separated_act.c.agency_id == _AGENCY,
        separated_act.c.issuer == sa.bindparam("issuer"),
        separated_act.c.subject == sa.bindparam("subject"),
    )
)
"""Each act once for each separation that the agency has relaxed."""
_INSERT = separated_act.insert()
_OF_AGENCY = (
    sa.select(relaxed_separation)
    .where(relaxed_separation.c.agency_id == _AGENCY)
    .order_by(relaxed_separation.c.separation)
)
_RELAX = relaxed_separation.insert()
_RESTORE = relaxed_separation.delete().where(
    relaxed_separation.c.agency_id == sa.bindparam("its_agency", type_=_THING),
    relaxed_separation.c.separation == sa.bindparam("its_separation"),
)


def keep_act(write: Write, caller: Caller, act: Act, thing_id: UUID) -> None:
    """Keep that the caller did this to the thing for its agency."""
    principal = caller.principal
    write.defer(
        _INSERT,
        [
            {
                "id": new_id(),
                "thing_id": thing_id,
                "act": act,
                "agency_id": principal.agency_id,
                "issuer": principal.issuer,
                "subject": principal.subject,
                "roles": ",".join(sorted(principal.roles)),
                "done_at": caller.now,
            }
        ],
    )


async def ruling(read: Read, principal: Principal, act: Act, *things: UUID, unchecked: Collection[Act] = ()) -> Ruling:
    """Whether this person may do the act after what it did to the same thing: one id, or two that it is known by.

    `unchecked`: see `rule_on`.
    """
    rows = await read.fast(
        _EARLIER,
        {
            "thing": things[0],
            "other": things[-1],
            "agency_id": principal.agency_id,
            "issuer": principal.issuer,
            "subject": principal.subject,
        },
    )
    if not rows:
        return FREE
    relaxed = {Separation(row.separation): row.relaxed_at for row in rows if row.separation is not None}
    return rule_on(act, map(_earlier, rows), relaxed, unchecked=unchecked)


async def barred(
    read: Read, principal: Principal, act: Act, *things: UUID, unchecked: Collection[Act] = ()
) -> str | None:
    """The reason with which `separate` would refuse this person now; None when it would not."""
    found = await ruling(read, principal, act, *things, unchecked=unchecked)
    return None if found.barred_by is None else explain(act, *found.barred_by)


async def separate(
    write: Write, caller: Caller, act: Act, *things: UUID, unchecked: Collection[Act] = ()
) -> dict[str, object]:
    """Let the caller do the act, or raise Forbidden `separation_of_duties`; what the record says of it.

    The record says which separations the agency had relaxed where that made the act possible.
    """
    found = await ruling(write, caller.principal, act, *things, unchecked=unchecked)
    if found.barred_by is not None:
        separation, earlier = found.barred_by
        raise Forbidden(
            explain(act, separation, earlier),
            "separation_of_duties",
            extra={
                "separation": separation,
                "earlier_act": {"act": earlier.act, "roles": list(earlier.roles), "done_at": earlier.done_at},
            },
        )
    return {"separation_relaxed": list(found.relaxed)} if found.relaxed else {}


def barred_from(separation: Separation, earlier: Act, thing: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """A criterion: things to which the person of `person_parameters` did `earlier`, and so may not do the other act."""
    own = sa.bindparam("person_agency_id", type_=_THING)
    relaxed = sa.exists().where(
        relaxed_separation.c.agency_id == own,
        relaxed_separation.c.separation == separation.value,
        relaxed_separation.c.relaxed_at <= separated_act.c.done_at,
    )
    return sa.exists().where(
        separated_act.c.thing_id == thing,
        separated_act.c.act == earlier.value,
        separated_act.c.agency_id == own,
        separated_act.c.issuer == sa.bindparam("person_issuer"),
        separated_act.c.subject == sa.bindparam("person_subject"),
        sa.not_(relaxed),
    )


def done_by_another(acts: Iterable[Act], thing: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """A criterion: things to which another person of the agency of `person_parameters` did one of the acts."""
    another = sa.or_(
        separated_act.c.issuer != sa.bindparam("person_issuer"),
        separated_act.c.subject != sa.bindparam("person_subject"),
    )
    return sa.exists().where(*_of_agency(acts, thing), another)


def done_by_services_alone(act: Act, thing: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """A criterion: things to which a service of the agency of `person_parameters` did the act, and no person."""
    its = _of_agency([act], thing)
    is_service = separated_act.c.roles.contains(Role.SERVICE.value)
    return sa.and_(sa.exists().where(*its), sa.not_(sa.exists().where(*its, sa.not_(is_service))))


def _of_agency(acts: Iterable[Act], thing: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    return [
        separated_act.c.thing_id == thing,
        separated_act.c.act.in_([act.value for act in acts]),
        separated_act.c.agency_id == sa.bindparam("person_agency_id", type_=_THING),
    ]


def person_parameters(principal: Principal) -> dict[str, object]:
    """The parameters of `barred_from`, `done_by_another` and `done_by_services_alone`."""
    return {
        "person_agency_id": principal.agency_id,
        "person_issuer": principal.issuer,
        "person_subject": principal.subject,
    }


async def relaxed_by(read: Read, agency_id: UUID) -> Rows:
    """The separations that an agency has relaxed, with reason and instant."""
    return await read.fast(_OF_AGENCY, {"agency_id": agency_id})


async def relax(write: Write, agency_id: UUID, separation: Separation, reason: str, now: datetime) -> None:
    """Let one person of the agency do both acts to what is begun from now on.

    Raises WrongStatus where it may already.
    """
    if any(row.separation == separation for row in await relaxed_by(write, agency_id)):
        raise WrongStatus(f"Your agency has relaxed `{separation}` already.")
    values = {"agency_id": agency_id, "separation": separation, "reason": reason, "relaxed_at": now}
    await write.run(_RELAX, values)


async def restore(write: Write, agency_id: UUID, separation: Separation) -> None:
    """Separate the two acts again from now on. Raises WrongStatus where they are separated."""
    if not await write.run(_RESTORE, {"its_agency": agency_id, "its_separation": separation}):
        raise WrongStatus(f"Your agency has not relaxed `{separation}`: the two acts are separated.")


def _earlier(row: Row[Any]) -> EarlierAct:
    return EarlierAct(act=Act(row.act), roles=tuple(row.roles.split(",")), done_at=row.done_at)
