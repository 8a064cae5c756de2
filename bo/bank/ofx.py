"""OFX: version 1, which is SGML without most end tags, and version 2, which is XML, by one reader of both."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from aggregates.core import Refused, require
from bo.bank.statement import Balance, Line, Statement, account, anybodys, digits_day, money, reference, said
from bo.bank.xml import DEEPEST, MOST, Node
from bo.encodings import decoded

if TYPE_CHECKING:
    from datetime import date

    from aggregates.money import Money
    from bo.bank.statement import Ours
    from bo.findings import Findings

LOOKS = re.compile(rb"OFXHEADER\s*[:=]|<OFX>", re.IGNORECASE)
_TOKEN = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z0-9_.]{1,64})\s*(?P<empty>/?)>(?P<text>[^<]*)")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_CHARSET = re.compile(r"CHARSET:\s*([0-9A-Za-z-]{1,20})")


def read(data: bytes, findings: Findings, ours: Ours = anybodys) -> list[Statement]:
    """Every statement of a file that is ours. What cannot be read of it is found and left out. Raises Refused."""
    root = _tree(data)
    found = [node for path in _PLACES for node in root.all(path)]
    invested = root.find("OFX/INVSTMTMSGSRSV1/INVSTMTTRNRS") is not None
    require(found or not invested, "this OFX file is of securities: only those of banks and credit cards are read")
    require(found, "this OFX file holds no statement of a bank or a credit card")
    return [_statement(node, findings) for node in found if ours(_account(node), node.line)]


_PLACES = ("OFX/BANKMSGSRSV1/STMTTRNRS/STMTRS", "OFX/CREDITCARDMSGSRSV1/CCSTMTTRNRS/CCSTMTRS")


def _tree(data: bytes) -> Node:
    """An element with a text is a leaf, whether it is ended or not; one without may be a leaf that is empty."""
    head = data[:2048].decode("ascii", errors="replace")
    said_so = _CHARSET.search(head)
    charset = said_so[1] if said_so else ""
    text = decoded(data, f"cp{charset}" if charset.isdigit() else charset)
    require("<!DOCTYPE" not in text and "<!ENTITY" not in text, "the file has a DTD, which may hide anything")
    start = re.search(r"<OFX\b", text, re.IGNORECASE)
    require(start, "this file is no OFX")
    assert start is not None
    # `<` within CDATA would begin a tag
    text = _CDATA.sub(lambda found: found[1].replace("&", "&amp;").replace("<", "&lt;"), text[start.start() :])
    line = data[: start.start()].count(b"\n") + 1
    open_, count = [Node("", {}, 0)], 0
    for token in _TOKEN.finditer(text):
        name, value = token["name"].upper(), unescape(token["text"]).strip()
        if token["end"]:
            _close(open_, name)
        else:
            count += 1
            require(count <= MOST, "the file has too many elements")
            node = Node(name, {}, line)
            node.pieces.append(value)
            open_[-1].children.append(node)
            if not value and not token["empty"]:
                require(len(open_) <= DEEPEST, "the file is nested too deeply")
                open_.append(node)
        line += token[0].count("\n")
    return open_[0]


def _close(open_: list[Node], name: str) -> None:
    """End an element. What is open within it was a leaf without text, and what followed that stands beside it."""
    if all(node.name != name for node in open_[1:]):
        return  # the end of a leaf
    while True:
        node = open_.pop()
        if node.name == name:
            return
        open_[-1].children += node.children
        node.children = []


def _account(node: Node) -> str:
    bank, number = node.said("BANKACCTFROM/BANKID"), node.said("BANKACCTFROM/ACCTID", "CCACCTFROM/ACCTID")
    return account(number) or account(bank)


def _statement(node: Node, findings: Findings) -> Statement:
    currency = node.said("CURDEF").upper()
    # where a list is not ended, what it holds stands beside it
    entries = [each for path in ("BANKTRANLIST/STMTTRN", "STMTTRN") for each in node.all(path)]
    lines = tuple(line for each in entries if (line := _line(each, currency, findings)))
    return Statement(
        format="OFX",
        account=_account(node),
        currency=currency,
        closing=_ledger_balance(node, currency, findings),
        first=_day(node, "BANKTRANLIST/DTSTART", findings),
        last=_day(node, "BANKTRANLIST/DTEND", findings),
        lines=lines,
        at=node.line,
    )


def _ledger_balance(node: Node, currency: str, findings: Findings) -> Balance | None:
    """What the account held; there is no opening balance to compare it with."""
    found = node.find("LEDGERBAL")
    if found is None:
        return None
    try:
        return Balance("closing", money(found.said("BALAMT"), currency), digits_day(found.said("DTASOF")))
    except Refused as no:
        findings.add(found.line, "LEDGERBAL", found.said("BALAMT"), str(no), "warning")
        return None


def _day(node: Node, path: str, findings: Findings) -> date | None:
    found = node.find(path)
    if found is None:
        return None
    try:
        return digits_day(found.text)
    except Refused as no:
        findings.add(found.line, found.name, found.text, str(no), "warning")
        return None


def _line(entry: Node, currency: str, findings: Findings) -> Line | None:
    try:
        amount = _amount(entry, currency)
        user = entry.said("DTUSER")
        return Line(
            on=digits_day(entry.said("DTPOSTED")),
            amount=amount,
            value_on=digits_day(user) if user else None,
            counterpart=said(entry.said("NAME", "PAYEE/NAME")),
            iban=account(entry.said("BANKACCTTO/ACCTID", "CCACCTTO/ACCTID")),
            text=said(entry.said("MEMO"), entry.said("EXTDNAME")),
            reference=reference(entry.said("FITID")),
            end_to_end=reference(entry.said("REFNUM") or entry.said("CHECKNUM")),
            kind=said(entry.said("TRNTYPE")),
            at=entry.line,
        )
    except Refused as no:
        findings.add(entry.line, "STMTTRN", entry.said("TRNAMT"), str(no))
        return None


def _amount(entry: Node, currency: str) -> Money:
    require(not entry.said("CORRECTFITID"), "it corrects an earlier line: enter the correction by hand")
    return money(entry.said("TRNAMT"), currency)
