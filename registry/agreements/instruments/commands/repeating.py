"""What repeats restricted wording: a provision only with a reason, which is recorded; of a document what it repeats."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from uuid import UUID

from registry.agreements.instruments.queries.repeating import Repeated, RestrictedSource, restricted_repeated
from registry.agreements.instruments.repeated import check_repeated, check_said
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.schemas.given import NewProvision
from registry.agreements.instruments.tables import document_repetition
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write

_INSERT_REPETITION = document_repetition.insert()
_AS_WIDE = {
    Sensitivity.PARTIES: (Sensitivity.PARTIES, Sensitivity.PUBLIC),
    Sensitivity.PUBLIC: (Sensitivity.PUBLIC,),
}


async def declassified(
    write: Write,
    caller: Caller,
    agreement_id: UUID,
    version_id: UUID | None,
    provisions: Sequence[NewProvision],
    before: Sequence[NewProvision],
    reason: str | None,
) -> dict[str, object]:
    """What the ledger tells of restricted wording that `provisions` show to more readers than `before`, and why.

    It is compared with the restricted provisions beside them and with all that is restricted in the agreement, the text
    apart that they take the place of (`version_id`). Raises RuleBroken where the caller may read what is repeated, and
    gives no reason.
    """
    secret = [each for each in provisions if each.sensitivity is Sensitivity.RESTRICTED]
    beside = [(RestrictedSource(clause=each.number), each.text) for each in secret]
    if version_id is not None:  # a restriction that is lifted by this very change
        beside += [
            (RestrictedSource(clause=each.number), each.text)
            for each in before
            if each.sensitivity is Sensitivity.RESTRICTED and each.text not in {its.text for its in secret}
        ]
    found: dict[RestrictedSource, Repeated] = {}
    for sensitivity, as_wide in _AS_WIDE.items():
        known = [each.text for each in before if each.sensitivity in as_wide]
        text = [each.text for each in provisions if each.sensitivity is sensitivity and each.text not in known]
        if text:
            repeated = await restricted_repeated(
                write,
                caller.principal,
                agreement_id,
                text,
                sensitivity,
                beside=beside,
                apart_from=version_id,
                known=known,
            )
            found |= {each.source: each for each in repeated if each.readable}
    check_repeated([each.named for each in found], reason, pointer="/declassify_reason")
    return _told([*found], reason)


def _told(found: Sequence[RestrictedSource], reason: str | None) -> dict[str, object]:
    """What the ledger tells of restricted wording that more read from now on."""
    if not found:
        return {}
    return {
        "declassifies": [str(each.document_id) for each in found if each.document_id is not None],
        "declassifies_clauses": [
            {"version_no": each.version_no, "clause": each.clause} for each in found if each.clause is not None
        ],
        "declassify_reason": reason,
    }


async def check_unrepeated(
    write: Write, caller: Caller, agreement_id: UUID, said: str, pointer: str, declassify_reason: str | None = None
) -> dict[str, object]:
    """Let nobody repeat to all parties, in a comment or a reason, what it may read as restricted of the same agreement.

    But with a reason for that, as of provisions and documents; what the ledger tells of it. Raises RuleBroken. To who
    may not read it nothing is told, as elsewhere.
    """
    repeated = await restricted_repeated(write, caller.principal, agreement_id, [said], Sensitivity.PARTIES)
    found = [each.source for each in repeated if each.readable]
    check_said([each.named for each in found], declassify_reason, pointer=pointer)
    return _told(found, declassify_reason)


class _Said(Protocol):
    """What is asked with a reason, and may say why that repeats restricted wording."""

    @property
    def reason(self) -> str: ...

    @property
    def declassify_reason(self) -> str | None: ...


def said_of(said: _Said) -> dict[str, object]:
    """What the ledger is to tell of the reason that is given, for `check_reasons` to compare."""
    return {"reason": said.reason, **({"declassify_reason": said.declassify_reason} if said.declassify_reason else {})}


_REASONS: Final = ("reason", "note")


async def check_reasons(
    write: Write, caller: Caller, agreement_id: UUID, told: Mapping[str, object]
) -> Mapping[str, object]:
    """As `check_unrepeated`, of each reason and note in what the ledger is to tell; that, with what it declassifies.

    The members of a request are named as those of its event. Where this is called for one that checks what else it
    says, `declassify_reason` is among what is told only where something is declassified.
    """
    reason = told.get("declassify_reason")
    found: dict[str, object] = {}
    for name in _REASONS:
        if isinstance(said := told.get(name), str):
            why = reason if isinstance(reason, str) else None
            found |= await check_unrepeated(write, caller, agreement_id, said, f"/{name}", why)
    return {name: value for name, value in told.items() if name != "declassify_reason"} | found if reason else told


async def keep_repeated(write: Write, document_id: UUID, repeated: Sequence[Repeated]) -> None:
    """Keep what a document repeats, whoever filed it, for those to see who may read it where it stands."""
    if repeated:
        await write.run(
            _INSERT_REPETITION,
            [
                {
                    "document_id": document_id,
                    "ordinal": ordinal,
                    "version_id": each.source.version_id,
                    "clause": each.source.clause,
                    "of_document_id": each.source.document_id,
                    "declassified": each.readable,
                }
                for ordinal, each in enumerate(repeated)
            ],
        )
