"""Lines of a bill: as those of an invoice, and the account each goes to and the tax its recipient owes."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from aggregates.chart import Chart
from aggregates.core import replace, require
from aggregates.en16931 import HUNDRED, added, plain, tax_on, totals
from aggregates.legal import fitted
from aggregates.lines import NONE, Line, of_texts, parted, priced
from aggregates.money import Money, exact
from aggregates.text import reference, shown

FORM = "DESCRIPTION;QUANTITY;UNIT PRICE;TAX%[;ACCOUNT][;NAME=VALUE…]"
_TAX = re.compile(r"(AE|K|Z|E|G|O|S)?\s*([0-9]{1,2}(\.[0-9]*)?\s*%?)?", re.IGNORECASE)
_OWED = re.compile(r"(AE|K)\s*([0-9].*)", re.IGNORECASE)


def bill_line(text: str) -> Line:
    """Parse `DESCRIPTION;QUANTITY;UNIT PRICE;TAX%[;ACCOUNT]`, split from the right, and dimensions after it.

    TAX% is a rate or a category, or for reverse charge both: AE19, K20. What cannot be a tax is the account.
    """
    bought, dimensions = parted(text)
    last = bought.rpartition(";")[2].strip()
    named = bought.count(";") > 3 and not _TAX.fullmatch(last)
    parts = [part.strip() for part in bought.rsplit(";", 4 if named else 3)]
    require(len(parts) > 3, f"a line is “{FORM}”, not {shown(text)}")
    require(parts[0], f"the line {shown(text)} begins without a description")
    return replace(bill_line_of(*parts), dimensions=dimensions)


def bill_line_of(description: str, quantity: str, price: str, tax: str, account: str = "") -> Line:
    """A line from its parts as they are written."""
    reverse = _OWED.fullmatch(tax)
    line = of_texts(description, quantity, price, reverse[1] if reverse else tax)
    owed = plain(exact(reverse[2].rstrip().removesuffix("%"))) if reverse else NONE
    return replace(line, owed=owed, account=reference(account) if account else "")


def bill_lines(lines: Sequence[Line], currency: str) -> tuple[Line, ...]:
    """The lines of a bill, each checked and with its net."""
    for place, each in enumerate(lines, 1):
        liable = each.category in ("AE", "K")
        wrong = f"line {place}: tax is owed by the recipient in the categories AE and K only, not in {each.category}"
        require(liable or not each.owed, wrong)
        require(
            0 <= each.owed < HUNDRED, f"line {place}: a tax rate lies between 0 and 100 percent, not at {each.owed}"
        )
    return priced(lines, currency)


def charged_by(lines: Sequence[Line], currency: str, ref: str, total: Decimal | Money | None) -> dict[str, Any]:
    """What a vendor's paper comes to, the fields of an event: checked and added up."""
    each = bill_lines(lines, currency)
    sums = totals(each, currency)
    require(sums.total, "the lines come to nothing: there is nothing to enter")
    stated = sums.total if total is None else fitted(total, currency, "the bill")
    require(stated == sums.total, f"the lines come to {sums.total}, not {stated}")
    return {
        "ref": ref, "currency": currency, "lines": each, "taxes": sums.taxes, "net": sums.net, "tax": sums.tax,
        "total": sums.total,
    }  # fmt: skip


def accounted(lines: Sequence[Line], chart: Chart) -> tuple[Line, ...]:
    """The lines with the numbers of their accounts, each open to be posted to."""
    found = []
    for place, each in enumerate(lines, 1):
        if each.account:
            account = chart.open(each.account)
            wrong = f"line {place}: {account.number} {account.name} is posted to by what we owe and are owed only"
            require(not account.control, wrong)
            each = replace(each, account=account.number)
        found.append(each)
    return tuple(found)


def owed_taxes(lines: Sequence[Line], currency: str) -> list[tuple[str, Decimal, Money]]:
    """What the recipient owes as tax himself: category, rate and amount, each on the sum of its lines."""
    kinds = sorted({(each.category, each.owed) for each in lines if each.owed})
    found = []
    for kind in kinds:
        basis = added((each.net for each in lines if (each.category, each.owed) == kind), currency)
        found.append((*kind, tax_on(basis, kind[1])))
    return found
