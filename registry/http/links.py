"""Links between pages."""

from urllib.parse import parse_qsl, urlencode


def next_link(here: str, cursor: str | None) -> str | None:
    """The address of the next page: the same question with the next cursor; None on the last page."""
    if cursor is None:
        return None
    path, _, query = here.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name != "cursor"]
    return f"{path}?{urlencode([*kept, ('cursor', cursor)])}"
