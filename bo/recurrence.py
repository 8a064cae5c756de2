"""What the recurring commands do inside a commit: add templates, and make documents of their occurrences."""

from __future__ import annotations

import re
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from aggregates.core import FINANCE, SALES, replace
from aggregates.entry import Entry
from aggregates.legal import due_date
from aggregates.record import Record
from aggregates.recurring import Interval, Recurring, filled
from aggregates.relief import in_time
from aggregates.series import Series
from aggregates.text import reference
from bo import books, cron, errors, invoicing, journaling, purchasing, templating
from bo.invoice_input import bearing
from projections import recurrences, references
from projections.core import Rows, open_views

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aggregates.lines import Line
    from aggregates.posting import Posting
    from aggregates.recurring import Added, Makes, Unit
    from aggregates.relief import Terms
    from bo.journaling import Written
    from projections.core import Views
    from projections.recurrences import Template
    from store.ledger import Ledger
    from store.transaction import Transaction

_EVERY = re.compile(r"(?:([0-9]{1,4})[ -]?)?(day|week|month|quarter|year)s?")
_WORDS = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}


def interval(said: str) -> Interval:
    """`month`, `monthly`, `2 weeks`, `quarter`. Raises ValueError with a sentence."""
    match = _EVERY.fullmatch(_WORDS.get(said, said))
    if not match:
        raise ValueError(f"{said} is no interval: write day, week, month, quarter, year, or such as “2 weeks”")
    count, unit = int(match[1] or 1), match[2]
    units: dict[str, tuple[int, Unit]] = {"day": (1, "day"), "week": (1, "week"), "year": (1, "year")}
    times, name = units.get(unit, (3 if unit == "quarter" else 1, "month"))
    return Interval(count * times, name)


def template(ledger: Ledger, said: str) -> str:
    """The reference of the template that is meant."""
    return references.resolve(open_views(ledger), said, "recurring").key


class Wanted(NamedTuple):
    """A template as it was asked for; what it names is looked up under the lock."""

    makes: Makes
    every: Interval
    start: date
    until: date | None
    text: str
    party: str = ""
    currency: str = ""
    lines: Sequence[Line] = ()
    discount: Terms | None = None
    written: Sequence[Written] = ()
    template: str = ""
    """Of a journal entry: the name of a template, and what it is given."""
    given: Mapping[str, str] = {}


def add(ledger: Ledger, tx: Transaction, ref: str, wanted: Wanted) -> list[str]:
    tx.begin(FINANCE)
    views = open_views(ledger)
    base = books.base(views)
    party, currency, lines, text = wanted.party, "", tuple(wanted.lines), wanted.text
    postings: tuple[Posting, ...] = ()
    if wanted.makes == "entry":
        if wanted.template:
            about, found = templating.filled(ledger, tx, wanted.template, wanted.given)
            text = text or about
        else:
            found = journaling.typed(ledger, tx, wanted.written, ())
        postings = books.chart(views).posted(found)
    else:
        record = tx.state(Record, f"{'vendor' if wanted.makes == 'bill' else 'customer'}/{party}", SALES)
        currency = wanted.currency or str(record.fields.get("currency", base))
        lines = tuple(bearing(views, purchasing.placed(ledger, lines)))
        if wanted.discount:  # refused now, and not at night by cron
            first = wanted.start
            in_time(ref, due_date(first, None, purchasing.terms(record)), wanted.discount.offered(first))
    ref = reference(ref)
    added = tx.change(
        Recurring, ref, Recurring.add, wanted.makes, wanted.every, wanted.start, wanted.until, text, party,
        currency, lines, postings, wanted.discount,
    )  # fmt: skip
    end = f" to {added.until}" if added.until else ""
    terms = added.discount
    less = [f"less {terms.percent} %, if paid within {terms.days} days"] if terms else []
    return [ref, f"{_kind(added)} every {added.every} from {added.start}{end}", *less]


def _kind(added: Added) -> str:
    if added.makes == "entry":
        return "a journal entry"
    if added.makes == "bill":
        return f"a bill of {added.party}"
    return f"{'an invoice' if added.makes == 'invoice' else 'a draft'} for {added.party}"


# Occurrences


class Due(NamedTuple):
    ref: str
    ordinal: int
    on: date

    def __str__(self) -> str:
        return f"{self.ref}, occurrence {self.ordinal} of {self.on}"


def run(ledger: Ledger, refs: Sequence[str], until: date, catch_up: bool) -> Iterator[list[str]]:
    """Make what is due on a day, and with `catch_up` what was missed before; each document in a commit of its own.

    Several may run at once: who comes second finds the occurrence made.
    """
    chosen = refs or [each.ref for each in recurrences.templates(open_views(ledger))]
    due = [Due(ref, *each) for ref in chosen for each in ledger.load(Recurring, ref).due(until)]
    due.sort(key=lambda each: (each.on, each.ref))
    missed = [] if catch_up else [each for each in due if each.on < until]
    for each in missed:
        errors.note(f"missed: {each}")
    if missed:
        errors.note("add --catch-up to make what was missed, or `bo recurring skip` what shall not be made")
    jobs = [(each, partial(make, ledger, each)) for each in due if each not in missed]
    yield from filter(None, cron.run(ledger, "occurrences", jobs))


def make(ledger: Ledger, due: Due, tx: Transaction) -> list[str]:
    """The document of an occurrence, and the note that it was made; nothing when another process was faster."""
    tx.begin(FINANCE)
    state = tx.state(Recurring, due.ref)
    if (due.ordinal, due.on) not in state.due(due.on):
        return []
    said = _DOCUMENTS[state.makes](ledger, tx, due, state)
    tx.change(Recurring, due.ref, Recurring.make, due.ordinal, said[0])
    return said


def _invoice(ledger: Ledger, tx: Transaction, due: Due, state: Recurring) -> list[str]:
    drafted = _draft(ledger, tx, due, state)
    last = tx.state(Series, f"INV-{due.on.year:04}").on
    on = max(due.on, last) if last else due.on
    number, *said = invoicing.issue(ledger, tx, drafted[0], on, None, state.offered(on))
    late = [f"{number} is dated {on}: the last one has that date"] if on > due.on else []
    return [number, *said, *late]


def _draft(ledger: Ledger, tx: Transaction, due: Due, state: Recurring) -> list[str]:
    text = filled(state.text, due.on)
    return invoicing.draft(tx, state.party, _lines(state, due.on), state.currency, text, state.currency)


def _bill(ledger: Ledger, tx: Transaction, due: Due, state: Recurring) -> list[str]:
    theirs, text = f"{due.ref} {due.on}", filled(state.text, due.on)
    offered = state.offered(due.on)
    number, owed, *rest = purchasing.add(
        ledger, tx, state.party, theirs, due.on, _lines(state, due.on), state.currency, state.currency, note=text,
        discount=offered,
    )  # fmt: skip
    return [number, owed, *rest[: offered is not None]]  # that it is like the one before needs no saying


def _entry(ledger: Ledger, tx: Transaction, due: Due, state: Recurring) -> list[str]:
    postings = tuple(replace(each, text=filled(each.text, due.on)) for each in state.postings)
    number = books.number(tx, "JE", due.on)
    chart = books.chart(open_views(ledger))
    text, limited = filled(state.text, due.on), journaling.limited(tx)
    made = tx.change(Entry, number, Entry.post, number, due.on, text, postings, chart, **limited)
    return [number, *journaling.waits(made)]


_DOCUMENTS = {"invoice": _invoice, "draft": _draft, "bill": _bill, "entry": _entry}


def _lines(state: Recurring, on: date) -> tuple[Line, ...]:
    return tuple(replace(each, description=filled(each.description, on)) for each in state.lines)


# Looking


class Listed(msgspec.Struct):
    ref: str
    makes: str
    party: str
    text: str
    every: str
    start: date
    until: date | None
    next: date | None
    missed: int


class Occurrence(msgspec.Struct):
    occurrence: int
    on: date
    made: str
    reason: str = ""


class TemplateLine(msgspec.Struct):
    line: str


class Shown(Listed):
    currency: str
    discount: str
    lines: list[TemplateLine]
    occurrences: list[Occurrence]


def listed(views: Views, day: date, ref: str = "") -> list[Listed]:
    """Every template, when it is due next, seen from a day, and how many occurrences before that day were not made."""
    rows = [_listed(each, *_outlook(views, each, day)) for each in recurrences.templates(views, ref)]
    return rows or Rows(Listed)


def shown(views: Views, day: date, ref: str) -> Shown:
    """A template with its lines, and its occurrences up to a day."""
    [template] = recurrences.templates(views, ref)
    missed, upcoming = _outlook(views, template, day)
    done = [Occurrence(each.ordinal, each.on, each.made, each.reason) for each in recurrences.settled(views, ref)]
    return Shown(
        **msgspec.structs.asdict(_listed(template, missed, upcoming)),
        currency=template.currency,
        discount=template.discount,
        lines=[TemplateLine(said) for said in recurrences.lines(views, ref)],
        occurrences=sorted([*done, *missed], key=lambda each: each.occurrence),
    )


def _listed(template: Template, missed: Sequence[Occurrence], upcoming: date | None) -> Listed:
    return Listed(
        template.ref, template.makes, template.party, template.text, str(_every(template)), template.start,
        template.until, upcoming, len(missed),
    )  # fmt: skip


def _outlook(views: Views, template: Template, day: date) -> tuple[list[Occurrence], date | None]:
    """What was missed before a day, and the first day from it on that is due."""
    done = {each.ordinal for each in recurrences.settled(views, template.ref)}
    every, missed, ordinal = _every(template), list[Occurrence](), 0
    while True:
        on = every.after(template.start, ordinal)
        ordinal += 1
        if template.until and on > template.until:
            return missed, None
        if ordinal in done:
            continue
        if on >= day:
            return missed, on
        missed.append(Occurrence(ordinal, on, "missed"))


def _every(template: Template) -> Interval:
    return Interval(template.count, cast("Unit", template.unit))
