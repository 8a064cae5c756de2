"""One of several writers at a time on one PostgreSQL server, in a process of its own: ours, or the stock library's.

`python -m tests.benchmarks.writers ours URL HOME NUMBER` or `… stock SOCKET DATABASE KEY` gets ready, says so, and then
records as many invoices as each line of its input asks for, each in a commit of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aggregates.invoice import Invoice
from aggregates.series import Series
from store import device as devices
from store.home import Home
from store.ledger import Ledger
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


def record(ledger: Ledger, samples: Sequence[sample.Sample], writer: str = "") -> None:
    """One commit of invoices, and of the numbers they take in the writer's own series."""

    def work(tx: Transaction) -> None:
        for each in samples:
            tx.append(Invoice, f"{each.reference}{writer}", *each.events)
            tx.append(Series, f"{sample.SERIES}{writer}", each.taken)

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


def ours(place: str, home: str, writer: str) -> Callable[[], None]:
    ledger, ready = client(place, home), sample.invoices(1, MOST)
    return lambda: record(ledger, [next(ready)], f"-{writer}")


def theirs(socket: str, database: str, key: str) -> Callable[[], None]:
    invoices, ready = SharedInvoices(socket, database, key), sample.invoices(1, MOST)

    def step() -> None:
        invoices.save(*invoices.prepared([next(ready)]))

    return step


def main(whose: str, *words: str) -> None:
    step = (ours if whose == "ours" else theirs)(*words)
    step()  # the first one connects
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            step()
        print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
