"""The walk itself: everybody tries every operation on agreements in every state."""

import random
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx

from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from tests.support.cast import Cast
from tests.support.consent import proof
from tests.support.consent_walk_bodies import BODIES, PATH, Walk, unsafe
from tests.support.consent_walk_facts import Facts, facts_of, got_rid_of_others, wrongs
from tests.support.consent_walk_states import STATES, successors_of
from tests.support.documents import PLAIN
from tests.support.service import Caller, Service

# What an agency may do for itself at once: suspend its own part, and say what its own law makes a condition. What
# another reported of it, it confirms; and a proposal of another's it consents to.
OF_ITS_OWN = (
    "suspend_agreement",
    "set_agreement_approval_rule",
    "record_agreement_approval",
    "confirm_reported_act",
)

# What a request is answered whose body is not as the contract says: in the registry's order, before anything else is
# asked but who the caller is.
UNREAD = (400, 413, 415)


async def answers(
    walk: Walk, operation: str, declared: tuple[str, str, Any], who: Caller, actor: UUID
) -> list[httpx.Response]:
    """Try the operation with each of its bodies, none of which may be refused unread: that would try nothing."""
    method, template, example = declared
    made = BODIES[operation]
    bodies = example if isinstance(made, str) else made(walk, actor)
    path = template.replace("{agreement_id}", walk.found["id"])
    if "signing-authorities" not in path:  # a register that was begun would keep the other offices from signing
        path = path.replace("{agency_id}", str(actor))
    for name, kind in (("proposal_id", "proposals"), ("reported_act_id", "reported_acts")):
        things = walk.found.get(kind) or [{"id": str(uuid4())}]
        path = path.replace(f"{{{name}}}", things[-1]["id"])
    while "{" in path:
        path = path[: path.index("{")] + str(uuid4()) + path[path.index("}") + 1 :]
    found = []
    for body in bodies if isinstance(bodies, list) else [bodies]:
        where = path
        if operation == "file_document":
            options: dict[str, Any] = {"content": b"Walked.", "headers": {"content-type": PLAIN}}
            where += f"?{urlencode(body)}"
        else:
            options = {"json": body, "headers": {"if-match": "*"} if method == "PATCH" else {}}
        found.append(await who.send(method, where, **options))
        assert found[-1].status_code not in UNREAD, f"{operation} was not read: {body} was answered {found[-1].text}"
    return found


async def send(walk: Walk, operation: str, declared: tuple[str, str, Any], who: Caller, actor: UUID) -> int:
    """Try the operation with each of its bodies; how many were let through."""
    let = [answer for answer in await answers(walk, operation, declared, who, actor) if answer.is_success]
    if operation in MADE_ALONE:
        walk.made += [answer.json()["id"] for answer in let]
    return len(let)


MADE_ALONE = ("create_agreement", "record_agreement")
"""Nobody but who made it has done anything for what these make: no stranger may know of it."""


async def shown_too_early(walk: Walk) -> list[str]:
    """What was made just now and a stranger knows of."""
    read = [await walk.cast.stranger.legal.get(f"{PATH}/{each}") for each in walk.made]
    walk.made.clear()
    return ["what a stranger reads of what one alone made"] * sum(answer.status_code != 404 for answer in read)


def callers(walk: Walk) -> list[tuple[UUID, Caller]]:
    """Everybody who may try, with the agency that they act for."""
    first, second = walk.parties[:2]
    operators = [walk.service.operator]
    operators.append(walk.service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="second-operator"))
    return [
        *((party.id, party.legal) for party in walk.parties),
        *((party.id, party.signatory) for party in walk.parties[:2]),
        (first.id, first.machine),
        (second.id, second.coordinator),
        (walk.cast.stranger.id, walk.cast.stranger.legal),
        *((OPERATOR_AGENCY_ID, operator) for operator in operators),
    ]


async def walk_through(
    service: Service, cast: Cast, chosen: Sequence[tuple[str, int, str, int]]
) -> tuple[int, list[str]]:
    """Try each of the choices (state, parties, operation, caller); how many were let through, and what went wrong.

    An agreement is made anew only once somebody was let through.
    """
    through, faults = 0, list[str]()
    operations, standing = unsafe(service), dict[tuple[str, int], tuple[Walk, Facts]]()
    for state, size, operation, caller in chosen:
        if (state, size) not in standing:
            parties = [cast.assisting, cast.requesting, cast.neighbour][:size]
            walk = Walk(
                service=service,
                cast=cast,
                parties=parties,
                found=await STATES[state](service, *parties),
                successors=[],
            )
            walk.evidence = await proof(parties[0], walk.found)
            await walk.refresh()
            standing[state, size] = walk, await facts_of(walk)
        walk, before = standing[state, size]
        if operation == "supersede_agreement" and not walk.successors:
            walk.successors = await successors_of(service, cast, walk.parties)
        everybody = callers(walk)
        actor, who = everybody[caller % len(everybody)]
        let = await send(walk, operation, operations[operation], who, actor)
        if let or caller % 5 == 0:
            after = await facts_of(walk)
            found = [*wrongs(walk, before, after, actor), *await shown_too_early(walk)]
            if operation not in OF_ITS_OWN:
                found += got_rid_of_others(walk, before, after, actor)
            faults += [
                f"{operation} by {caller % len(everybody)} on {state} of {size} changed {each}" for each in found
            ]
        if let:
            through += 1
            del standing[state, size]
    return through, faults


def choices(service: Service, count: int) -> list[tuple[str, int, str, int]]:
    """Some of all there are, the same in each run of this length; the acts that bind come in every state."""
    draw = random.Random(7)  # which to try, no secret
    every = [
        (state, size, operation, caller)
        for state in STATES
        for size in (2, 3)
        for operation in unsafe(service)
        for caller in range(10)
    ]
    return draw.sample(every, min(count, len(every)))
