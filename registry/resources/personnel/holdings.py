"""What a personnel record says somebody can do, as ranks and days that can be counted."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from registry.directory.taxonomy.seed import CapabilityKind, CapabilityScale
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import FIRST_DAY, LAST_DAY, CivilDate, Instant
from registry.resources.personnel.rules import (
    Validity,
    Verification,
    best_validity,
    check_days,
    check_qualification,
)
from registry.resources.personnel.scales import ANY_LEVEL, rank_of
from registry.resources.personnel.schemas import HeldCapability, NewCredential, Qualification


class KnownType(Struct, frozen=True):
    """What the taxonomy says of a type of capability."""

    kind: CapabilityKind
    scale: CapabilityScale


class StoredCredential(Struct, kw_only=True, frozen=True):
    """A credential as stored; its status follows from the day."""

    id: UUID
    title: str
    capability: str | None
    issuer: str
    number: str | None
    effective_on: CivilDate | None
    expires_on: CivilDate | None
    verification: Verification = Verification.UNVERIFIED
    verified_at: Instant | None = None
    verified_by: str | None = None

    @property
    def validity(self) -> Validity:
        """The days of its own dates."""
        return Validity(from_on=self.effective_on or FIRST_DAY, until_on=self.expires_on or LAST_DAY)


class Holding(Struct, kw_only=True, frozen=True):
    """One capability of one person: the highest rank said, the rank tested, and when it counts."""

    capability: str
    level: int
    tested_level: int
    validity: Validity


def codes_in(
    capabilities: Iterable[HeldCapability],
    credentials: Iterable[NewCredential | StoredCredential],
    qualifications: Iterable[Qualification],
) -> set[str]:
    """Every type of capability that is named."""
    named = {each.capability for each in credentials if each.capability is not None}
    return named | {each.capability for each in capabilities} | {each.position for each in qualifications}


def check_credential(credential: NewCredential, known: Mapping[str, KnownType], pointer: str) -> None:
    """Raises RuleBroken for a credential of an unknown capability, or one that expires before it is effective."""
    check_days(credential.effective_on, credential.expires_on, f"{pointer}/expires_on")
    if credential.capability is not None and credential.capability not in known:
        raise _unknown(f"{pointer}/capability")


def holdings(
    capabilities: Sequence[HeldCapability],
    credentials: Sequence[StoredCredential],
    qualifications: Sequence[Qualification],
    known: Mapping[str, KnownType],
) -> list[Holding]:
    """What counts, one of each capability. Raises RuleBroken with the place of what does not fit.

    A capability for which there are credentials counts while the one that lasts longest does. What was tested takes
    the place of what somebody says of themselves.
    """
    found: dict[str, Holding] = {}
    for index, held in enumerate(capabilities):
        pointer = f"/capabilities/{index}"
        level, tested = _ranks(held, known, pointer)
        if held.capability in found:
            raise _repeated(f"{pointer}/capability")
        proofs = [each for each in credentials if each.capability == held.capability]
        good = best_validity(each.validity for each in proofs if each.verification is not Verification.REVOKED)
        validity = good if proofs else Validity()
        if validity is not None:
            found[held.capability] = Holding(
                capability=held.capability, level=level, tested_level=tested, validity=validity
            )
    for index, qualification in enumerate(qualifications):
        pointer = f"/qualifications/{index}"
        level = _qualified_rank(qualification, known, pointer)
        if qualification.position in found:
            raise _repeated(f"{pointer}/position")
        validity = Validity(
            from_on=qualification.qualified_on or FIRST_DAY, until_on=qualification.expires_on or LAST_DAY
        )
        found[qualification.position] = Holding(
            capability=qualification.position, level=level, tested_level=level, validity=validity
        )
    return [each for each in found.values() if each.level]


def _ranks(held: HeldCapability, known: Mapping[str, KnownType], pointer: str) -> tuple[int, int]:
    """The rank that counts, and the one that was tested; of what is measured otherwise than by ILR they are one."""
    its = known.get(held.capability)
    if its is None or its.kind is CapabilityKind.POSITION:
        raise _unknown(f"{pointer}/capability")
    said, test = held.self_reported_level, held.tested
    own = ANY_LEVEL if said is None else rank_of(its.scale, said, f"{pointer}/self_reported_level")
    tested = None if test is None else rank_of(its.scale, test.level, f"{pointer}/tested/level")
    level = own if tested is None else tested
    return level, (tested or 0) if its.scale is CapabilityScale.ILR else level


def _qualified_rank(qualification: Qualification, known: Mapping[str, KnownType], pointer: str) -> int:
    its = known.get(qualification.position)
    if its is None or its.kind is not CapabilityKind.POSITION:
        raise RuleBroken.at(
            "There is no such position; GET /v1/capability-types?kind=position lists them.",
            "unknown_position",
            "no such position",
            pointer=f"{pointer}/position",
        )
    check_days(qualification.qualified_on, qualification.expires_on, f"{pointer}/expires_on")
    check_qualification(qualification.status, qualification.path, qualification.task_book, f"{pointer}/task_book")
    return rank_of(its.scale, qualification.status, f"{pointer}/status")


def _unknown(pointer: str) -> RuleBroken:
    return RuleBroken.at(
        "There is no such capability; GET /v1/capability-types lists them. Positions stand in `qualifications`.",
        "unknown_capability",
        "no such capability",
        pointer=pointer,
    )


def _repeated(pointer: str) -> RuleBroken:
    return RuleBroken.at("A capability stands there once.", "capability_repeated", "given twice", pointer=pointer)
