"""Documents: versions, links, and how long they are kept."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.core import Refused
from aggregates.document import INLINE, Document, Filed, Linked, Replaced, Retained, months_later, retention

DAY = date(2026, 1, 31)
ONE, TWO, BLOB = "1" * 64, "2" * 64, "b" * 64
FILED = Filed("lease.pdf", "application/pdf", 12, ONE, BLOB, "Lease", "contract", ("customer/C-1",), date(2036, 1, 31))


def file(**changes: Any) -> Filed:
    content: dict[str, Any] = {"name": "lease.pdf", "mime": "application/pdf", "size": 12, "sha256": ONE, "blob": BLOB}
    return Document().file(**(content | changes))


def test_the_title_is_the_file_name_unless_one_is_given() -> None:
    assert file().title == "lease.pdf"
    assert file(title="  Lease \n of the hall ").title == "Lease of the hall"


def test_filing_an_empty_file_is_fine() -> None:
    assert file(size=0).size == 0


def test_a_filed_document_is_not_filed_again() -> None:
    with pytest.raises(Refused, match="filed already, as “Lease”"):
        Document.after(FILED).file("a", "text/plain", 1, TWO, BLOB)


def test_the_same_link_twice_is_one_link() -> None:
    assert file(links=("customer/C-1", "customer/C-1")).links == ("customer/C-1",)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "..\\b", "a\0b", "a\x1bb", "x" * 256, "é" * 128], ids=lambda name: repr(name[:6])
)
def test_a_name_with_a_folder_or_worse_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="plain file name"):
        file(name=name)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mime": "pdf"}, "“pdf” is not a media type"),
        ({"size": -1}, "smaller than nothing"),
        ({"sha256": "A" * 64}, "not a SHA-256 digest"),
        ({"blob": ""}, "not a SHA-256 digest"),
        ({"text_blob": "x"}, "not a SHA-256 digest"),
        ({"text": "a", "text_blob": TWO}, "not in both"),
        ({"text": "é" * (INLINE // 2 + 1)}, "more than 16384 bytes goes into a blob"),
        ({"kind": "Big Contract"}, "one word in small letters"),
        ({"links": ("C-1",)}, "written like customer/C-1"),
        ({"title": "x" * 301}, "at most 300 characters, this one has 301"),
    ],
)
def test_what_could_not_be_given_back_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(Refused, match=words):
        file(**changes)


def test_text_up_to_the_bound_stands_in_the_event() -> None:
    assert file(text="é" * (INLINE // 2)).text_blob == ""


def test_a_replacement_is_the_next_version_and_keeps_title_and_links() -> None:
    replaced = Document.after(FILED).replace("lease-2.pdf", "application/pdf", 13, TWO, BLOB)
    after = Document.after(FILED, replaced)
    assert (replaced.version, after.version, after.sha256, after.title) == (2, 2, TWO, "Lease")
    assert after.links == ("customer/C-1",)
    assert after.replace("lease.pdf", "application/pdf", 12, ONE, BLOB).version == 3


def test_replacing_a_file_by_itself_is_refused() -> None:
    with pytest.raises(Refused, match="version 1 is this very file"):
        Document.after(FILED).replace("other.pdf", "application/pdf", 12, ONE, BLOB)


def test_the_trail_tells_what_a_replacement_changed() -> None:
    event = Replaced(2, "lease-2.pdf", "application/pdf", 13, TWO, BLOB)
    assert Document.after(FILED).before(event) == {"version": 1, "name": "lease.pdf", "size": 12, "sha256": ONE}


def test_links_come_and_go() -> None:
    document = Document.after(FILED, Linked("invoice/INV-2026-0001"))
    assert document.links == ("customer/C-1", "invoice/INV-2026-0001")
    assert Document.after(FILED, document.unlink("customer/C-1")).links == ()
    assert document.link("customer/C-1") == ()
    with pytest.raises(Refused, match="not linked to customer/C-2"):
        document.unlink("customer/C-2")


@pytest.mark.parametrize("link", ["", "C-1", "/C-1", "customer/", "Customer/C-1", "customer/ C", "customer/C\n1"])
def test_a_link_that_is_no_reference_is_refused(link: str) -> None:
    with pytest.raises(Refused, match="a link is written like"):
        Document.after(FILED).link(link)


def test_a_foreign_invoice_number_with_a_slash_can_be_linked() -> None:
    assert Document.after(FILED).link("invoice/2025/17") == (Linked("invoice/2025/17"),)


def test_a_new_title_replaces_the_old_one() -> None:
    retitled = Document.after(FILED).retitle("Lease, signed")
    assert Document.after(FILED, *retitled).title == "Lease, signed"
    assert Document.after(FILED).retitle(" Lease ") == ()


def test_keeping_longer_needs_no_reason_and_keeping_shorter_does() -> None:
    document = Document.after(FILED)
    assert document.retain(date(2040, 1, 1)) == (Retained(date(2040, 1, 1)),)
    assert document.retain(date(2036, 1, 31)) == ()
    with pytest.raises(Refused, match="kept until 2036-01-31; ending that on 2030-01-01 needs a reason"):
        document.retain(date(2030, 1, 1), " ")
    shorter = document.retain(date(2030, 1, 1), "filed by mistake")
    assert Document.after(FILED, *shorter).retain_until == date(2030, 1, 1)


@pytest.mark.parametrize("verb", ["replace", "retitle", "link", "unlink", "retain"])
def test_nothing_happens_to_a_document_that_is_not_there(verb: str) -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "replace": ("a", "text/plain", 1, ONE, BLOB),
        "retain": (DAY,),
    }
    with pytest.raises(Refused, match="there is no such document"):
        getattr(Document(), verb)(*arguments.get(verb, ("customer/C-1",)))


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("10y", date(2036, 1, 31)),
        ("1m", date(2026, 2, 28)),
        ("25M", date(2028, 2, 29)),
        ("11m", date(2026, 12, 31)),
        ("90d", date(2026, 5, 1)),
        (" 2030-12-31 ", date(2030, 12, 31)),
        ("2026-01-31", DAY),
    ],
)
def test_retention_is_a_term_or_a_date(text: str, until: date) -> None:
    assert retention(text, DAY) == until


def test_a_year_after_a_leap_day_is_the_28th() -> None:
    assert retention("1y", date(2024, 2, 29)) == date(2025, 2, 28)


@pytest.mark.parametrize(
    "text", ["", "10", "y", "0y", "-1y", "10w", "1.5y", "١y", "2026-02-30", "20260131", "2026-W05-1"]
)
def test_a_retention_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="retention is written 10y, 6m, 90d or as a date"):
        retention(text, DAY)


def test_a_retention_past_all_calendars_or_before_filing_is_refused() -> None:
    with pytest.raises(Refused, match="past the end of the calendar"):
        retention("9999y", DAY)
    with pytest.raises(Refused, match="end before the document is filed, on 2026-01-31"):
        retention("2026-01-30", DAY)


@given(st.dates(max_value=date(2900, 1, 1)), st.integers(0, 5000))
def test_months_later_keeps_the_day_or_takes_the_last(day: date, months: int) -> None:
    later = months_later(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)
