from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.core import Refused
from aggregates.lines import line
from aggregates.money import eur
from aggregates.posting import credit, debit
from aggregates.recurring import MOST, Added, Interval, Made, Recurring, Skipped, filled
from bo.recurrence import Due, interval, make
from projections.core import open_views
from tests.ledgers import Office
from tests.transcripts import ROOT

if TYPE_CHECKING:
    from pathlib import Path

MONTHLY = Interval(1, "month")
END = date(2026, 1, 31)
RENT = (debit("6200", eur(900)), credit("1200", eur(900)))
ADDED = Added("entry", MONTHLY, END, None, "Rent {month}", postings=RENT)


def made(ordinal: int) -> Made:
    return Recurring.after(ADDED).make(ordinal, f"JE-2026-000{ordinal}")


# Dates


def test_a_month_end_recurs_at_every_month_end_that_is_long_enough() -> None:
    days = [MONTHLY.after(END, times) for times in range(5)]
    assert days == [END, date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]


def test_a_leap_day_recurs_on_leap_days() -> None:
    days = [Interval(1, "year").after(date(2024, 2, 29), times) for times in (1, 2, 3, 4)]
    assert days == [date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29)]


@given(
    st.builds(Interval, st.integers(1, 60), st.sampled_from(["day", "week", "month", "year"])),
    st.dates(date(1990, 1, 1), date(2090, 1, 1)),
    st.integers(0, 60),
)
def test_occurrences_follow_each_other_and_never_drift(every: Interval, anchor: date, times: int) -> None:
    on = every.after(anchor, times)
    assert every.after(anchor, times + 1) > on
    assert on.day == anchor.day or every.unit in ("day", "week") or (on + timedelta(1)).day == 1


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("month", MONTHLY),
        ("monthly", MONTHLY),
        ("2 weeks", Interval(2, "week")),
        ("quarter", Interval(3, "month")),
        ("2-quarters", Interval(6, "month")),
        ("10days", Interval(10, "day")),
    ],
)
def test_an_interval_is_read_as_people_write_it(said: str, meant: Interval) -> None:
    assert interval(said) == meant


def test_an_interval_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="fortnight is no interval"):
        interval("fortnight")


def test_texts_name_their_month_and_leave_other_braces_alone() -> None:
    assert filled("Rent {month} to {date} {x}", END) == "Rent 2026-01 to 2026-01-31 {x}"


# What is settled


def test_an_occurrence_is_settled_once_and_in_any_order() -> None:
    state = Recurring.after(ADDED, made(2))
    assert [ordinal for ordinal, _ in state.due(date(2026, 3, 31))] == [1, 3]
    with pytest.raises(Refused, match="occurrence 2 was made or skipped already"):
        state.make(2, "JE-2026-0009")
    state = state.evolve(state.skip(1, "free"))
    assert (state.through, state.beyond) == (2, frozenset())


def test_replay_rejects_an_occurrence_made_twice_on_another_day_or_without_a_template() -> None:
    state = Recurring.after(ADDED, made(1))
    assert state.contradiction(made(2), ()) == ""
    assert state.contradiction(made(1), ()) == "occurrence 1 is settled already"
    assert state.contradiction(Made(2, END, "x"), ()) == "occurrence 2 is not on 2026-01-31"
    assert state.contradiction(Skipped(0, END, "x"), ()) == "occurrence 0 is settled already"
    assert state.contradiction(Made(10**9, END, "x"), ()) == "occurrence 1000000000 is not on 2026-01-31"
    assert Recurring().contradiction(made(1), ()) == "an occurrence is of no template"


def test_replay_rejects_a_template_that_would_never_move_on() -> None:
    for count in (0, -1, MOST + 1):
        forged = Added("entry", Interval(count, "day"), END, None, "x", postings=RENT)
        assert Recurring().contradiction(forged, ()) != ""


def test_nothing_is_due_after_the_end() -> None:
    state = Recurring.after(ADDED)
    state = state.evolve(state.end(date(2026, 2, 28), "moved out"))
    assert [on for _, on in state.due(date(2026, 12, 31))] == [END, date(2026, 2, 28)]
    assert state.contradiction(made(3), ()) == "occurrence 3 would be after the end"


# Documents


def test_two_who_make_the_same_occurrence_make_it_once(tmp_path: Path) -> None:
    office = Office(tmp_path)
    first, second = office.ledger, office.another()
    first.commit(lambda tx: tx.append(Recurring, "RENT", ADDED))
    due = Due("RENT", 1, END)
    assert first.commit(lambda tx: make(first, due, tx)) == ["JE-2026-0001"]
    assert second.commit(lambda tx: make(second, due, tx)) == []
    office.close()


def test_an_invoice_caught_up_late_is_dated_where_its_series_stands(tmp_path: Path) -> None:
    office = Office(tmp_path)
    run(office, "record", "add", "customer", "C-1", "--set", "name=Ada")
    for ref, start in (("NEW", "2026-03-15"), ("OLD", "2026-02-01")):
        words = ("--invoice", "C-1", "--every", "year", "--start", start, "--line", "Support;1;10;19")
        run(office, "recurring", "add", ref, *words)
    run(office, "recurring", "run", "NEW", now="2026-03-15T12:00:00Z")
    done = run(office, "recurring", "run", "--catch-up", now="2026-03-20T12:00:00Z")
    assert done.stdout == "INV-2026-0002\n"
    assert "INV-2026-0002 is dated 2026-03-15: the last one has that date" in done.stderr
    office.close()


def test_two_crons_run_everything_twice_and_at_once_over_month_ends_and_dst_with_one_effect(tmp_path: Path) -> None:
    office = Office(tmp_path)
    lines = (line("Support;1;10;19"),)
    run(office, "record", "add", "customer", "C-1", "--set", "name=Ada")
    run(office, "record", "add", "vendor", "V-1", "--set", "name=Engines")
    ends = Added("invoice", MONTHLY, END, None, "", "C-1", "EUR", lines)
    daily = Added("bill", Interval(1, "day"), date(2026, 3, 28), None, "", "V-1", "EUR", lines)
    added = {"RENT": ADDED, "CARE": ends, "LINE": daily}
    office.ledger.commit(lambda tx: [tx.append(Recurring, ref, each) for ref, each in added.items()])
    clocks = ("2026-03-29T01:59:59+01:00", "2026-03-29T03:00:00+02:00", "2026-04-01T00:30:00+02:00")
    for clock in clocks:
        for _ in range(2):
            both = [start(office, "recurring", "run", "--catch-up", now=clock) for _ in range(2)]
            for each in both:
                _, err = each.communicate(timeout=120)
                assert each.returncode == 0, err
    views = open_views(office.reopen())
    made = list(views.rows("SELECT ref, on_date FROM occurrence ORDER BY ref, ordinal"))
    ends_made = ["2026-01-31", "2026-02-28", "2026-03-31"]
    days = ["2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31", "2026-04-01"]
    assert made == [
        (ref, on) for ref, each in (("CARE", ends_made), ("LINE", days), ("RENT", ends_made)) for on in each
    ]
    entries = "SELECT event, COUNT(*) FROM entry GROUP BY event ORDER BY event"
    assert list(views.rows(entries)) == [("bill.added", 5), ("entry.posted", 3), ("invoice.issued", 3)]
    office.close()


def start(office: Office, *words: str, now: str = "2026-01-01T12:00:00Z") -> subprocess.Popen[str]:
    """One more process of a user or a cron."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "bo", "-L", str(office.directory), *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "BO_HOME": str(office.home), "BO_NOW": now},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(office: Office, *words: str, now: str = "2026-01-01T12:00:00Z") -> subprocess.CompletedProcess[str]:
    process = start(office, *words, now=now)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return subprocess.CompletedProcess(words, 0, out, err)
