"""Operations on loans, from the reservation to the return, and on packages that are reserved whole."""

from litestar import Router

from registry.sharing.loans.routes import (
    contesting,
    counting,
    damage,
    exporting,
    filing,
    handing_over,
    packaging,
    reading,
    rescheduling,
    reserving,
)

router = Router(
    path="/v1",
    route_handlers=[
        *reading.handlers,
        *exporting.handlers,
        *filing.handlers,
        *reserving.handlers,
        *handing_over.handlers,
        *contesting.handlers,
        *counting.handlers,
        *damage.handlers,
        *rescheduling.handlers,
        *packaging.handlers,
    ],
)
