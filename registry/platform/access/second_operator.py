"""Acts of the registry's operator that a second operator approves before they are done.

Which of them are, an installation says (`REGISTRY_SECOND_OPERATOR_FOR`); with one administrator none can be. Such a
request is tried and undone, so that only what can be done is proposed, and is kept as it was sent. Once another
administrator approves it, the operation's handler does it then, for that administrator and by the rules of that moment.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.time import Instant
from registry.platform.kernel.versions import Expected
from registry.platform.settings import PREFIX, SettingsError

ACTS: Final[Mapping[str, str]] = {
    "attach_agency_to_issuer": "let an issuer speak for an agency",
    "create_issuer": "accept an issuer's tokens",
    "create_revocation": "refuse a token or a person",
    "detach_agency_from_issuer": "refuse an issuer's tokens for an agency",
    "dissolve_agency": "record that an agency has ended, and who succeeds it",
    "lift_revocation": "accept a token or a person again",
    "purge_principal_name": "forget a person's name for good",
    "reinstate_agency": "let a suspended agency act again",
    "restore_principal": "accept a person's tokens again",
    "suspend_principal": "refuse a person's tokens",
    "update_issuer": "change how an issuer's tokens are read, or switch it off or on",
}
"""By the operation's id. Suspending an agency is none: it stops a stolen key, and must never wait."""


class KeptAct(Struct, kw_only=True, frozen=True):
    """A request as it was sent: its operation, path with the values in it, body, and If-Match."""

    operation: str
    path: str
    parameters: Mapping[str, str]
    body: bytes
    expected: Expected


class ProposedAct(Struct, kw_only=True, frozen=True):
    """Nothing was done yet: another administrator of the registry has to approve it."""

    operator_act_id: Annotated[UUID, Meta(description="Approved or rejected at `/v1/operator-acts`.")]
    lapses_at: Annotated[Instant, Meta(description="Until when it can be approved.")]


Propose: TypeAlias = Callable[[Write, Caller, KeptAct], Awaitable[Answer[ProposedAct]]]
"""Keeps an act until another administrator decides."""


class SecondOperator(Struct, frozen=True):
    """Which acts need a second operator here, and what keeps a proposed one."""

    acts: frozenset[str]
    propose: Propose

    def is_needed(self, operation: str, caller: Caller) -> bool:
        """Whether the caller's act has to be proposed. What agencies do for themselves is theirs."""
        return operation in self.acts and caller.agency_id == OPERATOR_AGENCY_ID


class Performable(Struct, kw_only=True, frozen=True):
    """The handler of such an operation, what it asks for by name, the type of its body, and its problems."""

    handler: Callable[..., Awaitable[Any]]
    asked: tuple[str, ...]
    body: Any
    problems: tuple[str, ...]


PERFORMABLE: Final[dict[str, Performable]] = {}
"""By the operation's id; entered where it is declared."""


def checked_acts(names: Iterable[str]) -> frozenset[str]:
    """Raises SettingsError for a name that is no such act."""
    given = frozenset(names)
    if unknown := sorted(given - ACTS.keys()):
        raise SettingsError(
            f"{PREFIX}SECOND_OPERATOR_FOR: “{unknown[0][:60]}” is no act that a second operator approves; these are: "
            f"{', '.join(ACTS)}."
        )
    return given


async def perform(write: Write, caller: Caller, kept: KeptAct, supplied: Mapping[str, Any]) -> None:
    """Do a kept act now, for this caller. `supplied` has what the handler asks for beside the request's own."""
    act = PERFORMABLE[kept.operation]
    given = {"write": write, "caller": caller, "if_match": kept.expected}
    await act.handler(
        **{name: UUID(value) for name, value in kept.parameters.items()},
        data=msgspec.json.decode(kept.body, type=act.body),
        **{name: given[name] if name in given else supplied[name] for name in act.asked},
    )
