"""Taking over the books of another program: all is checked first, then recorded a few hundred entries a commit."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from aggregates.account import Account
from aggregates.chart import Chart, Definition
from aggregates.commodity import Commodity
from aggregates.core import FINANCE, SALES, Refused, replace, require
from aggregates.dimension import Dimension
from aggregates.entry import Entry, Proposed
from aggregates.kind import Kind, known
from aggregates.money import MOST, Money
from aggregates.posting import Posting, differences
from aggregates.record import Record, check, checked
from aggregates.tax import Code
from aggregates.tax import Definition as Tax
from aggregates.text import line as one_line
from aggregates.text import reference
from aggregates.written import Kind as Sort
from bo import books, charting, documents, journaling, records
from bo.findings import Findings
from bo.importing import tell
from bo.parts import Parts
from projections import accounts
from projections.core import open_views

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aggregates.fields import Value
    from store.ledger import Ledger
    from store.transaction import Transaction

A_COMMIT = 500
"""Entries in one commit."""
TOGETHER = 250
"""Lines of an entry of opening balances."""
LONGEST = 60_000
"""Bytes of one entry: what is sealed at once has a largest size."""


class Foreign(msgspec.Struct, frozen=True):
    """An entry of another program, checked."""

    on: date
    text: str
    lines: tuple[Posting, ...]
    kind: Sort


class Party(NamedTuple):
    kind: str
    ref: str
    values: dict[str, Value]


class Adoption:
    """What one file brings: first what entries stand on, then entries; `finish` records it or refuses."""

    def __init__(self, ledger: Ledger, file: str, digest: str) -> None:
        self.ledger, self.digest, self.findings = ledger, digest, Findings(file)
        self.views = open_views(ledger)
        documents.must_write(ledger, FINANCE, "finance")
        self.before = books.chart(self.views)
        self.used = accounts.used(self.views)
        self.accounts: dict[str, Definition] = dict(self.before.accounts)
        self.base = books.base(self.views)
        self._told = False
        self._chart: Chart | None = None
        self._parties: dict[str, Party] = {}
        self._dimensions: dict[tuple[str, str], str] = {}
        self._taxes: dict[str, Tax] = {}
        self._kinds: dict[str, Kind] = {}
        self._commodities: dict[str, tuple[int, str]] = {}
        self._entries: list[bytes] = []
        self._decode = msgspec.msgpack.Decoder(Foreign).decode

    def wrong(self, line: int, column: str, value: str, rule: str) -> None:
        self.findings.add(line, column, value, rule)

    def odd(self, line: int, column: str, value: str, rule: str) -> None:
        self.findings.add(line, column, value, rule, "warning")

    # Accounts

    def account(self, line: int, new: Definition) -> None:
        """An account as the file has it. One that the ledger uses stays as it is, one that it only offers gives way."""
        number, old, self._told = new.number, self.before.accounts.get(new.number), True
        if old is None:
            self._define(line, new)
            return
        roles = [role for role, account in self.before.roles.items() if account == number]
        if number in self.used or roles:
            if old.name != new.name:
                self._differs(line, old, new, roles)
            return
        for below in [each for each in self.accounts.values() if each.parent == number]:
            self.accounts[below.number] = replace(below, parent="")
        self._define(line, new)

    def _differs(self, line: int, old: Definition, new: Definition, roles: list[str]) -> None:
        """An account of another name is another account, unless postings here say that it is of the same type."""
        number, name = old.number, f"{old.number} {old.name}"
        if number not in self.used:
            rule = f"{name} plays the role {', '.join(roles)} here: assign another account first"
            self.wrong(line, "account", number, rule)
        elif old.category != new.category:
            self.wrong(line, "account", number, f"{name} is of type {old.category}, not {new.category}")
        else:
            self.odd(line, "account", number, f"{number} is called {old.name} here, and stays so")

    def _define(self, line: int, new: Definition) -> None:
        try:
            Account().define(new, Chart(self.accounts, self.before.roles), self.used)
        except Refused as no:
            self.wrong(line, "account", new.number, str(no))
        else:
            self.accounts[new.number] = new

    @property
    def chart(self) -> Chart:
        """The accounts as they will be; asked for when the file has told of all of them."""
        if self._chart is None:
            self._chart = Chart(self.accounts, self.before.roles, self.before.closed)
        return self._chart

    # Parties, dimensions and taxes

    def party(self, line: int, kind: str, ref: str, raw: dict[str, str]) -> str:
        """A customer or vendor, as postings name it. One that is here stays as it is."""
        if kind not in self._kinds:
            documents.must_write(self.ledger, SALES, "sales")
            self._kinds[kind] = known(kind, self.ledger.load(Kind, kind))
        stream = f"{kind}/{ref}"
        try:
            values, problems = check(self._kinds[kind], {name: text for name, text in raw.items() if text})
            for problem in [each for each in problems if each.level == "error" and each.field != "name"]:
                self.odd(line, problem.field, problem.value, f"{problem.rule}: it is left out")
                values.pop(problem.field, None)
            checked([each for each in problems if each.field == "name"])
            kept = {name: value for name, value in values.items() if value is not None}
            self._parties[stream] = Party(kind, reference(ref), kept)
        except Refused as no:
            self.wrong(line, kind, ref, str(no))
        return stream

    def dimension(self, line: int, dimension: str, value: str, name: str) -> str:
        """A value of a dimension, as postings name it."""
        try:
            Dimension().add(dimension, value, name)
        except Refused as no:
            self.wrong(line, dimension, value, str(no))
        else:
            self._dimensions[dimension, value] = name
        return f"{dimension}={value}"

    def tax_code(self, line: int, new: Tax) -> None:
        """A tax code as the file has it. One that is here stays as it is."""
        try:
            known = self.ledger.load(Code, new.code)
            if known.define(new):
                if known.code:
                    self.odd(line, "tax code", new.code, "there is one of another meaning here, which stays")
                else:
                    self._taxes[new.code] = new
        except Refused as no:
            self.odd(line, "tax code", new.code, f"{no}: it is left out")

    def commodity(self, code: str, digits: int, name: str) -> None:
        """What is counted besides currencies, with its decimals."""
        try:
            self.ledger.load(Commodity, code).define(code, digits, name)
        except Refused as no:
            self.wrong(0, "commodity", code, str(no))
        else:
            self._commodities[code] = digits, name

    # Entries

    def entry(self, line: int, on: date, text: str, lines: Sequence[Posting], kind: Sort = "normal") -> bool:
        """Check an entry and keep it; False when it is a finding."""
        try:
            said = _plain(text) or "-"
            postings = self.chart.posted(tuple(replace(each, text=_plain(each.text)) for each in lines))
            fits = all(abs(each.amount.minor) <= MOST for each in postings)
            require(fits, f"an amount is at most {MOST} in the smallest unit")
            packed = msgspec.msgpack.encode(Foreign(on, said, postings, kind))
            require(len(packed) <= LONGEST, f"{len(postings)} lines are too many for one entry")
        except Refused as no:
            self.wrong(line, "", text, str(no))
            return False
        self._entries.append(packed)
        return True

    def opening(self, line: int, on: date, lines: Sequence[Posting]) -> dict[str, int]:
        """Opening balances; what they are off balance stands against @opening-balance, and is returned."""
        off = differences(lines)
        for start in range(0, len(lines), TOGETHER):
            part = lines[start : start + TOGETHER]
            rest = [Posting("@opening-balance", Money(-minor, code)) for code, minor in differences(part).items()]
            self.entry(line, on, "Opening balances", [*part, *rest], "opening")
        return off

    # Recording

    def finish(self, noun: str) -> list[str]:
        """Record all, unless something is wrong: what was done, as sentences. The same file again changes nothing."""
        tell(self.findings)
        require(not self.findings.errors, f"{self.findings}: nothing was imported")
        require(self._entries or self._told, f"{self.findings.file} holds no entries")
        first, last, waiting = "", "", 0
        same = "import the same file again, unchanged"  # the key of a part is that of its bytes
        with Parts(self.ledger, "entries", len(self._entries), same) as parts:
            for part, entries in enumerate(_parts(self._entries)):
                self.ledger.key = f"{noun} {self.digest} {part}"
                self.ledger.request = sha256(self.ledger.key.encode()).digest()

                def work(tx: Transaction, part: int = part, entries: list[bytes] = entries) -> tuple[str, str, int]:
                    return self._record(tx, part, entries)

                begins, last, *waits = parts.commit(work, len(entries), self._named(entries[-1:]))
                first, waiting = first or begins, waiting + sum(waits)
                if self.ledger.dry_run:
                    count = len(self._entries)
                    return [f"{count} {'entry' if count == 1 else 'entries'} would be imported"]
        if not first:
            return ["no entries, only accounts"]
        told = f"{len(self._entries)} entries, {first} to {last}" if first != last else f"1 entry, {first}"
        limit = f"{waiting} reach the limit and wait: another person has to `bo journal approve` them"
        return [told, *([limit] if waiting else [])]

    def _named(self, last: list[bytes]) -> str:
        return "".join(f"that of {each.on}, “{each.text}”" for each in map(self._decode, last))

    def _record(self, tx: Transaction, part: int, entries: Sequence[bytes]) -> tuple[str, str, int]:
        """The first and the last number, and how many of the entries wait for an approval."""
        tx.begin(Entry.compartment)
        if not part:
            self._found(tx)
        chart = books.chart(open_views(self.ledger)) if part else self.chart
        numbers, waiting, limited = [], 0, journaling.limited(tx)
        for each in map(self._decode, entries):
            number = books.number(tx, "JE", each.on)
            made = tx.change(
                Entry, number, Entry.post, number, each.on, each.text, each.lines, chart, (), each.kind, **limited
            )
            waiting += isinstance(made, Proposed)
            numbers.append(number)
        return (numbers[0], numbers[-1], waiting) if numbers else ("", "", 0)

    def _found(self, tx: Transaction) -> None:
        """What entries stand on: accounts, parties, tax codes and dimensions."""
        same = books.chart(open_views(self.ledger)) == self.before
        require(same, "the chart of accounts was changed meanwhile: import the file again")
        changed = [new for number, new in self.accounts.items() if self.before.accounts.get(number) != new]
        for new in changed:
            old = self.before.accounts.get(new.number)
            others = {number: each for number, each in self.accounts.items() if number != new.number}
            chart = self.before._replace(accounts={**others, **({new.number: old} if old else {})})
            charting.define(tx, chart, new, self.used)
        for stream, (kind, ref, values) in self._parties.items():
            home = self._kinds[kind].home
            if not tx.exists(Record, stream, home):
                records.require_free(tx, home, stream)
                tx.change(Record, stream, Record.add, self._kinds[kind], ref, values, compartment=home)
        for code, (digits, name) in self._commodities.items():
            tx.change(Commodity, code, Commodity.define, code, digits, name)
        for (dimension, value), name in self._dimensions.items():
            tx.change(Dimension, dimension, Dimension.add, dimension, value, name)
        for tax in self._taxes.values():
            tx.change(Code, tax.code, Code.define, tax)


def _plain(text: str) -> str:
    """A text on one line, cut where it is longer than texts are."""
    return one_line(" ".join(text.split())[:1024])


def _parts(entries: list[bytes]) -> Iterator[list[bytes]]:
    """Once at least, for a file of accounts only."""
    for start in range(0, len(entries) or 1, A_COMMIT):
        yield entries[start : start + A_COMMIT]
