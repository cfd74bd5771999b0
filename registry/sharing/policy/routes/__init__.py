"""Operations on decisions, and on agencies' own policy sets."""

from litestar import Router

from registry.sharing.policy.routes import activating, drafting, reading

router = Router(path="/v1", route_handlers=[*reading.handlers, *drafting.handlers, *activating.handlers])
