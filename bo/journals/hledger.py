"""An hledger journal: directives and entries as people write them, with a finding for what is not understood."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from aggregates.commodity import CODE
from aggregates.core import Refused, require
from aggregates.text import shown
from bo.journals.source import Source
from bo.journals.written import LONGEST_LINE, LONGEST_NUMBER, PARTY, Amount, Journal, Leg, Virtual, Written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bo.findings import Findings

TYPES = {
    "A": "asset", "C": "asset", "L": "liability", "E": "equity", "V": "equity", "R": "income", "I": "income",
    "X": "expense",
}  # fmt: skip
NAMED = (
    ("asset", re.compile(r"assets?(:|$)", re.IGNORECASE)),
    ("liability", re.compile(r"(debts?|liabilit(y|ies))(:|$)", re.IGNORECASE)),
    ("equity", re.compile(r"equity(:|$)", re.IGNORECASE)),
    ("income", re.compile(r"(income|revenue)s?(:|$)", re.IGNORECASE)),
    ("expense", re.compile(r"expenses?(:|$)", re.IGNORECASE)),
)
"""What an account is when no directive says so, by the beginning of its name: as hledger tells it."""
SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
LEFT = {"P": "price", "tag": "tag", "payee": "payee", "~": "periodic rule", "=": "automatic rule"}
"""What is counted, and left."""

VIRTUAL: dict[str, Virtual] = {"()": "(", "[]": "["}

_DATE = re.compile(r"(?:(\d{4})([-/.]))?(\d{1,2})[-/.](\d{1,2})(?=[\s=]|$)")
_HEAD = re.compile(r"(?:=\S+)?\s*([*!](?=\s|\(|$))?\s*(?:\(([^)]*)\))?\s*(.*)")
_POSTING = re.compile(r"\s+([*!]\s*)?(.+?)(?:(?:\s{2,}|\t)\s*(.*))?")
_SYMBOL = r"""(?:"[^"]*"|[^-+\d\s.,;:"=@(){}*/]+)"""
_AMOUNT = re.compile(
    rf"(?P<sign>[-+])?\s*(?P<left>{_SYMBOL})?\s*(?P<inner>[-+])?(?P<number>[\d.,]*\d[\d.,]*(?: \d{{3}}(?!\d)[\d.,]*)*)"
    rf"\s*(?P<right>{_SYMBOL})?"
)
_NUMBERED = re.compile(r"(\d[0-9A-Za-z._-]{0,31}) (.+)")
_BARE = re.compile(r"[+-]?[0-9][0-9.,]*")
_ZERO = re.compile(r"[=*\s]*0+([.,]0+)?\s*")
"""Without a commodity, nothing is said of those that have one."""
_PARTY = re.compile(rf"\bparty:\s*({PARTY.pattern})")
_DATED = re.compile(r"\bdate2?:|\[[\d/.=-]+\]")


def read(lines: Iterable[str], findings: Findings, source: Source | None = None) -> Journal:
    """Every entry of a journal; what is wrong with a line is found, and the others are read."""
    return _Reader(findings, source or Source(findings)).read(lines)


class _Reader:
    def __init__(self, findings: Findings, source: Source) -> None:
        self.journal, self.findings, self.source = Journal(), findings, source
        self.year, self.mark, self.default = 0, "", ""
        self.marks: dict[str, str] = {}
        self.aliases: list[tuple[str, str]] = []
        self.prefixes: list[str] = []
        self.declared: dict[str, str] = {}
        self._entry: Written | None = None
        self._below = False
        self._told: set[str] = set()

    def read(self, lines: Iterable[str]) -> Journal:
        self._file(lines)
        for path in self.journal.lines:
            self._name(path)
        return self.journal

    def _file(self, lines: Iterable[str]) -> None:
        commented = False
        for line, text in self.source.numbered(lines):
            text, self.journal.at = text.rstrip(), line
            if commented or text == "comment":
                commented = text != "end comment"
            elif not text:
                self._entry, self._below = None, False
            elif text[0] not in ";#*":
                try:
                    require(len(text) <= LONGEST_LINE, f"the line has more than {LONGEST_LINE} characters")
                    self._line(line, text)
                except Refused as no:
                    self.findings.add(line, "", text.strip(), str(no))

    def _include(self, pattern: str) -> None:
        """What a file says of years, aliases and the like ends with it."""
        for lines in self.source.included(pattern):
            kept = self.year, self.mark, self.default, [*self.aliases], [*self.prefixes]
            self._file(lines)
            self.year, self.mark, self.default, self.aliases, self.prefixes = kept

    def _line(self, line: int, text: str) -> None:
        if text[0] in " \t":
            if self._entry is not None:
                self._posting(line, text)
            else:
                require(self._below or text.lstrip().startswith(";"), "an indented line stands below no entry")
            return
        self._entry, self._below = None, True
        if _DATE.match(text):
            self._transaction(line, text)
        elif text[0] in "~=":
            self.journal.leave(LEFT[text[0]])
        else:
            word, _, rest = text.partition(" ")
            self._directive(line, word, rest.strip())

    def _directive(self, line: int, word: str, rest: str) -> None:
        plain, _, comment = (part.strip() for part in rest.partition(";"))
        if word == "account":
            self._account(rest, comment)
        elif word in ("commodity", "D"):
            self._commodity(line, word, plain)
        elif word in ("Y", "year") or word[:1] == "Y":
            year = plain if word in ("Y", "year") else word[1:]
            require(year.isdigit() and len(year) == 4, f"{shown(year)} is no year")
            self.year = int(year)
        elif word == "decimal-mark":
            require(plain in (".", ","), f"{shown(plain)} is no decimal mark: . or ,")
            self.mark = plain
        elif word == "alias":
            old, equals, new = plain.partition("=")
            require(equals and not old.startswith("/"), "an alias by a pattern is not understood: only NAME=NAME is")
            self.aliases.insert(0, (old.strip(), new.strip()))
        elif f"{word} {plain}" == "end aliases":
            self.aliases.clear()
        elif word == "apply" and plain.startswith("account "):
            self.prefixes.append(plain.removeprefix("account ").strip())
        elif f"{word} {plain}" == "end apply account":
            require(self.prefixes, "no account was applied")
            self.prefixes.pop()
        elif word == "include":
            self._include(plain)
        else:
            require(word in LEFT, f"{word} is not understood")
            self.journal.leave(LEFT[word])

    def _account(self, rest: str, comment: str) -> None:
        name = re.split(r"\s{2,}|\t", rest)[0].partition("  ")[0].partition(" ;")[0].strip()
        if found := re.search(r"\btype:\s*([A-Za-z]+)", comment):
            kind = TYPES.get(found[1] if len(found[1]) == 1 else found[1][:1].upper())
            kind = "expense" if found[1].lower() == "expense" else kind
            require(kind, f"{found[1]} is no type of account")
            self.declared[self._path(name)] = str(kind)

    def _commodity(self, line: int, word: str, plain: str) -> None:
        amount = _AMOUNT.fullmatch(plain)
        if amount and (amount["left"] or amount["right"]):
            code = self._code(line, (amount["left"] or amount["right"]).strip('"'))
            self.marks[code] = _mark(amount["number"]) or "."
            self.default = code if word == "D" else self.default
        elif word == "commodity":
            self._code(line, plain.strip('"'))
        else:
            raise Refused(f"{shown(plain)} is no amount with a commodity")

    # Entries

    def _transaction(self, line: int, text: str) -> None:
        match = _DATE.match(text)
        on = self._day(match) if match else date.min
        head, semicolon, _ = text[match.end() if match else 0 :].partition(";")
        said = _HEAD.fullmatch(head.strip() if not head.startswith("=") else head.rstrip())
        if said is None:
            raise Refused("it is no entry")
        self._count(head.startswith("=") and "secondary date", semicolon and "comment")
        self._count(said[1] == "!" and "pending mark")
        code, about = said[2] or "", " ".join(said[3].split())
        self._entry = Written(line, on, ": ".join(filter(None, (code.strip(), about))), [])
        self.journal.entries.append(self._entry)

    def _count(self, *left: str | bool) -> None:
        for each in left:
            if each:
                self.journal.leave(str(each))

    def _day(self, match: re.Match[str]) -> date:
        year = int(match[1]) if match[1] else self.year
        require(year, "the day has no year: put `Y2026` above it")
        try:
            return date(year, int(match[3]), int(match[4]))
        except ValueError:
            raise Refused(f"{match[0]} is no day of the calendar") from None

    def _posting(self, line: int, text: str) -> None:
        plain, semicolon, comment = text.partition(";")
        self._count(semicolon and "comment")
        if _DATED.search(comment):
            self.findings.add(
                line, "date", comment.strip(), "a line has no day of its own: that of its entry", "warning"
            )
        if not plain.strip():
            return
        match = _POSTING.fullmatch(plain.rstrip())
        if match is None or self._entry is None:
            raise Refused("it is no line of an entry")
        name, rest = match[2], (match[3] or "").strip()
        virtual = VIRTUAL.get(name[0] + name[-1], "")
        account = self._path(name[1:-1] if virtual else name)
        self._count(virtual and "virtual posting")
        if not virtual:
            self.journal.lines.setdefault(account, line)
        before, assigned, asserted = rest.partition("=")
        leg = Leg(line, account, None, virtual=virtual, below=asserted.startswith(("*", "=*")))
        if told := _PARTY.search(comment):
            leg.party = told[1]
        if (
            not self.default
            and _BARE.fullmatch(before.strip())
            and not assigned
            and (virtual or _ZERO.fullmatch(before))
        ):
            return  # a count of something, or nothing at all
        if before.strip():
            leg.units, leg.weight, leg.text = self._priced(line, before)
        if assigned and not (leg.units and not self.default and _ZERO.fullmatch(asserted)):
            require(
                leg.units or "@" not in asserted,
                "a balance that is assigned at a price is not understood: say what is moved",
            )
            leg.asserted = self._amount(line, asserted.lstrip("=*").partition("@")[0])
        self._entry.legs.append(leg)

    def _priced(self, line: int, text: str) -> tuple[Amount, Amount | None, str]:
        require("{" not in text, "a lot is not understood: write what it cost with @ or @@")
        quantity, sign, price = text.partition("@")
        units = self._amount(line, quantity)
        if not sign:
            return units, None, ""
        total = price.startswith("@")
        cost = self._amount(line, price.lstrip("@"))
        factor = (Decimal(1) if units.number > 0 else Decimal(-1)) if total else units.number
        return units, Amount(cost.number * factor, cost.currency), f"@{'@' * total} {cost.number:f} {cost.currency}"

    def _amount(self, line: int, text: str) -> Amount:
        match = _AMOUNT.fullmatch(text.strip()) if len(text) <= LONGEST_NUMBER else None
        if match is None or (match["left"] and match["right"]) or (match["sign"] and match["inner"]):
            raise Refused(f"{shown(text.strip())} is not understood as an amount")
        symbol = (match["left"] or match["right"] or "").strip('"')
        code = self._code(line, symbol) if symbol else self.default
        require(code, "the amount has no commodity: put `D 1000.00 EUR` above it")
        number = _number(match["number"], self.mark or self.marks.get(code, ""))
        return Amount(-number if "-" in (match["sign"], match["inner"]) else number, code)

    def _code(self, line: int, symbol: str) -> str:
        """What we call a commodity: symbols of currencies are told, and small letters made large."""
        code = SYMBOLS.get(symbol, symbol.upper())
        require(CODE.fullmatch(code), f"{shown(symbol)} is no commodity here: write letters, such as USD")
        if code != symbol and symbol not in self._told:
            self._told.add(symbol)
            self.findings.add(line, "commodity", symbol, f"it is taken for {code}", "warning")
        return code

    # Accounts

    def _path(self, name: str) -> str:
        path = ":".join([*self.prefixes, *(part.strip() for part in name.split(":"))])
        for old, new in self.aliases:
            if path == old or path.startswith(old + ":"):
                path = new + path[len(old) :]
        return path

    def _name(self, path: str) -> None:
        """What an account is: as a directive says, for it or those above it, else by how its name begins."""
        above = path
        while above and above not in self.declared:
            above = above.rpartition(":")[0]
        kind = self.declared.get(above) or next((kind for kind, begins in NAMED if begins.match(path)), "")
        line = self.journal.lines[path]
        if not kind:
            rule = f"nothing says what kind of account it is: put `account {path}  ; type: A` above (A L E R X)"
            self.findings.add(line, "account", path, rule)
        self.journal.types[path] = kind
        if ours := _NUMBERED.fullmatch(path.rpartition(":")[2]):
            self.journal.numbers[path], self.journal.names[path] = ours[1], ours[2]


def _mark(text: str) -> str:
    """The decimal mark in a number, "" when none can be told."""
    last = max(text.rfind("."), text.rfind(","))
    if last < 0 or text.count(text[last]) > 1:
        return ""
    return text[last]


def _number(text: str, mark: str) -> Decimal:
    mark = mark or _mark(text)
    whole, _, decimals = text.partition(mark) if mark else (text, "", "")
    groups = re.sub("[., ]", "", whole)
    require(not re.search("[., ]", decimals), f"{shown(text)} is not understood as a number")
    return Decimal(f"{groups or '0'}.{decimals or '0'}") if decimals else Decimal(groups or "0")
