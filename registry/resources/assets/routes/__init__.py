"""The operations on assets, verb by verb as their commands are."""

from litestar import Router

from registry.resources.assets.routes import (
    certifying,
    editing,
    exporting,
    planning,
    publishing,
    reading,
    registering,
    servicing,
)

router = Router(
    path="/v1",
    route_handlers=[
        *reading.handlers,
        *exporting.handlers,
        *registering.handlers,
        *editing.handlers,
        *servicing.handlers,
        *planning.handlers,
        *certifying.handlers,
        *publishing.handlers,
    ],
)
public_router = Router(path="/", route_handlers=[publishing.get_asset_calendar])
"""What needs no token: calendars, at an address that is one."""
