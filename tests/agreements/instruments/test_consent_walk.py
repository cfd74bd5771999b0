"""Nobody binds, unbinds, widens, shortens or publishes for another: walked, command by command.

Small agreements of two and three parties, in several states, are walked by everybody: every party's lawyer and
coordinator, a service, two of the registry's operators, a stranger. Whatever the service lets somebody do, no window
of another party (nor the version in it) may change before 14 days have passed, and then only by a report that the
party was told of, which until then changes nothing that is shown of it, or of the agreement, today or of a day to come;
and nobody else may come to see more of the text, or lose sight of what binds it. Nor may anybody get
rid of the others sooner than by its own notice, counted from today, unless each of them was told of that. What is to
come stands in the windows with its instant, so that nothing has to wait for a clock here.

The operations are those of the contract: a new one that changes something needs a row in `BODIES`.
That the walk finds what it is to find is shown in `test_consent_walk_finds`.
"""

import pytest

from tests.support.cast import make_cast
from tests.support.consent_walk import choices, walk_through
from tests.support.consent_walk_bodies import BODIES, PATH, Walk, supersessions, unsafe
from tests.support.consent_walk_facts import facts_of, got_rid_of_others, wrongs
from tests.support.consent_walk_states import bound_agreement, successors_of
from tests.support.length import at_length
from tests.support.service import Service


async def test_every_operation_that_changes_something_is_walked(service: Service) -> None:
    assert unsafe(service).keys() == BODIES.keys(), "say in BODIES what is sent to it"


@pytest.mark.grows
@pytest.mark.second_long
async def test_nobody_changes_what_binds_another_or_who_reads_it(service: Service) -> None:
    chosen = choices(service, at_length(100, 600, 100_000))
    through, faults = await walk_through(service, await make_cast(service), chosen)
    assert faults == []
    assert through > len(chosen) // 20, "or nothing was tried"
    print(f"consent: {len(chosen)} acts tried, {through} let through")  # a figure to quote


@pytest.mark.second_long
async def test_every_act_of_every_lawyer_on_what_binds_three(service: Service) -> None:
    """Whole, in the state that matters most: each operation by the lawyers of two parties and by an operator."""
    people = (0, 1, 9)
    chosen = [("bound", 3, operation, caller) for operation in unsafe(service) for caller in people]
    through, faults = await walk_through(service, await make_cast(service), chosen)
    assert faults == []
    assert through > 25


@pytest.mark.second_long
async def test_no_supersession_frees_who_says_it_of_whom_nothing_was_heard(service: Service) -> None:
    """Each successor that there may be, at once and dated back, said by either lawyer of two and of three parties."""
    cast, faults, through = await make_cast(service), list[str](), 0
    for size in (2, 3):
        parties = [cast.assisting, cast.requesting, cast.neighbour][:size]
        successors = await successors_of(service, cast, parties)
        for actor in parties[:2]:
            for number in range(2 * (len(successors) + 1)):
                found = await bound_agreement(service, *parties)
                walk = Walk(service=service, cast=cast, parties=parties, found=found, successors=successors)
                body = supersessions(walk, actor.id)[number]
                before = await facts_of(walk)
                answer = await actor.legal.send("POST", f"{PATH}/{found['id']}/supersede", json=body)
                through += answer.is_success
                after = await facts_of(walk)
                faults += [
                    f"{body} of {size} changed {each}"
                    for each in (
                        *wrongs(walk, before, after, actor.id),
                        *got_rid_of_others(walk, before, after, actor.id),
                    )
                ]
    assert faults == []
    assert through == 20, "by the two that share the matter and that each has signed, and by the first's own"
