"""One history of an account, cut into files of any format that split days, overlap, repeat and come in any order."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.bank import Line, Month
from aggregates.occurrence import Piece, ambiguous, counted, fitted
from bo.bank import counting
from bo.bank.reading import read
from bo.findings import Findings

START = date(2026, 1, 30)
OPENING = 10_000
FORMATS = ("camt", "mt940", "csv", "csv, newest first")


class Booking(NamedTuple):
    on: date
    minor: int
    text: str
    reference: str = ""


class File(NamedTuple):
    format: str
    number: int
    opening: int
    bookings: tuple[Booking, ...]


class Account:
    """What a ledger keeps of the lines of one account, without the ledger."""

    def __init__(self) -> None:
        self.months: dict[str, Month] = {}
        self.doubts: list[date] = []

    def state(self, cls: type[Month], key: str) -> Month:
        return self.months.get(key, Month())

    def take(self, text: str, goes_on: bool = False) -> None:
        statements = read(text.encode(), Findings("x"), None, "EUR")
        told, doubts = counting.counted(cast("Any", self), "MAIN", statements, "EUR", goes_on)
        self.doubts += doubts
        for each in told:
            for line, parts in each.lines:
                month = self.state(Month, key := counting.key_of("MAIN", line.on))
                self.months[key] = Month.after(*self._events(month), *month.book("MAIN/1", [(line, parts)]))
            for placed in each.placed("MAIN/1"):
                month = self.state(Month, key := counting.key_of("MAIN", placed.on))
                self.months[key] = Month.after(*self._events(month), *month.place(placed))

    @staticmethod
    def _events(month: Month) -> list[Any]:
        from aggregates.bank import Booked

        return [Booked("MAIN/1", tuple(month.lines.values())), *month.placed]

    @property
    def lines(self) -> list[Line]:
        return [line for month in self.months.values() for line in month.lines.values()]


def content(account: Account) -> list[tuple[object, ...]]:
    return sorted((line.on, line.amount.minor, line.text, line.reference) for line in account.lines)


def written(file: File) -> str:
    return {"camt": as_camt, "mt940": as_mt940}.get(file.format, as_csv)(file)


def plain(minor: int) -> str:
    return f"{abs(minor) // 100}.{abs(minor) % 100:02}"


def as_camt(file: File) -> str:
    def balance(code: str, minor: int) -> str:
        return (
            f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{plain(minor)}</Amt>'
            f"<CdtDbtInd>{way(minor)}</CdtDbtInd><Dt><Dt>{START}</Dt></Dt></Bal>"
        )

    def way(minor: int) -> str:
        return "CRDT" if minor >= 0 else "DBIT"

    entries = "".join(
        f'<Ntry><Amt Ccy="EUR">{plain(each.minor)}</Amt><CdtDbtInd>{way(each.minor)}</CdtDbtInd><Sts>BOOK</Sts>'
        f"<BookgDt><Dt>{each.on}</Dt></BookgDt><AcctSvcrRef>{each.reference}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><RmtInf><Ustrd>{each.text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        for each in file.bookings
    )
    closing = file.opening + sum(each.minor for each in file.bookings)
    number = f"<LglSeqNb>{file.number}</LglSeqNb>" if file.number else ""
    return (
        f"<Document><BkToCstmrStmt><Stmt>{number}<Acct><Ccy>EUR</Ccy></Acct>{balance('OPBD', file.opening)}"
        f"{balance('CLBD', closing)}{entries}</Stmt></BkToCstmrStmt></Document>"
    )


def as_mt940(file: File) -> str:
    def comma(minor: int) -> str:
        return plain(minor).replace(".", ",")

    def way(minor: int) -> str:
        return "C" if minor >= 0 else "D"

    entries = "".join(
        f":61:{each.on:%y%m%d%m%d}{way(each.minor)}{comma(each.minor)}NTRFNONREF"
        + (f"//{each.reference}\n" if each.reference else "\n")
        + f":86:{each.text}\n"
        for each in file.bookings
    )
    closing = file.opening + sum(each.minor for each in file.bookings)
    return (
        f":20:X\n:25:0532013000\n:28C:{file.number or 'X'}\n:60F:{way(file.opening)}260101EUR{comma(file.opening)}\n"
        f"{entries}:62F:{way(closing)}260201EUR{comma(closing)}\n"
    )


def as_csv(file: File) -> str:
    rows, balance = [], file.opening
    for each in file.bookings:
        balance += each.minor
        signed = [f"{'-' if minor < 0 else ''}{plain(minor)}" for minor in (each.minor, balance)]
        rows.append(f"{each.on},{signed[0]},{each.text},{each.reference},{signed[1]}\n")
    return "Date,Amount,Text,Reference,Balance\n" + "".join(rows[::-1] if "newest" in file.format else rows)


@st.composite
def histories(draw: st.DrawFn) -> list[Booking]:
    """Few days, amounts and texts, so that much is alike; the balance only rises, or only falls, and so has places."""
    sign = draw(st.sampled_from((1, -1)))
    bookings = st.builds(
        lambda day, minor, text, said: Booking(START + timedelta(day), sign * minor, text, "R" if said else ""),
        st.integers(0, 3), st.sampled_from((500, 500, 700)), st.sampled_from(("rent", "fee")), st.booleans(),
    )  # fmt: skip
    found = sorted(draw(st.lists(bookings, min_size=1, max_size=20)), key=lambda each: each.on)
    return [each._replace(reference=f"R{at}" if each.reference else "") for at, each in enumerate(found)]


def cut(history: list[Booking], first: int, last: int, format: str, number: int = 0) -> File:
    return File(format, number, OPENING + sum(each.minor for each in history[:first]), tuple(history[first:last]))


@settings(max_examples=300, deadline=None)
@given(histories(), st.data())
def test_a_history_comes_once_however_it_is_cut(history: list[Booking], data: st.DataObject) -> None:
    places, formats = st.integers(0, len(history)), st.sampled_from(FORMATS)
    ends = sorted({0, len(history), *data.draw(st.lists(places, max_size=5))})
    more = [tuple(sorted(data.draw(st.tuples(places, places)))) for _ in range(data.draw(st.integers(0, 4)))]
    files = [cut(history, first, last, data.draw(formats)) for first, last in (*pairwise(ends), *more) if first < last]
    account = Account()
    for file in data.draw(st.permutations([*files, *files[:2]])):
        account.take(written(file))
    assert content(account) == sorted((each.on, each.minor, each.text, each.reference) for each in history)
    assert account.doubts == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from((500, -500, 700, -700)), min_size=1, max_size=12), st.data())
def test_numbered_statements_of_a_day_have_no_line_in_common(minors: list[int], data: st.DataObject) -> None:
    """Also where the balance comes back to where it was. They come in a row, and any of them again."""
    history = [Booking(START, minor, "fee") for minor in minors]
    ends = sorted({0, len(history), *data.draw(st.lists(st.integers(0, len(history)), max_size=5))})
    files = [cut(history, first, last, "camt", at) for at, (first, last) in enumerate(pairwise(ends), 1)]
    account = Account()
    for file in [*files, *data.draw(st.permutations(files))]:
        account.take(written(file))
    assert len(account.lines) == len(history)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from((500, -500)), min_size=1, max_size=8), st.data())
def test_without_numbers_no_line_is_invented(minors: list[int], data: st.DataObject) -> None:
    """A balance that came back leaves it open which line is meant: too few are taken then, never too many."""
    history = [Booking(START, minor, "fee") for minor in minors]
    places, formats = st.integers(0, len(history)), st.sampled_from(FORMATS)
    account = Account()
    for _ in range(data.draw(st.integers(1, 5))):
        first, last = sorted(data.draw(st.tuples(places, places)))
        if first < last:
            account.take(written(cut(history, first, last, data.draw(formats))))
    assert Counter(line.amount.minor for line in account.lines) <= Counter(minors)


FEE = Booking(START, -500, "fee")
RENT = Booking(START, -700, "rent")


def test_one_line_in_each_of_two_files_is_two_when_the_second_begins_where_the_first_ended() -> None:
    account = Account()
    account.take(written(File("camt", 0, 10_000, (FEE,))))
    account.take(written(File("mt940", 0, 9_500, (FEE,))))
    assert len(account.lines) == 2
    account.take(written(File("csv", 0, 10_000, (FEE, FEE))))
    assert len(account.lines) == 2


def test_without_balances_a_split_day_is_in_doubt_until_somebody_says() -> None:
    account = Account()
    account.take("Date,Amount,Text\n2026-01-30,-5.00,fee\n2026-01-30,1.00,first\n")
    account.take("Date,Amount,Text\n2026-01-30,-5.00,fee\n2026-01-30,2.00,last\n")
    assert (len(account.lines), account.doubts) == (3, [START])
    account.take("Date,Amount,Text\n2026-01-30,-5.00,fee\n", goes_on=True)
    assert (len(account.lines), account.doubts) == (4, [START])


def test_a_statement_in_an_order_of_its_own_is_the_same_statement() -> None:
    account = Account()
    account.take(written(File("camt", 0, 10_000, (FEE, FEE, RENT))))
    account.take(written(File("camt", 0, 10_000, (RENT, FEE, FEE))))
    account.take(written(File("camt", 0, 10_000, (FEE, RENT, FEE))))
    assert (len(account.lines), account.doubts) == (3, [])


def piece(opening: int, *minors: int) -> Piece:
    return Piece(opening, tuple(((START, minor), minor) for minor in minors))


@pytest.mark.parametrize(
    ("known", "new", "many"),
    [
        (piece(100, 5, 5), piece(105, 5, 5), 3),  # they overlap by one
        (piece(100, 5), piece(110, 5), 2),  # a gap lies between them
        (piece(100, 5, 7), piece(105, 7), 2),  # a part of it
        (piece(105, 5), piece(100, 5, 5, 5), 3),  # all of it
        (piece(100, 5, 7, 7), piece(100, 7, 7, 5), 3),  # newest first
    ],
)
def test_pieces_of_a_day_are_laid_side_by_side(known: Piece, new: Piece, many: int) -> None:
    fits = fitted([known], new)
    assert fits is not None
    assert counted([known, fits]).total() == many
    assert not ambiguous([known], fits)


def test_a_gap_where_balances_come_back_is_no_wrong_order() -> None:
    """Up four times and down three, of which the second up stands in no file."""
    known = [piece(100, 5), piece(110, 5, 5, -5)]
    assert fitted(known, piece(115, 5, -5, -5, -5)) is None


def test_what_cannot_have_followed_one_another_is_told() -> None:
    assert fitted([piece(100, 5, 7, 9)], piece(100, 7, 9)) is None
    assert ambiguous([piece(100, 5)], piece(105, -5, 5))
