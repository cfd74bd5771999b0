"""What repeats restricted wording: a provision only with a reason, which is recorded; of a document what it repeats."""

from collections.abc import Sequence
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
    if not found:
        return {}
    return {
        "declassifies": [str(each.document_id) for each in found if each.document_id is not None],
        "declassifies_clauses": [
            {"version_no": each.version_no, "clause": each.clause} for each in found if each.clause is not None
        ],
        "declassify_reason": reason,
    }


async def check_unrepeated(write: Write, caller: Caller, agreement_id: UUID, said: str, pointer: str) -> None:
    """Let nobody repeat to all parties, in a comment or a reason, what it may read as restricted of the same agreement.

    Raises RuleBroken. To who may not read it nothing is told, as elsewhere.
    """
    repeated = await restricted_repeated(write, caller.principal, agreement_id, [said], Sensitivity.PARTIES)
    check_said([each.source.named for each in repeated if each.readable], pointer=pointer)


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
