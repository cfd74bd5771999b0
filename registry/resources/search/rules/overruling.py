"""A sentence and the parameters beside it: what a parameter says goes before what the sentence says."""

from collections.abc import Iterator
from datetime import timedelta

from msgspec import structs

from registry.directory.places.gazetteer import Place, find_places, nearly_named
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import Window
from registry.resources.search.rules.bounds import ASSUMED_HOURS
from registry.resources.search.rules.kinds import Kind, Meaning, Means
from registry.resources.search.rules.ordinary import is_ordinary
from registry.resources.search.rules.places import Where
from registry.resources.search.rules.saying import ASSUMED, ASSUMED_KM, PARAMETER, Part, Said, is_whole_state
from registry.resources.search.rules.slots import as_slot
from registry.resources.search.rules.tokens import Sentence, Span
from registry.resources.search.rules.understanding import Setting, Understanding
from registry.resources.search.schemas import SearchQuery, UnderstoodFrom

_MOST_ALTERNATIVES, _MOST_SAID, _DAYS_OF_A_WEEK = 8, 5, 7
_MUCH_LARGER = 20


def overruled(asked: SearchQuery, found: Understanding, setting: Setting) -> Said:
    """What is asked for, all in all. Raises RuleBroken for half a point or window, and for an unknown place."""
    sentence = found.sentence
    said = Said(
        zone=setting.zone,
        left=found.left,
        category=_meaning(sentence, found.category),
        capability=_meaning(sentence, found.capability),
        level=None if found.level is None else found.level[0],
        category_kind=found.category,
        capability_kind=found.capability,
        certified_for=_certificate(sentence, found),
        certified_kind=None if found.certified is None else found.certified.kind,
        discipline=""
        if found.certified is None or found.certified.kind == found.category
        else sentence.said(found.certified.kind.span),
        attributes=tuple((kind.meaning, sentence.said(kind.span)) for kind in found.attributes),
        quantity=_number(sentence, found.quantity),
        counts_people=found.category is not None
        and found.capability is not None
        and found.category.span == found.capability.span,
        type_at_least=_number(sentence, found.type_at_least),
        remarks=found.remarks,
    )
    if found.own is not None and found.category is not None:
        words = sentence.said(found.category.span)
        remark = (
            f"“{words}” is also your agency's own category {found.own.name}, which is searched as well: ask for it "
            f"alone with category={found.own.code}."
        )
        said = structs.replace(_remarked(said, remark), own=found.own)
    if found.lendable is not None:
        said = structs.replace(said, lendable=(True, _words(sentence, found.lendable)))
    if asked.lendable is not None:
        said = structs.replace(said, lendable=(asked.lendable, PARAMETER))
    if asked.category is not None:
        named = Meaning(means=Means.CATEGORY, code=asked.category, name=asked.category)
        said = structs.replace(said, category=(named, PARAMETER), category_kind=None, own=None)
    if asked.certified_for is not None:
        named = Meaning(means=Means.CATEGORY, code=asked.certified_for, name=asked.certified_for)
        said = structs.replace(said, certified_for=(named, PARAMETER), certified_kind=None, discipline="")
    if asked.capability is not None:
        named = Meaning(means=Means.CAPABILITY, code=asked.capability, name=asked.capability)
        said = structs.replace(said, capability=(named, PARAMETER), capability_kind=None)
    if found.name is not None:
        said = structs.replace(said, name=(sentence.said([found.name]), _words(sentence, found.name)))
    if asked.name is not None:
        said = structs.replace(said, name=(asked.name, PARAMETER))
    if asked.quantity is not None:
        said = structs.replace(said, quantity=(asked.quantity, PARAMETER))
    if asked.type_at_least is not None:
        said = structs.replace(said, type_at_least=(asked.type_at_least, PARAMETER))
    said = _with_reach(_with_place(said, asked, found, setting), asked, found)
    return _with_window(said, asked, found, setting)


def _words(sentence: Sentence, *spans: Span) -> Part:
    return Part(said=sentence.said(spans), understood_from=UnderstoodFrom.SENTENCE)


def _meaning(sentence: Sentence, kind: Kind | None) -> tuple[Meaning, Part] | None:
    return None if kind is None else (kind.meaning, _words(sentence, *kind.span))


def _certificate(sentence: Sentence, found: Understanding) -> tuple[Meaning, Part] | None:
    if found.certified is None:
        return None
    return found.certified.kind.meaning, _words(sentence, *found.certified.span)


def _number(sentence: Sentence, found: tuple[int, Span] | None) -> tuple[int, Part] | None:
    return None if found is None else (found[0], _words(sentence, found[1]))


def _with_place(said: Said, asked: SearchQuery, found: Understanding, setting: Setting) -> Said:
    if (asked.latitude is None) != (asked.longitude is None):
        raise RuleBroken.at(
            "A point needs latitude and longitude.",
            "incomplete_place",
            "give both or neither",
            parameter="longitude" if asked.longitude is None else "latitude",
        )
    if asked.latitude is not None and asked.longitude is not None:
        return structs.replace(said, place=(None, asked.latitude, asked.longitude, PARAMETER))
    if asked.place is not None:
        places = find_places(asked.place, near=setting.home, most=1 + _MOST_ALTERNATIVES)
        if not places:
            nearly = nearly_named(asked.place, near=setting.home)
            names = ", ".join(f"{each.name}, {each.state}" for each in nearly)
            raise RuleBroken.at(
                "There is no such place; GET /v1/places tells what a name may mean.",
                "unknown_place",
                f"no such place; did you mean {names}?" if names else "no such place",
                parameter="place",
            )
        return _placed(said, places[0], tuple(places[1:]), PARAMETER)
    if found.where is None and found.unplaced is not None:
        words = found.sentence.said([found.unplaced])
        meant = tuple(nearly_named(words, near=setting.home, most=_MOST_ALTERNATIVES))
        known = ", ".join(f"{each.name}, {each.state}" for each in meant[:3])
        remark = f"No place is known as “{words}”, so the search is not narrowed by one."
        remark += f" Did you mean {known}?" if known else " Name it by a town, a county or a state nearby."
        return structs.replace(_remarked(said, remark), did_you_mean=meant)
    if found.where is None:
        words = " ".join(each for each in found.left if not is_ordinary(each.lower()))
        meant = tuple(nearly_named(words, near=setting.home, most=_MOST_ALTERNATIVES))
        return structs.replace(_around_home(said, asked, found, setting), did_you_mean=meant)
    part = _words(found.sentence, found.where.span)
    said = structs.replace(said, remarks=(*said.remarks, *_others_so_called(found.where, part, setting)))
    return _placed(said, found.where.place, found.where.alternatives, part)


def _others_so_called(where: Where, part: Part, setting: Setting) -> Iterator[str]:
    """That other places of the name may be meant; not where the one in the asker's state, or a city, is plainly so."""
    place = where.place
    others = [each for each in where.alternatives if each.kind is place.kind and each != place]
    if where.says_state or not others:
        return
    states = {each.state for each in others}
    if place.state == setting.home_state and place.state not in states:
        return
    if (place.population or 0) > _MUCH_LARGER * max(each.population or 0 for each in others) > 0:
        return
    names = ", ".join(f"{each.name}, {each.state}" for each in others[:_MOST_SAID])
    why = "where your agency is has not been recorded" if setting.home is None else "the nearest to your agency"
    none = setting.home_state and setting.home_state not in {place.state, *states}
    yield (
        f"“{part.said}” is taken as {place.name}, {place.state}: {why}. "
        + (f"None is known in {setting.home_state}. " if none else "")
        + f"It may also be {names}; say the state for another."
    )


def _around_home(said: Said, asked: SearchQuery, found: Understanding, setting: Setting) -> Said:
    """What is near or within a distance, and of no place, is near the asking agency."""
    if found.here is not None:
        part, words = _words(found.sentence, found.here), found.sentence.said([found.here])
    elif found.reach is not None or asked.within_km is not None or asked.within_minutes is not None:
        part = ASSUMED
        words = "the distance" if found.reach is None else found.sentence.said([found.reach.span])
    else:
        return said
    if setting.home is None:
        return _remarked(said, f"Where your agency is has not been recorded, so “{words}” does not narrow the search.")
    said = structs.replace(said, place=(None, *setting.home, part))
    return _remarked(said, f"No place is named, so “{words}” is counted from where your agency is.")


def _remarked(said: Said, remark: str) -> Said:
    return structs.replace(said, remarks=(*said.remarks, remark))


def _placed(said: Said, place: Place, others: tuple[Place, ...], part: Part) -> Said:
    return structs.replace(said, place=(place, place.latitude, place.longitude, part), other_places=others)


def _with_reach(said: Said, asked: SearchQuery, found: Understanding) -> Said:
    """How far around the place; without a place, nothing is far or near."""
    if said.place is None:
        return said
    if is_whole_state(said):
        if found.reach is None and asked.within_km is None and asked.within_minutes is None:
            return said
        return _remarked(said, "A whole state means all of its agencies, so the distance does not narrow the search.")
    if asked.within_km is not None:
        said = structs.replace(said, within_km=(asked.within_km, PARAMETER))
    elif found.reach is not None and found.reach.km is not None:
        said = structs.replace(said, within_km=(found.reach.km, _words(found.sentence, found.reach.span)))
    if asked.within_minutes is not None:
        said = structs.replace(said, within_minutes=(asked.within_minutes, PARAMETER))
    elif found.reach is not None and found.reach.minutes is not None and said.within_km is None:
        said = structs.replace(said, within_minutes=(found.reach.minutes, _words(found.sentence, found.reach.span)))
    if said.within_km is None and said.within_minutes is None:
        return structs.replace(said, within_km=(ASSUMED_KM, ASSUMED))
    return said


def _with_window(said: Said, asked: SearchQuery, found: Understanding, setting: Setting) -> Said:
    if (asked.available_from is None) != (asked.available_to is None):
        raise RuleBroken.at(
            "A window needs available_from and available_to.",
            "incomplete_window",
            "give both ends of the window",
            parameter="available_to" if asked.available_to is None else "available_from",
        )
    if asked.available_from is not None and asked.available_to is not None:
        window = Window(start=asked.available_from, end=asked.available_to)
        return structs.replace(said, window=(window, PARAMETER))
    meant = None if said.category is None else said.category[0]
    when = None if found.when is None else as_slot(found.when, meant, setting.zone)
    if when is None and said.quantity is not None:
        # How many are free is a question about a time; where none is said, it is now.
        window = Window(start=setting.now, end=setting.now + timedelta(hours=ASSUMED_HOURS))
        return structs.replace(said, window=(window, ASSUMED), assumed_length=f"{ASSUMED_HOURS} hours")
    if when is None:
        return said
    part = _words(found.sentence, *when.span)
    said = structs.replace(said, remarks=said.remarks + when.remarks)
    days = (when.window.end - when.window.start).days
    if days > _DAYS_OF_A_WEEK:
        said = _remarked(
            said,
            f"“{part.said}” is {days} days, and only what is free throughout is shown. Name a day or hours for more; "
            "an agreement may limit how long a loan lasts.",
        )
    return structs.replace(said, window=(when.window, part), assumed_length=when.assumed, other_window=when.other)
