"""Links between pages."""


def next_link(here: str, cursor: str | None) -> str | None:
    """The address of the next page: the same question with the next cursor; None on the last page.

    Parameters stay as they were written; a cursor needs no quoting (see `paging`).
    """
    if cursor is None:
        return None
    path, _, query = here.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("cursor=")]
    return f"{path}?{'&'.join([*kept, f'cursor={cursor}'])}"
