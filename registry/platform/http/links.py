"""Links between pages."""


def next_link(request_target: str, cursor: str | None) -> str | None:
    """The URL of the next page: the same query with the next cursor; None on the last page.

    The other parameters stay as the client wrote them; a cursor needs no escaping (see `paging`).
    """
    if cursor is None:
        return None
    path, _, query = request_target.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("cursor=")]
    return f"{path}?{'&'.join([*kept, f'cursor={cursor}'])}"
