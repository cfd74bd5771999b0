"""Operations on decisions, and on agencies' own policy sets."""

from litestar import Router

from registry.sharing.policy.routes import activating, drafting, previewing, reading

router = Router(
    path="/v1",
    route_handlers=[*reading.handlers, *drafting.handlers, *previewing.handlers, *activating.handlers],
)
