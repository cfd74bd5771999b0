"""How an operation is declared: method, path, permission and the problems it can answer with, in one line.

What is declared here is enforced (guard, strict query) and documented (OpenAPI) from the same words.
"""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler

from registry.access.gate import guard
from registry.access.permissions import Action

_VERBS: dict[str, Callable[..., Any]] = {"get": get, "post": post, "patch": patch, "delete": delete}


def operation(
    verb: Literal["get", "post", "patch", "delete"],
    path: str,
    *,
    permission: Action | None,
    problems: tuple[int, ...] = (),
    query: type[msgspec.Struct] | None = None,
    status: int | None = None,
    example: object | None = None,
    answer: object | None = None,
    etag: bool = False,
    public: bool = False,
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Declare a handler. Its name is the operation id, the first line of its docstring the summary.

    `problems` lists statuses beyond those every operation of its kind can give; `example` and `answer` are worked
    bodies for the contract; `etag` says that the item carries one; `public` that no token is needed.
    """

    def declare(function: Callable[..., Any]) -> HTTPRouteHandler:
        summary, _, description = (function.__doc__ or "").strip().partition("\n")
        handler: HTTPRouteHandler = _VERBS[verb](
            path,
            operation_id=function.__name__,
            summary=summary.rstrip("."),
            description=" ".join(description.split()) or summary,
            guards=[guard],
            status_code=status or (201 if verb == "post" else 204 if verb == "delete" else 200),
            opt={
                "permission": permission,
                "problems": problems,
                "query": query,
                "example": example,
                "answer": answer,
                "etag": etag,
                "public": public,
            },
        )(function)
        return handler

    return declare
