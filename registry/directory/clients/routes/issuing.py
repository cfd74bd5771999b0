"""The token endpoint, and what clients look up before: metadata and keys."""

import structlog

from registry.directory.clients import queries
from registry.directory.clients.commands.issuing import TokenAsked, issue_token
from registry.directory.clients.commands.signing import KEYS_PATH, AuthorizationServer
from registry.directory.clients.rules import GRANT_TYPE, SERVICE_SCOPES
from registry.directory.clients.schemas import (
    TOKEN_REQUEST_EXAMPLE,
    AccessToken,
    AuthorizationServerMetadata,
    PublishedKeySet,
    TokenRequest,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, Rendered
from registry.platform.http.asgi import Scope
from registry.platform.http.metrics import Metrics
from registry.platform.http.problems import trace_id_of
from registry.platform.http.requests import Form, header_values
from registry.platform.issuers import ALGORITHMS
from registry.platform.kernel.errors import ClientRefused, NotFound

_log = structlog.get_logger("registry.platform.access")
_PUBLIC = (
    "busy",
    "database_busy",
    "database_failed",
    "database_read_only",
    "internal_error",
    "malformed",
    "overloaded",
    "unknown_parameter",
)
_OF_A_FORM = ("body_too_large", "unsupported_media_type")
_STORING = ("commit_failed", "commit_uncertain", "write_queue_full", "write_wait_over")


class TokenAnswer(Answer[AccessToken]):
    """A token on its way out: nobody keeps it."""

    def render(self, scope: Scope, status: int) -> Rendered:
        """The finished response, with the header fields of RFC 6749, 5.1."""
        rendered = super().render(scope, status)
        rendered.headers.append((b"pragma", b"no-cache"))
        return rendered


@operation(
    "post",
    "/token",
    permission=None,
    public=True,
    status=200,
    form=TokenRequest,
    example=TOKEN_REQUEST_EXAMPLE,
    problems=tuple(sorted({*_PUBLIC, *_STORING, *_OF_A_FORM, "clients_off", "rate_limited"})),
)
async def create_token(
    form: Supplied[Form],
    read: Supplied[Read],
    write: Supplied[Write],
    authorization_server: Supplied[AuthorizationServer],
    metrics: Supplied[Metrics],
    scope: Supplied[Scope],
) -> Answer[AccessToken]:
    """Get a token as a service client (OAuth 2.0, grant `client_credentials`).

    The client says who it is by HTTP Basic, by `client_id` and `client_secret` in the form, or by `client_assertion`.
    What OAuth refuses is answered in its own words (RFC 6749, 5.2), everything else as a problem.
    """
    address = scope["client"][0] if scope.get("client") else ""
    fields = header_values(scope, b"authorization")
    asked = TokenAsked(form=form, authorization=fields, address=address, now=scope["registry.now"])
    try:
        return TokenAnswer(await issue_token(read, write, authorization_server, asked), restricted=True)
    except ClientRefused as refused:
        metrics.clients_refused.labels(refused.reason).inc()
        _log.warning("client refused", trace_id=trace_id_of(scope), reason=refused.reason, client_id=refused.client_id)
        raise


@operation("get", KEYS_PATH, permission=None, public=True, problems=_PUBLIC)
async def get_token_keys(
    read: Supplied[Read], authorization_server: Supplied[AuthorizationServer], scope: Supplied[Scope]
) -> Answer[PublishedKeySet]:
    """Read the public keys by which the registry's own tokens are verified, as a JSON Web Key Set."""
    if not authorization_server.is_on:
        return Answer(PublishedKeySet(keys=[]))
    return Answer(await queries.verifying_keys(read, scope["registry.now"]))


@operation(
    "get",
    "/.well-known/oauth-authorization-server",
    permission=None,
    public=True,
    problems=tuple(sorted({*_PUBLIC, "not_found"})),
)
async def get_authorization_server(
    authorization_server: Supplied[AuthorizationServer],
) -> Answer[AuthorizationServerMetadata]:
    """Read what a client needs to know of the token endpoint (RFC 8414); not there while service clients are off."""
    server = authorization_server
    if not server.is_on:
        raise NotFound("page")
    methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    return Answer(
        AuthorizationServerMetadata(
            issuer=server.issuer,
            token_endpoint=server.token_endpoint,
            jwks_uri=server.issuer + KEYS_PATH,
            grant_types_supported=[GRANT_TYPE],
            response_types_supported=[],
            scopes_supported=sorted(SERVICE_SCOPES),
            token_endpoint_auth_methods_supported=methods,
            token_endpoint_auth_signing_alg_values_supported=list(ALGORITHMS),
        )
    )
