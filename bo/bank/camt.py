"""camt.052, 053 and 054 of ISO 20022, in every version: what differs between them is where a name stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.core import Refused, require
from bo.bank.statement import (
    Balance,
    Line,
    Part,
    Statement,
    Status,
    account,
    anybodys,
    day,
    money,
    numbers,
    reference,
    said,
)
from bo.bank.xml import Node, tree

if TYPE_CHECKING:
    from datetime import date

    from aggregates.money import Money
    from bo.bank.statement import Ours
    from bo.findings import Findings

MESSAGES = {
    "BkToCstmrAcctRpt": ("camt.052", "Rpt"),
    "BkToCstmrStmt": ("camt.053", "Stmt"),
    "BkToCstmrDbtCdtNtfctn": ("camt.054", "Ntfctn"),
}
BALANCES = {
    "OPBD": "opening",
    "PRCD": "previous",
    "CLBD": "closing",
    "OPAV": "opening-available",
    "CLAV": "closing-available",
    "FWAV": "forward-available",
    "INFO": "information",
    "ITAV": "interim-available",
    "ITBD": "interim",
    "XPCD": "expected",
}
STATUSES: dict[str, Status] = {"BOOK": "booked", "PDNG": "pending", "INFO": "information", "FUTR": "future"}


def read(data: bytes, findings: Findings, ours: Ours = anybodys) -> list[Statement]:
    """Every statement of a message that is ours. What cannot be read of it is found and left out. Raises Refused."""
    root = tree(data)
    for name, (format, part) in MESSAGES.items():
        message = root.find(name, f"Document/{name}")  # some banks put it in an envelope
        if message is not None:
            return [_statement(node, format, findings) for node in message.all(part) if ours(_account(node), node.line)]
    raise Refused("this XML is no bank statement: it holds none of camt.052, camt.053 and camt.054")


def _account(node: Node) -> str:
    owner = node.find("Acct")
    named = ("Id/IBAN", "Id/Othr/Id", "Id/BBAN", "Id/UPIC", "Id/PrtryAcct/Id")
    return account(owner.said(*named)) if owner is not None else ""


def _statement(node: Node, format: str, findings: Findings) -> Statement:
    balances, fault = _balances(node, findings)
    lines = tuple(line for each in node.all("Ntry") if (line := _line(each, findings)))
    used = [*(each.amount.currency for each in balances), *(each.amount.currency for each in lines)]
    booked = [each for each in balances if each.kind in ("opening", "previous", "interim", "closing")]
    opening = next((each for each in booked if each.kind in ("opening", "previous")), None)
    closing = next((each for each in booked if each.kind == "closing"), None)
    pages = [each for each in booked if each.kind == "interim"]
    if format == "camt.053" and pages:  # a page of a long statement begins or ends with an interim balance
        opening = opening or pages[0]
        closing = closing or (pages[-1] if pages[-1] is not opening else None)
    return Statement(
        format=format,
        account=_account(node),
        currency=node.said("Acct/Ccy") or (used[0] if used else ""),
        number=said(node.said("LglSeqNb", "ElctrncSeqNb", "Id")),
        numbers=numbers(node.said("LglSeqNb", "ElctrncSeqNb"), node.said("StmtPgntn/PgNb", "RptPgntn/PgNb")),
        opening=opening,
        closing=closing,
        first=_day(node, "FrToDt/FrDtTm", "FrToDt/FrDt"),
        last=_day(node, "FrToDt/ToDtTm", "FrToDt/ToDt"),
        lines=lines,
        balances=tuple(balances),
        fault=fault,
        info=said(node.said("AddtlStmtInf", "AddtlRptInf", "AddtlNtfctnInf")),
        at=node.line,
    )


def _balances(node: Node, findings: Findings) -> tuple[list[Balance], str]:
    found, fault = [], ""
    for each in node.all("Bal"):
        code = each.said("Tp/CdOrPrtry/Cd", "Tp/CdOrPrtry/Prtry", "Tp/Cd")
        try:
            found.append(Balance(BALANCES.get(code, code.lower()), _amount(each), _day(each, "Dt/Dt", "Dt/DtTm")))
        except Refused as no:
            findings.add(each.line, "Bal", each.said("Amt"), str(no), "warning")
            fault = fault or f"its balance {code} cannot be read: {no}"
    return found, fault


def _line(entry: Node, findings: Findings) -> Line | None:
    """A booking, None when it cannot be read: of what is not booked yet that is no matter."""
    code = entry.said("Sts/Cd", "Sts/Prtry", "Sts")
    status = STATUSES.get(code or "BOOK")
    if status is None:
        findings.add(entry.line, "Ntry", entry.said("Amt"), f"the status {code} is unknown")
        return None
    try:
        amount = _amount(entry)
        reversal = _true(entry, "RvslInd")
        outward = (amount.minor < 0) != reversal  # the parties of a reversal are those of what it takes back
        booked, valued = _day(entry, "BookgDt/Dt", "BookgDt/DtTm"), _day(entry, "ValDt/Dt", "ValDt/DtTm")
        on = booked or valued
        require(on, "the entry has no date")
        assert on is not None
        details = list(entry.all("NtryDtls/TxDtls"))
        parts = tuple(_part(each, outward, amount) for each in details)
    except Refused as no:
        if status == "booked":
            findings.add(entry.line, "Ntry", entry.said("Amt"), str(no))
        else:
            rule = f"{no}, and it is {status}, not booked: it comes again when it is"
            findings.add(entry.line, "Ntry", entry.said("Amt"), rule, "warning")
        return None
    only = len(parts) == 1
    told = parts[0] if only else Part()
    return Line(
        on=on,
        amount=amount,
        value_on=valued,
        counterpart=told.counterpart,
        iban=told.iban,
        text=told.text or said(entry.said("AddtlNtryInf")),
        reference=reference(entry.said("AcctSvcrRef") or (details[0].said("Refs/AcctSvcrRef") if only else "")),
        end_to_end=told.end_to_end,
        kind=_code(entry),
        batch=said(entry.said("NtryDtls/Btch/PmtInfId")),
        status=status,
        reversal=reversal,
        parts=parts,
        at=entry.line,
    )


def _part(detail: Node, outward: bool, whole: Money) -> Part:
    role = "Cdtr" if outward else "Dbtr"
    structured = list(detail.all("RmtInf/Strd"))
    texts = [each.text for each in detail.all("RmtInf/Ustrd")]
    texts += [each.text for part in structured for each in part.all("AddtlRmtInf")]
    references = [part.said("CdtrRefInf/Ref", "CdtrRefInf/CdtrRef") for part in structured]
    # versions before 4 say the amount of a part among its details only
    stated = detail.find("Amt") or detail.find("AmtDtls/TxAmt/Amt")
    ordered = detail.find("AmtDtls/InstdAmt/Amt")
    original = _signed(ordered, whole) if ordered is not None else None
    amount = _signed(stated, whole) if stated is not None else None
    taken = detail.find("Chrgs/TtlChrgsAndTaxAmt")
    return Part(
        amount=amount,
        counterpart=said(
            detail.said(f"RltdPties/{role}/Nm", f"RltdPties/{role}/Pty/Nm", f"RltdPties/Ultmt{role}/Nm",
                        f"RltdPties/Ultmt{role}/Pty/Nm")
        ),
        iban=account(detail.said(f"RltdPties/{role}Acct/Id/IBAN", f"RltdPties/{role}Acct/Id/Othr/Id")),
        text=said(*texts) or said(detail.said("AddtlTxInf")) or said(*references),
        reference=said(*references),
        end_to_end=reference(detail.said("Refs/EndToEndId")),
        original=original if original != amount or original is None or amount is None else None,
        charges=money(taken.text, taken.attributes.get("Ccy", "")) if taken is not None else None,
    )  # fmt: skip


def _amount(node: Node) -> Money:
    found = node.find("Amt")
    require(found is not None, "there is no amount")
    assert found is not None
    sign = node.said("CdtDbtInd")
    require(sign in ("CRDT", "DBIT"), f"it says neither CRDT nor DBIT, but {sign or 'nothing'}")
    amount = money(found.text, found.attributes.get("Ccy", ""))
    return -amount if sign == "DBIT" else amount


def _signed(node: Node, whole: Money) -> Money:
    """A part goes the way of the whole booking."""
    amount = money(node.text, node.attributes.get("Ccy", ""))
    return -amount if whole.minor < 0 else amount


def _day(node: Node, *paths: str) -> date | None:
    text = node.said(*paths)
    return day(text) if text else None


def _true(node: Node, path: str) -> bool:
    return node.said(path) in ("true", "1")


def _code(entry: Node) -> str:
    """What sort of booking it is, `PMNT/ICDT/DMCT`, else as the bank calls it."""
    domain = [entry.said(f"BkTxCd/Domn/{path}") for path in ("Cd", "Fmly/Cd", "Fmly/SubFmlyCd")]
    return said("/".join(domain) if domain[0] else entry.said("BkTxCd/Prtry/Cd"))
