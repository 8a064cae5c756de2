"""Confirming what a line of a statement is, inside one commit, and taking that back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aggregates.bank import Line, Month
from aggregates.batch import Batch
from aggregates.core import FINANCE, replace, require
from aggregates.entry import Entry
from aggregates.invoice import Invoice
from aggregates.match import Link, Match, Target
from aggregates.money import ZERO, Money
from aggregates.payment import Payment
from aggregates.posting import Posting
from aggregates.relief import payable
from bo import batches, books, paying
from bo.bank import matching, returning
from bo.bank.targets import POSTED, Part, named, of_item
from projections import accounts, bankitems, banklists
from projections.core import open_views
from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from aggregates.chart import Chart
    from aggregates.payment import Direction
    from bo.amounts import Amount
    from projections.bankitems import Open
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction

Said = list[str]
"""What a commit gives back: the result, then remarks."""


class Chosen(NamedTuple):
    """What a line is to be, and which rule said so."""

    line: Open
    parts: tuple[Part, ...]
    rest: str = ""
    rule: str = ""
    version: int = 0


def confirming(
    ledger: Ledger, line: str, targets: Sequence[str], rest: str, booked: date | None
) -> Callable[[Transaction], Said]:
    """The work of one commit: payments made or linked, accounts posted, and the match itself."""

    def work(tx: Transaction) -> Said:
        tx.begin(FINANCE)  # a request made before ends here, though its line is matched by now
        views = open_views(ledger)
        return confirmed(tx, books.chart(views), chosen(views, line, targets, rest), booked)

    return work


def confirmed(tx: Transaction, chart: Chart, choice: Chosen, booked: date | None = None) -> Said:
    """Confirm what a line is, in a commit under way."""
    return Confirming(tx, chart, choice, booked).run()


def chosen(views: Views, line: str, targets: Sequence[str], rest: str) -> Chosen:
    """The targets that were named, else those the first rule suggests. Raises NotFound."""
    id = banklists.find(views, line).line
    open_lines = bankitems.open_lines(views, line=id)
    require(open_lines, f"{id} is matched already: `bo bank undo {id}` takes that back")
    found = open_lines[0]
    account = accounts.find(views, rest) if rest else ""
    if targets or rest:
        return Chosen(found, tuple(named(views, text) for text in targets), account)
    matcher = matching.Matcher(views)
    match = matcher.first(found)
    if match is None:
        raise NotFound(f"no rule knows what {found.id} is: name invoices, bills, payments, a party or an account")
    return suggested(found, match, matcher.version)


def suggested(line: Open, match: matching.Match, version: int) -> Chosen:
    """What a suggestion comes to when it is confirmed."""
    parts = [of_item(item) for item in match.items]
    if match.account:
        parts.append(Part("account", match.account, match.account, None))
    return Chosen(line, tuple(parts), "", match.rule.name, version)


class Confirming:
    """One line, part by part; what no part takes is left to a party or goes to an account."""

    def __init__(self, tx: Transaction, chart: Chart, choice: Chosen, booked: date | None) -> None:
        self.tx, self.chart, self.choice, self.booked = tx, chart, choice, booked
        open_ = choice.line
        self.line: Line = tx.state(Month, f"{open_.bank}/{open_.on:%Y-%m}").lines[open_.id]
        self.left = self.line.amount
        self.day = max(booked or self.line.on, self.line.on)
        self.targets: list[Target] = []
        self.postings: list[Posting] = []
        self.said: Said = []

    def run(self) -> Said:
        parts = [each for part in self.choice.parts for each in self._single(part)]
        for part in parts:
            if part.kind in ("payment", "paid", *POSTED):
                self._link(part)
            elif part.kind == "account" and part.amount:
                self._post(part.key, self._signed(part.amount))
        parties = self._by_party()
        for party, some in parties.items():
            self._pay(party, some, len(parties) == 1)
        for part in parts:
            if part.kind == "account" and not part.amount:
                require(self.left, f"nothing of {self.line.id} is left for {part.name}")
                self._post(part.key, self.left)
        if self.choice.rest and self.left:
            self._post(self.choice.rest, self.left)
        require(not self.left, f"{self.left} of {self.line.id} is left: say where it goes, with --rest ACCOUNT")
        made = self.tx.change(
            Match, self.line.id, Match.confirm, self.choice.line.bank, self.line, self.choice.line.account,
            tuple(self.targets), self.postings, self.choice.rule, self.choice.version, self.booked,
        )  # fmt: skip
        return [self.line.id, *self.said, *([f"by the rule {made.rule}"] if made.rule else [])]

    def _single(self, part: Part) -> list[Part]:
        """A batch is the payments of its lines, which are confirmed where nobody has done so."""
        if part.kind != "batch":
            return [part]
        number, _, place = part.key.partition("/")
        self.said += batches.carried_out(self.tx, number, int(place or 0), self.line.on)
        paid = self.tx.state(Batch, number).paid
        made = [paid[int(place)]] if place else [paid[each] for each in sorted(paid)]
        return [
            Part("payment", key, key, None) for key in made if place or not self.tx.state(Link, f"payment/{key}").lines
        ]

    def _by_party(self) -> dict[str, list[Part]]:
        """The documents and parties that were named, by whom they are of."""
        found: dict[str, list[Part]] = {}
        for part in self.choice.parts:
            if part.kind in ("invoice", "bill"):
                document = self.tx.state(paying.DOCUMENTS[part.kind], part.key)
                party = f"vendor/{document.vendor}" if part.kind == "bill" else f"customer/{document.customer}"
                found.setdefault(party, []).append(part)
            elif part.kind in ("customer", "vendor"):
                found.setdefault(f"{part.kind}/{part.name}", []).append(part)
        return found

    def _pay(self, party: str, parts: Sequence[Part], alone: bool) -> None:
        """One payment of a party, for all documents of his that were named."""
        tx, out = self.tx, self.line.amount.minor < 0
        direction: Direction = "out" if out else "in"
        documents = [part for part in parts if part.kind in ("invoice", "bill")]
        wanted = [(part, self._wanted(part)) for part in documents]
        named = [amount for _, amount in wanted]
        currencies = {amount.currency for amount in named} or {self.left.currency}
        require(len(currencies) == 1, f"{party} is paid in one currency at a time")
        foreign = currencies != {self.left.currency}
        less = [(part, self._wanted(part, discounted=True)) for part in documents]
        if not foreign and sum((amount for _, amount in less), ZERO) == abs(self.left):
            wanted, named = less, [amount for _, amount in less]
        total = sum(named, ZERO)
        direct = [self._signed(part.amount) for part in parts if part.kind in ("customer", "vendor") and part.amount]
        exactly = self.choice.rest or not alone or any(each.kind == "account" for each in self.choice.parts)
        if foreign:
            require(not direct, f"{self.line.id} is in {self.left.currency}: name what it pays, and nothing else")
            moved = self.left
        elif direct or (exactly and named):
            moved = sum(direct, -total if out else total)
        else:
            moved = self.left  # what is more than owing stays with the party
        amount = total if foreign else abs(moved)
        require(amount > ZERO, f"nothing of {self.line.id} is left for {party}")
        made = paying.record(
            tx, party, direction, amount, self.line.on, self.choice.line.account,
            self.line.end_to_end or self.line.reference or self.line.id, self.booked,
            abs(moved) if foreign else None,
        )  # fmt: skip
        self.said.append(f"{made.number} {amount} of {party}")
        for part, most in wanted:
            left = tx.state(Payment, made.number).left
            if left:
                self.said += paying.settle(tx, made.number, f"{part.kind}/{part.key}", min(left, most), self.day)
        left = tx.state(Payment, made.number).left
        self.said += [f"{left} of it settles nothing yet"] if left else []
        numbers = " ".join(part.name for part in parts)
        self._take(f"payment/{made.number}", moved, moved, made=True, about=f"{made.number} {numbers}", party=party)

    def _wanted(self, part: Part, *, discounted: bool = False) -> Money:
        """How much of a document is meant: what was said, else all that is owing, or the credit paid back."""
        document = self.tx.state(paying.DOCUMENTS[part.kind], part.key)
        require(document.number, f"{part.name} is a draft: issue it first")
        if part.amount:
            return Money.of(part.amount.decimal, part.amount.currency or document.currency or self.left.currency)
        outward = part.kind == "bill"
        settles = outward == (self.line.amount.minor < 0)
        if settles and discounted:
            return payable(document, self.line.on)
        return document.owing if settles else document.credit_left  # type: ignore[no-any-return]  # bill or invoice

    def _link(self, part: Part) -> None:
        """A payment that was recorded by hand: this line is what the bank says of it, or of a part of it."""
        if part.kind == "paid":
            require(part.item, f"{part.name} is on a statement already")
            assert part.item is not None
            self.tx.state(Invoice, part.key.rpartition("/")[0])
            target, whole, party = part.item.target, Money(part.item.whole, part.item.currency), part.item.party
        elif part.kind in POSTED:
            target, whole, party = f"{part.kind}/{part.key}/{self.choice.line.account}", self._posted(part), ""
        else:
            payment = self.tx.state(Payment, part.key)
            require(not payment.voided, f"{part.name} was voided")
            if (payment.direction == "out") == (self.line.amount.minor > 0):
                self._return(part, payment)
                return
            target, whole = f"payment/{part.key}", -payment.amount if payment.direction == "out" else payment.amount
            party = payment.party
            account = self.chart.number(payment.bank)
            ours = account == self.choice.line.account
            require(ours, f"{part.name} went through account {account}, this line through {self.choice.line.account}")
        same = whole.currency == self.left.currency
        require(same, f"{part.name} is in {whole.currency}, {self.line.id} in {self.left.currency}")
        free = whole - self.tx.state(Link, target).linked
        require(free, f"{part.name} is on a statement already: `bo bank lines` shows where")
        if part.amount:
            amount = self._signed(part.amount)
        else:
            alone = len(self.choice.parts) == 1 and not self.choice.rest
            amount = self.left if alone and abs(self.left) < abs(free) else free
        self._take(target, whole, amount, about=part.name, party=party)
        self.said.append(f"{part.name} is on the statement now")

    def _return(self, part: Part, payment: Payment) -> None:
        """The payment comes back: another one of its party meets it, and what it settled is open again."""
        amount = payment.amount if self.line.amount.minor > 0 else -payment.amount
        said = self._signed(part.amount) if part.amount else amount
        whole = f"{part.name} is {payment.amount}: it comes back whole, or is refunded with `bo payment refund`"
        require(said == amount and amount.currency == self.left.currency, whole)
        account, ref = self.choice.line.account, self.line.end_to_end or self.line.reference or self.line.id
        number, freed, told = returning.give_back(self.tx, part.key, self.line.on, account, ref, self.booked)
        self.said += told
        self._take(f"payment/{number}", amount, amount, made=True, about=f"{number} {part.name}", party=payment.party)
        self.targets[-1] = replace(self.targets[-1], returns=part.key, freed=freed)

    def _posted(self, part: Part) -> Money:
        """What an entry, or a line of another account, moved on the account of this bank."""
        ours, currency = self.choice.line.account, self.left.currency
        if part.kind == "entry":
            entry = self.tx.state(Entry, part.key)
            require(not entry.reversed_by, f"{part.name} was reversed by {entry.reversed_by}")
            postings = entry.lines
        else:
            require(part.key != self.line.id, f"{part.name} cannot be what it is itself")
            match = self.tx.state(Match, part.key).matched
            require(match, f"{part.name} is not matched: confirm it with account/{ours}, then it is what this line is")
            postings = match.postings if match else ()
        moved = (each.amount for each in postings if self.chart.number(each.account) == ours)
        whole = sum((amount for amount in moved if amount.currency == currency), Money(0, currency))
        require(whole, f"{part.name} moved nothing in {currency} on account {ours}")
        return whole

    def _take(
        self, target: str, whole: Money, amount: Money, *, made: bool = False, about: str = "", party: str = ""
    ) -> None:
        self.tx.change(Link, target, Link.link, about or target, whole, self.line.id, amount)
        self.targets.append(Target(target, amount, made, about, party))
        self.left -= amount

    def _post(self, account: str, amount: Money) -> None:
        """Money in is a credit of the account."""
        definition = self.chart.open(account)
        name = f"{definition.number} {definition.name}"
        require(not definition.control, f"{name} is a control account: name the customer or vendor instead")
        require(definition.number != self.choice.line.account, f"{name} is the account of this bank itself")
        fits = definition.currency in ("", amount.currency)
        require(fits, f"{name} is in {definition.currency}, the line in {amount.currency}")
        text = self.line.text or self.line.counterpart
        self.postings.append(Posting(definition.number, -amount, text=text[:200], tax=definition.tax))
        self.targets.append(Target(f"account/{definition.number}", amount, about=name))
        self.said.append(f"{abs(amount)} to {name}")
        self.left -= amount

    def _signed(self, amount: Amount) -> Money:
        """As the line goes, unless a minus says the other way."""
        money = Money.of(amount.decimal, amount.currency or self.left.currency)
        return -money if self.line.amount.minor < 0 else money
