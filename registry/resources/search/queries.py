"""Answers a search in a sentence: the sentence is understood by its rules, and the asset list answers what it means."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.places.gazetteer import places_named
from registry.directory.taxonomy.plain_words import PlainWord, load_words
from registry.directory.taxonomy.queries import own_words
from registry.directory.taxonomy.tables import capability_type, category
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.paging import bind
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.geo import distance_km
from registry.platform.kernel.text import query_tokens
from registry.resources.assets.queries.keeping import Free, free_together
from registry.resources.assets.queries.listing import free_in_all as list_free
from registry.resources.assets.queries.listing import list_assets
from registry.resources.assets.queries.offering import offers_of
from registry.resources.assets.schemas.listing import AssetPage, AssetQuery
from registry.resources.packages.queries.explaining import blocked_now, packages_left_out, what_emptied
from registry.resources.packages.queries.listing import distances_of, list_packages
from registry.resources.packages.schemas import PackageQuery
from registry.resources.personnel.queries.counting import list_capabilities
from registry.resources.personnel.searching import CapabilityQuery
from registry.resources.search.further import by_themselves, instead
from registry.resources.search.rules.empty import nothing_found
from registry.resources.search.rules.kinds import Lexicon, Meaning, Means
from registry.resources.search.rules.names import (
    agencies_in,
    asset_name_in,
    at_the_agency,
    begins_with,
    county_named,
    holds_name,
    is_called,
    is_whole_name,
    may_begin_a_name,
    patterns,
    whatever_it_is,
    with_name,
)
from registry.resources.search.rules.overruling import overruled
from registry.resources.search.rules.places import Point, names_in
from registry.resources.search.rules.saying import (
    PARAMETER,
    Part,
    Said,
    are_mixed,
    as_package_query,
    as_parameters,
    as_people_query,
    as_query,
    as_understood,
    free_in_all,
    remarks_on,
)
from registry.resources.search.rules.tokens import Sentence, Span
from registry.resources.search.rules.understanding import (
    Setting,
    Understanding,
    understand,
    with_own_alternative,
    with_own_category,
    with_taken,
)
from registry.resources.search.schemas import (
    AssetFound,
    AssetsFound,
    FurtherSearch,
    LeftOver,
    Owner,
    PackageFound,
    PackagesFound,
    PeopleFound,
    SearchAnswer,
    SearchQuery,
    UnderstoodFrom,
)

REMEMBERED_SECONDS = 60.0
_MOST_LETTERS, _MOST_NAMES, _MOST_ALTERNATIVES, _FARTHEST_KM = 200, 20, 8, 1e6
_LIST, _PEOPLE, _PACKAGES = "/v1/assets", "/v1/capabilities", "/v1/packages"
_CATEGORIES = sa.select(category.c.code, category.c.name)
_CAPABILITIES = sa.select(capability_type.c.code, capability_type.c.name)
_HOME = sa.select(agency.c.time_zone, agency.c.state, agency.c.latitude, agency.c.longitude).where(
    agency.c.id == sa.bindparam("id", type_=agency.c.id.type)
)
_NAME = sa.select(agency.c.name).where(agency.c.id == sa.bindparam("id", type_=agency.c.id.type))
_MOST_PATTERNS = 8
_ONCE_A_DAY = (
    "Numbers of other agencies' people are published once a day: whom an agency has entered since is not counted yet."
)
_NAMED = sa.select(agency.c.id, agency.c.name, agency.c.state, agency.c.latitude, agency.c.longitude).where(
    agency.c.status == "active",
    sa.or_(
        *(sa.func.lower(agency.c.name).like(sa.bindparam(f"name_{i}", type_=sa.Text)) for i in range(_MOST_PATTERNS))
    ),
)
_ACTIVE = sa.select(agency.c.id).where(agency.c.status == "active", agency.c.id.in_(sa.select(category.c.agency_id)))
_NO_WORDS = Lexicon(())
_kept: list[tuple[float, Lexicon, Lexicon, dict[UUID, Lexicon]]] = []


async def search(read: Read, caller: Caller, asked: SearchQuery) -> SearchAnswer:
    """What the sentence means, and the first page of the assets that it asks for, with packages of these words.

    Raises RuleBroken for an unknown category or place among the parameters, and for half a point or window.
    """
    setting = await _setting(read, caller)
    sentence = Sentence(asked.q)
    owner = await _agency(read, asked, sentence, setting)
    found = with_own_category(understand_sentence(sentence, await lexicon(read), setting), await own_lexicon(read))
    elsewhere: FurtherSearch | None = None
    if asked.name is None and asked.place is None and asked.latitude is None:
        found, elsewhere = await _with_asset_name(read, caller, found)
    if asked.place is None and asked.latitude is None:
        found = await _with_county_of_an_agency(read, found, setting)
    if owner is None:
        found, owner = await _agency_left_over(read, found, setting)
    found = with_own_alternative(found, await lexicon_of(read, caller.agency_id))
    said = overruled(asked, found, setting)
    if owner is not None:
        said = msgspec.structs.replace(said, agency=owner[0], other_agencies=owner[1])
    people = await _people(read, caller, as_people_query(said, asked))
    if people is not None and not people.items:
        said = _remarked(said, _ONCE_A_DAY)
    further = [*([] if elsewhere is None else [elsewhere]), *by_themselves(found)]
    left = " ".join(said.left)
    if said.capability is not None and said.category is None:
        if people is not None and not people.items:
            nobody = [([each.without], each.agencies) for each in people.emptied_by]
            said = _remarked(said, nothing_found(said, left, nobody, (each.said for each in further), people=True))
        understood = as_understood(said, _left_over(left, None))
        return SearchAnswer(
            understood=understood, results=None, same_as=None, people=people, packages=None, also_try=further
        )
    query = as_query(said, asked)
    # Words that no asset has are ignored beside something that was understood; alone they find nothing, and not all.
    searched = bool(left) and await _are_looked_for(read, caller, query, said, left)
    if searched:
        query = _with_words(query, left)
    elif left:
        remark = f"No asset that meets the rest has the words “{left}”, so they are ignored."
        said = _remarked(said, remark)
    page = await list_assets(read, caller, query)
    if not page.items:
        further += await instead(read, caller, query)
    results = await _assets(read, caller, query, said, bind(page, _LIST, query))
    said = _remarked(said, *remarks_on(said, results))
    if not page.items:
        without = [(each.without, each.count) for each in results.emptied_by]
        said = _remarked(said, nothing_found(said, left, without, (each.said for each in further)))
    understood = as_understood(said, _left_over(left, page if searched else None))
    same_as = f"{_LIST}?{as_parameters(query)}"
    packages = await _packages(read, caller, as_package_query(said, query, left), query)
    known = packages is not None and (packages.items or packages.left_out)
    if left and not searched and not known:  # what no package has either is ignored
        packages = await _packages(read, caller, as_package_query(said, query, ""), query)
    return SearchAnswer(
        understood=understood,
        results=results,
        same_as=same_as,
        people=people,
        packages=packages,
        also_try=further,
    )


def _remarked(said: Said, *remarks: str) -> Said:
    return msgspec.structs.replace(said, remarks=(*said.remarks, *remarks))


async def _assets(read: Read, caller: Caller, query: AssetQuery, said: Said, page: AssetPage) -> AssetsFound:
    """The page, with what stands beside each asset, and how many are free of all of them together."""
    window = None if said.window is None else said.window[0]
    offers = await offers_of(read, caller, [each.id for each in page.items], window)
    free, or_more = 0, False
    if page.next_cursor is not None and said.quantity is not None:
        in_all = await list_free(read, caller, query)
        free, or_more = in_all.count, in_all.or_more
    elif window is not None:
        each_free = [
            Free(id=each.id, owner=each.agency_id, category=each.category, quantity=offers[each.id].free_quantity or 0)
            for each in page.items
            if each.id in offers
        ]
        free = await free_together(read, caller.agency_id, each_free, window, caller.now)
    return AssetsFound(
        items=[
            AssetFound(
                **msgspec.structs.asdict(each),
                agency=Owner(id=each.agency_id, name=its.agency_name, contact=f"/v1/agencies/{each.agency_id}/contact"),
                free_quantity=its.free_quantity,
                covered=its.covered,
                hourly_cost=its.hourly_cost,
            )
            for each in page.items
            if (its := offers.get(each.id)) is not None
        ],
        next_cursor=page.next_cursor,
        free_in_all=None if are_mixed(said, page) else free_in_all(said, free, or_more=or_more),
        corrections=page.corrections,
        emptied_by=page.emptied_by,
        left_out=page.left_out,
    )


async def _packages(read: Read, caller: Caller, query: PackageQuery | None, assets: AssetQuery) -> PackagesFound | None:
    """The packages with these words; None where the sentence says nothing that is looked for by words.

    How far away each is goes by the point of the query for `assets`.
    """
    if query is None:
        return None
    try:
        page = bind(await list_packages(read, caller, query), _PACKAGES, query)
    except RuleBroken:  # signs that are no words, or more of them than a search may have
        return None
    blocked = await blocked_now(read, caller, page.items) if query.available_from is None else {}
    away: dict[UUID, float] = {}
    if assets.latitude is not None and assets.longitude is not None:
        away = await distances_of(read, page.items, assets.latitude, assets.longitude)
    return PackagesFound(
        items=[
            PackageFound(
                **msgspec.structs.asdict(each),
                distance_km=round(away[each.id], 1) if each.id in away else None,
                blocked_by=blocked_by,
                said=said,
            )
            for each in page.items
            for blocked_by, said in (blocked.get(each.id, ([], None)),)
        ],
        next_cursor=page.next_cursor,
        left_out=await packages_left_out(read, caller, query),
        emptied_by=[] if page.items else await what_emptied(read, caller, query),
        same_as=f"{_PACKAGES}?{as_parameters(query)}",
    )


async def _people(read: Read, caller: Caller, query: CapabilityQuery | None) -> PeopleFound | None:
    """Who has people for it; None where nobody is asked for, or the caller may not ask for people."""
    if query is None or refusal(caller.principal, Action.CAPABILITIES_READ, []) is not None:
        return None
    page = bind(await list_capabilities(read, caller, query), _PEOPLE, query)
    return PeopleFound(
        items=page.items,
        next_cursor=page.next_cursor,
        not_published=page.not_published,
        emptied_by=page.emptied_by,
        same_as=f"{_PEOPLE}?{as_parameters(query)}",
    )


def understand_sentence(sentence: Sentence, phrases: Lexicon, setting: Setting) -> Understanding:
    """What a sentence means, of which some words may be understood already; places are looked up by name."""
    names = names_in(sentence)
    known = {key: places_named(key) for key in {name.key for name in names}}
    return understand(sentence, names, phrases, known, setting)


async def _agency(
    read: Read, asked: SearchQuery, sentence: Sentence, setting: Setting
) -> tuple[tuple[AgencyReference, Part], tuple[AgencyReference, ...]] | None:
    """The owner by its parameter, or that the sentence names, whose words are understood then; and others so called."""
    named = agencies_in(sentence)
    names = [*patterns(named)[:_MOST_PATTERNS], *[""] * _MOST_PATTERNS][:_MOST_PATTERNS]
    like = {f"name_{i}": name for i, name in enumerate(names)}
    rows = await read.all_slowly(_NAMED, like) if named else ()
    called = next((each for each in named if any(is_called(row.name, each) for row in rows)), None)
    if called is not None:
        sentence.take(called.span)
    if asked.agency_id is not None:
        name = await read.value(_NAME, {"id": asked.agency_id})
        return (AgencyReference(id=asked.agency_id, name=name or ""), PARAMETER), ()
    if called is None:
        return None

    return _nearest([row for row in rows if is_called(row.name, called)], sentence.said([called.span]), setting)


async def _agency_left_over(
    read: Read, found: Understanding, setting: Setting
) -> tuple[Understanding, tuple[tuple[AgencyReference, Part], tuple[AgencyReference, ...]] | None]:
    """The owner whose name begins with words that nothing else understood, which are understood then."""
    span = may_begin_a_name(found)
    if span is None:
        return found, None
    like = {f"name_{i}": "" for i in range(_MOST_PATTERNS)}
    rows = await read.all_slowly(_NAMED, like | {"name_0": f"{found.sentence.word(span.first)} %"})
    for end in range(span.end, span.first, -1):
        words = [found.sentence.word(at) for at in range(span.first, end)]
        if called := [row for row in rows if begins_with(row.name, words)]:
            taken = Span(span.first, end)
            return with_taken(found, taken), _nearest(called, found.sentence.said([taken]), setting)
    return found, None


async def _with_county_of_an_agency(read: Read, found: Understanding, setting: Setting) -> Understanding:
    """The sentence, where “in Northfork County” is the county of an agency that is called so, and no other is known."""
    span = county_named(found)
    if span is None:
        return found
    words = [found.sentence.tokens[at].word for at in range(*span)]
    like = {f"name_{i}": "" for i in range(_MOST_PATTERNS)}
    rows = await read.all_slowly(_NAMED, like | {"name_0": f"{words[0]} %"})
    called = [row for row in rows if row.latitude is not None and begins_with(row.name, words)]
    if not called:
        return found
    row = _in_order(called, setting)[0]
    return at_the_agency(found, span, row.name, row.state, (row.latitude, row.longitude))


def _nearest(
    rows: Iterable[Any], said: str, setting: Setting
) -> tuple[tuple[AgencyReference, Part], tuple[AgencyReference, ...]]:
    """The agency of that name that is nearest to the caller's, and the others."""

    first, *others = _in_order(rows, setting)
    part = Part(said=said, understood_from=UnderstoodFrom.SENTENCE)
    references = tuple(AgencyReference(id=row.id, name=row.name) for row in others[:_MOST_ALTERNATIVES])
    return (AgencyReference(id=first.id, name=first.name), part), references


def _in_order(rows: Iterable[Any], setting: Setting) -> list[Any]:
    def order(row: Any) -> tuple[float, str]:
        if setting.home is None or row.latitude is None:
            return _FARTHEST_KM, str(row.id)
        return distance_km(setting.home[0], setting.home[1], row.latitude, row.longitude), str(row.id)

    return sorted(rows, key=order)


async def _with_asset_name(
    read: Read, caller: Caller, found: Understanding
) -> tuple[Understanding, FurtherSearch | None]:
    """The sentence, with the words that are the name of an asset that the caller sees understood as such.

    What is called so is found whatever its category is. Where the words for a category are only a part of names
    elsewhere, the search for these names stands beside it.
    """
    span = asset_name_in(found)
    if span is None and found.category is not None and len(found.category.span) == 1 and not found.category.slips:
        span = found.category.span[0]
    if span is None or found.category is None:
        return found, None
    said, code = found.sentence.said([span]), found.category.meaning.code
    query = AssetQuery(q=f'"{said}"', limit=_MOST_NAMES)
    try:
        page = await list_assets(read, caller, query, explained=False)
    except RuleBroken:  # signs that are no words
        return found, None
    called = [each for each in page.items if holds_name(each.name, said)]
    others = [each for each in called if each.category != code and not each.category.startswith(f"{code}.")]
    if span.size > found.category.span[0].size:
        named = with_name(found, span) if called else found
        return (whatever_it_is(named) if others and called else named), None
    if any(is_whole_name(each.name, said) for each in others):
        return whatever_it_is(with_name(found, span)), None
    if not others:
        return found, None
    names = ", ".join(f"“{each.name}”" for each in others[:_MOST_ALTERNATIVES])
    other = FurtherSearch(
        said=f"Of another category, and with “{said}” in the name: {names}",
        count=None,
        same_as=f"{_LIST}?{urlencode({'q': said})}",
    )
    return found, other


def _left_over(words: str, found: AssetPage | None) -> LeftOver | None:
    """The words that nothing understood, with those of them that `found` was found by in another spelling."""
    if not words:
        return None
    written = {*query_tokens(words)}
    corrections = [] if found is None else [each for each in found.corrections if each.given in written]
    return LeftOver(words=words, searched=found is not None, corrections=corrections)


def _with_words(query: AssetQuery, words: str) -> AssetQuery:
    return msgspec.structs.replace(query, q=(f"{query.q} {words}" if query.q else words)[:_MOST_LETTERS])


async def _setting(read: Read, caller: Caller) -> Setting:
    row = await read.first(_HOME, {"id": caller.agency_id})
    home: Point | None = None if row is None or row.latitude is None else (row.latitude, row.longitude)
    zone = "UTC" if row is None or row.time_zone is None else row.time_zone
    state = "" if row is None else row.state or ""
    return Setting(now=caller.now, zone=ZoneInfo(zone), home=home, home_state=state)


async def lexicon(read: Read) -> Lexicon:
    """The words for the categories and capabilities that all share, cached for a minute."""
    return (await _lexicons(read))[0]


async def own_lexicon(read: Read) -> Lexicon:
    """The words for categories of agencies' own, of agencies that are active, cached for a minute."""
    return (await _lexicons(read))[1]


async def lexicon_of(read: Read, agency_id: UUID) -> Lexicon:
    """The words for the categories that this agency added, cached for a minute."""
    return (await _lexicons(read))[2].get(agency_id, _NO_WORDS)


async def _lexicons(read: Read) -> tuple[Lexicon, Lexicon, dict[UUID, Lexicon]]:
    at = time.monotonic()
    if not _kept or at - _kept[0][0] >= REMEMBERED_SECONDS:
        meanings = {
            (means, row.code): Meaning(means=means, code=row.code, name=row.name)
            for means, statement in ((Means.CATEGORY, _CATEGORIES), (Means.CAPABILITY, _CAPABILITIES))
            for row in await read.all(statement)
        }
        active = {row.id for row in await read.all(_ACTIVE)}
        by_agency: dict[UUID, list[PlainWord]] = {}
        for word, owner in await own_words(read):
            if owner in active:
                by_agency.setdefault(owner, []).append(word)
        own = [word for words in by_agency.values() for word in words]
        each_own = {owner: Lexicon(_phrases(words, meanings)) for owner, words in by_agency.items()}
        _kept[:] = [(at, Lexicon(_phrases(load_words(), meanings)), Lexicon(_phrases(own, meanings)), each_own)]
    return _kept[0][1:]


def _phrases(
    words: Iterable[PlainWord], meanings: Mapping[tuple[Means, str], Meaning]
) -> Iterator[tuple[str, Meaning]]:
    for word in sorted(words, key=lambda each: -each.weight):
        for means, code in ((Means.CATEGORY, word.category), (Means.CAPABILITY, word.capability)):
            if code is not None and (meaning := meanings.get((means, code))) is not None:
                yield word.phrase, meaning


def _is_understood(said: Said) -> bool:
    """Whether the sentence says what it looks for, and not only where, when or how many."""
    return said.category is not None or said.name is not None or said.certified_for is not None or bool(said.attributes)


async def _are_looked_for(read: Read, caller: Caller, query: AssetQuery, said: Said, left: str) -> bool:
    """Whether the words that were left over narrow: an asset that meets the query has them, or nothing else is said."""
    try:
        page = await list_assets(
            read, caller, msgspec.structs.replace(_with_words(query, left), limit=1), explained=False
        )
    except RuleBroken:  # more words than a search may have
        return False
    return bool(page.items) or not _is_understood(said)
