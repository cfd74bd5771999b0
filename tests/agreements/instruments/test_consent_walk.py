"""Nobody binds, unbinds, widens, shortens or publishes for another: walked, command by command.

Small agreements of two and three parties, in several states, are walked by everybody: every party's lawyer and
coordinator, a service, two of the registry's operators, a stranger. Whatever the service lets somebody do, no window of
another party (nor the version in it, nor to whom it was bound on days that are over) may change before 14 days have
passed, and then only by a report that the party was told of, which until then changes nothing that is shown of it, or
of the agreement, today or of a day to come; and nobody else may come to see more of the text, or lose sight of what
binds it. Nor may anybody get rid of the others sooner than by its own notice, counted from today, unless each of them
was told of that. What is to come stands in the windows with its instant, so that nothing has to wait for a clock here.

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
    chosen = choices(service, at_length(50, 300, 100_000))
    through, faults = await walk_through(service, await make_cast(service), chosen)
    assert faults == []
    assert through > len(chosen) // 20, "or nothing was tried"
    print(f"consent: {len(chosen)} acts tried, {through} let through")  # a figure to quote


@pytest.mark.grows
@pytest.mark.second_long
async def test_every_act_of_every_lawyer_on_what_binds_three(service: Service) -> None:
    """Whole, in the state that matters most: each operation by the custodian's lawyer, at length by two others too.

    Those two are among the callers of the walk above.
    """
    people = at_length((0,), (0, 1, 9), (0, 1, 9))
    chosen = [("bound", 3, operation, caller) for operation in unsafe(service) for caller in people]
    through, faults = await walk_through(service, await make_cast(service), chosen)
    assert faults == []
    assert through > 8 * len(people)


@pytest.mark.grows
@pytest.mark.second_long
async def test_nobody_changes_to_whom_another_was_bound_on_days_that_are_over(service: Service) -> None:
    """Where two of three have signed a text that the third has not, and where one has left: whatever reaches back."""
    reaching_back = (
        *("confirm_agreement", "record_agreement_amendment", "report_agreement_act", "terminate_agreement"),
        *("give_agreement_notice", "supersede_agreement", "propose_agreement_suspension", "confirm_reported_act"),
    )
    states = ("an amendment signed by two", "an end of days before one left", "half confirmed")
    people = at_length((2,), (1, 2), (0, 1, 2, 4))
    chosen = [
        (state, 3, operation, who)
        for state in at_length(states[:1], states, states)
        for operation in at_length(reaching_back[:4], reaching_back, reaching_back)
        for who in people
    ]
    through, faults = await walk_through(service, await make_cast(service), chosen)
    assert faults == []
    assert through, "or nothing was tried"


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
