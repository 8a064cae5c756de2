"""A year of work: customers and products, invoices and what became of them, people who come and go."""

from __future__ import annotations

import random
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from aggregates.core import Refused
from aggregates.crediting import Claim
from aggregates.invoice import Invoice
from aggregates.lines import Line, line
from bo import clock, invoicing
from bo.amounts import Amount
from bo.demo import cast
from bo.demo.cast import ALICE, BOB, CAROL
from bo.progress import over
from store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bo.demo.stage import Stage
    from bo.session import Session
    from store.transaction import Transaction

DAYS = 364
JOINS, ADVISER, LEAVES, FORGOTTEN = 18, 120, 300, 330
"""The days on which Bob begins, Carol is let in, Bob leaves, and a customer asks to be forgotten."""
CENT = Decimal("0.01")


class Year:
    """Plans what happens and then lets it happen, in the order of time."""

    def __init__(self, stage: Stage, invoices: int, seed: int) -> None:
        self._stage, self._invoices, self._random = stage, invoices, random.Random(seed)  # noqa: S311
        now = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
        self.now, self.first = now, (now - timedelta(days=DAYS)).replace(hour=8, minute=0, second=0, microsecond=0)
        self._chores: list[tuple[datetime, int, Callable[[datetime], object]]] = []
        self._sessions: dict[str, Session] = {}
        self._open = ExitStack()

    def happen(self) -> None:
        self._begin()
        self._people()
        self._papers()
        for number in range(self._invoices):
            self._invoice(number)
        chores = sorted(self._chores)
        with self._open:
            for when, _, chore in over(chores, "living through a year", len(chores)):
                chore(when)

    # planning

    def _at(self, day: float, chore: Callable[[datetime], object]) -> None:
        """Plan something for a working hour of a day; what lies ahead of today has not happened yet."""
        when = self.first + timedelta(days=int(day), minutes=self._random.randrange(540))
        if when < self.now:
            self._chores.append((when, len(self._chores), chore))

    def _say(self, day: float, actor: str, *words: str) -> None:
        self._at(day, lambda when: self._do(actor, when, *words))

    def _do(self, actor: str, when: datetime, *words: str) -> str:
        return self._stage.say(actor, when, *words)

    # the story

    def _begin(self) -> None:
        start = (str(self._stage.books), "--name", cast.NAME, "--owner", ALICE, "--no-passphrase")
        self._chores.append((self.first, -1, lambda when: self._do(ALICE, when, "init", *start)))
        for ref, fields in cast.CUSTOMERS.items():
            self._record(1, "customer", ref, fields)
        for product in cast.PRODUCTS:
            fields = {"name": product.name, "unit": product.unit, "price": product.price, "tax": str(product.tax)}
            self._record(1, "product", product.ref, fields)
        self._record(2, "vendor", "V-1", cast.VENDOR)
        joined = (self.first + timedelta(days=JOINS)).date().isoformat()
        self._record(JOINS, "employee", "E-1", {**cast.EMPLOYEE, "hired": joined})
        self._say(200, ALICE, "record", "set", "C-2", "--set", "street=Am Kanal 3", "--reason", "they moved")

    def _record(self, day: int, kind: str, ref: str, fields: dict[str, str]) -> None:
        sets = [word for name, value in fields.items() for word in ("--set", f"{name}={value}")]
        self._say(day, ALICE, "record", "add", kind, ref, *sets)

    def _people(self) -> None:
        self._at(JOINS, lambda when: self._join(when, BOB, "clerk", "--history", "all"))
        self._at(ADVISER, lambda when: self._join(when, CAROL, "read", "--on", "finance", "--history", "from-now"))
        self._say(LEAVES, ALICE, "access", "revoke", BOB, "--reason", "left the workshop")
        self._at(LEAVES + 2, lambda when: self._in_vain(BOB, when, "invoice", "draft", "C-1", "--line", "Lamp;1;9;19"))
        self._at(LEAVES + 3, lambda when: self._in_vain(CAROL, when, "record", "add", "customer", "C-99",
                                                        "--set", "name=Carol and Sons"))  # fmt: skip
        forget = ("--reason", "asked to be forgotten, art. 17", "--yes")
        self._say(FORGOTTEN, ALICE, "record", "erase", f"customer/{cast.PRIVATE}", *forget)

    def _join(self, when: datetime, actor: str, *grant: str) -> None:
        """A new person on a machine of his own: he asks, Alice compares the fingerprint and lets him in."""
        request = str(self._stage.folder / f"{actor}.request")
        self._do(ALICE, when, "person", "add", actor)
        self._do(actor, when, "device", "request", "--name", actor, "-o", request, "--no-passphrase")
        self._do(ALICE, when, "device", "approve", request, "--person", actor, "--yes")
        self._do(ALICE, when, "access", "grant", actor, *grant, "--reason", f"{actor} begins")

    def _in_vain(self, actor: str, when: datetime, *words: str) -> None:
        """What is refused; the log keeps that it was tried."""
        try:
            self._do(actor, when, *words)
        except (Refused, StoreError):
            return
        raise AssertionError(f"{actor} could {' '.join(words)}")

    def _papers(self) -> None:
        folder = self._stage.folder / "papers"
        folder.mkdir(parents=True)
        for name, text in cast.PAPERS.items():
            (folder / name).write_text(text, encoding="utf-8")

        def filed(day: int, name: str, title: str, kind: str, *more: str) -> None:
            self._say(day, ALICE, "doc", "file", str(folder / name), "--title", title, "--kind", kind, *more)

        filed(2, "lease.html", "Lease of the workshop", "contract", "--retain", "10y")
        filed(10, "frame-agreement.txt", "Frame agreement, theatre", "contract", "--link", "customer/C-1")
        filed(60, "paper-delivery.csv", "Delivery note, papers", "receipt", "--link", "vendor/V-1")
        filed(150, "complaint.eml", "Three lanterns arrived torn", "letter", "--link", "customer/C-6")
        filed(240, "fire-safety.txt", "Fire safety of our papers", "certificate", "--retain", "10y")

    # invoices

    def _invoice(self, number: int) -> None:
        day = 4 + number * (DAYS - 4) // self._invoices
        customer = self._random.choice([ref for ref in cast.CUSTOMERS if ref != cast.PRIVATE])
        lines = [self._line() for _ in range(self._random.randint(1, 3))]
        actor = BOB if JOINS < day < LEAVES and self._random.random() < 0.6 else ALICE
        key: list[str] = []

        def issued(when: datetime) -> None:
            def work(ledger: Session, tx: Transaction) -> None:
                reference = invoicing.draft(tx, customer, lines, "EUR", f"order {1000 + number}", "EUR")[0]
                invoicing.issue(ledger, tx, reference, when.date(), None)
                key[:] = [reference]

            self._commit(actor, when, "invoice issue", work)

        self._at(day, issued)
        self._fate(number, day + int(cast.CUSTOMERS[customer]["terms"]), day, key)

    def _line(self) -> Line:
        product = self._random.choice(cast.PRODUCTS)
        return line(f"{product.name};{self._random.randint(1, product.most)};{product.price};{product.tax}")

    def _fate(self, number: int, due: int, day: int, key: list[str]) -> None:
        """What becomes of an invoice: most are paid in time, some in parts, late, too much, or never."""
        chance, soon = self._random.random(), day + self._random.randint(2, 9)
        around = max(day + 1, due + self._random.randint(-12, 9))
        if chance < 0.04:
            return
        if chance < 0.08:
            self._at(soon, lambda when: self._credit(when, key))
            around = max(around, soon + 1)
        if chance < 0.17:
            self._at(around, lambda when: self._pay(when, key, Decimal("0.5")))
            around += self._random.randint(10, 35)
        if chance > 0.97:
            around += 60
        share = Decimal("1.05") if 0.20 < chance < 0.22 else Decimal(1)
        self._at(around, lambda when: self._pay(when, key, share))

    def _pay(self, when: datetime, key: list[str], share: Decimal) -> None:
        def work(ledger: Session, tx: Transaction) -> None:
            owing = tx.state(Invoice, key[0]).owing.amount
            if owing > 0:
                statement = f"bank statement {when.isocalendar().week}"
                invoicing.pay(tx, key[0], Amount((owing * share).quantize(CENT), None), when.date(), statement)

        self._commit(ALICE, when, "invoice pay", work)

    def _credit(self, when: datetime, key: list[str]) -> None:
        def work(ledger: Session, tx: Transaction) -> None:
            invoicing.credit(ledger, tx, key[0], when.date(), [Claim(1, Decimal(1))])

        self._commit(ALICE, when, "invoice credit", work, "one piece arrived torn")

    def _commit(
        self, actor: str, when: datetime, command: str, work: Callable[[Session, Transaction], None], reason: str = ""
    ) -> None:
        if actor not in self._sessions:
            self._sessions[actor] = self._open.enter_context(self._stage.opened(actor))
        ledger = self._sessions[actor]
        self._stage.at(when)
        ledger.command, ledger.reason = command, reason
        ledger.commit(lambda tx: work(ledger, tx))
