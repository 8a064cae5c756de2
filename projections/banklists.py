"""Bank accounts beside the books, their statements, and lines by what they were found to be."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from projections import bankgaps
from projections.core import Minor
from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from projections.core import Views

FEW = 5
"""So many payments of a batch are shown to people."""

# `?1` is the day asked about in all queries, NULL for the state after the newest event.


class Standing(msgspec.Struct):
    bank: str
    name: str
    iban: str
    account: str
    currency: str
    on: date | None
    statement: Minor | None
    """What the newest statement that says one closes with, and on which day."""
    book: Minor
    """What the account of the books stood at, at the end of that day."""
    difference: Minor | None
    open: int
    """Lines that nobody has matched yet."""
    closed: date | None


def standing(views: Views, as_of: date | None = None) -> list[Standing]:
    """Every bank account: its statement balance beside that of the books."""
    from projections.accounts import balances

    rows = views.all(
        _Newest,
        """SELECT b.ref, b.name, b.iban || b.number AS iban, b.account, b.currency,
            iif(?1 IS NULL OR b.closed <= ?1, b.closed, NULL) AS closed,
            (SELECT id FROM bank_statement s WHERE s.bank = b.ref AND s.closing IS NOT NULL AND s.unsound = ''
                AND (?1 IS NULL OR s.last <= ?1) ORDER BY s.last DESC, s.id DESC LIMIT 1) AS newest,
            (SELECT COUNT(*) FROM bank_line l WHERE l.bank = b.ref AND (?1 IS NULL OR l.on_date <= ?1)
                AND (?1 IS NULL AND l.match = 0 OR ?1 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM bank_match m
                    WHERE m.line = l.id AND m.on_date <= ?1 AND coalesce(m.undone, '9') > ?1))) AS open
            FROM bank b ORDER BY b.ref""",
        as_of,
    )
    found = []
    for row in rows:
        closing = views.one(
            _Closing, 'SELECT last AS "on", closing, currency FROM bank_statement WHERE id = ?', row.newest
        )
        day = closing.on if closing else as_of
        book = sum(each.balance for each in balances(views, row.account, day) if each.currency == row.currency)
        said = closing.closing if closing else None
        found.append(
            Standing(
                row.ref, row.name, row.iban, row.account, row.currency, closing.on if closing else None,
                Minor(said) if said is not None else None, Minor(book),
                Minor(said - book) if said is not None else None, row.open, row.closed,
            )
        )  # fmt: skip
    return found


class _Newest(msgspec.Struct):
    ref: str
    name: str
    iban: str
    account: str
    currency: str
    newest: int | None
    open: int
    closed: date | None


class _Closing(msgspec.Struct):
    on: date
    closing: int
    currency: str


class Account(msgspec.Struct):
    """A bank account, and the account of the books behind it."""

    ref: str
    account: str
    currency: str


def accounts_of(views: Views) -> list[Account]:
    return views.all(Account, "SELECT ref, account, currency FROM bank ORDER BY ref")


def has_lines(views: Views, bank: str) -> bool:
    return views.value("SELECT 1 FROM bank_line WHERE bank = ? LIMIT 1", bank) is not None


def booked(views: Views, bank: str) -> int:
    """What the books say an account holds now."""
    from projections.accounts import balances

    [of] = [each for each in accounts_of(views) if each.ref == bank]
    return sum(each.balance for each in balances(views, of.account) if each.currency == of.currency)


class Closing(msgspec.Struct):
    """What a statement closes with."""

    number: str
    on: date
    closing: int


def newest(views: Views, bank: str, as_of: date) -> Closing | None:
    """The newest statement up to a day that adds up and says a balance."""
    return views.one(
        Closing,
        """SELECT number, last AS "on", closing FROM bank_statement WHERE bank = ? AND closing IS NOT NULL
            AND unsound = '' AND last <= ? ORDER BY last DESC, id DESC LIMIT 1""",
        bank, as_of,
    )  # fmt: skip


class Listed(msgspec.Struct):
    line: str
    status: str
    on: date
    currency: str
    amount: Minor
    counterpart: str
    text: str
    reference: str
    target: str
    """What it was found to be."""
    bank: str


MATCH = """iif(?1 IS NULL, l.match, coalesce((SELECT MAX(m.number) FROM bank_match m
    WHERE m.line = l.id AND m.on_date <= ?1 AND coalesce(m.undone, '9') > ?1), 0))"""
_LISTED = f"""SELECT id AS line, CASE WHEN matched THEN 'matched' WHEN held THEN 'held' ELSE 'open' END AS status,
    on_date AS "on", currency, minor AS amount, counterpart, text, reference,
    coalesce((SELECT group_concat(iif(about = '', target, about), ' ') FROM (SELECT target, about FROM bank_target t
        WHERE t.line = x.id AND t.match = x.matched ORDER BY place)), '') AS target, bank
    FROM (SELECT l.*, {MATCH} AS matched FROM bank_line l) x"""  # noqa: S608


def lines(
    views: Views, bank: str = "", status: str = "", as_of: date | None = None, limit: int | None = None,
    few: bool = False,
) -> list[Listed]:  # fmt: skip
    """The newest first; of a batch with a `few` of its payments."""
    found = views.all(
        Listed,
        f"""SELECT * FROM ({_LISTED} WHERE (?1 IS NULL OR on_date <= ?1) AND (?2 = '' OR bank = ?2)
            ORDER BY on_date DESC, place DESC) WHERE ?3 = '' OR status = ?3 LIMIT ?4""",  # noqa: S608
        as_of, bank, status, -1 if limit is None else limit,
    )  # fmt: skip
    within = details(views, [each.line for each in found])
    for each in found:
        each.text = with_details(each.text, within.get(each.line, ()), few)
    return found


def details(views: Views, lines: Sequence[str]) -> dict[str, list[str]]:
    """What the bank says of the payments within each of these lines; of those it says nothing of, their amounts."""
    rows = views.rows(
        """SELECT line, counterpart || iif(counterpart = '' OR said = '', '', ': ') || said, minor, currency
            FROM (SELECT *, coalesce(nullif(text, ''), nullif(reference, ''), end_to_end) AS said FROM bank_part)
            WHERE line IN (SELECT value FROM json_each(?)) ORDER BY line, number""",
        msgspec.json.encode(lines).decode(),
    )  # fmt: skip
    found: dict[str, list[str]] = defaultdict(list)
    for line, said, minor, currency in rows:
        if said or minor is not None:
            found[line].append(said or f"{Decimal(minor).scaleb(-views.digits(currency))} {currency}")
    return found


def with_details(text: str, said: Sequence[str], few: bool = True) -> str:
    """The text of a line, and what is said of the payments within it; the same of several is said once."""
    different = list(dict.fromkeys(said))
    shown = different[:FEW] if few else different
    rest = [f"{len(different) - len(shown)} more"] if len(shown) < len(different) else []
    return " / ".join(filter(None, (text, *shown, *rest)))


class Statement(msgspec.Struct):
    statement: str
    number: str
    format: str
    first: date | None
    last: date | None
    currency: str
    opening: Minor | None
    closing: Minor | None
    lines: int
    new: int
    document: str
    problem: str


def statements(views: Views, bank: str = "", as_of: date | None = None, limit: int | None = None) -> list[Statement]:
    """The newest first."""
    missing = {gap.statement: gap.problem for gap in bankgaps.gaps(views, bank, as_of)}
    found = views.all(
        Statement,
        """SELECT ref AS statement, number, format, first, last, currency, opening, closing, lines, new, document,
            unsound AS problem FROM bank_statement WHERE (?1 IS NULL OR last <= ?1) AND (?2 = '' OR bank = ?2)
            ORDER BY last DESC, id DESC LIMIT ?3""",
        as_of, bank, -1 if limit is None else limit,
    )  # fmt: skip
    for each in found:
        each.problem = each.problem or missing.get(each.statement, "")
    return found


class Rule(msgspec.Struct):
    """As it is asked for; `aggregates/match_rules.py` has the one that is applied."""

    place: int
    name: str
    says: str
    by: str
    days: int
    text: str
    account: str
    direction: str
    bank: str
    sure: bool
    version: int


def rules(views: Views) -> list[Rule]:
    return views.all(Rule, "SELECT * FROM bank_rule ORDER BY place")


class Found(msgspec.Struct):
    """Where a line stands: its stream is `bankline/BANK/MONTH`."""

    line: str
    bank: str
    month: str


def find(views: Views, text: str) -> Found:
    """The line of this reference, or whose reference begins so. Raises NotFound with the candidates."""
    found = views.all(
        Found,
        "SELECT id AS line, bank, substr(on_date, 1, 7) AS month FROM bank_line WHERE id >= ?1 AND id < ?1 || ?2"
        " ORDER BY id LIMIT 11",
        text.upper(), "\U0010ffff",
    )  # fmt: skip
    if len(found) == 1 or (found and found[0].line == text.upper()):
        return found[0]
    if found and text:
        raise NotFound(f"{text} could be {', '.join(each.line for each in found[:10])}: write more of it")
    raise NotFound(f"there is no bank line {text}: `bo bank lines` lists them")


def same_file(views: Views, sha256: str, bank: str) -> str:
    """The document that a file of this content was filed as for this account, "" when it is new."""
    return str(
        views.value("SELECT document FROM bank_statement WHERE file = ? AND bank = ? LIMIT 1", sha256, bank) or ""
    )


def count(views: Views, bank: str) -> int:
    """How many statements of an account were recorded."""
    return int(views.value("SELECT COUNT(*) FROM bank_statement WHERE bank = ?", bank))


def closes(views: Views, bank: str, day: date | None, minor: int) -> bool:
    """Whether a statement says that the account held so much at the end of a day."""
    sql = "SELECT 1 FROM bank_statement WHERE bank = ? AND last IS ? AND closing = ?"
    return views.value(sql, bank, day, minor) is not None
