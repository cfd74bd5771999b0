"""Operations on requests, and on their lines."""

from litestar import Router

from registry.sharing.requests.routes import (
    asking,
    cancelling,
    declining,
    exporting,
    mending,
    offering,
    reading,
    sourcing,
)

router = Router(
    path="/v1",
    route_handlers=[
        *reading.handlers,
        *exporting.handlers,
        *asking.handlers,
        *mending.handlers,
        *declining.handlers,
        *cancelling.handlers,
        *sourcing.handlers,
        *offering.handlers,
    ],
)
