"""Days, periods, amounts and the clock, read as people write them."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bo import amounts, clock, dates
from bo.errors import BadInput


@pytest.fixture(autouse=True, scope="module")
def _now() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setenv("BO_NOW", "2026-03-31T12:00:00Z")
    yield
    patch.undo()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-01-31", date(2026, 1, 31)),
        ("2024-02-29", date(2024, 2, 29)),
        ("today", date(2026, 3, 31)),
        ("yesterday", date(2026, 3, 30)),
        ("tomorrow", date(2026, 4, 1)),
        ("-7d", date(2026, 3, 24)),
        ("-2w", date(2026, 3, 17)),
        ("-1m", date(2026, 2, 28)),
        ("-13m", date(2025, 2, 28)),
        ("-1y", date(2025, 3, 31)),
        ("+30d", date(2026, 4, 30)),
    ],
)
def test_a_day_is_read_as_people_write_it(text: str, meant: date) -> None:
    assert dates.day(text) == meant


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2026, 3, 31), ""),
        (date(2025, 1, 1), ""),
        (date(2026, 4, 1), "1 day"),
        (date(2027, 3, 30), "364 days"),
        (date(2027, 3, 31), "1 year"),
        (date(2062, 3, 30), "35 years"),
        (date(2062, 3, 31), "36 years"),
    ],
)
def test_how_far_ahead_a_day_is(day: date, said: str) -> None:
    assert dates.ahead(day, date(2026, 3, 31)) == said


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026", "2026-01-01", "2026-12-31"),
        ("2026-Q1", "2026-01-01", "2026-03-31"),
        ("2026-Q4", "2026-10-01", "2026-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026-01-31", "2026-01-31", "2026-01-31"),
        ("2025-04..2026-03", "2025-04-01", "2026-03-31"),
        ("2026-01..2026-02", "2026-01-01", "2026-02-28"),
        ("2025..2026-Q1", "2025-01-01", "2026-03-31"),
        ("2026-01-31..today", "2026-01-31", "2026-03-31"),
    ],
)
def test_a_period_has_a_first_and_a_last_day(text: str, first: str, last: str) -> None:
    assert dates.period(text) == (date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2026-02-29", "2026-02-29 is no date: that month has 28 days"),
        ("2026-13", "2026-13 is no date: there is no month 13"),
        ("2026-00-10", "2026-00-10 is no date: there is no month 0"),
        ("2026-01-00", "2026-01-00 is no date: that month has 31 days"),
        ("0000-01-01", "0000-01-01 lies outside the years 1900 to 2999"),
        ("9999-12-31", "9999-12-31 lies outside the years 1900 to 2999"),
        ("-99999d", "-99999d leads out of the years 1900 to 2999"),
        ("-9999m", "-9999m lies outside the years 1900 to 2999"),
        ("31.01.2026", "31.01.2026 is no date: write 2026-01-31, today"),
        ("٢٠٢٦-01-31", "is no date"),
        ("", "is no date"),
        ("2026-02..2026-01", "2026-02..2026-01 ends before it begins"),
        ("2026-01..", "is no date"),
        ("2026-01..2026-02..", "is no date"),
        ("2026-01..2026-13", "2026-13 is no date: there is no month 13"),
        ("2026-01-01..2026-01-02", "2026-01-01..2026-01-02 is a period of 2 days; here one day is needed"),
        ("2026-01", "2026-01 is a period of 31 days; here one day is needed"),
    ],
)
def test_what_is_no_day_gets_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="^" + sentence if sentence[0] in "0123456789-" else sentence):
        dates.day(text)


@pytest.mark.parametrize(
    ("text", "start", "first", "last"),
    [
        ("2025/26", 4, "2025-04-01", "2026-03-31"),
        ("2025/2026", 10, "2025-10-01", "2026-09-30"),
        ("1999/00", 2, "1999-02-01", "2000-01-31"),
        ("2025/26..2026/27", 4, "2025-04-01", "2027-03-31"),
        ("2025/26..2026-06", 4, "2025-04-01", "2026-06-30"),
    ],
)
def test_a_fiscal_year_has_the_days_that_the_ledger_says(text: str, start: int, first: str, last: str) -> None:
    assert dates.period(text, start) == (date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("text", "start", "sentence"),
    [
        ("2025/26", 1, "they begin in January here, so write 2025"),
        ("2025/27", 4, "2025/27 is no fiscal year: after 2025 comes 26"),
        ("2999/00", 4, "2999/00 lies outside the years"),
        ("2025/26", 0, "2025/26 is no date"),
        ("2025/6", 4, "2025/6 is no date"),
    ],
)
def test_what_is_no_fiscal_year_gets_a_sentence(text: str, start: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        dates.period(text, start)


@given(st.text(alphabet="0123456789-+QdwmyT:./ aß٣", max_size=12), st.integers(0, 12))
def test_a_date_is_read_or_refused_and_nothing_else(text: str, start: int) -> None:
    try:
        first, last = dates.period(text, start)
    except ValueError:
        return
    assert date(1900, 1, 1) <= first <= last <= date(2999, 12, 31)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("120", (Decimal(120), None)),
        ("120.00", (Decimal("120.00"), None)),
        ("120.00 EUR", (Decimal("120.00"), "EUR")),
        ("-5.5 JPY", (Decimal("-5.5"), "JPY")),
        ("0", (Decimal(0), None)),
        ("999999999999999.999999999999", (Decimal("999999999999999.999999999999"), None)),
    ],
)
def test_an_amount_is_exact_with_or_without_a_currency(text: str, meant: tuple[Decimal, str | None]) -> None:
    assert amounts.amount(text) == meant
    assert str(amounts.amount(text).decimal) == text.split(" ")[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("NaN", "NaN is no number"),
        ("Infinity", "Infinity is no number"),
        ("1e400", "1e400 is no number: write it out"),
        ("1" + "0" * 30, "is too large: there are at most 15 digits"),
        ("١٢", "in the digits 0 to 9"),
        ("１２", "in the digits 0 to 9"),
        ("-0", "zero has no sign"),
        ("-0.00", "zero has no sign"),
        ("0.1234567890123", "is too precise"),
        ("1,234.56", "without thousands separators"),
        ("120,00", "with a point"),
        ("", "nothing is no number"),
        (" ", "no number"),
        (".5", ".5 is no number"),
        ("5.", "5. is no number"),
        ("1_000", "1_000 is no number"),
        ("120 eur", "three capitals"),
        ("120 EUR EUR", "three capitals"),
        ("EUR 120", "three capitals"),
        ("9" * 5000, "is too large"),
    ],
)
def test_what_is_no_amount_gets_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        amounts.amount(text)


@given(st.text(max_size=20))
def test_an_amount_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        found = amounts.amount(text)
    except ValueError:
        return
    assert found.decimal.is_finite()
    assert text.isascii()


def test_the_clock_is_what_bo_now_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BO_NOW", "2026-01-31T23:30:00.250-05:00")
    assert clock.today() == date(2026, 1, 31)
    assert clock.now_ms() == 1769920200250


@pytest.mark.parametrize(
    ("zone", "offset", "instant", "day"),
    [
        ("NZDT-13", "+13:00", datetime(2026, 12, 31, 12, tzinfo=UTC), date(2027, 1, 1)),
        ("PST8", "-08:00", datetime(2027, 1, 1, 7, tzinfo=UTC), date(2026, 12, 31)),
        ("UTC0", "+00:00", datetime(2027, 1, 1, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_the_day_is_that_of_the_place_ahead_of_utc_or_behind_it(
    monkeypatch: pytest.MonkeyPatch, zone: str, offset: str, instant: datetime, day: date
) -> None:
    at = round(instant.timestamp() * 1000)
    with monkeypatch.context() as here:
        here.delenv("BO_NOW")
        here.setenv("TZ", zone)
        time.tzset()
        assert clock.day_of(at) == day
    time.tzset()
    monkeypatch.setenv("BO_NOW", f"2026-06-30T12:00:00{offset}")
    assert clock.day_of(at) == day


@pytest.mark.parametrize("text", ["soon", "0000-01-01", "9999-12-31T23:59:59Z", "2026-02-30"])
def test_a_clock_that_says_nonsense_is_bad_input(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("BO_NOW", text)
    with pytest.raises(BadInput, match="BO_NOW"):
        clock.now_ms()
