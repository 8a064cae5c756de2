from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, ClassVar
from unittest.mock import patch

import pytest

from aggregates.core import Refused, replace
from aggregates.entry import Posted
from aggregates.invoice import Invoice, Paid
from aggregates.legal import Party
from aggregates.money import eur
from aggregates.period import Changed, Periods, Standing
from aggregates.posting import credit, debit
from store.transaction import Transaction
from tests.ledgers import DAY, LINES, Office, draft, issue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARCH, JANUARY = date(2026, 3, 31), date(2026, 1, 31)
ALICE, BOB = "a" * 32, "b" * 32
NOW = int(datetime(2026, 4, 10, tzinfo=UTC).timestamp() * 1000)


def after(*changed: Changed) -> Periods:
    return Periods.after(*changed)


def closed(through: date = MARCH) -> Periods:
    return after(Periods().close(through, ALICE))


def paid(on: date) -> Paid:
    return Paid("INV-2026-0001.1", eur(1), on, "")


# Rules


def test_a_closed_period_refuses_what_is_booked_in_it_and_names_the_first_open_date() -> None:
    assert closed().refusal(paid(MARCH), NOW) == (
        "2026-03-31 lies in a closed period: the first open date is 2026-04-01"
    )
    assert closed().refusal(paid(date(2026, 4, 1)), NOW) == ""


def test_a_draft_is_not_booked_and_passes() -> None:
    drafted = Invoice().draft("C-1", LINES, "EUR")
    assert closed(date.max).refusal(drafted, NOW) == ""


def test_an_accrual_is_refused_for_the_day_it_takes_itself_back_as_well() -> None:
    """While January is open again, nothing gets into March by way of it."""
    until = date(2026, 4, 15)
    proposed = closed().evolve(closed().reopen(JANUARY, JANUARY, until, "x", ALICE, MARCH))
    opened = proposed.evolve(proposed.reopen(JANUARY, JANUARY, until, "", BOB, MARCH))
    accrual = Posted("JE-2026-0001", JANUARY, "Interest", (), reverse_on=date(2026, 2, 1))
    assert opened.refusal(replace(accrual, reverse_on=None), NOW) == ""
    assert opened.refusal(accrual, NOW).startswith("2026-02-01 lies in a closed period")


def test_a_soft_close_takes_only_adjusting_entries() -> None:
    soft = after(Periods().soft_close(MARCH, ALICE))
    assert "soft-closed" in soft.refusal(paid(MARCH), NOW)

    class Adjusting(Paid):
        kind: ClassVar[str] = "adjusting"

    assert soft.refusal(Adjusting("", eur(1), MARCH, ""), NOW) == ""


def test_a_lock_stops_one_area_alone() -> None:
    locked = after(Periods().lock("purchases", MARCH, ALICE))
    assert locked.refusal(paid(MARCH), NOW) == ""
    assert "sales is locked" in after(Periods().lock("sales", MARCH, ALICE)).refusal(paid(MARCH), NOW)


def test_a_lock_on_tax_stops_what_bears_tax_and_an_older_one_returns_alone() -> None:
    state = Invoice.after(Invoice().draft("C-1", LINES, "EUR"))
    issued = state.issue("INV-2026-0001", MARCH, Party("Ada"), Party("Acme"))
    tip = Posted("JE-2026-0001", MARCH, "Tip", (credit("4100", eur(1), tax="S19"), debit("1200", eur(1))))
    rent = Posted("JE-2026-0001", MARCH, "Rent", (debit("6200", eur(1)), credit("1200", eur(1))))
    locked = after(Periods().lock("tax", MARCH, ALICE))
    for event in (issued, tip):
        assert locked.refusal(event, NOW) == "tax is locked through 2026-03-31: the first open date is 2026-04-01"
    assert locked.refusal(rent, NOW) == locked.refusal(paid(MARCH), NOW) == ""
    areas = {area: locked.open_day(MARCH, area, NOW) for area in ("purchases", "tax", "payroll")}
    assert areas == {"purchases": date(2026, 4, 1), "tax": date(2026, 4, 1), "payroll": MARCH}
    further = after(Periods().lock("tax", JANUARY, ALICE)).lock("sales", MARCH, ALICE)
    assert further.standing.taxed == JANUARY, "another lock leaves it"
    assert "sales is locked through 2026-03-31" in after(further).refusal(issued, NOW)
    older = after(replace(further, standing=Standing(locks={"tax": MARCH})))
    assert older.refusal(issued, NOW) == "", "what was recorded then stays recorded"
    assert "taken back" in locked.contradiction(replace(further, standing=Standing(locks={"tax": MARCH})), None)


def test_what_is_closed_is_not_closed_again_nor_further_back() -> None:
    for through in (MARCH, JANUARY):
        with pytest.raises(Refused, match="closed through 2026-03-31 already"):
            closed().close(through, ALICE)


def test_reopening_takes_two_persons_and_ends_by_itself() -> None:
    until, today = date(2026, 4, 15), date(2026, 4, 10)
    proposed = closed().reopen(MARCH, MARCH, until, "late bank statement", ALICE, today)
    waiting = closed().evolve(proposed)
    assert waiting.refusal(paid(MARCH), NOW), "one person alone opens nothing"
    with pytest.raises(Refused, match="another person"):
        waiting.reopen(MARCH, MARCH, until, "", ALICE, today)
    opened = waiting.evolve(waiting.reopen(MARCH, MARCH, until, "", BOB, today))
    assert opened.refusal(paid(MARCH), NOW) == ""
    assert opened.refusal(paid(JANUARY), NOW), "only what was named is open"
    late = int(datetime(2026, 4, 16, tzinfo=UTC).timestamp() * 1000)
    assert opened.refusal(paid(MARCH), late), "it is over"
    again = opened.evolve(opened.close(MARCH, ALICE))
    assert again.refusal(paid(MARCH), NOW)


def test_what_is_archived_stays_closed() -> None:
    archived = closed().evolve(closed().archive(JANUARY, ALICE))
    with pytest.raises(Refused, match="for good"):
        archived.reopen(JANUARY, MARCH, MARCH, "x", ALICE, JANUARY)


def test_what_is_open_again_is_closed_before_it_is_archived() -> None:
    proposed = closed().evolve(closed().reopen(MARCH, MARCH, MARCH, "x", ALICE, MARCH))
    opened = proposed.evolve(proposed.reopen(MARCH, MARCH, MARCH, "", BOB, MARCH))
    with pytest.raises(Refused, match="2026-03-31 is open again: close it first"):
        opened.archive(MARCH, ALICE)
    again = opened.evolve(opened.close(MARCH, ALICE))
    assert again.archive(MARCH, ALICE).standing.archived == MARCH


def test_what_comes_late_counts_from_the_first_open_day() -> None:
    locked = after(Periods().lock("sales", MARCH, ALICE))
    assert closed().open_day(JANUARY, "sales", NOW) == locked.open_day(JANUARY, "sales", NOW) == date(2026, 4, 1)
    assert locked.open_day(JANUARY, "purchases", NOW) == JANUARY
    assert closed().open_day(date(2026, 4, 2), "sales", NOW) == date(2026, 4, 2)


def test_years_begin_where_they_did_once_something_is_closed() -> None:
    assert Periods().begin_years(4, ALICE).standing.year_start == 4
    with pytest.raises(Refused, match="years stay as they are"):
        closed().begin_years(4, ALICE)
    moved = Changed("closed", MARCH, Standing(closed=MARCH, year_start=4), ALICE)
    assert closed().contradiction(moved, ()) == "the fiscal year was moved after a close"


@pytest.mark.parametrize(
    "standing",
    [Standing(), Standing(closed=JANUARY), Standing(closed=MARCH, locks={"sales": JANUARY})],
    ids=["forgotten", "further back", "a lock"],
)
def test_a_replay_rejects_a_step_back(standing: Standing) -> None:
    before = closed().evolve(closed().lock("sales", MARCH, ALICE))
    assert before.contradiction(Changed("closed", MARCH, standing, ALICE), ())


def test_a_replay_rejects_a_reopening_that_one_person_made() -> None:
    proposed = closed().reopen(MARCH, MARCH, date.max, "x", ALICE, MARCH)
    forged = Periods.after(proposed).evolve(proposed)
    agreed = forged.reopen(MARCH, MARCH, date.max, "x", BOB, MARCH)
    assert forged.contradiction(agreed, ()) == ""
    assert closed().contradiction(agreed, ()), "never proposed"
    alone = Changed("reopened", MARCH, agreed.standing, ALICE)
    assert forged.contradiction(alone, ()), "in another person's name"


# In the ledger


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.close()


def _close(tx: Transaction) -> None:
    tx.change(Periods, "books", Periods.close, DAY, tx.person)


def test_every_path_into_a_closed_period_is_refused(office: Office) -> None:
    office.issue_invoices(1)
    office.ledger.commit(_close)
    with pytest.raises(Refused, match="the first open date is 2026-02-01"):
        office.ledger.commit(issue)
    office.ledger.commit(lambda tx: draft(tx))


def test_what_a_changed_program_books_in_a_closed_period_is_rejected(office: Office) -> None:
    office.issue_invoices(1)
    office.ledger.commit(_close)
    with patch.object(Transaction, "check", lambda self: None):
        office.ledger.commit(issue)
    other = office.fresh()
    other.pull()
    [row] = other.client.db.execute("SELECT verdict, reason FROM verdict").fetchall()
    assert row == ("rejected", "2026-01-31 lies in a closed period: the first open date is 2026-02-01")


def test_no_commit_opens_a_gate_for_itself(office: Office) -> None:
    """What stands beside a close in one commit is judged by what was before it."""

    def work(tx: Transaction) -> None:
        issue(tx)
        _close(tx)

    office.ledger.commit(work)
    office.fresh().pull()
    with pytest.raises(Refused, match="closed period"):
        office.ledger.commit(issue)
