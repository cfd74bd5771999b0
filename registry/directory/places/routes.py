"""Operations that say what names and points mean. Every caller may use them."""

from litestar import Router

from registry.directory.places import queries
from registry.directory.places.schemas import CountyAtPoint, NamedPlaceList, PlaceQuery, PointQuery
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.http.answers import Answer


@operation("get", "/places", permission=Action.TAXONOMY_READ, query=PlaceQuery, problems=("incomplete_place",))
async def search_places(filters: Supplied[PlaceQuery]) -> Answer[NamedPlaceList]:
    """Look up what the name of a place, county or state may mean, and where that is.

    Places of 500 people and more are of GeoNames (geonames.org, CC BY 4.0), counties and states of the Census Bureau.
    """
    return Answer(queries.search_places(filters))


@operation("get", "/places/at", permission=Action.TAXONOMY_READ, query=PointQuery)
async def get_place_at(filters: Supplied[PointQuery]) -> Answer[CountyAtPoint]:
    """Look up which county a point lies in.

    By outlines that are simplified for maps: near a border it may be the neighbour.
    """
    return Answer(queries.get_place_at(filters))


router = Router(path="/v1", route_handlers=[search_places, get_place_at])
