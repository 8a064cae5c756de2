from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.core import Event, Refused, replace
from aggregates.invoice import Discarded
from aggregates.series import Opened, Series, Taken, misnumbered
from tests.test_invoice import DAY, ISSUED

FIRST = Taken(1, "INV-2026-0001", DAY)
EARLIER = date(2026, 1, 30)


def test_numbers_follow_on() -> None:
    assert Series().take("INV", 2026, DAY) == FIRST
    assert Series.after(FIRST).take("INV", 2026, DAY) == Taken(2, "INV-2026-0002", DAY)


def test_a_number_has_more_digits_when_it_needs_them() -> None:
    assert Series.after(Taken(9999, "INV-2026-9999", DAY)).take("INV", 2026, DAY).number == "INV-2026-10000"


def test_an_earlier_date_is_refused() -> None:
    with pytest.raises(Refused, match="the last one, INV-2026-0001, is dated 2026-01-31: an earlier date is refused"):
        Series.after(FIRST).take("INV", 2026, EARLIER)


def test_a_series_taken_over_goes_on_from_where_the_other_system_stopped() -> None:
    opened = Series().open(118, "from the old system")
    assert Series.after(opened).take("INV", 2026, DAY) == Taken(118, "INV-2026-0118", DAY)


@pytest.mark.parametrize(
    ("state", "start", "reason", "message"),
    [
        (Series.after(FIRST), 5, "x", "this series has begun: its last number is INV-2026-0001"),
        (Series.after(Opened(5, "x")), 6, "x", "this series was opened already, at 5"),
        (Series(), 0, "x", "a series starts at 1 or higher, not at 0"),
        (Series(), 5, " ", "opening a series needs a reason"),
    ],
)
def test_opening_is_for_once_and_for_a_reason(state: Series, start: int, reason: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        state.open(start, reason)


@given(st.lists(st.dates(), max_size=30), st.integers(1, 10**6))
def test_whatever_is_tried_the_numbers_are_contiguous_and_in_order(days: list[date], start: int) -> None:
    state = Series.after(Opened(start, "take-over"))
    taken: list[Taken] = []
    for day in days:
        try:
            event = state.take("INV", 2026, day)
        except Refused:
            assert day < taken[-1].on
            continue
        assert state.contradiction(event, (event, bearing(event))) == ""
        state, taken = state.evolve(event), [*taken, event]
    assert [each.last for each in taken] == list(range(start, start + len(taken)))
    assert [each.on for each in taken] == sorted(each.on for each in taken)
    assert Series.after(*taken[-1:]).last == (taken[-1].last if taken else 0)  # the last event tells all


def bearing(taken: Taken) -> Event:
    return replace(ISSUED, number=taken.number)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Taken(3, "INV-2026-0003", DAY), "INV-2026-0003 is number 3 of its series, after 1"),
        (Taken(1, "INV-2026-0001", DAY), "INV-2026-0001 is number 1 of its series, after 1"),
        (Taken(2, "INV-2026-0003", DAY), "INV-2026-0003 is not how number 2 of a series is written"),
        (Taken(2, "CN-2026-0002", DAY), "CN-2026-0002 is of another series than INV-2026-0001"),
        (Taken(2, "INV-٢٠٢٦-0002", DAY), "INV-٢٠٢٦-0002 is not how number 2 of a series is written"),
        (Taken(2, "INV-2026-0002", EARLIER), "INV-2026-0002 is dated 2026-01-30, before INV-2026-0001 of 2026-01-31"),
        (Opened(9, "again"), "a series is opened once, before its first number"),
    ],
)
def test_replay_finds_what_no_verb_makes(event: Taken | Opened, why: str) -> None:
    together = (event, bearing(event)) if isinstance(event, Taken) else (event,)
    assert Series.after(FIRST).contradiction(event, together) == why


def test_a_number_is_taken_for_exactly_one_document_of_the_same_commit() -> None:
    second = Taken(2, "INV-2026-0002", DAY)
    document = bearing(second)
    state = Series.after(FIRST)
    assert state.contradiction(second, (second, document, Discarded(""))) == ""
    for together in ((second,), (second, document, document), (second, bearing(FIRST))):
        assert state.contradiction(second, together) == "INV-2026-0002 was taken without one document that bears it"


def test_a_document_bears_a_number_taken_in_the_same_commit_for_it_alone() -> None:
    document = bearing(FIRST)
    assert misnumbered(FIRST.number, (FIRST, document)) == ""
    assert misnumbered(FIRST.number, (document,)) == "INV-2026-0001 was not taken from its series in the same commit"
    assert misnumbered(FIRST.number, (FIRST, document, document)) == "INV-2026-0001 stands on more than one document"
