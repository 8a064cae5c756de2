"""What all exports of the books share: options, the entries of a period, and amounts and words as plain text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from bo import books, files, options, render
from projections import accounts, balances, entries
from projections.core import open_views

if TYPE_CHECKING:
    from bo.dates import Period
    from projections.accounts import Known
    from projections.core import Views
    from projections.entries import Whole
    from store.ledger import Ledger

_BLANKS = re.compile(r"\s+")
FIRST, LAST = date(1, 1, 1), date(9999, 12, 31)


class Export(NamedTuple):
    """What is exported: accounts posted to and their headings, currencies with their decimals, entries by date."""

    name: str
    base: str
    accounts: dict[str, Known]
    posted: frozenset[str]
    currencies: dict[str, int]
    dimensions: list[str]
    first: date
    entries: Iterable[Whole]


def command(write: Callable[[Export], Iterator[str]]) -> Callable[..., None]:
    """The options of an export around a function that gives its text."""

    @options.force
    @options.output
    @options.period
    @options.ledger
    def written(ledger: Ledger, period: Period | None, output: str | None, force: bool) -> None:
        pieces = (piece.encode() for piece in write(taken(open_views(ledger), period)))
        files.hand_over(output, pieces, force=force)

    written.__doc__ = write.__doc__
    return written


def taken(views: Views, period: Period | None) -> Export:
    """The entries of a period after an entry that brings its opening balances forward; without one, all."""
    from projections import directory

    first, last = period or (FIRST, LAST)
    opening = _opening(views, first) if period else []
    used = accounts.used(views)
    known = accounts.known(views)
    chart = {number: known.get(number) or accounts.Known(number, "Unknown", "equity", "") for number in sorted(used)}
    for number in list(chart):
        while (number := chart[number].parent) in known and number not in chart:
            chart[number] = known[number]
    codes = [code for (code,) in views.rows("SELECT DISTINCT currency FROM month_turnover ORDER BY 1")]
    marked = views.rows("SELECT DISTINCT dimensions FROM posting WHERE dimensions != ''")
    dimensions = {each.partition("=")[0] for (given,) in marked for each in given.split()}
    begins = views.value("SELECT MIN(on_date) FROM entry WHERE on_date BETWEEN ? AND ?", first, last)
    start = date.fromisoformat(opening[0].on if opening else begins or str(first))
    return Export(
        directory.setting(views, "name"), books.base(views), chart, used, {code: views.digits(code) for code in codes},
        sorted(dimensions), start, _chained(opening, entries.whole(views, first, last)),
    )  # fmt: skip


def _opening(views: Views, first: date) -> list[Whole]:
    """What stood on the accounts before the first day, as an entry of the day before."""
    if first == FIRST:
        return []
    rows = [row for row in balances.moved(views, first, first) if row.opening]
    lines = [entries.Piece(row.account, "", "", "", "", row.currency, row.opening) for row in rows]
    day = (first - timedelta(1)).isoformat()
    return [entries.Whole(0, 0, day, "", "", "", "Balances brought forward", lines)] if lines else []


def _chained(before: list[Whole], after: Iterator[Whole]) -> Iterator[Whole]:
    yield from before
    yield from after


def amount(minor: int, currency: str) -> str:
    return render.exact(minor, currency)


def symbol(currency: str) -> str:
    """A commodity as hledger and ledger want it: in quotes where it is not letters only."""
    return currency if currency.isalpha() else f'"{currency}"'


def words(text: str, instead: dict[int, str] | None = None) -> str:
    """Text of one line without what means something in the format."""
    plain = "".join(each if each.isprintable() else " " for each in _BLANKS.sub(" ", text))
    return (plain.translate(instead) if instead else plain).strip()


def said(entry: Whole) -> str:
    """What an entry is for: its text, that of a line, else the event it follows from."""
    return entry.text or next((line.text for line in entry.lines if line.text), "") or entry.event


def notes(entry: Whole) -> dict[str, Any]:
    """Where an entry comes from."""
    return {"position": entry.position, "source": entry.source, "event": entry.event} if entry.position else {}


def marks(entry: Whole, line: entries.Piece) -> dict[str, str]:
    """What a line bears besides its amount."""
    text = "" if line.text == said(entry) else line.text
    tags: dict[str, str] = {}
    for name, _, value in (each.partition("=") for each in line.dimensions.split()):
        tags[name] = f"{tags[name]} {value}" if name in tags else value
    return {
        name: value for name, value in {"party": line.party, "tax": line.tax, "text": text, **tags}.items() if value
    }
