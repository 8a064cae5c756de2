"""Imports that fail on the way: the user is told what is recorded, and the same file again doubles nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bo import importing
from bo.errors import PartlyDone, code_of
from store import writing
from store.errors import Interrupted, Unavailable
from store.patience import Patience
from tests.ledgers import Office

COUNT = 10
STANDS = "8 of 10 customer records are recorded, in 2 commits, up to line 9"
AGAIN = "mend that and import the file again, what is recorded is not doubled"


@pytest.fixture
def bring(office: Office, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Imports ten customers, four in a commit."""
    file = office.folder / "customers.csv"
    file.write_text("ref,name\n" + "".join(f"C-{number},Name {number}\n" for number in range(COUNT)), encoding="utf-8")
    monkeypatch.setattr(importing, "A_COMMIT", 4)
    monkeypatch.setattr(writing, "Patience", lambda: Patience(0.05))
    return lambda: importing.import_file(office.ledger, "customer", str(file), None, None, accept_valid=False)


def failing(office: Office, monkeypatch: pytest.MonkeyPatch, name: str, after: int, problem: BaseException) -> None:
    """From one call of a method of the store on, it fails."""
    kind, calls = type(office.ledger.store), list[int]()
    method = getattr(kind, name)

    def call(*words: Any) -> Any:
        calls.append(1)
        if len(calls) > after:
            raise problem
        return method(*words)

    monkeypatch.setattr(kind, name, call)


@pytest.mark.parametrize(
    ("name", "problem", "rest"),
    [
        ("insert", Interrupted("the server is gone"), "none of the others: the server is gone"),
        ("insert", Unavailable("the disk is full"), "none of the others: the disk is full"),
        (
            "commit",
            Interrupted("the server is gone"),
            "whether those of the next commit are too is not known: the server is gone",
        ),
    ],
)
def test_what_stands_there_is_told_and_not_doubled(
    name: str, problem: Unavailable, rest: str,
    office: Office, bring: Callable[[], str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with monkeypatch.context() as broken:
        failing(office, broken, name, 2, problem)
        with pytest.raises(PartlyDone) as told:
            bring()
    assert str(told.value) == f"{STANDS}, {rest}; {AGAIN}"
    assert code_of(told.value) == 8
    assert bring() == "2 added, 0 changed, 8 as they were"


def test_a_failure_of_the_first_commit_is_told_as_what_it_is(
    office: Office, bring: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        failing(office, broken, "insert", 0, Interrupted("the server is gone"))
        with pytest.raises(Unavailable, match=r"^the server is gone; nothing was recorded$"):
            bring()
    assert bring() == "10 added, 0 changed, 0 as they were"


def test_who_interrupts_is_told_too(
    office: Office, bring: Callable[[], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as broken:
        failing(office, broken, "insert", 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            bring()
    assert capsys.readouterr().err == f"bo: {STANDS}: import the file again for the rest\n"
