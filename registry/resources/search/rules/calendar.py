"""Days by their names: weekdays, weekends, weeks, dates in American forms, holidays."""

from datetime import date, timedelta
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from registry.platform.kernel.spelling import SHORTEST, is_one_slip
from registry.platform.kernel.time import add_months
from registry.resources.search.rules.holidays import HOLIDAYS
from registry.resources.search.rules.numbers import number_at
from registry.resources.search.rules.tokens import Sentence, Span

_DAY = timedelta(days=1)
_LAST_YEAR = 2199  # a later one is a slip, and the days after the last that a calendar has cannot be counted
_YEARS_AHEAD = 3
"""How far ahead a number behind a date is read as its year without a comma."""
_WEEKDAYS = {
    name: n
    for n, names in enumerate(
        (
            "monday mon mondays",
            "tuesday tue tues tuesdays",
            "wednesday wed weds wednesdays wensday wendsday",
            "thursday thu thur thurs thursdays",
            "friday fri fridays",
            "saturday sat saturdays",
            "sunday sun sundays",
        )
    )
    for name in names.split()
}
_MONTHS = {
    name: n
    for n, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )
    for name in names.split()
}
_ORDINALS = {"first": 1, "1": 1, "second": 2, "2": 2, "third": 3, "3": 3, "fourth": 4, "4": 4, "last": 5}
_TODAY = frozenset("today 2day".split())
_TONIGHT = frozenset("tonight tonite 2nite tonit tonght tonigh".split())
_TOMORROW = frozenset("tomorrow tomorow tommorow tommorrow tomorro tmrw tmw tmr tmrow tomm 2morrow".split())
_WEEK, _SUNDAY, _MOST_COUNTED, _MONTHS_OF_A_YEAR = ("week", "wk"), 6, 100, 12
_WEEKEND = frozenset("weekend wkend wknd weekends".split())
_WORKING_DAYS, _FRIDAY = frozenset("weekday weekdays workday workdays".split()), 4
_SHIFTS = frozenset("shift shifts".split())
_THIS, _NEXT = frozenset(("this", "the", "coming", "on")), frozenset(("next", "nxt"))
_PARTS = {
    "morning": (6, 12),
    "mornings": (6, 12),
    "am": (6, 12),
    "pm": (12, 24),
    "afternoon": (12, 18),
    "afternoons": (12, 18),
    "evening": (18, 24),
    "evenings": (18, 24),
    "night": (18, 30),
    "nite": (18, 30),
    "tonight": (18, 30),
    "overnight": (18, 30),
    "day shift": (6, 18),
}
_AGAINST_NUMBERS = frozenset("a p am pm at to til by from on".split()) | {*_WEEKDAYS, *_MONTHS, *_PARTS}
"""Words that people write against the number of an hour or a day, as in “sat9pm” and “8a-2p”."""
_LETTERS_OF_A_NAME = 2
"""As many stand before the hyphen of such names as K-9 and UH-1."""
AFTER_A_DATE = frozenset(("", ",", *"at from for near in around within by on starting beginning (".split()))
"""What may follow a date. A number before another word counts something, and before a sign or “am” it is an hour."""


def is_of_word(sentence: Sentence, at: int) -> bool:
    """Whether the number there is part of a word, as in “K9”, “K-9”, “C130”, “x3” and “Type-2”: no hour and no day."""
    if not sentence.adjoins(at):
        return False
    before = sentence.tokens[at - 1].word
    if before[0].isalpha():
        return before not in _AGAINST_NUMBERS
    if before != "-" or not sentence.adjoins(at - 1):
        return False
    word = sentence.tokens[at - 2].word
    short = word.isalpha() and len(word) <= _LETTERS_OF_A_NAME
    return (short or word in ("type", "typ")) and word not in _AGAINST_NUMBERS


class Day(Struct, kw_only=True, frozen=True):
    """A day, or several in a row; with the part of it that its name says, and another reading where there are two."""

    first: date
    last: date
    part: str = ""
    is_date: bool = False
    is_weekday: bool = False
    """A weekday's name: where what is said of it is over today, that of next week is meant."""
    weekdays: frozenset[int] = frozenset()
    """The days of the week that its name says, Monday 0; empty for other names."""
    other: "Day | None" = None
    disagrees: str = ""
    """Where two names of the day disagree, which of them is taken, and why."""

    def with_date(self, date_: "Day") -> "Day":
        """The same day, when its date stands beside another name of it: the date is meant.

        Where the other name says another day, that is the other reading.
        """
        days = {date_.first, date_.last}
        if self.weekdays:
            agrees = {day.weekday() for day in days} <= self.weekdays
        else:
            agrees = all(self.first <= day <= self.last for day in days)
        if agrees:
            return replace(date_, part=self.part)
        at, named = date_.first, self.first
        also = f"{named:%A}" if self.weekdays else f"{named:%B} {named.day}"
        remark = f"{at:%B} {at.day}, {at.year} is a {at:%A}, but the sentence also says {also}; the date is taken."
        return replace(date_, part=self.part, other=replace(self, other=None), disagrees=remark)


def both(one: Day, other: Day) -> Day | None:
    """One day by two names that stand beside one another, of which one is a date; None where they are two days."""
    if one.is_date and other.is_date:
        return one if (one.first, one.last) == (other.first, other.last) else None
    if one.is_date:
        return other.with_date(one)
    return one.with_date(other) if other.is_date else None


_NAMES = frozenset((*_WEEKDAYS, *_MONTHS, *_TONIGHT, *_TOMORROW, *_WEEKEND))
_LONG_NAMES = tuple(
    name
    for name in (*_WEEKDAYS, *_MONTHS, "tonight", "tomorrow", "weekend")
    if len(name) > SHORTEST and name != "august"  # beside which is Augusta
)
"""Names of days that are long enough for a slip to be told."""


def part_hours(part: str) -> tuple[int, int] | None:
    """The hours of a part of the day, counted from its midnight; None for another word."""
    return _PARTS.get(part)


_SEES_AT_NIGHT = frozenset("goggle goggles nvg nvgs optic optics scope scopes sight sights vision".split())
"""Words behind “night” that make it no time: “night vision”, “night-vision”, “night scope”."""


def sees_at_night(sentence: Sentence, at: int) -> bool:
    """Whether “night” there is of a thing by which one sees at night, and no time."""
    behind = at + 1 + (sentence.word(at + 1) == "-")
    return sentence.word(at) in ("day", "night") and sentence.word(behind) in _SEES_AT_NIGHT


def part_at(sentence: Sentence, at: int) -> tuple[str, Span] | None:
    """The part of a day that is named there: “morning”, “night shift”, “day shift”."""
    if sees_at_night(sentence, at):
        return None
    word, of_shift = sentence.word(at), sentence.word(at + 1) in _SHIFTS
    part = "day shift" if word == "day" and of_shift else word
    return (part, Span(at, at + 1 + of_shift)) if part in _PARTS else None


@lru_cache(maxsize=1_024)
def time_word(word: str) -> str:
    """The name of a day or a month that the word is one slip of (“saterday”, “decmber”); else the word itself."""
    if len(word) <= SHORTEST or not word.isalpha() or word in _NAMES:
        return word
    return next((name for name in _LONG_NAMES if name[0] == word[0] and is_one_slip(word, name)), word)


def day_at(sentence: Sentence, at: int, today: date) -> tuple[Day, Span] | None:
    """The day that is named there."""
    word = time_word(sentence.word(at))
    if word in _TODAY:
        return _one(today), Span(at, at + 1)
    if word in _TONIGHT:
        return _one(today, part="night"), Span(at, at + 1)
    if word in _TOMORROW:
        return _one(today + _DAY), Span(at, at + 1)
    if word in ("early", "first"):  # “first thing tomorrow”
        first = at + 1 + (word == "first")
        early = day_at(sentence, first, today) if word == "early" or sentence.word(at + 1) == "thing" else None
        if early is not None:
            return replace(early[0], part=early[0].part or "morning"), Span(at, early[1].end)
    if word == "day" and sentence.word(at + 1) == "after" and sentence.word(at + 2) in _TOMORROW:
        return _one(today + 2 * _DAY), Span(at, at + 3)
    if word == "end" and sentence.word(at + 1) == "of":
        return _end_of(sentence, at, today)
    if word in _THIS | _NEXT or word in _WEEKEND or word in _WEEKDAYS or word in _WORKING_DAYS:
        found = _of_week(sentence, at, today)
        if found is not None:
            return found
    if word in _WEEK and sentence.word(at + 1) == "of":
        return _week_of(sentence, at, today)
    return (
        _days_from(sentence, at, today)
        or _date_at(sentence, at, today)
        or _holiday_at(sentence, at, today)
        or _of_month(sentence, at, today)
        or _part_of_month(sentence, at, today)
    )


def _part_of_month(sentence: Sentence, at: int, today: date) -> tuple[Day, Span] | None:
    """“in December”, “the first week of December”: the next month of that name, or seven days of it."""
    led = sentence.tokens[at - 1].word if at else ""
    n = _ORDINALS.get(sentence.word(at), 0)
    here = at
    if n:
        here = at + 1 + (sentence.word(at + 1) in ("st", "nd", "rd", "th"))
        if sentence.word(here) not in _WEEK:
            return None
        here += 1 + (sentence.word(here + 1) in ("of", "in"))
    elif sentence.word(at) == "month" and sentence.word(at + 1) == "of":
        here = at + 2
    elif led not in ("in", "during"):
        return None
    month = _MONTHS.get(time_word(sentence.word(here)))
    if month is None:
        return None
    for year in (today.year, today.year + 1):
        first = date(year, month, 1)
        last = add_months(first, 1) - _DAY
        if n == _ORDINALS["last"]:
            first = last - 6 * _DAY
        elif n:
            first += 7 * (n - 1) * _DAY
            last = first + 6 * _DAY
        if last >= today:
            return Day(first=max(first, today), last=last), Span(at, here + 1)
    return None


def _week_of(sentence: Sentence, at: int, today: date) -> tuple[Day, Span] | None:
    """“the week of Dec 14”: the seven days from its Monday, or from the day itself where that is a Sunday."""
    of = _date_at(sentence, at + 2, today)
    if of is None:
        return None
    named = of[0].first
    first = named if named.weekday() == _SUNDAY else named - named.weekday() * _DAY
    return Day(first=first, last=first + 6 * _DAY), Span(at, of[1].end)


def _end_of(sentence: Sentence, at: int, today: date) -> tuple[Day, Span] | None:
    """“the end of the week”: its Friday, beside which Sunday may be meant; “the end of next month”: its last day."""
    here = at + 2 + (sentence.word(at + 2) == "the")
    later = sentence.word(here) in _NEXT
    here += sentence.word(here) in _THIS | _NEXT
    end = Span(at, here + 1)
    if sentence.word(here) == "month":
        last = add_months(today.replace(day=1), 2 if later else 1) - _DAY
        return _one(last, is_date=True), end
    if sentence.word(here) not in _WEEK:
        return None
    monday = today - today.weekday() * _DAY + (7 if later else 0) * _DAY
    friday, sunday = _one(monday + _FRIDAY * _DAY), _one(monday + _SUNDAY * _DAY)
    return (replace(friday, other=sunday) if friday.first >= today else sunday), end


def _days_from(sentence: Sentence, at: int, today: date) -> tuple[Day, Span] | None:
    """“two weeks from Friday”, “3 days from tomorrow”."""
    number = number_at(sentence, at)
    if is_of_word(sentence, at) or (number is None and sentence.word(at) not in ("a", "an")):
        return None
    value, end = (1.0, at + 1) if number is None else (number.value, number.span.end)
    days = 7 if sentence.word(end) in (*_WEEK, "weeks", "wks") else int(sentence.word(end) in ("day", "days"))
    if not days or value != int(value) or value > _MOST_COUNTED or sentence.word(end + 1) != "from":
        return None
    base = day_at(sentence, end + 2, today)
    if base is None:
        return None
    moved = base[0].first + int(value) * days * _DAY
    return Day(first=moved, last=moved, part=base[0].part, is_date=True), Span(at, base[1].end)


def _of_month(sentence: Sentence, at: int, today: date) -> tuple[Day, Span] | None:
    """“on the 12th”, “Saturday the 12th”: the next day of that number."""
    at_number = at + (sentence.word(at) == "the")
    word, end = sentence.word(at_number), _past_ordinal(sentence, at_number + 1)
    before = at_number - 1
    before -= sentence.word(before) == "the"
    led = before >= 0 and (sentence.tokens[before].word in _WEEKDAYS or sentence.tokens[before].word == "on")
    if not (led and word.isdecimal() and end > at_number + 1):
        return None
    for ahead in range(12):
        month = add_months(today.replace(day=1), ahead)
        found = _made(month.year, month.month, int(word), Span(at, end))
        if found is not None and found[0].last >= today:
            return found
    return None


def _one(day: date, *, part: str = "", is_date: bool = False) -> Day:
    return Day(first=day, last=day, part=part, is_date=is_date)


def _of_week(sentence: Sentence, at: int, today: date) -> tuple[Day, Span] | None:
    here, later = at, False
    while (word := time_word(sentence.word(here))) in _THIS | _NEXT:
        later |= word in _NEXT
        here += 1
    end = Span(at, here + 1)
    monday = today - today.weekday() * _DAY
    if word in _WEEKEND and sentence.word(here + 1) == "of" and (of := _date_at(sentence, here + 2, today)) is not None:
        near = of[0].first
        saturday = (
            near - (near.weekday() + 2) % 7 * _DAY if near.weekday() in (5, 6) else near + (5 - near.weekday()) * _DAY
        )
        return Day(first=saturday, last=saturday + _DAY), Span(at, of[1].end)
    if word in _WEEKEND:
        saturday = monday + (12 if later else 5) * _DAY
        return Day(first=saturday, last=saturday + _DAY, weekdays=frozenset((5, 6))), end
    if word in _WORKING_DAYS:
        first = monday + 7 * _DAY if later or today.weekday() > _FRIDAY else today
        friday = first - first.weekday() * _DAY + _FRIDAY * _DAY
        return Day(first=first, last=friday, weekdays=frozenset(range(_FRIDAY + 1))), end
    if here > at and word in ("week", "wk"):
        first = monday + 7 * _DAY if later else today
        return Day(first=first, last=monday + (13 if later else 6) * _DAY), end
    if here > at and word == "month":
        first = add_months(today.replace(day=1), 1) if later else today
        return Day(first=first, last=add_months(first.replace(day=1), 1) - _DAY), end
    if here > at and word == "year":
        first = date(today.year + 1, 1, 1) if later else today
        return Day(first=first, last=date(first.year, 12, 31)), end
    if here > at and word in ("morning", "afternoon", "evening", "night", "nite"):
        return _one(today, part="night" if word == "nite" else word), end
    if word not in _WEEKDAYS:
        return None
    soonest = today + (_WEEKDAYS[word] - today.weekday()) % 7 * _DAY
    its = frozenset((_WEEKDAYS[word],))
    if not later:
        return Day(first=soonest, last=soonest, is_weekday=True, weekdays=its), end
    next_week = monday + (7 + _WEEKDAYS[word]) * _DAY
    other = _one(soonest) if soonest not in (next_week, today) else None
    return Day(first=next_week, last=next_week, weekdays=its, other=other), end


def _date_at(sentence: Sentence, at: int, today: date) -> tuple[Day, Span] | None:
    """“July 4”, “4 July 2027”, “7/4”, “7/4/27”, “2027-07-04”, “July 4th”.

    Between two numbers a month goes with the one behind it, where that can be its day: “level 3 Dec 5”.
    """
    word = time_word(sentence.word(at))
    if word in _MONTHS:
        day_word, end = sentence.word(at + 1), at + 2
        if not (day_word.isdecimal() and len(day_word) <= 2):
            return None
        return _dated(sentence, _MONTHS[word], int(day_word), _past_ordinal(sentence, end), at, today)
    if not word.isdecimal() or is_of_word(sentence, at):
        return None
    after = _past_ordinal(sentence, at + 1)
    after += sentence.word(after) == "of"
    month = _MONTHS.get(time_word(sentence.word(after)))
    if month is not None and len(word) <= 2:
        if after == at + 1 and _is_day_of_month(sentence, after + 1):
            return None
        return _dated(sentence, month, int(word), after + 1, at, today)
    sign, second = sentence.word(at + 1), sentence.word(at + 2)
    if (word, sign, second) == ("24", "/", "7"):
        return None  # at any hour, and no 24th of July
    has_year = sentence.word(at + 3) == sign and sentence.word(at + 4).isdecimal()
    hyphened = sign == "-" and has_year and len(sentence.word(at + 4)) in (2, 4)
    if (sign == "/" or hyphened) and second.isdecimal() and len(word) <= 2 and len(second) <= 2:
        end, month, day = at + 3, int(word), int(second)
        if month > _MONTHS_OF_A_YEAR:  # “24/12”: no month has that number
            month, day = day, month
        if has_year:
            year = int(sentence.word(end + 1))
            return _made(year + 2000 if year < 100 else year, month, day, Span(at, end + 2))
        found = _dated(sentence, month, day, end, at, today, year=False)
        turned = _dated(sentence, day, month, end, at, today, year=False) if day <= _MONTHS_OF_A_YEAR else None
        if found is not None and turned is not None and turned[0].first < found[0].first:
            return replace(found[0], other=turned[0]), found[1]  # “5/12” is May 12, and may be meant as 5 December
        return found
    if sign == "-" and len(word) == 4 and second.isdecimal() and sentence.word(at + 3) == "-":
        third = sentence.word(at + 4)
        return _made(int(word), int(second), int(third), Span(at, at + 5)) if third.isdecimal() else None
    return None


def hyphened_date_at(sentence: Sentence, at: int, today: date) -> Day | None:
    """“12-5” as December 5, and not as hours; None for what is no date."""
    month, sign, day = sentence.word(at), sentence.word(at + 1), sentence.word(at + 2)
    if not (sign == "-" and month.isdecimal() and day.isdecimal()):
        return None
    found = _dated(sentence, int(month), int(day), at + 3, at, today, year=False)
    return None if found is None else found[0]


def _is_day_of_month(sentence: Sentence, at: int) -> bool:
    """Whether the number behind a month's name is its day, and neither an hour nor how many of something."""
    word = sentence.word(at)
    if not (word.isdecimal() and len(word) <= 2 and 1 <= int(word) <= 31):
        return False
    return _past_ordinal(sentence, at + 1) > at + 1 or sentence.word(at + 1) in AFTER_A_DATE


def _past_ordinal(sentence: Sentence, at: int) -> int:
    return at + (sentence.word(at) in ("st", "nd", "rd", "th") and sentence.adjoins(at))


def _dated(
    sentence: Sentence, month: int, day: int, end: int, first: int, today: date, *, year: bool = True
) -> tuple[Day, Span] | None:
    """With the year that follows, or the next such day."""
    comma = sentence.word(end) == ","
    here = end + comma
    # Without a comma four digits may be an hour: “Dec 12 2030” is half past eight, and “Dec 12 2000-2200” two hours.
    years = range(today.year - 1, today.year + (20 if comma else _YEARS_AHEAD))
    if year and sentence.word(here).isdecimal() and int(sentence.word(here)) in years:
        return _made(int(sentence.word(here)), month, day, Span(first, here + 1))
    for number in range(today.year, today.year + 9):
        found = _made(number, month, day, Span(first, end))
        if found is not None and found[0].last >= today:
            return found
    return None


def _made(year: int, month: int, day: int, span: Span) -> tuple[Day, Span] | None:
    if year > _LAST_YEAR:
        return None
    try:
        return _one(date(year, month, day), is_date=True), span
    except ValueError:
        return None


def _holiday_at(sentence: Sentence, at: int, today: date) -> tuple[Day, Span] | None:
    for names, of in HOLIDAYS.items():
        if all(sentence.word(at + i) == name for i, name in enumerate(names)):
            day = of(today.year)
            return _one(day if day >= today else of(today.year + 1), is_date=True), Span(at, at + len(names))
    return None
