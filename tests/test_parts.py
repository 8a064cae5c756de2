"""Work that fails on the way: the user is told what is recorded, and the same again doubles nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aggregates.recurring import Recurring
from bo import importing, recurrence
from bo.bank import suggesting
from bo.errors import PartlyDone, code_of
from store import writing
from store.errors import Interrupted, Unavailable
from store.patience import Patience
from tests.ledgers import DAY, Office, change
from tests.test_bank_matching import Desk
from tests.test_recurring import MONTHLY, RENT

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


def test_what_recurs_stands_where_the_store_fails(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "Patience", lambda: Patience(0.05))
    for ref in ("CARE", "RENT", "TEA"):
        change(office.ledger, Recurring, ref, Recurring.add, "entry", MONTHLY, DAY, None, ref, "", "", (), RENT)
    told = list[list[str]]()
    with monkeypatch.context() as broken:
        failing(office, broken, "insert", 2, Unavailable("the disk is full"))
        with pytest.raises(PartlyDone) as problem:
            told.extend(recurrence.run(office.ledger, (), DAY, catch_up=False))
    assert str(problem.value) == (
        f"2 of 3 occurrences are recorded, in 2 commits, up to RENT, occurrence 1 of {DAY}, none of the others: "
        "the disk is full; mend that and run it again, what is recorded is not doubled"
    )
    assert [number for number, *_ in told] == ["JE-2026-0001", "JE-2026-0002"]
    assert list(recurrence.run(office.ledger, (), DAY, catch_up=False)) == [["JE-2026-0003"]]
    assert not list(recurrence.run(office.ledger, (), DAY, catch_up=False))


def test_what_is_confirmed_stands_where_the_store_fails(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "Patience", lambda: Patience(0.05))
    desk = Desk(office)
    office.ledger.commit(suggesting.adding(desk.ledger, "fees", "text", 0, "fee*", "@bank-charges", "out", "", True, 1))
    desk.booked("01,Bank,,Fee January,,-7.50", "02,Bank,,Fee February,,-7.50", "03,Bank,,Fee March,,-7.50")
    with monkeypatch.context() as broken:
        failing(office, broken, "insert", 1, Unavailable("the disk is full"))
        with pytest.raises(PartlyDone) as problem:
            suggesting.suggest(desk.ledger, "", "", True, None)
    said = str(problem.value)
    assert said.startswith("1 of 3 lines are recorded, in 1 commit, up to line ")
    assert said.endswith(
        ", none of the others: the disk is full; mend that and confirm again, what is recorded is not doubled"
    )
    assert len(suggesting.suggest(desk.ledger, "", "", True, None)) == 2
    assert not suggesting.suggest(desk.ledger, "", "", True, None)
