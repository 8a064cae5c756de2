"""Opening balances from a file: checked row by row, then posted against the account of opening balances."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from aggregates.core import FINANCE, Refused, require
from aggregates.entry import Entry
from aggregates.fields import Field
from aggregates.money import Money
from aggregates.posting import Posting, differences
from bo import books, journaling, mapping
from bo.importing import mapping_named, tell_findings
from bo.sheets import open_sheet
from projections.core import open_views
from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from bo.sheets import Sheet
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction

FIELDS = (
    Field("account", required=True),
    Field("debit", "decimal"),
    Field("credit", "decimal"),
    *map(Field, ("currency", "party", "text")),
)
SIDES = ("debit", "credit")
TOGETHER = 250
"""Lines of one entry: what is recorded at once has a largest size."""
SAID = "Opening balances"


def take_over(ledger: Ledger, file: str, map_name: str | None, on: date) -> list[str]:
    """Post the balances of a file, all or nothing: the number of the first entry, then remarks."""
    views = open_views(ledger)
    given = mapping_named(views, map_name, "balances", FINANCE) if map_name else None
    sheet = open_sheet(file, given.encoding, given.delimiter, given.header) if given else open_sheet(file)
    lines = list(_lines(views, sheet, given or mapping.automatic(sheet, FIELDS)))
    tell_findings(sheet)
    require(not sheet.findings.errors, f"{sheet.findings}: nothing was imported")
    require(lines, f"{file} holds no balances")
    if not ledger.key:  # the same file for the same day is taken over once
        ledger.key = f"balances {on} {sheet.sha256}"
        ledger.request = sha256(ledger.key.encode()).digest()

    def work(tx: Transaction) -> list[str]:
        tx.begin(Entry.compartment)
        chart = books.chart(open_views(ledger))
        numbers, waits, sums = [], list[str](), differences(lines)
        for start in range(0, len(lines), TOGETHER):
            part = lines[start : start + TOGETHER]
            rest = [
                Posting("@opening-balance", Money(-minor, currency)) for currency, minor in differences(part).items()
            ]
            number = books.number(tx, "JE", on)
            limited = journaling.limited(tx)
            made = tx.change(
                Entry, number, Entry.post, number, on, SAID, (*part, *rest), chart, (), "opening", **limited
            )
            waits += journaling.waits(made)
            numbers.append(number)
        against = " and ".join(str(Money(-minor, currency)) for currency, minor in sums.items())
        last = f" to {numbers[-1]}" if len(numbers) > 1 else ""
        told = f"{len(lines)} balances on {on} as {numbers[0]}{last}"
        return [numbers[0], told, *([f"{against} stands on opening balances"] if against else []), *waits]

    return ledger.commit(work)


def _lines(views: Views, sheet: Sheet, given: mapping.Mapping) -> Iterator[Posting]:
    base, chart = books.base(views), books.chart(views)
    for at, texts in mapping.apply(given, sheet, FIELDS):
        try:
            sides = {side: _amount(texts.get(side, ""), texts.get("currency", "").upper() or base) for side in SIDES}
            balance = sides["debit"] - sides["credit"]
            if balance:
                party, text = texts.get("party", ""), texts.get("text", "")
                yield chart.line(journaling.balance(views, texts["account"], balance, party, text))
        except (Refused, NotFound) as no:
            sheet.findings.add(at, "", texts["account"], str(no))


def _amount(text: str, currency: str) -> Money:
    return Money.parse(text, currency) if text else Money(0, currency)
