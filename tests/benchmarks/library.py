"""Against the stock encrypted recorder of the `eventsourcing` library: the same invoices, a thousand a commit."""

from __future__ import annotations

import cProfile
import pstats
import random
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from aggregates.invoice import Invoice
from aggregates.series import Series
from store import follow
from tests.benchmarks import sample, stock
from tests.benchmarks.measure import Row, faster, interleaved, tell
from tests.ledgers import NoViews, founded

if TYPE_CHECKING:
    from store.ledger import Ledger
    from store.recorded import Recorded
    from store.transaction import Transaction

A_COMMIT = 1_000


class Counting(NoViews):
    """Counts the events it is told."""

    events = 0

    def apply(self, recorded: Recorded) -> None:
        self.events += recorded.compartment > 0


def record(ledger: Ledger, samples: Sequence[sample.Sample]) -> None:
    """One commit of invoices, and of the numbers they take."""

    def work(tx: Transaction) -> None:
        for each in samples:
            tx.append(Invoice, each.reference, *each.events)
            tx.append(Series, each.series, each.taken)

    ledger.commit(work)


def measure(folder: Path, commits: int, rounds: int, *, profiled: bool) -> list[Row]:
    """Append, replay, one by id, bytes. `commits` is how many of a thousand invoices each store holds."""
    tell(f"library: {commits} commits of {A_COMMIT} invoices into both stores")
    ledger, theirs = founded(folder), stock.Invoices(folder / "stock.db")
    ids, taken = [], []
    for number in range(commits):
        batch = list(sample.invoices(number * A_COMMIT + 1, A_COMMIT))
        ready = theirs.prepared(batch)
        ids += [each.id for each in ready[:-1]]
        taken.append(interleaved(1, partial(record, ledger, batch), partial(theirs.save, *ready)))
    append = [median(times) for times in zip(*taken, strict=True)]
    events = 5 * A_COMMIT
    counted = Counting()

    def replay_ours() -> None:
        counted.events = 0
        follow.replay(ledger, counted, ledger.verifier.size)

    def replay_theirs() -> None:
        start, found = 0, theirs.recorder.select_notifications(None, 1000)
        while found:
            for each in found:
                theirs.mapper.to_domain_event(each)
            start = found[-1].id + 1
            found = theirs.recorder.select_notifications(start, 1000)

    replay = interleaved(rounds, replay_ours, replay_theirs)
    if counted.events != events * commits:
        raise RuntimeError(f"{counted.events} events were replayed")
    picked = random.Random(1).sample(range(commits * A_COMMIT), 200)

    def load_ours() -> None:
        for n in picked:
            ledger.load(Invoice, f"D-{n + 1}")

    one = interleaved(rounds, load_ours, lambda: [theirs.repository.get(ids[n]) for n in picked])
    ledger.store.checkpoint()
    size = (folder / "ledger" / "ledger.db").stat().st_size
    if profiled:
        more = list(sample.invoices(commits * A_COMMIT + 1, A_COMMIT))
        for what, run in {"replay": replay_ours, "by id": load_ours, "append": lambda: record(ledger, more)}.items():
            _profile(what, run)
    theirs.close()
    their_size = (folder / "stock.db").stat().st_size
    ledger.close()
    stored = events * commits
    return [
        faster("append, 1,000 invoices a commit, and their numbers", append[0], append[1], events, "event", "≥ 4"),
        faster("replay, all decoded", replay[0], replay[1], stored, "event", "≥ 4"),
        faster("one aggregate by id", one[0], one[1], len(picked), "", "≥ 4"),
        Row(
            "stored bytes per event", f"{size / stored:.0f}", f"{their_size / stored:.0f}", size / their_size, "≤ 0.7",
        ),
    ]  # fmt: skip


def _profile(what: str, run: Callable[[], object]) -> None:
    """Tell where the time goes."""
    tell(f"{what}:")
    with cProfile.Profile() as profile:
        run()
    pstats.Stats(profile, stream=sys.stderr).strip_dirs().sort_stats("tottime").print_stats(20)
