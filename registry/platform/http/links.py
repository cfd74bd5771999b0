"""Links between pages, and addresses for paper."""

from registry.platform.http.asgi import Scope


def next_link(request_target: str, cursor: str | None) -> str | None:
    """The URL of the next page: the same query with the next cursor; None on the last page.

    The other parameters stay as the client wrote them; a cursor needs no escaping (see `paging`).
    """
    if cursor is None:
        return None
    path, _, query = request_target.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("cursor=")]
    return f"{path}?{'&'.join([*kept, f'cursor={cursor}'])}"


def absolute(public_url: str, scope: Scope, path: str) -> str:
    """The whole address of a path, for paper: below the public address, else where the request was sent.

    Whoever stands behind a proxy that changes the scheme or the host sets the public address.
    """
    if public_url:
        return f"{public_url.rstrip('/')}{path}"
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    return f"{scope['scheme']}://{host}{path}"
