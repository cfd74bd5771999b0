"""A nation's agreements as rows: who signed what with whom, in which versions, and who is bound when.

The windows are computed by the rules that the service's own commands compute them by, so that the data are what using
the service would have left behind. Everything follows from one seed.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, product
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

from registry.agreements.instruments.canonical import Particulars, ProvisionText, version_hash
from registry.agreements.instruments.ends import last_day_of
from registry.agreements.instruments.histories import AgreementDates, AmendedText, PartyHistory
from registry.agreements.instruments.in_force import bound_until, bound_windows, force_windows, text_windows
from registry.agreements.instruments.notice import Notice, Period, notice_window
from registry.agreements.instruments.queries.in_force import OPEN_END
from registry.agreements.instruments.rules import AgreementKind, Sensitivity, Stage
from registry.agreements.instruments.term_days import utc_bounds
from registry.agreements.instruments.terms import Reimbursement, Terms
from registry.platform.kernel.intervals import Interval, earliest
from registry.platform.kernel.text import filing_key, folded
from registry.platform.kernel.words import index_words

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = dict[str, list[Row]]

ZONE = "America/Chicago"
CATEGORIES = ("k9", "vehicle", "aircraft", "lab", "team", "equipment", "any")
HEADINGS = ("purpose", "liability", "reimbursement", "command_and_control", "equipment", "recall", "term")
WORDS = (
    "the party parties agency assisting requesting shall may not each its own personnel equipment costs liability "
    "emergency request duty chief sheriff command return within hours days notice in writing under this agreement of "
    "and for to by any all such injury damage loss claim insurance law state county officers authority jurisdiction"
).split()
# Words that tell one text from others, as places and names of programmes do; each stands in three texts of a thousand.
RARE = tuple(f"{a}{b}{c}{d}ton" for a, b, c, d in product("bdfklmnr", "aeiou", "dlmrst", "aeio"))
_YEAR = timedelta(days=365)
_encode = msgspec.json.Encoder(order="deterministic").encode
_plain = msgspec.to_builtins


class Shape(Struct, kw_only=True, frozen=True):
    """How many of what, first signed in which years. A wide agreement is one that a whole state or nation signs."""

    agencies: int = 18_000
    agreements: int = 100_000
    wide: int = 20
    wide_parties: int = 900
    first_year: int = 2019
    last_year: int = 2024


def agencies(shape: Shape, ids: Sequence[UUID], now: datetime) -> Iterator[Row]:
    """The agencies' rows."""
    for n, agency_id in enumerate(ids):
        yield {
            "id": agency_id,
            "name": f"Agency {n}",
            "kind": "city",
            "level": "local",
            "state": "TX",
            "counties": [],
            "time_zone": ZONE,
            "status": "active",
            "search_text": f"agency {n}",
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }


class Nation:
    """The agreements, drawn one after the other."""

    def __init__(self, shape: Shape, agency_ids: Sequence[UUID], now: datetime) -> None:
        self._shape = shape
        self._agencies = agency_ids
        self._now = now
        self._draw = random.Random(20)
        self._numbers = count(1)
        self._texts = [self._text() for _ in range(3_000)]
        self._words = {text: index_words(text) for text in self._texts}
        # One in fifty is a state's or a federal agency, which signs with many that are far away.
        self._hubs = agency_ids[::50]

    def _text(self) -> str:
        words = self._draw.choices(WORDS, k=self._draw.randint(25, 60)) + self._draw.choices(RARE, k=3)
        self._draw.shuffle(words)
        return " ".join(words)

    def batches(self, size: int) -> Iterator[Rows]:
        """Rows by table, some agreements at a time."""
        made, spread = 0, max(self._shape.agreements // max(self._shape.wide, 1), 1)
        while made < self._shape.agreements:
            rows: Rows = {}
            for n in range(made, min(made + size, self._shape.agreements)):
                wide = n % spread == 0 and n // spread < self._shape.wide
                self._agreement(self._parties(wide=wide), rows)
            made += size
            yield rows

    def _parties(self, *, wide: bool) -> list[UUID]:
        draw, every = self._draw, self._agencies
        if wide:
            return draw.sample(every, min(self._shape.wide_parties, len(every)))
        at = draw.randrange(len(every))
        chosen = [every[at]]
        how_many = 2 if draw.random() < 0.9 else draw.randint(3, 12)
        while len(chosen) < how_many:
            if draw.random() < 0.15:
                other = draw.choice(self._hubs)
            else:
                other = every[(at + draw.choice((-1, 1)) * draw.randint(1, 100)) % len(every)]
            if other not in chosen:
                chosen.append(other)
        return chosen

    def _agreement(self, parties: Sequence[UUID], rows: Rows) -> None:
        draw, number = self._draw, f"MA-{next(self._numbers):06d}"
        fate = draw.choices(("executed", "amending", "suspended", "terminated", "drafted"), (84, 6, 3, 3, 4))[0]
        first = date(
            draw.randint(self._shape.first_year, self._shape.last_year), draw.randint(1, 12), draw.randint(1, 28)
        )
        years = draw.choice((None, 3, 5, 10)) if fate != "drafted" else 3
        begins = [first, first + _YEAR, first + 2 * _YEAR]
        expires = [None if years is None else first + timedelta(days=365 * years + 365 * n) for n in range(3)]
        notice, public = Notice(days=draw.choice((30, 60, 90))), draw.random() < 0.1
        spans = [utc_bounds(start, end, ZONE) for start, end in zip(begins, expires, strict=True)]
        signed = [start - timedelta(days=10) for start, _ in spans]
        ids = [id_at(signed[n], draw) for n in range(3)]
        agreement_id = id_at(signed[0], draw)
        executed = {"drafted": 0, "amending": 2}.get(fate, 3)
        kind, title = draw.choice(list(AgreementKind)), f"Mutual aid of {len(parties)} agencies, {number}"
        dates = self._dates(fate, spans[:executed], signed)
        stage = {"amending": "executed", "drafted": draw.choice(("draft", "in_review"))}.get(fate, fate)
        frozen = 2 if stage == "draft" else 3
        newest = max(executed, 1) - 1 if fate != "drafted" else 2
        shown = public and executed > 0
        over_at = earliest(spans[newest][1], dates.ended_at)
        rows.setdefault("agreement", []).append(
            {
                "id": agreement_id,
                "number": number,
                "number_key": filing_key(number),
                "title": title,
                "kind": kind.value,
                "custodian_id": parties[0],
                "stage": stage,
                "time_zone": ZONE,
                "effective_on": begins[newest],
                "expires_on": expires[newest],
                "starts_at": spans[newest][0],
                "ends_at": spans[newest][1],
                "over_at": over_at,
                "over_by": None if dates.executed_at is None or over_at is None else "expiry",
                "ends_on": last_day_of(over_at, ZONE),
                "notice": _encode(notice).decode(),
                "executed_at": dates.executed_at,
                "terminated_at": dates.ended_at,
                "search_text": folded(number, title),
                "is_shared": stage != Stage.DRAFT,
                "is_public": shown,
                "public_version": newest + 1 if shown else None,
                "public_title": title if shown else None,
                "public_expires_on": expires[newest] if shown else None,
                "public_over_at": over_at if shown else None,
                "public_ends_on": last_day_of(over_at, ZONE) if shown else None,
                "public_search_text": folded(number, title) if shown else None,
                "shared_changes": 5,
                "shared_updated_at": signed[newest],
                "public_changes": 1,
                "public_updated_at": signed[0],
                "current_version": newest + 1,
                "version": 5,
                "created_at": signed[0],
                "updated_at": signed[newest],
            }
        )
        for n, version_id in enumerate(ids):
            version_kind = "original" if n == 0 or fate == "drafted" else ("amendment", "renewal")[n - 1]
            terms = Terms(
                categories=draw.sample(CATEGORIES[:-1], 2) if draw.random() < 0.8 else ["any"],
                max_duration_hours=draw.choice((24, 48, 72, 240)),
                reimbursement=Reimbursement(model="actual_after_hours", free_hours=12),
                clauses={"max_duration_hours": "2"},
            )
            particulars = Particulars(
                number=number,
                title=title,
                kind=kind,
                version_kind=version_kind,
                parties=list(parties),
                time_zone=ZONE,
                effective_on=begins[n],
                expires_on=expires[n],
                notice=notice,
                auto_renew_months=None,
                auto_renew_times=None,
            )
            self._version(
                agreement_id, version_id, n, particulars, terms, signed[n], rows, public=public, frozen=n < frozen
            )
            rows.setdefault("agreement_version_dates", []).append(
                {
                    "version_id": version_id,
                    "kind": version_kind,
                    "effective_on": begins[n],
                    "expires_on": expires[n],
                    "starts_at": spans[n][0],
                    "ends_at": spans[n][1],
                    "notice": _encode(notice).decode(),
                }
            )
            if public and n < executed:
                self._publication(agreement_id, version_id, parties, signed[n], rows)
            if n and fate != "drafted":
                done = n < executed
                rows.setdefault("agreement_amendment", []).append(
                    {
                        "id": id_at(signed[n], draw),
                        "agreement_id": agreement_id,
                        "version_id": version_id,
                        "stage": "executed" if done else "out_for_signature",
                        "opened_at": signed[n],
                        "executed_at": signed[n] if done else None,
                        "closed_at": signed[n] if done else None,
                        "is_paper": False,
                    }
                )
        self._parties_and_windows(agreement_id, ids, parties, dates, signed, executed, rows)
        for suspension in dates.suspensions:
            rows.setdefault("agreement_suspension", []).append(
                {"agreement_id": agreement_id, "starts_at": suspension.start, "ends_at": suspension.end or OPEN_END}
            )
        ends_on = expires[newest]
        if executed and ends_on is not None and spans[newest][1] is not None:
            # As where some party may leave at once: else too few are open at an instant to measure a list of them.
            days = notice_window(ends_on, [*notice.periods, Period(days=0)])
            rows.setdefault("agreement_notice_window", []).append(
                {
                    "agreement_id": agreement_id,
                    "opens_at": datetime.combine(days.opens_on, time(6), UTC),
                    "closes_at": datetime.combine(days.closes_on + timedelta(days=1), time(6), UTC),
                }
            )

    def _dates(
        self, fate: str, spans: Sequence[tuple[datetime, datetime | None]], signed: Sequence[datetime]
    ) -> AgreementDates:
        if not spans:
            return AgreementDates(executed_at=None, starts_at=self._now)
        (starts_at, ends_at), *later = spans
        lately = self._now - timedelta(days=self._draw.randint(1, 300))
        return AgreementDates(
            executed_at=signed[0],
            starts_at=starts_at,
            ends_at=ends_at,
            amendments=tuple(
                AmendedText(executed_at=signed[n], starts_at=start, ends_at=end)
                for n, (start, end) in enumerate(later, 1)
            ),
            ended_at=lately if fate == "terminated" else None,
            suspensions=(Interval(start=lately),) if fate == "suspended" else (),
        )

    def _publication(
        self, agreement_id: UUID, version_id: UUID, parties: Sequence[UUID], at: datetime, rows: Rows
    ) -> None:
        rows.setdefault("agreement_publication", []).append(
            {
                "id": version_id,
                "agreement_id": agreement_id,
                "version_id": version_id,
                "proposed_at": at,
                "published_at": at,
            }
        )
        rows.setdefault("agreement_publication_consent", []).extend(
            {"publication_id": version_id, "agency_id": party, "agrees": True, "said_at": at} for party in parties
        )

    def _version(
        self,
        agreement_id: UUID,
        version_id: UUID,
        n: int,
        particulars: Particulars,
        terms: Terms,
        at: datetime,
        rows: Rows,
        *,
        public: bool,
        frozen: bool,
    ) -> None:
        draw = self._draw
        provisions = [
            ProvisionText(
                number=str(ordinal + 1),
                heading=draw.choice(HEADINGS),
                text=draw.choice(self._texts),
                sensitivity=Sensitivity.PUBLIC if public and ordinal == 0 else Sensitivity.PARTIES,
                exemption=None,
            )
            for ordinal in range(draw.randint(3, 4))
        ]
        # The bytes of `canonical_text`, without its check of every value's type, which would take half the time.
        canonical = _encode({**_plain(particulars), "provisions": provisions, "terms": terms}) if frozen else None
        rows.setdefault("agreement_version", []).append(
            {
                "id": version_id,
                "agreement_id": agreement_id,
                "no": n + 1,
                "title": particulars.title,
                "terms": _encode(terms).decode(),
                "created_at": at,
            }
        )
        if canonical is not None:
            rows.setdefault("frozen", []).append(
                {"id": version_id, "canonical": canonical, "sha256": version_hash(canonical), "frozen_at": at}
            )
        rows.setdefault("provision", []).extend(
            {**msgspec.structs.asdict(each), "version_id": version_id, "ordinal": ordinal}
            for ordinal, each in enumerate(provisions)
        )
        rows.setdefault("agreement_passage", []).extend(
            {
                "agreement_id": agreement_id,
                "source": "provision",
                "version_id": version_id,
                "number": each.number,
                "heading": each.heading,
                "sensitivity": each.sensitivity,
                "text": each.text,
                "search_text": self._words[each.text],
            }
            for each in provisions
        )
        rows.setdefault("agreement_coverage", []).extend(
            {"version_id": version_id, "category": code} for code in terms.categories
        )

    def _parties_and_windows(
        self,
        agreement_id: UUID,
        version_ids: Sequence[UUID],
        parties: Sequence[UUID],
        dates: AgreementDates,
        signed: Sequence[datetime],
        executed: int,
        rows: Rows,
    ) -> None:
        joined = dates.executed_at
        windows = bound_windows(dates, {0: PartyHistory(joined_at=joined)})[0]
        for ordinal, party in enumerate(parties):
            rows.setdefault("agreement_party", []).append(
                {
                    "agreement_id": agreement_id,
                    "agency_id": party,
                    "named_at": joined,
                    "in_text": True,
                    "joined_at": joined,
                    "ordinal": ordinal,
                }
            )
            rows.setdefault("agreement_signature", []).extend(
                {
                    "id": id_at(signed[n], self._draw),
                    "agreement_id": agreement_id,
                    "version_id": version_ids[n],
                    "agency_id": party,
                    "manner": "electronic",
                    "signatory_title": "Chief of Police",
                    "signed_on": signed[n].date(),
                    "recorded_at": signed[n],
                }
                for n in range(executed)
            )
            rows.setdefault("agreement_party_window", []).extend(
                {
                    **_stored(agreement_id, window),
                    "agency_id": party,
                    "version_id": version_ids[window.text],
                    "assists": True,
                    "requests": True,
                    "bound_until": until or OPEN_END,
                }
                for window, until in zip(windows, bound_until(windows), strict=True)
            )
        rows.setdefault("agreement_text_window", []).extend(
            {**_stored(agreement_id, window), "version_id": version_ids[window.text]} for window in text_windows(dates)
        )
        rows.setdefault("agreement_force_window", []).extend(
            _stored(agreement_id, window) for window in force_windows([windows] * 2)
        )


def _stored(agreement_id: UUID, window: Interval) -> Row:
    return {"agreement_id": agreement_id, "starts_at": window.start, "ends_at": window.end or OPEN_END}


def id_at(at: datetime, draw: random.Random) -> UUID:
    """An id of that time, as the service would have given it then."""
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | draw.getrandbits(12) << 64 | 2 << 62 | draw.getrandbits(62))
