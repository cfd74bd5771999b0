"""How a loan is answered, and how its steps are declared."""

from collections.abc import Callable
from typing import Any

from litestar.handlers import HTTPRouteHandler

from registry.platform.access.operations import operation
from registry.platform.access.permissions import Action
from registry.platform.http.answers import Answer, entity_tag
from registry.sharing.loans.schemas.shown import Loan, PackageReservation
from registry.sharing.obligations.queries import numbered


def answer(found: Loan, *, created: bool = False) -> Answer[Loan]:
    return Answer(
        found,
        etag=entity_tag(
            found.version,
            found.status,
            found.overdue,
            found.asset_warnings,
            numbered(found.obligations),
            found.allowed_actions,
        ),
        location=f"/v1/loans/{found.id}" if created else None,
    )


def package_answer(found: PackageReservation, *, created: bool = False) -> Answer[PackageReservation]:
    derived = [(each.status, each.overdue, each.asset_unavailable) for each in found.loans]
    return Answer(
        found,
        etag=entity_tag(found.version, derived, found.allowed_actions),
        location=f"/v1/package-reservations/{found.id}" if created else None,
    )


def verb(
    name: str, permission: Action, *, problems: tuple[str, ...] = (), example: object | None = None
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    return operation(
        "post",
        f"/loans/{{loan_id:uuid}}/{name}",
        permission=permission,
        status=200,
        problems=problems,
        example=example,
        etag=True,
    )
