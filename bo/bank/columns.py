"""What banks call the columns of their tables, and how they write days and amounts in them."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from aggregates.currencies import DIGITS
from bo.mapping import SYMBOLS, Mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bo.sheets import Sheet

NAMES = {
    "on": "date bookingdate posted posteddate buchungstag buchungsdatum boekdatum completeddate datum transactiondate "
    "transactiedatum dateoperation buchung",
    "amount": "amount betrag bedrag montant umsatz transactionamount transactiebedrag betrageur amounteur net netto",
    "in": "credit paidin moneyin haben deposit deposits credits creditamount crédit créditeuros inflow",
    "out": "debit paidout moneyout soll withdrawal withdrawals debits debitamount débit débiteuros outflow",
    "balance": "balance saldo solde runningbalance resultingbalance saldonachbuchung saldonatrn saldonamutatie "
    "eindsaldo endsaldo guthaben",
    "value_on": "valuedate valutadatum wertstellung wertstellungsdatum valuta rentedatum datevaleur starteddate",
    "currency": "currency waehrung währung munt muntsoort valutacode mutationcode devise",
    "counterpart": "counterpart name payee namedescription counterparty counterpartyname partnername "
    "beguenstigterzahlungspflichtiger nameofpayee empfänger empfaenger auftraggeberempfänger "
    "auftraggeberbegünstigter namezahlungsbeteiligter zahlungsempfänger naamtegenpartij naamomschrijving "
    "tegenrekeninghouder",
    "iban": "iban counterpartyiban partneriban kontonummeriban ibanzahlungsbeteiligter kontonummer accountnumber "
    "tegenrekening tegenrekeningibanbban tegenrekeningnummer payeeaccountnumber counterparty",
    "text": "text description details memo verwendungszweck purpose omschrijving omschrijving1 mededelingen libelle "
    "libellé narrative remittanceinformation paymentreference transactiondescription notifications buchungstext",
    "reference": "reference bankreference transactionid transferwiseid transaktionscode id referenz fitid",
    "end_to_end": "endtoend endtoendid endtoendreference kundenreferenz kundenreferenzendtoend customerreference",
    "kind": "type umsatzart buchungstext transactiontype bookingtext typ mutatiesoort typebetaling",
    "sign": "afbij debitcredit creditdebit creditdebet debetcredit dc sollhaben creditdebitindicator "
    "debitcreditindicator direction",
    "from": "payername zahlungspflichtiger",
    "to": "zahlungsempfängerin payeename",
    "fee": "fee",
    "gross": "gross brutto",
    "document": "invoicenumber rechnungsnummer",
    "status": "status state info buchungsstatus",
    "account": "account rekening rekeningnummer ibanbban auftragskonto ibanauftragskonto auftraggeberkonto "
    "ibanauftraggeberkonto",
}
"""Without blanks and marks and in small letters, and without a currency in brackets."""
WAITS = re.compile(
    "(umsatz )?vorgemerkt|pending|noch nicht (ab)?ge(rufen|bucht)|reverted|declined|denied|failed|cancell?ed",
    re.IGNORECASE,
)
"""What stands at a row that is not booked, or never will be."""
IN = ("c", "cr", "credit", "crdt", "h", "haben", "bij", "in", "+")
OUT = ("d", "dr", "debit", "dbit", "s", "soll", "af", "out", "-")
"""What stands beside an amount without a sign."""
SAMPLE = 200

_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){10,30}\b")
_ACCOUNT = re.compile(rf"{_IBAN.pattern}|[A-Z]?[0-9](?:[-. ]?[0-9]){{5,}}")
"""An IBAN, or a number of an account."""
_SORTED = re.compile("[0-9]{6}-([0-9]{8})")
"""A British number behind its sort code."""
_OURS = {"sortcode", "accountname", "mutationcode"}
"""Beside one of these the number of an account is that of the statement."""
_CURRENCY = re.compile(r"(.*?)\s*\(([A-Z]{3}|[€£])\)")
_DATES = ((r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*", ""), (r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}", "%d.%m.%Y"),
          (r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2}", "%d.%m.%y"), (r"[0-9]{8}", "%Y%m%d"),
          (r"[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}", "%Y/%m/%d"))  # fmt: skip
"""Forms of which there is but one reading."""
_TWOFOLD = (("%d/%m/%Y", "%m/%d/%Y"), ("%d/%m/%y", "%m/%d/%y"), ("%d-%m-%Y", "%m-%d-%Y"))
"""Forms of which there are two: a day after the twelfth shows which is meant, else a mapping has to say it."""


def automatic(sheet: Sheet) -> Mapping:
    """Columns by what banks call them, and the form of dates and amounts where there is but one reading."""
    plain = {_plain(name): name for name in reversed(sheet.header) if name and sheet.header.count(name) == 1}
    columns = {
        field: plain[name]
        for field, names in NAMES.items()
        if (name := next((name for name in names.split() if name in plain), ""))
    }
    if "amount" in columns:
        columns = {field: name for field, name in columns.items() if field not in ("in", "out")}
    if _plain(columns.get("iban", "")) == "accountnumber" and _OURS & plain.keys():
        columns["account"] = columns.pop("iban")
    for field, other in (("kind", "text"), ("iban", "counterpart")):
        if columns.get(field) == columns.get(other):
            columns.pop(field, None)
    if "completeddate" not in plain:
        columns.pop("fee", None)  # Revolut takes its fee besides the amount, others within it
    if _plain(columns.get("amount", "")) not in ("net", "netto"):
        columns.pop("gross", None)
    if "reference" not in columns:
        columns.pop("document", None)  # it would tell lines from those that came without it
    rows = [cells for _, cells in islice(sheet.rows(), SAMPLE)]
    if "account" in columns and "iban" not in columns and len({*_sample(sheet, rows, [columns["account"]])}) > 1:
        columns.pop("account")  # they may be those of the parties
    amounts = _sample(sheet, rows, [columns[name] for name in ("amount", "in", "out") if name in columns])
    kinds = {text.casefold() for text in _sample(sheet, rows, [columns["kind"]])} if "kind" in columns else set()
    if "sign" not in columns and kinds and kinds <= {*IN, *OUT} and not any("-" in text for text in amounts):
        columns["sign"] = columns.pop("kind")
    if _plain(columns.get("iban", "")) == "counterparty" and not all(
        map(_ACCOUNT.fullmatch, _sample(sheet, rows, [columns["iban"]]))
    ):
        columns.pop("iban")
    commas = sum(bool(re.search(r",[0-9]{1,2}\D*$", text)) for text in amounts)
    points = sum(bool(re.search(r"\.[0-9]{1,2}\D*$", text)) for text in amounts)
    constants = {}
    if "currency" not in columns:
        said = _currencies(sheet, columns.get("amount", ""))
        if len(said) == 1:
            constants["currency"] = said.pop()
        elif said:  # columns of one name that do not agree
            columns["currency"] = next(name for name in sheet.header if _plain(name) in NAMES["currency"].split())
    return Mapping(
        columns=columns,
        constants=constants,
        dates=_form(_sample(sheet, rows, [columns["on"]]) if "on" in columns else []),
        decimals="," if commas and not points else "." if points and not commas else "",
    )


def own(text: str) -> str:
    """The account that a cell names, "" for what is a name, is hidden in part, or is none."""
    number = text.strip().lstrip("'").upper()
    sorted_ = _SORTED.fullmatch(number)
    return sorted_[1] if sorted_ else re.sub("[^A-Z0-9]", "", number) if _ACCOUNT.fullmatch(number) else ""


def whose(above: Iterable[Sequence[str]]) -> str:
    """The account that is named above the names of columns: the one IBAN that stands there."""
    from stdnum import iban

    found = {plain.replace(" ", "") for cells in above for cell in cells for plain in _IBAN.findall(cell)}
    begins = {each[:length] for each in found for length in range(15, len(each) + 1)}  # a word may stand behind it
    real = [each for each in begins if iban.is_valid(each)]
    return real[0] if len(real) == 1 else ""


def is_head(cells: Sequence[str], given: Mapping | None) -> bool:
    """Whether these are the names of columns: those of a mapping, else of a day and of an amount."""
    if given is not None:
        named = set(given.columns.values())
        return bool(named) and named <= {" ".join(cell.split()) for cell in cells}
    names = {_plain(cell) for cell in cells}
    amounts = (name for field in ("amount", "in", "out") for name in NAMES[field].split())
    return not names.isdisjoint(NAMES["on"].split()) and not names.isdisjoint(amounts)


def _plain(name: str) -> str:
    found = _CURRENCY.fullmatch(name)
    return re.sub(r"[\W_]+", "", (found[1] if found else name).casefold())


def _currencies(sheet: Sheet, amount: str) -> set[str]:
    """What stands in brackets behind the name of the amount, and in all columns for the currency."""
    found = _CURRENCY.fullmatch(amount)
    said = {SYMBOLS.get(found[2], found[2])} if found else set()
    places = [at for at, name in enumerate(sheet.header) if _plain(name) in NAMES["currency"].split()]
    if places:
        said |= {row[at].strip().upper() for _, row in sheet.rows() for at in places}
    return said & DIGITS.keys()


def _sample(sheet: Sheet, rows: Sequence[Sequence[str]], names: Sequence[str]) -> list[str]:
    places = [sheet.header.index(name) for name in names]
    return [row[place].strip() for row in rows for place in places if row[place].strip()]


def _form(texts: Sequence[str]) -> str:
    plain = next((form for shape, form in _DATES if texts and all(re.fullmatch(shape, text) for text in texts)), None)
    if plain is not None:
        return plain
    fitting = [[form for form in forms if all(_is(text, form) for text in texts)] for forms in _TWOFOLD]
    return next((forms[0] for forms in fitting if texts and len(forms) == 1), "")


def _is(text: str, form: str) -> bool:
    try:
        return bool(datetime.strptime(text, form))
    except ValueError:
        return False
