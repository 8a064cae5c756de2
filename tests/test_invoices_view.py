"""The views of invoices: what is owing now, on a day, and to whom; light to read, and right after anything."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregates.core import SALES, Refused
from aggregates.crediting import claim
from aggregates.erasure import Erasure
from aggregates.invoice import Invoice
from aggregates.kind import built_in
from aggregates.lines import line
from aggregates.money import eur
from aggregates.record import Record
from bo import invoicing
from bo.amounts import amount
from bo.session import Session
from projections import invoice as one
from projections import invoices, receivables, references
from projections.core import Views, open_views
from store.errors import NotFound
from store.shredding import Target, shred
from tests.ledgers import Office, contiguous
from tests.test_startup import loaded

DAY = date(2026, 1, 31)
BO = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shop(office: Office) -> Office:
    """An office with two customers."""
    add(office.ledger, "C-1", name="Ada Ltd", terms=14, city="London", email="ada@example.org")
    add(office.ledger, "C-2", name="Bob & Sons")
    return office


def add(ledger: Session, ref: str, **fields: Any) -> None:
    kind = built_in()["customer"]
    ledger.commit(lambda tx: tx.change(Record, f"customer/{ref}", Record.add, kind, ref, fields, compartment=SALES))


def bill(ledger: Session, customer: str = "C-1", price: int = 100, on: date = DAY) -> str:
    """An invoice over `price`, untaxed; its number."""
    sold = [line(f"Work;1;{price};0")]
    key = ledger.commit(lambda tx: invoicing.draft(tx, customer, sold, "", "", "EUR"))[0]
    return ledger.commit(lambda tx: invoicing.issue(ledger, tx, key, on, None))[0]


def key_of(ledger: Session, number: str) -> str:
    return references.resolve(open_views(ledger), number, "invoice").key


def pay(ledger: Session, number: str, text: str, on: date = DAY) -> list[str]:
    key = key_of(ledger, number)
    return ledger.commit(lambda tx: invoicing.pay(tx, key, amount(text), on, ""))


def credit(ledger: Session, number: str, *claims: str, on: date = DAY) -> str:
    key, ledger.reason = key_of(ledger, number), "a mistake"
    return ledger.commit(lambda tx: invoicing.credit(ledger, tx, key, on, [claim(each) for each in claims]))[0]


def shown(ledger: Session, number: str, as_of: date | None = None) -> one.Invoice:
    return one.shown(open_views(ledger), key_of(ledger, number), as_of)


def plan(views: Views, sql: str, *values: object) -> str:
    return " / ".join(str(row[-1]) for row in views.rows(f"EXPLAIN QUERY PLAN {sql}", *values))


def test_an_issued_invoice_says_what_its_draft_said_and_who_buys(shop: Office) -> None:
    found = shown(shop.ledger, bill(shop.ledger))
    assert (found.number, found.status, found.party, found.on, found.due) == (
        "INV-2026-0001", "open", "Ada Ltd", DAY, DAY + timedelta(14)
    )  # fmt: skip
    assert (found.total, found.owing, found.currency) == (10000, 10000, "EUR")
    assert [(each.description, each.net) for each in found.lines] == [("Work", 10000)]
    assert found.buyer == one.Buyer("Ada Ltd", city="London")


def test_no_more_of_the_record_than_the_document_needs_is_copied_into_it(shop: Office) -> None:
    number = bill(shop.ledger)
    page = invoicing.rendering(shop.ledger, references.resolve(open_views(shop.ledger), number, "invoice"))
    assert b"London" in page
    assert b"ada@example.org" not in page


def test_what_is_more_than_owing_stays_as_credit_and_settles_another_invoice(shop: Office) -> None:
    ledger = shop.ledger
    first, second = bill(ledger), bill(ledger, price=50)
    assert pay(ledger, first, "120")[1:] == [
        "20.00 EUR is more than was owing, and stays as credit", f"{first} is settled"
    ]  # fmt: skip
    key = key_of(ledger, second)
    ledger.commit(lambda tx: invoicing.allocate(ledger, tx, key, None, DAY, ()))
    assert (shown(ledger, first).credit, shown(ledger, second).owing, shown(ledger, second).status) == (
        0, 3000, "partial"
    )  # fmt: skip
    with pytest.raises(Refused, match="C-1 has no credit in EUR"):
        ledger.commit(lambda tx: invoicing.allocate(ledger, tx, key, None, DAY, ()))


def test_credit_of_one_customer_never_settles_what_another_owes(shop: Office) -> None:
    ledger = shop.ledger
    pay(ledger, bill(ledger), "120")
    source, key = key_of(ledger, "INV-2026-0001"), key_of(ledger, bill(ledger, "C-2"))
    for places in ((), (source,)):
        with pytest.raises(Refused, match=r"C-2 has no credit in EUR|is of C-1, INV-2026-0002 of C-2"):
            ledger.commit(partial(invoicing.allocate, ledger, key=key, amount=None, on=DAY, sources=places))
    assert shown(ledger, "INV-2026-0001").credit == 2000


def test_an_allocation_taken_back_is_owing_again(shop: Office) -> None:
    ledger = shop.ledger
    number = bill(ledger)
    pay(ledger, number, "30")
    key = key_of(ledger, number)
    ledger.commit(lambda tx: invoicing.unallocate(tx, key, 1, DAY))
    found = shown(ledger, number)
    assert (found.owing, found.credit) == (10000, 3000)
    assert [each.what for each in found.movements] == ["paid", "allocated", "unallocated"]


def test_every_way_to_end_has_its_status(shop: Office) -> None:
    ledger = shop.ledger
    numbers = [bill(ledger) for _ in range(5)]
    keys = [key_of(ledger, number) for number in numbers]
    pay(ledger, numbers[0], "100")
    credit(ledger, numbers[1])
    ledger.commit(lambda tx: invoicing.void(tx, keys[2], DAY, "never sent"))
    ledger.commit(lambda tx: invoicing.write_off(tx, keys[3], DAY, "gone", None))
    draft = ledger.commit(lambda tx: invoicing.draft(tx, "C-2", [line("x;1;1;0")], "", "", "EUR"))[0]
    gone = ledger.commit(lambda tx: invoicing.draft(tx, "C-2", [line("x;1;1;0")], "", "", "EUR"))[0]
    ledger.commit(lambda tx: invoicing.discard(tx, gone, ""))
    views = open_views(ledger)
    stands = {each.number or each.draft: each.status for each in invoices.listed(views)}
    assert stands == {
        **dict(zip(numbers, ("paid", "credited", "void", "written-off", "open"), strict=True)),
        draft: "draft",
        gone: "discarded",
    }
    assert [each.number for each in invoices.listed(views, "void")] == [numbers[2]]
    assert [each.party for each in invoices.listed(views, "draft")] == ["Bob & Sons"]
    assert [each.number for each in receivables.unpaid(views, DAY)] == [numbers[4]]


def test_the_past_is_told_from_the_dates_of_what_happened(shop: Office) -> None:
    ledger = shop.ledger
    number = bill(ledger)
    pay(ledger, number, "30", DAY + timedelta(10))
    key = key_of(ledger, number)
    ledger.commit(lambda tx: invoicing.write_off(tx, key, DAY + timedelta(20), "gone", None))
    views = open_views(ledger)
    for days, owing in ((0, [10000]), (9, [10000]), (10, [7000]), (19, [7000]), (20, []), (-1, [])):
        day = DAY + timedelta(days)
        assert [each.owing for each in receivables.unpaid(views, DAY, day)] == owing
        assert sum(each.balance for each in receivables.balances(views, "", day)) == sum(owing)
    assert shown(ledger, number, DAY).status == "open"
    assert shown(ledger, number, DAY + timedelta(20)).status == "written-off"
    with pytest.raises(NotFound, match=f"{key} was not issued by 2026-01-30"):
        shown(ledger, number, DAY - timedelta(1))


def test_a_payment_before_its_invoice_is_credit_until_then(shop: Office) -> None:
    ledger = shop.ledger
    number = bill(ledger)
    pay(ledger, number, "100", DAY - timedelta(5))
    views = open_views(ledger)
    assert [(each.owing, each.credit) for each in receivables.balances(views, "C-1", DAY - timedelta(1))] == [
        (0, 10000)
    ]
    assert [(each.owing, each.credit) for each in receivables.balances(views, "C-1", DAY)] == [(0, 0)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 150), st.integers(-20, 90)), max_size=6), st.data())
def test_open_items_less_credit_are_what_was_billed_less_what_came(
    shop: Office, steps: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    """Whatever is paid and credited, on every day: Σ balances = Σ invoices − Σ payments − Σ credit notes."""
    ledger, number = shop.ledger, bill(shop.ledger)
    for what, value, days in steps:
        on = DAY + timedelta(days)
        try:
            credit(ledger, number, f"1;0;{value}", on=on) if what == 0 else pay(ledger, number, str(value), on)
        except Refused:
            continue
    views = open_views(ledger)
    for day in (None, DAY + timedelta(data.draw(st.integers(-20, 95)))):
        sums = [each for each in invoices.listed(views, as_of=day) if each.number]
        came = sum(
            each.amount
            for listed in invoices.listed(views)
            for each in one.movements(views, listed.draft or "", day)
            if each.what in ("paid", "credited")
        )
        assert sum(each.balance for each in receivables.balances(views, "", day)) == (
            sum(each.total for each in sums) - came
        )
        aged = receivables.aging(views, DAY, day)
        assert sum(each.owing for each in aged) == sum(each.owing for each in sums)
        for each in aged:
            parts = each.current + each.days_1_30 + each.days_31_60 + each.days_61_90 + each.over_90
            assert parts == each.owing


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(0, "current"), (1, "days_1_30"), (30, "days_1_30"), (31, "days_31_60"), (61, "days_61_90"), (91, "over_90")],
)
def test_an_amount_ages_from_the_day_it_was_due(shop: Office, days: int, bucket: str) -> None:
    bill(shop.ledger)
    aged = receivables.aging(open_views(shop.ledger), DAY + timedelta(14 + days))
    assert [getattr(each, bucket) for each in aged] == [10000]


def test_an_erased_customer_is_named_by_his_documents_only(shop: Office) -> None:
    ledger = shop.ledger
    number = bill(ledger)
    draft = ledger.commit(lambda tx: invoicing.draft(tx, "C-1", [line("x;1;1;0")], "", "", "EUR"))[0]
    before = invoicing.rendering(ledger, references.resolve(open_views(ledger), number, "invoice"))
    target = Target(SALES, "customer/C-1")

    def work(tx: Any) -> None:
        shred(tx, ledger, [target])
        tx.change(Erasure, target.name, Erasure.erase, target.name, compartment=target.compartment)

    ledger.commit(work)
    views = open_views(ledger)
    listed = {each.number or each.draft: (each.customer, each.party) for each in invoices.listed(views)}
    assert listed == {number: ("[erased]", "Ada Ltd"), draft: ("[erased]", "[erased]")}
    assert [each.customer for each in receivables.balances(views)] == ["[erased]"]
    assert invoicing.rendering(ledger, references.resolve(views, number, "invoice")) == before
    with pytest.raises(Refused, match="customer/C-1 was erased"):
        ledger.commit(lambda tx: invoicing.issue(ledger, tx, draft, DAY, None))
    with pytest.raises(Refused, match="C-1 was erased: there is nobody to invoice"):
        invoicing.customer(ledger, "C-1")


def test_a_cold_client_has_the_same_rows(shop: Office) -> None:
    ledger = shop.ledger
    numbers = [bill(ledger), bill(ledger, "C-2")]
    pay(ledger, numbers[0], "120")
    credit(ledger, numbers[1], "1;0;10")
    tables = ("invoice", "movement", "credit_note", "series", "numbered")
    warm = {table: list(open_views(ledger).rows(f"SELECT * FROM {table}")) for table in tables}
    cold = open_views(shop.fresh())
    assert {table: list(cold.rows(f"SELECT * FROM {table}")) for table in tables} == warm


def test_unpaid_and_one_invoice_are_read_by_an_index(shop: Office) -> None:
    views = open_views(shop.ledger)
    asked: list[tuple[str, tuple[Any, ...]]] = []

    class Spy:
        def all(self, shape: object, sql: str, *values: Any) -> list[Any]:
            asked.append((sql, values))
            return []

        def named(self, sql: str, *values: Any) -> list[Any]:
            asked.append((sql, values))
            return []

    spy = cast(Views, Spy())
    receivables.unpaid(spy, DAY, limit=50)
    receivables.aging(spy, DAY)
    receivables.balances(spy)
    with pytest.raises(NotFound):
        one.shown(spy, "D-1")
    unpaid, aged, balanced, shown_ = (plan(views, sql, *values) for sql, values in asked)
    assert "USING INDEX invoice_unpaid" in unpaid
    assert "TEMP B-TREE" not in unpaid
    for index in ("COVERING INDEX invoice_owing", "INDEX invoice_credit", "INDEX payment_remaining"):
        assert f"USING {index}" in aged
        assert f"USING {index}" in balanced
    assert "SCAN invoice USING COVERING INDEX invoice_customer" in balanced
    assert "INDEX entry_by_hand" in aged
    assert "SEARCH p USING INTEGER PRIMARY KEY" in aged
    assert "USING INDEX invoice_key" in shown_
    assert "SCAN" not in shown_.replace("SCALAR", "")


def opened(bo: BO) -> dict[str, str]:
    """A ledger with a customer; the environment that finds it."""
    made = bo("init", "acme", "--name", "Acme", "--owner", "alice", "--no-passphrase")
    assert made.returncode == 0, made.stderr
    home = Path(made.args[0]).parent.parent
    bo("-L", "acme", "record", "add", "customer", "C-1", "--set", "name=Ada")
    return {**os.environ, "BO_HOME": f"{home}/config", "BO_LEDGER": f"{home}/work/acme", "BO": made.args[0]}


def draft(bo: BO) -> str:
    return bo("-L", "acme", "invoice", "draft", "C-1", "--line", "x;1;1;0").stdout.strip()


def test_a_warm_read_imports_no_rules_and_no_cryptography(bo: BO) -> None:
    environment = opened(bo)
    assert bo("-L", "acme", "invoice", "issue", draft(bo)).stdout == "INV-2026-0001\n"
    heavy = {
        "cryptography",
        "aggregates",
        "eventsourcing",
        "tabulate",
        "store.transaction",
        "store.follow",
        "store.contents",
    }
    names = {name: environment[name] for name in ("BO_HOME", "BO_LEDGER")}
    for words in (["show", "INV-2026-0001", "--json"], ["unpaid", "--limit", "50", "--json"]):
        found = loaded(
            f"import sys, os; os.environ.update({names!r}); sys.argv[1:] = {['invoice', *words]!r}\n"
            "from bo.__main__ import _run\n_run(sys.argv[1:])"
        )
        assert "projections.invoices" in found
        assert not {name for name in found if name in heavy or name.split(".")[0] in heavy}, words


def test_four_processes_at_once_give_every_number_once(bo: BO) -> None:
    environment = opened(bo)
    drafts = [draft(bo) for _ in range(12)]
    script = 'for draft; do "$BO" invoice issue "$draft" --on 2026-01-31 || exit; done'
    running = [
        subprocess.Popen(
            ["bash", "-c", script, "-", *drafts[at::4]],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for at in range(4)
    ]
    taken = [number for process in running for number in process.communicate(timeout=120)[0].split()]
    assert sorted(taken) == contiguous(12)
    assert '"numbers":12,"result":"in order"' in bo("-L", "acme", "series", "check", "--json").stdout


def test_a_dry_run_writes_no_file(shop: Office) -> None:
    ledger = shop.ledger
    key = ledger.commit(lambda tx: invoicing.draft(tx, "C-1", [line("x;1;1;0")], "", "", "EUR"))[0]
    ledger.dry_run = True
    assert ledger.commit(lambda tx: invoicing.issue(ledger, tx, key, DAY, None))[0] == "INV-2026-0001"
    ledger.dry_run = False
    assert not [path for path in (shop.directory / "blobs").rglob("*") if path.is_file()]
    assert ledger.load(Invoice, key).number == ""


def test_a_reprint_is_the_page_that_was_stored(shop: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = shop.ledger
    number = bill(ledger)
    note = credit(ledger, number, "1;0;10")
    pages = {
        each: invoicing.rendering(ledger, references.resolve(open_views(ledger), each, "invoice", "credit"))
        for each in (number, note)
    }
    assert f"Invoice {number}".encode() in pages[number]
    assert f"Credit note {note}".encode() in pages[note]
    monkeypatch.setattr(invoicing, "invoice_html", lambda event: b"another program's page")
    monkeypatch.setattr(invoicing, "credit_note_html", lambda event: b"another program's page")
    for each, page in pages.items():
        assert invoicing.rendering(ledger, references.resolve(open_views(ledger), each, "invoice", "credit")) == page


def test_amounts_are_exact_to_the_minor_unit(shop: Office) -> None:
    number = bill(shop.ledger, price=3)
    with pytest.raises(Refused, match=r"1.005 EUR has 3 decimals, EUR has 2"):
        pay(shop.ledger, number, "1.005")
    pay(shop.ledger, number, "0.01")
    assert eur(Decimal(shown(shop.ledger, number).owing) / 100) == eur("2.99")
