"""One of several writers at a time on one PostgreSQL server, in a process of its own: ours, or the stock library's.

`python -m tests.benchmarks.writers ours URL HOME NUMBER` or `… stock SOCKET DATABASE KEY` gets ready, says so, and then
records as many invoices as each line of its input asks for, each in a commit of its own. `threads COUNT URL HOME` and
`stock-threads COUNT SOCKET DATABASE KEY` are so many writers, threads that share an application of the library.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from aggregates.invoice import Invoice
from aggregates.series import Series
from store import device as devices
from store.home import Home
from store.ledger import Ledger
from store.library import Happened, LedgerApplication, originator
from store.place import place_of
from tests.benchmarks import sample, stock
from tests.ledgers import NoViews
from tests.servers import PORT

if TYPE_CHECKING:
    from store.transaction import Transaction

MOST = 1_000_000
"""More invoices than a writer is ever asked for."""


def client(place: str, home: str) -> Ledger:
    """The founder's device on a machine of its own."""
    at = Home({"BO_HOME": home})
    device = devices.unlock(devices.read(at.device_file("founder")), lambda: "")
    return Ledger(place_of(place), at, device, NoViews())


def record(ledger: Ledger, samples: Sequence[sample.Sample]) -> None:
    """One commit of invoices, and of the numbers they take."""

    def work(tx: Transaction) -> None:
        for each in samples:
            tx.append(Invoice, each.reference, *each.events)
            tx.append(Series, each.series, each.taken)

    ledger.commit(work)


class SharedInvoices(stock.Invoices):
    """The same application in a database of its own, whose tables one process makes.

    `batches` are inserted by the library's function in the database: the pipeline that it uses otherwise comes to
    a standstill with a thousand events or more.
    """

    def __init__(self, socket: str, database: str, key: str, *, first: bool = False, batches: bool = False) -> None:
        environment = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": database,
            "POSTGRES_HOST": socket,
            "POSTGRES_PORT": str(PORT),
            "POSTGRES_USER": "postgres",
            "POSTGRES_PASSWORD": "none",
            "CIPHER_TOPIC": "eventsourcing.cryptography:AESCipher",
            "CIPHER_KEY": key,
            "CREATE_TABLE": "yes" if first else "no",
            "POSTGRES_ENABLE_DB_FUNCTIONS": "yes" if batches else "no",
        }
        super(stock.Invoices, self).__init__(environment)
        self.series = stock.Series()
        self.save(self.series)


def ours(place: str, home: str, writer: str) -> list[Callable[[], object]]:
    ledger, ready = client(place, home), sample.invoices(1, MOST, sample.YEAR + int(writer))
    return [lambda: record(ledger, [next(ready)])]


def theirs(socket: str, database: str, key: str) -> list[Callable[[], object]]:
    return their_threads("1", socket, database, key)


def our_threads(count: str, place: str, home: str) -> list[Callable[[], object]]:
    application = LedgerApplication(client(place, home))

    def thread(number: int) -> Callable[[], object]:
        ready = enumerate(sample.invoices(1, MOST, sample.YEAR + number), 1)

        def step() -> None:
            version, each = next(ready)
            invoice = originator(Invoice.compartment, f"invoice/{each.reference}")
            happened = [Happened(invoice, at, event) for at, event in enumerate(each.events, 1)]
            series = originator(Series.compartment, f"series/{each.series}")
            application.save(*happened, Happened(series, version, each.taken))

        return step

    return [thread(number) for number in range(int(count))]


def their_threads(count: str, socket: str, database: str, key: str) -> list[Callable[[], object]]:
    invoices = SharedInvoices(socket, database, key)

    def thread() -> Callable[[], object]:
        ready, series = sample.invoices(1, MOST), stock.Series()
        return lambda: invoices.save(*invoices.prepared([next(ready)], series))

    return [thread() for _ in range(int(count))]


WRITERS: dict[str, Callable[..., list[Callable[[], object]]]] = {
    "ours": ours,
    "stock": theirs,
    "threads": our_threads,
    "stock-threads": their_threads,
}


def main(whose: str, *words: str) -> None:
    steps = WRITERS[whose](*words)

    def repeat(step: Callable[[], object], count: int) -> None:
        for _ in range(count):
            step()

    for step in steps:
        step()  # the first one connects
    print("ready", flush=True)
    with ThreadPoolExecutor(len(steps)) as pool:
        for line in sys.stdin:
            list(pool.map(partial(repeat, count=int(line)), steps))
            print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
