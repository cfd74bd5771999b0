"""Types of capability: what ships holds together, a bad file is refused by its line, and everybody may search them."""

import re
from collections import Counter

import pytest

from registry.directory.taxonomy.seed import CapabilityFact, CapabilityKind, CapabilityScale, load_capabilities
from registry.directory.taxonomy.seed import parse_capabilities as parse
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.service import Service

FACTS = {fact.code: fact for fact in load_capabilities()}
HEADER = "code,name,parent,kind,scale,description,aliases"


def test_a_code_spells_out_its_place_and_a_kind_its_scale() -> None:
    for code, fact in FACTS.items():
        assert fact.parent == (code.rpartition(".")[0] or None)
        assert (fact.kind is CapabilityKind.LANGUAGE) == (fact.scale is CapabilityScale.ILR), code
        assert (fact.kind is CapabilityKind.POSITION) == (fact.scale is CapabilityScale.NQS), code


def test_a_type_is_measured_on_the_scale_of_those_above_unless_it_needs_none() -> None:
    """Else a level asked of a group would mean something else of each under it."""
    for fact in FACTS.values():
        if fact.parent is not None and fact.scale is not CapabilityScale.NONE:
            assert FACTS[fact.parent].scale in (fact.scale, CapabilityScale.NONE), fact.code


def test_languages_go_by_their_iso_codes() -> None:
    languages = [code for code in FACTS if code.startswith("language.")]
    assert len(languages) > 120
    assert all(re.fullmatch(r"language(\.[a-z]{3}){1,2}", code) for code in languages)
    assert {"language.hmn", "language.som", "language.spa", "language.ase", "language.zho.cmn"} <= set(languages)


def test_what_agencies_look_for_is_there() -> None:
    words = {word.casefold() for fact in FACTS.values() for word in (fact.name, *fact.aliases)}
    assert words >= {"negotiator", "dre", "crash reconstruction", "paramedic", "swat operator", "bomb technician"}
    assert words >= {"diver", "remote pilot (part 107)", "dog handler", "csi", "digital forensics", "sro", "cit"}
    assert words >= {"interpreter", "polygraph examiner", "incident commander", "coml"}


def test_no_word_leads_to_two_types() -> None:
    words = Counter(word.casefold() for fact in FACTS.values() for word in {fact.name.casefold(), *fact.aliases})
    assert [word for word, times in words.items() if times > 1] == []


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (("a,A,,skill,none,One.,", "a,A,,skill,none,One.,"), "line 3: 'a' is there twice"),
        (("a.b,B,a,skill,none,Two.,",), "line 2: parent 'a' does not stand above"),
        (("a,A,,hobby,none,One.,",), "line 2: 'hobby' is not a kind"),
        (("a,A,,skill,stars,One.,",), "line 2: 'stars' is not a scale"),
        (("a,,,skill,none,One.,",), "line 2: name is empty"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused_by_its_line(rows: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        parse((HEADER, *rows))


async def found(cast: Cast, query: str) -> list[str]:
    page = await cast.stranger.coordinator.done("GET", f"/v1/capability-types?limit=200&{query}")
    return [item["code"] for item in page["items"]]


async def test_types_are_found_by_word_kind_and_ancestor(cast: Cast) -> None:
    assert await found(cast, "q=hmong") == ["language.hmn", "language.hmn.hnj", "language.hmn.mww"]
    assert "medical.paramedic" in await found(cast, "q=paramedics")
    assert set(await found(cast, "under=language.ara")) == {c for c in FACTS if c.startswith("language.ara")}
    positions = await found(cast, "kind=position")
    assert positions == sorted(c for c, fact in FACTS.items() if fact.kind is CapabilityKind.POSITION)
    kinds = (CapabilityKind.POSITION, CapabilityKind.LANGUAGE)
    of_both = sorted(c for c, fact in FACTS.items() if fact.kind in kinds)
    assert await found(cast, "kind=position&kind=language") == of_both[:200]
    hmong = (await cast.stranger.coordinator.done("GET", "/v1/capability-types?q=hmong"))["items"][0]
    assert CapabilityFact(**{**hmong, "aliases": tuple(hmong["aliases"])}) == FACTS["language.hmn"]


async def test_types_need_a_token_and_filters_that_are_some(service: Service, cast: Cast) -> None:
    assert_problem(await service.anonymous.get("/v1/capability-types"), 401, "unauthenticated")
    assert_problem(await cast.stranger.as_(scope="loans:read").get("/v1/capability-types"), 403, "forbidden")
    caller = cast.stranger.coordinator
    assert_problem(await caller.get("/v1/capability-types?kind=hobby"), 400, "invalid_parameter")
    assert_problem(await caller.get("/v1/capability-types?parent=language"), 400, "unknown_parameter")
