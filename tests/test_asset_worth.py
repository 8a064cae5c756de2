"""An asset that was bought in another currency is worth what it cost then, and leaves no cent when it goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregates.bill import Bill
from aggregates.bill_lines import bill_line
from aggregates.fixedasset import FixedAsset, Method
from aggregates.legal import Party
from aggregates.money import Money, proportion
from aggregates.spread import month_end
from bo import books, rating
from projections.core import open_views
from store.transaction import Transaction
from tests.ledgers import Office, change
from tests.test_givenback import changed, stands

BOUGHT, END = date(2025, 3, 10), date(2025, 12, 31)
COST, LOST, GAIN, LOSS = "1800", "1890", "4700", "6810"
_refs = count()


class Plan(NamedTuple):
    """An asset, and how it ends after some months: sold for a part of its cost in percent, or voided."""

    cost: int
    residual: int
    method: Method
    life: int
    billed: bool
    months: int
    sold: int | None


plans = st.builds(
    Plan, st.integers(2, 90_000), st.integers(0, 99), st.sampled_from(["straight-line", "declining"]),
    st.integers(1, 9), st.booleans(), st.integers(0, 8), st.none() | st.sampled_from([0, 1, 50, 120]),
)  # fmt: skip
RATES = st.lists(st.integers(100, 9_999), min_size=10, max_size=10)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("assetworth"))
    yield made
    made.close()


def quote(office: Office, thousandths: list[int]) -> None:
    """A rate on the first of each month from that on in which things are bought."""
    for place, each in enumerate(thousandths):
        rating.add(office.ledger, "USD", Decimal(each).scaleb(-3), "", date(2025, 3 + place, 1))


def billed(tx: Transaction, minor: int) -> str:
    number = books.number(tx, "BILL")
    lines = [bill_line(f"Engines;1;{Decimal(minor).scaleb(-2)};19;{COST}"), bill_line("Advice;1;9.99;19;6400")]
    ref = f"{next(_refs)}"
    tx.change(Bill, number, Bill.add, number, f"V-{ref}", ref, BOUGHT, lines, "USD", Party("Engines"), tx.person)
    return number


def acquire(tx: Transaction, plan: Plan, bill: str) -> str:
    ref, (against, of) = f"A-{next(_refs)}", ("", bill) if plan.billed else ("1200", "")
    rate = Decimal(40) if plan.method == "declining" else Decimal(0)
    cost, residual = (Money(minor, "USD") for minor in (plan.cost, plan.cost * plan.residual // 100))
    tx.change(
        FixedAsset, ref, FixedAsset.acquire, "Engine", BOUGHT, cost, residual, plan.method, plan.life, rate, against, of
    )
    return ref


def end(tx: Transaction, ref: str, plan: Plan) -> None:
    if plan.sold is None:
        tx.change(FixedAsset, ref, FixedAsset.void, END, "of another")
    else:
        brought = Money(plan.cost * plan.sold // 100, "USD")
        tx.change(FixedAsset, ref, FixedAsset.dispose, END, brought, "1200", "sold")


def worth(office: Office, ref: str, *accounts: str) -> int:
    """What the events of an asset made accounts worth."""
    return int(
        open_views(office.ledger).value(
            f"""SELECT coalesce(SUM(base), 0) FROM (
                SELECT source, account, p.base FROM posting p JOIN entry e ON e.id = p.entry
                UNION ALL SELECT source, account, base FROM difference)
            WHERE source = ? AND account IN ({", ".join("?" * len(accounts))})""",
            f"fixedasset/{ref}", *accounts,
        )
    )  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(plans, min_size=1, max_size=4), RATES)
def test_an_asset_that_is_gone_is_worth_nothing_at_any_rate(
    shared: Office, chosen: list[Plan], quoted: list[int]
) -> None:
    quote(shared, quoted)
    before, ledger = stands(shared), shared.ledger
    whole = sum(plan.cost for plan in chosen if plan.billed)
    bill = ledger.commit(lambda tx: billed(tx, whole)) if whole else ""
    refs = [ledger.commit(partial(acquire, plan=plan, bill=bill)) for plan in chosen]
    bought = changed(shared, before).get(COST, 0)
    for ref, plan in zip(refs, chosen, strict=True):
        through = month_end(BOUGHT, plan.months)
        change(ledger, FixedAsset, ref, FixedAsset.depreciate, through)
        if plan.months >= plan.life - 1 and not plan.residual and not plan.billed:
            assert worth(shared, ref, LOST) == -worth(shared, ref, COST)
    assert changed(shared, before).get(COST, 0) == bought
    for ref, plan in zip(refs, chosen, strict=True):
        ledger.commit(partial(end, ref=ref, plan=plan))
        assert worth(shared, ref, LOST) == 0
        if not plan.billed:
            assert worth(shared, ref, COST) == 0
        if plan.sold is None:
            assert worth(shared, ref, "6800") == 0
        else:
            brought = rated(plan.cost * plan.sold // 100, quoted[-1])
            cost = -worth(shared, ref, COST) if plan.billed else rated(plan.cost, quoted[0])
            carrying = cost - worth(shared, ref, "6800")
            assert -worth(shared, ref, GAIN, LOSS) == brought - carrying
    left = changed(shared, before)
    kept = sum(plan.cost for plan in chosen if plan.billed and plan.sold is None)
    assert LOST not in left
    assert kept or COST not in left


def rated(minor: int, thousandths: int) -> int:
    return proportion(minor, 1_000, thousandths)


@pytest.mark.parametrize("late", [False, True])
def test_a_rate_of_a_later_month_has_no_part_in_what_an_asset_loses(office: Office, late: bool) -> None:
    """1200.00 USD bought at 10 are 12000.00, whatever they would be later: until that is known its losses wait."""
    if not late:
        rating.add(office.ledger, "USD", Decimal("0.1"), "", BOUGHT)
    rating.add(office.ledger, "USD", Decimal("0.05"), "", date(2025, 4, 1))
    plan = Plan(120_000, 0, "straight-line", 4, False, 4, 100)
    ref = office.ledger.commit(lambda tx: acquire(tx, plan, ""))
    office.ledger.commit(lambda tx: tx.change(FixedAsset, ref, FixedAsset.depreciate, END))
    assert bool(open_views(office.ledger).value("SELECT COUNT(*) FROM waiting")) == late
    rating.add(office.ledger, "USD", Decimal("0.1"), "", BOUGHT)
    assert worth(office, ref, COST) == -worth(office, ref, LOST) == worth(office, ref, "6800") == 1_200_000
    office.ledger.commit(lambda tx: end(tx, ref, plan))
    assert (worth(office, ref, COST), worth(office, ref, LOST), worth(office, ref, GAIN)) == (0, 0, -2_400_000)
