"""What the period commands do inside a commit: close with a sealed package, reopen, archive, lock."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from aggregates import package as packages
from aggregates.core import FINANCE, Refused, require
from aggregates.money import Money
from aggregates.period import Periods
from bo import checks
from bo.clock import today
from bo.paying import approvers
from projections import closes, directory, periods
from projections.core import open_views
from store.errors import Unauthorised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregates.package import Package
    from bo.checks import Open
    from bo.dates import Period
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction

Said = list[str]
BOOKS = "books"
"""The one stream of periods."""
SHOWN = 12
"""So many open things a refusal names."""


class Reopening(msgspec.Struct):
    """The last stretch that somebody proposed to open, until it is closed again."""

    state: str
    """Proposed, open, or over."""
    first: date
    last: date
    until: date
    reason: str
    proposed_by: str
    agreed_by: str
    digest: str
    """What an agreement is bound to."""


def _state(tx: Transaction) -> Periods:
    return tx.state(Periods, BOOKS)


def _whole(period: Period) -> date:
    """The last day of a period that ends with a month."""
    last = period.last
    require(
        (last + timedelta(1)).day == 1, f"a period ends with a month, not on {last}: write 2026-03, 2026-Q1 or 2026"
    )
    return last


# Closing


def close(ledger: Ledger, tx: Transaction, period: Period, soft: bool, accept: Sequence[str], reason: str) -> Said:
    """Close everything through the end of a period; after a reopening, everything that was closed before."""
    tx.begin(FINANCE)
    views, state = open_views(ledger), _state(tx)
    through, again = _whole(period), state.standing.reopening
    if again and again.second and state.standing.closed and through <= state.standing.closed and not soft:
        through = state.standing.closed
    if soft:
        return [f"{tx.change(Periods, BOOKS, Periods.soft_close, through, tx.person).through}", "soft-closed"]
    state.close(through, tx.person)
    first = unsealed(views, period, through)
    accepted = _accepted(open_items(tx, views, first, through), accept, reason, f"from {first} to {through}")
    package = _package(ledger, tx, views, first, through, accepted, reason)
    data = packages.encode(package)
    [blob] = tx.attach(Periods, BOOKS, [ledger.seal(Periods, BOOKS, [data])])
    digest = sha256(data).hexdigest()
    tx.change(Periods, BOOKS, Periods.close, through, tx.person, digest, blob.hash.hex(), reason)
    count = f"{package.entries} {'entry' if package.entries == 1 else 'entries'}"
    what = f"{count} from {first} to {through} {'would be ' if ledger.dry_run else ''}sealed in {digest}"
    return [f"{through}", what, *(f"accepted: {each.open} of {each.check}" for each in accepted)]


def open_items(tx: Transaction, views: Views, first: date, last: date) -> list[Open]:
    """What the checklist finds for these days."""
    return checks.open_items(views, checks.Asked(first, last, today(), len(approvers(tx)) > 1))


def unsealed(views: Views, period: Period, through: date) -> date:
    """The day from which nothing is sealed yet, or not as it is since a reopening: a close begins with it."""
    standing = closes.standing_closes(views)
    reopened = [date.fromisoformat(each.first) for each in standing if each.reopened]
    if reopened:
        asked = periods.standing(views).reopening or {}
        return min(*reopened, date.fromisoformat(asked.get("first", f"{through}")))
    if standing:
        return date.fromisoformat(standing[-1].last) + timedelta(1)
    oldest = views.value("SELECT MIN(month) FROM month_turnover")
    return min(period.first, date.fromisoformat(f"{oldest}-01")) if oldest else period.first


def _accepted(found: Sequence[Open], accept: Sequence[str], reason: str, told: str) -> tuple[packages.Accepted, ...]:
    left = [each for each in found if not each.acceptable or each.check not in accept]
    if left:
        one = len(left) == 1
        raise Refused("\n".join((
            f"{'one thing is' if one else f'{len(left)} things are'} open {told}: mend {'it' if one else 'them'}"
            f"{_how(left)}",
            *map(_line, left[:SHOWN]),
            *([f"and {len(left) - SHOWN} more"] if len(left) > SHOWN else []),
        )))  # fmt: skip
    counts = Counter(each.check for each in found)
    require(not counts or reason.strip(), "what is accepted needs a reason: give one with --reason")
    return tuple(packages.Accepted(name, count) for name, count in sorted(counts.items()))


def _how(left: Sequence[Open]) -> str:
    names = sorted({each.check for each in left})
    if not all(each.acceptable for each in left):
        return ""
    return f", or accept with {' '.join(f'--accept {name}' for name in names)} and a --reason"


def _line(each: Open) -> str:
    amount = f"{Money(each.amount, each.currency)}" if each.amount is not None and each.currency else ""
    about = ", ".join(filter(None, (each.subject, f"{each.on or ''}", amount)))
    return f"{each.check}: {about}: {each.what}"


def _package(
    ledger: Ledger, tx: Transaction, views: Views, first: date, last: date, accepted: tuple[packages.Accepted, ...],
    reason: str,
) -> Package:  # fmt: skip
    """What is sealed: the figures of the days, from the log as it is before the close."""
    now, tied = closes.stretch(views, first, last), closes.ties(views, last)
    totals: dict[str, list[int]] = {}
    for (_, currency), (_, debit, credit, _) in now.accounts.items():
        sums = totals.setdefault(currency, [0, 0])
        sums[0], sums[1] = sums[0] + debit, sums[1] + credit
    none = closes.Tied(0, 0)
    return packages.Package(
        form=packages.FORM, ledger=ledger.id.hex(), first=first, last=last, position=views.position,
        note=(ledger.client.get("note") or b"").decode(), rules=now.rules, entries=now.entries,
        postings=now.postings, digest=now.digest,
        accounts=tuple(packages.Figure(*key, *figures) for key, figures in now.accounts.items()),
        parties=tuple(
            packages.Tie(*key, minor, *tied.get((key[1], key[2]), none)) for key, minor in now.parties.items()
        ),
        totals=tuple(packages.Total(currency, *sums) for currency, sums in sorted(totals.items())),
        worth=tuple(packages.Worth(*key, *sums) for key, sums in now.worth.items()),
        accepted=accepted, reason=reason,
        replaces=tuple(each.package for each in closes.standing_closes(views, first)),
    )  # fmt: skip


# Packages


def sealed(ledger: Ledger, views: Views, period: Period) -> bytes:
    """The package of the close that counts for the end of a period. Raises Tampered where it cannot be had."""
    from store.errors import NotFound, Tampered

    found = closes.standing_closes(views, period.last, period.last)
    if not found:
        raise NotFound(f"{period.last} is not closed: there is no package")
    data = b"".join(ledger.document(FINANCE, f"{Periods.kind}/{BOOKS}", bytes.fromhex(found[0].blob)))
    if sha256(data).hexdigest() != found[0].package:
        raise Tampered(f"the stored package of {period.last} is not the one that the close names")
    return data


# Opening again


def reopen(ledger: Ledger, tx: Transaction, period: Period, until: date | None, reason: str, seen: str = "") -> Said:
    """Propose to open a period again, or agree to what another person proposed."""
    tx.begin(FINANCE)
    may = approvers(tx)
    if tx.person not in may:
        raise Unauthorised("who reopens a period may approve in finance, and you may not")
    state, last = _state(tx), _whole(period)
    asked = state.standing.reopening
    agreeing = asked is not None and not asked.second and (asked.first, asked.last) == (period.first, last)
    if agreeing and asked:
        same = until in (None, asked.until)
        require(same, f"the proposal is to open it until {asked.until}, not until {until}")
        until = asked.until
    require(agreeing or len(may) > 1, "it takes two persons to reopen a period: nobody else may approve in finance")
    require(agreeing or not seen, f"nobody proposes to open {period.first} to {last}: there is nothing to agree to")
    if until is None:
        raise Refused("a reopening ends: say when with --until DAY")
    changed = tx.change(Periods, BOOKS, Periods.reopen, period.first, last, until, reason, tx.person, tx.today, seen)
    if changed.what == "proposed":
        return [f"{last}", "proposed: it is open when another person runs the same command"]
    return [f"{last}", f"open from {period.first} to {last}, until {until}: close it again with `bo period close`"]


def reopening(ledger: Ledger, views: Views) -> Reopening:
    """What is proposed to open, or open. Raises NotFound."""
    from store.errors import NotFound

    now = ledger.load(Periods, BOOKS).standing.reopening
    if now is None:
        raise NotFound("nothing is open again, and nobody proposes it")
    by, second = (directory.person_name(views, each) if each else "" for each in (now.by, now.second))
    state = "proposed" if not second else "open" if now.until >= today() else "over"
    return Reopening(state, now.first, now.last, now.until, now.reason, by, second, now.digest)


def archive(tx: Transaction, period: Period) -> Said:
    tx.begin(FINANCE)
    changed = tx.change(Periods, BOOKS, Periods.archive, _whole(period), tx.person)
    return [f"{changed.through}", "archived: it is never opened again"]


def lock(tx: Transaction, area: str, period: Period) -> Said:
    tx.begin(FINANCE)
    changed = tx.change(Periods, BOOKS, Periods.lock, area, _whole(period), tx.person)
    return [f"{changed.through}", f"{area} is locked"]
