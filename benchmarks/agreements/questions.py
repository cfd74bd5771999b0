"""What is asked: of the service's own query functions in process, and of the driver in the least SQL that answers it.

The bare SQL knows what the service's cannot: that the caller is a party, or which windows are the short way. It is
written with `$1` for its first argument.
"""

import random
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from msgspec import Struct

from benchmarks.agreements.data import RARE
from benchmarks.agreements.loading import Bare
from registry.agreements.instruments.queries import getting, listing, partners, searching
from registry.agreements.instruments.schemas.asked import AgreementQuery, InForceQuery
from registry.agreements.instruments.schemas.searching import AgreementSearchQuery
from registry.platform.access.principals import Principal, Role
from registry.platform.database.handles import Read
from registry.platform.database.search import word_parameters
from registry.platform.kernel.text import query_tokens
from registry.platform.kernel.words import Sought, stem

Rows: TypeAlias = Sequence[Sequence[Any]]
_RARE = frozenset(RARE)


class Case(Struct, kw_only=True, frozen=True):
    """Somebody who asks, and what about."""

    viewer: UUID
    other: UUID
    agreement_id: UUID
    at: datetime
    words: str = ""

    @property
    def principal(self) -> Principal:
        """The viewer's coordinator."""
        return Principal(
            subject="coordinator@benchmark",
            agency_id=self.viewer,
            roles=frozenset({Role.COORDINATOR}),
            scopes=frozenset({"*"}),
            token_id="benchmark",
            issuer="benchmark",
        )


class Question(Struct, kw_only=True, frozen=True):
    """One question. `shown` makes of both answers what must be equal; it is not timed."""

    name: str
    cases: str
    ask: Callable[[Read, Case], Awaitable[Any]]
    sql: tuple[str, ...]
    arguments: Callable[[Case], tuple[Any, ...]]
    shown: Callable[[Any], Any]
    bare_shown: Callable[[Sequence[Rows]], Any]

    def statements(self, bare: Bare, case: Case) -> Iterator[tuple[str, list[object]]]:
        """Each statement of the bare SQL with its arguments, as the driver wants them."""
        sought = Sought(stems=tuple(map(stem, query_tokens(case.words))))
        given = (*self.arguments(case), word_parameters(bare.name, sought)["match"])
        for written in self.sql:
            sql = written.replace("@MATCHING@", bare.matching)
            yield bare.dialect(sql), [bare.argument(value) for value in given[: highest(sql)]]

    async def ask_bare(self, bare: Bare, case: Case) -> list[Rows]:
        """The rows of each statement."""
        return [await bare.rows(sql, arguments) for sql, arguments in self.statements(bare, case)]


def highest(sql: str) -> int:
    """How many arguments the statement takes."""
    return max((int(number) for number in re.findall(r"\$(\d+)", sql)), default=0)


def as_uuid(value: Any) -> UUID:
    """An id, whichever database it comes from."""
    return UUID(bytes=value) if isinstance(value, bytes) else UUID(int=value.int)


def _lister(**filters: Any) -> Callable[[Read, Case], Awaitable[Any]]:
    async def ask(read: Read, case: Case) -> Any:
        given = {name: value(case) if callable(value) else value for name, value in filters.items()}
        return await listing.list_agreements(read, case.principal, AgreementQuery(**given), case.at)

    return ask


async def _pair(read: Read, case: Case) -> Any:
    query = InForceQuery(requesting_agency_id=case.viewer, assisting_agency_id=case.other)
    return await partners.agreements_in_force(read, case.principal, query, case.at)


async def _get(read: Read, case: Case) -> Any:
    return await getting.get_agreement(read, case.principal, case.agreement_id, case.at)


async def _search(read: Read, case: Case) -> Any:
    query = AgreementSearchQuery(q=case.words, source=("provision",), party_id=case.viewer)
    return (await searching.search_agreements(read, case.principal, query, case.at))[0]


async def _search_all(read: Read, case: Case) -> Any:
    query = AgreementSearchQuery(q=case.words, source=("provision",))
    return (await searching.search_agreements(read, case.principal, query, case.at))[0]


_ITEM = """a.id, a.number, a.title, a.kind, a.custodian_id, a.stage, a.effective_on, a.expires_on,
 (SELECT count(*) FROM agreement_party q WHERE q.agreement_id = a.id),
 (SELECT g.name FROM agency g WHERE g.id = a.custodian_id)"""
# The offset keeps PostgreSQL from hashing a whole table for what a page asks of fifty rows.
_STATUS = """CASE WHEN a.executed_at IS NULL THEN a.stage
 WHEN a.terminated_at <= $1 THEN CASE a.stage WHEN 'superseded' THEN 'superseded' ELSE 'terminated' END
 WHEN a.ends_at <= $1 THEN 'expired'
 WHEN EXISTS (SELECT 1 FROM agreement_suspension s
  WHERE s.agreement_id = a.id AND s.starts_at <= $1 AND s.ends_at > $1 LIMIT 1 OFFSET 0) THEN 'suspended'
 WHEN EXISTS (SELECT 1 FROM agreement_force_window f
  WHERE f.agreement_id = a.id AND f.starts_at <= $1 AND f.ends_at > $1 LIMIT 1 OFFSET 0)
  THEN CASE WHEN EXISTS (SELECT 1 FROM agreement_notice_window n
   WHERE n.agreement_id = a.id AND n.opens_at <= $1 AND n.closes_at > $1 LIMIT 1 OFFSET 0)
   THEN 'notice_window' ELSE 'in_force' END
 WHEN EXISTS (SELECT 1 FROM agreement_force_window f
  WHERE f.agreement_id = a.id AND f.ends_at <= $1 LIMIT 1 OFFSET 0) THEN 'lapsed'
 WHEN (SELECT count(*) FROM agreement_party AS p WHERE p.agreement_id = a.id AND p.joined_at IS NOT NULL) < 2
 THEN 'unconfirmed' ELSE 'not_yet_effective' END"""
_IN_FORCE = """a.executed_at IS NOT NULL AND (a.terminated_at IS NULL OR a.terminated_at > $1)
 AND (a.ends_at IS NULL OR a.ends_at > $1)
 AND EXISTS (SELECT 1 FROM agreement_force_window f
  WHERE f.agreement_id = a.id AND f.starts_at <= $1 AND f.ends_at > $1)
 AND NOT EXISTS (SELECT 1 FROM agreement_suspension s
  WHERE s.agreement_id = a.id AND s.starts_at <= $1 AND s.ends_at > $1)"""
_MINE = """(a.custodian_id = $2 OR (a.is_shared AND EXISTS
 (SELECT 1 FROM agreement_party v WHERE v.agency_id = $2 AND v.agreement_id = a.id)))"""
_OWN = """FROM agreement_party p JOIN agreement a ON a.id = p.agreement_id
 WHERE p.agency_id = $2 AND (a.is_shared OR a.custodian_id = $2)"""


def _items(page: Any) -> list[tuple[Any, ...]]:
    return [(each.id, each.number, each.status, each.party_count) for each in page.items]


def _item_rows(answers: Sequence[Rows]) -> list[tuple[Any, ...]]:
    return [(as_uuid(row[0]), row[1], row[10], row[8]) for row in answers[0][:50]]


def _list(name: str, cases: str, sql: str, **filters: Any) -> Question:
    return Question(
        name=name,
        cases=cases,
        ask=_lister(**filters),
        sql=(f"{sql} ORDER BY a.id DESC LIMIT 51",),
        arguments=lambda case: (case.at, case.viewer, case.other),
        shown=_items,
        bare_shown=_item_rows,
    )


def _found(agreement: Any) -> Any:
    return (
        (agreement.id, agreement.status, agreement.version_no, agreement.version_kind),
        [(each.number, each.text) for each in agreement.provisions],
        [(each.agency.id, each.agency.name, each.bound) for each in agreement.parties],
    )


def _found_rows(answers: Sequence[Rows]) -> Any:
    ((row,), provisions, parties) = answers
    return (
        (as_uuid(row[0]), row[1], row[2], row[3]),
        [(each[0], each[1]) for each in provisions],
        [(as_uuid(each[0]), each[1], each[2] is not None) for each in parties],
    )


def _reading(name: str, cases: str) -> Question:
    now_its_text = """(SELECT coalesce((SELECT t.version_id FROM agreement_text_window t
 WHERE t.agreement_id = $2 AND t.starts_at <= $1 AND t.ends_at > $1), (SELECT v.id FROM agreement_version v
 JOIN agreement a ON a.id = v.agreement_id WHERE a.id = $2 AND v.no = a.current_version)))"""
    return Question(
        name=name,
        cases=cases,
        ask=_get,
        sql=(
            f"""SELECT a.id, {_STATUS}, v.no, d.kind, a.*, v.title, v.terms, v.sha256, d.*, c.name FROM agreement a
 JOIN agency c ON c.id = a.custodian_id
 JOIN agreement_version v ON v.id = {now_its_text} JOIN agreement_version_dates d ON d.version_id = v.id
 WHERE a.id = $2 AND (a.custodian_id = $3 OR a.is_shared)""",
            f"""SELECT number, text, heading, sensitivity, exemption FROM provision
 WHERE version_id = {now_its_text} ORDER BY ordinal""",
            f"""SELECT p.agency_id, g.name, w.ends_at, p.joined_at, p.withdrawal_notice_on, s.manner, s.signatory_title,
 s.signed_on, s.evidence_sha256, s.recorded_at FROM agreement_party p JOIN agency g ON g.id = p.agency_id
 LEFT JOIN agreement_party_window w ON w.agreement_id = p.agreement_id AND w.agency_id = p.agency_id
  AND w.starts_at <= $1 AND w.ends_at > $1
 LEFT JOIN agreement_signature s ON s.version_id = {now_its_text} AND s.agency_id = p.agency_id
 WHERE p.agreement_id = $2 ORDER BY p.ordinal""",
        ),
        arguments=lambda case: (case.at, case.agreement_id, case.viewer),
        shown=_found,
        bare_shown=_found_rows,
    )


def _searching(name: str, ask: Callable[[Read, Case], Awaitable[Any]], visible: str) -> Question:
    return Question(
        name=name,
        cases="bilateral",
        ask=ask,
        sql=(
            f"""SELECT a.id, v.no, p.number, p.text, a.number, a.title, a.kind, {_STATUS}, p.heading, p.sensitivity
 FROM agreement_passage p JOIN agreement a ON a.id = p.agreement_id JOIN agreement_version v ON v.id = p.version_id
 WHERE @MATCHING@ AND p.source = 'provision' AND ({visible}) ORDER BY a.id DESC, p.n LIMIT 51""",
        ),
        arguments=lambda case: (case.at, case.viewer),
        shown=lambda page: [(each.agreement_id, each.version_no, each.provision) for each in page.items],
        bare_shown=lambda answers: [(as_uuid(row[0]), row[1], row[2]) for row in answers[0][:50]],
    )


_READ_AS_PARTY = f"{_MINE} AND (v.frozen_at IS NOT NULL OR a.custodian_id = $2) AND p.sensitivity <> 'restricted'"
_IS_THE_TEXT = """v.frozen_at IS NOT NULL AND (EXISTS (SELECT 1 FROM agreement_text_window t
 WHERE t.agreement_id = a.id AND t.version_id = v.id AND t.starts_at <= $1 AND t.ends_at > $1)
 OR (v.no = a.current_version AND NOT EXISTS (SELECT 1 FROM agreement_text_window t
  WHERE t.agreement_id = a.id AND t.starts_at <= $1 AND t.ends_at > $1)))"""

QUESTIONS: tuple[Question, ...] = (
    _list(
        "list own in force",
        "bilateral",
        f"SELECT {_ITEM}, 'in_force' {_OWN} AND {_IN_FORCE} AND NOT EXISTS (SELECT 1 FROM agreement_notice_window n"
        " WHERE n.agreement_id = a.id AND n.opens_at <= $1 AND n.closes_at > $1)",
        party_id=lambda case: case.viewer,
        status=("in_force",),
    ),
    _list(
        "list own, of a hub",
        "hub",
        f"SELECT {_ITEM}, {_STATUS} {_OWN}",
        party_id=lambda case: case.viewer,
    ),
    _list(
        "list a partner's",
        "bilateral",
        f"SELECT {_ITEM}, {_STATUS} FROM agreement_party p JOIN agreement a ON a.id = p.agreement_id "
        f"WHERE p.agency_id = $3 AND ({_MINE} OR a.is_public)",
        party_id=lambda case: case.other,
    ),
    _list(
        "list all in notice window",
        "bilateral",
        f"SELECT {_ITEM}, 'notice_window' FROM agreement a WHERE a.id IN (SELECT n.agreement_id FROM "
        f"agreement_notice_window n WHERE n.opens_at <= $1 AND n.closes_at > $1) AND ({_MINE} OR a.is_public) "
        f"AND {_IN_FORCE}",
        status=("notice_window",),
    ),
    _list(
        "list all suspended",
        "bilateral",
        f"SELECT {_ITEM}, 'suspended' FROM agreement a WHERE a.id IN (SELECT s.agreement_id FROM "
        f"agreement_suspension s WHERE s.starts_at <= $1 AND s.ends_at > $1) AND ({_MINE} OR a.is_public) "
        "AND a.executed_at IS NOT NULL AND (a.terminated_at IS NULL OR a.terminated_at > $1) "
        "AND (a.ends_at IS NULL OR a.ends_at > $1)",
        status=("suspended",),
    ),
    _list(
        "list all",
        "bilateral",
        f"SELECT {_ITEM}, {_STATUS} FROM agreement a WHERE ({_MINE} OR a.is_public)",
    ),
    Question(
        name="pair in force",
        cases="bilateral",
        ask=_pair,
        sql=(
            """SELECT a.id, v.no, a.number, v.title, a.kind, v.terms,
 CASE WHEN x.ends_at < y.ends_at THEN x.ends_at ELSE y.ends_at END
 FROM agreement_party_window x JOIN agreement_party_window y ON y.agreement_id = x.agreement_id
 JOIN agreement a ON a.id = x.agreement_id JOIN agreement_version v ON v.id = x.version_id
 WHERE x.agency_id = $2 AND x.starts_at <= $1 AND x.ends_at > $1
 AND y.agency_id = $3 AND y.starts_at <= $1 AND y.ends_at > $1 ORDER BY a.id""",
        ),
        arguments=lambda case: (case.at, case.viewer, case.other),
        shown=lambda answer: [(each.agreement_id, each.version_no) for each in answer.items],
        bare_shown=lambda answers: [(as_uuid(row[0]), row[1]) for row in answers[0]],
    ),
    _searching(
        "search own texts",
        _search,
        f"{_READ_AS_PARTY} AND a.id IN (SELECT o.agreement_id FROM agreement_party o WHERE o.agency_id = $2)",
    ),
    _searching(
        "search all texts",
        _search_all,
        f"({_READ_AS_PARTY}) OR (a.is_public AND p.sensitivity = 'public' AND {_IS_THE_TEXT})",
    ),
    _reading("get of two parties", "bilateral"),
    _reading("get of 900 parties", "wide"),
)


async def draw_cases(bare: Bare, at: datetime, number: int) -> dict[str, list[Case]]:
    """Cases of each kind: parties of any agreement, agencies with many, and those of the widest."""
    draw = random.Random(5)
    everything = [as_uuid(row[0]) for row in await bare.rows("SELECT id FROM agreement ORDER BY id", ())]
    counted = (
        "SELECT {0} FROM agreement_party GROUP BY {0} HAVING count(*) >= {1} ORDER BY count(*) DESC, {0} LIMIT {2}"
    )
    wide = [as_uuid(row[0]) for row in await bare.rows(counted.format("agreement_id", 20, 20), ())]
    hubs = [as_uuid(row[0]) for row in await bare.rows(counted.format("agency_id", 20, 50), ())]
    found: dict[str, list[Case]] = {"bilateral": [], "wide": [], "hub": []}
    parties = bare.dialect("SELECT agency_id FROM agreement_party WHERE agreement_id = $1 ORDER BY ordinal LIMIT 2")
    texts = bare.dialect("SELECT text FROM agreement_passage WHERE agreement_id = $1 ORDER BY n LIMIT 1")
    for kind, ids in (("bilateral", everything), ("wide", wide or everything)):
        for agreement_id in draw.choices(ids, k=number):
            viewer, other = [as_uuid(row[0]) for row in await bare.rows(parties, [bare.argument(agreement_id)])]
            text = (await bare.rows(texts, [bare.argument(agreement_id)]))[0][0]
            rare = next(word for word in text.split() if word in _RARE)
            words = f"{draw.choice(text.split())} {rare}"
            found[kind].append(Case(viewer=viewer, other=other, agreement_id=agreement_id, at=at, words=words))
    for hub in draw.choices(hubs or [found["bilateral"][0].viewer], k=number):
        found["hub"].append(Case(viewer=hub, other=hub, agreement_id=everything[0], at=at))
    return found
