"""Which text others than the parties are shown in lists and found by: written anew whenever windows are."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.indexing import index_public_title
from registry.agreements.instruments.tables import agreement
from registry.platform.database.handles import Write
from registry.platform.kernel.text import folded

_SET = agreement.update().where(agreement.c.id == sa.bindparam("its_id", type_=agreement.c.id.type))


async def show_to_others(
    write: Write, row: Row[Any], in_effect: Sequence[Row[Any]], published: Collection[UUID]
) -> Row[Any] | None:
    """Let others see the last of the agreement's texts, in the order in which they take effect, that is published.

    That text; None where there is none.

    A later one that nobody agreed to publish hides none that was: what was agreed to be shown stays so until a party
    takes its word back.
    """
    text = next((each for each in reversed(in_effect) if each.version_id in published), None)
    number = None if text is None else text.no
    if number == row.public_version:
        return text
    values: dict[str, object] = {
        "is_public": text is not None,
        "public_version": number,
        "public_title": None if text is None else text.title,
        "public_expires_on": None if text is None else text.expires_on,
        "public_search_text": None if text is None else folded(row.number, text.title),
    }
    await write.run(_SET, {"its_id": row.id, **values})
    await index_public_title(write, row.id, row.number, None if text is None else text.title)
    return text
