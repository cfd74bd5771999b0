"""The operations on service clients, verb by verb as their commands are."""

from litestar import Router

from registry.directory.clients.routes import issuing, registering

router = Router(path="/v1", route_handlers=[*registering.handlers, issuing.create_token])
public_router = Router(path="/", route_handlers=[issuing.get_token_keys, issuing.get_authorization_server])
"""What clients look up before they have a token, at the addresses of RFC 8414 and RFC 7517."""
