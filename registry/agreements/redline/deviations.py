"""How the provisions of a version deviate from the standard clauses. Pure.

An answer that was given when the agreement was drafted may have been taken out of the text before anybody else could
read it. So it is filled in only where the provision itself, as the reader may read it, says it.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal

from registry.agreements.clauses.library import PLACEHOLDERS, STANDARD_CLAUSES
from registry.agreements.clauses.rules import filled, fits, refused
from registry.agreements.clauses.schemas import ClauseOrigin, StandardClause
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.redline.matching import ComparedProvision, partners, resemblance, sketch_of
from registry.agreements.redline.schemas import ComparedClause, Deviation, ProvisionSide
from registry.agreements.redline.words import Budget, runs

# Under one heading two clauses that say the same in other words share about this many of their pairs of words.
_RESEMBLES = 0.2


def deviations(
    origins: Sequence[ClauseOrigin], answers: Mapping[str, str], clauses: Sequence[ComparedProvision]
) -> list[Deviation]:
    """Each provision in order, then what was left out; `origins` is empty where no template was used."""
    budget = Budget()
    drafted = _drafted(origins, clauses)
    found = [
        _from_origin(origins[drafted[j]], answers, clause, budget) if j in drafted else _nearest(clause, budget)
        for j, clause in enumerate(clauses)
    ]
    taken = set(drafted.values())
    return [*found, *(_left_out(each, budget) for i, each in enumerate(origins) if i not in taken)]


def _drafted(origins: Sequence[ClauseOrigin], clauses: Sequence[ComparedProvision]) -> dict[int, int]:
    """For the index of a provision the index of the clause that it was drafted from."""
    standard = [
        ComparedProvision(
            number=each.number,
            heading=each.heading,
            sensitivity=Sensitivity.PARTIES,
            exemption=None,
            text=each.text,
            digest=b"",
        )
        for each in origins
    ]
    # A number alone does not make a provision of another heading one that was drafted from the clause.
    return {j: i for i, j in partners(standard, clauses).items() if origins[i].heading == clauses[j].heading}


def _from_origin(
    origin: ClauseOrigin, answers: Mapping[str, str], clause: ComparedProvision, budget: Budget
) -> Deviation:
    offered = STANDARD_CLAUSES.get(origin.code)
    newer = offered.version if offered is not None and offered.version != origin.version else None
    compared = ComparedClause(code=origin.code, version=origin.version, origin="drafted_from", newer_version=newer)
    if clause.text is None:
        return _told("withheld", clause, compared)
    values = fits(origin.text, clause.text)
    if values is not None and all(answers.get(name) == value for name, value in values.items()):
        return _told("unchanged", clause, compared)
    own = clause.text
    said = {name: value for name, value in answers.items() if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", own)}
    return _changed(filled(origin.text, said), clause, compared, budget)


def _nearest(clause: ComparedProvision, budget: Budget) -> Deviation:
    if clause.text is None:
        return _told("withheld", clause, None)
    sketch = sketch_of(clause.text)
    closeness, nearest = max(
        ((resemblance(its, sketch), each) for each, its in _sketched(clause.heading)),
        key=lambda pair: pair[0],
        default=(0.0, None),
    )
    if nearest is None or closeness < _RESEMBLES:
        return _told("own_text", clause, None)
    compared = ComparedClause(code=nearest.code, version=nearest.version, origin="nearest", newer_version=None)
    values = fits(nearest.text, clause.text)
    if values is not None and all(_fills(name, value) for name, value in values.items()):
        return _told("unchanged", clause, compared)
    return _changed(nearest.text, clause, compared, budget)


@cache
def _sketched(heading: str) -> tuple[tuple[StandardClause, frozenset[int]], ...]:
    return tuple((each, sketch_of(each.text)) for each in STANDARD_CLAUSES.values() if each.heading == heading)


def _fills(name: str, value: str) -> bool:
    """Whether the words that stand in a placeholder's place are an answer to it, and no sentence of their own."""
    placeholder = PLACEHOLDERS[name]
    return bool(value) and ". " not in value and (placeholder.kind == "given" or refused(placeholder, value) is None)


def _changed(standard: str, clause: ComparedProvision, compared: ComparedClause, budget: Budget) -> Deviation:
    return Deviation(
        kind="changed",
        provision=_side(clause),
        standard_clause=compared,
        runs=runs(standard, clause.text or "", budget),
    )


def _left_out(origin: ClauseOrigin, budget: Budget) -> Deviation:
    offered = STANDARD_CLAUSES.get(origin.code)
    newer = offered.version if offered is not None and offered.version != origin.version else None
    return Deviation(
        kind="left_out",
        provision=None,
        standard_clause=ComparedClause(
            code=origin.code, version=origin.version, origin="drafted_from", newer_version=newer
        ),
        runs=runs(origin.text, "", budget),
    )


def _told(
    kind: Literal["unchanged", "own_text", "withheld"], clause: ComparedProvision, compared: ComparedClause | None
) -> Deviation:
    return Deviation(kind=kind, provision=_side(clause), standard_clause=compared, runs=None)


def _side(clause: ComparedProvision) -> ProvisionSide:
    return ProvisionSide(
        number=clause.number, heading=clause.heading, sensitivity=clause.sensitivity, exemption=clause.exemption
    )
