"""Invoices and credit notes as pages: pure functions of the event, so a reprint has the same bytes.

A document is printed by the template that stands in it, for ever: a new look is a new number in `TEMPLATES`.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from html import escape

from aggregates.core import Refused
from aggregates.en16931 import CATEGORIES, added, plain
from aggregates.invoice import Credited, Issued
from aggregates.legal import Document, Party
from aggregates.lines import Line
from aggregates.money import Money

UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\uf8ff\ufeff\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
"""Control, direction-changing, zero-width and private characters: a list of our own, as Unicode's grows by the year."""

STYLE = """
@page { size: A4; margin: 20mm; }
body { font: 11pt/1.4 system-ui, sans-serif; color: #000; background: #fff; max-width: 170mm; margin: 2rem auto; padding: 0 1rem; }
header, .parties { display: flex; justify-content: space-between; gap: 2rem; flex-wrap: wrap; }
address { font-style: normal; overflow-wrap: anywhere; }
h1 { font-size: 18pt; } h2 { font-size: 10pt; margin: 0; color: #444; }
dl { display: grid; grid-template-columns: max-content auto; gap: .1rem 1rem; } dd { margin: 0; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; margin: 1.5rem 0; }
caption { text-align: left; font-weight: bold; padding-bottom: .3rem; }
th, td { padding: .3rem .5rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #bbb; font-weight: normal; }
thead th, tr.total th, tr.total td { font-weight: bold; border-bottom: 2px solid #000; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.text { overflow-wrap: anywhere; }
thead { display: table-header-group; } tr { break-inside: avoid; }
@media print { body { margin: 0; padding: 0; max-width: none; } }
"""  # noqa: E501

RIGHT = ' class="number"'


def invoice_html(issued: Issued) -> bytes:
    return _template(issued)(issued)


def credit_note_html(credited: Credited) -> bytes:
    return _template(credited)(credited)


def _first(document: Document) -> bytes:
    """Template 1."""
    number = _safe(document.number)
    facts = [("Number", document.number), ("Date", _day(document.on))]
    if isinstance(document, Credited):
        title, sums = "Credit note", "Total credited"
        facts += [("Corrects invoice", document.invoice), ("Reason", document.reason)]
    else:
        title, sums = "Invoice", "Total to pay"
        if isinstance(document, Issued):
            facts += [("Due", _day(document.due)), ("Discount", _terms(document)), ("Your reference", document.ref)]
    facts += [("Customer", document.customer), ("Currency", document.currency)]
    notes = [_note(tax.category) for tax in document.taxes if tax.category not in ("S", "Z")]
    iban = document.seller.iban if isinstance(document, Issued) else ""
    return _page(
        f"{title} {number}",
        "<header>",
        f"<h1>{title} {number}</h1>",
        _facts(facts),
        "</header>",
        '<section class="parties">',
        _party("From", document.seller),
        _party("To", document.buyer),
        "</section>",
        _lines(document.lines),
        _sums(document, sums),
        *dict.fromkeys(notes),
        *([f"<p>Please pay to IBAN {_safe(iban)}, naming {number}.</p>"] if iban else []),
    )


TEMPLATES: dict[int, Callable[[Document], bytes]] = {1: _first}


def _template(document: Document) -> Callable[[Document], bytes]:
    if document.rendering not in TEMPLATES:
        raise Refused(f"{document.number} is printed by template {document.rendering}: that needs a newer bo")
    return TEMPLATES[document.rendering]


def _page(title: str, *body: str) -> bytes:
    head = (
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{title}</title>",
        f"<style>{STYLE}</style></head>",
        "<body><main>",
    )
    return "\n".join((*head, *body, "</main></body>", "</html>", "")).encode()


def _terms(issued: Issued) -> str:
    terms = issued.discount
    return f"{terms.percent} %, which is {terms.of(issued.total)}, if paid by {_day(terms.until)}" if terms else ""


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = (f"<dt>{name}</dt><dd>{_safe(value)}</dd>" for name, value in facts if value)
    return f"<dl>{''.join(rows)}</dl>"


def _party(heading: str, party: Party) -> str:
    town = f"{party.postcode} {party.city}".strip()
    vat_id = f"VAT id {party.vat_id}" if party.vat_id else ""
    parts = (party.street, town, party.country, vat_id, party.email, party.phone)
    address = "<br>".join([f"<strong>{_safe(party.name)}</strong>", *(_safe(part) for part in parts if part)])
    return f"<div><h2>{heading}</h2><address>{address}</address></div>"


def _lines(lines: Iterable[Line]) -> str:
    return _table(
        "What it is for",
        (("#", False), ("Description", False), ("Quantity", True), ("Unit price", True), ("Tax", True), ("Net", True)),
        (_line(place, line) for place, line in enumerate(lines, 1)),
    )


def _line(place: int, line: Line) -> str:
    less = f"<br>less {_number(line.discount)} %" if line.discount else ""
    of = f"<br>line {line.of} of the invoice" if line.of else ""
    rate = f"{_number(line.rate)} %" if line.category in ("S", "Z") else line.category
    quantity = f"{_number(line.quantity)} {_safe(line.unit)}".strip()
    return (
        f'<tr><td>{place}</td><th scope="row" class="text">{_safe(line.description)}{less}{of}</th>'
        f"{_right(quantity)}{_right(_price(line.price))}{_right(_safe(rate))}{_right(_amount(line.net))}</tr>"
    )


def _sums(document: Document, total: str) -> str:
    off = document.discounted if isinstance(document, Credited) else ()
    less = added((each.basis for each in off), document.currency)
    before = [("At the prices of the invoice", document.net + less), ("Less the discount that was taken", -less)]
    sums = [*(before if off else []), ("Net", document.net)]
    rows = [f'<tr><th scope="row">{name}</th>{_right(_amount(amount))}</tr>' for name, amount in sums]
    for tax in document.taxes:
        what = f"{_number(tax.rate)} % tax" if tax.category in ("S", "Z") else CATEGORIES.get(tax.category, "Tax")
        name = f"{what} on {_amount(tax.basis)}"
        rows.append(f'<tr><th scope="row">{name}</th>{_right(_amount(tax.amount))}</tr>')
    amount = _right(f"{_amount(document.total)} {_safe(document.currency)}")
    rows.append(f'<tr class="total"><th scope="row">{total}</th>{amount}</tr>')
    return _table("What it comes to", (("Part", False), ("Amount", True)), rows)


def _table(caption: str, columns: Iterable[tuple[str, bool]], rows: Iterable[str]) -> str:
    heads = "".join(f'<th scope="col"{RIGHT if right else ""}>{name}</th>' for name, right in columns)
    body = "\n".join(rows)
    return f"<table><caption>{caption}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def _note(category: str) -> str:
    return f"<p>{_safe(CATEGORIES.get(category, category))}.</p>"


def _right(text: str) -> str:
    return f"<td{RIGHT}>{text}</td>"


def _amount(money: Money) -> str:
    """1234.50, without its currency: the page says that once."""
    return f"{money.amount:f}"


def _price(price: Decimal) -> str:
    """At least two decimals, and as many more as were given."""
    short = plain(price)
    return f"{short:f}" if int(short.as_tuple().exponent) < -2 else f"{short:.2f}"


def _number(number: Decimal) -> str:
    return f"{plain(number):f}"


def _day(day: date) -> str:
    return day.isoformat()


def _safe(text: str) -> str:
    """HTML text in which control and direction-changing characters are seen, not obeyed."""
    return escape(UNSEEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)).replace("\n", "<br>")
