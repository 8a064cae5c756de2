"""Days and periods as people write them: 2026-01-31, yesterday, -7d, 2026-03, 2026-Q1, 2026/27, 2026-01..2026-02."""

import re
from calendar import monthrange
from datetime import date, timedelta
from typing import NamedTuple

from bo.clock import today

_SHAPES = "write 2026-01-31, today, yesterday, -7d, -2w, -1m, 2026-03, 2026-Q1, 2026 or 2026-01..2026-02"
_ISO = re.compile(r"([0-9]{4})(?:-Q([1-4])|-([0-9]{2})(?:-([0-9]{2}))?)?")
_FISCAL = re.compile(r"([0-9]{4})/(?:[0-9]{2})?([0-9]{2})")
_AWAY = re.compile(r"([+-][0-9]{1,5})([dwmy])")
_WORDS = {"today": 0, "yesterday": -1, "tomorrow": 1}


class Period(NamedTuple):
    first: date
    last: date


def day(text: str) -> date:
    """A single day."""
    first, last = period(text)
    if first != last:
        raise ValueError(f"{text} is a period of {(last - first).days + 1} days; here one day is needed")
    return first


def period(text: str, year_start: int = 0) -> Period:
    """The first and the last day of what is written; of a day, twice that day. Raises ValueError with a sentence.

    Fiscal years have names of their own where they do not begin in January; `year_start` is their first month.
    """
    begin, dots, end = text.partition("..")
    if dots:
        first, last = period(begin, year_start).first, period(end, year_start).last
        if last < first:
            raise ValueError(f"{text} ends before it begins")
        return Period(first, last)
    if text in _WORDS:
        only = today() + timedelta(days=_WORDS[text])
        return Period(only, only)
    if match := _AWAY.fullmatch(text):
        only = _away(int(match[1]), match[2], text)
        return Period(only, only)
    if year_start and (match := _FISCAL.fullmatch(text)):
        return _fiscal(int(match[1]), int(match[2]), year_start, text)
    match = _ISO.fullmatch(text)
    if not match:
        raise ValueError(f"{text} is no date: {_SHAPES}")
    year, quarter, month, number = (int(part) if part else 0 for part in match.groups())
    _within(year, text)
    if quarter:
        return _months(year, quarter * 3 - 2, quarter * 3)
    if match[3] is None:
        return _months(year, 1, 12)
    if not 1 <= month <= 12:
        raise ValueError(f"{text} is no date: there is no month {month}")
    if match[4] is None:
        return _months(year, month, month)
    if not 1 <= number <= monthrange(year, month)[1]:
        raise ValueError(f"{text} is no date: that month has {monthrange(year, month)[1]} days")
    return Period(date(year, month, number), date(year, month, number))


def ahead(day: date, now: date) -> str:
    """How far a day lies in the future: `1 day`, `36 years`; "" when it does not."""
    days = (day - now).days
    years = day.year - now.year - ((day.month, day.day) < (now.month, now.day))
    number, unit = (years, "year") if years else (days, "day")
    return f"{number} {unit}{'' if number == 1 else 's'}" if days > 0 else ""


def _months(year: int, first: int, last: int) -> Period:
    return Period(date(year, first, 1), date(year, last, monthrange(year, last)[1]))


def _fiscal(year: int, following: int, start: int, text: str) -> Period:
    _within(year, text)
    if start == 1:
        raise ValueError(f"{text} is no fiscal year: they begin in January here, so write {year}")
    if following != (year + 1) % 100:
        raise ValueError(f"{text} is no fiscal year: after {year} comes {(year + 1) % 100:02}")
    _within(year + 1, text)
    return Period(date(year, start, 1), date(year + 1, start, 1) - timedelta(days=1))


def _away(number: int, unit: str, text: str) -> date:
    here = today()
    if unit in "dw":
        ordinal = here.toordinal() + number * (7 if unit == "w" else 1)
        if not date(1900, 1, 1).toordinal() <= ordinal <= date(2999, 12, 31).toordinal():
            raise ValueError(f"{text} leads out of the years 1900 to 2999")
        return date.fromordinal(ordinal)
    months = here.year * 12 + here.month - 1 + number * (12 if unit == "y" else 1)
    year, month = months // 12, months % 12 + 1
    _within(year, text)
    return date(year, month, min(here.day, monthrange(year, month)[1]))  # a month before 31 March is 28 February


def _within(year: int, text: str) -> None:
    if not 1900 <= year <= 2999:
        raise ValueError(f"{text} lies outside the years 1900 to 2999")
