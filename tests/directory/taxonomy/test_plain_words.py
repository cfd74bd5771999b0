"""What people say leads to what they mean."""

import pytest

from registry.directory.taxonomy.plain_words import PlainWord, load_words, parse_synonyms
from registry.directory.taxonomy.seed import load_capabilities, load_categories
from registry.platform.kernel.text import split_words, whole_word
from registry.platform.kernel.words import stem

HEADER = "phrase,category,capability,weight,source"


def key(text: str) -> tuple[str, ...]:
    return tuple(stem(whole_word(parts)) for parts in split_words(text))


def meanings(said: str) -> list[str]:
    """The codes that a phrase means, the surest first."""
    found = [each for each in load_words() if key(each.phrase) == key(said)]
    return [each.category or each.capability or "" for each in sorted(found, key=lambda each: -each.weight)]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("drug dog", "k9.narcotics"),
        ("dope dogs", "k9.narcotics"),
        ("bomb dog", "k9.explosives"),
        ("bloodhound", "k9.tracking"),
        ("cadaver dogs", "k9.human_remains"),
        ("water cadaver dog", "k9.water_human_remains"),
        ("bite dog", "k9.patrol"),
        ("EOD", "team.bomb_squad"),
        ("swat", "team.swat"),
        ("tac team", "team.swat"),
        ("riot squad", "team.mobile_field_force"),
        ("negotiators", "team.negotiation"),
        ("dive team", "team.dive"),
        ("SAR", "team.search_and_rescue"),
        ("APC", "vehicle.armored_rescue"),
        ("BearCat", "vehicle.armored_rescue"),
        ("Bear Cat", "vehicle.armored_rescue"),
        ("bus", "vehicle.transport"),
        ("paddy wagon", "vehicle.prisoner_transport"),
        ("prisoner vans", "vehicle.prisoner_transport"),
        ("mobile command post", "vehicle.command_post"),
        ("tow truck", "vehicle.tow"),
        ("helo", "aircraft.helicopter"),
        ("chopper", "aircraft.helicopter"),
        ("plane", "aircraft.fixed_wing"),
        ("drones", "aircraft.drone"),
        ("thermal drone", "aircraft.drone"),
        ("police boat", "vessel.patrol_boat"),
        ("jet ski", "vessel.watercraft"),
        ("portable radios", "communications.radio_cache"),
        ("sat phone", "communications.satellite"),
        ("NVGs", "equipment.night_vision"),
        ("light tower", "equipment.lighting_power"),
        ("radar gun", "equipment.speed_measuring"),
        ("Flock camera", "equipment.license_plate_reader"),
        ("bike racks", "equipment.barrier"),
        ("rape kit", "lab.dna"),
        ("phone dump", "lab.digital_forensics"),
        ("ballistics lab", "lab.firearms"),
        ("tox lab", "lab.toxicology"),
        ("autopsy", "lab.pathology"),
        ("jail beds", "facility.holding"),
        ("gun range", "facility.firing_range"),
        ("translator", "personnel.interpreter"),
        ("911 dispatchers", "personnel.dispatcher"),
        ("sketch artist", "personnel.forensic_artist"),
        ("lie detector", "personnel.polygraph"),
        ("SRO", "personnel.school_resource"),
        ("EMT", "medical.emt"),
        ("sign language", "language.ase"),
        ("Hmong", "language.hmn"),
    ],
)
def test_plain_speech_is_understood(said: str, code: str) -> None:
    assert code in meanings(said)[:2], meanings(said)


def test_every_category_and_capability_is_found_by_its_own_name() -> None:
    words = load_words()
    by_name = {each.category for each in words if each.source == "name"} | {
        each.capability for each in words if each.source == "name"
    }
    codes = {fact.code for fact in load_categories()} - {"any"} | {fact.code for fact in load_capabilities()}
    assert by_name - {None} == codes


def test_nearly_every_category_is_called_by_several_other_words() -> None:
    count = {fact.code: 0 for fact in load_categories() if fact.parent not in (None, "any")}
    for each in load_words():
        if each.category in count and each.source != "name":
            count[each.category] += 1
    poor = [code for code, words in count.items() if words < 3]
    assert len(poor) < len(count) / 20, poor


def test_a_word_of_two_letters_is_none_that_a_sentence_has_anyway() -> None:
    words = {each.phrase.casefold() for each in load_words()}
    assert words.isdisjoint("me co ia in or of to at on we us is it no so as by for and the need want near".split())


def test_each_meaning_of_a_phrase_stands_there_once_and_is_weighed() -> None:
    words = load_words()
    keys = [(each.phrase.casefold(), each.category, each.capability) for each in words]
    assert len(set(keys)) == len(keys)
    assert all(0 < each.weight <= 1 and (each.category is None) != (each.capability is None) for each in words)
    assert len(words) > 2000


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (("drug dog,k10,,0.9,usage",), "line 2: 'k10' is not known"),
        (("medic,,medical.wizard,0.9,usage",), "line 2: 'medical.wizard' is not known"),
        (("drug dog,,,0.9,usage",), "line 2: 'drug dog' has to mean a category or a capability"),
        (("medic,k9,medical,0.9,usage",), "line 2: 'medic' has to mean a category or a capability"),
        (("dog,k9,,1.5,usage",), "line 2: '1.5' is no weight above 0 and up to 1"),
        (("dog,k9,,sure,usage",), "line 2: 'sure' is no weight above 0 and up to 1"),
        (("dog,k9,,0,usage",), "line 2: '0' is no weight above 0 and up to 1"),
        (("dog,k9,,0.5,usage", "Dog,k9,,0.6,usage"), "line 3: 'Dog' stands there twice"),
        (("dog,k9,,0.5,",), "line 2: source is empty"),
    ],
)
def test_a_file_of_synonyms_that_contradicts_itself_is_refused_by_line(rows: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=f"^synonyms.csv, {says}"):
        parse_synonyms((HEADER, *rows), load_categories(), load_capabilities())


def test_synonyms_are_read_with_what_they_mean() -> None:
    (found,) = parse_synonyms((HEADER, "dog,k9,,0.5,usage"), load_categories(), load_capabilities())
    assert found == PlainWord(phrase="dog", category="k9", weight=0.5, source="usage")
