"""What a bank answers to a batch: a payment status report, ISO 20022 pain.002."""

from __future__ import annotations

from typing import NamedTuple

from aggregates.core import require
from aggregates.text import shown
from bo.bank.statement import said
from bo.bank.xml import Node, tree
from bo.pain import end_to_end

REJECTED = "RJCT"


class Answer(NamedTuple):
    """`line` is 0 where the whole batch is meant."""

    line: int
    status: str
    reason: str


def read(data: bytes, batch: str, lines: int) -> list[Answer]:
    """What it says of a batch, the whole before its lines. Raises Refused for what is no answer to it."""
    report = tree(data).find("CstmrPmtStsRpt")
    require(report is not None, "this file is no payment status report: it holds no pain.002")
    assert report is not None
    about = {report.said("OrgnlGrpInfAndSts/OrgnlMsgId"), *(one.said("OrgnlPmtInfId") for one in _payments(report))}
    require(batch in about, f"this file answers {shown(', '.join(sorted(about - {''})))}, not {batch}")
    places = {end_to_end(batch, place): place for place in range(1, lines + 1)}
    found = [Answer(0, node.said("GrpSts"), _reason(node)) for node in report.all("OrgnlGrpInfAndSts")]
    found += [Answer(0, node.said("PmtInfSts"), _reason(node)) for node in _payments(report)]
    for node in report.all("OrgnlPmtInfAndSts/TxInfAndSts"):
        sent = node.said("OrgnlEndToEndId")
        require(sent in places, f"this file answers a payment {shown(sent)}, which is not of {batch}")
        found.append(Answer(places[sent], node.said("TxSts"), _reason(node)))
    return [each for each in found if each.status]


def rejected(answers: list[Answer], lines: int) -> dict[int, str]:
    """The lines that the bank will not carry out, and why."""
    found: dict[int, str] = {}
    for each in answers:
        if each.status == REJECTED:
            for place in [each.line] if each.line else range(1, lines + 1):
                found[place] = each.reason or found.get(place, "")
    return found


def _payments(report: Node) -> list[Node]:
    return list(report.all("OrgnlPmtInfAndSts"))


def _reason(node: Node) -> str:
    told = [*node.all("StsRsnInf/Rsn/Cd"), *node.all("StsRsnInf/Rsn/Prtry"), *node.all("StsRsnInf/AddtlInf")]
    return said(", ".join(each.text for each in told if each.text))
