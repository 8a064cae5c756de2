"""What the shared options hand to a command, and the sentence for each mistake in one."""

from __future__ import annotations

import io
import sys
from datetime import date
from types import SimpleNamespace
from typing import Any

import click
import msgspec
import pytest

from bo import errors, options
from tests.ledgers import Office


class Row(msgspec.Struct):
    name: str
    count: int = 3


ACME, GULF = Row("Acme"), Row("Gulf")


@pytest.fixture
def chosen(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A real ledger, found as the command line finds it."""
    monkeypatch.setenv("BO_HOME", str(office.home))
    monkeypatch.setenv("BO_LEDGER", str(office.directory))
    return office


def called(command: click.Command, *words: str) -> tuple[int, str]:
    """Exit code, and the sentence where there is one."""
    try:
        with command.make_context("bo", list(words)) as context:
            command.invoke(context)
    except Exception as error:
        return errors.code_of(error), errors.sentence(error)
    return 0, ""


def test_rows_passes_on_what_the_function_takes_and_prints(chosen: Office, capsys: pytest.CaptureFixture[str]) -> None:
    seen = SimpleNamespace()

    @click.command
    @options.rows
    @options.ledger
    def listing(ledger: Any, as_of: date | None, known_at: int | date | None, limit: int | None) -> list[Row]:
        seen.ledger, seen.args = ledger, (as_of, known_at, limit)
        ledger.pull()
        return [ACME, GULF]

    words = ("--json", "--columns", "name", "--as-of", "2026-Q1", "--known-at", "17", "--limit", "1")
    assert called(listing, *words) == (0, "")
    assert seen.args == (date(2026, 3, 31), 17, 1)
    assert capsys.readouterr().out == '[{"name":"Acme"}]\n'
    assert not {"store", "client"} & set(vars(seen.ledger)), "it is closed"
    called(listing, "--sort", "-name", "--limit", "1", "--json", "--columns", "name", "--envelope")
    assert seen.args == (None, None, None)
    size, note = chosen.ledger.store.newest() or (0, b"")
    head = note.decode().split("\n")[2]
    assert capsys.readouterr().out == f'{{"position":{size},"head":"{head}","rows":[{{"name":"Gulf"}}]}}\n'
    assert called(listing, "--envelope") == (2, "--envelope goes with --json (see `bo --help`)")


def test_a_function_without_as_of_has_no_such_option() -> None:
    @click.command
    @options.rows
    def listing() -> list[Row]:
        return []

    assert called(listing, "--as-of", "today")[0] == 2
    assert called(listing, "--sort", "name") == (0, "")


@pytest.mark.usefixtures("chosen")
def test_the_ledger_is_closed_when_a_command_fails() -> None:
    seen = SimpleNamespace()

    @click.command
    @options.shown
    @options.ledger
    def failing(ledger: Any) -> Row:
        seen.ledger = ledger
        ledger.pull()
        raise KeyError("x")

    assert called(failing)[0] == 1
    assert not {"store", "client"} & set(vars(seen.ledger))


@pytest.mark.usefixtures("chosen")
def test_the_ledger_is_told_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    @click.command
    @options.reason
    @options.key
    @options.dry_run
    @options.on
    @options.ledger
    def verb(ledger: Any, **given: object) -> None:
        told.append((ledger.reason, ledger.key, ledger.dry_run, ledger.request))

    monkeypatch.setenv("BO_NOW", "2026-01-31T12:00:00Z")
    assert called(verb, "--reason", "late", "--key", "k1", "--dry-run") == (0, "")
    monkeypatch.setenv("BO_NOW", "2026-02-01T12:00:00Z")
    called(verb, "--reason", "late", "--key", "k1")
    called(verb, "--reason", "early", "--key", "k1")
    (first, again, other) = told
    assert first[:3] == ("late", "k1", True)
    assert again == (*first[:2], False, first[3])
    assert other[3] != first[3]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--reason", " "), "--reason: an empty text says nothing"),
        ((), "--reason is missing (see `bo --help`)"),
        (("--reason", "x", "--on", "2026-02"), "--on: 2026-02 is a period of 28 days; here one day is needed"),
        (("--reason", "x", "--price", "1e400"), "--price: 1e400 is no number: write it out like 1234.56"),
        (("--reason", "x", "--known-at", "1" * 30), "is no position"),
    ],
)
def test_a_mistake_in_an_option_is_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    @click.command
    @options.reason
    @options.on
    @options.rows
    @click.option("--price", type=options.MONEY)
    def verb(reason: str, on: date, price: object, known_at: object) -> list[Row]:
        return []

    code, told = called(verb, *words)
    assert code == 2
    assert sentence in told


def test_a_misspelt_verb_is_told_its_neighbours() -> None:
    group = click.Group("bo", commands=[click.Command("issue"), click.Command("list")])
    assert called(group, "isue") == (2, "there is no `bo isue`; did you mean issue?")
    parent = click.Group("bo", commands={"invoice": group})
    assert called(parent, "invoice", "zzz") == (2, "there is no `bo invoice zzz`: issue, list")
    assert called(parent, "invoice") == (2, "`bo invoice` needs a verb: issue, list (see `bo invoice --help`)")


def test_a_question_nobody_can_answer_asks_for_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    options.confirm("Really?", yes=True)
    with pytest.raises(click.UsageError, match="add --yes"):
        options.confirm("Really?", yes=False)


def test_completion_offers_what_is_in_the_ledger_and_never_asks(chosen: Office) -> None:
    chosen.issue_invoices(2)

    @click.command
    @options.reference("number", "invoice")
    def show(number: str) -> None: ...

    context = click.Context(show, info_name="bo")
    numbers = ["INV-2026-0001", "INV-2026-0002"]
    assert [item.value for item in show.params[0].shell_complete(context, "INV")] == numbers
    chosen.ledger.device.save(chosen.home / "devices" / "alice.json", "a passphrase")
    assert show.params[0].shell_complete(context, "INV") == []
