"""The control accounts of customers and vendors, and what of them no invoice, bill or payment says."""

from __future__ import annotations

from projections.bookkeys import BY_HAND, LINES_OF

KINDS = {"receivable": "customer", "payable": "vendor"}
"""Whose items a control account is made of."""
CONTROLLING = """(SELECT number FROM account WHERE control = '{0}'
    UNION SELECT account FROM account_role WHERE role = '{0}')"""
"""SQL: the accounts that one party each is posted to with."""
LABEL = "coalesce((SELECT label FROM reference WHERE kind = '{0}' AND ref = {1} LIMIT 1), '')"


def by_hand(control: str) -> str:
    """SQL: what journal entries and bank matches leave open of each party up to the day ?1, or in all.

    An entry and the one that takes it back are one item, so that neither is open once both are there; so are an
    accrual and its end, and a match that was undone. The plus has lines found by their few entries, not by account.
    """
    kind = KINDS[control]
    whose, sign = f"substr(p.party, {len(kind) + 2})", "" if control == "receivable" else "-"
    return f"""SELECT iif(p.party IN (SELECT party FROM erased_party), '[erased]', {whose}) AS ref, {whose} AS of,
        {LABEL.format(kind, whose)} AS name, e.number, MIN(p.on_date) AS on_date, p.currency, {sign}SUM(p.minor) AS open
        FROM entry e CROSS JOIN posting p ON {LINES_OF}
        LEFT JOIN journal_entry j ON e.event = 'entry.posted' AND j.number = e.number
        WHERE {BY_HAND.format("e.event")} AND +p.account IN {CONTROLLING.format(control)}
        AND (?1 IS NULL OR p.on_date <= ?1)
        GROUP BY coalesce('entry/' || nullif(j.reverses, ''), e.source), p.party, p.currency
        HAVING SUM(p.minor) != 0"""  # noqa: S608
