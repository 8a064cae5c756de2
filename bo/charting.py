"""What the account commands do inside a commit: accounts one by one, and a whole chart from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aggregates.account import Account
from aggregates.chart import BUILT_IN, Chart, Definition, built_in
from aggregates.core import Refused, require
from aggregates.fields import Field
from aggregates.money import Money
from bo import books, mapping
from bo.importing import tell_findings
from bo.sheets import open_sheet
from projections import accounts
from projections.core import open_views

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from bo.sheets import Sheet
    from store.ledger import Ledger
    from store.transaction import Transaction

FIELDS = (
    Field("number", required=True),
    Field("name", required=True),
    Field("type", required=True),
    *map(Field, ("parent", "currency", "control", "tax", "role")),
)


class Row(msgspec.Struct, frozen=True):
    """An account of a chart to adopt, where it stands in its file, and the roles it shall play."""

    line: int
    account: Definition
    roles: tuple[str, ...]


def define(tx: Transaction, chart: Chart, new: Definition, used: frozenset[str]) -> bool:
    """Whether anything changed."""
    return bool(tx.change(Account, new.number, Account.define, new, chart, used))


def assign(tx: Transaction, chart: Chart, number: str, roles: Sequence[str]) -> list[str]:
    """The roles that it plays now and did not."""
    account = chart.accounts[number]
    return [role for role in roles if tx.change(Account, number, Account.assign, role, account, chart)]


def close(ledger: Ledger, tx: Transaction, number: str, on: date) -> str:
    views = open_views(ledger)
    balance = [Money(row.balance, row.currency) for row in accounts.balances(views, number)]
    tx.change(Account, number, Account.close, on, ledger.reason, books.chart(views), number, balance)
    return number


def adopt(ledger: Ledger, file: str) -> str:
    """Take over a chart from a CSV file, or one that is built in: all of it or nothing."""
    rows = _built_in(file) if file in BUILT_IN else _read(file)

    def work(tx: Transaction) -> tuple[int, int]:
        views = open_views(ledger)
        chart, used = books.chart(views), accounts.used(views)
        whole = _merged(chart, rows)
        changed = 0
        for row in rows:
            number = row.account.number
            try:
                new = define(tx, _with_old(whole, chart, number), row.account, used)
                moved = assign(tx, whole._replace(roles=chart.roles), number, row.roles)
            except Refused as no:
                raise Refused(f"{file}, line {row.line}: {no}: nothing was imported") from None
            changed += bool(new or moved)
        return changed, len(rows)

    changed, count = ledger.commit(work)
    return f"{changed} accounts added or changed, {count - changed} as they were"


def _merged(chart: Chart, rows: Sequence[Row]) -> Chart:
    """The chart with all rows in it, so that a heading may follow what stands under it."""
    found = {**chart.accounts, **{row.account.number: row.account for row in rows}}
    given = {role: row.account.number for row in rows for role in row.roles}
    return Chart(found, {**chart.roles, **given}, chart.closed)


def _with_old(whole: Chart, chart: Chart, number: str) -> Chart:
    """The whole, where one account is still what it was before."""
    before = {number: chart.accounts[number]} if number in chart.accounts else {}
    others = {each: account for each, account in whole.accounts.items() if each != number}
    return whole._replace(accounts={**others, **before})


def _built_in(name: str) -> list[Row]:
    return [Row(line, each.account, (each.role,) if each.role else ()) for line, each in enumerate(built_in(name), 1)]


def _read(file: str) -> list[Row]:
    sheet = open_sheet(file)
    rows = list(_rows(sheet))
    tell_findings(sheet)
    require(not sheet.findings.errors, f"{sheet.findings}: nothing was imported")
    require(rows, f"{file} holds no accounts")
    return rows


def _rows(sheet: Sheet) -> list[Row]:
    found: dict[str, Row] = {}
    for line, texts in mapping.apply(mapping.automatic(sheet, FIELDS), sheet, FIELDS, None):
        number = texts["number"]
        if number in found:
            sheet.findings.add(line, "number", number, f"line {found[number].line} has the same number")
            continue
        control, roles = texts.get("control", ""), tuple(texts.get("role", "").split())
        control = control or next((role for role in roles if role in ("receivable", "payable")), "")
        parent, currency, tax = texts.get("parent", ""), texts.get("currency", "").upper(), texts.get("tax", "")
        account = Definition(number, texts["name"], texts["type"].lower(), parent, currency, control, tax)
        found[number] = Row(line, account, roles)
    return list(found.values())
