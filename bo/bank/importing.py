"""Importing statements: read, checked row by row, then recorded in one commit with the file itself."""

from __future__ import annotations

import sys
from collections import defaultdict
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from aggregates.bank import Bank, Imported, Month, Statement
from aggregates.core import FINANCE, Refused, require
from aggregates.document import Document
from bo import documents, errors, files, mime
from bo.bank import counting, reading
from bo.bank.statement import LONGEST
from bo.clock import today
from bo.findings import Findings
from bo.importing import mapping_named, save_mapping, tell
from projections import bankgaps, banklists
from projections.core import open_views

if TYPE_CHECKING:
    from bo.bank.counting import Detailed
    from bo.bank.statement import Statement as ReadStatement
    from bo.documents import Taken
    from bo.mapping import Mapping
    from projections.core import Views
    from store.ledger import Ledger
    from store.transaction import Transaction


WHOLE = ("MT940", "camt.053")
"""Formats that say both balances."""


class Done(NamedTuple):
    """How many lines were recorded, how many were here, and on which days nobody can say."""

    lines: int
    known: int
    doubts: list[date]
    statements: list[str]


def import_file(
    ledger: Ledger,
    bank: str,
    source: str,
    map_name: str | None,
    save_as: str,
    accept_valid: bool,
    goes_on: bool = False,
) -> list[str]:
    """Import the statements in a file for a bank account: the result, then remarks."""
    views = open_views(ledger)
    documents.must_write(ledger, FINANCE, "finance")
    account = ledger.load(Bank, bank)
    account.require_open(bank)
    given = mapping_named(views, map_name, "bank", FINANCE) if map_name else None
    keep = _keep(given, save_as)
    name, data = taken(source)
    findings = Findings(name)
    folder = None if source == "-" else Path(source).parent

    def is_ours(number: str, at: int) -> bool:
        return _is_ours(account, bank, number, at, findings)

    ours = reading.read(data, findings, given, account.currency, folder, is_ours)
    accounts = sorted({each.account for each in ours if each.account})
    one = len(accounts) < 2 or account.iban or account.number
    require(one, f"{name} is of {len(accounts)} accounts: {bank} needs an --iban or --number to tell which is its own")
    _check(ours, account, findings, today())
    tell(findings)
    wrong = findings.errors
    require(not wrong or accept_valid, f"{findings}: nothing was imported")
    require(ours, f"{name} has no statement of {bank}, whose account is {account.iban or account.number}")
    digest = sha256(data).hexdigest()
    before = banklists.same_file(views, digest, bank)
    require(not (before and goes_on), f"this very file was imported before, as {before}: it cannot go on after itself")
    document = _sealed(ledger, views, name, data, digest) if not before else None
    done = ledger.commit(lambda tx: _record(tx, views, bank, ours, digest, document or before, keep, goes_on))
    would = "would be " if ledger.dry_run else ""
    told = f"{done.lines} line{'' if done.lines == 1 else 's'} {would}imported"
    remarks = [f"{done.known} {'was' if done.known == 1 else 'were'} here already"] if done.known else []
    if before:
        remarks.append(f"this very file was imported before, as {before}")
    else:
        remarks += [
            f"the lines of {day} may be split over this file and one before it: what looks the same was taken for the"
            " same; if there are more, import those alone with --goes-on"
            for day in done.doubts
        ]
    if done.statements and not ledger.dry_run:
        missing = bankgaps.gaps(open_views(ledger), bank)
        remarks += [f"{each.statement}: {each.problem}" for each in missing if each.statement in done.statements]
    if wrong:
        raise errors.PartlyDone(f"{told}; {findings}: those rows were left out")
    return [told, *remarks]


def taken(source: str) -> tuple[str, bytes]:
    """The name of a file, or of standard input for `-`, and its bytes: a statement is not large."""
    if source == "-":
        data = sys.stdin.buffer.read(LONGEST + 1)
        name = "statement"
    else:
        name = documents.named(source)
        with files.open_input(source) as file:
            data = file.read(LONGEST + 1)
    require(len(data) <= LONGEST, f"{name} is longer than {LONGEST} bytes: no statement is")
    return name, data


def _is_ours(account: Bank, bank: str, number: str, at: int, findings: Findings) -> bool:
    """Whether a statement is one of this account. What says no account is taken at its importer's word."""
    if not number or not (account.iban or account.number) or same_account(account, number):
        return True
    findings.add(at, "account", number, f"this statement is not of {bank}: it is left out", "warning")
    return False


def same_account(account: Bank, text: str) -> bool:
    """Whether a bank means this account: by an IBAN, a number, or sort code and number with a slash between.

    A number may have its currency behind it.
    """
    ours = (account.iban or account.number).replace(" ", "").upper()
    if text.replace("/", "") in (ours.replace("/", ""), ours.replace("/", "") + account.currency):
        return True
    sort_code, _, written = text.rpartition("/")
    number = written.lstrip("0")
    if len(number) < 4 or not number.isdigit() or sort_code not in ours:
        return False
    behind = ours.rpartition(sort_code)[2].lstrip("/0") if sort_code else ""
    # 33626 and 100033626 of one bank are two accounts
    return behind.endswith(written) or behind == number if sort_code else ours.endswith(number)


def _check(statements: list[ReadStatement], account: Bank, findings: Findings, now: date) -> None:
    """What is wrong or odd about what was read."""
    for each in statements:
        for line in each.lines:
            currency = line.amount.currency
            if line.status != "booked":
                rule = f"it is {line.status}, not booked: it comes again when it is"
                findings.add(line.at, "status", str(line.amount), rule, "warning")
            elif currency != account.currency:
                rule = f"the account is in {account.currency}, this line in {currency}"
                findings.add(line.at, "currency", str(line.amount), rule)
            elif not line.amount:
                findings.add(line.at, "amount", str(line.amount), "it moves nothing: it is left out", "warning")
            elif line.on > now:
                findings.add(line.at, "date", f"{line.on}", f"it is dated after today, {now}", "warning")
        if each.opening and not each.closing and each.format in WHOLE:
            rule = "it says what it opens with, and not what it closes with: the file may be cut off"
            findings.add(each.at, "balance", each.number, rule, "warning")
        why = _unsound(each)
        if why:
            value = each.number or each.account
            findings.add(each.at, "balance", value, f"{why}: its lines are matched by hand only", "warning")


def _adds_up(read: ReadStatement) -> bool | None:
    """None where there are no balances that would say so."""
    return False if _unsound(read) else True if read.opening and read.closing else None


def _unsound(read: ReadStatement) -> str:
    try:
        return read.unsound()
    except Refused as no:  # a sum that is no amount any more
        return str(no)


def _sealed(ledger: Ledger, views: Views, name: str, data: bytes, digest: str) -> Taken:
    """The file itself, encrypted before the lock is taken."""
    reference = documents.fresh(views)
    blob = ledger.seal(Document, reference, [data], compartment=FINANCE)
    kind = mime.mime_of(data[: mime.HEAD], name)
    return documents.Taken(reference, name, kind, len(data), digest, "", (blob,))


def _keep(given: Mapping | None, save_as: str) -> tuple[str, str] | None:
    from bo import mapping

    require(given or not save_as, "--save-map keeps the mapping that --map names: name one")
    return (save_as, mapping.dump(given).decode()) if given and save_as else None


def _record(
    tx: Transaction,
    views: Views,
    bank: str,
    statements: list[ReadStatement],
    digest: str,
    document: Taken | str,
    keep: tuple[str, str] | None,
    goes_on: bool,
) -> Done:
    """The lines that are new, statement by statement, and the file itself where it tells anything new."""
    tx.begin(FINANCE)
    filed = document if isinstance(document, str) else ""
    lines = known = 0
    refs = []
    told, doubts = counting.counted(tx, bank, statements, tx.state(Bank, bank).currency, goes_on)
    for each in told:
        read, found = each.read, each.lines
        ref, unsound = _unused(tx, views, bank), _unsound(read)
        months: dict[str, list[Detailed]] = defaultdict(list)
        for line, parts in found:
            months[counting.key_of(bank, line.on)].append((line, parts))
        before = {key: tx.state(Month, key).lines.keys() for key in months}
        changed: list[object] = [
            tx.change(Month, key, Month.book, ref, some, _adds_up(read)) for key, some in months.items()
        ]
        changed += [tx.change(Month, counting.key_of(bank, one.on), Month.place, one) for one in each.placed(ref)]
        new = sum(line.id not in before[counting.key_of(bank, line.on)] for line, _ in found)
        lines, known = lines + new, known + len(found) - new
        if not any(changed) and _told_before(views, bank, read):
            continue  # another format of what is here, or a part of it
        if not filed and not isinstance(document, str):
            tx.change(
                Document, document.reference, Document.file, **document.attach(tx, FINANCE),
                kind="bank-statement", links=(f"bank/{bank}",), compartment=FINANCE,
            )  # fmt: skip
            filed = document.reference
        refs.append(ref)
        tx.change(Statement, ref, Statement.import_, _imported(read, bank, digest, filed, len(found), new, unsound))
    if keep:
        save_mapping(tx, keep[0], "bank", keep[1], FINANCE)
    return Done(lines, known, doubts, refs)


def _unused(tx: Transaction, views: Views, bank: str) -> str:
    number = banklists.count(views, bank) + 1
    while tx.exists(Statement, f"{bank}/{number}"):
        number += 1
    return f"{bank}/{number}"


def _told_before(views: Views, bank: str, read: ReadStatement) -> bool:
    """Whether another statement said the same balance for the same day; one without a balance says nothing."""
    closing = read.closing
    return closing is None or banklists.closes(views, bank, closing.on or read.last, closing.amount.minor)


def _imported(
    read: ReadStatement, bank: str, digest: str, document: str, lines: int, new: int, unsound: str
) -> Imported:
    opening, closing = read.opening, read.closing
    days = sorted(line.on for line in read.booked)
    return Imported(
        bank, read.number, read.format, digest, document,
        read.first or (days[0] if days else None),
        (closing.on if closing else None) or read.last or (days[-1] if days else None),
        opening.amount if opening else None, closing.amount if closing else None, lines, new, unsound,
    )  # fmt: skip
