"""Taking over invoices that another system issued: read and check all of them, then record a thousand a commit."""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import msgspec

from aggregates import countries
from aggregates.core import FINANCE, SALES, Refused, replace, require
from aggregates.fields import Field
from aggregates.invoice import Imported, Invoice
from aggregates.legal import Party
from aggregates.lines import NONE, Line, line
from aggregates.money import Money, exact, parted
from aggregates.record import Record
from aggregates.relief import offered
from aggregates.text import shown
from bo import errors, invoicing, mapping, otherwise
from bo.importing import mapping_named, save_mapping, tell_findings
from bo.parts import Parts
from bo.progress import Progress
from bo.sheets import open_sheet
from projections import dimensions, directory, invoices, references
from projections.core import open_views
from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from aggregates.relief import Discount
    from bo.sheets import Sheet
    from store.ledger import Ledger
    from store.transaction import Transaction

BATCH = 1000
"""Invoices in one commit."""

_required = (("number", "text"), ("customer", "text"), ("on", "date"))
_optional = (
    ("due", "date"), ("currency", "currency"), ("ref", "text"), ("terms", "integer"), ("total", "money"),
    ("discount_terms", "text"),
    *((name, "text") for name in invoicing.BUYER),
)  # fmt: skip
_sold = (("description", "text"), ("quantity", "decimal"), ("price", "decimal"), ("tax", "text"))
HEAD = (*(Field(*each, required=True) for each in _required), *(Field(*each) for each in _optional))
LINE = (
    *(Field(*each, required=True) for each in _sold),
    Field("discount", "decimal"),
    Field("unit"),
    Field("dimensions"),
)
NUMBER = Field("number", required=True)

Row = tuple[int, dict[str, str]]
encode = msgspec.msgpack.Encoder().encode


class Customer(NamedTuple):
    ref: str
    party: Party
    currency: str
    terms: int


class Import:
    """One file of invoices, with their lines beside them or in a second file. Bills are imported by the same steps."""

    noun: ClassVar[str] = "invoice"
    head: ClassVar[tuple[Field, ...]] = HEAD
    line: ClassVar[tuple[Field, ...]] = LINE
    shape: ClassVar[type[Any]] = Imported
    """What is kept of a document from the first pass to the second."""

    def __init__(self, ledger: Ledger, file: str, lines: str | None, map_name: str | None, renumber: bool) -> None:
        self.ledger, self.renumber, self.views = ledger, renumber, open_views(ledger)
        self.map = mapping_named(self.views, map_name, self.noun, FINANCE) if map_name else None
        self.sheet = _opened(file, self.map)
        self.line_map = self.map.lines if self.map else None
        self.line_sheet = _opened(lines, self.line_map) if lines else None
        require(lines or not self.line_map, "the mapping tells of a file of lines: name it with --lines")
        self.folder = None if file == "-" else Path(file).parent
        self.seller = Party(directory.setting(self.views, "name"))
        self.currency = directory.setting(self.views, "currency")
        self.ready: list[bytes] = []
        self.sums: Counter[str] = Counter()
        self.known = self.wrong = 0
        self.customer = lru_cache(maxsize=20_000)(self._customer)
        self.tags = lru_cache(maxsize=1_000)(self._tags)
        self._decode = msgspec.msgpack.Decoder(self.shape).decode

    def run(self, accept_valid: bool, save_as: str = "") -> list[str]:
        """Check everything, then record what is not here yet: the result, then remarks.

        A dry run takes the same way, and so meets every refusal that the real one would.
        """
        self._check()
        for sheet in self._sheets():
            tell_findings(sheet)
        bad = [str(sheet.findings) for sheet in self._sheets() if sheet.findings.errors]
        wrong = " and ".join(bad)
        require(accept_valid or not bad, f"{wrong}: nothing was imported")
        self._record(save_as)
        self.ledger.planned = []  # a whole file's events are no plan that anybody reads
        sums = ", ".join(f"{Money(minor, currency)}" for currency, minor in sorted(self.sums.items()))
        told = f"{len(self.ready)} {self.noun}{'' if len(self.ready) == 1 else 's'}{f', {sums}' if sums else ''}"
        if bad:
            would = "would be " if self.ledger.dry_run else ""
            raise errors.PartlyDone(f"{told} {would}imported; {wrong}: the others were left out")
        remarks = {
            f"{self.known} {'was' if self.known == 1 else 'were'} here already": self.known,
            "this was a dry run: nothing is recorded": self.ledger.dry_run,
        }
        return [told, *(remark for remark, holds in remarks.items() if holds)]

    def _sheets(self) -> list[Sheet]:
        return [sheet for sheet in (self.sheet, self.line_sheet) if sheet is not None]

    # Checking

    def _check(self) -> None:
        seen: set[str] = set()
        with Progress("checking") as bar:
            for at, head, sold in self._documents():
                bar.step()
                before = self.sheet.findings.errors
                name = self._name(head)
                if not name or name in seen:
                    a = "an" if self.noun[0] in "aeiou" else "a"
                    rule = "an earlier row has the same number" if name else f"{a} {self.noun} has a number"
                    self.sheet.findings.add(at, "number", name, rule)
                    continue
                seen.add(name)
                lines = self._lines(sold)
                try:
                    remark = self._take(head, lines)
                except Refused as no:
                    self.sheet.findings.add(at, "", name, str(no))
                else:
                    if remark:
                        self.sheet.findings.add(at, "", name, remark, "warning")
                self.wrong += self.sheet.findings.errors > before
        if self.renumber:
            self.ready.sort(key=lambda raw: (self._decode(raw).on, self._decode(raw).number))

    def _name(self, texts: dict[str, str]) -> str:
        """What tells a document from all others: rows that follow one another and agree in it are its lines."""
        return texts["number"]

    def _documents(self) -> Iterator[tuple[int, dict[str, str], list[Row]]]:
        """Each document: where it stands, its fields, and the rows of its lines."""
        if self.line_sheet is None:
            rows = self._rows(self.map, self.sheet, (*self.head, *self.line))
            for _, group in groupby(rows, key=lambda row: self._name(row[1])):
                together = list(group)
                yield *self._agreed(together), together
            return
        lines: dict[str, list[Row]] = {}
        for at, texts in self._rows(self.line_map, self.line_sheet, (NUMBER, *LINE)):
            lines.setdefault(texts.pop("number"), []).append((at, texts))
        for at, head in self._rows(self.map, self.sheet, HEAD):
            yield at, head, lines.pop(head["number"], [])
        for number, left in lines.items():
            self.line_sheet.findings.add(
                left[0][0], "number", number, f"{self.sheet.file} has no invoice of this number"
            )

    def _rows(self, given: mapping.Mapping | None, sheet: Sheet, fields: tuple[Field, ...]) -> Iterable[Row]:
        return mapping.apply(given or mapping.automatic(sheet, fields), sheet, fields, self.folder)

    def _agreed(self, rows: list[Row]) -> Row:
        """What the rows of one document say of it as a whole: each says the same, or nothing."""
        at, head = rows[0]
        for other, texts in rows[1:]:
            for name in (field.name for field in self.head if texts.get(field.name)):
                if head.get(name) and head[name] != texts[name]:
                    rule = f"line {at} says {shown(head[name])} for the same {self.noun}"
                    self.sheet.findings.add(other, name, texts[name], rule)
                head[name] = head.get(name) or texts[name]
        return at, head

    def _lines(self, rows: list[Row]) -> list[Line] | None:
        """The lines of an invoice, None when one of them is wrong."""
        sheet, fits = self.line_sheet or self.sheet, True
        lines = []
        for at, texts in rows:
            try:
                lines.append(self._line(at, texts))
            except Refused as no:
                sheet.findings.add(at, "", texts.get("description", ""), str(no))
                fits = False
        return lines if fits else None

    def _line(self, at: int, texts: dict[str, str]) -> Line:
        return replace(_sold_line(texts), dimensions=self.tags(texts.get("dimensions", "")))

    def _tags(self, text: str) -> tuple[str, ...]:
        """Dimensions of a line, with blanks between them."""
        try:
            return dimensions.require_known(self.views, tuple(text.split()))
        except NotFound as no:
            raise Refused(str(no)) from None

    def _take(self, head: dict[str, str], lines: list[Line] | None) -> str:
        """Keep the invoice for the second pass, unless it is here already; a remark, where there is one."""
        number, buyer = head["number"], self.customer(head["customer"])
        if lines is None:
            return ""
        on, due = day(head, "on"), day(head, "due")
        require(on, f"{number} has no date")
        currency = head.get("currency", "").upper() or buyer.currency
        terms = int(exact(head["terms"])) if head.get("terms") else buyer.terms
        event = Invoice().import_(
            number, on or date.min, buyer.ref, _buyer(buyer.party, head), self.seller, lines, currency, due,
            head.get("ref", ""), terms, total(head.get("total", ""), currency), offer(head, on),
        )  # fmt: skip
        here = invoices.known(self.views, number)
        if here is not None:
            other = otherwise.of_invoice(here, event, due is not None)
            require(not other, f"{number} is here already, and says otherwise: {other}")
            self.known += 1
            return ""
        require(not self.renumber or event.total, f"{number} comes to nothing: it cannot have a number of our own")
        self.sums[currency] += event.total.minor
        self.ready.append(encode(event))
        return ""

    def _customer(self, ref: str) -> Customer:
        require(ref, "an invoice is for a customer")
        found = references.find(self.views, f"customer/{ref}")
        if found is None or found.erased:
            raise Refused(f"there is no customer {shown(ref)}")
        record = self.ledger.load(Record, found.stream, SALES)
        if record.into:
            record = self.ledger.load(Record, record.into, SALES)
        currency, terms = record.fields.get("currency", self.currency), record.fields.get("terms", 30)
        return Customer(record.ref, invoicing.party(record), str(currency), terms if isinstance(terms, int) else 30)

    # Recording

    def _record(self, save_as: str) -> None:
        if save_as and self.map:
            text = mapping.dump(self.map).decode()
            self.ledger.commit(lambda tx: save_mapping(tx, save_as, self.noun, text, FINANCE))
        with Parts(self.ledger, f"{self.noun}s", len(self.ready)) as parts:
            for start in range(0, len(self.ready), BATCH):
                batch = [self._decode(raw) for raw in self.ready[start : start + BATCH]]
                work = partial(self._append, batch=batch)
                self.known += parts.commit(work, len(batch), self._named(batch[-1]))

    def _named(self, event: Any) -> str:
        """What the file calls one of them."""
        return str(event.number)

    def _append(self, tx: Transaction, batch: list[Any]) -> int:
        """One commit; how many somebody else has recorded meanwhile."""
        there = 0
        for event in batch:
            state = tx.state(Invoice, event.number)
            if state.customer:
                same = (state.customer, state.on, state.total) == (event.customer, event.on, event.total)
                require(same, f"{event.number} was recorded meanwhile, and says otherwise")
                there += 1
            elif self.renumber:
                self._renumber(tx, event)
            else:
                tx.append(Invoice, event.number, event)
        return there

    def _renumber(self, tx: Transaction, event: Imported) -> None:
        """A draft under the old number, issued under one of ours."""
        key, ref = event.number, event.ref or event.number
        terms = min((event.due - event.on).days, 3650)
        tx.change(Invoice, key, Invoice.draft, event.customer, event.lines, event.currency, ref, terms)
        number = invoicing.take(tx, "INV", event.on)
        tx.change(Invoice, key, Invoice.issue, number, event.on, event.buyer, event.seller, event.due, event.discount)


def _opened(file: str, given: mapping.Mapping | None) -> Sheet:
    return open_sheet(file, given.encoding, given.delimiter, given.header) if given else open_sheet(file)


def _sold_line(texts: dict[str, str]) -> Line:
    sold = line(f"{texts['description']};{texts['quantity']};{texts['price']};{texts['tax']}")
    discount, unit = texts.get("discount", ""), texts.get("unit", "")
    return replace(sold, discount=exact(discount) if discount else NONE, unit=unit) if discount or unit else sold


def day(head: dict[str, str], name: str) -> date | None:
    text = head.get(name, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{name}: {shown(text)} is not a date: name its form in the mapping, such as %d.%m.%Y") from None


def offer(head: dict[str, str], on: date | None) -> Discount | None:
    """What may be deducted for early payment, such as 2/10."""
    text = head.get("discount_terms", "")
    return offered(text, on) if text and on else None


def total(text: str, currency: str) -> Decimal | Money | None:
    if not text:
        return None
    amount, named = parted(text)
    return Money.of(amount, named or currency)


def _buyer(party: Party, head: dict[str, str]) -> Party:
    """The record's name and address, or those that the file gives: an address is taken whole."""
    given = {name: head.get(name, "") for name in invoicing.BUYER}
    if given["country"]:
        code = countries.code(given["country"])
        require(code, f"country: {shown(given['country'])} is not a country")
        given["country"] = code
    address = {name: given[name] for name in ("street", "postcode", "city", "country")}
    own = {name: given[name] for name in ("name", "vat_id") if given[name]}
    return replace(party, **(address if any(address.values()) else {}), **own)
