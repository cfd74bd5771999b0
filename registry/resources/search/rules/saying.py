"""What was understood, as the answer says it, and as the query of the asset list that answers it."""

from collections.abc import Iterable
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.places.gazetteer import Place, PlaceKind
from registry.platform.kernel.time import Window, format_instant
from registry.platform.kernel.words import Slip
from registry.resources.assets.certifying import CertifiedToLend
from registry.resources.assets.rules import PackageStatus, ServiceStatus
from registry.resources.assets.schemas.listing import AssetPage, AssetQuery, Correction
from registry.resources.packages.schemas import PackageQuery
from registry.resources.personnel.searching import CapabilityQuery
from registry.resources.search.rules.kinds import Kind, Meaning
from registry.resources.search.schemas import (
    AssetsFound,
    FreeInAll,
    LeftOver,
    Meant,
    PlaceMeant,
    SearchQuery,
    Understood,
    UnderstoodAgency,
    UnderstoodAttribute,
    UnderstoodCapability,
    UnderstoodCategory,
    UnderstoodCertificate,
    UnderstoodFrom,
    UnderstoodLendable,
    UnderstoodName,
    UnderstoodNumber,
    UnderstoodPlace,
    UnderstoodWindow,
)

_NOT_CERTIFIED = frozenset((CertifiedToLend.LAPSES, CertifiedToLend.NONE_ON_FILE))
_LANGUAGE = "language"
ASSUMED_KM = 80.0
"""How far around a place is searched when the sentence does not say: about 50 miles."""


class Part(Struct, kw_only=True, frozen=True):
    """The words that say a part, and where it comes from."""

    said: str | None
    understood_from: UnderstoodFrom


PARAMETER = Part(said=None, understood_from=UnderstoodFrom.PARAMETER)
ASSUMED = Part(said=None, understood_from=UnderstoodFrom.ASSUMED)


class Said(Struct, kw_only=True, frozen=True):
    """Sentence and parameters together: each part with where it comes from."""

    zone: ZoneInfo
    left: tuple[str, ...]
    category: tuple[Meaning, Part] | None = None
    capability: tuple[Meaning, Part] | None = None
    level: int | None = None
    category_kind: Kind | None = None
    own: Meaning | None = None
    """The asking agency's own category of these words, which is searched as well."""
    certified_for: tuple[Meaning, Part] | None = None
    certified_kind: Kind | None = None
    discipline: str = ""
    """The words for that alone, where they are not those of the category."""
    capability_kind: Kind | None = None
    agency: tuple[AgencyReference, Part] | None = None
    other_agencies: tuple[AgencyReference, ...] = ()
    name: tuple[str, Part] | None = None
    place: tuple[Place | None, float, float, Part] | None = None
    other_places: tuple[Place, ...] = ()
    within_km: tuple[float, Part] | None = None
    within_minutes: tuple[int, Part] | None = None
    window: tuple[Window, Part] | None = None
    assumed_length: str | None = None
    other_window: Window | None = None
    quantity: tuple[int, Part] | None = None
    counts_people: bool = False
    """The same words name people and teams of them; the quantity is one of people."""
    type_at_least: tuple[int, Part] | None = None
    lendable: tuple[bool, Part] | None = None
    attributes: tuple[tuple[Meaning, str], ...] = ()
    remarks: tuple[str, ...] = ()
    did_you_mean: tuple[Place, ...] = ()


def is_whole_state(said: Said) -> bool:
    """Whether the place is a state: its agencies are meant, and no point in the middle of it."""
    return said.place is not None and said.place[0] is not None and said.place[0].kind is PlaceKind.STATE


def as_query(said: Said, asked: SearchQuery) -> AssetQuery:
    """The query of the asset list for what was understood.

    How many are needed is no criterion of it: two dogs may be those of two records.
    """
    query = AssetQuery(
        limit=asked.limit,
        category=None if said.category is None else said.category[0].code,
        also_category=None if said.own is None else said.own.code,
        type_at_least=None if said.type_at_least is None else said.type_at_least[0],
        certified_for=None if said.certified_for is None else said.certified_for[0].code,
        attributes={meaning.code: meaning.value for meaning, _ in said.attributes},
        lendable=True if said.lendable is not None and said.lendable[0] else None,
        agency_id=None if said.agency is None else said.agency[0].id,
        q=None if said.name is None else '"{}"'.format(said.name[0].replace('"', " ")),
        service_status=() if asked.not_in_service else (ServiceStatus.IN_SERVICE,),
        include=("left_out",),
    )
    if said.window is not None:
        query = msgspec.structs.replace(
            query,
            available_from=said.window[0].start,
            available_to=said.window[0].end,
        )
    if said.place is None:
        return query
    place, latitude, longitude, _ = said.place
    if place is not None and place.kind is PlaceKind.STATE:
        return msgspec.structs.replace(query, state=(place.state,))
    return msgspec.structs.replace(
        query,
        latitude=latitude,
        longitude=longitude,
        within_km=None if said.within_km is None else said.within_km[0],
        within_minutes=None if said.within_minutes is None else said.within_minutes[0],
    )


def free_in_all(said: Said, free: int, *, or_more: bool) -> FreeInAll | None:
    """How many are free in all, of those that are needed; None where no number of assets is said."""
    if said.quantity is None or said.counts_people:
        return None
    asked = said.quantity[0]
    if free < asked and not or_more:
        words = f"only {free} of {asked}" if free else f"none free, of {asked} asked"
    else:
        words = f"{free}{' or more' if or_more else ''} free in all, of {asked} asked"
    return FreeInAll(asked=asked, free=free, or_more=or_more, said=words)


MOST_PACKAGES = 10
_LONGEST_WORDS = 200


def as_package_query(said: Said, query: AssetQuery, left: str) -> PackageQuery | None:
    """The query of the package list: by the words for what is looked for, those left over included, in its window.

    A package is called what its owner calls it, and has no category. None where there are no such words.
    """
    category = None if said.category is None else said.category[1].said or said.category[0].name
    name = None if said.name is None else said.name[0]
    words = " ".join(filter(None, (said.discipline, category, name, left)))
    if not words:
        return None
    return PackageQuery(
        q=words[:_LONGEST_WORDS],
        status=(PackageStatus.ACTIVE,),
        agency_id=query.agency_id,
        available_from=query.available_from,
        available_to=query.available_to,
        limit=MOST_PACKAGES,
    )


def are_mixed(said: Said, page: AssetPage) -> bool:
    """Whether what was found is of several kinds of which none was asked for: their numbers are not one number."""
    if said.category is not None or said.name is not None:
        return False
    return page.next_cursor is not None or len({each.category for each in page.items}) > 1


def remarks_on(said: Said, results: AssetsFound) -> Iterable[str]:
    """What is to be known of the assets on the page before one of them is asked for."""
    categories = sorted({each.category for each in results.items})
    if said.quantity is not None and results.free_in_all is None and len(categories) > 1 and not said.counts_people:
        yield (
            f"What is found is of several categories ({', '.join(categories)}), so it is not counted together. Add "
            "`category` for one of them."
        )
    short = sum(each.certification in _NOT_CERTIFIED for each in results.items)
    if short:
        when = "then" if said.window is not None else "now"
        yield (
            f"{short} of the assets on this page {'has' if short == 1 else 'have'} no certification that is current "
            f"{when}, though the category calls for one (`certification`): a request for it is denied."
        )


def as_people_query(said: Said, asked: SearchQuery) -> CapabilityQuery | None:
    """The query of the list of capabilities; None where no capability is asked for."""
    if said.capability is None:
        return None
    code = said.capability[0].code
    spoken = code == _LANGUAGE or code.startswith(f"{_LANGUAGE}.")
    query = CapabilityQuery(
        capability=code,
        limit=asked.limit,
        level_at_least=str(said.level) if spoken and said.level is not None else None,
        available_from=None if said.window is None else said.window[0].start,
        available_to=None if said.window is None else said.window[0].end,
        lendable=True if said.lendable is not None and said.lendable[0] else None,
        agency_id=None if said.agency is None else said.agency[0].id,
    )
    if said.place is None:
        return query
    place, latitude, longitude, _ = said.place
    if place is not None and place.kind is PlaceKind.STATE:
        return msgspec.structs.replace(query, state=place.state)
    within_km = None if said.within_km is None else said.within_km[0]
    return msgspec.structs.replace(query, latitude=latitude, longitude=longitude, within_km=within_km)


def as_understood(said: Said, left: LeftOver | None) -> Understood:
    """What was understood, part by part."""
    return Understood(
        category=_category(said),
        certified_for=_certificate(said),
        capability=_capability(said),
        agency=_agency(said),
        name=None
        if said.name is None
        else UnderstoodName(value=said.name[0], said=said.name[1].said, understood_from=said.name[1].understood_from),
        place=_place(said),
        within_km=_number(said.within_km),
        within_minutes=_number(said.within_minutes),
        window=_window(said),
        quantity=_number(said.quantity),
        type_at_least=_number(said.type_at_least),
        lendable=None
        if said.lendable is None
        else UnderstoodLendable(
            value=said.lendable[0], said=said.lendable[1].said, understood_from=said.lendable[1].understood_from
        ),
        attributes=[
            UnderstoodAttribute(name=meaning.code, value=meaning.value, said=words)
            for meaning, words in said.attributes
        ],
        left_over=left,
        remarks=list(said.remarks),
        did_you_mean=_places(said.did_you_mean),
    )


def _category(said: Said) -> UnderstoodCategory | None:
    if said.category is None:
        return None
    meaning, part = said.category
    return UnderstoodCategory(
        code=meaning.code,
        name=meaning.name,
        said=part.said,
        understood_from=part.understood_from,
        corrections=_corrections(said.category_kind),
        alternatives=_alternatives(said.category_kind),
    )


def _certificate(said: Said) -> UnderstoodCertificate | None:
    if said.certified_for is None:
        return None
    meaning, part = said.certified_for
    return UnderstoodCertificate(
        code=meaning.code,
        name=meaning.name,
        said=part.said,
        understood_from=part.understood_from,
        corrections=_corrections(said.certified_kind),
        alternatives=_alternatives(said.certified_kind),
    )


def _capability(said: Said) -> UnderstoodCapability | None:
    if said.capability is None:
        return None
    meaning, part = said.capability
    return UnderstoodCapability(
        code=meaning.code,
        name=meaning.name,
        level_at_least=said.level,
        said=part.said,
        understood_from=part.understood_from,
        corrections=_corrections(said.capability_kind),
        alternatives=_alternatives(said.capability_kind),
    )


def _agency(said: Said) -> UnderstoodAgency | None:
    if said.agency is None:
        return None
    owner, part = said.agency
    return UnderstoodAgency(
        id=owner.id,
        name=owner.name,
        said=part.said,
        understood_from=part.understood_from,
        alternatives=list(said.other_agencies),
    )


def _corrections(kind: Kind | None) -> list[Correction]:
    slips: tuple[Slip, ...] = () if kind is None else kind.slips
    return [Correction(given=slip.written, also=slip.meant) for slip in slips]


def _alternatives(kind: Kind | None) -> list[Meant]:
    return [Meant(code=each.code, name=each.name) for each in (() if kind is None else kind.alternatives)]


def _place(said: Said) -> UnderstoodPlace | None:
    if said.place is None:
        return None
    place, latitude, longitude, part = said.place
    return UnderstoodPlace(
        name=None if place is None else place.name,
        state=None if place is None else place.state,
        whole_state=is_whole_state(said),
        latitude=latitude,
        longitude=longitude,
        said=part.said,
        understood_from=part.understood_from,
        alternatives=_places(said.other_places),
    )


def _places(places: tuple[Place, ...]) -> list[PlaceMeant]:
    return [
        PlaceMeant(name=each.name, state=each.state, latitude=each.latitude, longitude=each.longitude)
        for each in places
    ]


def _window(said: Said) -> UnderstoodWindow | None:
    if said.window is None:
        return None
    window, part = said.window
    other = said.other_window
    return UnderstoodWindow(
        start=window.start,
        end=window.end,
        time_zone=said.zone.key,
        said=part.said,
        understood_from=part.understood_from,
        assumed=said.assumed_length,
        alternative_start=None if other is None else other.start,
        alternative_end=None if other is None else other.end,
    )


def _number(found: tuple[float, Part] | None) -> UnderstoodNumber | None:
    if found is None:
        return None
    value, part = found
    return UnderstoodNumber(value=value, said=part.said, understood_from=part.understood_from)


def as_parameters(query: AssetQuery | CapabilityQuery | PackageQuery) -> str:
    """The query as the parameters of a URL."""
    given: list[tuple[str, str]] = []
    for field in msgspec.structs.fields(query):
        value = getattr(query, field.name)
        if value == field.default or value in ((), {}):
            continue
        if field.name == "attributes":
            given += [(f"attr.{name}", stated) for name, stated in value.items()]
        elif isinstance(value, tuple):
            given += [(field.encode_name, str(each)) for each in value]
        else:
            given.append((field.encode_name, _in_url(value)))
    return urlencode(given)


def _in_url(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return format_instant(value) if hasattr(value, "tzinfo") else str(value)  # type: ignore[arg-type]  # an instant
