"""What the journal commands do inside a commit, and how lines of an entry are written."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from aggregates.chart import CONTROLS
from aggregates.core import Refused, require
from aggregates.entry import Entry, Posted, Proposed, Withdrawn
from aggregates.entrylimit import Limits
from aggregates.money import Money, parted
from aggregates.posting import Posting
from aggregates.text import line as one_line
from aggregates.text import shown
from aggregates.written import Kind
from bo import books
from bo.errors import BadInput
from bo.paying import approval_needed, require_approver, require_unmatched
from projections import accounts, dimensions, journals, references
from projections.core import open_views

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from bo.amounts import Amount
    from bo.inputs import Source
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction

Side = Literal["debit", "credit"]
FORM = "ACCOUNT;DEBIT;CREDIT;TEXT"
_OF_A_PARTY = re.compile(rf"(.*\S)\s+((?:{'|'.join(CONTROLS.values())})/.*)")
"""A reference may have blanks."""
FIELDS = ("account", "debit", "credit", "text", "party", "tax", "dimensions")
IN_FILE = ("text", "lines", "documents")


class Written(NamedTuple):
    """A line as somebody wrote it; accounts and parties are looked up under the lock."""

    account: str
    debit: str
    credit: str
    text: str = ""
    party: str = ""
    tax: str = ""
    dimensions: tuple[str, ...] = ()


def line(text: str) -> Written:
    """Parse `ACCOUNT;DEBIT;CREDIT;TEXT`. A control account is followed by its party: `1300 customer/C-1`."""
    parts = [part.strip() for part in text.split(";", 3)]
    require(len(parts) >= 3, f"a line is “{FORM}”, not {shown(text)}")
    account, debit, credit, *rest = parts
    party = ""
    if found := _OF_A_PARTY.fullmatch(account):
        account, party = found.groups()
    return Written(account, debit, credit, rest[0] if rest else "", party)


def read(source: Source | None) -> dict[str, Any]:
    """The object in a file: `text`, `documents` and `lines`, each with the fields of a line. Nothing without a file."""
    if source is None:
        return {}
    said = source.json()
    if not isinstance(said, dict) or not isinstance(said.get("lines"), list):
        raise BadInput(f"{source.told}: it is one object with text and lines, a list of objects")
    _only(source, "it", said, IN_FILE)
    if not isinstance(said.get("text", ""), str) or not _texts(said.get("documents", [])):
        raise BadInput(f"{source.told}: text is a text, documents a list of references")
    return {**said, "lines": [_written(source, f"line {at}", each) for at, each in enumerate(said["lines"], 1)]}


def _written(source: Source, what: str, value: object) -> Written:
    if not isinstance(value, dict) or "account" not in value:
        raise BadInput(f"{source.told}: {what} is not one object with account, debit or credit, and text")
    _only(source, what, value, FIELDS)
    given = {name: each for name, each in value.items() if name != "dimensions"}
    for name, each in given.items():
        if isinstance(each, bool) or not isinstance(each, str | int | Decimal):
            raise BadInput(f"{source.told}: the {name} of {what} is neither a text nor a number")
    tags = value.get("dimensions", [])
    if not _texts(tags):
        raise BadInput(f"{source.told}: the dimensions of {what} are a list such as [“cost-centre=NORTH”]")
    texts = {name: f"{each:f}" if isinstance(each, Decimal) else str(each).strip() for name, each in given.items()}
    return Written(**{"debit": "", "credit": "", **texts}, dimensions=tuple(tags))


def _only(source: Source, what: str, value: dict[str, Any], names: Sequence[str]) -> None:
    unknown = next((name for name in value if name not in names), None)
    if unknown is not None:
        raise BadInput(f"{source.told}: {what} has {unknown}, which means nothing here: it may have {', '.join(names)}")


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def lines(source: Source | None, said: dict[str, Any], typed: Sequence[str]) -> list[Written]:
    """The lines of a file, or those that were typed; not both."""
    if said and typed:
        raise click.UsageError("the lines stand in the file or in --line, not in both")
    return said.get("lines") or [line(each) for each in typed]


def side(written: Written) -> tuple[Side, str]:
    """On which side a line stands, and its amount as it was written."""
    sides: list[tuple[Side, str]] = [("debit", written.debit), ("credit", written.credit)]
    said = [each for each in sides if each[1]]
    require(len(said) == 1, f"it has {'a debit and a credit' if said else 'neither a debit nor a credit'}: give one")
    return said[0]


def posting(views: Views, at: int, written: Written, base: str, tags: tuple[str, ...] = ()) -> Posting:
    """A line with what it names looked up; amounts without a currency are in the ledger's own."""
    try:
        where, text = side(written)
        number, currency = parted(text)
        amount = Money.of(number, currency or base)
        require(amount.minor > 0, f"an amount is more than zero, not {amount}: exchange debit and credit")
        whose = party(views, written.party) if written.party else ""
    except Refused as no:
        raise Refused(f"line {at}: {no}") from None
    return Posting(
        accounts.find(views, written.account), amount if where == "debit" else -amount, whose,
        one_line(written.tax, 16), one_line(written.text),
        dimensions.require_known(views, tuple(dict.fromkeys((*tags, *written.dimensions)))),
    )  # fmt: skip


def balance(views: Views, account: str, amount: Money, whose: str, text: str) -> Posting:
    """What stands on an account, as a line."""
    number = accounts.find(views, account)
    return Posting(number, amount, party(views, whose) if whose else "", text=one_line(text))


def party(views: Views, text: str) -> str:
    """`customer/C-1` in full. Raises NotFound."""
    found = references.resolve(views, text, *CONTROLS.values())
    require(not found.erased, f"{found.ref} was erased")
    return f"{found.kind}/{found.ref}"


def entry(ledger: Ledger, text: str) -> str:
    """The number of the entry that is meant."""
    return references.resolve(open_views(ledger), text, "entry").key


def typed(ledger: Ledger, tx: Transaction, written: Sequence[Written], tags: tuple[str, ...]) -> tuple[Posting, ...]:
    """Lines as somebody wrote them, with what they name looked up."""
    tx.begin(Entry.compartment)
    views = open_views(ledger)
    base = books.base(views)
    return tuple(posting(views, at, each, base, tags) for at, each in enumerate(written, 1))


def add(
    ledger: Ledger, tx: Transaction, on: date, said: str, postings: tuple[Posting, ...], documents: Sequence[str],
    kind: Kind, reverse_on: date | None,
) -> list[str]:  # fmt: skip
    """Post an entry, or propose it; `said` is the text of its first line, if nothing else is given."""
    views = open_views(ledger)
    filed = tuple(references.resolve(views, each, "document").ref for each in documents)
    number = books.number(tx, "JE", on)
    said = said or next((each.text for each in postings if each.text), "")
    made = tx.change(
        Entry,
        number,
        Entry.post,
        number,
        on,
        said,
        postings,
        books.chart(views),
        filed,
        kind,
        reverse_on,
        **limited(tx),
    )
    back = [f"taken back on {reverse_on}"] if reverse_on else []
    return [number, f"{_sums(made.lines)} on {on}", *back, *waits(made)]


def reverse(ledger: Ledger, tx: Transaction, number: str, on: date) -> list[str]:
    """Post the opposite of an entry, and note that on it; over the limit, propose it."""
    tx.begin(Entry.compartment)
    for other in journals.waiting(open_views(ledger), reverses=number):
        raise Refused(f"{other} takes {number} back and waits: another person has to `bo journal approve {other}`")
    _require_unmatched(tx, number)
    taken = books.number(tx, "JE", on)
    made = tx.state(Entry, number).reverse(taken, on, **limited(tx))
    if isinstance(made, Proposed):
        tx.append(Entry, taken, made)
        return [taken, f"it would take back {number}, {_sums(made.lines)} on {on}", *waits(made)]
    tx.change(Entry, number, Entry.note, made)
    tx.append(Entry, taken, made)
    return [taken, f"{number} is taken back, {_sums(made.lines)} on {on}"]


def _require_unmatched(tx: Transaction, number: str) -> None:
    """Its lines on accounts of banks are linked to those of statements one by one."""
    for account in sorted({each.account for each in tx.state(Entry, number).lines}):
        require_unmatched(tx, f"entry/{number}/{account}", number)


# Over the limit


def limited(tx: Transaction) -> dict[str, Any]:
    """What every verb that makes an entry has to know: the limit in force, and who might propose it."""
    return {"limit": tx.state(Limits, Limits.gate).amounts, "by": tx.person}


def waits(made: Posted | Proposed) -> list[str]:
    """What to tell of an entry that is not posted."""
    if isinstance(made, Posted):
        return []
    return [f"proposed: it posts when another person runs `bo journal approve {made.number}`"]


def approve(tx: Transaction, number: str, seen: str) -> list[str]:
    """Post what another person proposed; what it takes back is marked so."""
    require_approver(tx)
    _, posted = tx.change(Entry, number, Entry.approve, seen, tx.person)
    if posted.reverses:
        _require_unmatched(tx, posted.reverses)
        tx.change(Entry, posted.reverses, Entry.note, posted)
    return [number, f"posted: {_sums(posted.lines)} on {posted.on}"]


def refuse(tx: Transaction, number: str, reason: str) -> list[str]:
    asked = tx.state(Entry, number).proposed
    if asked is None or asked.by != tx.person:
        require_approver(tx)
    ended = tx.change(Entry, number, Entry.refuse, reason, tx.person)
    return [number, "withdrawn" if isinstance(ended, Withdrawn) else "declined"]


def digest(ledger: Ledger, number: str) -> str:
    """What an approval of an entry that waits is bound to, "" for one that does not."""
    state = ledger.load(Entry, number)
    return state.proposed.digest if state.proposed and not (state.approved_by or state.ended) else ""


def change_limit(ledger: Ledger, tx: Transaction, wanted: Sequence[Amount]) -> list[str]:
    """Set the limit, propose to loosen it, or agree to what another person proposed."""
    tx.begin(Limits.compartment)
    base = books.base(open_views(ledger))
    amounts = [Money.of(each.decimal, each.currency or base) for each in wanted]
    require_approver(tx)
    alone = "it takes another person to approve what is over a limit: nobody else may approve in finance"
    require(not amounts or approval_needed(tx), alone)
    changed = tx.change(Limits, Limits.gate, Limits.change, amounts, tx.person)
    said = " and ".join(map(str, amounts)) or "none"
    if not changed:
        return [said, "it is so already: nothing changes"]
    if changed[0].proposed is not None:
        return [said, "proposed: it is in force when another person runs the same command"]
    return [said, "an entry that comes to it waits for another person" if amounts else "no entry waits from here on"]


def _sums(postings: Sequence[Posting]) -> str:
    sums: dict[str, int] = {}
    for each in postings:
        if each.amount.minor > 0:
            sums[each.amount.currency] = sums.get(each.amount.currency, 0) + each.amount.minor
    return ", ".join(str(Money(minor, currency)) for currency, minor in sorted(sums.items()))
