"""Importing records: a file becomes checked rows, then commits; nothing is written before all is checked."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from aggregates.core import Refused, require
from aggregates.fields import Field, Value
from aggregates.mapping import Mapping as Kept
from aggregates.record import Added, Changed, Record, check
from aggregates.record import references as targets
from aggregates.text import reference
from bo import errors, mapping, progress, records
from bo.parts import Parts
from bo.sheets import open_sheet
from projections import recordtext, references
from projections.core import open_views
from projections.directory import setting
from projections.records import Alike, duplicates, kind_of, standing
from store.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aggregates.kind import Kind
    from bo.findings import Finding, Findings
    from bo.sheets import Sheet
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction

A_COMMIT = 1000
"""Records in one commit."""
WARNINGS = 20
"""So many warnings are shown unless --verbose."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Before these an export puts an apostrophe, so that no spreadsheet runs the cell."""

Values = dict[str, Value | None]
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Values).decode
_kept = msgspec.json.Decoder(dict[str, Value]).decode


class Row(NamedTuple):
    """A row that changes something: the reference, and the values packed, since there may be very many."""

    line: int
    ref: str
    new: bool
    values: bytes


def import_file(
    ledger: Ledger, name: str, path: str, map_name: str | None, save_as: str | None, accept_valid: bool
) -> str:
    """Import a file of records of a kind; what was done, as a sentence."""
    views = open_views(ledger)
    kind = records.kind_named(ledger, name)
    records.require_writer(ledger, views, kind)
    chosen = mapping_named(views, map_name, kind.name, kind.home) if map_name else mapping.Mapping()
    sheet = open_sheet(path, chosen.encoding, chosen.delimiter, chosen.header)
    fields = (Field("ref", required=True), *kind.open)
    if not map_name:
        chosen = mapping.automatic(sheet, fields, kind.name)
    checker = _Checker(views, kind, sheet, chosen)
    with progress.Progress(f"checking {sheet.file}") as bar:
        for line, texts in mapping.apply(chosen, sheet, fields, None if path == "-" else Path(path).parent):
            checker.take(line, texts)
            bar.step()
    rows = checker.finish()
    tell_findings(sheet)
    wrong = sheet.findings.errors
    require(not wrong or accept_valid, f"{sheet.findings}: nothing was imported")
    keep = save_as and (save_as, mapping.dump(chosen).decode())
    if ledger.dry_run:
        new = sum(row.new for row in rows)
        done = _told(kind, new, len(rows) - new, checker.same, "would be ")
    else:
        new, changed = _commit(ledger, kind, rows, keep or None)
        done = _told(kind, new, changed, checker.same + len(rows) - new - changed)
    if wrong:
        raise errors.PartlyDone(f"{done}; {sheet.findings}: those rows were left out")
    return done


def mapping_named(views: Views, name: str, kind: str, compartment: int) -> mapping.Mapping:
    """A mapping from a file, else the one kept under this name. Raises NotFound."""
    file = Path(name)
    if file.is_file():
        return mapping.load(file.read_bytes())
    kept = views.all(
        _KeptMapping, "SELECT name, kind, mapping FROM record_mapping WHERE compartment = ? ORDER BY name", compartment
    )
    for each in kept:
        if each.name == name:
            require(each.kind == kind, f"{name} is a mapping for {each.kind}, not for {kind}")
            return mapping.load(each.mapping.encode())
    names = ", ".join(each.name for each in kept)
    raise NotFound(f"there is no file and no kept mapping {name}" + (f": kept are {names}" if names else ""))


def save_mapping(tx: Transaction, name: str, kind: str, text: str, compartment: int) -> None:
    """Keep a mapping under a name, beside what is imported with it."""
    tx.change(Kept, name, Kept.save, name, kind, text, compartment=compartment)


def tell_findings(sheet: Sheet) -> None:
    tell(sheet.findings)


def tell(found: Findings) -> None:
    """The findings as a table on stderr, errors first; of many warnings some."""
    from bo import render, settings

    faults = [each for each in found.shown if each.level == "error"]
    odd = sorted(
        (each for each in found.shown if each.level == "warning"), key=lambda each: each.rule[:9] != "possible "
    )
    few = odd if settings.current().verbose else odd[:WARNINGS]
    if settings.current().quiet:
        few, odd = [], []
    listed: Sequence[Finding] = [*faults, *few]
    if listed:
        with redirect_stdout(sys.stderr):
            render.rows(listed, render.How())
    left = found.errors - len(faults)
    if left > 0:
        errors.tell(f"{left} more errors are not shown")
    if len(odd) > len(few):
        errors.tell(f"{found.warnings - len(few)} more warnings are not shown: `bo --verbose …` shows all")


class _KeptMapping(msgspec.Struct):
    name: str
    kind: str
    mapping: str


class _Ref(msgspec.Struct):
    ref: str


class _Checker:
    """Compares the rows of a file with what is there, and collects what is to be written."""

    def __init__(self, views: Views, kind: Kind, sheet: Sheet, chosen: mapping.Mapping) -> None:
        self._views, self._kind, self._findings, self._columns = views, kind, sheet.findings, chosen.columns
        self._currency = setting(views, "currency")
        self._shape = kind_of(views, kind.name)
        self._lines: dict[str, int] = {}
        self._rows: list[Row] = []
        self._wanted: list[tuple[int, str, str]] = []
        self._alike: dict[int, str] = {}
        gone = views.all(_Ref, "SELECT ref FROM record_erased WHERE kind = ? AND compartment = ?", kind.name, kind.home)
        self._erased = {each.ref for each in gone}
        self.same = 0

    def take(self, line: int, texts: dict[str, str]) -> None:
        """Look at one row."""
        raw = {name: _plain(text) for name, text in texts.items() if text}
        try:
            ref = self._reference(line, raw.pop("ref", ""))
        except Refused as no:
            self._add(line, "ref", texts.get("ref", ""), str(no))
            return
        stands = standing(self._views, self._kind.name, ref, self._kind.home)
        old = _kept(stands.fields) if stands else {}
        region, currency = str(old.get("country", "")), str(old.get("currency", "")) or self._currency
        values, problems = check(self._kind, raw, region, currency, new=stands is None)
        wrong = any(problem.level == "error" for problem in problems)
        if stands and not wrong:
            values = {name: value for name, value in values.items() if value != old.get(name)}
            if not values:
                self.same += 1
                return
            if not stands.whole or stands.status != "active":
                why = stands.status if stands.whole else "there from before you were given access"
                self._add(line, "ref", ref, f"{ref} is {why}: it cannot be changed")
                return
        for problem in problems:
            self._add(line, problem.field, problem.value, problem.rule, problem.level)
        if wrong:
            return
        self._wanted += [(line, field, stream) for field, stream in targets(self._kind, values)]
        self._warn_alike(line, ref, values)
        self._rows.append(Row(line, ref, stands is None, _pack(values)))

    def finish(self) -> list[Row]:
        """The rows to write, once it is known that all they refer to is there or comes in this file."""
        lost: set[int] = set()
        known: dict[str, bool] = {}
        for line, field, stream in self._wanted:
            if stream not in known:
                kind, _, ref = stream.partition("/")
                found = references.find(self._views, stream)
                known[stream] = (kind == self._kind.name and ref in self._lines) or bool(found and not found.erased)
            if not known[stream]:
                kind, _, ref = stream.partition("/")
                self._add(line, field, ref, f"{field}: {records.missing(self._views, kind, ref)}")
                lost.add(line)
        return [row for row in self._rows if row.line not in lost]

    def _reference(self, line: int, text: str) -> str:
        ref = reference(text)
        first = self._lines.setdefault(ref, line)
        require(first == line, f"line {first} has the same reference")
        require(ref not in self._erased, f"{ref} was erased: its reference is not given again")
        return ref

    def _add(self, line: int, field: str, value: str, rule: str, level: Any = "error") -> None:
        self._findings.add(line, self._columns.get(field, field), value, rule, level)

    def _warn_alike(self, line: int, ref: str, values: Values) -> None:
        """For one that is here, else for an earlier row; hashes may collide, for it is only a warning."""
        if self._shape is None:
            return
        found = next(duplicates(self._views, self._shape, ref, values), None)
        for key in recordtext.alike(self._shape, values):
            other = self._alike.setdefault(hash(key), ref)
            if found is None and other != ref:
                found = Alike(other, key[0])
        if found:
            self._add(line, "ref", ref, str(found), "warning")


def _commit(ledger: Ledger, kind: Kind, rows: list[Row], keep: tuple[str, str] | None) -> tuple[int, int]:
    """How many were added and changed: somebody may have been faster since the rows were checked."""
    new = changed = 0
    with Parts(ledger, f"{kind.name} records", len(rows)) as parts:
        for batch in _batches(rows) if rows else [[]] if keep else []:

            def work(tx: Transaction, batch: list[Row] = batch, first: bool = not parts.done) -> tuple[int, int]:
                if keep and first:
                    save_mapping(tx, keep[0], kind.name, keep[1], kind.home)
                done = [
                    tx.change(
                        Record,
                        f"{kind.name}/{row.ref}",
                        _put,
                        kind,
                        row.ref,
                        _unpack(row.values),
                        compartment=kind.home,
                    )
                    for row in batch
                ]
                added = sum(isinstance(each, Added) for each in done)
                return added, sum(map(bool, done)) - added

            counts = parts.commit(work, len(batch), f"line {batch[-1].line}" if batch else "")
            new, changed = new + counts[0], changed + counts[1]
    return new, changed


def _put(record: Record, kind: Kind, ref: str, values: Values) -> Added | tuple[Changed, ...]:
    return record.set(kind, values) if record.ref else record.add(kind, ref, values)


def _batches(rows: list[Row]) -> Iterator[list[Row]]:
    for start in range(0, len(rows), A_COMMIT):
        yield rows[start : start + A_COMMIT]


def _plain(text: str) -> str:
    """A cell without the apostrophe that an export puts before what a spreadsheet would run."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(FORMULA) else text


def _told(kind: Kind, new: int, changed: int, same: int, would: str = "") -> str:
    if not new and not changed:
        return f"0 added: nothing changes, {same} {kind.name} records are as the file has them"
    return f"{new} {would}added, {changed} {would}changed, {same} as they were"
