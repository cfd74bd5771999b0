"""Operator's acts in the API."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.operator_acts.rules import OperatorActStatus
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Reason
from registry.platform.kernel.time import Instant


class OperatorPerson(Struct, kw_only=True, frozen=True):
    """An administrator of the registry, as its issuer knows it."""

    issuer: str
    subject: str


class OperatorAct(Struct, kw_only=True, frozen=True):
    """An act of the registry's operator that a second operator approves before it is done."""

    id: UUID
    operation: Annotated[str, Meta(description="The operation that was asked for, by its id in this contract.")]
    path: Annotated[str, Meta(description="The path that it was sent to.")]
    body: Annotated[str, Meta(description="What was sent, as JSON.")]
    status: OperatorActStatus
    proposed_by: Annotated[OperatorPerson, Meta(description="Who asked for it.")]
    proposed_at: Annotated[Instant, Meta(description="When it was asked for.")]
    lapses_at: Annotated[Instant, Meta(description="Until when it can be approved.")]
    decided_by: Annotated[OperatorPerson | None, Meta(description="Who approved or rejected it; null while open.")]
    decided_at: Annotated[Instant | None, Meta(description="When that was; null while open.")]
    reason: Annotated[str | None, Meta(description="Why it was rejected; null where it was not.")]
    allowed_actions: list[AllowedAction]
    version: int


class OperatorActPage(Struct, kw_only=True, frozen=True):
    """A page of operator's acts."""

    items: list[OperatorAct]
    next_cursor: str | None


class OperatorActApproval(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Nothing has to be said: what was proposed is done."""


class OperatorActRejection(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why it is not to be done."""

    reason: Reason


REJECTION_EXAMPLE = {"reason": "That is another agency of the same name (demo)."}
