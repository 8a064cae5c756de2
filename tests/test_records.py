"""Records as commands and views have them: references, searches, duplicates, who may look, and what erasing leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from aggregates.core import PEOPLE, SALES, Refused
from aggregates.fields import definition
from aggregates.kind import Kind, built_in
from aggregates.record import Record, check
from bo import records
from projections import recordlists, references
from projections.core import Views, open_views
from projections.recordtext import folded, written
from store.errors import NotFound
from tests.test_startup import loaded

if TYPE_CHECKING:
    from pathlib import Path

    from store.transaction import Transaction
    from tests.ledgers import Office

CUSTOMER = built_in()["customer"]


def add(office: Office, ref: str, kind: Kind = CUSTOMER, **raw: Any) -> Views:
    values, problems = check(kind, raw)
    assert not [each for each in problems if each.level == "error"]
    name = f"{kind.name}/{ref}"
    office.ledger.commit(lambda tx: tx.change(Record, name, Record.add, kind, ref, values, compartment=kind.home))
    return open_views(office.ledger)


def change(office: Office, ref: str, verb: Any, *args: Any) -> Views:
    office.ledger.commit(lambda tx: tx.change(Record, f"customer/{ref}", verb, *args, compartment=SALES))
    return open_views(office.ledger)


def test_an_exact_reference_beats_one_that_begins_so(office: Office) -> None:
    add(office, "C-1", name="One")
    add(office, "C-10", name="Ten")
    views = add(office, "D-2", name="Other")
    assert references.resolve(views, "C-1").ref == "C-1"
    assert references.resolve(views, "D", "customer").stream == "customer/D-2"
    assert references.resolve(views, "customer/C-10").compartment == SALES


def test_what_is_ambiguous_or_not_there_is_told_with_candidates(office: Office) -> None:
    add(office, "C-1", name="One")
    add(office, "C-2", name="Two")
    views = add(office, "C-1", built_in()["vendor"], name="One")
    with pytest.raises(NotFound, match="C-1 could be customer/C-1, vendor/C-1: write which kind"):
        references.resolve(views, "C-1")
    with pytest.raises(NotFound, match="C could be C-1, C-2: write more of it"):
        references.resolve(views, "C", "customer")
    with pytest.raises(NotFound, match="there is no customer C-29: near it is C-2"):
        references.resolve(views, "C-29", "customer")
    with pytest.raises(NotFound, match="there is no customer two: near it is C-2"):
        references.resolve(views, "two", "customer")
    with pytest.raises(NotFound, match="this takes an invoice, not a customer"):
        references.resolve(views, "customer/C-1", "invoice")
    with pytest.raises(NotFound, match="there is no customer "):
        references.resolve(views, "", "customer")


def test_many_candidates_are_cut_short(office: Office) -> None:
    for number in range(12):
        views = add(office, f"C-{number:02}", name="x")
    with pytest.raises(NotFound, match=r"C could be C-00, .*C-09, …: write more of it"):
        references.resolve(views, "C", "customer")


def test_a_draft_leads_to_its_invoice_before_and_after_it_has_a_number(office: Office) -> None:
    (number,) = office.issue_invoices(1)
    views = open_views(office.ledger)
    found = references.resolve(views, number, "invoice")
    assert found.kind == "invoice"
    assert references.resolve(views, found.key, "invoice").stream == found.stream
    assert references.matching(views, ("invoice",), "") == [number]
    assert references.matching(views, ("draft",), "") == []


def test_completion_offers_what_is_open_and_keeps_the_kind_that_was_typed(office: Office) -> None:
    add(office, "C-1", name="One")
    add(office, "C-2", name="Two")
    views = change(office, "C-2", Record.archive)
    assert references.matching(views, ("customer",), "C") == ["C-1"]
    assert references.matching(views, (), "customer/C") == ["customer/C-1"]
    views = change(office, "C-2", Record.restore)
    assert references.matching(views, ("customer",), "C") == ["C-1", "C-2"]


def test_a_search_ignores_case_and_accents_and_falls_back_to_any_part(office: Office) -> None:
    add(office, "C-1", name="Çelik & Müller", phone="+49 30 123456")
    views = add(office, "C-2", name="Straße 9")

    def refs(text: str) -> list[str]:
        return [hit.ref for _, hit in recordlists.hits(views, text)]

    assert refs("celik") == refs("MÜLL") == refs("muller celik") == refs("üller") == ["C-1"]
    assert refs("4930") == ["C-1"]
    assert refs("strasse") == ["C-2"]
    assert refs('" OR *') == refs("( NOT") == refs("nobody") == refs("  ") == []
    assert [hit.found for _, hit in recordlists.hits(views, "4930")] == ["phone_e164"]


def test_a_changed_record_is_found_by_its_new_words_only(office: Office) -> None:
    add(office, "C-1", name="Before", city="Bonn")
    views = change(office, "C-1", Record.set, CUSTOMER, {"name": "After", "city": None})
    assert [hit.ref for _, hit in recordlists.hits(views, "after")] == ["C-1"]
    assert recordlists.hits(views, "before") == recordlists.hits(views, "bonn") == []
    assert references.label(views, "customer/C-1") == "After"


def test_the_history_tells_what_it_said_at_first_and_every_change(office: Office) -> None:
    add(office, "C-1", name="Before", city="Bonn")
    change(office, "C-1", Record.set, CUSTOMER, {"city": "Köln"})
    views = change(office, "C-1", Record.set, CUSTOMER, {"city": None, "terms": 7})
    told = [
        (each.what, each.field, each.before, each.after)
        for each in recordlists.history(views, references.resolve(views, "C-1"))
    ]
    assert told == [
        ("added", "name", None, "Before"),
        ("added", "city", None, "Bonn"),
        ("changed", "city", "Bonn", "Köln"),
        ("changed", "city", "Köln", None),
        ("changed", "terms", None, "7"),
    ]


def test_duplicates_are_told_by_name_and_mail_but_not_of_what_was_merged_away(office: Office) -> None:
    from projections.records import duplicates, kind_of

    add(office, "C-1", name="Acme, GmbH", email="A@acme.example")
    views = add(office, "C-2", name="ACME GmbH")
    shape = kind_of(views, "customer")
    assert shape is not None

    def alike(values: dict[str, str]) -> list[str]:
        return [str(each) for each in duplicates(open_views(office.ledger), shape, "C-9", values)]

    assert alike({"name": "acme gmbh"}) == ["possible duplicate of C-1: the same name"]
    assert alike({"name": "Other", "email": "a@ACME.example"}) == ["possible duplicate of C-1: the same e-mail"]
    office.ledger.commit(
        lambda tx: tx.change(
            Record, "customer/C-1", Record.merge, tx.state(Record, "customer/C-2", SALES), compartment=SALES
        )
    )
    assert alike({"name": "acme gmbh", "email": "a@acme.example"}) == ["possible duplicate of C-2: the same name"]
    change(office, "C-1", Record.unmerge)
    assert alike({"email": "a@acme.example"}) == ["possible duplicate of C-1: the same e-mail"]


def test_amounts_are_written_with_the_decimals_of_their_currency(office: Office) -> None:
    views = open_views(office.ledger)
    assert written({"minor": 120050, "currency": "EUR"}, views) == "1200.50 EUR"
    assert written({"minor": -5, "currency": "EUR"}, views) == "-0.05 EUR"
    assert written({"minor": 7, "currency": "JPY"}, views) == "7 JPY"
    assert written(["a", True, 3], views) == "a; yes; 3"


def test_folding_takes_accents_and_case_away() -> None:
    assert folded("ÉCOLE Straße İ") == "ecole strasse i"


def erase(office: Office, ref: str) -> Views:
    found = references.resolve(open_views(office.ledger), ref)
    assert records.erase(office.ledger, found) is None
    return open_views(office.ledger)


def test_nothing_of_an_erased_record_is_left_in_the_views(office: Office) -> None:
    add(office, "C-1", name="Zanzibarbara", email="z@zanzibarbara.example")
    change(office, "C-1", Record.set, CUSTOMER, {"name": "Quetzalcoatlus"})
    add(office, "C-2", name="Other")
    before = _everything(office)
    assert "zanzibar" in before
    assert "quetzalcoatlus" in before
    views = erase(office, "C-1")
    after = _everything(office)
    assert "zanzibar" not in after
    assert "quetzalcoatlus" not in after
    assert [hit.ref for _, hit in recordlists.hits(views, "other")] == ["C-2"]
    assert references.label(views, "customer/C-1") == references.ERASED


def test_the_same_is_known_of_an_erased_record_by_who_comes_later(office: Office) -> None:
    add(office, "C-1", name="Gone")
    add(office, "C-2", name="Stays")
    erase(office, "C-1")
    assert _everything(office) == _rows(open_views(office.fresh()))


def test_a_reference_to_what_was_erased_says_so_and_cannot_be_made_again(office: Office) -> None:
    employee = built_in()["employee"]
    add(office, "E-1", employee, name="Boss")
    add(office, "E-2", employee, name="Ada", manager="E-1")
    views = erase(office, "E-1")
    shown: Any = recordlists.shown(views, references.resolve(views, "E-2"))
    assert [(link.field, link.to, link.name) for link in shown.links] == [("manager", "employee/E-1", "[erased]")]

    def refer(tx: Transaction) -> None:
        records.require_targets(tx, views, employee, {"manager": "employee/E-1"})

    with pytest.raises(Refused, match="manager: employee/E-1 was erased"):
        office.ledger.commit(refer)
    with pytest.raises(Refused, match="E-1 was erased: its reference is not given again"):
        office.ledger.commit(lambda tx: records.require_free(tx, PEOPLE, "employee/E-1"))


def test_looking_at_employees_leaves_one_entry_a_command(bo: Any, tmp_path: Path) -> None:
    assert bo("init", "books", "--name", "A", "--owner", "alice", "--no-passphrase").returncode == 0
    for ref in ("E-1", "E-2"):
        assert bo("-L", "books", "record", "add", "employee", ref, "--set", f"name=N{ref}").returncode == 0
    assert bo("-L", "books", "record", "add", "customer", "C-1", "--set", "name=N").returncode == 0

    def looks() -> list[str]:
        trail = json.loads(bo("-L", "books", "audit", "trail", "--json").stdout)
        return [each["command"] for each in trail if each["what"] == "journal.looked" and "record" in each["command"]]

    assert looks() == []
    for words in ("list customer", "show C-1", "find NC"):
        assert bo("-L", "books", "record", *words.split()).returncode == 0
    assert looks() == []
    for number, words in enumerate(("list", "show E-1", "history E-1", "find NE", "export employee"), 1):
        assert bo("-L", "books", "record", *words.split()).returncode == 0
        assert len(looks()) == number, words


def test_a_warm_list_wakes_no_rules_and_no_cryptography(bo: Any, tmp_path: Path) -> None:
    assert bo("init", "books", "--name", "A", "--owner", "alice", "--no-passphrase").returncode == 0
    assert bo("-L", "books", "record", "add", "customer", "C-1", "--set", "name=N").returncode == 0
    assert bo("-L", "books", "record", "list").returncode == 0
    home = tmp_path / "home"
    code = (
        f"import os; os.environ['BO_HOME'] = {str(home / 'config')!r}; os.environ['BO_NOW'] = '2026-01-31T12:00:00Z'\n"
    )
    for words in ("list customer --json", "show C-1 --json", "find N --json", "history C-1 --json"):
        run = ["-L", str(home / "work" / "books"), "record", *words.split()]
        found = loaded(f"{code}import sys; sys.argv[1:] = {run}\nfrom bo.__main__ import _run\n_run(sys.argv[1:])")
        assert "projections.recordlists" in found
        assert found & {"aggregates.core", "cryptography", "eventsourcing", "tabulate"} == set(), words


def test_a_kind_of_field_is_spelled_as_it_was_defined(office: Office) -> None:
    words = ("plate:text!", "fuel:choice(petrol|electric)", "driver:reference(employee)", "tags:list(text)")
    fields = tuple(map(definition, words))
    office.ledger.commit(lambda tx: tx.change(Kind, "vehicle", Kind.define, "vehicle", fields))
    listed = recordlists.fields(open_views(office.ledger), "vehicle")
    assert [f"{row.field}:{row.type}{'!' * row.required}" for row in listed] == list(words)


def _everything(office: Office) -> str:
    return _rows(open_views(office.ledger))


def _rows(views: Views) -> str:
    """Every row of every table about records and references, folded."""
    db = views._client.db
    names = [
        name
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        if name.startswith(("record", "reference"))
    ]
    rows = {
        name: sorted(map(repr, db.execute(f"SELECT * FROM {name}").fetchall()))
        for name in names
        if not name.startswith("record_text_")
    }
    db.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, record_text, instance)")
    rows["words"] = sorted(repr(row[0]) for row in db.execute("SELECT term FROM temp.words"))
    db.execute("DROP TABLE temp.words")
    return folded(repr(rows))
