"""Agencies as trackers name them: by ORI, by id, or by name; a name that fits several is never resolved by guessing."""

import re
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.tracker.cells import CellRefused, quoted, straightened
from registry.directory.agencies.rules import AgencyStatus
from registry.directory.agencies.tables import agency, agency_ori
from registry.platform.database.handles import Read
from registry.platform.kernel.text import query_tokens

_ORI: Final = re.compile(r"\A[A-Z]{2}[A-Z0-9]{7}\Z")
_ID: Final = re.compile(r"\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_MOST_CANDIDATES: Final = 5
_SHERIFF: Final = re.compile(r" ?\b(sheriff|sheriffs)( (office|department|dept))?\Z")
_POLICE: Final = re.compile(r" ?\bpolice( (department|dept))?\Z")
_ORGANISATION: Final = frozenset(
    "agency attorney bureau constable constables corrections department detention district division force jail marshal "
    "office park parks police prosecutor public safety sheriff sheriffs task transit unit".split()
)
_MUNICIPALITY: Final = re.compile(r"\A(city|town|village|borough|township) of ")

_COLUMNS = (agency.c.id, agency.c.name, agency.c.state, agency.c.kind, agency.c.status, agency.c.time_zone)
_WITH_ORI = sa.select(*_COLUMNS, agency_ori.c.ori).outerjoin(agency_ori, agency_ori.c.agency_id == agency.c.id)
_EVERY = _WITH_ORI.where(agency.c.status != AgencyStatus.DISSOLVED).order_by(agency.c.id)
_NAMED = _WITH_ORI.where(
    sa.or_(
        agency.c.id.in_(sa.bindparam("ids", type_=agency.c.id.type, expanding=True)),
        agency.c.id.in_(
            sa.select(agency_ori.c.agency_id).where(agency_ori.c.ori.in_(sa.bindparam("oris", expanding=True)))
        ),
    )
)


class Listed(Struct, kw_only=True):
    """An agency of the register."""

    id: UUID
    name: str
    state: str | None
    kind: str
    status: str
    time_zone: str | None
    oris: list[str]

    def __str__(self) -> str:
        return f"{self.name}, {self.state or 'no state'} ({', '.join(self.oris[:2]) or self.id})"


def name_key(name: str, kind: str = "") -> str:
    """The form under which two names of agencies are the same.

    Lists write “Northfork County Sheriff's Office”, “… Sheriff's Department” or, where the FBI's type `county` stands
    beside it, just “Northfork”; “City of Lakeside Police Department” and “Lakeside Police” are one as well.
    """
    key = " ".join(query_tokens(straightened(name)))
    if _SHERIFF.search(key):
        return _SHERIFF.sub(" sheriff", key).replace(" parish sheriff", " county sheriff").strip()
    if _POLICE.search(key):
        return _MUNICIPALITY.sub("", _POLICE.sub(" police", key)).strip()
    if kind == "county" and not _ORGANISATION & set(key.split()):
        return f"{key.removesuffix(' county')} county sheriff"
    return key


class Directory:
    """The agencies that were looked up."""

    def __init__(self, found: Iterable[Listed] = ()) -> None:
        self._by_id: dict[UUID, Listed] = {}
        self._by_ori: dict[str, Listed] = {}
        self._by_name: dict[str, list[Listed]] = {}
        self._by_place: dict[tuple[str | None, str], list[Listed]] = {}
        for each in found:
            self.add(each)

    def add(self, each: Listed) -> None:
        """Have the agency found from now on."""
        self._by_id[each.id] = each
        self._by_ori |= dict.fromkeys(each.oris, each)
        self._by_name.setdefault(straightened(each.name).casefold(), []).append(each)
        for key in {name_key(each.name), name_key(each.name, each.kind)}:
            self._by_place.setdefault((each.state, key), []).append(each)

    def __getitem__(self, agency_id: UUID) -> Listed:
        return self._by_id[agency_id]

    def named(self, token: str) -> Listed:
        """The agency of that ORI, id or full name. Raises CellRefused for none, or for several of the name."""
        if _ORI.match(token):
            found = self._by_ori.get(token)
            candidates = [found] if found is not None else []
        elif _ID.match(token.lower()):
            found = self._by_id.get(UUID(token))
            candidates = [found] if found is not None else []
        else:
            candidates = self._by_name.get(straightened(token).casefold(), [])
        return _the_one(candidates, token, "Give the ORI or the id of an agency that is registered.")

    def at(self, state: str, name: str) -> Listed | None:
        """The agency of that name in the state, None where there is none. Raises CellRefused for several."""
        exact = [e for e in self._by_name.get(straightened(name).casefold(), []) if e.state == state]
        candidates = exact if len(exact) == 1 else self._by_place.get((state, name_key(name)), [])
        return _the_one(candidates, name, "") if candidates else None


def _the_one(candidates: list[Listed], token: str, advice: str) -> Listed:
    if not candidates:
        raise CellRefused("unknown_agency", f"There is no agency {quoted(token)} here. {advice}")
    if len(candidates) > 1:
        shown = "; ".join(map(str, candidates[:_MOST_CANDIDATES]))
        more = f"; and {len(candidates) - _MOST_CANDIDATES} more" if len(candidates) > _MOST_CANDIDATES else ""
        words = f"{quoted(token)} fits {len(candidates)} agencies: {shown}{more}. Give the ORI or the id."
        raise CellRefused("agency_ambiguous", words)
    return candidates[0]


async def look_up(read: Read, tokens: Iterable[str]) -> Directory:
    """The agencies of these tokens; all there are where one of them is a name."""
    told = set(tokens)
    oris = sorted(token for token in told if _ORI.match(token))
    ids = sorted(UUID(token) for token in told if _ID.match(token.lower()))
    if len(oris) + len(ids) < len(told):
        return await everybody(read)
    return Directory(_grouped(await read.all(_NAMED, {"ids": ids, "oris": oris})))


async def everybody(read: Read) -> Directory:
    """Every agency that is not dissolved."""
    return Directory(_grouped(await read.all_slowly(_EVERY)))


def _grouped(rows: Iterable[Any]) -> Iterable[Listed]:
    found: dict[UUID, Listed] = {}
    for row in rows:
        each = found.get(row.id)
        if each is None:
            facts = {column.name: row._mapping[column.name] for column in _COLUMNS}
            each = found[row.id] = Listed(**facts, oris=[])
        if row.ori is not None:
            each.oris.append(row.ori)
    return found.values()
