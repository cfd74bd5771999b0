"""The operations on the taxonomy, verb by verb as their commands are."""

from litestar import Router

from registry.directory.taxonomy.routes import extending, reading

router = Router(path="/v1", route_handlers=[*reading.handlers, *extending.handlers])
"""The taxonomy in the API."""
