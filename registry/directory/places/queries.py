"""What names and points mean, as the API answers it. Nothing is read from the database."""

from registry.directory.places.gazetteer import Place, PlaceKind, find_places
from registry.directory.places.outlines import county_at
from registry.directory.places.schemas import CountyAtPoint, NamedPlace, NamedPlaceList, PlaceQuery, PointQuery
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.geo import Location


def search_places(query: PlaceQuery) -> NamedPlaceList:
    """What a name may mean. Raises RuleBroken for half a point."""
    if (query.latitude is None) != (query.longitude is None):
        raise RuleBroken.at(
            "A search around a point needs latitude and longitude.",
            "incomplete_place",
            "give both or neither",
            parameter="longitude" if query.longitude is None else "latitude",
        )
    near = None if query.latitude is None or query.longitude is None else (query.latitude, query.longitude)
    return NamedPlaceList(
        items=[_shown(each) for each in find_places(query.q, state=query.state, near=near, most=query.limit)]
    )


def get_place_at(query: PointQuery) -> CountyAtPoint:
    """The county at a point."""
    found = county_at(query.latitude, query.longitude)
    if found is None:
        return CountyAtPoint(county=None)
    return CountyAtPoint(
        county=NamedPlace(
            name=found.name,
            kind=PlaceKind.COUNTY,
            state=found.state,
            county_fips=found.code,
            location=Location(latitude=found.latitude, longitude=found.longitude),
            population=None,
        )
    )


def _shown(place: Place) -> NamedPlace:
    return NamedPlace(
        name=place.name,
        kind=place.kind,
        state=place.state,
        county_fips=place.fips if place.kind is PlaceKind.COUNTY else None,
        location=Location(latitude=place.latitude, longitude=place.longitude),
        population=place.population,
    )
