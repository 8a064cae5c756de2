"""Whether the books of closed periods are still what was sealed: a row for each close, and the alarm."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from aggregates.money import Money
from projections import closes

if TYPE_CHECKING:
    from bo.dates import Period
    from projections.closes import Difference
    from projections.core import Views
    from store.ledger import Ledger

SHOWN = 20


class Verified(msgspec.Struct):
    first: date
    last: date
    result: str
    """agrees; differs; reopened, which may differ; lost, when its package cannot be read; or unread.

    Who may not read finance from its beginning adds up less than was sealed: his figures say nothing.
    """
    differences: int
    entries: int
    package: str


class Found(NamedTuple):
    row: Verified
    trouble: str
    differences: list[Difference]


def verified(ledger: Ledger, views: Views, period: Period | None) -> list[Found]:
    """Every close that counts, of a period or all."""
    found, whole = [], reads_all(ledger)
    for each in closes.standing_closes(views, *(period or (None, None))):
        trouble = each.trouble or _trouble(ledger, each)
        off = closes.differences(views, each) if whole and not each.trouble else []
        result = "unread" if not whole else "lost" if trouble else "reopened" if each.reopened else ""
        result = result or ("differs" if off else "agrees")
        row = Verified(
            date.fromisoformat(each.first), date.fromisoformat(each.last), result, len(off), each.entries, each.package
        )
        found.append(Found(row, trouble, off))
    return found


def reads_all(ledger: Ledger) -> bool:
    """Whether this device may read finance from its beginning."""
    from aggregates.core import FINANCE

    return ledger.keyring.epoch(FINANCE, 1) is not None


def _trouble(ledger: Ledger, close: closes.Close) -> str:
    """Why the stored package cannot be given out as it was sealed, "" when it can."""
    from hashlib import sha256

    from aggregates.core import FINANCE
    from store.errors import StoreError

    try:
        data = b"".join(ledger.document(FINANCE, "period/books", bytes.fromhex(close.blob)))
    except (StoreError, OSError) as problem:
        return str(problem)
    return "" if sha256(data).hexdigest() == close.package else "it is not the package that the close names"


def alarm(found: list[Found]) -> None:
    """Raises Tampered naming each figure that is another now."""
    from store.errors import Tampered

    lines = []
    for row, trouble, differences in found:
        if row.result == "lost":
            lines.append(f"the package of {row.first} to {row.last}: {trouble}")
        elif row.result == "differs":
            lines += [f"{row.first} to {row.last}: {_told(each)}" for each in differences]
    if lines:
        more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        raise Tampered("\n".join(("closed periods are not what was sealed", *lines[:SHOWN], *more)))


def _told(each: Difference) -> str:
    if not each.account:
        return f"the same sums, of other postings: {each.sealed} were sealed, {each.now} are there"
    now, sealed = Money(each.now, each.currency), Money(each.sealed, each.currency)
    return f"{each.account} {each.what} is {now}, sealed was {sealed}"
