from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.core import Refused, replace
from aggregates.crediting import claim
from aggregates.invoice import Invoice
from aggregates.legal import Party
from aggregates.lines import line
from bo.rendering import credit_note_html, invoice_html
from tests.test_invoice import BUYER, DAY, ISSUED, LATER, OPEN, SELLER

NOTE = OPEN.credit("CN-2026-0001", LATER, "one book came back", [claim("2;1")])[0]


class Page(HTMLParser):
    """Tags in the order they open, those never closed, and the text a reader sees."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


def words(page: bytes) -> str:
    return " ".join(" ".join(Page(page).text).split())


def test_an_invoice_says_all_that_was_issued() -> None:
    text = words(invoice_html(ISSUED))
    for part in (
        *("Invoice INV-2026-0001", "Date 2026-01-31", "Due 2026-03-02", "Your reference order 7", "Customer C-1"),
        *("Acme GmbH VAT id DE123456788", "Ada Lovelace Ltd 12 St James's Square SW1Y 4JH London GB"),
        *("1 Consulting 10 8.00 19 % 80.00", "3 Stamp 3 0.333 0 % 1.00", "7 % tax on 31.00 2.17"),
        *("Net 112.00", "Total to pay 129.37 EUR"),
    ):
        assert part in text


def test_a_credit_note_names_its_invoice_and_reason() -> None:
    text = words(credit_note_html(NOTE))
    for part in (
        *("Credit note CN-2026-0001", "Corrects invoice INV-2026-0001", "Reason one book came back"),
        *("Book line 2 of the invoice 1 15.50 7 % 15.50", "Total credited 16.59 EUR"),
    ):
        assert part in text
    assert "Due" not in text


def test_an_exemption_says_why_no_tax_is_due() -> None:
    drafted = Invoice().draft("C-1", [line("x;1;1;AE")], "EUR")
    buyer = Party("Ada", vat_id="ATU13585627")
    text = words(invoice_html(Invoice.after(drafted).issue("INV-2026-0001", DAY, buyer, SELLER)))
    assert "Reverse charge: the recipient owes the tax." in text


def test_the_page_stands_alone_and_is_accessible() -> None:
    page = Page(invoice_html(replace(ISSUED, seller=Party("Acme", iban="DE89370400440532013000"))))
    assert page.open == []
    assert ("lang", "en") in page.attributes
    assert not {"script", "link", "img", "iframe", "object", "form", "a"} & set(page.tags)
    assert not {"src", "href", "style", "onload"} & {name for name, _ in page.attributes}
    assert page.tags.count("main") == page.tags.count("h1") == page.tags.count("title") == 1
    assert page.tags.count("caption") == page.tags.count("table") == 2
    assert b"@page { size: A4" in invoice_html(ISSUED)
    assert b"url(" not in invoice_html(ISSUED)


def test_a_reprint_has_the_same_bytes() -> None:
    """If this fails, template 1 was changed: make another template instead, this one prints what was issued."""
    assert (
        sha256(invoice_html(ISSUED)).hexdigest() == "a9c231a93ddd7cafcc9af669f002abef6341e7b584f4f291060fe4477276c594"
    )
    assert (
        sha256(credit_note_html(NOTE)).hexdigest() == "df146b741a9415fa391a8d693ba6adf1c4ec11ba9a554fe50db63f451e07660b"
    )


def test_characters_that_would_act_are_shown() -> None:
    name = "<script>alert('x')</script>\x1b[2J\u202egpj.exe\u200b\r&\"\U000e0041"
    page = invoice_html(replace(ISSUED, buyer=replace(BUYER, name=name), ref=name)).decode()
    assert "<script" not in page
    assert (
        "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;[U+001B][2J[U+202E]gpj.exe[U+200B][U+000D]&amp;&quot;" in page
    )
    assert not set(page) & set("\x1b\u202e\u200b\r\U000e0041")


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_breaks_the_page(text: str, other: str) -> None:
    lines = (replace(ISSUED.lines[0], description=text, unit=other), *ISSUED.lines[1:])
    page = invoice_html(replace(ISSUED, lines=lines, buyer=Party(other, text), ref=text, customer=other))
    assert Page(page).tags.count("td") == Page(invoice_html(ISSUED)).tags.count("td")
    assert not {"\u202e", "\u200f", "\x00", "\x7f", "\x85"} & set(page.decode())


def test_a_template_of_a_newer_program_is_refused() -> None:
    with pytest.raises(Refused, match="INV-2026-0001 is printed by template 2: that needs a newer bo"):
        invoice_html(replace(ISSUED, rendering=2))
