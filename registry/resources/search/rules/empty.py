"""What is said where nothing is found: what was understood, what was not, and what to try."""

from collections.abc import Iterable, Iterator, Sequence

from registry.platform.kernel.time import wall_clock
from registry.resources.search.rules.saying import Said, is_whole_state

_CONDITIONS = {
    "words": "these words",
    "category": "the category",
    "type_at_least": "the type",
    "attributes": "what is to be stated",
    "certificates": "the certificate",
    "available": "the time",
    "place": "the place",
    "lendable": "an agreement that covers it",
    "agency": "the owner",
    "state": "the state",
    "level_at_least": "the level",
}
_ASK_WIDER = "a greater distance, another time or a more general word"
_ASK_PEOPLE = "a greater distance, or the agencies of which no numbers are published (`people.not_published`)"
_SAY_MORE = (
    "say what is needed (“bomb dog”, “boat”, “Spanish interpreter”), where (“near Duluth”) and when (“tonight”, "
    "“Dec 5 0800-1200”)"
)


def nothing_found(
    said: Said,
    not_understood: str,
    emptied_by: Iterable[tuple[Sequence[str], int]],
    further: Iterable[str],
    *,
    people: bool = False,
) -> str:
    """One remark on an empty answer. `emptied_by` is without which conditions how many would be found."""
    understood = "; ".join(_understood(said))
    sentences = [f"{'Nobody' if people else 'No asset'} is found."]
    sentences += [f"Understood: {understood}."] if understood else ["Nothing of the sentence was understood."]
    if not_understood:
        sentences.append(f"Not understood: “{not_understood}”.")
    tries = [f"without {_listed(without)} there are {count}" for without, count in emptied_by]
    tries += [f"{each[:1].lower()}{each[1:]}" for each in further]
    if not understood:
        tries.append(_SAY_MORE)
    elif not tries:
        tries.append(_ASK_PEOPLE if people else _ASK_WIDER)
    sentences.append(f"Try this: {'; '.join(tries)}.")
    return " ".join(sentences)


def _listed(conditions: Sequence[str]) -> str:
    return " and ".join(_CONDITIONS.get(each, each.replace("_", " ")) for each in conditions)


def _understood(said: Said) -> Iterator[str]:
    """Each part that narrows the search, as it was taken."""
    if said.quantity is not None:
        yield f"{said.quantity[0]} are needed"
    if said.category is not None:
        yield said.category[0].name
    if said.capability is not None:
        yield f"people for {said.capability[0].name}"
    if said.certified_for is not None:
        yield f"certified for {said.certified_for[0].name}"
    if said.name is not None:
        yield f"called “{said.name[0]}”"
    if said.agency is not None:
        yield f"of {said.agency[0].name}"
    if said.type_at_least is not None:
        yield f"type {said.type_at_least[0]} or better"
    yield from (f"{meaning.name} {meaning.value}" for meaning, _ in said.attributes)
    if said.lendable is not None and said.lendable[0]:
        yield "covered by an agreement"
    if said.place is not None:
        yield _place(said)
    if said.window is not None:
        start, end = (wall_clock(at, said.zone) for at in (said.window[0].start, said.window[0].end))
        yield f"from {start:%a %b} {start.day} {start:%H:%M} to {end:%a %b} {end.day} {end:%H:%M}"


def _place(said: Said) -> str:
    assert said.place is not None
    place = said.place[0]
    named = "your agency or the point given" if place is None else f"{place.name}, {place.state}"
    if is_whole_state(said) and place is not None:
        return f"agencies in {place.name}"
    if said.within_minutes is not None:
        return f"within {said.within_minutes[0]} minutes of {named}"
    return f"near {named}" if said.within_km is None else f"within {said.within_km[0]:g} km of {named}"
