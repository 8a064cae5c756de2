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
_KNOWN = {"receivable": ("customer", "invoice", "number IS NOT NULL"), "payable": ("vendor", "bill", "NOT voided")}
"""Whose documents they are, where they stand, and which of them make a party known."""
_OVERDUE = (0, 30, 60, 90)
"""Days overdue at which the next bucket of an aging begins."""
_BUCKETS = {
    "current": "due >= ?2",
    "days_1_30": "due < ?2 AND due >= ?3",
    "days_31_60": "due < ?3 AND due >= ?4",
    "days_61_90": "due < ?4 AND due >= ?5",
    "over_90": "due < ?5",
}


def ages(control: str, as_of: date | None) -> str:
    """SQL: what is owing on documents by how long it has been due, and what else makes up the balance.

    ?1 is the day asked about or NULL, ?2 to ?5 are what `limits` gives. Documents are added up party by party, in the
    order of an index: to sort all that is open would take most of the time.
    """
    buckets = ", ".join(f"SUM(iif({when}, owing, 0)) AS {name}" for name, when in _BUCKETS.items())
    aged = " UNION ALL ".join(
        f"""SELECT MAX(id) AS id, ref, of, name, currency, {buckets}, SUM(owing) AS owing,
            SUM(iif(disputed, owing, 0)) AS disputed, SUM(credit) AS credit, 0 AS journal
            FROM ({each}) GROUP BY of, currency, erased"""  # noqa: S608
        for each in _open(control, as_of)
    )
    sums = ", ".join(f"SUM({name}) AS {name}" for name in (*_BUCKETS, "owing", "disputed", "credit", "journal"))
    none = "0, " * (len(_BUCKETS) + 2)
    return f"""SELECT ref AS {KINDS[control]}, name AS party, currency, {sums},
        SUM(owing - credit + journal) AS balance, MAX(id) AS newest
        FROM ({aged}
            UNION ALL SELECT id, ref, of, name, currency, {none} paid, journal FROM ({_beside(control, as_of)}))
        GROUP BY of, ref, currency ORDER BY ref, name, currency"""  # noqa: S608


def limits(day: date) -> list[date]:
    """What was due before each of these days has reached the next bucket."""
    return [day - timedelta(min(days, (day - date.min).days)) for days in _OVERDUE]


def balances(control: str, as_of: date | None) -> str:
    """SQL: every party in each currency with what its balance is made of; ?1 is the day or NULL, ?2 a party or ""."""
    return f"""SELECT ref AS {KINDS[control]}, name AS party, currency, SUM(owing) AS owing, SUM(credit) AS credit,
        SUM(paid) AS paid, SUM(journal) AS journal, SUM(owing - credit - paid + journal) AS balance, MAX(id) AS newest
        FROM (SELECT id, ref, of, name, currency, owing, credit, 0 AS paid, 0 AS journal
                FROM ({_sums(control) if as_of is None else _all(control, as_of)})
            UNION ALL SELECT id, ref, of, name, currency, 0, 0, paid, journal FROM ({_beside(control, as_of)}))
        WHERE ?2 IN ('', of) GROUP BY of, ref, currency ORDER BY ref, name, currency"""  # noqa: S608


def _sums(control: str) -> str:
    """SQL: what is open on documents, party by party from indexes, and every party that has a document at all."""
    whose, table, there = _KNOWN[control]
    open_ = " UNION ALL ".join(
        f"""SELECT MAX(id) AS id, ref, of, name, currency, SUM(owing) AS owing, SUM(credit) AS credit
            FROM ({each}) GROUP BY of, currency, erased"""  # noqa: S608
        for each in _open(control, None)
    )
    return f"""{open_} UNION ALL SELECT newest, iif(erased, '[erased]', of), of,
        (SELECT party FROM {table} WHERE id = newest), currency, 0, 0 FROM
        (SELECT MAX(id) AS newest, {whose} AS of, currency, erased FROM {table} WHERE {there}
            GROUP BY {whose}, currency, erased)"""  # noqa: S608


def _all(control: str, as_of: date) -> str:
    """SQL: every document as it was."""
    return _documents(
        control, as_of, "number IS NOT NULL" if control == "receivable" else "owing != 0 OR credit != 0 OR voided = 0"
    )


def _open(control: str, as_of: date | None) -> list[str]:
    """SQL for each part of the open documents that has an index of its own."""
    if as_of is not None:
        return [_documents(control, as_of, "owing > 0 OR credit > 0")]
    return [_documents(control, None, chosen) for chosen in ("owing > 0", "credit > 0 AND owing <= 0")]


def _documents(control: str, as_of: date | None, chosen: str) -> str:
    if control == "receivable":
        document, since, source = "'invoice/' || key", "on_date", invoices.source(as_of)
        ref, of = invoices.CUSTOMER, "customer"
    else:
        document, since, source = "'bill/' || number", "posted", bills.source(as_of)
        ref, of = bills.VENDOR, "vendor"
    return f"""SELECT id, {ref} AS ref, {of} AS of, erased, party AS name, currency, due, owing,
        owing > 0 AND EXISTS (SELECT 1 FROM dispute) AND {disputes.reason(document)} != '' AS disputed, credit
        FROM {source} WHERE ({chosen}) AND (?1 IS NULL OR {since} <= ?1 OR credit > 0)"""  # noqa: S608


def _beside(control: str, as_of: date | None) -> str:
    """SQL: payments that settle nothing yet, and what the journal says."""
    kind = KINDS[control]
    whose, way = f"substr(party, {len(kind) + 2})", "in" if control == "receivable" else "out"
    return f"""SELECT 0 AS id, iif(erased, '[erased]', {whose}) AS ref, {whose} AS of,
            {LABEL.format(kind, whose)} AS name, currency,
            iif(direction = '{way}', remaining, -remaining) AS paid, 0 AS journal
            FROM {payments.source(as_of)} WHERE party LIKE '{kind}/%' AND remaining > 0
        UNION ALL SELECT 0, ref, of, name, currency, 0, open FROM ({by_hand(control)})"""  # noqa: S608
