"""What the rate commands do: rates by hand or from the ECB's file, and revaluation at the end of a day."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aggregates.core import Refused, require
from aggregates.currencies import DIGITS
from aggregates.money import Money, digits_of, exact
from aggregates.period import Periods
from aggregates.rate import Quote, Rates, stream_of, worth
from aggregates.revaluation import Difference, Revaluation
from bo import books
from bo.errors import BadInput
from bo.importing import tell_findings
from bo.parts import Parts
from bo.sheets import Sheet, open_sheet
from projections import accounts, rates
from projections.core import open_views
from projections.quotes import pairs, rate_of
from store.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction

ECB = "EUR"
LARGEST = 64 * 1024 * 1024
"""No published file of rates comes near it unpacked."""
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
Found = dict[int, dict[str, list[Quote]]]
"""By year, then by currency."""


def add(ledger: Ledger, currency: str, rate: Decimal, base: str, on: date) -> list[str]:
    """Record one rate; remarks."""

    def work(tx: Transaction) -> list[str]:
        own = base or books.base(open_views(ledger))
        digits_of(currency)
        new = tx.change(Rates, stream_of(own, currency, on), Rates.quote, own, currency, [Quote(on, rate)])
        return _late(tx, on) if new else ["this rate is here already: nothing changes"]

    return ledger.commit(work)


def _late(tx: Transaction, on: date) -> list[str]:
    """What to tell whoever records a rate of a closed day."""
    counts = tx.state(Periods, Periods.gate).worth_day(on, tx.now)
    if counts == on:
        return []
    return [f"{on} lies in a closed period: what has a value there keeps it, what has none gets it on {counts}"]


def import_file(ledger: Ledger, file: str, only: Sequence[str], since: date | None) -> list[str]:
    """Take over the ECB's table of rates; what was recorded, then remarks."""
    for code in only:
        digits_of(code)
    sheet = _opened(file)
    columns, strange = _columns(sheet)
    found = _read(sheet, {at: code for at, code in columns.items() if not only or code in only}, since)
    tell_findings(sheet)
    require(not sheet.findings.errors, f"{sheet.findings}: nothing was imported")
    late: list[str] = []
    new, many = 0, {year: sum(map(len, quotes.values())) for year, quotes in found.items()}
    total = sum(many.values())
    with Parts(ledger, "rates", total) as parts:
        for year in sorted(found):
            count, remarks = parts.commit(partial(_record, year=year, found=found[year]), many[year], str(year))
            new, late = new + count, remarks or late
    passed = f"{', '.join(strange)}: no currency of ISO 4217 any more, passed over"
    told = f"{new} rates added or changed, {total - new} as they were"
    return [told, *([passed] if strange else []), *late]


def _record(tx: Transaction, year: int, found: dict[str, list[Quote]]) -> tuple[int, list[str]]:
    """The rates of one year: how many were new or differed, and remarks on the last that came late."""
    days = []
    for currency, quotes in sorted(found.items()):
        stream = stream_of(ECB, currency, date(year, 1, 1))
        events = tx.change(Rates, stream, Rates.quote, ECB, currency, quotes)
        days += [quote.on for event in events for quote in event.quotes]
    late = [remark for day in sorted(days) for remark in _late(tx, day)]
    return len(days), late[-1:]


def _opened(file: str) -> Sheet:
    """The table, unpacked where it is zipped."""
    if file == "-" or not zipfile.is_zipfile(file):
        return open_sheet(file)
    try:
        with zipfile.ZipFile(file) as archive:
            names = [each for each in archive.infolist() if each.filename.lower().endswith(".csv")]
            require(len(names) == 1, f"{file} holds {len(names)} CSV files: one is needed")
            require(
                names[0].file_size <= LARGEST, f"{file} unpacks to {names[0].file_size} bytes: no rates are so many"
            )
            data = archive.read(names[0])
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
        raise BadInput(f"{file} cannot be unpacked: {problem}") from None
    except OSError as problem:
        raise Unavailable(f"{file} cannot be read: {problem.strerror}") from problem
    return Sheet(Path(file).name, lambda: io.BytesIO(data), "", "", 0)


def _columns(sheet: Sheet) -> tuple[dict[int, str], list[str]]:
    """Where each currency stands, and what is none. The first column is the day."""
    first, *others = (name.strip() for name in sheet.header)
    require(first.lower() == "date" and others, f"{sheet.file} is no table of rates: its columns are Date, USD, JPY, …")
    columns = {at: name.upper() for at, name in enumerate(others, 1) if name}
    known = {at: code for at, code in columns.items() if code in DIGITS and code != ECB}
    require(known, f"{sheet.file} is no table of rates: its columns are Date, USD, JPY, …")
    return known, [code for code in columns.values() if code not in DIGITS]


def _read(sheet: Sheet, columns: dict[int, str], since: date | None) -> Found:
    found: Found = defaultdict(lambda: defaultdict(list))
    seen: set[tuple[str, date]] = set()
    for line, cells in sheet.rows():
        try:
            day = _day(cells[0].strip())
        except ValueError:
            sheet.findings.add(line, sheet.header[0], cells[0], "this is no day such as 2026-03-31")
            continue
        if since and day < since:
            continue
        for at, code in columns.items():
            text = cells[at].strip()
            if text in ("", "N/A"):
                continue
            try:
                quote = Quote(day, exact(text))
                Rates().quote(ECB, code, [quote])
                require((code, day) not in seen, f"{code} has a rate of {day} already")
            except Refused as no:
                sheet.findings.add(line, code, text, str(no))
                continue
            seen.add((code, day))
            found[day.year][code].append(quote)
    return found


def _day(text: str) -> date:
    """As in the file of all days, or as in that of today alone, 31 March 2026."""
    day, _, rest = text.partition(" ")
    month, _, year = rest.partition(" ")
    return date(int(year), MONTHS.index(month) + 1, int(day)) if rest else date.fromisoformat(text)


def revalue(ledger: Ledger, tx: Transaction, on: date, also: Sequence[str]) -> list[str]:
    """State what is held and owed in other currencies at the rates of a day; the reference, then remarks."""
    tx.begin(Revaluation.compartment)
    views = open_views(ledger)
    own, newest = books.base(views), rates.newest_revaluation(views)
    for each in rates.lacking(views, on):
        raise Refused(books.unstated(each, own))
    more = tuple(accounts.find(views, each) for each in also)
    found = _differences(views, rates.held(views, on, own, more), own, on)
    made = tx.change(Revaluation, f"{on}", Revaluation.make, on, found, newest)
    if not made:
        return [f"{on}", "everything stands at the rates of the day already: nothing changes"]
    back = made[0].reverse_on
    shut = not all(each.final for each in found) and books.late(tx, "", back)
    require(not shut, f"it is taken back on {back}, which lies in a closed period: reopen that too")
    sums = [sum(each.amount.minor for each in found if each.final is final) for final in (False, True)]
    told = (f"unrealised, taken back on {made[0].reverse_on}", "on money held")
    return [
        f"{on}",
        *(f"{Money(total, own)} {what}" for total, what in zip(sums, told, strict=True) if total),
    ]


def _differences(views: Views, held: Sequence[rates.Held], own: str, on: date) -> list[Difference]:
    quoted, found = pairs(views), []
    for each in held:
        rate = rate_of(views, each.currency, own, on.isoformat(), quoted)
        if rate is None and not each.minor:
            continue
        if rate is None:
            raise Refused(f"{each.currency} has no rate on {on} or before: bo rate add {each.currency} RATE --on {on}")
        more = worth(each.minor, each.currency, own, rate.rate) - each.base
        if more:
            found.append(Difference(each.account, each.party, each.currency, Money(more, own), each.final))
    return found
