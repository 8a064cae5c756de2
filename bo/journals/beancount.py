"""A beancount file: its directives, with a finding for every line that is not understood."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from aggregates.core import Refused, require
from aggregates.text import shown
from bo.journals.source import Source
from bo.journals.tokens import Tokens, joined
from bo.journals.written import LONGEST_LINE, Amount, Assertion, Journal, Leg, Pad, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bo.findings import Findings

ROOTS = {"Assets": "asset", "Liabilities": "liability", "Equity": "equity", "Income": "income", "Expenses": "expense"}
LEFT = {
    "price": "price", "event": "event", "note": "note", "document": "document", "query": "query", "custom": "custom",
    "close": "closing of an account",
}  # fmt: skip
"""Directives that are counted, and left."""

_OTHER = re.compile("[^A-Za-z0-9]+")


def read(lines: Iterable[str], findings: Findings, source: Source | None = None) -> Journal:
    """Every directive of a file; what is wrong with one is found, and the others are read."""
    return _Reader(findings, source or Source(findings)).read(lines)


class _Reader:
    def __init__(self, findings: Findings, source: Source) -> None:
        self.journal, self.findings, self.source = Journal(rounds=True), findings, source
        self.roots = dict(ROOTS)
        self.tags: list[str] = []
        self._inside: Callable[[int, Tokens], None] | None = None
        self._entry: Written | None = None
        self._at: date | None = None

    def read(self, lines: Iterable[str]) -> Journal:
        self._file(lines)
        return self.journal

    def _file(self, lines: Iterable[str]) -> None:
        for line, text in joined(self.source.numbered(lines)):
            text, self.journal.at = text.rstrip(), line
            if not text or text.lstrip().startswith(";"):
                continue
            try:
                require(len(text) <= LONGEST_LINE, f"the line has more than {LONGEST_LINE} characters")
                if text[0] in " \t":
                    self._indented(line, text)
                else:
                    self._directive(line, text)
            except Refused as no:
                self.findings.add(line, "", text.strip(), str(no))

    def _include(self, pattern: str) -> None:
        for lines in self.source.included(pattern):
            tags, self.tags = self.tags, []
            self._file(lines)
            self.tags = tags

    def _directive(self, line: int, text: str) -> None:
        self._inside = None
        if not (text[0].isdigit() or text[0].islower()):
            return  # a heading of an outline, as beancount reads it
        tokens = Tokens(text)
        if tokens.kind != "date":
            self._setting(line, tokens)
            return
        on = tokens.day()
        if tokens.kind == "word":
            word = tokens.take("word")
            if word != "txn":
                self._dated(line, on, word, tokens)
                return
        elif tokens.kind == "currency":
            tokens.take("currency")  # a flag is a capital letter too
        else:
            require(tokens.skip("*", "!", "&", "#", "?", "%"), f"{shown(tokens.next)} is not understood")
        self._transaction(line, on, tokens)

    def _setting(self, line: int, tokens: Tokens) -> None:
        word = tokens.take("word")
        if word == "option":
            name, value = tokens.string(), tokens.string()
            if name == "infer_tolerance_from_cost":
                self.journal.lots_round = value.upper() in ("TRUE", "1")
            for root, kind in ROOTS.items():
                if name == f"name_{root.lower()}":
                    self.roots = {each: known for each, known in self.roots.items() if known != kind} | {value: kind}
        elif word == "pushtag":
            self.tags.append(tokens.take("tag")[1:])
        elif word == "poptag":
            tag = tokens.take("tag")[1:]
            require(tag in self.tags, f"{tag} was not pushed")
            self.tags.remove(tag)
        elif word == "plugin":
            self.journal.leave("plugin")
        elif word == "include":
            self._include(tokens.string())
        elif word in ("pushmeta", "popmeta"):
            self.journal.leave("metadata")
        else:
            raise Refused(f"{word} is not understood")

    def _dated(self, line: int, on: date, word: str, tokens: Tokens) -> None:
        self._inside = self._metadata
        if word == "open":
            account = self._account(line, tokens)
            self._inside = lambda line, tokens: self._described(account, tokens)
        elif word == "commodity":
            code = tokens.take("currency")
            self.journal.commodities[code] = ""
            self._inside = lambda line, tokens: self._named(code, tokens)
        elif word == "balance":
            account, number = self._account(line, tokens), tokens.number()
            tolerance = tokens.number() if tokens.skip("~") else _tolerance(number)
            amount = Amount(number, tokens.take("currency"))
            tokens.end()
            self.journal.assertions.append(Assertion(line, on, account, amount, tolerance))
        elif word == "pad":
            self.journal.pads.append(Pad(line, on, self._account(line, tokens), self._account(line, tokens)))
            tokens.end()
        else:
            require(word in LEFT, f"{word} is not understood")
            self.journal.leave(LEFT[word])

    def _transaction(self, line: int, on: date, tokens: Tokens) -> None:
        said = []
        while tokens.kind == "string" or tokens.next == "|":
            if not tokens.skip("|"):
                said.append(tokens.string())
        tags = list(self.tags)
        while tokens.kind in ("tag", "link"):
            if tokens.kind == "tag":
                tags.append(tokens.take("tag")[1:])
            else:
                tokens.take("link")
                self.journal.leave("link")
        tokens.end()
        text = ": ".join(filter(None, said))
        self._entry, self._inside = Written(line, on, text, [], tuple(dict.fromkeys(tags))), self._posting
        self.journal.entries.append(self._entry)

    # What stands below a directive

    def _indented(self, line: int, text: str) -> None:
        require(self._inside, "an indented line stands below no directive")
        if self._inside:
            self._inside(line, Tokens(text))

    def _metadata(self, line: int, tokens: Tokens) -> None:
        self.journal.leave("metadata")

    def _described(self, account: str, tokens: Tokens) -> None:
        """Our own export says the number and the name of an account, and calls it by both."""
        key, leaf = tokens.take("key"), account.rpartition(":")[2]
        told = tokens.string() if tokens.kind == "string" else ""
        if key == "number:" and told and leaf.startswith(_OTHER.sub("-", told) + "-"):
            self.journal.numbers[account] = told
        elif key == "name:" and told and account in self.journal.numbers:
            self.journal.names[account] = told
        else:
            self.journal.leave("metadata")

    def _named(self, code: str, tokens: Tokens) -> None:
        if tokens.take("key") == "name:" and tokens.kind == "string":
            self.journal.commodities[code] = tokens.string()
        else:
            self.journal.leave("metadata")

    def _posting(self, line: int, tokens: Tokens) -> None:
        entry = self._entry
        if entry is None or tokens.kind == "key":
            self._told(tokens, entry)
            return
        if tokens.kind in ("tag", "link"):
            raise Refused("tags stand on the first line of an entry here")
        tokens.skip("*", "!", "&", "#", "?", "%")
        account = self._account(line, tokens)
        if not tokens.kind:
            entry.legs.append(Leg(line, account, None))
            return
        units = tokens.amount()
        cost, text = self._cost(units, tokens)
        price = self._price(units, tokens)
        tokens.end()
        entry.legs.append(Leg(line, account, units, cost or price, text))

    def _told(self, tokens: Tokens, entry: Written | None) -> None:
        """Of what is said of a line, with whom it is."""
        if entry and entry.legs and tokens.skip("party:") and tokens.kind == "string":
            entry.legs[-1].party = tokens.string()
        else:
            self.journal.leave("metadata")

    def _cost(self, units: Amount, tokens: Tokens) -> tuple[Amount | None, str]:
        """What a lot cost in all, and how the lot is told apart."""
        opening = tokens.skip("{{", "{")
        if not opening:
            return None, ""
        each, total, currency = Decimal(0), Decimal(0), ""
        told = []
        while not tokens.skip("}}" if opening == "{{" else "}"):
            if tokens.kind == "date":
                told.append(str(tokens.day()))
            elif tokens.kind == "string":
                told.append(tokens.string())
            elif tokens.skip(","):
                continue
            else:
                written = tokens.kind == "number" or tokens.next in ("-", "(")
                require(written, "the cost of the lot is not written here")
                number = tokens.number()
                each, total = (number, total) if opening == "{" else (each, number)
                if tokens.skip("#"):
                    total = tokens.number()
                currency = tokens.take("currency")
        require(currency, "the cost of the lot is not written here")
        weight = units.number * each + (total if units.number > 0 else -total)
        lot = f"{total:f} in all" if not each else f"{each:f}"
        return Amount(weight, currency), ", ".join([f"{lot} {currency}", *told])

    def _price(self, units: Amount, tokens: Tokens) -> Amount | None:
        sign = tokens.skip("@@", "@")
        if not sign:
            return None
        price = tokens.amount()
        factor = units.number if sign == "@" else Decimal(1 if units.number > 0 else -1)
        return Amount(price.number * factor, price.currency)

    def _account(self, line: int, tokens: Tokens) -> str:
        account = tokens.take("account")
        kind = self.roots.get(account.partition(":")[0])
        if kind is None:
            raise Refused(f"{account} begins with none of {', '.join(self.roots)}")
        self.journal.types[account] = kind
        self.journal.lines.setdefault(account, line)
        return account


def _tolerance(number: Decimal) -> Decimal:
    """How far a balance may be off: one unit of its last decimal, nothing where it has none."""
    exponent = int(number.as_tuple().exponent)
    return Decimal(1).scaleb(exponent) if exponent < 0 else Decimal(0)
