"""Operations on requests, and on their lines."""

from litestar import Router

from registry.sharing.requests.routes import asking, declining, mending, reading

router = Router(
    path="/v1",
    route_handlers=[*reading.handlers, *asking.handlers, *mending.handlers, *declining.handlers],
)
