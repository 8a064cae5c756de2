"""The books as a batch of bookings in DATEV's own format, version 700: pairs of an account and its counterpart."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from aggregates.core import require
from bo import books, exporting
from bo.clock import today
from projections import auditfile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bo.dates import Period
    from projections.auditfile import Entry, Line
    from projections.core import Views

ENCODING = "cp1252"
_FIRST = """
    Umsatz (ohne Soll/Haben-Kz)|Soll/Haben-Kennzeichen|WKZ Umsatz|Kurs|Basis-Umsatz|WKZ Basis-Umsatz|Konto
    Gegenkonto (ohne BU-Schlüssel)|BU-Schlüssel|Belegdatum|Belegfeld 1|Belegfeld 2|Skonto|Buchungstext|Postensperre
    Diverse Adressnummer|Geschäftspartnerbank|Sachverhalt|Zinssperre|Beleglink
"""
_SECOND = """
    KOST1 - Kostenstelle|KOST2 - Kostenstelle|Kost-Menge|EU-Land u. UStID (Bestimmung)|EU-Steuersatz (Bestimmung)
    Abw. Versteuerungsart|Sachverhalt L+L|Funktionsergänzung L+L|BU 49 Hauptfunktionstyp|BU 49 Hauptfunktionsnummer
    BU 49 Funktionsergänzung
"""
_LAST = """
    Stück|Gewicht|Zahlweise|Forderungsart|Veranlagungsjahr|Zugeordnete Fälligkeit|Skontotyp|Auftragsnummer|Buchungstyp
    USt-Schlüssel (Anzahlungen)|EU-Land (Anzahlungen)|Sachverhalt L+L (Anzahlungen)|EU-Steuersatz (Anzahlungen)
    Erlöskonto (Anzahlungen)|Herkunft-Kz|Buchungs GUID|KOST-Datum|SEPA-Mandatsreferenz|Skontosperre|Gesellschaftername
    Beteiligtennummer|Identifikationsnummer|Zeichnernummer|Postensperre bis|Bezeichnung SoBil-Sachverhalt
    Kennzeichen SoBil-Buchung|Festschreibung|Leistungsdatum|Datum Zuord. Steuerperiode|Fälligkeit|Generalumkehr (GU)
    Steuersatz|Land|Abrechnungsreferenz|BVV-Position|EU-Land u. UStID (Ursprung)|EU-Steuersatz (Ursprung)
    Abw. Skontokonto
"""


def _names(text: str) -> list[str]:
    return [name.strip() for line in text.strip().splitlines() for name in line.split("|")]


def _pairs(what: str, sign: str, count: int) -> list[str]:
    kinds = ((" -", "Art"), (sign, "Inhalt"))
    return [f"{what}{dash} {kind} {at}" for at in range(1, count + 1) for dash, kind in kinds]


COLUMNS = (
    *_names(_FIRST), *_pairs("Beleginfo", " -", 8), *_names(_SECOND), *_pairs("Zusatzinformation", "-", 20),
    *_names(_LAST),
)  # fmt: skip
"""All 125, in their order."""
AT = {name: at for at, name in enumerate(COLUMNS)}
_FIELD = re.compile("[^A-Za-z0-9$&%*+/-]")
"""What a document's number may not hold."""


class Office(NamedTuple):
    """The numbers that DATEV knows an adviser and a client by."""

    consultant: int
    client: int


class Pair(NamedTuple):
    """So much goes to one account from another."""

    minor: int
    debit: Line
    credit: Line


class _Open:
    """What of a line is in no pair yet."""

    def __init__(self, line: Line) -> None:
        self.line, self.left = line, abs(line.base)


def pairs(entry: Entry) -> Iterator[Pair]:
    """An entry as pairs: what is taxed alike, and the taxes of it, with one another first; then all that is left."""
    open_ = [_Open(line) for line in entry.lines if line.base]
    alike: dict[tuple[str, bool], list[_Open]] = defaultdict(list)
    for each in open_:
        if each.line.tax:
            alike[each.line.tax, each.line.part == "base"].append(each)
    for lines in alike.values():
        yield from _paired(lines)
    yield from _paired(open_)


def _paired(lines: Sequence[_Open]) -> Iterator[Pair]:
    """The first debit with the first credit until one of them is used up."""
    debits = iter([each for each in lines if each.left and each.line.base > 0])
    credits = iter([each for each in lines if each.left and each.line.base < 0])
    debit, credit = next(debits, None), next(credits, None)
    while debit and credit:
        taken = min(debit.left, credit.left)
        yield Pair(taken, debit.line, credit.line)
        debit.left -= taken
        credit.left -= taken
        debit = debit if debit.left else next(debits, None)
        credit = credit if credit.left else next(credits, None)


class Batch:
    """The bookings of a period, which lies in one fiscal year: a booking says its day without a year."""

    def __init__(self, views: Views, period: Period, office: Office) -> None:
        self.views, self.period, self.office = views, period, office
        self.base = books.base(views)
        self.year = books.fiscal_year(views, period.first)
        one = books.fiscal_year(views, period.last) == self.year
        require(one, f"{period.first} to {period.last} is more than one fiscal year: export each on its own")
        lacking = auditfile.unrated(views, period.last)
        require(not lacking, f"{lacking} has an amount without a rate to {self.base}, and the file needs its value")
        require(views.digits(self.base) <= 2, f"the format has two decimals, {self.base} has {views.digits(self.base)}")
        self.length = self._length()

    def pieces(self) -> Iterator[bytes]:
        yield self._told([_text("EXTF"), "700", "21", _text("Buchungsstapel"), "13", f"{today():%Y%m%d}000000000", "",
            _text("RE"), _text(""), _text(""), str(self.office.consultant), str(self.office.client),
            f"{self.year:%Y%m%d}", str(self.length), f"{self.period.first:%Y%m%d}", f"{self.period.last:%Y%m%d}",
            _text(f"Buchungen {self.period.first:%Y-%m}"), _text(""), "1", "0", "0", _text(self.base), "", _text(""),
            "", "", _text(""), "", "", _text(""), _text("")])  # fmt: skip
        yield self._told(COLUMNS)
        for entry in auditfile.entries(self.views, *self.period):
            for pair in pairs(entry):
                yield self._told(self._row(entry, pair))

    def _told(self, cells: Sequence[str]) -> bytes:
        return (";".join(cells) + "\r\n").encode(ENCODING, "replace")

    def _row(self, entry: Entry, pair: Pair) -> list[str]:
        whole, _, decimals = exporting.amount(pair.minor, self.base).partition(".")
        said = pair.debit.text or pair.credit.text or entry.text or entry.number
        row = [""] * len(COLUMNS)
        row[0], row[1], row[AT["WKZ Umsatz"]] = f"{whole},{decimals.ljust(2, '0')}", _text("S"), _text(self.base)
        row[AT["Konto"]], row[AT["Gegenkonto (ohne BU-Schlüssel)"]] = pair.debit.account, pair.credit.account
        row[AT["Belegdatum"]] = f"{entry.on[8:10]}{entry.on[5:7]}"
        row[AT["Belegfeld 1"]] = _text(_FIELD.sub("", entry.number)[:36])
        row[AT["Buchungstext"]] = _text(exporting.words(said)[:60])
        tags = dict(each.partition("=")[::2] for each in (pair.debit.dimensions or pair.credit.dimensions).split())
        for column, name in (("KOST1 - Kostenstelle", "cost-centre"), ("KOST2 - Kostenstelle", "project")):
            if name in tags:
                row[AT[column]] = _text(tags.pop(name)[:36])
        taxes = dict.fromkeys(tax for tax in (pair.debit.tax, pair.credit.tax) if tax)
        more = {"party": pair.debit.party or pair.credit.party, "tax": " / ".join(taxes), **tags}
        foreign = pair.debit if pair.debit.currency != self.base else pair.credit
        if foreign.currency != self.base and foreign.minor:
            more["amount"] = f"{exporting.amount(abs(foreign.minor), foreign.currency)} {foreign.currency}"
        told = [(name, value) for name, value in more.items() if value]
        for at, (name, value) in enumerate(told[:20]):
            first = AT["Zusatzinformation - Art 1"] + 2 * at
            row[first], row[first + 1] = _text(name[:20]), _text(exporting.words(value)[:210])
        return row

    def _length(self) -> int:
        """How many digits accounts have: from four to eight, and nothing but digits."""
        numbers = auditfile.used(self.views, *self.period)
        for number in numbers:
            fits = number.isascii() and number.isdigit() and len(number) <= 8 and number[0] != "0"
            require(fits, f"{number} is no account that DATEV takes: up to eight digits, the first not 0")
        return max([4, *map(len, numbers)])


def _text(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
