"""What each party owes, or is owed, in all: as much as the control account says of it."""

from __future__ import annotations

from datetime import date, timedelta

from projections import bills, disputes, invoices, payments
from projections.controls import KINDS, LABEL, by_hand

VIEWS = {
    "receivable": ("Invoices", "Payments", "Books", "Journals", "References", "Disputes"),
    "payable": ("Bills", "Payments", "Books", "Journals", "References", "Disputes"),
}
"""What has to be folded before the queries below are asked."""
_BUCKETS = (0, 30, 60, 90)
"""Days overdue at which the next bucket of an aging begins."""


def ages(control: str, as_of: date | None) -> str:
    """SQL: what is owing on documents by how long it has been due, and what else makes up the balance.

    ?1 is the day asked about or NULL, ?2 to ?5 are what `limits` gives.
    """
    return f"""SELECT ref AS {KINDS[control]}, name AS party, currency,
        SUM(iif(due >= ?2, owing, 0)) AS current,
        SUM(iif(due < ?2 AND due >= ?3, owing, 0)) AS days_1_30,
        SUM(iif(due < ?3 AND due >= ?4, owing, 0)) AS days_31_60,
        SUM(iif(due < ?4 AND due >= ?5, owing, 0)) AS days_61_90,
        SUM(iif(due < ?5, owing, 0)) AS over_90, SUM(owing) AS owing,
        SUM(iif(disputed, owing, 0)) AS disputed, SUM(credit + paid) AS credit, SUM(journal) AS journal,
        SUM(owing - credit - paid + journal) AS balance, MAX(id) AS newest
        FROM ({_parts(control, as_of, every=False)}) GROUP BY of, ref, currency ORDER BY ref, name, currency"""  # noqa: S608


def limits(day: date) -> list[date]:
    """What was due before each of these days has reached the next bucket."""
    return [day - timedelta(min(days, (day - date.min).days)) for days in _BUCKETS]


def balances(control: str, as_of: date | None) -> str:
    """SQL: every party in each currency with what its balance is made of; ?1 is the day or NULL, ?2 a party or ""."""
    return f"""SELECT ref AS {KINDS[control]}, name AS party, currency, SUM(owing) AS owing, SUM(credit) AS credit,
        SUM(paid) AS paid, SUM(journal) AS journal, SUM(owing - credit - paid + journal) AS balance, MAX(id) AS newest
        FROM ({_parts(control, as_of, every=True)}) WHERE ?2 IN ('', of)
        GROUP BY of, ref, currency ORDER BY ref, name, currency"""  # noqa: S608


def _parts(control: str, as_of: date | None, every: bool) -> str:
    """Documents, payments that settle nothing yet, and what the journal says; `every` document, or what is open."""
    kind = KINDS[control]
    whose, way = f"substr(party, {len(kind) + 2})", "in" if control == "receivable" else "out"
    return f"""{_documents(control, as_of, every)}
        UNION ALL SELECT 0, iif(erased, '[erased]', {whose}), {whose}, {LABEL.format(kind, whose)}, currency, NULL, 0,
            0, 0, iif(direction = '{way}', remaining, -remaining), 0 FROM {payments.source(as_of)}
            WHERE party LIKE '{kind}/%' AND remaining > 0
        UNION ALL SELECT 0, ref, of, name, currency, NULL, 0, 0, 0, 0, open FROM ({by_hand(control)})"""  # noqa: S608


def _documents(control: str, as_of: date | None, every: bool) -> str:
    if control == "receivable":
        document, since, source = "'invoice/' || key", "on_date", invoices.source(as_of)
        ref, of, chosen = invoices.CUSTOMER, "customer", "number IS NOT NULL"
    else:
        document, since, source = "'bill/' || number", "posted", bills.source(as_of)
        ref, of, chosen = bills.VENDOR, "vendor", "owing != 0 OR credit != 0 OR voided = 0"
    if not every:  # two searches, as there is an index for each
        chosen = "owing > 0 OR credit > 0"
    asked = [chosen] if every or as_of is not None else ["owing > 0", "credit > 0 AND owing <= 0"]
    return " UNION ALL ".join(
        f"""SELECT id, {ref} AS ref, {of} AS of, party AS name, currency, due, owing,
            owing > 0 AND {disputes.reason(document)} != '' AS disputed, credit, 0 AS paid, 0 AS journal
            FROM {source} WHERE ({each}) AND (?1 IS NULL OR {since} <= ?1 OR credit > 0)"""  # noqa: S608
        for each in asked
    )
